//! The laws of every setting, on the local AWS: what was got can be put, putting it changes nothing, and there and back is the original.
//! They stand here and not beside the settings because they need the deployed local AWS, and go through the entries as the engine does.

use libtest_mimic::Trial;
use redress_aws::{Account, Gate};
use redress_controls::{BASELINE, INCIDENT, ORGANIZATION, find};
use redress_model::{AccountId, Partition, Region, Resource, Scope};
use redress_remediation::{Entry, Want};
use redress_testkit::{
    events::{event, finding},
    local::MANAGEMENT,
    stage::{Back, Case, Ending, cases},
};
use serde_json::{Value as Json, json};

use crate::{SHIPPED, trial};

pub(crate) fn trials() -> Vec<Trial> {
    let laws = cases().into_iter().map(|case| trial(format!("laws::{}::{}", case.control, case.name.replace(' ', "_")), move || law(case)));
    let own = BASELINE.iter().map(|entry| trial(format!("laws::{}", entry.spec.id), move || of_baseline(entry)));
    let organization = trial("laws::the_organization_s", of_organization);
    let isolation = trial("laws::Incident.3", of_isolation);
    laws.chain(own).chain([organization, isolation, trial("laws::what_is_gone_reads_as_none", gone)]).collect()
}

/// An account as a resource, with a session of its root that may do what the entry declares.
async fn account_of(entry: &Entry, id: &AccountId, region: &str) -> (Resource, Account) {
    let (partition, region) = (Partition::try_from("aws").unwrap(), Region::try_from(region).unwrap());
    let sdk = SHIPPED.local().root(id, &region).await;
    let gate = Gate::new(entry.reads.iter().chain(entry.writes).map(|action| action.name));
    let account = Account::new(id.clone(), region.clone(), partition.clone(), &sdk, gate, jiff::Timestamp::now());
    let own = format!("AWS::::Account:{id}");
    (Resource { kind: "AwsAccount".into(), id: own, account: id.clone(), region, partition, name: None, path: None }, account)
}

/// Service-linked roles stay; AWS deletes them only when it is asked to. Accounts of other tests come all the time.
fn settled(account: &AccountId) -> Json {
    let mut all = SHIPPED.inventory(account);
    all.retain(|key, _| !["roles/AWSServiceRole", "organizations/global/accounts/", "/members/4"].iter().any(|part| key.contains(part)));
    Json::Object(all)
}

async fn hold(entry: &Entry, id: &AccountId, region: &str, params: Json) {
    let (resource, account) = account_of(entry, id, region).await;
    let read = || async { entry.get(&resource, &params, &account).await.unwrap().unwrap() };
    let (original, seen) = (read().await, settled(id));
    entry.put(&resource, &params, &account, &original.value, &original.value).await.unwrap();
    assert_eq!(settled(id), seen, "{}: putting what was got changed something", entry.spec.id);
    let Want::Set(to) = entry.want(&original, &params).unwrap() else { panic!("{}: nothing is wanted", entry.spec.id) };
    entry.put(&resource, &params, &account, &original.value, &to).await.unwrap();
    let changed = read().await;
    assert_eq!(entry.want(&changed, &params).unwrap(), Want::Keep, "{}: {}", entry.spec.id, changed.value);
    assert_ne!(settled(id), seen, "{}: nothing was changed", entry.spec.id);
    entry.put(&resource, &params, &account, &changed.value, &original.value).await.unwrap();
    assert!(entry.same(&read().await.value, &original.value).unwrap());
    assert_eq!(settled(id), seen, "{}: there and back is not the original", entry.spec.id);
}

async fn of_baseline(entry: &'static Entry) {
    let place = SHIPPED.place().await;
    match entry.spec.id {
        "Baseline.2" => {
            let hub = aws_sdk_securityhub::Client::new(&place.sdk);
            hub.enable_security_hub().enable_default_standards(true).send().await.unwrap();
        }
        "Baseline.3" => recording(&place).await,
        "Baseline.7" => {
            SHIPPED.local().post("audit-manager", &json!({"open": true}));
        }
        _ => {}
    }
    hold(entry, &place.account, "us-east-1", Json::Null).await;
}

/// A recorder that records: conformance packs need one.
async fn recording(place: &redress_testkit::stage::Place<'_>) {
    let bucket = format!("config-{}", place.account);
    aws_sdk_s3::Client::new(&place.sdk).create_bucket().bucket(&bucket).send().await.unwrap();
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "config.amazonaws.com"}, "Action": "s3:*",
        "Resource": [format!("arn:aws:s3:::{bucket}"), format!("arn:aws:s3:::{bucket}/*")]}]});
    aws_sdk_s3::Client::new(&place.sdk).put_bucket_policy().bucket(&bucket).policy(policy.to_string()).send().await.unwrap();
    let entry = find("Config.1").unwrap();
    let (resource, account) = account_of(entry, &place.account, "us-east-1").await;
    let params = json!({"record": true, "bucket": bucket});
    let original = entry.get(&resource, &params, &account).await.unwrap().unwrap();
    let Want::Set(to) = entry.want(&original, &params).unwrap() else { panic!("it records already") };
    entry.put(&resource, &params, &account, &original.value, &to).await.unwrap();
}

/// One after the other: there is one organization.
async fn of_organization() {
    // Not one of those that other tests have.
    let member = SHIPPED.local().ready().members[2].clone();
    let admin = &SHIPPED.local().ready().admin;
    let management = AccountId::try_from(MANAGEMENT).unwrap();
    let law = |id: &str| ORGANIZATION.iter().find(|entry| entry.spec.id == id).copied().unwrap();
    hold(law("Organization.1"), &management, "eu-west-1", json!({ "administrator": admin })).await;
    hold(law("Organization.2"), admin, "us-east-1", Json::Null).await;
    hold(law("Organization.3"), admin, "us-east-1", json!({ "regions": ["us-east-1", "eu-west-1"] })).await;
    hold(law("Organization.4"), admin, "us-east-1", json!({ "accounts": [member] })).await;
    hold(law("Organization.5"), &management, "us-east-1", json!({ "services": ["guardduty.amazonaws.com"] })).await;
}

/// Two instances of one VPC: the second finds the group that the first made, until somebody gives it a rule.
async fn of_isolation() {
    let place = SHIPPED.place().await;
    let ec2 = aws_sdk_ec2::Client::new(&place.sdk);
    let subnet = ec2.describe_subnets().send().await.unwrap().subnets()[0].subnet_id().unwrap().to_owned();
    let run = ec2.run_instances().image_id("ami-12c6146b").min_count(3).max_count(3).subnet_id(subnet).send().await.unwrap();
    let ids: Vec<&str> = run.instances().iter().filter_map(|instance| instance.instance_id()).collect();
    let entry = INCIDENT.iter().find(|entry| entry.spec.id == "Incident.3").unwrap();
    let (resource, account) = account_of(entry, &place.account, "us-east-1").await;
    let resource = |id: &str| {
        let id = format!("arn:aws:ec2:us-east-1:{}:instance/{id}", place.account);
        Resource { kind: "AwsEc2Instance".into(), id, ..resource.clone() }
    };
    let read = async |id: &str| entry.get(&resource(id), &Json::Null, &account).await.unwrap();
    let original = read(ids[0]).await.unwrap();
    let seen = settled(&place.account);
    entry.put(&resource(ids[0]), &Json::Null, &account, &original.value, &original.value).await.unwrap();
    assert_eq!(settled(&place.account), seen, "putting what was got changed something");
    for id in &ids[..2] {
        let before = read(id).await.unwrap();
        let Want::Set(to) = entry.want(&before, &Json::Null).unwrap() else { panic!("nothing is wanted") };
        entry.put(&resource(id), &Json::Null, &account, &before.value, &to).await.unwrap();
        assert_eq!(entry.want(&read(id).await.unwrap(), &Json::Null).unwrap(), Want::Keep);
    }
    let cut = read(ids[0]).await.unwrap().value;
    entry.put(&resource(ids[0]), &Json::Null, &account, &cut, &original.value).await.unwrap();
    assert!(entry.same(&read(ids[0]).await.unwrap().value, &original.value).unwrap(), "there and back");
    // What was cut off is no more, once somebody opens the group; and no other is put into it.
    let named = aws_sdk_ec2::types::Filter::builder().name("group-name").values("redress-isolation").build();
    let groups = ec2.describe_security_groups().filters(named).send().await.unwrap();
    let [group] = groups.security_groups() else { panic!("{groups:?}") };
    let rule = aws_sdk_ec2::types::IpPermission::builder().ip_protocol("tcp").from_port(22).to_port(22);
    let rule = rule.ip_ranges(aws_sdk_ec2::types::IpRange::builder().cidr_ip("10.0.0.7/32").build()).build();
    let group = group.group_id().unwrap();
    ec2.authorize_security_group_ingress().group_id(group).ip_permissions(rule).send().await.unwrap();
    assert!(matches!(entry.want(&read(ids[1]).await.unwrap(), &Json::Null).unwrap(), Want::Set(_)));
    let (third, seen) = (read(ids[2]).await.unwrap(), settled(&place.account));
    let Want::Set(to) = entry.want(&third, &Json::Null).unwrap() else { panic!("nothing is wanted") };
    let refused = entry.put(&resource(ids[2]), &Json::Null, &account, &third.value, &to).await.unwrap_err();
    assert!(refused.to_string().contains("rules that somebody gave it"), "{refused}");
    assert_eq!(settled(&place.account), seen, "a refusal changes nothing");
    ec2.terminate_instances().instance_ids(ids[1]).send().await.unwrap();
    assert!(read(ids[1]).await.is_none());
}

fn account(case: Case, place: &redress_testkit::stage::Place<'_>) -> Account {
    let entry = find(case.control).unwrap();
    let actions = entry.reads.iter().chain(entry.writes).map(|action| action.name);
    let now = jiff::Timestamp::now();
    Account::new(place.account.clone(), place.region.clone(), Partition::try_from("aws").unwrap(), &place.sdk, Gate::new(actions), now)
}

async fn law(case: Case) {
    let place = SHIPPED.place().await;
    let staged = case.stage(&place).await;
    let account = account(case, &place);
    let entry = find(case.control).unwrap();
    let finding = finding(case.control, &staged);
    let kind = finding["Resources"][0]["Type"].as_str().unwrap().to_owned();
    let partition = Partition::try_from("aws").unwrap();
    let resource = Resource {
        kind,
        id: staged.resource.clone(),
        account: place.account.clone(),
        region: place.region.clone(),
        partition,
        name: None,
        path: None,
    };
    let params = case.params.map_or(Json::Null, |params| serde_json::from_str(&params.replace("ACCOUNT", place.account.as_str())).unwrap());
    let read = || async { entry.get(&resource, &params, &account).await.unwrap().unwrap() };
    let (original, seen) = (read().await, staged.observe(&place).await);
    if entry.writes.is_empty() {
        let refused = entry.put(&resource, &params, &account, &original.value, &original.value).await;
        assert!(refused.is_err(), "a setting without writes was written");
        return;
    }
    entry.put(&resource, &params, &account, &original.value, &original.value).await.unwrap();
    assert_eq!(staged.observe(&place).await, seen, "putting what was got changed something");
    let to = match entry.want(&original, &params).unwrap() {
        Want::Set(to) | Want::Ask { to, .. } => to,
        Want::Tell(_) if case.ending == Ending::Told => return,
        other => panic!("{other:?} is wanted"),
    };
    entry.put(&resource, &params, &account, &original.value, &to).await.unwrap();
    let changed = read().await;
    let is_good = entry.want(&changed, &params).unwrap() == Want::Keep;
    let is_stage = entry.staged && entry.reached(&original.value, &to, &changed.value).unwrap();
    assert!(is_good || is_stage, "get after put is not what was put: {}", changed.value);
    let back = entry.put(&resource, &params, &account, &changed.value, &original.value).await;
    if let Back::Refused(why) = case.back {
        return assert!(back.is_err_and(|error| error.to_string().contains(why)));
    }
    back.unwrap();
    assert!(entry.same(&read().await.value, &original.value).unwrap());
    assert_eq!(staged.observe(&place).await, seen, "there and back is not the original");
}

/// The resources of the events were never made here. Settings of whole accounts cannot be gone.
async fn gone() {
    for entry in redress_controls::CATALOG {
        if entry.spec.resources.contains(&"AwsAccount") {
            continue;
        }
        let place = SHIPPED.place().await;
        let case = cases().into_iter().find(|case| case.control == entry.spec.id).unwrap();
        let account = account(case, &place);
        let named = event(&format!("securityhub/{}.json", entry.spec.id))["detail"]["findings"][0]["Resources"][0].take();
        let id = named["Id"].as_str().unwrap().replace("111122223333", place.account.as_str());
        let kind = named["Type"].as_str().unwrap().to_owned();
        let partition = Partition::try_from("aws").unwrap();
        let region = if entry.spec.scope == Scope::Global { partition.global_region() } else { place.region.clone() };
        let resource = Resource { kind, id, account: place.account.clone(), region, partition, name: None, path: None };
        let read = entry.get(&resource, &Json::Null, &account).await;
        // Of what may be absent, absence is a value; there is nothing to do about it.
        let is_content = |reading: &redress_remediation::Reading| entry.want(reading, &Json::Null).unwrap() == Want::Keep;
        let is_gone = matches!(&read, Ok(None)) || read.as_ref().is_ok_and(|reading| reading.as_ref().is_some_and(is_content));
        assert!(is_gone, "{}: {read:?}", entry.spec.id);
    }
}
