//! # Risk
//! Without a record of what was changed, neither Security Hub's checks nor an investigation knows what there is.
//!
//! # Remedy
//! Tells by default: recording costs money for every change. With the parameter `record` a recorder that exists, of any name, is started
//! with what it records unchanged; where there is none, one is made with AWS Config's service-linked role, delivering to the bucket of the
//! parameter `bucket`. A narrower set of resource types is widened only with the parameter `widen`, and the plan says so.
//!
//! # Impact
//! AWS Config charges for every configuration item. A recorder of Control Tower has a role of its own and is never changed: set the
//! control's parameter `includeConfigServiceLinkedRoleCheck` to false in Security Hub there.
//!
//! # Undo
//! Exact for a recorder that existed. One that was made is deleted again; the service-linked role and what was recorded stay.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::config::{Group, Recorder, RecorderFacts, Recording};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What people may adjust.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RecorderParams {
    /// Whether a recorder may be started, or made where there is none. Recording costs per change.
    pub record: bool,
    /// The bucket to which a recorder without a delivery channel delivers; its policy has to let AWS Config write.
    pub bucket: Option<String>,
    /// Whether a recorder that records some types only may be made to record all.
    pub widen: bool,
    /// Whether a role other than the service-linked one is good enough: the same choice as `includeConfigServiceLinkedRoleCheck` in Security Hub.
    pub any_role: bool,
}

/// Config.1
pub struct ResourcesRecorded;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<ResourcesRecorded>();

impl Control for ResourcesRecorded {
    const SPEC: Spec = Spec {
        id: "Config.1",
        title: "AWS Config records the account's resources",
        severity: Severity::Critical,
        class: Class::Guarded,
        scope: Scope::Regional,
        resources: &["AwsAccount"],
        prowler: &["config_recorder_all_regions_enabled"],
        config_rules: &[],
        in_code: InCode {
            cloudformation: "an AWS::Config::ConfigurationRecorder with an AWS::Config::DeliveryChannel",
            terraform: "aws_config_configuration_recorder_status { is_enabled = true }",
        },
    };
    type Setting = Recorder;
    type Params = RecorderParams;

    fn locate(resource: &Resource, params: &RecorderParams) -> Located<Recorder> {
        crate::of_account(resource, Recorder { bucket: params.bucket.clone() })
    }

    fn want(value: &Option<Recording>, facts: &RecorderFacts, params: &RecorderParams) -> Want<Option<Recording>> {
        let RecorderFacts { linked_role, account, region, is_global_region, orphan_channel } = facts;
        let Some(was) = value else {
            if let Some(channel) = orphan_channel {
                return Want::Tell(format!(
                    "account {account} has the delivery channel {channel} in {region} and no recorder: make one for it, or delete it."
                ));
            }
            return match (&params.bucket, params.record) {
                (Some(bucket), true) => {
                    let group = Group::All { global: *is_global_region };
                    Want::Set(Some(Recording {
                        name: "default".into(),
                        recording: true,
                        role: linked_role.clone(),
                        group,
                        bucket: Some(bucket.clone()),
                    }))
                }
                (None, true) => Want::Tell(format!(
                    "account {account} has no recorder in {region}: name a bucket for it in the policy (Config.1: {{bucket: ...}})."
                )),
                (_, false) => Want::Tell(format!(
                    "account {account} has no recorder in {region}: aws configservice put-configuration-recorder --region {region} \
                     --configuration-recorder name=default,roleARN={linked_role} --recording-group allSupported=true, then put-delivery-channel \
                     and start-configuration-recorder. Or let it be done (policy, Config.1: {{record: true, bucket: ...}}); recording costs per change."
                )),
            };
        };
        if was.role != *linked_role && !params.any_role {
            return Want::Tell(format!(
                "the recorder {} uses the role {} where Security Hub expects {linked_role}: aws configservice put-configuration-recorder --region {region} \
                 with that role; or, if Control Tower made it, set the parameter includeConfigServiceLinkedRoleCheck of Config.1 to false.",
                was.name, was.role
            ));
        }
        // IAM's users, groups, roles and policies are recorded in one region.
        let is_narrow = !matches!(was.group, Group::All { .. }) || (*is_global_region && was.group == Group::All { global: false });
        if is_narrow && !params.widen {
            // Security Hub asks for the types that its controls need; which those are is not for us to guess.
            let how = "widen what it records, or set the parameter widen of Config.1 in the policy";
            return if was.recording {
                Want::Tell(format!("the recorder {} in {region} does not record all types: {how}.", was.name))
            } else {
                Want::Tell(format!("the recorder {} in {region} is stopped and does not record all types: {how}.", was.name))
            };
        }
        let group = if is_narrow { Group::All { global: *is_global_region } } else { was.group.clone() };
        let to = Recording { recording: true, group, bucket: was.bucket.clone().or_else(|| params.bucket.clone()), ..was.clone() };
        if to == *was {
            Want::Keep
        } else if !params.record {
            Want::Tell(format!(
                "aws configservice start-configuration-recorder --region {region} --configuration-recorder-name {}. Or let it be done (policy, \
                 Config.1: {{record: true}}); recording costs per change.",
                was.name
            ))
        } else if to.bucket.is_none() {
            Want::Tell(format!(
                "the recorder {} has no delivery channel: name a bucket in the policy (Config.1: {{bucket: ...}}).",
                was.name
            ))
        } else {
            Want::Set(Some(to))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig";

    fn recording(name: &str, recording: bool, group: Group) -> Option<Recording> {
        Some(Recording { name: name.into(), recording, role: ROLE.into(), group, bucket: Some("config-logs".into()) })
    }

    #[expect(clippy::ref_option, reason = "the value of the setting is an option")]
    fn want(value: &Option<Recording>, params: &RecorderParams) -> Want<Option<Recording>> {
        let facts = RecorderFacts {
            linked_role: ROLE.into(),
            account: "111122223333".into(),
            region: "eu-west-1".into(),
            is_global_region: false,
            orphan_channel: None,
        };
        ResourcesRecorded::want(value, &facts, params)
    }

    fn opted_in() -> RecorderParams {
        RecorderParams { record: true, bucket: Some("config-logs".into()), widen: false, any_role: false }
    }

    #[test]
    fn tells_unless_somebody_opted_in() {
        for value in [None, recording("default", false, Group::All { global: false })] {
            assert!(matches!(want(&value, &RecorderParams::default()), Want::Tell(steps) if steps.contains("eu-west-1")));
        }
    }

    #[test]
    fn a_recorder_of_any_name_is_adopted_and_started_as_it_is() {
        let stopped = recording("aws-controltower-BaselineConfigRecorder", false, Group::All { global: true });
        let started = recording("aws-controltower-BaselineConfigRecorder", true, Group::All { global: true });
        assert_eq!(want(&stopped, &opted_in()), Want::Set(started.clone()));
        assert_eq!(want(&started, &opted_in()), Want::Keep);
    }

    #[test]
    fn the_recording_group_is_rewritten_with_opt_in_only() {
        let narrow = recording("default", true, Group::Only(["AWS::S3::Bucket".to_owned()].into()));
        assert!(matches!(want(&narrow, &opted_in()), Want::Tell(_)));
        let widened = want(&narrow, &RecorderParams { widen: true, ..opted_in() });
        assert_eq!(widened, Want::Set(recording("default", true, Group::All { global: false })));
    }

    #[test]
    fn another_role_is_left_to_people() {
        let mut other = recording("default", true, Group::All { global: false });
        other.as_mut().unwrap().role = "arn:aws:iam::111122223333:role/config".into();
        assert!(matches!(want(&other, &opted_in()), Want::Tell(steps) if steps.contains("includeConfigServiceLinkedRoleCheck")));
    }
}
