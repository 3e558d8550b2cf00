//! Databases.

use aws_sdk_ec2::types::Filter;
use serde_json::{Value as Json, json};

use super::{Back, Case, Ending, Place, Staged, boxed};
use crate::events::unique;

pub(super) const CASES: &[Case] = &[
    Case::new("RDS.13", "an instance", boxed!(instance)),
    Case::new("RDS.13", "a member of a Multi-AZ cluster", boxed!(cluster)).touches(&["RESOURCE", "ledger"]),
    Case::new("RDS.2", "a public address that everybody reaches", boxed!(public_and_open)),
    Case::new("RDS.2", "a public address and private sources", boxed!(public)),
    Case::new("RDS.3", "an instance", boxed!(unencrypted)).back(Back::ByStages).touches(&["orders", "kms/"]),
    Case::new("RDS.3", "a read replica", boxed!(replica)).ends(Ending::Told),
    Case::new("RDS.5", "an instance", boxed!(single_zone)).ends(Ending::Told),
    Case::new("RDS.15", "an Aurora cluster", boxed!(aurora)).ends(Ending::Told),
];

fn rds(place: &Place<'_>) -> aws_sdk_rds::Client {
    aws_sdk_rds::Client::new(&place.sdk)
}

async fn instance(place: &Place<'_>) -> Staged {
    let name = format!("orders-{}", unique());
    let call = rds(place).create_db_instance().db_instance_identifier(&name).engine("postgres").db_instance_class("db.t3.micro");
    let call = call.allocated_storage(20).master_username("root").master_user_password("not-a-secret").auto_minor_version_upgrade(false);
    call.send().await.unwrap();
    place.staged(place.arn("rds", &format!("db:{name}")), boxed!(upgrades, id))
}

async fn cluster(place: &Place<'_>) -> Staged {
    let call = rds(place).create_db_cluster().db_cluster_identifier("ledger").engine("postgres").db_cluster_instance_class("db.m5d.large");
    let call = call.allocated_storage(100).storage_type("io1").iops(1000).master_username("root").master_user_password("not-a-secret");
    call.auto_minor_version_upgrade(false).send().await.unwrap();
    let answer = rds(place).describe_db_clusters().db_cluster_identifier("ledger").send().await.unwrap();
    let member = answer.db_clusters()[0].db_cluster_members()[0].db_instance_identifier().unwrap().to_owned();
    place.staged(place.arn("rds", &format!("db:{member}")), boxed!(upgrades, id))
}

async fn upgrades(place: &Place<'_>, arn: &str) -> Json {
    let id = arn.rsplit(':').next().unwrap();
    let answer = rds(place).describe_db_instances().db_instance_identifier(id).send().await.unwrap();
    let instance = &answer.db_instances()[0];
    let mut seen = json!({"instance": instance.auto_minor_version_upgrade, "class": instance.db_instance_class()});
    if let Some(cluster) = instance.db_cluster_identifier() {
        let answer = rds(place).describe_db_clusters().db_cluster_identifier(cluster).send().await.unwrap();
        seen["cluster"] = json!(answer.db_clusters()[0].auto_minor_version_upgrade);
    }
    seen
}

async fn create(place: &Place<'_>, groups: Vec<String>, public: bool) -> Staged {
    create_in(place, None, groups, public).await
}

/// A database, in a group of subnets where one is named.
async fn create_in(place: &Place<'_>, subnets: Option<String>, groups: Vec<String>, public: bool) -> Staged {
    let name = format!("orders-{}", unique());
    let call = rds(place).create_db_instance().db_instance_identifier(&name).engine("postgres").db_instance_class("db.t3.micro");
    let call = call.allocated_storage(20).master_username("root").master_user_password("not-a-secret").publicly_accessible(public);
    let tag = aws_sdk_rds::types::Tag::builder().key("team").value("shop").build();
    let call = call.backup_retention_period(14).preferred_backup_window("02:00-02:30").copy_tags_to_snapshot(true).tags(tag);
    let call = call.set_db_subnet_group_name(subnets).set_vpc_security_group_ids(Some(groups));
    call.deletion_protection(true).send().await.unwrap();
    place.staged(place.arn("rds", &format!("db:{name}")), boxed!(database, id))
}

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

async fn default_vpc(ec2: &aws_sdk_ec2::Client) -> String {
    let vpcs = ec2.describe_vpcs().filters(filter("is-default", "true")).send().await.unwrap();
    vpcs.vpcs()[0].vpc_id().unwrap().to_owned()
}

/// The subnets of the default VPC, once the internet reaches them: on AWS its gateway and its route are there from the start.
async fn public_subnets(place: &Place<'_>) -> String {
    let ec2 = aws_sdk_ec2::Client::new(&place.sdk);
    let vpc = default_vpc(&ec2).await;
    let subnets = ec2.describe_subnets().filters(filter("vpc-id", &vpc)).send().await.unwrap();
    let subnets = subnets.subnets().iter().map(|subnet| subnet.subnet_id().unwrap().to_owned()).collect();
    let name = format!("public-{}", unique());
    let call = rds(place).create_db_subnet_group().db_subnet_group_name(&name).db_subnet_group_description("staged");
    call.set_subnet_ids(Some(subnets)).send().await.unwrap();
    name
}

async fn group(place: &Place<'_>, source: &str) -> String {
    let ec2 = aws_sdk_ec2::Client::new(&place.sdk);
    let call = ec2.create_security_group().group_name(format!("db-{}", unique())).description("staged");
    let id = call.vpc_id(default_vpc(&ec2).await).send().await.unwrap().group_id.unwrap();
    let range = aws_sdk_ec2::types::IpRange::builder().cidr_ip(source).build();
    let permission = aws_sdk_ec2::types::IpPermission::builder().ip_protocol("tcp").from_port(5432).to_port(5432).ip_ranges(range).build();
    ec2.authorize_security_group_ingress().group_id(&id).ip_permissions(permission).send().await.unwrap();
    id
}

async fn public(place: &Place<'_>) -> Staged {
    let group = group(place, "10.0.0.0/8").await;
    create(place, vec![group], true).await
}

/// Prowler calls a database public only if its subnets are public, too, and everybody may come to its port.
async fn public_and_open(place: &Place<'_>) -> Staged {
    let group = group(place, "0.0.0.0/0").await;
    create_in(place, Some(public_subnets(place).await), vec![group], true).await
}

async fn unencrypted(place: &Place<'_>) -> Staged {
    let group = group(place, "10.0.0.0/8").await;
    create(place, vec![group], false).await
}

async fn replica(place: &Place<'_>) -> Staged {
    let source = create(place, vec![], false).await.resource;
    let source = source.rsplit(':').next().unwrap();
    let call = rds(place).create_db_instance_read_replica().db_instance_identifier("orders-reader").source_db_instance_identifier(source);
    call.db_instance_class("db.t3.micro").send().await.unwrap();
    place.staged(place.arn("rds", "db:orders-reader"), boxed!(database, id))
}

async fn single_zone(place: &Place<'_>) -> Staged {
    create(place, vec![], false).await
}

/// The database behind the name, and what a migration of it makes.
async fn database(place: &Place<'_>, arn: &str) -> Json {
    let name = arn.rsplit(':').next().unwrap();
    let answer = rds(place).describe_db_instances().send().await.unwrap();
    let show = |one: &aws_sdk_rds::types::DbInstance| {
        let groups: Vec<_> = one.vpc_security_groups().iter().map(|group| group.vpc_security_group_id().unwrap().to_owned()).collect();
        json!([
            one.db_instance_identifier(),
            one.storage_encrypted,
            one.publicly_accessible,
            one.multi_az,
            one.backup_retention_period,
            groups
        ])
    };
    let is_its = |one: &&aws_sdk_rds::types::DbInstance| one.db_instance_identifier().unwrap().starts_with(name);
    let mut all: Vec<_> = answer.db_instances().iter().filter(is_its).map(show).collect();
    all.sort_by_key(Json::to_string);
    let snapshots = rds(place).describe_db_snapshots().snapshot_type("manual").send().await.unwrap();
    let snapshots = snapshots.db_snapshots().iter().map(|one| one.db_snapshot_identifier().unwrap().to_owned());
    json!({"instances": all, "snapshots": snapshots.filter(|one| one.contains(name)).collect::<Vec<_>>()})
}

async fn aurora(place: &Place<'_>) -> Staged {
    let call = rds(place).create_db_cluster().db_cluster_identifier("ledger").engine("aurora-postgresql").master_username("root");
    call.master_user_password("not-a-secret").send().await.unwrap();
    place.staged(place.arn("rds", "cluster:ledger"), boxed!(zones, id))
}

async fn zones(place: &Place<'_>, _arn: &str) -> Json {
    let answer = rds(place).describe_db_clusters().db_cluster_identifier("ledger").send().await.unwrap();
    json!(answer.db_clusters()[0].multi_az)
}
