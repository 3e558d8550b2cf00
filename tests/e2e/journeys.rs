//! Journeys: what happens on the way of a finding when things are not as they should be.

use std::time::Duration;

use libtest_mimic::Trial;
use redress_aws::{Clock, S3Vault, SystemClock, Vault};
use redress_e2e::Seen;
use redress_model::Region;
use redress_testkit::{
    events::{event, finding, unique},
    stage::{Case, Place, Staged, cases},
};
use serde_json::{Value as Json, json};

use crate::{AUTO, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("journeys::what_is_no_event_goes_to_the_dead_letters_with_its_error", no_event),
        trial("journeys::a_bad_finding_among_good_ones_spoils_nothing", one_bad_among_good),
        trial("journeys::findings_that_are_not_to_be_worked_on_are_skipped", skipped),
        trial("journeys::a_finding_that_poses_as_security_hub_s_is_refused_and_counted", spoofed),
        trial("journeys::a_missing_role_and_a_suspended_account_are_named_and_others_go_on", closed_accounts),
        trial("journeys::a_resource_that_is_gone_is_absent", gone),
        trial("journeys::a_passing_failure_is_retried", passing_failure),
        trial("journeys::a_lasting_failure_is_told_and_ends_in_the_dead_letters", lasting_failure),
        trial("journeys::a_throttled_read_never_makes_the_policy_look_empty", throttled_policy),
        trial("journeys::the_same_event_twice_is_one_change", same_event_twice),
        trial("journeys::a_change_of_another_hand_is_not_overwritten", another_hand),
        trial("journeys::a_website_is_changed_only_after_a_person_was_asked", website),
        trial("journeys::undo_is_refused_where_somebody_else_changed_the_value_since", drifted),
        trial("journeys::acts_in_the_region_of_the_resource", cross_region),
        trial("journeys::both_password_findings_keep_every_other_field", both_passwords),
        trial("journeys::a_finding_that_has_passed_is_closed_and_fails_as_news", passed),
        trial("journeys::a_slow_migration_waits_for_every_stage_and_loses_no_attribute", slow_migration),
        trial("journeys::a_second_finding_starts_no_second_migration", second_finding),
        trial("journeys::an_undone_exchange_of_databases_gives_the_original_its_name_back_though_the_finding_has_passed", exchange_undone),
        trial("journeys::an_image_is_never_overwritten", one_image),
        trial("journeys::no_secret_and_no_whole_event_is_logged", quiet_logs),
    ]
}

pub(crate) fn case(control: &str) -> Case {
    cases().into_iter().find(|case| case.control == control).unwrap()
}

/// A violation of a control in an account of its own: where it is, what it is, its finding.
async fn bad(control: &str) -> (Place<'static>, Staged, Json) {
    staged(AUTO.place().await, control).await
}

pub(crate) async fn staged(place: Place<'static>, control: &str) -> (Place<'static>, Staged, Json) {
    let staged = case(control).stage(&place).await;
    let finding = finding(control, &staged);
    (place, staged, finding)
}

/// An "imported" event with these findings, as EventBridge would deliver it.
pub(crate) fn imported(findings: &[&Json]) -> Json {
    let mut event = event("securityhub/S3.5.json");
    event["id"] = json!(format!("journey-{}", unique()));
    event["detail"]["findings"] = json!(findings);
    event
}

/// What was sent before has been worked on when a finding that was sent after it is answered: lanes may differ, so a moment is added.
async fn settled() {
    let (_, _, marker) = bad("KMS.4").await;
    AUTO.import(&marker).await;
    AUTO.answer(&marker, None).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
}

pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..2400 {
        if let Some(seen) = look().await {
            return seen;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} did not happen")
}

async fn no_event() {
    let client = aws_sdk_sqs::Client::new(AUTO.admin());
    let url = AUTO.local().output("FindingsQueueUrl");
    let without =
        json!({"id": "e", "source": "aws.securityhub", "detail-type": "Security Hub Findings - Imported", "detail": {"findings": []}});
    for body in ["this is not JSON", r#"{"some": "object"}"#, &without.to_string()] {
        client.send_message().queue_url(&url).message_body(body).send().await.unwrap();
    }
    let (_, _, good) = bad("S3.8").await;
    AUTO.import(&good).await;
    assert_eq!(AUTO.answer(&good, None).await.outcome, "remediated");
    let mut letters = Vec::new();
    eventually("three dead letters", async || {
        letters.extend(AUTO.drain("FindingsDeadLettersUrl").await);
        (letters.len() >= 3).then_some(())
    })
    .await;
    for letter in letters {
        let error = letter.message_attributes().unwrap()["error"].string_value().unwrap().to_owned();
        assert!(error.starts_with("not an EventBridge event") || error == "an event without findings", "{error}");
        assert!(!error.contains('\n'));
    }
}

async fn one_bad_among_good() {
    let (_, _, first) = bad("S3.5").await;
    let (_, _, second) = bad("EC2.53").await;
    for finding in [&first, &second] {
        // Known to Security Hub, so that it can be annotated; its own event is one of the two deliveries.
        AUTO.import(finding).await;
    }
    let nonsense = json!({"Id": 7});
    let unknown = json!({"Compliance": {"Status": "FAILED", "SecurityControlId": "Nothing.1"}, "Id": "x", "ProductArn": first["ProductArn"], "AwsAccountId": first["AwsAccountId"], "Resources": [{"Type": "T", "Id": "i"}]});
    AUTO.local().send_event(&imported(&[&nonsense, &first, &unknown, &second]));
    for finding in [&first, &second] {
        let seen = AUTO.answer(finding, None).await;
        assert_eq!(seen.workflow, "RESOLVED", "{}", seen.note);
    }
}

async fn skipped() {
    let (place, staged, finding) = bad("S3.5").await;
    let before = staged.observe(&place).await;
    for (part, name, value) in [
        ("Compliance", "Status", "PASSED"),
        ("Compliance", "SecurityControlId", "Nothing.1"),
        ("Workflow", "Status", "SUPPRESSED"),
        ("Workflow", "Status", "RESOLVED"),
        ("", "RecordState", "ARCHIVED"),
        ("", "Resources", "none"),
    ] {
        let mut other = finding.clone();
        let target = if part.is_empty() { &mut other } else { &mut other[part] };
        target[name] = json!(value);
        // As a custom action: the rule for imported findings would already hold most of them back.
        AUTO.choose("RedressRemediate", &other);
        AUTO.local().send_event(&imported(&[&other]));
    }
    settled().await;
    assert_eq!(staged.observe(&place).await, before);
    assert!(AUTO.actions_in(&staged).is_empty(), "the account was entered");
}

async fn spoofed() {
    let (place, staged, finding) = bad("S3.5").await;
    let before = staged.observe(&place).await;
    let mut foreign = finding.clone();
    foreign["ProductArn"] = json!(format!("arn:aws:securityhub:us-east-1:{0}:product/{0}/default", place.account));
    let mut elsewhere = finding.clone();
    elsewhere["Resources"][0]["Id"] = json!("arn:aws:kms:us-east-1:999988887777:key/k");
    let refused =
        |lines: Vec<String>| lines.iter().filter(|line| line.contains("SuspiciousFindings") && line.contains("CloudWatchMetrics")).count();
    let counted = refused(AUTO.local().logs("FindingRouter"));
    AUTO.local().send_event(&imported(&[&foreign, &elsewhere]));
    eventually("both are counted", async || (refused(AUTO.local().logs("FindingRouter")) >= counted + 2).then_some(())).await;
    settled().await;
    assert_eq!(staged.observe(&place).await, before);
}

async fn closed_accounts() {
    let (_, _, good) = bad("S3.8").await;
    let roleless = staged(AUTO.place_with(json!({"role": false})).await, "S3.8").await.2;
    let place = AUTO.place().await;
    let suspended = staged(place, "S3.8").await;
    AUTO.local().add_account(&suspended.1.account, &json!({"state": "SUSPENDED"}));
    for finding in [&roleless, &suspended.2, &good] {
        AUTO.import(finding).await;
    }
    for finding in [&roleless, &suspended.2] {
        let seen = AUTO.answer(finding, None).await;
        assert_eq!((seen.outcome.as_str(), seen.workflow.as_str()), ("failed", "NOTIFIED"));
        assert!(seen.note.contains("sts:AssumeRole") && seen.note.contains("role/RedressMemberRole"), "{}", seen.note);
    }
    assert_eq!(AUTO.answer(&good, None).await.outcome, "remediated");
}

async fn gone() {
    let (place, staged, finding) = bad("EC2.53").await;
    let id = staged.resource.rsplit('/').next().unwrap();
    aws_sdk_ec2::Client::new(&place.sdk).delete_security_group().group_id(id).send().await.unwrap();
    AUTO.import(&finding).await;
    let seen = AUTO.answer(&finding, None).await;
    assert_eq!((seen.outcome.as_str(), seen.workflow.as_str()), ("absent", "NOTIFIED"));
}

fn fault(place: &Place<'_>, operation: &str, times: u32, more: Json) {
    let mut fault = json!({"account": place.account.as_str(), "service": "s3", "operation": operation, "times": times});
    fault.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    AUTO.local().post("faults", &fault);
}

async fn passing_failure() {
    let (place, _, finding) = bad("S3.5").await;
    fault(&place, "GetBucketPolicy", 2, json!({"status": 503, "code": "SlowDown"}));
    fault(&place, "PutBucketPolicy", 1, json!({"status": 500, "code": "InternalError"}));
    AUTO.import(&finding).await;
    let seen = AUTO.answer(&finding, None).await;
    assert_eq!((seen.outcome.as_str(), seen.workflow.as_str()), ("remediated", "RESOLVED"), "{}", seen.note);
}

async fn lasting_failure() {
    let (place, staged, finding) = bad("S3.8").await;
    let before = staged.observe(&place).await;
    fault(&place, "PutPublicAccessBlock", 1000, json!({"status": 503, "code": "SlowDown", "message": "please slow down"}));
    AUTO.import(&finding).await;
    let seen = AUTO.answer(&finding, None).await;
    assert_eq!((seen.outcome.as_str(), seen.workflow.as_str()), ("failed", "NOTIFIED"));
    assert!(seen.note.contains("throttled") && seen.note.contains("SlowDown"), "{}", seen.note);
    assert_eq!(staged.observe(&place).await, before);
    let bucket = staged.resource.clone();
    eventually("the job is a dead letter", async || {
        let letters = AUTO.drain("JobsDeadLettersUrl").await;
        letters.iter().any(|letter| letter.body().is_some_and(|body| body.contains(&bucket))).then_some(())
    })
    .await;
}

async fn throttled_policy() {
    let (place, staged, finding) = bad("S3.5").await;
    let before = staged.observe(&place).await;
    // Both more than the SDK's own retries and fewer than the queue's.
    fault(&place, "GetBucketPolicy", 6, json!({"status": 400, "code": "Throttling"}));
    AUTO.import(&finding).await;
    let seen = AUTO.answer(&finding, None).await;
    assert_eq!(seen.outcome, "remediated", "{}", seen.note);
    let after = staged.observe(&place).await;
    let kept = before["Statement"][0].clone();
    assert!(after["Statement"].as_array().unwrap().contains(&kept), "the old statement is gone: {after}");
}

async fn same_event_twice() {
    let (place, staged, finding) = bad("S3.5").await;
    let event = imported(&[&finding]);
    AUTO.local().send_event(&event);
    AUTO.local().send_event(&event);
    let mut later = event.clone();
    later["id"] = json!("a later delivery with an id of its own");
    AUTO.local().send_event(&later);
    eventually("it is set right", async || staged.observe(&place).await["Statement"].as_array().filter(|list| list.len() == 2).map(|_| ()))
        .await;
    settled().await;
    let writes = AUTO.actions_in(&staged).into_iter().filter(|action| action == "s3:PutBucketPolicy").count();
    assert_eq!(writes, 1);
}

async fn another_hand() {
    let (place, staged, finding) = bad("S3.5").await;
    // The first reading takes two seconds, because what is read beside the policy is slow; meanwhile somebody writes another policy.
    let bucket = staged.resource.rsplit(':').next().unwrap().to_owned();
    let theirs = json!({"Version": "2012-10-17", "Statement": [{"Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteBucket", "Resource": staged.resource}]});
    fault(&place, "GetBucketWebsite", 1, json!({"status": 0, "delay_seconds": 2}));
    AUTO.import(&finding).await;
    eventually("the run has read", async || AUTO.actions_in(&staged).contains(&"s3:GetBucketPolicy".to_owned()).then_some(())).await;
    let client = aws_sdk_s3::Client::new(&place.sdk);
    client.put_bucket_policy().bucket(&bucket).policy(theirs.to_string()).send().await.unwrap();
    let seen = AUTO.answer(&finding, None).await;
    assert_eq!(seen.outcome, "remediated", "{}", seen.note);
    let after = staged.observe(&place).await;
    assert!(after["Statement"].as_array().unwrap().contains(&theirs["Statement"][0]), "it was written over: {after}");
}

async fn website() {
    let (place, staged, finding) = bad("S3.5").await;
    let bucket = staged.resource.rsplit(':').next().unwrap();
    let index = aws_sdk_s3::types::IndexDocument::builder().suffix("index.html").build().unwrap();
    let site = aws_sdk_s3::types::WebsiteConfiguration::builder().index_document(index).build();
    aws_sdk_s3::Client::new(&place.sdk).put_bucket_website().bucket(bucket).website_configuration(site).send().await.unwrap();
    let before = staged.observe(&place).await;
    AUTO.import(&finding).await;
    let asked = AUTO.answer(&finding, None).await;
    assert_eq!((asked.outcome.as_str(), asked.workflow.as_str()), ("needs-approval", "NOTIFIED"));
    assert!(asked.note.contains("website"), "{}", asked.note);
    assert_eq!(staged.observe(&place).await, before);
    let mut notified = finding.clone();
    notified["Workflow"]["Status"] = json!("NOTIFIED");
    // Events carry whole seconds; an answer within the second of the question would count as earlier.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    AUTO.choose("RedressApprove", &notified);
    let done: Seen = AUTO.answer(&finding, Some(&asked)).await;
    assert_eq!((done.outcome.as_str(), done.workflow.as_str()), ("remediated", "RESOLVED"), "{}", done.note);
}

async fn drifted() {
    let (place, staged, finding) = bad("S3.5").await;
    AUTO.import(&finding).await;
    let first = AUTO.answer(&finding, None).await;
    let bucket = staged.resource.rsplit(':').next().unwrap();
    let mut theirs = staged.observe(&place).await;
    let more = json!({"Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteBucket", "Resource": staged.resource});
    theirs["Statement"].as_array_mut().unwrap().push(more);
    aws_sdk_s3::Client::new(&place.sdk).put_bucket_policy().bucket(bucket).policy(theirs.to_string()).send().await.unwrap();
    AUTO.choose("RedressUndo", &finding);
    let second = AUTO.answer(&finding, Some(&first)).await;
    assert_eq!(second.outcome, "held", "{}", second.note);
    assert_eq!(staged.observe(&place).await, theirs);
}

async fn cross_region() {
    let home = AUTO.place().await;
    let place = Place::new(AUTO.local(), home.account.clone(), Region::try_from("eu-west-1").unwrap()).await;
    let (place, staged, finding) = staged(place, "KMS.4").await;
    // The home region emits the linked regions' findings too.
    AUTO.local().send_event(&imported(&[&finding]));
    eventually("the key is rotated", async || (staged.observe(&place).await == json!(true)).then_some(())).await;
}

async fn both_passwords() {
    let (place, staged, length) = bad("IAM.15").await;
    let mut reuse = finding("IAM.16", &staged);
    reuse["Id"] = json!(format!("{}-reuse", length["Id"].as_str().unwrap()));
    for finding in [&length, &reuse] {
        AUTO.import(finding).await;
    }
    for finding in [&length, &reuse] {
        let seen = AUTO.answer(finding, None).await;
        assert_eq!(seen.workflow, "RESOLVED", "{}", seen.note);
    }
    let after = staged.observe(&place).await;
    let rest = json!({"length": 14, "symbols": true, "numbers": false, "upper": false, "lower": false, "change": true, "age": 90, "reuse": 24, "hard": false});
    assert_eq!(after, rest);
}

async fn one_image() {
    let owner = AUTO.local().ready().admin.clone();
    let vault = S3Vault::new(AUTO.admin(), AUTO.local().output("VaultBucket"), owner);
    let run = SystemClock.new_run();
    let name = vault.save(run, b"what was").await.unwrap();
    assert_eq!(vault.save(run, b"what was").await.unwrap(), name, "a retry of the same is fine");
    assert!(vault.save(run, b"something else").await.is_err());
    assert_eq!(vault.load(run).await.unwrap(), (name, b"what was".to_vec()));
}

async fn quiet_logs() {
    let (_, _, finding) = bad("S3.5").await;
    AUTO.import(&finding).await;
    AUTO.answer(&finding, None).await;
    for function in ["FindingRouter", "CisRemediator"] {
        let lines = AUTO.local().logs(function);
        assert!(lines.iter().any(|line| line.contains("S3.5")), "{function} logs nothing of it: {lines:?}");
        for line in lines {
            for secret in ["redress-local-external-id", "SecretAccessKey", "SessionToken", "SchemaVersion", "\"Statement\""] {
                assert!(!line.contains(secret), "{function} logs {secret}: {line}");
            }
        }
    }
}

/// Security Hub's later evaluation of the same finding.
fn evaluated(finding: &Json, status: &str, at: &str) -> Json {
    let mut later = finding.clone();
    later["Compliance"]["Status"] = json!(status);
    later["UpdatedAt"] = json!(at);
    later
}

async fn passed() {
    let (place, _, finding) = bad("IAM.9").await;
    let device = |kind: &str| {
        let body = json!({"account": place.account.as_str(), "AccountMFAEnabled": i32::from(kind != "none"), "RootMFADevice": kind});
        place.local.post("account-summary", &body);
    };
    AUTO.import(&finding).await;
    let told = AUTO.answer(&finding, None).await;
    assert_eq!((told.outcome.as_str(), told.workflow.as_str()), ("needs-person", "NOTIFIED"));
    device("hardware");
    AUTO.import(&evaluated(&finding, "PASSED", "2030-01-01T00:00:00Z")).await;
    let closed = AUTO.answer(&finding, Some(&told)).await;
    assert_eq!((closed.outcome.as_str(), closed.workflow.as_str()), ("compliant", "RESOLVED"), "{}", closed.note);
    device("none");
    AUTO.import(&evaluated(&finding, "FAILED", "2030-01-02T00:00:00Z")).await;
    let again = AUTO.answer(&finding, Some(&closed)).await;
    assert_eq!((again.outcome.as_str(), again.workflow.as_str()), ("needs-person", "NOTIFIED"));
}

async fn slow_migration() {
    let place = AUTO.place().await;
    let (place, staged, finding) = self::staged(place, "RDS.3").await;
    let before = staged.observe(&place).await;
    place.local.post("transitions", &json!({"account": place.account.as_str(), "kind": "rds", "steps": 6}));
    AUTO.import(&finding).await;
    let seen = AUTO.follow(&finding, None).await;
    assert!(["remediated", "compliant"].contains(&seen.outcome.as_str()), "{}", seen.note);
    assert_eq!(seen.workflow, "RESOLVED");
    let after = staged.observe(&place).await;
    let name = staged.resource.rsplit(':').next().unwrap();
    let of = |seen: &Json, name: &str| {
        let all = seen["instances"].as_array().unwrap().clone();
        all.into_iter().find(|one| one[0] == json!(name)).unwrap_or_else(|| panic!("no {name} in {seen}"))
    };
    let (was, is, kept) = (of(&before, name), of(&after, name), of(&after, &format!("{name}-redress-old")));
    assert_eq!((was[1].clone(), is[1].clone(), kept[1].clone()), (json!(false), json!(true), json!(false)));
    for attribute in 2..6 {
        assert_eq!((&was[attribute], &was[attribute]), (&is[attribute], &kept[attribute]), "{after}");
    }
}

async fn second_finding() {
    let (place, staged, first) = bad("RDS.3").await;
    let mut second = first.clone();
    second["Id"] = json!(format!("{}-again", first["Id"].as_str().unwrap()));
    place.local.post("transitions", &json!({"account": place.account.as_str(), "kind": "rds", "steps": 1000}));
    AUTO.import(&first).await;
    let asked = AUTO.answer(&first, None).await;
    assert_eq!(asked.outcome, "needs-approval", "{}", asked.note);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    AUTO.choose("RedressApprove", &first);
    let begun = AUTO.answer(&first, Some(&asked)).await;
    let snapshots = staged.observe(&place).await["snapshots"].clone();
    assert_eq!((begun.outcome.as_str(), snapshots.as_array().unwrap().len()), ("in-progress", 1), "{}", begun.note);
    AUTO.import(&second).await;
    let waits = AUTO.answer(&second, None).await;
    assert_eq!(waits.outcome, "in-progress", "{}", waits.note);
    assert_eq!(staged.observe(&place).await["snapshots"], snapshots);
}

async fn exchange_undone() {
    let (place, staged, finding) = bad("RDS.3").await;
    let before = staged.observe(&place).await["instances"].clone();
    AUTO.import(&finding).await;
    let done = AUTO.follow(&finding, None).await;
    assert_eq!(done.outcome, "remediated", "{}", done.note);
    AUTO.import(&evaluated(&finding, "PASSED", "2030-01-01T00:00:00Z")).await;
    AUTO.choose("RedressUndo", &finding);
    let undone = AUTO.follow(&finding, Some(&done)).await;
    assert_eq!((undone.outcome.as_str(), undone.workflow.as_str()), ("undone", "NOTIFIED"), "{}", undone.note);
    let name = staged.resource.rsplit(':').next().unwrap();
    let now = staged.observe(&place).await["instances"].clone();
    let original = |all: &Json| all.as_array().unwrap().iter().find(|one| one[0] == json!(name)).cloned();
    assert_eq!(original(&now), original(&before), "the original does not have its name: {now}");
}
