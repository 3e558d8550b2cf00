//! Security groups, default encryption, instances.

use aws_sdk_cloudwatch::types::{Dimension, MetricDatum};
use aws_sdk_ec2::types::{
    AddPrefixListEntry, Filter, HttpTokensState, InstanceMetadataOptionsRequest, InstanceType, IpPermission, IpRange, Ipv6Range,
    PrefixListId, ResourceType, Tag, TagSpecification,
};
use serde_json::{Value as Json, json};

use super::{Case, Place, Staged, boxed};
use crate::events::unique;

pub(super) const CASES: &[Case] = &[
    Case::new("EC2.53", "one open rule beside good ones", boxed!(open_v4)),
    Case::new("EC2.53", "a wide range with a tag", boxed!(wide_v4)).touches(&["RESOURCE", "tags/sgr-"]),
    Case::new("EC2.53", "two halves of the world in a prefix list", boxed!(list_v4)),
    Case::new("EC2.53", "nothing but the open rule", boxed!(only_v4)),
    Case::new("EC2.53", "all traffic from everywhere", boxed!(all_v4)),
    Case::new("EC2.54", "one open rule beside good ones", boxed!(open_v6)),
    Case::new("EC2.7", "switched off", boxed!(unencrypted)).touches(&["ebs_encryption_by_default"]),
    Case::new("EC2.8", "tokens optional, three hops", boxed!(tokens_optional)),
];

fn client(place: &Place<'_>) -> aws_sdk_ec2::Client {
    aws_sdk_ec2::Client::new(&place.sdk)
}

/// A rule for ports from an IPv4 or IPv6 network or a prefix list, with its description.
fn rule(protocol: &str, ports: (i32, i32), source: &str) -> IpPermission {
    let permission = IpPermission::builder().ip_protocol(protocol);
    let permission = if protocol == "-1" { permission } else { permission.from_port(ports.0).to_port(ports.1) };
    let why = format!("staged {source}").replace("::", "any v6");
    match source {
        list if list.starts_with("pl-") => {
            permission.prefix_list_ids(PrefixListId::builder().prefix_list_id(list).description(why).build())
        }
        net if net.contains(':') => permission.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(net).description(why).build()),
        net => permission.ip_ranges(IpRange::builder().cidr_ip(net).description(why).build()),
    }
    .build()
}

async fn group(place: &Place<'_>, rules: Vec<IpPermission>, tag: Option<&str>) -> Staged {
    let ec2 = client(place);
    let vpcs = ec2.describe_vpcs().send().await.unwrap();
    let vpc = vpcs.vpcs()[0].vpc_id().unwrap();
    let made = ec2.create_security_group().group_name(format!("app-{}", unique())).description("staged").vpc_id(vpc).send().await.unwrap();
    let id = made.group_id().unwrap().to_owned();
    let mut call = ec2.authorize_security_group_ingress().group_id(&id).set_ip_permissions(Some(rules));
    if let Some(value) = tag {
        let tag = Tag::builder().key("owner").value(value).build();
        call = call.tag_specifications(TagSpecification::builder().resource_type(ResourceType::SecurityGroupRule).tags(tag).build());
    }
    call.send().await.unwrap();
    place.staged(place.arn("ec2", &format!("security-group/{id}")), boxed!(rules_of, id))
}

async fn open_v4(place: &Place<'_>) -> Staged {
    let rules = vec![rule("tcp", (22, 22), "0.0.0.0/0"), rule("tcp", (22, 22), "10.0.0.0/8"), rule("tcp", (443, 443), "0.0.0.0/0")];
    group(place, rules, None).await
}

async fn wide_v4(place: &Place<'_>) -> Staged {
    group(place, vec![rule("tcp", (0, 65_535), "0.0.0.0/0")], Some("platform")).await
}

async fn list_v4(place: &Place<'_>) -> Staged {
    let halves = ["0.0.0.0/1", "128.0.0.0/1"].map(|half| AddPrefixListEntry::builder().cidr(half).build());
    let call = client(place).create_managed_prefix_list().prefix_list_name("halves").address_family("IPv4").max_entries(4);
    let list = call.set_entries(Some(halves.to_vec())).send().await.unwrap().prefix_list.unwrap();
    let id = list.prefix_list_id().unwrap();
    group(place, vec![rule("tcp", (22, 22), id), rule("tcp", (22, 22), "10.0.0.0/8")], None).await
}

async fn only_v4(place: &Place<'_>) -> Staged {
    group(place, vec![rule("tcp", (3389, 3389), "0.0.0.0/0")], None).await
}

async fn all_v4(place: &Place<'_>) -> Staged {
    group(place, vec![rule("-1", (-1, -1), "0.0.0.0/0")], None).await
}

async fn open_v6(place: &Place<'_>) -> Staged {
    let rules = vec![rule("tcp", (22, 22), "::/0"), rule("tcp", (22, 22), "2001:db8::/32"), rule("tcp", (443, 443), "::/0")];
    group(place, rules, None).await
}

/// Rules without their ids: a rule that comes back has a new one.
async fn rules_of(place: &Place<'_>, arn: &str) -> Json {
    let id = arn.rsplit('/').next().unwrap();
    let of_group = Filter::builder().name("group-id").values(id).build();
    let answer = client(place).describe_security_group_rules().filters(of_group).send().await.unwrap();
    let mut rules: Vec<_> = answer
        .security_group_rules()
        .iter()
        .map(|rule| {
            let mut tags: Vec<_> = rule.tags().iter().map(|tag| (tag.key(), tag.value())).collect();
            tags.sort_unstable();
            let source = rule.cidr_ipv4().or(rule.cidr_ipv6()).or(rule.prefix_list_id());
            json!([rule.is_egress(), rule.ip_protocol(), rule.from_port(), rule.to_port(), source, rule.description(), tags]).to_string()
        })
        .collect();
    rules.sort_unstable();
    json!(rules)
}

async fn unencrypted(place: &Place<'_>) -> Staged {
    client(place).disable_ebs_encryption_by_default().send().await.unwrap();
    place.staged(place.account_id(), boxed!(encryption, id))
}

async fn encryption(place: &Place<'_>, _id: &str) -> Json {
    json!(client(place).get_ebs_encryption_by_default().send().await.unwrap().ebs_encryption_by_default)
}

async fn tokens_optional(place: &Place<'_>) -> Staged {
    let options = InstanceMetadataOptionsRequest::builder().http_tokens(HttpTokensState::Optional).http_put_response_hop_limit(3).build();
    let call = client(place).run_instances().image_id("ami-12345678").instance_type(InstanceType::T3Micro).min_count(1).max_count(1);
    let run = call.metadata_options(options).send().await.unwrap();
    let id = run.instances()[0].instance_id().unwrap();
    // EC2 reports zeros for an instance whose software always brings a token.
    let silent = MetricDatum::builder().metric_name("MetadataNoToken").value(0.0);
    let silent = silent.dimensions(Dimension::builder().name("InstanceId").value(id).build()).build();
    aws_sdk_cloudwatch::Client::new(&place.sdk).put_metric_data().namespace("AWS/EC2").metric_data(silent).send().await.unwrap();
    place.staged(place.arn("ec2", &format!("instance/{id}")), boxed!(options_of, id))
}

async fn options_of(place: &Place<'_>, arn: &str) -> Json {
    let id = arn.rsplit('/').next().unwrap();
    let answer = client(place).describe_instances().instance_ids(id).send().await.unwrap();
    let options = answer.reservations()[0].instances()[0].metadata_options().unwrap();
    let tokens = options.http_tokens().map(aws_sdk_ec2::types::HttpTokensState::as_str);
    json!([
        tokens,
        options.http_put_response_hop_limit(),
        options.http_endpoint().map(aws_sdk_ec2::types::InstanceMetadataEndpointState::as_str)
    ])
}
