//! # Risk
//! Whatever is started without a security group of its own gets the default one, and trusts everything else that has it.
//!
//! # Remedy
//! Takes all rules of the VPC's default security group, in both directions, where no network interface has the group and no other group
//! names it. Where anything depends on it nothing is changed; the finding lists what does.
//!
//! # Impact
//! None for what runs: nothing has the group. What is started with it later reaches nothing, and is reached by nothing.
//!
//! # Undo
//! Exact: the rules are made again, with their descriptions and tags; they get new ids.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::ec2::{DefaultGroupFacts, DefaultGroupRules, GroupRules};

use crate::not_a;

/// EC2.2
pub struct DefaultGroupClosed;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<DefaultGroupClosed>();

impl Control for DefaultGroupClosed {
    const SPEC: Spec = Spec {
        id: "EC2.2",
        title: "Default security groups let nothing through",
        severity: Severity::High,
        class: Class::Guarded,
        scope: Scope::Regional,
        resources: &["AwsEc2SecurityGroup"],
        prowler: &["ec2_securitygroup_default_restrict_traffic"],
        config_rules: &["vpc-default-security-group-closed"],
        in_code: InCode { cloudformation: "", terraform: "aws_default_security_group without rules" },
    };
    type Setting = DefaultGroupRules;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<DefaultGroupRules> {
        let group = resource.arn().filter(|arn| arn.service == "ec2").and_then(|arn| arn.named("security-group").map(str::to_owned));
        group.map(|group| DefaultGroupRules { group }).ok_or_else(|| not_a("a security group", &resource.id))
    }

    fn want(value: &GroupRules, facts: &DefaultGroupFacts, _params: &()) -> Want<GroupRules> {
        let closed = GroupRules { ingress: Vec::new(), egress: Vec::new() };
        if *value == closed {
            return Want::Keep;
        }
        if facts.name != "default" {
            return Want::Tell(format!(
                "the group is called {} and is no VPC's default group: nothing is to be done by this control.",
                facts.name
            ));
        }
        let mut used = Vec::new();
        if !facts.interfaces.is_empty() {
            used.push(format!("network interfaces have it ({})", crate::some(&facts.interfaces)));
        }
        if !facts.named_by.is_empty() {
            used.push(format!("rules of other groups name it ({})", crate::some(&facts.named_by)));
        }
        if used.is_empty() {
            return Want::Set(closed);
        }
        Want::Tell(format!(
            "{}: give each interface a group of its own with the rules that it needs (aws ec2 modify-network-interface-attribute --network-interface-id \
             ENI --groups SG), and name those groups in the rules; then the default group's rules can go.",
            used.join(", and ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use redress_settings::ec2::{Rule, Source};

    fn open() -> GroupRules {
        let rule = |source| Rule {
            id: Some("sgr-1".into()),
            protocol: "-1".into(),
            from_port: -1,
            to_port: -1,
            source,
            description: None,
            tags: [].into(),
        };
        let own = Source::Group { id: "sg-1".into(), owner: None };
        GroupRules { ingress: vec![rule(own)], egress: vec![rule(Source::V4("0.0.0.0/0".parse().unwrap()))] }
    }

    fn facts(interfaces: &[&str], named_by: &[&str]) -> DefaultGroupFacts {
        let own = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        DefaultGroupFacts { name: "default".into(), interfaces: own(interfaces), named_by: own(named_by) }
    }

    #[test]
    fn egress_goes_too() {
        let Want::Set(to) = DefaultGroupClosed::want(&open(), &facts(&[], &[]), &()) else { panic!("nothing is set") };
        assert_eq!((to.ingress.len(), to.egress.len()), (0, 0));
    }

    #[test]
    fn nothing_is_stripped_from_what_runs() {
        for facts in [facts(&["eni-1"], &[]), facts(&[], &["sg-2"])] {
            assert!(
                matches!(DefaultGroupClosed::want(&open(), &facts, &()), Want::Tell(steps) if steps.contains("eni-1") || steps.contains("sg-2"))
            );
        }
    }

    #[test]
    fn another_group_is_never_emptied() {
        let other = DefaultGroupFacts { name: "web".into(), ..facts(&[], &[]) };
        assert!(matches!(DefaultGroupClosed::want(&open(), &other, &()), Want::Tell(_)));
    }
}
