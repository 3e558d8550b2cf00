//! Scores and responses: as documented, bounded, monotone, deterministic; and who is contained.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use redress_incidents::{Deed, Habits, Policy, Score, ThreatLists, respond, score};
use serde_json::{Value as Json, json};

const ROOT: &str = "arn:aws:iam::111122223333:root";

fn at() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

fn user(name: &str) -> Json {
    json!({"type": "IAMUser", "arn": format!("arn:aws:iam::111122223333:user/{name}"), "accessKeyId": "AKIAX"})
}

fn role(name: &str) -> Json {
    let issuer = json!({"sessionIssuer": {"arn": format!("arn:aws:iam::111122223333:role/{name}")}});
    json!({"type": "AssumedRole", "arn": format!("arn:aws:sts::111122223333:assumed-role/{name}/ci"), "sessionContext": issuer})
}

fn event(call: &str, identity: Json, parameters: Json, from: &str, region: &str) -> Json {
    let (service, name) = call.split_once(':').unwrap();
    let made = json!({"accessKey": {"accessKeyId": "AKIANEW"}});
    json!({"detail-type": "AWS API Call via CloudTrail", "detail": {
        "eventID": format!("{call} {from} {region}"), "eventTime": at(), "eventSource": format!("{service}.amazonaws.com"), "eventName": name,
        "awsRegion": region, "sourceIPAddress": from, "userIdentity": identity, "requestParameters": parameters, "responseElements": made,
        "recipientAccountId": "111122223333", "readOnly": false}})
}

fn deed(call: &str, identity: Json, parameters: Json) -> Deed {
    Deed::parse(&event(call, identity, parameters, "192.0.2.1", "us-east-1")).unwrap()
}

/// Habits of somebody who has done this for days.
fn used_to(deeds: &[&Deed]) -> Habits {
    let mut habits = Habits::default();
    for deed in deeds {
        for days in [3, 2, 1] {
            let earlier = Deed { at: deed.at - SignedDuration::from_hours(24 * days), ..(*deed).clone() };
            habits = habits.after(&earlier);
        }
    }
    habits
}

fn plain(deed: &Deed, habits: &Habits) -> Score {
    score(deed, habits, &ThreatLists::default(), &Policy::default())
}

fn controls(deed: &Deed, score: &Score, policy: &Policy) -> Vec<(String, String, bool)> {
    let (responses, _) = respond(deed, score, policy, &["RedressMemberRole".to_owned()]);
    responses.into_iter().map(|one| (one.control, one.resource.id, one.asks.is_some())).collect()
}

#[test]
fn a_pipeline_doing_its_daily_work_is_nothing() {
    let daily = deed("iam:AttachRolePolicy", role("deploy"), json!({"roleName": "app"}));
    let score = plain(&daily, &used_to(&[&daily]));
    assert_eq!((score.total, score.of_actor), (25, 0), "{score:?}");
    assert!(controls(&daily, &score, &Policy::default()).is_empty());
    let first = plain(&daily, &Habits::default());
    assert_eq!(first.total, 35, "of whom nothing is known: that counts once");
}

#[test]
fn a_first_region_a_listed_address_and_a_root_login_count_as_documented() {
    let habit = deed("iam:CreateUser", user("ann"), json!({"userName": "bob"}));
    let habits = used_to(&[&habit]);
    let elsewhere = Deed::parse(&event("iam:CreateUser", user("ann"), json!({"userName": "bob"}), "192.0.2.1", "ap-south-1")).unwrap();
    assert_eq!(plain(&elsewhere, &habits).total - plain(&habit, &habits).total, 15);
    let lists = ThreatLists::default().with("tor", "192.0.2.0/24");
    let listed = score(&habit, &habits, &lists, &Policy::default());
    assert_eq!(listed.total - plain(&habit, &habits).total, 45);
    assert!(listed.reasons.iter().any(|reason| reason.why.contains("tor") && reason.of_actor));
    let mut login = event("signin:ConsoleLogin", json!({"type": "Root", "arn": ROOT}), Json::Null, "192.0.2.1", "us-east-1");
    login["detail-type"] = json!("AWS Console Sign In via CloudTrail");
    login["detail"]["additionalEventData"] = json!({"MFAUsed": "No"});
    let bare = plain(&Deed::parse(&login).unwrap(), &Habits::default());
    login["detail"]["additionalEventData"] = json!({"MFAUsed": "Yes"});
    let with_factor = plain(&Deed::parse(&login).unwrap(), &Habits::default());
    assert_eq!((bare.total, with_factor.total), (80, 50), "root 40, no second factor 30, unknown 10: {bare:?}");
}

#[test]
fn the_target_is_contained_and_the_pipeline_that_made_it_is_not() {
    let made = deed("iam:CreateAccessKey", role("deploy"), json!({"userName": "bob"}));
    let policy = Policy::parse(r#"{"actions": {"iam:CreateAccessKey": 85}}"#).unwrap();
    let score = score(&made, &used_to(&[&made]), &ThreatLists::default(), &policy);
    let key = "arn:aws:iam::111122223333:user/bob/accesskey/AKIANEW".to_owned();
    assert_eq!(controls(&made, &score, &policy), [("Incident.2".to_owned(), key, false)]);
}

#[test]
fn an_intruder_is_contained_with_what_it_made() {
    let made = deed("iam:CreateAccessKey", user("mallory"), json!({"userName": "bob"}));
    let lists = ThreatLists::default().with("tor", "192.0.2.1");
    let score = score(&made, &Habits::default(), &lists, &Policy::default());
    assert_eq!(score.total, 85);
    let key = "arn:aws:iam::111122223333:user/bob/accesskey/AKIANEW".to_owned();
    let mallory = "arn:aws:iam::111122223333:user/mallory".to_owned();
    let expected = [("Incident.2".to_owned(), key, false), ("Incident.1".to_owned(), mallory, false)];
    assert_eq!(controls(&made, &score, &Policy::default()), expected);
}

#[test]
fn between_the_thresholds_a_person_is_asked_and_a_role_is_always_asked_for() {
    let lists = ThreatLists::default().with("tor", "192.0.2.1");
    let made = deed("iam:CreateUser", role("ops"), json!({"userName": "bob"}));
    let score = score(&made, &Habits::default(), &lists, &Policy::default());
    assert_eq!(score.total, 75);
    assert!(controls(&made, &score, &Policy::default()).iter().all(|(.., asks)| *asks));
    let worse = Score { total: 95, ..score };
    let asked: Vec<(String, bool)> = controls(&made, &worse, &Policy::default()).into_iter().map(|(_, id, asks)| (id, asks)).collect();
    let id = |kind: &str, name: &str| format!("arn:aws:iam::111122223333:{kind}/{name}");
    assert_eq!(asked, [(id("user", "bob"), false), (id("role", "ops"), true)]);
}

#[test]
fn an_instance_is_cut_off_with_a_yes_unless_the_policy_gives_it() {
    let finding = |kind: &str| {
        let detail = json!({"id": "f-1", "accountId": "111122223333", "region": "eu-west-1", "severity": 8, "type": kind, "updatedAt": at(),
            "resource": {"instanceDetails": {"instanceId": "i-1"}}, "service": {"resourceRole": "TARGET"}});
        Deed::parse(&json!({"detail-type": "GuardDuty Finding", "detail": detail})).unwrap()
    };
    let mined = finding("CryptoCurrency:EC2/BitcoinTool.B!DNS");
    let high = plain(&mined, &Habits::default());
    let arn = "arn:aws:ec2:eu-west-1:111122223333:instance/i-1".to_owned();
    let shipped = Policy::default();
    assert_eq!(controls(&mined, &high, &shipped), [("Incident.3".to_owned(), arn.clone(), true)]);
    let willing = Policy { isolate_instances: true, ..Policy::default() };
    assert_eq!(controls(&mined, &high, &willing), [("Incident.3".to_owned(), arn, false)]);
    for (deed, policy) in
        [(finding("UnauthorizedAccess:EC2/SSHBruteForce"), willing.clone()), (mined, Policy { protected: vec!["i-1".into()], ..willing })]
    {
        let (responses, left) = respond(&deed, &high, &policy, &[]);
        assert!(responses.is_empty() && left.iter().any(|why| why.contains("i-1")), "{responses:?} {left:?}");
    }
}

#[test]
fn nobody_who_is_protected_ours_or_aws_s_is_ever_contained() {
    let policy = Policy::parse(r#"{"protected": ["break-glass"]}"#).unwrap();
    for identity in [
        user("break-glass"),
        role("RedressMemberRole"),
        json!({"type": "Root", "arn": ROOT}),
        json!({"type": "AWSService"}),
        json!({"type": "AssumedRole", "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_1"}}}),
        json!({"type": "AWSAccount", "accountId": "999999999999"}),
        json!({"type": "IAMUser", "arn": "arn:aws:iam::999999999999:user/stranger"}),
    ] {
        let done = deed("kms:ScheduleKeyDeletion", identity.clone(), json!({"keyId": "k"}));
        let score = Score { total: 100, of_actor: 100, reasons: Vec::new() };
        let (responses, left) = respond(&done, &score, &policy, &["RedressMemberRole".to_owned()]);
        assert!(responses.is_empty() && left.len() == 1, "{identity}: {responses:?} {left:?}");
    }
}

#[test]
fn a_stopped_trail_and_an_opened_bucket_are_set_right() {
    let stopped = deed("cloudtrail:StopLogging", user("ann"), json!({"name": "main"}));
    let score = plain(&stopped, &Habits::default());
    assert_eq!(
        controls(&stopped, &score, &Policy::default()),
        [("CloudTrail.1".to_owned(), "AWS::::Account:111122223333".to_owned(), false)]
    );
    let policy = json!({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}]});
    let opened = deed("s3:PutBucketPolicy", user("ann"), json!({"bucketName": "b", "bucketPolicy": policy}));
    let score = plain(&opened, &Habits::default());
    assert_eq!(controls(&opened, &score, &Policy::default()), [("S3.8".to_owned(), "arn:aws:s3:::b".to_owned(), false)]);
}

#[test]
fn what_failed_counts_less_and_changes_nothing() {
    let mut refused = event("cloudtrail:StopLogging", user("ann"), json!({"name": "main"}), "192.0.2.1", "us-east-1");
    refused["detail"]["errorCode"] = json!("AccessDenied");
    let deed = Deed::parse(&refused).unwrap();
    assert_eq!(plain(&deed, &Habits::default()).total, 40);
    let score = Score { total: 90, of_actor: 0, reasons: Vec::new() };
    assert!(controls(&deed, &score, &Policy::default()).is_empty());
}

#[test]
fn habits_settle_after_an_hour_and_are_forgotten_after_ninety_days() {
    let first = deed("iam:CreateUser", user("ann"), json!({"userName": "bob"}));
    let later = |hours: i64| Deed { at: first.at + SignedDuration::from_hours(hours), ..first.clone() };
    let once = Habits::default().after(&first);
    assert!(once.is_stranger(first.at + SignedDuration::from_mins(30)), "nobody gets used to an intruder within the hour");
    assert!(!once.is_stranger(first.at + SignedDuration::from_hours(2)));
    assert!(once.is_stranger(first.at + SignedDuration::from_hours(91 * 24)));
    let again = once.after(&later(91 * 24));
    assert!(again.is_stranger(first.at + SignedDuration::from_hours(91 * 24)), "what comes back after long is new");
}

/// A deed, its habits and lists, by seven switches.
fn built(switches: [bool; 7]) -> Score {
    let [root, listed, elsewhere, bare, failed, public, stranger] = switches;
    let identity = if root { json!({"type": "Root", "arn": ROOT}) } else { user("ann") };
    let region = if elsewhere { "ap-south-1" } else { "us-east-1" };
    let policy = json!({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}]});
    let parameters = if public { json!({"bucketName": "b", "bucketPolicy": policy}) } else { json!({"bucketName": "b"}) };
    let call = if bare { "signin:ConsoleLogin" } else { "s3:PutBucketPolicy" };
    let mut event = event(call, identity.clone(), parameters.clone(), "192.0.2.1", region);
    if failed {
        event["detail"]["errorCode"] = json!("AccessDenied");
    }
    let lists = if listed { ThreatLists::default().with("l", "192.0.2.1") } else { ThreatLists::default() };
    let usual = deed(call, identity, json!({"bucketName": "b"}));
    let habits = if stranger { Habits::default() } else { used_to(&[&usual]) };
    score(&Deed::parse(&event).unwrap(), &habits, &lists, &Policy::default())
}

proptest! {
    #[test]
    fn scores_are_bounded_deterministic_and_the_sum_of_their_reasons(switches: [bool; 7]) {
        let score = built(switches);
        prop_assert!(score.total <= 100 && score.of_actor <= score.total);
        prop_assert_eq!(&score, &built(switches));
        let sum: u16 = score.reasons.iter().map(|reason| u16::from(reason.points)).sum();
        prop_assert_eq!(u16::from(score.total), sum.min(100));
    }

    #[test]
    fn what_is_worse_never_scores_less(switches: [bool; 7], which in prop::sample::select(vec![0_usize, 1, 2, 5])) {
        let (mut without, mut with) = (switches, switches);
        (without[which], with[which]) = (false, true);
        // Of a stranger a new region says nothing more.
        prop_assert!(built(with).total >= built(without).total);
    }

    #[test]
    fn any_json_is_a_deed_or_none_and_never_a_panic(text in "\\PC*") {
        let _ = Deed::parse(&json!({"detail-type": "GuardDuty Finding", "detail": {"id": text, "severity": text}}));
        let _ = ThreatLists::default().with("l", &text);
        let _ = Policy::parse(&text);
    }
}
