//! Reports: their figures are the state of the organization, whoever asks.

use std::collections::{BTreeMap, BTreeSet};

use libtest_mimic::Trial;
use redress_incidents::State;
use serde_json::{Value as Json, json};

use crate::{
    REPORTS,
    command::Operator,
    incidents::{call, in_state},
    journeys::staged,
    trial,
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("reports::its_figures_are_the_state_of_the_organization", figures)]
}

async fn bytes(key: &str) -> (String, Vec<u8>) {
    let call = aws_sdk_s3::Client::new(REPORTS.admin()).get_object().bucket(REPORTS.local().output("ReportsBucket")).key(key);
    let answer = call.send().await.unwrap();
    (answer.content_type().unwrap_or_default().to_owned(), answer.body.collect().await.unwrap().to_vec())
}

/// Controls of accounts that fail, as Security Hub has them.
async fn failing() -> BTreeSet<(String, String)> {
    let answer = aws_sdk_securityhub::Client::new(REPORTS.admin()).get_findings().send().await.unwrap();
    let all = answer.findings().iter().filter_map(|finding| {
        let compliance = finding.compliance()?;
        (compliance.status()?.as_str() == "FAILED").then_some(())?;
        Some((finding.aws_account_id()?.to_owned(), compliance.security_control_id()?.to_owned()))
    });
    all.collect()
}

async fn figures() {
    // One that is set right, one of which people are told, and an incident by root.
    let (place, _, fixed) = staged(REPORTS.place_with(json!({"name": "payments"})).await, "S3.8").await;
    let (_, _, told) = staged(REPORTS.place().await, "IAM.9").await;
    let mut outcomes = BTreeMap::<String, usize>::new();
    for finding in [&fixed, &told] {
        REPORTS.import(finding).await;
        *outcomes.entry(REPORTS.answer(finding, None).await.outcome).or_default() += 1;
    }
    assert_eq!(outcomes["remediated"], 1, "{outcomes:?}");
    let root = json!({"type": "Root", "arn": format!("arn:aws:iam::{}:root", place.account), "accountId": place.account});
    REPORTS.local().send_event(&call(&place, "iam:CreateUser", root, "203.0.113.5", Json::Null, Json::Null));
    in_state(&REPORTS, &place, ":root", State::Open).await;

    let ready = REPORTS.local().ready();
    let operator = Operator::of(&ready.endpoint, ready.admin.as_str(), ready.region.as_str());
    assert!(operator.run(&["report", "--latest"]).err.contains("there is no report yet"));
    let said = operator.run(&["report"]);
    assert_eq!(said.code, 0, "{}\n{}\n{}", said.out, said.err, REPORTS.local().logs("ComplianceReporter").join("\n"));
    assert!(said.out.contains("CIS 3.0.0") && said.err.contains("1 open"), "{}", said.out);
    let latest = operator.run(&["--json", "report", "--latest"]);
    let report: Json = serde_json::from_str(&latest.out).unwrap();
    let (day, failing) = (report["day"].as_str().unwrap(), failing().await);
    assert_eq!(report["gaps"], json!([]));
    assert_eq!(report["posture"]["totals"]["failed"], failing.len(), "{failing:?}");
    for line in report["posture"]["accounts"].as_array().unwrap() {
        let here = failing.iter().filter(|(account, _)| line["account"] == account.as_str()).count();
        assert_eq!(line["failed"], here, "{line}");
    }
    let payments = |line: &&Json| line["account"] == place.account.as_str();
    let line = report["posture"]["accounts"].as_array().unwrap().iter().find(payments).unwrap();
    assert!(line["name"] == "payments" && line["unit"].as_str().unwrap().starts_with('/'), "{line}");
    assert_eq!((&report["remediations"]["done"], &report["incidents"]["open"]), (&json!(1), &json!(1)), "{report:#}");
    assert_eq!(report["incidents"]["by_root"], 1);

    let (kind, page) = bytes(&format!("reports/{day}/report.html")).await;
    assert!(kind.starts_with("text/html") && String::from_utf8(page).unwrap().contains("payments"));
    let (kind, table) = bytes(&format!("reports/{day}/report.csv")).await;
    assert!(kind.starts_with("text/csv") && String::from_utf8(table).unwrap().contains(place.account.as_str()));
    assert_eq!(REPORTS.report(&format!("reports/{day}/report.json")).await.unwrap(), report);
}
