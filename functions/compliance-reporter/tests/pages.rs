//! Reports of an organization that is busy, of one of which nothing is known, and of one with names that mean harm. They are written below
//! `target/tmp/compliance-reporter`, where the tests of `tests/browser` open the pages.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::{fs, path::PathBuf};

use compliance_reporter::{
    facts::{Account, Earlier, Exemption, Facts, Gap, Incident, Run},
    page,
    report::Report,
    table,
};
use jiff::{SignedDuration, Timestamp};
use redress_aws::{Standing, Verdict};
use redress_model::{AccountId, ControlId, Severity, Standard, record::Digest};
use serde_json::{Value as Json, from_value, json};

fn now() -> Timestamp {
    "2026-11-21T06:00:00Z".parse().unwrap()
}

fn hours_ago(hours: i64) -> Timestamp {
    now() - SignedDuration::from_hours(hours)
}

fn control(id: &str) -> ControlId {
    ControlId::try_from(id).unwrap()
}

fn account(number: u64, name: &str, unit: &str) -> Account {
    let id = AccountId::try_from(format!("{:012}", 111_122_223_333 + number)).unwrap();
    Account { id, name: name.into(), unit: Some(unit.into()), state: None }
}

/// What is shown is written, and what is written can be read again.
fn write(name: &str, report: &Report) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compliance-reporter");
    fs::create_dir_all(&folder).unwrap();
    let (html, json) = (page::html(report), serde_json::to_value(report).unwrap());
    for (index, _) in html.match_indices("data-figure=\"") {
        let pointer = html[index..]
            .split('"')
            .nth(1)
            .unwrap()
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&amp;", "&");
        let whole = format!("/{}", pointer.split('/').nth(1).unwrap());
        let is_there = json.pointer(&pointer).is_some() || json.pointer(&whole).is_some_and(Json::is_null);
        assert!(is_there, "`{pointer}` is in the page and not in the JSON");
    }
    fs::write(folder.join(format!("{name}.html")), &html).unwrap();
    fs::write(folder.join(format!("{name}.json")), json.to_string()).unwrap();
    fs::write(folder.join(format!("{name}.csv")), table::csv(report).unwrap()).unwrap();
    html
}

const CONTROLS: [(&str, &str, Severity, &str); 14] = [
    ("IAM.3", "IAM users' access keys should be rotated every 90 days or less", Severity::Medium, "arn:aws:iam::{}:user/deploy-{}"),
    ("IAM.4", "IAM root user access key should not exist", Severity::Critical, "AWS::::Account:{}"),
    ("IAM.5", "MFA should be enabled for all IAM users that have a console password", Severity::Medium, "arn:aws:iam::{}:user/person-{}"),
    ("IAM.6", "Hardware MFA should be enabled for the root user", Severity::Critical, "AWS::::Account:{}"),
    ("IAM.9", "MFA should be enabled for the root user", Severity::Critical, "AWS::::Account:{}"),
    ("IAM.2", "IAM users should not have IAM policies attached", Severity::Low, "arn:aws:iam::{}:user/robot-{}"),
    ("IAM.15", "Ensure IAM password policy requires minimum password length of 14 or greater", Severity::Medium, "AWS::::Account:{}"),
    ("S3.1", "S3 general purpose buckets should have block public access settings enabled", Severity::Medium, "AWS::::Account:{}"),
    (
        "S3.5",
        "S3 general purpose buckets should require requests to use SSL",
        Severity::Medium,
        "arn:aws:s3:::{}-artifacts-of-the-build-pipeline-eu-central-1-{}",
    ),
    ("S3.8", "S3 general purpose buckets should block public access", Severity::High, "arn:aws:s3:::{}-data-{}"),
    (
        "EC2.2",
        "VPC default security groups should not allow inbound or outbound traffic",
        Severity::High,
        "arn:aws:ec2:eu-central-1:{}:security-group/sg-0a1b2c3d4e5f6a7{}",
    ),
    ("EC2.6", "VPC flow logging should be enabled in all VPCs", Severity::Medium, "arn:aws:ec2:eu-central-1:{}:vpc/vpc-0a1b2c3d4e5f6a7{}"),
    (
        "Lambda.1",
        "Lambda function policies should prohibit public access",
        Severity::Critical,
        "arn:aws:lambda:eu-central-1:{}:function:public-{}",
    ),
    ("RDS.3", "RDS DB instances should have encryption at-rest enabled", Severity::Medium, "arn:aws:rds:eu-central-1:{}:db:orders-{}"),
];

fn sweeps(facts: &mut Facts) {
    let rows: Vec<Json> = (0..6)
        .map(|n| json!({"account": format!("{}", 111_122_223_333_u64 + n), "region": "eu-central-1", "verdict": "scanned", "violations": {"high": n, "critical": n / 4}}))
        .collect();
    facts.security_groups = Some(
        from_value(json!({"ended": hours_ago(2), "units": {"scanned": 36, "inactive": 2}, "groups": 412, "rules": 1893,
        "violations": {"critical": 2, "high": 15, "medium": 4}, "exempt": 3, "rows": rows}))
        .unwrap(),
    );
    let services = ["security-hub", "standards", "cloudtrail", "config", "guardduty", "macie", "s3-public-access"];
    let states = ["good", "good", "good", "governed", "changed", "good", "planned", "off", "good", "no-role", "needs-approval"];
    let cells: Vec<Json> = (0..19_u64)
        .flat_map(|n| services.iter().enumerate().map(move |(at, service)| (n, at, *service)))
        .map(|(n, at, service)| {
            let state = states[(usize::try_from(n).unwrap() * 3 + at) % states.len()];
            json!({"account": format!("{}", 111_122_223_333 + n), "region": "eu-central-1", "service": service, "state": state})
        })
        .collect();
    let drift = json!([
        {"before": "good", "account": "111122223340", "region": "eu-central-1", "service": "guardduty", "state": "failed", "said": "the detector is gone"},
        {"before": null, "account": "111122223341", "region": "eu-west-1", "service": "macie", "state": "planned"},
    ]);
    facts.baseline = Some(from_value(json!({"ended": hours_ago(1), "drift": drift, "cells": cells})).unwrap());
    facts.onboarding = Some(from_value(json!({"ended": hours_ago(9), "drift": [], "cells": cells[..40]})).unwrap());
}

fn busy() -> Facts {
    let units = ["/Security", "/Workloads/Production", "/Workloads/Production", "/Workloads/Test", "/Sandbox"];
    let names = ["audit", "payments-production", "shop-production", "shop-test", "sandbox-of-the-data-science-team"];
    let mut facts = Facts { as_of: now(), ..Facts::default() };
    for number in 0..20_u64 {
        let at = usize::try_from(number).unwrap() % 5;
        facts.accounts.push(account(number, &format!("{}-{number}", names[at]), units[at]));
    }
    facts.accounts[19].state = Some("SUSPENDED".into());
    for (index, account) in facts.accounts.clone().iter().enumerate() {
        for (at, (id, title, severity, resource)) in CONTROLS.iter().enumerate() {
            for number in 0..3_usize {
                let turn = (index * 7 + at * 5 + number * 11) % 17;
                let standing = if turn == 0 && number == 2 {
                    Standing::Unknown
                } else if turn < 4 && number == 0 {
                    Standing::Failed
                } else {
                    Standing::Passed
                };
                let resource = resource.replacen("{}", account.id.as_str(), 1).replace("{}", &number.to_string());
                facts.seen.take(Verdict {
                    account: account.id.clone(),
                    control: control(id),
                    title: (*title).to_owned(),
                    severity: (standing == Standing::Failed).then_some(*severity),
                    standing,
                    is_suppressed: turn == 1,
                    resource,
                    standards: vec![Standard::Fsbp, Standard::Cis30, Standard::Nist80053],
                });
            }
        }
    }
    facts.seen.leave_out(1_234_567);
    let outcomes =
        ["remediated", "remediated", "remediated", "planned", "held", "needs-approval", "failed", "undone", "compliant", "put-back"];
    let mut runs = Vec::new();
    for number in 0..180_i64 {
        let ended = hours_ago(700 - number * 3 - (number % 7));
        let outcome = outcomes[usize::try_from(number * 3 + number / 9).unwrap() % outcomes.len()];
        let lane = Digest::of(format!("{}", number % 60).as_bytes());
        let controls = vec![control(CONTROLS[usize::try_from(number).unwrap() % CONTROLS.len()].0)];
        runs.push(Run { lane, controls, outcome, started: ended - SignedDuration::from_secs(20 + number), ended });
    }
    runs.sort_by_key(|run| run.ended);
    facts.runs = Some(runs);
    let exemption = |days: i64, source, scope: &str| Exemption {
        source,
        controls: vec!["S3.8".into(), "EC2.2".into()],
        scope: scope.into(),
        reason: "public downloads until the migration to the new distribution has ended".into(),
        owner: "web".into(),
        approved_by: "ann@example.com".into(),
        until: hours_ago(-24 * days),
    };
    facts.exemptions = Some(vec![
        exemption(80, "policy", "/Sandbox (line 12)"),
        exemption(9, "record", "arn:aws:s3:::downloads.example.com in 111122223335"),
        exemption(-1, "policy", "ended already"),
    ]);
    let incident = |day: &str, id: &str, score: u64, state: &str, actor: &str, title: &str| {
        let record = json!({"id": id, "opened": format!("{day}T09:12:44Z"), "state": state, "score": score, "account": "111122223335",
            "actor": actor, "title": title, "deeds": ["a", "b", "c"]});
        Incident::of(day, id, &record)
    };
    facts.incidents = Some(vec![
        incident(
            "2026-11-20",
            "i-01",
            92,
            "contained",
            "arn:aws:iam::111122223335:user/deploy-0",
            "access key made, policy attached, trail stopped",
        ),
        incident("2026-11-21", "i-02", 74, "open", "arn:aws:iam::111122223336:root", "root signed in without second factor"),
        incident("2026-11-02", "i-03", 41, "undone", "arn:aws:sts::111122223336:assumed-role/ci/build-4711", "bucket policy changed"),
    ]);
    sweeps(&mut facts);
    facts.earlier = (1..=29_i64)
        .map(|days| {
            let (passed, failed) = (200 - days - days % 4, 50 + days + days % 3);
            // On one day nothing was assessed.
            let (passed, failed) = if days == 12 { (0, 0) } else { (passed, failed) };
            let totals = json!({"passed": passed, "failed": failed, "not_assessed": 300, "rate": null});
            from_value::<Earlier>(json!({"as_of": hours_ago(24 * days), "posture": {"totals": totals}, "incidents": {"open": days % 5}}))
                .unwrap()
        })
        .collect();
    facts
}

const HARM: &str = "<script>document.title='harm'</script><img src=https://example.com/x onerror=alert(1)>\"'&";

fn harmful() -> Facts {
    let long = "a-name-without-any-place-to-break-".repeat(8);
    let mut facts = Facts { as_of: now(), accounts: vec![account(0, HARM, HARM), account(1, &long, &long)], ..Facts::default() };
    for account in facts.accounts.clone() {
        for resource in [HARM, long.as_str()] {
            facts.seen.take(Verdict {
                account: account.id.clone(),
                control: control("IAM.3"),
                title: HARM.into(),
                severity: Some(Severity::Medium),
                standing: Standing::Failed,
                is_suppressed: false,
                resource: resource.into(),
                standards: vec![Standard::Cis50],
            });
        }
    }
    let (mut incidents, mut exemptions) = (Vec::new(), Vec::new());
    for text in [HARM, long.as_str()] {
        let document = json!({"id": text, "state": text, "title": text, "actor": text, "account": text, "opened": text, "score": 100});
        incidents.push(Incident::of("2026-11-21", "i", &document));
        exemptions.push(Exemption {
            source: "policy",
            controls: vec![text.into()],
            scope: text.into(),
            reason: text.into(),
            owner: text.into(),
            approved_by: text.into(),
            until: hours_ago(-24),
        });
        facts.gaps.push(Gap { part: "posture", why: text.into() });
    }
    (facts.incidents, facts.exemptions) = (Some(incidents), Some(exemptions));
    let cell = json!({"account": HARM, "region": HARM, "service": long, "state": HARM, "said": long});
    facts.baseline = Some(from_value(json!({"ended": now(), "cells": [cell], "drift": [cell]})).unwrap());
    facts.security_groups = Some(
        from_value(json!({"ended": now(), "units": {HARM: 1}, "groups": 1, "violations": {HARM: 1},
            "rows": [{"account": HARM, "region": long, "verdict": HARM, "violations": {HARM: 1}}]}))
        .unwrap(),
    );
    facts
}

#[test]
fn a_busy_organization_is_shown_as_it_is_counted() {
    let report = Report::of(&busy());
    let html = write("busy", &report);
    assert!(!html.contains("<script") && !html.contains("http://") && !html.contains("https://"), "it stands alone");
    let exemptions = report.exemptions.as_ref().unwrap();
    assert_eq!((report.organization.accounts, report.organization.inactive, exemptions.total, exemptions.ending), (19, 1, 2, 1));
    assert_eq!((report.incidents.as_ref().unwrap().open, report.iam.root_uses, report.iam.roles_assumed), (1, Some(1), Some(1)));
    assert!(html.contains("1\u{202f}234\u{202f}567"));
}

#[test]
fn where_nothing_is_known_the_page_says_so_in_words() {
    let (runs, exemptions, incidents) = (Some(Vec::new()), Some(Vec::new()), Some(Vec::new()));
    let report = Report::of(&Facts { as_of: now(), runs, exemptions, incidents, ..Facts::default() });
    let html = write("empty", &report);
    for words in [
        "No finding of a control was read",
        "not assessed",
        "This is the first report",
        "No incident is on record",
        "Redress did nothing",
        "Nothing is exempt",
        "No sweep of security groups has ended yet",
        "No sweep of the baseline has ended yet",
        "No sweep of onboarding has ended yet",
        "nothing was remediated",
    ] {
        assert!(html.contains(words), "{words}");
    }
    assert!(!html.contains("NaN") && !html.contains("100.0\u{202f}%"), "nothing assessed is nothing passed");
}

#[test]
fn what_could_not_be_read_is_no_zero_and_no_none() {
    let gap = |part| Gap { part, why: "s3:GetObject denied".into() };
    let gaps = vec![gap("incidents"), gap("remediations"), gap("exemptions"), gap("posture")];
    let mut facts = Facts { as_of: now(), gaps, ..Facts::default() };
    let unlooked = json!({"ended": now(), "units": {"no-role": 3}, "groups": 0, "rules": 0, "violations": {}, "exempt": 0, "rows": []});
    facts.security_groups = Some(from_value(unlooked).unwrap());
    let report = Report::of(&facts);
    let html = write("unread", &report);
    for words in
        ["These figures are not complete", "could not be read: see at the top", "Nothing was assessed", "No account and region could"]
    {
        assert!(html.contains(words), "{words}");
    }
    for none in ["No incident is on record", "Redress did nothing", "Nothing is exempt", "No control fails", "No security group violates"] {
        assert!(!html.contains(none), "{none}");
    }
    let json = serde_json::to_value(&report).unwrap();
    for key in ["/incidents", "/remediations", "/exemptions", "/iam/root_uses", "/trend/points/0/open_incidents"] {
        assert!(json.pointer(key).unwrap().is_null(), "{key}");
    }
}

#[test]
fn a_name_that_means_harm_is_text() {
    let html = write("harmful", &Report::of(&harmful()));
    assert!(!html.contains("<script") && !html.contains("<img"));
    assert!(html.contains("&lt;script&gt;"));
}

#[test]
fn the_keys_of_the_report_stay() {
    let report = serde_json::to_value(Report::of(&busy())).unwrap();
    let keys = |at: &str| report.pointer(at).unwrap().as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(report["version"], 1);
    assert_eq!(
        keys(""),
        "as_of baseline day exemptions gaps iam incidents onboarding organization posture remediations security_groups trend version"
    );
    assert_eq!(keys("/posture"), "accounts controls findings left_out severities standards suppressed totals units");
    assert_eq!(keys("/posture/totals"), "failed not_assessed passed rate");
    assert_eq!(keys("/posture/standards/0"), "clauses controls failed id is_named not_assessed passed rate title");
    assert_eq!(keys("/posture/accounts/0"), "account failed name not_assessed passed rate severities standards unit");
    assert_eq!(keys("/posture/controls/0"), "clauses control examples failed not_assessed passed rate resources severity title");
    assert_eq!(keys("/iam"), "facts roles_assumed root_uses");
    assert_eq!(keys("/iam/facts/0"), "controls counted examples failed failing key not_assessed passed rate title");
    assert_eq!(keys("/incidents"), "by_root contained high list open states total window_days");
    assert_eq!(
        keys("/remediations"),
        "controls days done failed held mean_seconds median_seconds outcomes runs undone waiting window_days"
    );
    assert_eq!(keys("/exemptions"), "ending list total");
    assert_eq!(keys("/security_groups"), "as_of exempt groups rules severities units violations worst");
    assert_eq!(keys("/baseline"), "as_of drift drifted failed good open other rate services");
    assert_eq!(keys("/trend"), "failed_change points rate_change since");
}
