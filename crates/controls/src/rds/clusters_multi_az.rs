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
use redress_settings::rds::{ClusterAvailability, MultiAz, MultiAzFacts};

use crate::not_a;

/// RDS.15
pub struct ClustersMultiAz;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<ClustersMultiAz>();

impl Control for ClustersMultiAz {
    const SPEC: Spec = Spec {
        id: "RDS.15",
        title: "Database clusters stand in more than one zone",
        severity: Severity::Medium,
        class: Class::Tell,
        scope: Scope::Regional,
        resources: &["AwsRdsDbCluster"],
        prowler: &["rds_cluster_multi_az"],
        config_rules: &[],
        in_code: InCode { cloudformation: "another AWS::RDS::DBInstance in the cluster", terraform: "another aws_rds_cluster_instance" },
    };
    type Setting = ClusterAvailability;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<ClusterAvailability> {
        let cluster = resource.arn().filter(|arn| arn.service == "rds").and_then(|arn| arn.named("cluster").map(str::to_owned));
        cluster.map(|cluster| ClusterAvailability { cluster }).ok_or_else(|| not_a("a database cluster", &resource.id))
    }

    fn want(value: &MultiAz, facts: &MultiAzFacts, _params: &()) -> Want<MultiAz> {
        if value.multi_az {
            return Want::Keep;
        }
        let MultiAzFacts { name, region, engine, class } = facts;
        Want::Tell(format!(
            "the database cluster {name} ({engine}, {class}) stands in one zone: aws rds create-db-instance --db-cluster-identifier {name} --db-instance-identifier {name}-reader --engine {engine} --db-instance-class {class} --availability-zone ANOTHER_ZONE --region {region}. The reader costs as much as the writer."
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
        let told = ClustersMultiAz::want(&MultiAz { multi_az: false }, &facts, &());
        assert!(
            matches!(told, Want::Tell(steps) if steps.contains("identifier orders") && steps.contains("--region eu-west-1") && steps.contains("cost"))
        );
        assert_eq!(ClustersMultiAz::want(&MultiAz { multi_az: true }, &facts, &()), Want::Keep);
    }
}
