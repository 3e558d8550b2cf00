//! The organization: every account in Security Hub and with its baseline, whatever is broken in some.

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_config::types::{ConfigurationRecorder, DeliveryChannel, RecordingGroup};
use libtest_mimic::Trial;
use redress_e2e::World;
use redress_model::{AccountId, Region};
use redress_testkit::{events::unique, local::MANAGEMENT, stage::Place};
use serde_json::{Value as Json, json};

use crate::{GOVERNED, GUARDED, ORGANIZATION, SHIPPED, command::Operator, journeys::eventually, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("organization::a_hundred_and_twenty_accounts_are_onboarded_whatever_is_broken_and_a_second_run_changes_nothing", everybody),
        trial("organization::a_new_account_is_onboarded_by_its_event_in_one_invocation", by_event),
        trial("organization::an_account_without_its_role_is_tried_again_and_told", without_role),
        trial("organization::the_baseline_converges_an_odd_account_and_undo_brings_back_what_was", baseline),
        trial("organization::a_baseline_tells_of_every_account_whatever_is_broken_and_people_of_changes_only", baseline_of_all),
        trial("organization::an_administrator_is_delegated_and_its_organization_configured_in_a_new_region", new_region),
        trial("organization::what_aws_leaves_unprocessed_is_tried_again_and_told_by_account", unprocessed),
        trial("organization::under_central_configuration_only_accounts_that_govern_themselves_are_changed", governed),
        trial(
            "organization::the_command_onboards_from_the_management_account_after_a_plan_that_changes_nothing_and_verifies",
            command_onboards,
        ),
        trial("organization::a_test_finding_arrives", test_finding),
        trial("organization::where_it_cannot_be_told_who_governs_nothing_is_changed", not_told),
        trial("organization::who_becomes_the_administrator_while_it_is_asked_for_is_told_when_it_is_asked_again", told_again),
        trial("organization::as_shipped_a_sweep_plans_and_changes_nothing", as_shipped),
        trial("organization::a_person_s_yes_is_to_what_was_chosen", approved),
        trial("organization::undo_switches_off_what_was_off", off_again),
        trial("organization::the_organization_s_trail_is_respected", organization_trail),
        trial("organization::the_command_plans_with_costs_applies_reports_and_undoes_a_baseline", command_baseline),
        trial("organization::stack_sets_make_the_roles_of_members", stack_sets),
    ]
}

/// Asks for a sweep as people do, and waits for its result.
async fn swept(world: &World, area: &str, kind: &str, detail: Json) -> Json {
    let before = sweeps(world, area).await;
    let entry = aws_sdk_eventbridge::types::PutEventsRequestEntry::builder()
        .source("custom.security.compliance")
        .detail_type(kind)
        .detail(detail.to_string())
        .build();
    let put = aws_sdk_eventbridge::Client::new(world.admin()).put_events().entries(entry).send().await.unwrap();
    assert_eq!(put.failed_entry_count(), 0);
    let wanted = detail["scan_type"].clone();
    for _ in 0..4000 {
        for sweep in sweeps(world, area).await.difference(&before) {
            if let Some(result) =
                world.report(&format!("{area}/sweeps/{sweep}/result.json")).await.filter(|result| result["scan_type"] == wanted)
            {
                return result;
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let logs = if area == "baseline" { world.local().logs("AccountBaseline") } else { world.local().logs("MemberOnboarder") };
    panic!("no result of {kind} {detail}\n{}", logs[logs.len().saturating_sub(20)..].join("\n"))
}

/// Tests run side by side: each sweep is known by a type of its own.
async fn onboarded(world: &World, accounts: &[&str], regions: &[&str]) -> Json {
    let detail = json!({"scan_type": format!("t{}", unique()), "accounts": accounts, "regions": regions});
    swept(world, "onboarding", "Manual Onboarding", detail).await
}

async fn based(accounts: &[&str], regions: &[&str]) -> Json {
    based_in(&ORGANIZATION, accounts, regions).await
}

async fn based_in(world: &World, accounts: &[&str], regions: &[&str]) -> Json {
    let detail = json!({"scan_type": format!("t{}", unique()), "accounts": accounts, "regions": regions});
    swept(world, "baseline", "Manual Baseline", detail).await
}

async fn sweeps(world: &World, area: &str) -> BTreeSet<String> {
    let client = aws_sdk_s3::Client::new(world.admin());
    let call = client.list_objects_v2().bucket(world.local().output("ReportsBucket")).prefix(format!("{area}/sweeps/")).delimiter("/");
    let answer = call.send().await.unwrap();
    let name = |prefix: &str| prefix.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
    answer.common_prefixes().iter().filter_map(|prefix| prefix.prefix().map(name)).collect()
}

fn cell<'a>(result: &'a Json, account: &str, region: &str, service: &str) -> &'a Json {
    let is = |cell: &&Json| cell["account"] == account && cell["region"] == region && cell["service"] == service;
    let cells = result["cells"].as_array().unwrap();
    cells.iter().find(is).unwrap_or_else(|| panic!("no cell of {account} {region} {service} in {:#?}", of(result, account)))
}

fn is_good(cell: &Json) -> bool {
    ["good", "changed"].contains(&cell["state"].as_str().unwrap())
}

fn of<'a>(result: &'a Json, account: &str) -> Vec<&'a Json> {
    result["cells"].as_array().unwrap().iter().filter(|cell| cell["account"] == account).collect()
}

/// What an account's Security Hub looks like in a region, from outside.
fn hub(world: &World, account: &AccountId, region: &str) -> (bool, BTreeSet<String>) {
    let all = world.inventory(account);
    let standard =
        |key: &str| key.strip_prefix(&format!("securityhub/{region}/standards/")).map(|arn| arn.rsplit('/').next().unwrap().to_owned());
    let standards = all.keys().filter_map(|key| standard(key)).collect();
    (all.contains_key(&format!("securityhub/{region}/hub")), standards)
}

/// The members of the administrator's Security Hub in a region that are enabled.
async fn members(world: &World, region: &str) -> BTreeSet<String> {
    let admin = world.local().root(&world.local().ready().admin, &Region::try_from(region).unwrap()).await;
    let mut members = BTreeSet::new();
    let mut pages = aws_sdk_securityhub::Client::new(&admin).list_members().only_associated(false).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        let enabled =
            page.members().iter().filter(|member| member.member_status().is_some_and(|status| status.eq_ignore_ascii_case("enabled")));
        members.extend(enabled.map(|member| member.account_id().unwrap().to_owned()));
    }
    members
}

async fn everybody() {
    let world = &*ORGANIZATION;
    // Nobody becomes a member by itself.
    let hub_of_admin = aws_sdk_securityhub::Client::new(world.admin());
    hub_of_admin.update_organization_configuration().auto_enable(false).send().await.unwrap();
    let fresh: Vec<String> = (0..117).map(|_| format!("4{:011}", unique())).collect();
    let suspended = format!("4{:011}", unique());
    let mut accounts: Vec<Json> = fresh.iter().map(|account| json!({ "account": account })).collect();
    accounts.push(json!({"account": suspended, "state": "SUSPENDED"}));
    world.local().post("accounts", &json!(accounts));
    let without = world.place_with(json!({"role": false})).await;
    let closed = world.place().await;
    world.local().post("regions", &json!({"account": closed.account.as_str(), "region": "us-east-1", "state": "closed"}));
    let (without, closed) = (without.account.as_str(), closed.account.as_str());
    let all: Vec<&str> = fresh.iter().map(String::as_str).chain([suspended.as_str(), without, closed]).collect();
    assert_eq!(all.len(), 120);
    let result = onboarded(world, &all, &["us-east-1"]).await;
    let enabled = members(world, "us-east-1").await;
    for account in &fresh {
        assert!(enabled.contains(account), "{account} is lost");
        for service in ["security-hub", "standards", "membership"] {
            assert_eq!(
                cell(&result, account, "us-east-1", service)["state"],
                "changed",
                "{:#}",
                cell(&result, account, "us-east-1", service)
            );
        }
    }
    let run = |account: &String| cell(&result, account, "us-east-1", "membership")["run"].as_str().unwrap().to_owned();
    assert!(fresh.iter().map(run).collect::<BTreeSet<_>>().len() >= 3, "fifty at a time");
    for one in [&fresh[0], &fresh[50], &fresh[100], &fresh[116]] {
        let id = AccountId::try_from(one.as_str()).unwrap();
        assert_eq!(hub(world, &id, "us-east-1"), (true, ["1.0.0".to_owned(), "3.0.0".to_owned()].into()));
    }
    assert_eq!(cell(&result, &suspended, "us-east-1", "membership")["state"], "inactive");
    assert_eq!(cell(&result, &suspended, "us-east-1", "security-hub")["state"], "inactive");
    assert_eq!(cell(&result, without, "us-east-1", "standards")["state"], "no-role");
    assert_eq!(cell(&result, without, "us-east-1", "membership")["state"], "changed", "what needs no role is done without");
    assert_eq!(cell(&result, closed, "us-east-1", "security-hub")["state"], "closed");
    let some = AccountId::try_from(fresh[7].as_str()).unwrap();
    let before = world.inventory(&some);
    let again = onboarded(world, &all, &["us-east-1"]).await;
    let changed: Vec<&Json> = again["cells"].as_array().unwrap().iter().filter(|cell| cell["state"] == "changed").collect();
    assert!(changed.is_empty(), "{changed:#?}");
    assert_eq!(world.inventory(&some), before);
    let runs = again["cells"].as_array().unwrap().iter().filter(|cell| cell.get("run").is_some_and(|run| !run.is_null())).count();
    assert_eq!(runs, 0, "where all is well nothing is recorded");
    let listed = ledger(world).await.into_iter().filter(|item| item.contains("LIST#later") && item.contains("Organization.4")).count();
    assert_eq!(listed, 0, "the next sweep goes on, and nobody else");
}

/// Every item of the ledger, as text.
async fn ledger(world: &World) -> Vec<String> {
    let client = aws_sdk_dynamodb::Client::new(world.admin());
    let pages = client.scan().table_name(world.local().output("LedgerTable")).into_paginator().items().send();
    let items: Vec<_> = pages.collect::<Result<Vec<_>, _>>().await.unwrap();
    items.iter().map(|item| format!("{item:?}")).collect()
}

/// A queue that gets the mails of a deployment.
async fn mails(world: &World, name: &str) -> String {
    let client = aws_sdk_sqs::Client::new(world.admin());
    let ready = world.local().ready();
    let arn = format!("arn:aws:sqs:{}:{}:{name}", ready.region, ready.admin);
    let statement = json!({"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn});
    let policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
    let call = client.create_queue().queue_name(name).attributes(aws_sdk_sqs::types::QueueAttributeName::Policy, policy);
    let url = call.send().await.unwrap().queue_url.unwrap();
    let topic = world.local().output("NotificationsTopicArn");
    aws_sdk_sns::Client::new(world.admin()).subscribe().topic_arn(&topic).protocol("sqs").endpoint(&arn).send().await.unwrap();
    url
}

/// The mails that came, and name this.
async fn named_in(world: &World, url: &str, what: &str) -> Vec<String> {
    let client = aws_sdk_sqs::Client::new(world.admin());
    let mut bodies = Vec::new();
    loop {
        let answer = client.receive_message().queue_url(url).max_number_of_messages(10).send().await.unwrap();
        let messages = answer.messages.unwrap_or_default();
        if messages.is_empty() {
            return bodies;
        }
        for message in messages {
            client.delete_message().queue_url(url).receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
            bodies.extend(message.body.filter(|body| body.contains(what)));
        }
    }
}

async fn by_event() {
    let world = &*ORGANIZATION;
    let mails = mails(world, "onboarding-mails").await;
    let account = AccountId::try_from(format!("4{:011}", unique())).unwrap();
    world.local().post("accounts", &json!({"account": account.as_str(), "event": true}));
    let cells = eventually("the account's onboarding", async || {
        let key = format!("onboarding/accounts/{account}.json");
        world.report(&key).await.filter(|cells| cells.as_array().unwrap().iter().all(|cell| cell["state"] != "no-role"))
    })
    .await;
    for region in ["us-east-1", "eu-west-1"] {
        assert_eq!(hub(world, &account, region), (true, ["1.0.0".to_owned(), "3.0.0".to_owned()].into()), "{cells:#}");
        assert!(members(world, region).await.contains(account.as_str()), "{cells:#}");
    }
    let is_about = |line: &&String| line.contains(account.as_str()) && line.contains("\"onboarded\"");
    assert_eq!(world.local().logs("MemberOnboarder").iter().filter(is_about).count(), 1, "in one invocation");
    let told = eventually("the mail", async || {
        let told = named_in(world, &mails, account.as_str()).await;
        (!told.is_empty()).then_some(told)
    })
    .await;
    assert!(told.iter().any(|mail| mail.contains("onboarded") && mail.contains("standards")), "{told:?}");
    // It leaves again.
    let organizations = |action: &str| {
        json!({"source": "aws.organizations", "detail-type": "AWS API Call via CloudTrail", "account": MANAGEMENT,
        "region": "us-east-1", "detail": {"eventSource": "organizations.amazonaws.com", "eventName": action, "requestParameters": {"accountId": "499999999999"}}})
    };
    let client = aws_sdk_sqs::Client::new(world.admin());
    let call = client.send_message().queue_url(world.local().output("OrganizationQueueUrl"));
    call.message_body(organizations("RemoveAccountFromOrganization").to_string()).send().await.unwrap();
    eventually("the mail about who left", async || {
        let told = named_in(world, &mails, "499999999999").await;
        told.iter().any(|mail| mail.contains("left the organization")).then_some(())
    })
    .await;
}

async fn without_role() {
    let world = &*ORGANIZATION;
    let account = AccountId::try_from(format!("4{:011}", unique())).unwrap();
    world.local().post("accounts", &json!({"account": account.as_str(), "role": false, "event": true}));
    let key = format!("onboarding/accounts/{account}.json");
    let cells = eventually("the account's first round", async || world.report(&key).await).await;
    let hub_cell = cells.as_array().unwrap().iter().find(|cell| cell["service"] == "security-hub").unwrap();
    assert_eq!(hub_cell["state"], "no-role");
    assert!(hub_cell["said"].as_str().unwrap().contains("RedressMemberRole"), "{hub_cell}");
    assert!(members(world, "us-east-1").await.contains(account.as_str()), "what needs no role is done at once");
    let queued = eventually("the request to look again", async || {
        let client = aws_sdk_sqs::Client::new(world.admin());
        let url = world.local().output("OrganizationQueueUrl");
        let call = client.get_queue_attributes().queue_url(url).attribute_names(aws_sdk_sqs::types::QueueAttributeName::All);
        let attributes = call.send().await.unwrap().attributes.unwrap_or_default();
        let delayed = attributes.get(&aws_sdk_sqs::types::QueueAttributeName::ApproximateNumberOfMessagesDelayed)?.clone();
        (delayed != "0").then_some(delayed)
    })
    .await;
    assert_ne!(queued, "0");
}

/// An account with a stopped recorder of an odd name, a suspended detector, a paused Macie, and the default standards.
async fn odd() -> (Place<'static>, String) {
    let place = ORGANIZATION.place().await;
    let bucket = format!("config-logs-{}", place.account);
    aws_sdk_s3::Client::new(&place.sdk).create_bucket().bucket(&bucket).send().await.unwrap();
    let iam = aws_sdk_iam::Client::new(&place.sdk);
    let _ = iam.create_service_linked_role().aws_service_name("config.amazonaws.com").send().await;
    let config = aws_sdk_config::Client::new(&place.sdk);
    let role = format!("arn:aws:iam::{}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig", place.account);
    let group = RecordingGroup::builder().all_supported(true).include_global_resource_types(true).build();
    let recorder =
        ConfigurationRecorder::builder().name("aws-controltower-BaselineConfigRecorder").role_arn(role).recording_group(group).build();
    config.put_configuration_recorder().configuration_recorder(recorder).send().await.unwrap();
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "config.amazonaws.com"},
        "Action": ["s3:GetBucketAcl", "s3:ListBucket", "s3:PutObject"], "Resource": [format!("arn:aws:s3:::{bucket}"), format!("arn:aws:s3:::{bucket}/*")]}]});
    aws_sdk_s3::Client::new(&place.sdk).put_bucket_policy().bucket(&bucket).policy(policy.to_string()).send().await.unwrap();
    let channel = DeliveryChannel::builder().name("aws-controltower-BaselineConfigDeliveryChannel").s3_bucket_name(&bucket).build();
    config.put_delivery_channel().delivery_channel(channel).send().await.unwrap();
    let guardduty = aws_sdk_guardduty::Client::new(&place.sdk);
    let detector = guardduty.create_detector().enable(true).send().await.unwrap().detector_id.unwrap();
    guardduty.update_detector().detector_id(&detector).enable(false).send().await.unwrap();
    let macie = aws_sdk_macie2::Client::new(&place.sdk);
    macie.enable_macie().status(aws_sdk_macie2::types::MacieStatus::Paused).send().await.unwrap();
    aws_sdk_securityhub::Client::new(&place.sdk).enable_security_hub().enable_default_standards(true).send().await.unwrap();
    (place, detector)
}

async fn baseline() {
    let (place, detector) = odd().await;
    let account = place.account.as_str();
    let before = ORGANIZATION.inventory(&place.account);
    let result = based(&[account], &["us-east-1"]).await;
    let told = |service: &str| cell(&result, account, "us-east-1", service).clone();
    for service in
        ["standards", "config", "conformance-pack", "guardduty", "macie", "inspector", "s3-public-access", "ebs-encryption", "cloudtrail"]
    {
        assert_eq!(told(service)["state"], "changed", "{:#}", told(service));
        assert!(told(service)["run"].is_string());
    }
    assert_eq!(told("security-hub")["state"], "good");
    assert_eq!(told("audit-manager")["state"], "unavailable", "{:#}", told("audit-manager"));
    assert!(told("guardduty")["changes"][0].as_str().unwrap().contains("about 4 USD"), "what it costs is said: {:#}", told("guardduty"));
    // What was there is adopted, resumed and started, and nothing is made beside it.
    let config = aws_sdk_config::Client::new(&place.sdk);
    let recorders = config.describe_configuration_recorder_status().send().await.unwrap();
    let status = recorders.configuration_recorders_status();
    assert_eq!((status.len(), status[0].name(), status[0].recording()), (1, Some("aws-controltower-BaselineConfigRecorder"), true));
    let detectors = aws_sdk_guardduty::Client::new(&place.sdk).list_detectors().send().await.unwrap();
    assert_eq!(detectors.detector_ids(), [detector]);
    assert_eq!(hub(&ORGANIZATION, &place.account, "us-east-1").1, ["1.0.0".to_owned(), "3.0.0".to_owned()].into());
    // The report has the keys that people know.
    let report = ORGANIZATION.report(&format!("baseline/sweeps/{}/report.json", result["sweep"].as_str().unwrap())).await.unwrap();
    let document = &report[0];
    assert_eq!((&document["Account"], &document["Region"]), (&json!(account), &json!("us-east-1")));
    assert!(document["Config"]["Status"]["ConformancePack"].as_str().unwrap().starts_with("enabled now"), "{document:#}");
    assert!(!document["LoggingBucket"]["Name"].as_str().unwrap().is_empty(), "{document:#}");
    // A second run changes nothing.
    let after = ORGANIZATION.inventory(&place.account);
    let again = based(&[account], &["us-east-1"]).await;
    for cell in of(&again, account) {
        assert!(["good", "unavailable"].contains(&cell["state"].as_str().unwrap()), "{cell:#}");
    }
    assert_eq!(ORGANIZATION.inventory(&place.account), after);
    // Undo switches off only what was switched on; newest first, as packs need recorders.
    let mut runs: Vec<(String, String)> = of(&result, account)
        .iter()
        .filter(|cell| cell["state"] == "changed")
        .map(|cell| (cell["run"].as_str().unwrap().to_owned(), cell["service"].as_str().unwrap().to_owned()))
        .collect();
    runs.sort();
    for (run, service) in runs.iter().rev() {
        undo(&place, run, service).await;
    }
    let left: Vec<String> = differing(&before, &ORGANIZATION.inventory(&place.account));
    let recorder = "config/us-east-1/recorders/aws-controltower-BaselineConfigRecorder".to_owned();
    let now = ORGANIZATION.inventory(&place.account);
    assert_eq!(now[&recorder]["status"]["recording"], false, "only when it was last started is another time");
    let is_said = |key: &String| {
        *key == recorder
            || key.contains("roles/AWSServiceRole")
            || key.contains("/redress-")
            || key.contains("bucket")
            || key.starts_with("s3/")
    };
    let unsaid: Vec<&String> = left.iter().filter(|key| !is_said(key)).collect();
    assert!(unsaid.is_empty(), "{unsaid:#?}");
}

fn differing(one: &serde_json::Map<String, Json>, other: &serde_json::Map<String, Json>) -> Vec<String> {
    let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    keys.into_iter().filter(|key| one.get(*key) != other.get(*key)).cloned().collect()
}

/// A person asks the deployed suite to take a run back.
async fn undo(place: &Place<'_>, run: &str, service: &str) {
    let record = answered(&ORGANIZATION, place, run, "undo").await;
    assert_eq!(record["outcome"]["outcome"], "undone", "{service}: {record:#}");
}

/// A person answers a run, through the deployed suite.
pub(crate) async fn answered(world: &World, place: &Place<'_>, run: &str, intent: &str) -> Json {
    let record = world.record(run).await;
    let event = format!("{intent}-{}", unique());
    let job = json!({
        "intent": intent, "controls": record["controls"], "resource": record["resource"],
        "request": {"event": event, "at": jiff::Timestamp::now(), "by": "arn:aws:iam::200000000000:user/ann", "about": run},
    });
    let call = aws_sdk_sqs::Client::new(world.admin()).send_message().queue_url(world.local().output("JobsQueueUrl"));
    let call = call.message_body(job.to_string()).message_group_id(place.account.as_str()).message_deduplication_id(&event);
    call.send().await.unwrap();
    eventually(&format!("an answer to {intent}"), async || ended(world, &event).await).await
}

/// The record of the run that answered an event.
async fn ended(world: &World, event: &str) -> Option<Json> {
    let client = aws_sdk_dynamodb::Client::new(world.admin());
    let pages = client.scan().table_name(world.local().output("LedgerTable")).into_paginator().items().send();
    let items: Vec<_> = pages.collect::<Result<Vec<_>, _>>().await.unwrap();
    let record = |item: &std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>| {
        serde_json::from_str::<Json>(item.get("record")?.as_s().ok()?).ok()
    };
    items.iter().filter_map(record).find(|record| record["event"] == event)
}

async fn baseline_of_all() {
    let (good, without) = (ORGANIZATION.place().await, ORGANIZATION.place_with(json!({"role": false})).await);
    let (suspended, closed) = (ORGANIZATION.place_with(json!({"state": "SUSPENDED"})).await, ORGANIZATION.place().await);
    ORGANIZATION.local().post("regions", &json!({"account": closed.account.as_str(), "region": "eu-west-1", "state": "closed"}));
    let all = [&good, &without, &suspended, &closed].map(|place| place.account.as_str());
    let result = based(&all, &["us-east-1", "eu-west-1"]).await;
    for region in ["us-east-1", "eu-west-1"] {
        assert_eq!(cell(&result, all[0], region, "guardduty")["state"], "changed");
        assert_eq!(cell(&result, all[1], region, "guardduty")["state"], "no-role");
        assert_eq!(cell(&result, all[2], region, "guardduty")["state"], "inactive");
    }
    assert_eq!(cell(&result, all[3], "us-east-1", "guardduty")["state"], "changed");
    for cell in of(&result, all[3]).iter().filter(|cell| cell["region"] == "eu-west-1") {
        assert_eq!(cell["state"], "closed", "{cell:#}");
    }
    // What there is one of in an account is done once.
    let trails = of(&result, all[0]).iter().filter(|cell| cell["service"] == "cloudtrail").count();
    assert_eq!(trails, 1);
    let needs = cell(&result, all[0], "eu-west-1", "config");
    assert_eq!(needs["state"], "needs-person", "without a bucket a recorder is not made: {needs:#}");
    let told = drift_of(&result);
    assert!(told.iter().any(|one| one.contains("no-role")) && told.iter().any(|one| one.contains("changed")), "{told:?}");
}

fn drift_of(result: &Json) -> Vec<String> {
    result["drift"].as_array().unwrap().iter().map(|one| one["state"].as_str().unwrap().to_owned()).collect()
}

async fn new_region() {
    let world = &*GOVERNED;
    let _turn = TURNS.lock().await;
    let place = world.place().await;
    let result = onboarded(world, &[place.account.as_str()], &["eu-west-1"]).await;
    let (admin, management) = (world.local().ready().admin.to_string(), MANAGEMENT);
    assert_eq!(cell(&result, management, "eu-west-1", "delegated-administrator")["state"], "changed", "{:#?}", of(&result, management));
    assert_eq!(cell(&result, &admin, "eu-west-1", "organization-configuration")["state"], "changed");
    assert_eq!(cell(&result, place.account.as_str(), "eu-west-1", "membership")["state"], "changed");
    let there = world.local().root(&world.local().ready().admin, &Region::try_from("eu-west-1").unwrap()).await;
    let configuration = aws_sdk_securityhub::Client::new(&there).describe_organization_configuration().send().await.unwrap();
    assert_eq!((configuration.auto_enable(), configuration.auto_enable_standards().unwrap().as_str()), (Some(true), "NONE"));
    // One that names its regions is extended.
    let hub_of_admin = aws_sdk_securityhub::Client::new(world.admin());
    hub_of_admin.create_finding_aggregator().region_linking_mode("SPECIFIED_REGIONS").regions("eu-north-1").send().await.unwrap();
    let home = onboarded(world, &[place.account.as_str()], &["us-east-1"]).await;
    assert_eq!(cell(&home, &admin, "us-east-1", "finding-aggregator")["state"], "changed");
    let arn =
        hub_of_admin.list_finding_aggregators().send().await.unwrap().finding_aggregators()[0].finding_aggregator_arn().unwrap().to_owned();
    let aggregator = hub_of_admin.get_finding_aggregator().finding_aggregator_arn(arn).send().await.unwrap();
    assert_eq!(aggregator.regions(), ["eu-north-1", "eu-west-1"]);
    let again = onboarded(world, &[place.account.as_str()], &["us-east-1", "eu-west-1"]).await;
    assert_eq!(cell(&again, &admin, "us-east-1", "finding-aggregator")["state"], "good");
    assert_eq!(cell(&again, &admin, "eu-west-1", "delegated-administrator")["state"], "good");
}

async fn unprocessed() {
    let world = &*GOVERNED;
    let _turn = TURNS.lock().await;
    // Nobody becomes a member by itself.
    let hub = aws_sdk_securityhub::Client::new(world.admin());
    hub.update_organization_configuration().auto_enable(false).send().await.unwrap();
    let places = [world.place().await, world.place().await, world.place().await];
    let [fine, later, never] = places.each_ref().map(|place| place.account.as_str());
    let post = |account: &str, times: u32| {
        let body = json!({"service": "securityhub", "account": account, "times": times, "reason": format!("{account} is busy")});
        world.local().post("unprocessed", &body)
    };
    post(later, 1);
    post(never, 1000);
    let result = onboarded(world, &[fine, later, never], &["us-east-1"]).await;
    let membership = |account: &str| cell(&result, account, "us-east-1", "membership");
    assert!(is_good(membership(fine)) && is_good(membership(later)), "{:#} {:#}", membership(fine), membership(later));
    assert_eq!(membership(never)["state"], "failed", "{:#}", membership(never));
    assert!(membership(never)["said"].as_str().unwrap().contains(&format!("{never} is busy")), "{:#}", membership(never));
}

async fn governed() {
    let world = &*GOVERNED;
    let _turn = TURNS.lock().await;
    let places = [world.place().await, world.place().await, world.place().await, world.place().await];
    let [by_policy, broken, by_itself, nobody_s] = places.each_ref().map(|place| place.account.as_str());
    let association = |target: &str, status: &str, policy: &str| json!({"target": target, "type": "APPLIED", "status": status, "policy": policy, "message": "no recorder"});
    let associations = [
        association(by_policy, "SUCCESS", "p-1"),
        association(broken, "FAILED", "p-1"),
        association(by_itself, "SUCCESS", "SELF_MANAGED_SECURITY_HUB"),
    ];
    let before: Vec<_> = places.iter().map(|place| world.inventory(&place.account)).collect();
    world.local().post("governance", &json!({"type": "CENTRAL", "associations": associations}));
    let all = [by_policy, broken, by_itself, nobody_s];
    let result = onboarded(world, &all, &["us-east-1"]).await;
    for service in ["security-hub", "standards", "membership"] {
        assert_eq!(cell(&result, by_policy, "us-east-1", service)["state"], "governed");
        assert_eq!(cell(&result, broken, "us-east-1", service)["state"], "failed");
        assert!(cell(&result, broken, "us-east-1", service)["said"].as_str().unwrap().contains("no recorder"));
        assert_eq!(cell(&result, nobody_s, "us-east-1", service)["state"], "needs-person");
        assert!(is_good(cell(&result, by_itself, "us-east-1", service)), "{:#}", cell(&result, by_itself, "us-east-1", service));
    }
    for (index, place) in places.iter().enumerate().filter(|(index, _)| *index != 2) {
        assert_eq!(world.inventory(&place.account), before[index], "{} was touched", place.account);
    }
    assert!(hub(world, &places[2].account, "us-east-1").0);
    world.local().post("governance", &json!({"type": "DECLARATIVE"}));
    let last = world.place().await;
    let untouched = world.inventory(&last.account);
    let result = onboarded(world, &[last.account.as_str()], &["us-east-1"]).await;
    assert_eq!(cell(&result, last.account.as_str(), "us-east-1", "security-hub")["state"], "needs-person");
    assert!(cell(&result, last.account.as_str(), "us-east-1", "security-hub")["said"].as_str().unwrap().contains("declarative"));
    assert_eq!(world.inventory(&last.account), untouched);
    world.local().post("governance", &json!({"type": "LOCAL"}));
}

/// Who governs is the same for all: those that set it take turns.
static TURNS: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

async fn command_onboards() {
    let world = &*GOVERNED;
    let _turn = TURNS.lock().await;
    let hub_of_admin = aws_sdk_securityhub::Client::new(world.admin());
    hub_of_admin.update_organization_configuration().auto_enable(false).send().await.unwrap();
    // An account that the organization made has it; members here have, too.
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{MANAGEMENT}:root")}, "Action": "sts:AssumeRole"}]});
    let everything = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let iam = aws_sdk_iam::Client::new(world.admin());
    let role = "OrganizationAccountAccessRole";
    iam.create_role().role_name(role).assume_role_policy_document(trust.to_string()).send().await.unwrap();
    iam.put_role_policy().role_name(role).policy_name("all").policy_document(everything.to_string()).send().await.unwrap();
    let (one, other) = (world.place().await, world.place().await);
    let ready = world.local().ready();
    let operator = Operator::of(&ready.endpoint, MANAGEMENT, "us-east-1");
    let admin = ready.admin.to_string();
    let accounts = ["--account", one.account.as_str(), "--account", other.account.as_str()];
    let onboard = |more: &[&str]| {
        let arguments = ["--json", "org", "onboard", &admin, "OrganizationAccountAccessRole", "us-east-1"];
        operator.run(&[&arguments[..], &accounts, more].concat())
    };
    let before = world.inventory(&one.account);
    let plan = onboard(&["--plan"]);
    assert_eq!(plan.code, 3, "{}{}", plan.out, plan.err);
    assert_eq!(world.inventory(&one.account), before, "a plan changes nothing");
    assert!(plan.out.contains("about 0.001 USD for each check") || plan.out.contains("its checks cost"), "{}", plan.out);
    let verify = operator.run(&[&["org", "verify", &admin, "OrganizationAccountAccessRole", "us-east-1"], &accounts[..]].concat());
    assert_eq!(verify.code, 3, "{}{}", verify.out, verify.err);
    let applied = onboard(&["--apply"]);
    assert_eq!(applied.code, 0, "{}{}", applied.out, applied.err);
    for place in [&one, &other] {
        assert_eq!(hub(world, &place.account, "us-east-1"), (true, ["1.0.0".to_owned(), "3.0.0".to_owned()].into()));
        assert!(members(world, "us-east-1").await.contains(place.account.as_str()));
    }
    let verify = operator.run(&[&["org", "verify", &admin, "OrganizationAccountAccessRole", "us-east-1"], &accounts[..]].concat());
    assert_eq!(verify.code, 0, "{}{}", verify.out, verify.err);
    assert!(verify.out.contains("all members enabled"), "{}", verify.out);
    let again = onboard(&["--apply"]);
    assert!(again.code == 0 && !again.out.contains("changed"), "{}", again.out);
    // What is about the organization is the operator's to undo.
    let cells: Json = serde_json::from_str(&applied.out).unwrap();
    let is_joined = |cell: &&Json| cell["service"] == "membership" && cell["state"] == "changed";
    let run = cells.as_array().unwrap().iter().find(is_joined).unwrap()["run"].as_str().unwrap().to_owned();
    let undone = operator.run(&["--role", "OrganizationAccountAccessRole", "undo", &run]);
    assert_eq!(undone.code, 0, "{}{}", undone.out, undone.err);
    assert!(!members(world, "us-east-1").await.contains(one.account.as_str()));
}

async fn test_finding() {
    let world = &*GOVERNED;
    let place = world.place().await;
    let ready = world.local().ready();
    let operator = Operator::of(&ready.endpoint, ready.admin.as_str(), "us-east-1");
    let said = operator.run(&["--role", "OrganizationAccountAccessRole", "org", "test-finding", "--account", place.account.as_str()]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(said.out.contains(&format!("redress/test/us-east-1/{} arrived in account {}", place.account, ready.admin)), "{}", said.out);
}

async fn command_baseline() {
    let place = ORGANIZATION.place().await;
    let operator = Operator::of(&place.local.ready().endpoint, place.account.as_str(), "us-east-1");
    let before = ORGANIZATION.inventory(&place.account);
    let plan = operator.run(&["baseline", "plan", "--all"]);
    assert_eq!(plan.code, 3, "{}{}", plan.out, plan.err);
    assert!(plan.out.contains("GuardDuty detector; about 4 USD for a million"), "{}", plan.out);
    assert_eq!(ORGANIZATION.inventory(&place.account), before, "a plan changes nothing");
    let wrong = operator.run(&["baseline", "plan", "--services", "guardduti"]);
    assert!(wrong.code == 1 && wrong.err.contains("guardduty"), "{}", wrong.err);
    let applied = operator.run(&["--json", "baseline", "apply", "--services", "guardduty,ebs-encryption,s3-public-access"]);
    assert_eq!(applied.code, 0, "{}{}", applied.out, applied.err);
    let cells: Json = serde_json::from_str(&applied.out).unwrap();
    assert!(cells.as_array().unwrap().iter().all(|cell| cell["state"] == "changed"), "{cells:#}");
    let report = operator.run(&["baseline", "report"]);
    let documents: Json = serde_json::from_str(&report.out).unwrap();
    assert_eq!(documents[0]["GuardDuty"]["Status"], "enabled");
    assert_eq!(documents[0]["AccountLevelSettings"]["Status"][1]["DefaultEbsEncryption"], "enabled");
    assert_ne!(documents[0]["SecurityHub"]["Standards"], "enabled", "standards are not on because the hub is: {documents:#}");
    for cell in cells.as_array().unwrap() {
        let undone = operator.run(&["undo", cell["run"].as_str().unwrap()]);
        assert_eq!(undone.code, 0, "{}{}", undone.out, undone.err);
    }
    let left = differing(&before, &ORGANIZATION.inventory(&place.account));
    let unsaid: Vec<&String> = left.iter().filter(|key| !key.contains("roles/AWSServiceRole")).collect();
    assert!(unsaid.is_empty(), "{unsaid:?}");
}

async fn not_told() {
    let world = &*GOVERNED;
    let _turn = TURNS.lock().await;
    let place = world.place().await;
    let before = world.inventory(&place.account);
    let fault = json!({"service": "securityhub", "operation": "DescribeOrganizationConfiguration", "times": 20, "status": 403, "code": "AccessDeniedException"});
    world.local().post("faults", &fault);
    let result = onboarded(world, &[place.account.as_str()], &["us-east-1"]).await;
    let based = based_in(world, &[place.account.as_str()], &["us-east-1"]).await;
    ureq_delete(world, "faults");
    for (result, services) in [(&result, &["security-hub", "standards", "membership"][..]), (&based, &["security-hub", "standards"])] {
        for service in services {
            let cell = cell(result, place.account.as_str(), "us-east-1", service);
            let is_there = *service == "security-hub" && cell["state"] == "good";
            assert!(is_there || ["needs-person", "failed"].contains(&cell["state"].as_str().unwrap()), "{cell:#}");
        }
    }
    let is_security_hub_s = |key: &&String| key.starts_with("securityhub/");
    let after = world.inventory(&place.account);
    assert_eq!(after.keys().filter(is_security_hub_s).collect::<Vec<_>>(), before.keys().filter(is_security_hub_s).collect::<Vec<_>>());
}

async fn told_again() {
    let world = &*GOVERNED;
    let _turn = TURNS.lock().await;
    let place = world.place().await;
    // Another account joins meanwhile, and by the time that the management account is asked the administrator is delegated.
    let fault = json!({"service": "securityhub", "operation": "DescribeOrganizationConfiguration", "times": 1, "status": 401, "code": "InvalidAccessException"});
    world.local().post("faults", &fault);
    let result = onboarded(world, &[place.account.as_str()], &["us-east-1"]).await;
    for service in ["security-hub", "standards", "membership"] {
        let cell = cell(&result, place.account.as_str(), "us-east-1", service);
        assert!(is_good(cell), "{cell:#}");
    }
}

fn ureq_delete(world: &World, door: &str) {
    let url = format!("{}/_local/{door}", world.local().ready().endpoint);
    ureq::delete(&url).call().unwrap();
}

async fn as_shipped() {
    let place = SHIPPED.place().await;
    let before = SHIPPED.inventory(&place.account);
    let based = based_in(&SHIPPED, &[place.account.as_str()], &["us-east-1"]).await;
    let onboarded = onboarded(&SHIPPED, &[place.account.as_str()], &["us-east-1"]).await;
    assert_eq!(SHIPPED.inventory(&place.account), before);
    assert!(!members(&SHIPPED, "us-east-1").await.contains(place.account.as_str()));
    let planned = cell(&based, place.account.as_str(), "us-east-1", "guardduty");
    assert!(planned["state"] == "planned" && planned["changes"][0].as_str().unwrap().contains("about 4 USD"), "{planned:#}");
    assert_eq!(cell(&onboarded, place.account.as_str(), "us-east-1", "membership")["state"], "planned");
    let written = SHIPPED
        .local()
        .calls()
        .into_iter()
        .filter(|call| call.account == place.account.as_str() && call.principal.contains("RedressMemberRole"));
    let writes: Vec<String> =
        written.map(|call| call.action).filter(|action| action.contains(":Enable") || action.contains(":Create")).collect();
    assert!(writes.is_empty(), "{writes:?}");
}

async fn off_again() {
    let place = GUARDED.place().await;
    GUARDED.rule(&place.account, "mode: auto").await;
    let account = place.account.as_str();
    let result = based_in(&GUARDED, &[account], &["us-east-1"]).await;
    for service in ["guardduty", "macie", "standards", "security-hub"] {
        let run = cell(&result, account, "us-east-1", service)["run"].as_str().unwrap_or_else(|| panic!("{service} in {result:#}"));
        let record = answered(&GUARDED, &place, run, "undo").await;
        assert_eq!(record["outcome"]["outcome"], "undone", "{service}: {record:#}");
    }
    let inventory = GUARDED.inventory(&place.account);
    let watched = ["guardduty/us-east-1/detector", "macie2/us-east-1/session", "securityhub/us-east-1/hub"];
    assert!(!watched.iter().any(|key| inventory.contains_key(*key)));
}

async fn approved() {
    let place = GUARDED.place().await;
    GUARDED.rule(&place.account, "mode: approve, params: {Baseline.2: {standards: [cis-5.0.0]}}").await;
    let hub_here = aws_sdk_securityhub::Client::new(&place.sdk);
    hub_here.enable_security_hub().enable_default_standards(false).send().await.unwrap();
    let before = GUARDED.inventory(&place.account);
    let result = based_in(&GUARDED, &[place.account.as_str()], &["us-east-1"]).await;
    let asked = cell(&result, place.account.as_str(), "us-east-1", "standards");
    assert_eq!(asked["state"], "needs-approval", "{asked:#}");
    assert_eq!(GUARDED.inventory(&place.account), before);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let record = answered(&GUARDED, &place, asked["run"].as_str().unwrap(), "approved").await;
    assert_eq!(record["outcome"]["outcome"], "remediated", "{record:#}");
    assert_eq!(hub(&GUARDED, &place.account, "us-east-1").1, ["5.0.0".to_owned()].into(), "what was asked is what is done");
}

async fn organization_trail() {
    let world = &*GOVERNED;
    let management = world.local().root(&AccountId::try_from(MANAGEMENT).unwrap(), &Region::try_from("us-east-1").unwrap()).await;
    let bucket = format!("organization-logs-{}", unique());
    let s3 = aws_sdk_s3::Client::new(&management);
    s3.create_bucket().bucket(&bucket).send().await.unwrap();
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": ["s3:GetBucketAcl", "s3:PutObject"], "Resource": [format!("arn:aws:s3:::{bucket}"), format!("arn:aws:s3:::{bucket}/*")]}]});
    s3.put_bucket_policy().bucket(&bucket).policy(policy.to_string()).send().await.unwrap();
    let cloudtrail = aws_sdk_cloudtrail::Client::new(&management);
    let call =
        cloudtrail.create_trail().name("organization").s3_bucket_name(&bucket).is_multi_region_trail(true).is_organization_trail(true);
    call.include_global_service_events(true).send().await.unwrap();
    cloudtrail.start_logging().name("organization").send().await.unwrap();
    let place = world.place().await;
    let before = world.inventory(&place.account);
    let result = based_in(world, &[place.account.as_str()], &["us-east-1"]).await;
    let trail = cell(&result, place.account.as_str(), "us-east-1", "cloudtrail");
    assert_eq!((&trail["state"], &trail["bucket"]), (&json!("good"), &json!(bucket)), "{trail:#}");
    let trails = |inventory: &serde_json::Map<String, Json>| {
        inventory.keys().filter(|key| key.starts_with("cloudtrail/")).cloned().collect::<Vec<_>>()
    };
    assert_eq!(trails(&world.inventory(&place.account)), trails(&before), "no second trail is paid for");
}

async fn stack_sets() {
    let place = ORGANIZATION.place().await;
    let iam = aws_sdk_iam::Client::new(&place.sdk);
    for name in ["RedressMemberRole", "RedressReaderRole"] {
        let role = iam.get_role().role_name(name).send().await.unwrap().role.unwrap();
        assert!(role.assume_role_policy_document().unwrap().contains("200000000000"), "{role:?}");
    }
    let there = Place::new(ORGANIZATION.local(), place.account.clone(), Region::try_from("eu-west-1").unwrap()).await;
    for sdk in [&place.sdk, &there.sdk] {
        let rules = aws_sdk_eventbridge::Client::new(sdk).list_rules().send().await.unwrap();
        assert!(!rules.rules().is_empty(), "its changes of security groups are forwarded");
    }
}
