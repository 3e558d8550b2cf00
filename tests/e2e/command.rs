//! Journeys of an operator: every command of `redress`, with its output and its exit code.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use libtest_mimic::Trial;
use redress_testkit::{
    events::unique,
    stage::{Place, Staged},
};
use serde_json::{Value as Json, json};

use crate::{
    AUTO, GUARDED,
    journeys::{case, staged},
    trial,
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("command::controls_are_listed_and_documented", async || controls()),
        trial("command::plan_and_apply_need_no_deployment_and_undo_brings_back_what_was", plan_apply_undo),
        trial("command::a_plan_reads_like_a_diff", reads_like_a_diff),
        trial("command::what_is_delicate_is_asked_and_approved", approve),
        trial("command::an_exemption_holds_until_it_is_lifted", exempt),
        trial("command::a_prowler_run_is_planned_and_applied_from_its_files", prowler),
        trial("command::a_finding_of_security_hub_is_applied_by_its_id_and_answered", by_id),
        trial("command::a_policy_is_checked_explained_and_simulated", async || policy()),
        trial("command::a_deployment_is_asked_for_its_history_and_undoes_by_itself", deployment),
        trial("command::security_groups_are_found_explained_and_set_right_without_a_deployment", groups),
        trial("command::a_group_policy_is_checked_and_its_tests_are_run", async || group_policy()),
        trial("command::the_doctor_names_what_is_missing", doctor),
        trial("command::mistakes_are_named_with_what_to_do", mistakes),
        trial("command::completions_and_manual_pages_are_made", async || pages()),
    ]
}

/// A directory that is gone with the test.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("redress-test-{}-{}", std::process::id(), unique()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    fn json(&self) -> Json {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {} {}", self.out, self.err))
    }
}

/// An operator with the credentials of an account's root, and a state of their own.
pub(crate) struct Operator {
    state: Temporary,
    pub(crate) environment: Vec<(&'static str, String)>,
}

impl Operator {
    fn nobody() -> Self {
        Self { state: Temporary::new(), environment: Vec::new() }
    }

    pub(crate) fn of(endpoint: &str, account: &str, region: &str) -> Self {
        let variables =
            [("AWS_ENDPOINT_URL", endpoint), ("AWS_ACCESS_KEY_ID", account), ("AWS_SECRET_ACCESS_KEY", "local"), ("AWS_REGION", region)];
        Self { state: Temporary::new(), environment: variables.map(|(name, value)| (name, value.to_owned())).to_vec() }
    }

    fn at(place: &Place<'_>) -> Self {
        Self::of(&place.local.ready().endpoint, place.account.as_str(), place.region.as_str())
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        let binary = redress_testkit::local::Options::new().binaries.join("redress");
        let mut command = Command::new(binary);
        command.args(arguments).env_clear().env("REDRESS_STATE", &self.state.0).env("PATH", "/usr/bin:/bin").env("HOME", &self.state.0);
        let output =
            command.envs(self.environment.iter().map(|(name, value)| (*name, value))).stdin(std::process::Stdio::null()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }
}

fn one<'a>(control: &'a str, staged: &'a Staged) -> Vec<&'a str> {
    vec!["--control", control, "--account", staged.account.as_str(), "--region", staged.region.as_str(), "--resource", &staged.resource]
}

fn with<'a>(command: &'a str, control: &'a str, staged: &'a Staged, more: &[&'a str]) -> Vec<&'a str> {
    [&[command][..], &one(control, staged), more].concat()
}

fn controls() {
    let operator = Operator::nobody();
    let said = operator.run(&["controls"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("S3.5") && said.out.contains("CIS 3.0.0 2.1.1"), "{}", said.out);
    assert!(!said.out.contains('\u{1b}'), "no colours where there is no terminal");
    let list = operator.run(&["controls", "--json"]).json();
    assert_eq!(list.as_array().unwrap().len(), redress_controls::all().count());
    let said = operator.run(&["control", "S3.5"]);
    for heading in ["Risk", "Remedy", "Impact", "Undo", "Permissions"] {
        assert!(said.out.contains(heading), "{heading}: {}", said.out);
    }
    let said = operator.run(&["control", "S3.99"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("`S3.99`") && said.err.contains("redress controls"), "{}", said.err);
}

async fn plan_apply_undo() {
    let (place, staged, _) = staged(AUTO.place().await, "S3.5").await;
    let operator = Operator::at(&place);
    let before = staged.observe(&place).await;
    let planned = operator.run(&with("plan", "S3.5", &staged, &["--json"]));
    assert_eq!((planned.code, planned.json()[0]["outcome"].as_str()), (3, Some("planned")), "{}", planned.err);
    assert_eq!(staged.observe(&place).await, before);
    let applied = operator.run(&with("apply", "S3.5", &staged, &["--json"]));
    assert_eq!((applied.code, applied.json()[0]["outcome"].as_str()), (0, Some("remediated")), "{}", applied.err);
    assert_ne!(staged.observe(&place).await, before);
    assert_eq!(operator.run(&with("plan", "S3.5", &staged, &[])).code, 0, "there is nothing left to do");
    let run = applied.json()[0]["run"].as_str().unwrap().to_owned();
    let history = operator.run(&["history", "--json", "--outcome", "remediated"]).json();
    assert_eq!((history.as_array().unwrap().len(), &history[0]["run"]), (1, &json!(uuid(&run))), "{history}");
    let shown = operator.run(&["show", &run]);
    assert_eq!(shown.code, 0, "{}", shown.err);
    for part in ["aws:SecureTransport", "s3:PutBucketPolicy", "is what was saved", "CIS 3.0.0 2.1.1"] {
        assert!(shown.out.contains(part), "{part} is missing in\n{}", shown.out);
    }
    let undone = operator.run(&["undo", &run]);
    assert_eq!((undone.code, staged.observe(&place).await), (0, before), "{}{}", undone.out, undone.err);
    let again = operator.run(&["undo", &run]);
    assert_eq!(again.code, 3, "{}", again.out);
    assert!(again.out.contains("already undone"), "{}", again.out);
}

/// Records hold run ids with dashes.
fn uuid(run: &str) -> String {
    format!("{}-{}-{}-{}-{}", &run[..8], &run[8..12], &run[12..16], &run[16..20], &run[20..])
}

async fn reads_like_a_diff() {
    let (place, staged, _) = staged(AUTO.place().await, "EC2.53").await;
    let said = Operator::at(&place).run(&with("plan", "EC2.53", &staged, &[]));
    assert_eq!(said.code, 3);
    let lines: Vec<_> = said.out.lines().map(str::trim).collect();
    assert!(lines.iter().any(|line| line.starts_with("- ") && line.contains("from 0.0.0.0/0")), "{}", said.out);
    assert!(lines.contains(&"would change"), "{}", said.out);
    assert!(lines[0].starts_with("EC2.53  The IPv4 internet"), "{}", said.out);
}

async fn approve() {
    let place = AUTO.place().await;
    let delicate = staged(place, "EC2.8").await;
    let (place, staged, _) = delicate;
    let operator = Operator::at(&place);
    // A rule makes it delicate, whatever the metric says.
    let policy = operator.state.file("policy.yaml", "version: 1\nrules:\n  - mode: approve\n");
    let asked = operator.run(&with("apply", "EC2.8", &staged, &["--policy", &policy, "--json"]));
    assert_eq!((asked.code, asked.json()[0]["outcome"].as_str()), (3, Some("needs-approval")), "{}", asked.err);
    let before = staged.observe(&place).await;
    let run = asked.json()[0]["run"].as_str().unwrap().to_owned();
    let approved = operator.run(&["approve", &run, "--policy", &policy]);
    assert_eq!(approved.code, 0, "{}{}", approved.out, approved.err);
    assert_ne!(staged.observe(&place).await, before);
    let other = case("EC2.8").stage(&place).await;
    let at_once = operator.run(&with("apply", "EC2.8", &other, &["--policy", &policy, "--approve"]));
    assert_eq!(at_once.code, 0, "{}{}", at_once.out, at_once.err);
}

async fn exempt() {
    let (place, staged, _) = staged(AUTO.place().await, "S3.8").await;
    let operator = Operator::at(&place);
    let before = staged.observe(&place).await;
    let said = operator.run(&with("exempt", "S3.8", &staged, &["--until", "2099-12-31", "--reason", "public on purpose"]));
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(said.out.contains("2100-01-01") && said.out.contains("public on purpose"), "{}", said.out);
    let applied = operator.run(&with("apply", "S3.8", &staged, &["--json"]));
    assert_eq!((applied.json()[0]["outcome"].as_str(), staged.observe(&place).await), (Some("exempt"), before));
    assert_eq!(operator.run(&with("exempt", "S3.8", &staged, &["--lift"])).code, 0);
    assert_eq!(operator.run(&with("apply", "S3.8", &staged, &["--json"])).json()[0]["outcome"], json!("remediated"));
}

/// Prowler's own files, about other resources: its list with the finding of one check replaced.
async fn prowler() {
    for format in ["asff", "ocsf"] {
        let (place, staged, _) = staged(AUTO.place().await, "S3.5").await;
        let text = std::fs::read_to_string(redress_testkit::top().join(format!("tests/prowler/files/{format}.json"))).unwrap();
        let mut findings: Vec<Json> = serde_json::from_str(&text).unwrap();
        findings.retain(|finding| finding.to_string().contains("s3_bucket_secure_transport_policy"));
        findings.truncate(1);
        let finding = &mut findings[0];
        let account = json!(place.account.as_str());
        if format == "asff" {
            finding["AwsAccountId"] = account;
            finding["Resources"][0]["Id"] = json!(staged.resource);
        } else {
            finding["cloud"]["account"]["uid"] = account;
            finding["resources"][0]["uid"] = json!(staged.resource);
        }
        let operator = Operator::at(&place);
        let file = operator.state.file("prowler.json", &json!(findings).to_string());
        let planned = operator.run(&["plan", &file, "--json"]);
        assert_eq!((planned.code, planned.json()[0]["outcome"].as_str()), (3, Some("planned")), "{format}: {}", planned.err);
        let applied = operator.run(&["apply", &file, "--json"]);
        assert_eq!((applied.code, applied.json()[0]["outcome"].as_str()), (0, Some("remediated")), "{format}: {}", applied.err);
        assert!(staged.observe(&place).await.to_string().contains("aws:SecureTransport"));
    }
}

async fn by_id() {
    let place = GUARDED.place().await;
    GUARDED.rule(&place.account, "mode: plan").await;
    let (place, staged, finding) = staged(place, "S3.8").await;
    GUARDED.import(&finding).await;
    let planned = GUARDED.answer(&finding, None).await;
    assert_eq!(planned.outcome, "planned");
    let ready = GUARDED.local().ready();
    let mut operator = Operator::of(&ready.endpoint, ready.admin.as_str(), ready.region.as_str());
    operator.environment.push(("REDRESS_ROLE", "OrganizationAccountAccessRole".into()));
    let id = finding["Id"].as_str().unwrap();
    let applied = operator.run(&["apply", "--finding", id, "--json"]);
    assert_eq!((applied.code, applied.json()[0]["outcome"].as_str()), (0, Some("remediated")), "{}", applied.err);
    let seen = GUARDED.answer(&finding, Some(&planned)).await;
    assert_eq!(seen.workflow, "RESOLVED");
    assert!(staged.observe(&place).await.to_string().contains("true"));
    let unknown = operator.run(&["apply", "--finding", "nothing"]);
    assert_eq!(unknown.code, 1);
    assert!(unknown.err.contains("no finding `nothing`"), "{}", unknown.err);
}

const POLICY: &str = "version: 1
rules:
  - name: what breaks nothing
    for: {classes: [A]}
    mode: auto
  - name: production
    for: {ou: [/Workloads/Prod]}
    mode: approve
  - name: payments
    for: {accounts: ['111122223333']}
    mode: plan
";

fn policy() {
    let operator = Operator::nobody();
    let good = operator.state.file("good.yaml", POLICY);
    let said = operator.run(&["policy", "check", &good]);
    assert_eq!((said.code, said.out.contains("right")), (0, true), "{}", said.err);
    let bad = operator.state.file("bad.yaml", "version: 1\nrules:\n  - mood: auto\n");
    let said = operator.run(&["policy", "check", &bad]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("bad.yaml:3:5: ") && said.err.contains("did you mean `mode`?"), "{}", said.err);

    let case = ["--control", "S3.5", "--account", "444455556666", "--region", "us-east-1", "--resource", "arn:aws:s3:::logs"];
    let explain = |more: &[&str]| operator.run(&[&["policy", "explain", &good][..], &case, more, &["--json"]].concat()).json()[0].clone();
    let line = |more: &[&str]| {
        let line = explain(more);
        (line["value"].as_str().unwrap().to_owned(), line["decided_by"].as_str().unwrap().to_owned())
    };
    assert_eq!(line(&["--ou", "/Sandbox"]), ("auto".into(), "policy line 3 (what breaks nothing)".into()));
    assert_eq!(line(&["--ou", "/Workloads/Prod/Cards"]), ("approve".into(), "policy line 6 (production)".into()));
    assert_eq!(line(&[]).0, "plan", "where the account is is not known, and a rule asks for it");

    let events = redress_testkit::top().join("events/securityhub");
    let events = events.display().to_string();
    let said = operator.run(&["policy", "simulate", &good, &events, "--json"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let rows = said.json();
    assert_eq!(rows.as_array().unwrap().len(), redress_controls::CATALOG.len());
    assert!(rows.as_array().unwrap().iter().all(|row| row["verdict"] != json!("change")), "the place is not known: {rows}");
    let open = operator
        .state
        .file("open.yaml", "version: 1\nrules:\n  - for: {classes: [A]}\n    mode: auto\n  - for: {controls: [KMS.4]}\n    mode: 'off'\n");
    let rows = operator.run(&["policy", "simulate", &open, &events, "--json"]).json();
    let verdict = |control: &str| rows.as_array().unwrap().iter().find(|row| row["control"] == json!(control)).unwrap()["verdict"].clone();
    assert_eq!(
        (verdict("S3.5"), verdict("EC2.8"), verdict("KMS.4"), verdict("IAM.4")),
        (json!("change"), json!("plan"), json!("off"), json!("tell"))
    );
    let said = operator.run(&["policy", "simulate", &open, &events, "--verdict", "off"]);
    assert!(said.out.contains("1 off") && !said.out.contains("change"), "{}", said.out);
}

async fn deployment() {
    let place = GUARDED.place().await;
    GUARDED.rule(&place.account, "mode: approve").await;
    let (place, staged, finding) = staged(place, "S3.8").await;
    let before = staged.observe(&place).await;
    GUARDED.import(&finding).await;
    let asked = GUARDED.answer(&finding, None).await;
    let ready = GUARDED.local().ready();
    let mut operator = Operator::of(&ready.endpoint, ready.admin.as_str(), ready.region.as_str());
    operator.environment.push(("REDRESS_DEPLOYMENT", "true".into()));
    let approved = operator.run(&["approve", &asked.run, "--json"]);
    assert_eq!((approved.code, approved.json()[0]["outcome"].as_str()), (0, Some("remediated")), "{}", approved.err);
    assert_ne!(staged.observe(&place).await, before);
    let run = approved.json()[0]["run"].as_str().unwrap().to_owned();
    let history = operator.run(&["history", "--account", place.account.as_str(), "--json"]).json();
    let outcomes: Vec<_> = history.as_array().unwrap().iter().map(|record| record["outcome"]["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["remediated", "needs-approval"]);
    assert!(history[0]["by"].as_str().unwrap().contains(&format!("{}:root", ready.admin)), "{history}");
    let shown = operator.run(&["show", &run]);
    assert!(shown.out.contains("s3:PutBucketPublicAccessBlock") && shown.out.contains("is what was saved"), "{}{}", shown.out, shown.err);
    let undone = operator.run(&["undo", &run]);
    assert_eq!((undone.code, staged.observe(&place).await), (0, before), "{}{}", undone.out, undone.err);
}

/// Two groups: the internet reaches the second through the first.
async fn groups() {
    let place = AUTO.place().await;
    let made = place.local.post(
        "security-groups",
        &json!({"account": place.account.as_str(), "region": place.region.as_str(), "groups": [
            {"name": "web", "ingress": [
                {"protocol": "tcp", "from": 443, "to": 443, "cidr": "0.0.0.0/0", "description": "everybody"},
                {"protocol": "tcp", "from": 22, "to": 22, "cidr": "0.0.0.0/0", "description": "hurry"},
            ]},
            {"name": "db", "ingress": [{"protocol": "tcp", "from": 5432, "to": 5432, "group": "web"}]},
        ]}),
    );
    let id = |index: usize| made["groups"][index]["id"].as_str().unwrap().to_owned();
    let (web, db) = (id(0), id(1));
    let operator = Operator::at(&place);
    let said = operator.run(&["sg", "scan", "--json"]);
    assert_eq!(said.code, 3, "{}", said.err);
    let found = said.json();
    assert_eq!((&found["groups"], found["violations"].as_array().unwrap().len()), (&json!(3), 1), "{found}");
    let one = &found["violations"][0];
    assert_eq!(
        (&one["group"], &one["rule"], &one["offending"][0]),
        (&json!(web), &json!("NO_SSH_FROM_INTERNET"), &json!("tcp 22 from 0.0.0.0/0"))
    );
    let said = operator.run(&["sg", "scan", "--region", "eu-west-1"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("0 violations"), "{}", said.out);

    let said = operator.run(&["sg", "explain", &db]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains(&format!("0.0.0.0/0 ─tcp 443→ {web} (web) ─tcp 5432→ {db} (db)")), "{}", said.out);
    let said = operator.run(&["sg", "explain", &web]);
    assert_eq!(said.code, 3);
    assert!(said.out.contains("✗ tcp 22 from 0.0.0.0/0") && said.out.contains("NO_SSH_FROM_INTERNET"), "{}", said.out);
    let said = operator.run(&["sg", "explain", "sg-0123456789abcdef0"]);
    assert!(said.code == 1 && said.err.contains("there is no security group"), "{}", said.err);

    let arn = format!("arn:aws:ec2:{}:{}:security-group/{web}", place.region, place.account);
    let about =
        ["--control", "SecurityGroup.1", "--account", place.account.as_str(), "--region", place.region.as_str(), "--resource", &arn];
    let said = operator.run(&[&["plan"][..], &about].concat());
    assert!(said.code == 3 && said.out.contains("in: tcp 22 from 0.0.0.0/0"), "{} {}", said.out, said.err);
    let applied = operator.run(&[&["apply"][..], &about, &["--json"]].concat());
    assert_eq!(applied.code, 0, "{} {}", applied.out, applied.err);
    assert_eq!(operator.run(&["sg", "scan"]).code, 0);
    let run = applied.json()[0]["run"].as_str().unwrap().to_owned();
    assert_eq!(operator.run(&["undo", &run]).code, 0);
    assert_eq!(operator.run(&["sg", "scan"]).code, 3, "the rule is back");
}

fn group_policy() {
    let operator = Operator::nobody();
    let example = redress_testkit::top().join("infra/security-group-policy.example.json").display().to_string();
    let said = operator.run(&["sg", "test", &example]);
    assert!(said.code == 0 && said.out.contains("3 tests, 0 failed"), "{} {}", said.out, said.err);
    let more = operator.state.file(
        "more.json",
        r#"[{"name": "telnet is nobody's", "given": {"inbound": ["tcp 23 from 0.0.0.0/0"]}, "expect": {"violations": ["TELNET"]}}]"#,
    );
    let said = operator.run(&["sg", "test", &example, &more]);
    assert!(said.code == 3 && said.out.contains("telnet is nobody's: violations: `TELNET` was expected and is not there"), "{}", said.out);
    let wrong = operator.state.file("wrong.json", r#"{"prohibited_rules": {"inbound": [{"rule_id": "A", "port_range": "22-x"}]}}"#);
    let said = operator.run(&["sg", "test", &wrong]);
    assert!(said.code == 1 && said.err.contains("prohibited_rules.inbound[0].port_range") && said.err.contains("`22-x`"), "{}", said.err);
}

async fn doctor() {
    let ready = GUARDED.local().ready();
    let place = GUARDED.place().await;
    GUARDED.rule(&place.account, "mode: plan").await;
    let mut operator = Operator::of(&ready.endpoint, ready.admin.as_str(), ready.region.as_str());
    operator.environment.push(("REDRESS_ROLE", "OrganizationAccountAccessRole".into()));
    let account = place.account.as_str();
    let said = operator.run(&["doctor", "--deployment", "--account", account, "--json"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let whats: Vec<String> = said.json().as_array().unwrap().iter().map(|row| row["what"].as_str().unwrap().to_owned()).collect();
    for what in ["credentials", "deployment", "ledger", "kill switch", "policy", "Security Hub"] {
        assert!(whats.contains(&what.to_owned()), "{whats:?}");
    }
    GUARDED.local().post("regions", &json!({"account": account, "region": "eu-south-2", "state": "closed"}));
    let roleless = GUARDED.place_with(json!({"role": false})).await;
    let said = operator.run(&[
        "doctor",
        "--account",
        account,
        "--account",
        roleless.account.as_str(),
        "--region",
        "us-east-1",
        "--region",
        "eu-south-2",
        "--json",
    ]);
    assert_eq!(said.code, 3, "{}", said.out);
    let bad: Vec<String> = said
        .json()
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["good"] == json!(false))
        .map(|row| format!("{}: {}", row["what"], row["found"]))
        .collect();
    assert_eq!(bad.len(), 2, "{bad:?}");
    assert!(bad[0].contains("eu-south-2") && bad[0].contains("the region is closed"), "{bad:?}");
    assert!(bad[1].contains("RedressMemberRole") && bad[1].contains("does not exist: deploy infra/member-role.yaml"), "{bad:?}");
}

async fn mistakes() {
    let (place, staged, _) = staged(AUTO.place().await, "S3.8").await;
    let nobody = Operator::nobody();
    let said = nobody.run(&["plan"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("AWS_REGION"), "{}", said.err);
    let operator = Operator::at(&place);
    let elsewhere =
        ["plan", "--control", "S3.8", "--account", "999988887777", "--region", "us-east-1", "--resource", "arn:aws:s3:::x", "--json"];
    let said = operator.run(&elsewhere);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("--role"), "{}", said.out);
    for (arguments, code, expected) in [
        (vec!["plan"], 1, "--control ID"),
        (vec!["plan", "--control", "S3.8"], 2, "--account"),
        (vec!["plan", "--control", "nonsense", "--account", "111122223333", "--region", "us-east-1"], 2, "control id"),
        (vec!["plan", "/no/such/file.json"], 1, "/no/such/file.json"),
        (vec!["undo", "not-a-run"], 2, "run id"),
        (vec!["undo", "01900000000070008000000000000000"], 1, "redress history"),
        (vec!["apply", "--deployment", "--control", "S3.8"], 2, "--account"),
        (vec!["nonsense"], 2, "nonsense"),
    ] {
        let said = operator.run(&arguments);
        assert_eq!(said.code, code, "{arguments:?}: {}", said.err);
        assert!(said.err.contains(expected), "{arguments:?}: {}", said.err);
    }
    let text = operator.state.file("text.json", "this is not JSON");
    let said = operator.run(&["plan", &text]);
    assert!(said.code == 1 && said.err.contains("text.json: not JSON"), "{}", said.err);
    let others = operator.state.file("others.json", r#"[{"Id": "a", "ProductArn": "x", "AwsAccountId": "1"}]"#);
    let said = operator.run(&["plan", &others]);
    assert!(said.code == 3 && said.err.contains("1 of 1 findings are left out"), "{}", said.err);
    assert!(staged.account == place.account);
}

fn pages() {
    let operator = Operator::nobody();
    for shell in ["bash", "zsh", "fish"] {
        let said = operator.run(&["completions", shell]);
        assert!(said.code == 0 && said.out.contains("simulate"), "{shell}");
    }
    let directory = operator.state.0.join("man");
    assert_eq!(operator.run(&["man", &directory.display().to_string()]).code, 0);
    let page = |name: &str| std::fs::read_to_string(Path::new(&directory).join(name)).unwrap();
    assert!(page("redress.1").contains("Exit codes"));
    assert!(page("redress-plan.1").contains("ASFF"));
}
