//! What end-to-end tests need: a deployed suite on the local AWS, findings sent through it, and what became of them.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]
#![expect(clippy::disallowed_methods, reason = "tests have a clock of their own, and stage with the SDKs directly")]
#![expect(clippy::missing_panics_doc, reason = "tests fail by panicking")]

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use aws_sdk_securityhub::types::{
    AwsSecurityFinding, AwsSecurityFindingFilters, AwsSecurityFindingIdentifier, Resource, Severity, SeverityLabel, StringFilter,
    StringFilterComparison, WorkflowStatus, WorkflowUpdate,
};
use aws_types::SdkConfig;
use redress_model::{AccountId, Region};
use redress_testkit::{
    events::{chosen, unique},
    local::{LocalAws, Options},
    stage::{Place, Staged},
};
use serde_json::{Value as Json, json};
use tokio::runtime::Runtime;

/// One runtime for all tests of the process.
pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// How long a finding may take to be answered before a test fails; `REDRESS_TEST_PATIENCE` sets other seconds.
static PATIENCE: LazyLock<Duration> = LazyLock::new(|| {
    let seconds = std::env::var("REDRESS_TEST_PATIENCE").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(90))
});

/// The most rounds that work of several stages takes.
const ROUNDS: usize = 40;

/// The suite, deployed from its real template with its real binaries.
pub struct World {
    local: LocalAws,
    admin: SdkConfig,
    policy: tokio::sync::Mutex<(Vec<String>, Vec<String>)>,
    /// What holds for security groups in some accounts.
    groups: tokio::sync::Mutex<serde_json::Map<String, Json>>,
}

/// A finding as Security Hub has it now.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its workflow status.
    pub workflow: String,
    /// The note on it.
    pub note: String,
    /// The outcome's word in its user-defined fields.
    pub outcome: String,
    /// The run in its user-defined fields.
    pub run: String,
}

impl World {
    /// Deploys with these options.
    pub fn start(options: &Options) -> Self {
        let local = LocalAws::start(options).unwrap_or_else(|error| panic!("{error}"));
        // Tests start it from within the runtime.
        let admin = std::thread::scope(|scope| scope.spawn(|| RUNTIME.block_on(local.admin())).join().unwrap());
        Self { local, admin, policy: tokio::sync::Mutex::default(), groups: tokio::sync::Mutex::default() }
    }

    /// The local AWS under it.
    pub fn local(&self) -> &LocalAws {
        &self.local
    }

    /// The configuration of the administrator account.
    pub fn admin(&self) -> &SdkConfig {
        &self.admin
    }

    /// A member account that no other test uses.
    pub async fn place(&self) -> Place<'_> {
        self.place_with(json!({})).await
    }

    /// The same, added with options of the local AWS.
    pub async fn place_with(&self, options: Json) -> Place<'_> {
        let account = AccountId::try_from(format!("4{:011}", unique())).unwrap();
        self.local.add_account(&account, &options);
        Place::new(&self.local, account, self.local.ready().region.clone()).await
    }

    /// Adds a rule about one account to the policy, in YAML's one-line form without the braces, and writes the document.
    pub async fn rule(&self, account: &AccountId, rule: &str) {
        let mut policy = self.policy.lock().await;
        policy.0.push(format!("  - {{for: {{accounts: ['{account}']}}, {rule}}}\n"));
        self.write_policy(&document(&policy)).await;
    }

    /// Adds a rule with a scope of its own.
    pub async fn rule_for(&self, scope: &str, rule: &str) {
        let mut policy = self.policy.lock().await;
        policy.0.push(format!("  - {{for: {scope}, {rule}}}\n"));
        self.write_policy(&document(&policy)).await;
    }

    /// Adds an exemption about one account.
    pub async fn exemption(&self, account: &AccountId, exemption: &str) {
        let mut policy = self.policy.lock().await;
        let who = "reason: test, owner: tests, approved_by: nobody";
        policy.1.push(format!("  - {{for: {{accounts: ['{account}']}}, {who}, {exemption}}}\n"));
        self.write_policy(&document(&policy)).await;
    }

    /// Writes a document as the policy, right or wrong.
    pub async fn write_policy(&self, text: &str) {
        let call = aws_sdk_s3::Client::new(&self.admin).put_object().bucket(self.local.output("PolicyBucket")).key("policy.yaml");
        call.body(text.as_bytes().to_vec().into()).send().await.unwrap();
    }

    /// Adds what holds for the security groups of one account to the policy about them, and writes the document.
    pub async fn group_policy(&self, account: &AccountId, own: Json) {
        let mut groups = self.groups.lock().await;
        groups.insert(format!("account_{account}"), own);
        let whole = json!({"prohibited_rules": {"inbound": group_rules()}, "account_specific_overrides": *groups});
        self.write_group_policy(&whole.to_string()).await;
    }

    /// Writes a document as the policy about security groups, right or wrong.
    pub async fn write_group_policy(&self, text: &str) {
        let call = aws_sdk_s3::Client::new(&self.admin).put_object().bucket(self.local.output("PolicyBucket")).key("groups.json");
        call.body(text.as_bytes().to_vec().into()).send().await.unwrap();
    }

    /// A document from the bucket of reports.
    pub async fn report(&self, key: &str) -> Option<Json> {
        let call = aws_sdk_s3::Client::new(&self.admin).get_object().bucket(self.local.output("ReportsBucket")).key(key);
        let answer = call.send().await.ok()?;
        serde_json::from_slice(&answer.body.collect().await.ok()?.to_vec()).ok()
    }

    /// The schedule's time has come: the sweeper looks again.
    pub fn sweep(&self) {
        let fired = self.local.post("schedules", &json!({"name": "SweepRule"}));
        assert_eq!(fired["fired"].as_array().unwrap().len(), 1, "{fired}");
    }

    /// The minute has come for which work wanted to be woken.
    pub fn wake(&self) {
        self.local.post("schedules", &json!({"group": self.local.output("WakeScheduleGroup"), "until": "2100-01-01T00:00:00Z"}));
    }

    /// Everything that is in an account, by where it is.
    pub fn inventory(&self, account: &AccountId) -> serde_json::Map<String, Json> {
        let Json::Object(all) = self.local.post("inventory", &json!({"account": account.as_str()})) else { panic!("no inventory") };
        all
    }

    /// Imports a finding in its own account, as Security Hub does; in the home region, where those of linked regions arrive too.
    pub async fn import(&self, finding: &Json) {
        let account = AccountId::try_from(finding["AwsAccountId"].as_str().unwrap()).unwrap();
        import(&self.local, &account, &self.local.ready().region, finding).await;
    }

    /// A person chooses a custom action on a finding.
    pub fn choose(&self, action: &str, finding: &Json) {
        let ready = self.local.ready();
        self.local.send_event(&chosen(action, ready.admin.as_str(), &ready.region, std::slice::from_ref(finding)));
    }

    /// The finding as it is now.
    pub async fn see(&self, finding: &Json) -> Option<Seen> {
        see(&self.admin, finding).await
    }

    /// Waits until a run has answered the finding: another one than `before`, if there was one.
    pub async fn answer(&self, finding: &Json, before: Option<&Seen>) -> Seen {
        let asked = Instant::now();
        while asked.elapsed() < *PATIENCE {
            if let Some(seen) = self.see(finding).await
                && !seen.run.is_empty()
                && before.is_none_or(|before| before.run != seen.run)
            {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let logs = ["FindingRouter", "CisRemediator", "FindingSweeper", "SgComplianceScanner"].map(|name| {
            let is_news = |line: &&String| line.starts_with('{') && !line.contains("CloudWatchMetrics");
            let logs: Vec<_> = self.local.logs(name).iter().filter(is_news).cloned().collect();
            logs[logs.len().saturating_sub(8)..].join("\n")
        });
        panic!("no answer to {} in {:?}\n{}", finding["Id"], *PATIENCE, logs.join("\n---\n"))
    }

    /// Follows a finding to its end: a person says yes to every question, and every minute comes for which work wants to be woken.
    pub async fn follow(&self, finding: &Json, before: Option<&Seen>) -> Seen {
        let mut seen = self.answer(finding, before).await;
        for _ in 0..ROUNDS {
            match seen.outcome.as_str() {
                "needs-approval" => {
                    assert_eq!(seen.workflow, "NOTIFIED", "{}", seen.note);
                    // Events carry whole seconds; an answer within the second of the question would count as earlier.
                    tokio::time::sleep(Duration::from_millis(1100)).await;
                    self.choose("RedressApprove", finding);
                }
                "in-progress" => {
                    assert_ne!(seen.workflow, "RESOLVED", "{}", seen.note);
                    seen = self.wake_until_answered(finding, &seen).await;
                    continue;
                }
                _ => return seen,
            }
            seen = self.answer(finding, Some(&seen)).await;
        }
        panic!("it does not end: {seen:?}");
    }

    /// Lets minute after minute come. What is waited for is said once, so many runs may pass before there is something new on the finding.
    async fn wake_until_answered(&self, finding: &Json, before: &Seen) -> Seen {
        let asked = Instant::now();
        while asked.elapsed() < *PATIENCE {
            self.wake();
            for _ in 0..6 {
                tokio::time::sleep(Duration::from_millis(50)).await;
                match self.see(finding).await {
                    Some(seen) if seen.run != before.run => return seen,
                    Some(_) | None => {}
                }
            }
        }
        self.answer(finding, Some(before)).await
    }

    /// Opens the finding again, as Security Hub does when a control fails anew.
    pub async fn reopen(&self, finding: &Json) {
        let call = aws_sdk_securityhub::Client::new(&self.admin).batch_update_findings();
        let text = |name: &str| finding[name].as_str().unwrap().to_owned();
        let id = AwsSecurityFindingIdentifier::builder().id(text("Id")).product_arn(text("ProductArn")).build();
        let new = WorkflowUpdate::builder().status(WorkflowStatus::New).build();
        call.finding_identifiers(id).workflow(new).send().await.unwrap();
    }

    /// The record of a run, from the ledger.
    pub async fn record(&self, run: &str) -> Json {
        let client = aws_sdk_dynamodb::Client::new(&self.admin);
        let key = |value: &str| aws_sdk_dynamodb::types::AttributeValue::S(value.to_owned());
        let call =
            client.get_item().table_name(self.local.output("LedgerTable")).key("pk", key(&format!("RUN#{run}"))).key("sk", key("RECORD"));
        let item = call.send().await.unwrap().item.unwrap_or_else(|| panic!("no record of run {run}"));
        serde_json::from_str(item["record"].as_s().unwrap()).unwrap()
    }

    /// The image of a run, from the vault.
    pub async fn image(&self, run: &str) -> Json {
        let call = aws_sdk_s3::Client::new(&self.admin).get_object();
        let answer = call.bucket(self.local.output("VaultBucket")).key(format!("before/{run}.json")).send().await.unwrap();
        serde_json::from_slice(&answer.body.collect().await.unwrap().to_vec()).unwrap()
    }

    /// The actions that were taken in a staged account by the member role.
    pub fn actions_in(&self, staged: &Staged) -> Vec<String> {
        let calls = self.local.calls().into_iter();
        let ours = calls.filter(|call| call.account == staged.account.as_str() && call.principal.contains("RedressMemberRole"));
        ours.map(|call| call.action).collect()
    }

    /// Takes every message off a queue.
    pub async fn drain(&self, output: &str) -> Vec<aws_sdk_sqs::types::Message> {
        let client = aws_sdk_sqs::Client::new(&self.admin);
        let url = self.local.output(output);
        let mut all = Vec::new();
        loop {
            let call = client.receive_message().queue_url(&url).max_number_of_messages(10).message_attribute_names("All");
            let some = call.send().await.unwrap().messages.unwrap_or_default();
            if some.is_empty() {
                return all;
            }
            for message in some {
                client.delete_message().queue_url(&url).receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
                all.push(message);
            }
        }
    }
}

/// What no group of any account may let in.
fn group_rules() -> Json {
    let rule = |id: &str, port: u16, severity: &str| {
        let reason = format!("port {port} is not for everybody");
        json!({"rule_id": id, "protocol": "tcp", "port_range": port, "source": ["0.0.0.0/0", "::/0"], "severity": severity, "reason": reason})
    };
    json!([rule("SSH", 22, "critical"), rule("RDP", 3389, "high"), rule("TELNET", 23, "medium")])
}

fn document((rules, exemptions): &(Vec<String>, Vec<String>)) -> String {
    let list = |name: &str, items: &[String]| if items.is_empty() { String::new() } else { format!("{name}:\n{}", items.concat()) };
    format!("version: 1\n{}{}", list("rules", rules), list("exemptions", exemptions))
}

/// Imports a finding in an account, as Security Hub's own checks do.
pub async fn import(local: &LocalAws, account: &AccountId, region: &Region, finding: &Json) {
    let sdk = local.root(account, region).await;
    let text = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let resource = &finding["Resources"][0];
    let part = |name: &str| resource[name].as_str().unwrap_or_default().to_owned();
    let compliance = aws_sdk_securityhub::types::Compliance::builder()
        .status(finding["Compliance"]["Status"].as_str().unwrap_or("FAILED").into())
        .set_security_control_id(finding["Compliance"]["SecurityControlId"].as_str().map(str::to_owned))
        .build();
    let severity = finding["Severity"]["Label"].as_str().unwrap_or("MEDIUM");
    let asff = AwsSecurityFinding::builder()
        .schema_version("2018-10-08")
        .id(text("Id"))
        .product_arn(text("ProductArn"))
        .generator_id(text("GeneratorId"))
        .aws_account_id(text("AwsAccountId"))
        .region(text("Region"))
        .types("Software and Configuration Checks")
        .created_at(text("CreatedAt"))
        .updated_at(text("UpdatedAt"))
        .title(text("Title"))
        .description(text("Description"))
        .severity(Severity::builder().label(SeverityLabel::from(severity)).build())
        .compliance(compliance)
        .record_state(finding["RecordState"].as_str().unwrap_or("ACTIVE").into())
        .resources(Resource::builder().r#type(part("Type")).id(part("Id")).region(part("Region")).build())
        .build();
    let answer = aws_sdk_securityhub::Client::new(&sdk).batch_import_findings().findings(asff).send().await.unwrap();
    assert_eq!(answer.failed_count(), Some(0), "{:?}", answer.failed_findings());
}

/// The finding as Security Hub's administrator sees it.
pub async fn see(admin: &SdkConfig, finding: &Json) -> Option<Seen> {
    let equals = |value: &str| StringFilter::builder().value(value).comparison(StringFilterComparison::Equals).build();
    let filters = AwsSecurityFindingFilters::builder().id(equals(finding["Id"].as_str()?)).build();
    let answer = aws_sdk_securityhub::Client::new(admin).get_findings().filters(filters).send().await.unwrap();
    let found = answer.findings().first()?;
    let field = |name: &str| found.user_defined_fields().and_then(|fields| fields.get(name)).cloned().unwrap_or_default();
    Some(Seen {
        workflow: found.workflow().and_then(|workflow| workflow.status()).map_or("NEW", WorkflowStatus::as_str).to_owned(),
        note: found.note().and_then(|note| note.text()).unwrap_or_default().to_owned(),
        outcome: field("redress-outcome"),
        run: field("redress-run"),
    })
}
