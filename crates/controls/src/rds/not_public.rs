//! # Risk
//! The database has an address that the whole internet can try.
//!
//! # Remedy
//! Takes the public address: `PubliclyAccessible` becomes false, while the database is `available`.
//!
//! # Impact
//! The database's name resolves to its private address; nothing is restarted. Clients outside the VPC lose it. Where its security groups
//! let public addresses or prefix lists in, somebody may come from there, and the change needs approval; the question names them.
//!
//! # Undo
//! Exact: the database gets a public address again, though another one.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::rds::{PublicDatabase, PublicDatabaseFacts, Reachability};

use crate::not_a;

/// RDS.2
pub struct NotPublic;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<NotPublic>();

impl Control for NotPublic {
    const SPEC: Spec = Spec {
        id: "RDS.2",
        title: "Databases have no public address",
        severity: Severity::Critical,
        class: Class::Guarded,
        scope: Scope::Regional,
        resources: &["AwsRdsDbInstance"],
        prowler: &["rds_instance_no_public_access"],
        config_rules: &[],
        in_code: InCode { cloudformation: "PubliclyAccessible: false", terraform: "publicly_accessible = false" },
    };
    type Setting = PublicDatabase;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<PublicDatabase> {
        let instance = resource.arn().filter(|arn| arn.service == "rds").and_then(|arn| arn.named("db").map(str::to_owned));
        instance.map(|instance| PublicDatabase { instance }).ok_or_else(|| not_a("a database instance", &resource.id))
    }

    fn want(value: &Reachability, facts: &PublicDatabaseFacts, _params: &()) -> Want<Reachability> {
        if !value.publicly_accessible {
            return Want::Keep;
        }
        if facts.status != "available" {
            return Want::Wait(format!("the database is `{}`; changes are taken when it is `available`", facts.status));
        }
        let to = Reachability { publicly_accessible: false };
        if facts.admits.is_empty() {
            return Want::Set(to);
        }
        let why =
            format!("clients that come from outside the VPC lose it, and its security groups let some in ({})", crate::some(&facts.admits));
        Want::Ask { to, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(public: bool, status: &str, admits: &[&str]) -> Want<Reachability> {
        let facts = PublicDatabaseFacts { status: status.into(), admits: admits.iter().map(|one| (*one).to_owned()).collect() };
        NotPublic::want(&Reachability { publicly_accessible: public }, &facts, &())
    }

    #[test]
    fn who_could_come_from_outside_is_asked_about() {
        assert_eq!(want(true, "available", &[]), Want::Set(Reachability { publicly_accessible: false }));
        assert!(matches!(want(true, "available", &["sg-1: 203.0.113.0/24"]), Want::Ask { why, .. } if why.contains("203.0.113.0/24")));
        assert_eq!(want(false, "available", &["sg-1: 0.0.0.0/0"]), Want::Keep);
    }

    #[test]
    fn waits_until_the_database_is_available() {
        assert!(matches!(want(true, "backing-up", &[]), Want::Wait(_)));
    }
}
