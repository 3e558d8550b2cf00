//! # Risk
//! When its availability zone fails, the database is gone until the zone is back or a backup is restored.
//!
//! # Remedy
//! Tells what to do, with the command for the database: a second zone costs as much as the first, so people decide.
//!
//! # Impact
//! None: nothing is changed.
//!
//! # Undo
//! Nothing to undo.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::rds::{InstanceAvailability, MultiAz, MultiAzFacts};

use crate::not_a;

/// RDS.5
pub struct InstancesMultiAz;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<InstancesMultiAz>();

impl Control for InstancesMultiAz {
    const SPEC: Spec = Spec {
        id: "RDS.5",
        title: "Database instances have a standby in another zone",
        severity: Severity::Medium,
        class: Class::Tell,
        scope: Scope::Regional,
        resources: &["AwsRdsDbInstance"],
        prowler: &["rds_instance_multi_az"],
        config_rules: &[],
        in_code: InCode { cloudformation: "MultiAZ: true", terraform: "multi_az = true" },
    };
    type Setting = InstanceAvailability;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<InstanceAvailability> {
        let instance = resource.arn().filter(|arn| arn.service == "rds").and_then(|arn| arn.named("db").map(str::to_owned));
        instance.map(|instance| InstanceAvailability { instance }).ok_or_else(|| not_a("a database instance", &resource.id))
    }

    fn want(value: &MultiAz, facts: &MultiAzFacts, _params: &()) -> Want<MultiAz> {
        if value.multi_az {
            return Want::Keep;
        }
        let MultiAzFacts { name, region, engine, class } = facts;
        Want::Tell(format!(
            "the database instance {name} ({engine}, {class}) stands in one zone: aws rds modify-db-instance --db-instance-identifier {name} --multi-az --region {region} (in its maintenance window; --apply-immediately for now). It has no outage, answers slower while the standby is filled, and costs about twice as much from then on."
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_command_and_what_it_costs() {
        let facts =
            MultiAzFacts { name: "orders".into(), region: "eu-west-1".into(), engine: "postgres".into(), class: "db.r6g.large".into() };
        let told = InstancesMultiAz::want(&MultiAz { multi_az: false }, &facts, &());
        assert!(
            matches!(told, Want::Tell(steps) if steps.contains("identifier orders") && steps.contains("--region eu-west-1") && steps.contains("cost"))
        );
        assert_eq!(InstancesMultiAz::want(&MultiAz { multi_az: true }, &facts, &()), Want::Keep);
    }
}
