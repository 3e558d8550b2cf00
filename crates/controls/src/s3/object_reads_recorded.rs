//! # Risk
//! Who read which object cannot be told.
//!
//! # Remedy
//! Adds read events of the objects of all buckets to ONE multi-region trail of the account that records already, as one advanced event
//! selector; what the trail records today stays, and basic selectors become the advanced ones that mean the same. The bucket of the trail
//! itself is left out (parameter `include_log_bucket`), because every delivery would be an event that is delivered. An organization's trail
//! that does it satisfies the control.
//!
//! # Impact
//! Data events cost money for each event, which can be much for busy buckets; the change always needs approval. Should Security Hub not
//! accept that the log bucket is left out, the finding stays FAILED and is opened again: set `include_log_bucket` then.
//!
//! # Undo
//! Exact: the trail records what it recorded before.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::cloudtrail::{AccountTrails, Trails, TrailsFacts};

use super::object_events::ObjectEventsParams;

/// S3.23
pub struct ObjectReadsRecorded;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<ObjectReadsRecorded>();

impl Control for ObjectReadsRecorded {
    const SPEC: Spec = Spec {
        id: "S3.23",
        title: "Reading of objects is recorded",
        severity: Severity::Medium,
        class: Class::Guarded,
        scope: Scope::Global,
        resources: &["AwsAccount"],
        prowler: &["cloudtrail_s3_dataevents_read_enabled"],
        config_rules: &["cloudtrail-all-read-s3-data-event-check"],
        in_code: InCode {
            cloudformation: "AdvancedEventSelectors on the AWS::CloudTrail::Trail",
            terraform: "advanced_event_selector on the aws_cloudtrail",
        },
    };
    type Setting = AccountTrails;
    type Params = ObjectEventsParams;

    fn locate(resource: &Resource, _params: &ObjectEventsParams) -> Located<AccountTrails> {
        crate::of_account(resource, AccountTrails)
    }

    fn want(value: &Trails, facts: &TrailsFacts, params: &ObjectEventsParams) -> Want<Trails> {
        super::object_events::want(value, facts, params, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_about_reads() {
        let trails = super::super::object_events::tests::trails();
        let facts = super::super::object_events::tests::facts();
        let Want::Ask { to, .. } = ObjectReadsRecorded::want(&trails, &facts, &ObjectEventsParams::default()) else {
            panic!("nothing is asked")
        };
        let trail = to.trails.values().next().unwrap();
        assert_eq!((trail.selectors.objects(true), trail.selectors.objects(false)), (true, false));
    }
}
