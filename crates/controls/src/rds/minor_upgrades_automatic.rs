//! # Risk
//! A database that misses minor versions misses their security fixes.
//!
//! # Remedy
//! Switches on automatic minor version upgrades of the instance, or of the Multi-AZ DB cluster that it belongs to. Nothing else that is
//! pending for the maintenance window is applied with it.
//!
//! # Impact
//! Minor versions are installed in the maintenance window, with a short outage there. The change waits until the database is `available`.
//!
//! # Undo
//! Exact: switched off again. A version that was installed in between stays.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::rds::{DatabaseFacts, MinorVersionUpgrades, Upgrades};

use crate::not_a;

/// RDS.13
pub struct MinorUpgradesAutomatic;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<MinorUpgradesAutomatic>();

impl Control for MinorUpgradesAutomatic {
    const SPEC: Spec = Spec {
        id: "RDS.13",
        title: "Databases take minor versions by themselves",
        severity: Severity::High,
        class: Class::Automatic,
        scope: Scope::Regional,
        resources: &["AwsRdsDbInstance"],
        prowler: &["rds_instance_minor_version_upgrade_enabled"],
        config_rules: &[],
        in_code: InCode { cloudformation: "AutoMinorVersionUpgrade: true", terraform: "auto_minor_version_upgrade = true" },
    };
    type Setting = MinorVersionUpgrades;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<MinorVersionUpgrades> {
        let arn = resource.arn().filter(|arn| arn.service == "rds");
        let instance = arn.and_then(|arn| arn.named("db").map(str::to_owned));
        instance.map(|instance| MinorVersionUpgrades { instance }).ok_or_else(|| not_a("a database instance", &resource.id))
    }

    fn want(value: &Upgrades, facts: &DatabaseFacts, _params: &()) -> Want<Upgrades> {
        if value.auto_minor_version_upgrade {
            Want::Keep
        } else if facts.status == "available" {
            Want::Set(Upgrades { auto_minor_version_upgrade: true, ..value.clone() })
        } else {
            Want::Wait(format!("the database is `{}`; changes are taken when it is `available`", facts.status))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(auto: bool, status: &str, cluster: Option<&str>) -> Want<Upgrades> {
        let value = Upgrades { auto_minor_version_upgrade: auto, cluster: cluster.map(str::to_owned) };
        MinorUpgradesAutomatic::want(&value, &DatabaseFacts { status: status.into() }, &())
    }

    #[test]
    fn switches_on_where_the_flag_is_kept() {
        for cluster in [None, Some("orders")] {
            let Want::Set(to) = want(false, "available", cluster) else { panic!("nothing is set") };
            assert_eq!((to.auto_minor_version_upgrade, to.cluster.as_deref()), (true, cluster));
        }
        assert_eq!(want(true, "modifying", None), Want::Keep);
    }

    #[test]
    fn waits_until_the_database_is_available() {
        for status in ["modifying", "backing-up", "stopped", "creating"] {
            assert!(matches!(want(false, status, None), Want::Wait(_)), "{status}");
        }
    }
}
