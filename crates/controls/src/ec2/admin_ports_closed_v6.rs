//! # Risk
//! SSH and RDP that the whole IPv6 internet can reach are found and attacked within minutes.
//!
//! # Remedy
//! Takes ports 22 and 3389 (TCP and UDP) from the rules that let in `::/0`, or that add up to it, alone or through prefix lists. Only
//! those rules are touched: a wider range is split so that its other ports stay, all other sources stay, and descriptions and tags with them.
//! "All traffic" becomes all other TCP and UDP ports, ICMP, GRE, ESP and AH. What stays is authorized before the wide rule is revoked.
//!
//! # Impact
//! The two ports are refused to the open internet, and sessions that came in through the open rule may be cut: such flows are not tracked. Of an "all traffic" rule, IP protocols other than the ones above are no longer admitted.
//!
//! # Undo
//! Exact: the rules come back with their descriptions and tags, under new rule ids.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::ec2::{Ingress, IngressFacts, IngressRules};

use super::exposure::{ExposureParams, Family, closed, group_of};

/// EC2.54
pub struct AdminPortsClosedV6;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<AdminPortsClosedV6>();

impl Control for AdminPortsClosedV6 {
    const SPEC: Spec = Spec {
        id: "EC2.54",
        title: "The IPv6 internet cannot reach remote administration ports",
        severity: Severity::High,
        class: Class::Automatic,
        scope: Scope::Regional,
        resources: &["AwsEc2SecurityGroup"],
        prowler: &[
            "ec2_securitygroup_allow_ingress_from_internet_to_all_ports",
            "ec2_securitygroup_allow_ingress_from_internet_to_tcp_port_22",
            "ec2_securitygroup_allow_ingress_from_internet_to_tcp_port_3389",
        ],
        config_rules: &[],
        in_code: InCode {
            cloudformation: "take the open entries out of SecurityGroupIngress",
            terraform: "take the open rules out of the ingress blocks",
        },
    };
    type Setting = IngressRules;
    type Params = ExposureParams;

    fn locate(resource: &Resource, _params: &ExposureParams) -> Located<IngressRules> {
        group_of(resource)
    }

    fn want(value: &Ingress, facts: &IngressFacts, params: &ExposureParams) -> Want<Ingress> {
        closed(value, facts, Family::V6, params).map_or(Want::Keep, Want::Set)
    }
}

#[cfg(test)]
mod tests {
    use redress_settings::ec2::{Rule, Source};

    use super::*;

    fn ingress(networks: &[&str]) -> Ingress {
        let source = |net: &&str| net.parse().map_or_else(|_| Source::V6(net.parse().unwrap()), Source::V4);
        let rule = |net| Rule {
            id: None,
            protocol: "tcp".into(),
            from_port: 22,
            to_port: 22,
            source: source(net),
            description: None,
            tags: std::collections::BTreeMap::new(),
        };
        Ingress::new(networks.iter().map(rule).collect())
    }

    #[test]
    fn looks_at_its_own_address_family_only() {
        let want = |networks: &[&str]| AdminPortsClosedV6::want(&ingress(networks), &IngressFacts::default(), &ExposureParams::default());
        let other = "0.0.0.0/0";
        assert_eq!(want(&[other]), Want::Keep);
        assert_eq!(want(&[other, "::/0"]), Want::Set(ingress(&[other])));
    }
}
