//! # Risk
//! An instance that somebody else works with reaches what it may reach, and whoever works with it reaches the instance.
//!
//! # Remedy
//! Takes snapshots of all its volumes, takes the instance out of its Auto Scaling group, which starts another and takes this one from its load balancers,
//! gives each of its network interfaces one security group without rules, and tags the instance `redress:isolated`. It comes from incidents only, and waits for a person's yes unless
//! the policy on incidents says `isolate_instances`. The instance goes on running: what is in its memory stays.
//!
//! # Impact
//! Nothing reaches the instance, and it reaches nothing, Session Manager included; look at the snapshots. Connections that are tracked go on until they
//! are idle. The credentials of its role are not taken back: an incident about the role locks that down.
//!
//! # Undo
//! Its groups and its place in the Auto Scaling group come back; a group that is at its maximum takes it only after that is raised. The snapshots stay.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::ec2::{InstanceIsolation, Isolation};

use super::principal_locked_down::AskParams;
use crate::not_a;

/// Incident.3: a control of our own.
pub struct InstanceIsIsolated;

/// The entry, among those of incidents.
pub static ENTRY: Entry = Entry::of::<InstanceIsIsolated>();

impl Control for InstanceIsIsolated {
    const SPEC: Spec = Spec {
        id: "Incident.3",
        title: "An instance that is part of an incident is cut off",
        severity: Severity::Critical,
        class: Class::Guarded,
        scope: Scope::Regional,
        resources: &["AwsEc2Instance"],
        prowler: &[],
        config_rules: &[],
        in_code: InCode { cloudformation: "", terraform: "" },
    };
    type Setting = InstanceIsolation;
    type Params = AskParams;

    fn locate(resource: &Resource, _params: &AskParams) -> Located<InstanceIsolation> {
        let id = resource.arn().filter(|arn| arn.service == "ec2").and_then(|arn| arn.named("instance").map(str::to_owned));
        Ok(InstanceIsolation { instance: id.ok_or_else(|| not_a("an instance", &resource.id))? })
    }

    fn want(value: &Isolation, _facts: &(), params: &AskParams) -> Want<Isolation> {
        let to = value.cut_off();
        if *value == to { Want::Keep } else { params.wants(to) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn value(groups: &[&str], scaling: Option<&str>) -> Isolation {
        let groups: BTreeSet<String> = groups.iter().map(|group| (*group).to_owned()).collect();
        let marked = groups.is_empty();
        Isolation { groups: BTreeMap::from([("eni-1".to_owned(), groups)]), scaling: scaling.map(str::to_owned), marked }
    }

    fn want(value: &Isolation) -> Want<Isolation> {
        InstanceIsIsolated::want(value, &(), &AskParams::default())
    }

    #[test]
    fn every_interface_is_cut_off_and_no_scaling_group_ends_it() {
        let alone = value(&[], None);
        assert_eq!(want(&value(&["sg-1", "sg-2"], Some("web"))), Want::Set(alone.clone()));
        assert_eq!(want(&value(&[], Some("web"))), Want::Set(alone.clone()));
        assert_eq!(want(&alone), Want::Keep);
    }

    #[test]
    fn a_reason_to_ask_is_asked() {
        let params = AskParams { ask: Some("it serves".into()) };
        assert!(matches!(InstanceIsIsolated::want(&value(&["sg-1"], None), &(), &params), Want::Ask { .. }));
    }
}
