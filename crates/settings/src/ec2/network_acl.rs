//! The inbound entries of a network ACL.

use std::{collections::BTreeMap, fmt};

use aws_sdk_ec2::types::{IcmpTypeCode, PortRange, RuleAction};
use ipnet::IpNet;
use redress_aws::Called;
use redress_remediation::{Account, Action, Error, Result, Setting};
use serde::{Deserialize, Serialize};

use crate::{found, gated};

const ACLS: &str = "ec2:DescribeNetworkAcls";
const VPCS: &str = "ec2:DescribeVpcs";
const CREATE: &str = "ec2:CreateNetworkAclEntry";
const DELETE: &str = "ec2:DeleteNetworkAclEntry";
const ON_ACLS: &str = "arn:${AWS::Partition}:ec2:*:${AWS::AccountId}:network-acl/*";

/// The inbound entries of one network ACL, but for the last one, which denies what no other allows and cannot be changed.
///
/// Entries are looked at in the order of their numbers, and the first that matches decides. New entries are made before old ones go, so that no
/// traffic is cut off in between. See <https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html>.
#[derive(Debug, Clone)]
pub struct NetworkAclEntries {
    /// The ACL's id.
    pub acl: String,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AclEntry {
    /// A protocol's number, or `-1` for all.
    pub protocol: String,
    /// Whether it allows; it denies otherwise.
    pub allows: bool,
    /// Where from.
    pub source: IpNet,
    /// First and last port, for TCP (6) and UDP (17).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<(i32, i32)>,
    /// ICMP's type and code; -1 for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp: Option<(i32, i32)>,
}

impl fmt::Display for AclEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.protocol.as_str() {
            "-1" => "all traffic",
            "6" => "tcp",
            "17" => "udp",
            "1" => "icmp",
            other => other,
        };
        let ports = match self.ports {
            Some((from, to)) if from == to => format!(" {from}"),
            Some((from, to)) => format!(" {from}-{to}"),
            None => String::new(),
        };
        write!(f, "{} {protocol}{ports} from {}", if self.allows { "allow" } else { "deny" }, self.source)
    }
}

/// The value: entries by number.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Entries {
    /// The entries.
    pub entries: BTreeMap<i32, AclEntry>,
}

/// What else is to be known of the ACL.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AclFacts {
    /// Whether it is its VPC's default.
    pub is_default: bool,
    /// The subnets that it stands before.
    pub subnets: Vec<String>,
    /// The networks of its VPC.
    pub networks: Vec<IpNet>,
}

/// The number of the entry that cannot be changed.
const LAST: i32 = 32767;

fn read(entry: &aws_sdk_ec2::types::NetworkAclEntry) -> Result<Option<(i32, AclEntry)>> {
    let number = entry.rule_number().unwrap_or(LAST);
    if entry.egress() == Some(true) || number >= LAST {
        return Ok(None);
    }
    let cidr = entry.cidr_block().or_else(|| entry.ipv6_cidr_block()).unwrap_or_default();
    let source = cidr.parse().map_err(|_| Error::malformed(ACLS, format!("entry {number}: `{cidr}` is not a network")))?;
    let read = AclEntry {
        protocol: entry.protocol().unwrap_or("-1").to_owned(),
        allows: entry.rule_action() == Some(&RuleAction::Allow),
        source,
        ports: entry.port_range().and_then(|range| Some((range.from()?, range.to()?))),
        icmp: entry.icmp_type_code().and_then(|icmp| Some((icmp.r#type()?, icmp.code()?))),
    };
    Ok(Some((number, read)))
}

impl NetworkAclEntries {
    async fn create(&self, client: &aws_sdk_ec2::Client, number: i32, entry: &AclEntry) -> Result<()> {
        let call = client.create_network_acl_entry().network_acl_id(&self.acl).rule_number(number).egress(false).protocol(&entry.protocol);
        let call = call.rule_action(if entry.allows { RuleAction::Allow } else { RuleAction::Deny });
        let call = match entry.source {
            IpNet::V4(net) => call.cidr_block(net.to_string()),
            IpNet::V6(net) => call.ipv6_cidr_block(net.to_string()),
        };
        let call = call.set_port_range(entry.ports.map(|(from, to)| PortRange::builder().from(from).to(to).build()));
        let call = call.set_icmp_type_code(entry.icmp.map(|(kind, code)| IcmpTypeCode::builder().r#type(kind).code(code).build()));
        call.send().await.called(CREATE).map(|_| ())
    }
}

impl Setting for NetworkAclEntries {
    type Value = Entries;
    type Facts = AclFacts;

    const NAME: &'static str = "ec2.network_acl_entries";
    const READS: &'static [Action] = &[Action::anywhere(ACLS), Action::anywhere(VPCS)];
    const WRITES: &'static [Action] = &[Action::on(CREATE, ON_ACLS), Action::on(DELETE, ON_ACLS)];

    async fn get(&self, account: &Account) -> Result<Option<(Entries, AclFacts)>> {
        let client = account.client(gated!(aws_sdk_ec2));
        let answer = found(client.describe_network_acls().network_acl_ids(&self.acl).send().await.called(ACLS))?;
        let Some(acl) = answer.as_ref().and_then(|answer| answer.network_acls().first()) else { return Ok(None) };
        let mut value = Entries::default();
        for entry in acl.entries() {
            value.entries.extend(read(entry)?);
        }
        let mut facts = AclFacts { is_default: acl.is_default().unwrap_or(false), ..AclFacts::default() };
        facts.subnets = acl.associations().iter().filter_map(|one| one.subnet_id.clone()).collect();
        let vpc = acl.vpc_id().unwrap_or_default();
        let answer = client.describe_vpcs().vpc_ids(vpc).send().await.called(VPCS)?;
        for vpc in answer.vpcs() {
            let v4 = vpc.cidr_block_association_set().iter().filter_map(|one| one.cidr_block());
            let v6 = vpc.ipv6_cidr_block_association_set().iter().filter_map(|one| one.ipv6_cidr_block());
            facts.networks.extend(v4.chain(v6).chain(vpc.cidr_block()).filter_map(|net| net.parse::<IpNet>().ok()));
        }
        facts.networks.sort_unstable();
        facts.networks.dedup();
        Ok(Some((value, facts)))
    }

    async fn put(&self, account: &Account, from: &Entries, to: &Entries) -> Result<()> {
        let client = account.client(gated!(aws_sdk_ec2));
        if to.entries.iter().any(|(number, entry)| from.entries.get(number).is_some_and(|was| was != entry)) {
            return Err(Error::malformed(CREATE, "an entry keeps its number only where it stays as it is"));
        }
        let missing = |one: &Entries, other: &Entries| -> Vec<i32> {
            one.entries.keys().filter(|number| !other.entries.contains_key(number)).copied().collect()
        };
        // In the order of their numbers: an allow is there before the deny that stands behind it.
        for number in &missing(to, from) {
            let Some(entry) = to.entries.get(number) else { continue };
            self.create(&client, *number, entry).await?;
        }
        // Denies go first, so that what they cut off is open again before the allows beside them go.
        let mut going = missing(from, to);
        going.sort_by_key(|number| from.entries.get(number).is_some_and(|entry| entry.allows));
        for number in going {
            let call = client.delete_network_acl_entry().network_acl_id(&self.acl).rule_number(number).egress(false);
            call.send().await.called(DELETE)?;
        }
        Ok(())
    }

    fn is_ours(from: &Entries, to: &Entries, live: &Entries) -> bool {
        let known = |(number, entry): (&i32, &AclEntry)| [from, to].iter().any(|one| one.entries.get(number) == Some(entry));
        live.entries.iter().all(known)
    }

    fn changes(from: &Entries, to: &Entries) -> Vec<String> {
        let lines = |sign: &str, one: &Entries, other: &Entries| -> Vec<String> {
            let changed = one.entries.iter().filter(|(number, entry)| other.entries.get(number) != Some(*entry));
            changed.map(|(number, entry)| format!("{sign} {number}: {entry}")).collect()
        };
        [lines("-", from, to), lines("+", to, from)].concat()
    }
}
