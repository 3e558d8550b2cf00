//! # Risk
//! Ports 22 and 3389 are open to the world at the door of the subnet, whatever its security groups say.
//!
//! # Remedy
//! An entry that lets TCP or UDP in from `0.0.0.0/0` or `::/0` to one of the ports is replaced by narrower ones that let everything else in as
//! before, beside entries that let the VPC's own networks use the two ports. The new entries are made before the old one goes, under free
//! numbers between the same neighbours. An entry for all traffic, such as rule 100 of a default ACL, stays: before it the two ports are
//! denied, with approval only.
//!
//! # Impact
//! An ACL keeps no state and cuts established connections. Administrators who come from outside over these ports are cut off, from other
//! VPCs too. Port 3389 may also be the client's port of an answer (NAT gateways use 1024 to 65535), so one in sixty thousand connections
//! fails and is tried again. Where traffic of a default ACL or of all protocols is concerned, the change needs approval.
//!
//! # Undo
//! Exact: the entries are as they were.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::ec2::{AclFacts, Entries, NetworkAclEntries};

use crate::not_a;

/// EC2.21
pub struct AdminPortsClosedByAcl;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<AdminPortsClosedByAcl>();

impl Control for AdminPortsClosedByAcl {
    const SPEC: Spec = Spec {
        id: "EC2.21",
        title: "Network ACLs close ports 22 and 3389 to the world",
        severity: Severity::Medium,
        class: Class::Guarded,
        scope: Scope::Regional,
        resources: &["AwsEc2NetworkAcl"],
        prowler: &["ec2_networkacl_allow_ingress_tcp_port_22", "ec2_networkacl_allow_ingress_tcp_port_3389"],
        config_rules: &["nacl-no-unrestricted-ssh-rdp"],
        in_code: InCode {
            cloudformation: "narrower PortRange on the AWS::EC2::NetworkAclEntry",
            terraform: "narrower from_port and to_port on the aws_network_acl_rule",
        },
    };
    type Setting = NetworkAclEntries;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<NetworkAclEntries> {
        let acl = resource.arn().filter(|arn| arn.service == "ec2").and_then(|arn| arn.named("network-acl").map(str::to_owned));
        acl.map(|acl| NetworkAclEntries { acl }).ok_or_else(|| not_a("a network ACL", &resource.id))
    }

    fn want(value: &Entries, facts: &AclFacts, _params: &()) -> Want<Entries> {
        super::acl::want(value, facts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use redress_settings::ec2::AclEntry;

    #[test]
    fn it_is_about_both_families() {
        for source in ["0.0.0.0/0", "::/0"] {
            let entry = AclEntry { protocol: "6".into(), allows: true, source: source.parse().unwrap(), ports: Some((22, 22)), icmp: None };
            let value = Entries { entries: [(100, entry)].into() };
            assert!(matches!(AdminPortsClosedByAcl::want(&value, &AclFacts::default(), &()), Want::Set(to) if to.entries.is_empty()));
        }
    }
}
