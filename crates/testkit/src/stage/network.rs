//! VPCs, their default groups, and network ACLs.

use aws_sdk_ec2::types::{Filter, PortRange, RuleAction};
use serde_json::{Value as Json, json};

use super::{Case, Ending, Place, Staged, boxed};

pub(super) const CASES: &[Case] = &[
    Case::new("EC2.6", "none", boxed!(no_flow_logs)).touches(&["flow-log", "flow_log", "tags/fl-"]),
    Case::new("EC2.2", "the rules that AWS makes", boxed!(default_group)),
    Case::new("EC2.2", "an interface has it", boxed!(used_group)).ends(Ending::Told),
    Case::new("EC2.21", "a wide range", boxed!(wide_range)),
    Case::new("EC2.21", "the default ACL", boxed!(default_acl)),
];

fn client(place: &Place<'_>) -> aws_sdk_ec2::Client {
    aws_sdk_ec2::Client::new(&place.sdk)
}

async fn vpc(place: &Place<'_>) -> String {
    client(place).create_vpc().cidr_block("10.9.0.0/16").send().await.unwrap().vpc.unwrap().vpc_id.unwrap()
}

async fn no_flow_logs(place: &Place<'_>) -> Staged {
    let vpc = vpc(place).await;
    place.staged(place.arn("ec2", &format!("vpc/{vpc}")), boxed!(flow_logs, id))
}

async fn flow_logs(place: &Place<'_>, arn: &str) -> Json {
    let filter = Filter::builder().name("resource-id").values(arn.rsplit('/').next().unwrap()).build();
    let answer = client(place).describe_flow_logs().filter(filter).send().await.unwrap();
    json!(answer.flow_logs().iter().map(|log| log.traffic_type().unwrap().as_str().to_owned()).collect::<Vec<_>>())
}

async fn group_of(place: &Place<'_>, vpc: &str) -> String {
    let filter = |name: &str, value: &str| Filter::builder().name(name).values(value).build();
    let call = client(place).describe_security_groups().filters(filter("vpc-id", vpc)).filters(filter("group-name", "default"));
    call.send().await.unwrap().security_groups()[0].group_id().unwrap().to_owned()
}

async fn default_group(place: &Place<'_>) -> Staged {
    let vpc = vpc(place).await;
    let group = group_of(place, &vpc).await;
    place.staged(place.arn("ec2", &format!("security-group/{group}")), boxed!(rules, id))
}

async fn used_group(place: &Place<'_>) -> Staged {
    let vpc = vpc(place).await;
    let group = group_of(place, &vpc).await;
    let subnet =
        client(place).create_subnet().vpc_id(&vpc).cidr_block("10.9.1.0/24").send().await.unwrap().subnet.unwrap().subnet_id.unwrap();
    client(place).create_network_interface().subnet_id(subnet).groups(&group).send().await.unwrap();
    place.staged(place.arn("ec2", &format!("security-group/{group}")), boxed!(rules, id))
}

async fn rules(place: &Place<'_>, arn: &str) -> Json {
    let filter = Filter::builder().name("group-id").values(arn.rsplit('/').next().unwrap()).build();
    let answer = client(place).describe_security_group_rules().filters(filter).send().await.unwrap();
    let show = |rule: &aws_sdk_ec2::types::SecurityGroupRule| {
        let source =
            rule.cidr_ipv4().or_else(|| rule.cidr_ipv6()).or_else(|| rule.referenced_group_info().and_then(|group| group.group_id()));
        format!("{:?} {:?} {source:?} {:?}", rule.is_egress(), rule.ip_protocol(), rule.description())
    };
    let mut rules: Vec<_> = answer.security_group_rules().iter().map(show).collect();
    rules.sort();
    json!(rules)
}

async fn wide_range(place: &Place<'_>) -> Staged {
    let ec2 = client(place);
    let vpc = vpc(place).await;
    let acl = ec2.create_network_acl().vpc_id(vpc).send().await.unwrap().network_acl.unwrap().network_acl_id.unwrap();
    for (number, source, from, to) in [(100, "0.0.0.0/0", 0, 65_535), (200, "203.0.113.0/24", 22, 22)] {
        let ports = PortRange::builder().from(from).to(to).build();
        let call = ec2.create_network_acl_entry().network_acl_id(&acl).rule_number(number).egress(false).protocol("6");
        call.rule_action(RuleAction::Allow).cidr_block(source).port_range(ports).send().await.unwrap();
    }
    place.staged(place.arn("ec2", &format!("network-acl/{acl}")), boxed!(entries, id))
}

async fn default_acl(place: &Place<'_>) -> Staged {
    let ec2 = client(place);
    let vpc = vpc(place).await;
    ec2.create_subnet().vpc_id(&vpc).cidr_block("10.9.1.0/24").send().await.unwrap();
    let filter = |name: &str, value: &str| Filter::builder().name(name).values(value).build();
    let acls = ec2.describe_network_acls().filters(filter("vpc-id", &vpc)).filters(filter("default", "true")).send().await.unwrap();
    let acl = acls.network_acls()[0].network_acl_id().unwrap();
    place.staged(place.arn("ec2", &format!("network-acl/{acl}")), boxed!(entries, id))
}

async fn entries(place: &Place<'_>, arn: &str) -> Json {
    let answer = client(place).describe_network_acls().network_acl_ids(arn.rsplit('/').next().unwrap()).send().await.unwrap();
    let show = |one: &aws_sdk_ec2::types::NetworkAclEntry| {
        let ports = one.port_range().map(|range| (range.from(), range.to()));
        format!("{:?} {:?} {:?} {:?} {:?} {ports:?}", one.rule_number(), one.egress(), one.protocol(), one.rule_action(), one.cidr_block())
    };
    let mut entries: Vec<_> = answer.network_acls()[0].entries().iter().map(show).collect();
    entries.sort();
    json!(entries)
}
