//! # Risk
//! An instance that somebody else works with reaches what it may reach, and whoever works with it reaches the instance.
//!
//! # Remedy
//! Takes snapshots of all its volumes, gives each of its network interfaces one security group without rules, tags it `redress:isolated`, and takes it out of
//! its Auto Scaling group, which starts another and takes this one from its load balancers. It comes from incidents only, and waits for a person's
//! yes unless the policy on incidents says `isolate_instances`. The instance goes on running: what is in its memory stays. Interfaces that ECS or
//! EKS manages cannot be changed: a person is told to stop the tasks or pods.
//!
//! # Impact
//! No new connection reaches the instance or leaves it, Session Manager's included; look at the snapshots. A connection that is tracked goes on as long as
//! it is not idle: stop the instance, or use a network ACL, where that matters. Names are still resolved (DNS Firewall refuses that), and the
//! credentials of its role still come: an incident about the role locks that down.
//!
//! # Undo
//! Its groups and its place in the Auto Scaling group come back, which then wants one instance more than before. A group at its maximum refuses, as does
//! one that is gone, and nothing comes back until that is mended or done by hand. The snapshots stay; protection from scale-in does not come back.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::ec2::{InstanceIsolation, Isolation, IsolationFacts};

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

    fn want(value: &Isolation, facts: &IsolationFacts, params: &AskParams) -> Want<Isolation> {
        let to = value.cut_off();
        if *value != to {
            return params.wants(to);
        }
        if facts.managed.is_empty() {
            return Want::Keep;
        }
        Want::Tell(format!(
            "what is its own is cut off; {} is managed by a service: stop its tasks or pods, or close the subnet's network ACL.",
            facts.managed.join(", ")
        ))
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
        InstanceIsIsolated::want(value, &IsolationFacts::default(), &AskParams::default())
    }

    #[test]
    fn every_interface_is_cut_off_and_no_scaling_group_ends_it() {
        let alone = value(&[], None);
        assert_eq!(want(&value(&["sg-1", "sg-2"], Some("web"))), Want::Set(alone.clone()));
        assert_eq!(want(&value(&[], Some("web"))), Want::Set(alone.clone()));
        assert_eq!(want(&alone), Want::Keep);
    }

    #[test]
    fn what_a_service_manages_is_told_once_the_rest_is_cut_off() {
        let facts = IsolationFacts { managed: vec!["eni-9".into()] };
        let want = |value| InstanceIsIsolated::want(&value, &facts, &AskParams::default());
        assert!(matches!(want(value(&["sg-1"], None)), Want::Set(_)));
        assert!(matches!(want(value(&[], None)), Want::Tell(why) if why.contains("eni-9")));
    }

    #[test]
    fn a_reason_to_ask_is_asked() {
        let params = AskParams { ask: Some("it serves".into()) };
        assert!(matches!(InstanceIsIsolated::want(&value(&["sg-1"], None), &IsolationFacts::default(), &params), Want::Ask { .. }));
    }
}
