//! The local AWS: started, talked to, and ended by its own process id.

use std::{
    env,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use aws_config::{BehaviorVersion, Region as SdkRegion, retry::RetryConfig, sts::AssumeRoleProvider};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_types::SdkConfig;
use redress_model::{AccountId, Region};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::top;

/// The account that manages the organization.
pub const MANAGEMENT: &str = "100000000000";

/// What the local AWS says of itself when it is ready.
#[derive(Debug, Clone, Deserialize)]
pub struct Ready {
    /// Where it listens.
    pub endpoint: String,
    /// The account in which the suite is deployed.
    pub admin: AccountId,
    /// The accounts that are members from the start.
    pub members: Vec<AccountId>,
    /// The region in which the suite is deployed.
    pub region: Region,
    /// The outputs of the suite's stack.
    pub stack: Json,
}

/// A running local AWS.
#[derive(Debug)]
pub struct LocalAws {
    child: Mutex<Child>,
    ready: Ready,
}

/// How it is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// The template's parameter `Modes`; `None` for the shipped default.
    pub modes: Option<String>,
    /// Seconds after which a message that failed comes again.
    pub visibility: u32,
    /// The directory with the functions' binaries.
    pub binaries: PathBuf,
    /// Other parameters of the template.
    pub parameters: Vec<(String, String)>,
    /// Whether members forward the changes of their security groups.
    pub forwards: bool,
    /// Whether the management account has its stack, whose stack sets make the roles and rules of members.
    pub organization: bool,
}

impl Options {
    /// The shipped modes, with binaries of the development profile.
    pub fn new() -> Self {
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| top().join("target"), PathBuf::from);
        Self { modes: None, visibility: 6, binaries: target.join("debug"), parameters: Vec::new(), forwards: false, organization: false }
    }

    /// The same with these modes.
    #[must_use]
    pub fn modes(self, modes: &str) -> Self {
        Self { modes: Some(modes.to_owned()), ..self }
    }

    /// The same with members that forward the changes of their security groups.
    #[must_use]
    pub fn forwarding(self) -> Self {
        Self { forwards: true, ..self }
    }

    /// The same with the management account's stack, whose stack sets make the roles and rules of members.
    #[must_use]
    pub fn organization(self) -> Self {
        Self { organization: true, ..self }
    }

    /// The same with a parameter of the template.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

/// The functions' binaries.
const FUNCTIONS: [&str; 8] = [
    "finding-router",
    "cis-remediator",
    "finding-sweeper",
    "sg-compliance-scanner",
    "member-onboarder",
    "account-baseline",
    "incident-responder",
    "compliance-reporter",
];

impl LocalAws {
    /// Starts it with the suite deployed from its template.
    ///
    /// # Errors
    /// When it does not come up: what it printed.
    pub fn start(options: &Options) -> Result<Self, String> {
        let venv = |name: &str| top().join(".venv").join(name).join("bin/python");
        let binary = |name: &str| format!("{name}={}", options.binaries.join(name).display());
        if !venv("front").exists() || !venv("moto").exists() {
            return Err("the local AWS is not installed: run `make venvs`".into());
        }
        let mut command = Command::new(venv("front"));
        command.args(["-m", "localaws", "up", "--moto-python"]).arg(venv("moto"));
        command.arg("--template").arg(top().join("infra/template.yaml"));
        if options.organization {
            command.arg("--organization").arg(top().join("infra/organization.yaml"));
        } else {
            command.arg("--member-role").arg(top().join("infra/member-role.yaml"));
        }
        if options.forwards {
            command.arg("--member-region").arg(top().join("infra/member-region.yaml"));
        }
        if options.forwards || options.organization {
            command.args(["--regions", "us-east-1,eu-west-1"]);
        }
        for name in FUNCTIONS {
            command.args(["--function", &binary(name)]);
        }
        command.args(["--visibility-seconds", &options.visibility.to_string()]);
        for (name, value) in &options.parameters {
            command.args(["--parameter", &format!("{name}={value}")]);
        }
        if let Some(modes) = &options.modes {
            command.args(["--modes", modes]);
        }
        // Our end of its standard input closes with us, however we end; it ends then too.
        command.env("PYTHONPATH", top().join("tests/localaws/src")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let mut line = String::new();
        let read = BufReader::new(child.stdout.take().expect("its output is piped")).read_line(&mut line);
        match (read, serde_json::from_str(&line)) {
            (Ok(_), Ok(ready)) => Ok(Self { child: Mutex::new(child), ready }),
            (read, parsed) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(format!("the local AWS did not start: {read:?} {:?} {line}", parsed.err()))
            }
        }
    }

    /// What it said when it was ready.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// An output of the suite's stack.
    pub fn output(&self, name: &str) -> String {
        self.ready.stack[name].as_str().unwrap_or_else(|| panic!("the stack has no output {name}")).to_owned()
    }

    /// The configuration of an account's root in a region.
    pub async fn root(&self, account: &AccountId, region: &Region) -> SdkConfig {
        let credentials = Credentials::new(account.as_str(), "local", None, None, "local");
        aws_config::defaults(BehaviorVersion::latest())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(&self.ready.endpoint)
            .credentials_provider(credentials)
            .region(SdkRegion::new(region.to_string()))
            .retry_config(RetryConfig::disabled())
            .load()
            .await
    }

    /// The configuration of a session of those who administer an account. What root does is an incident; what they do is daily work.
    pub async fn operators(&self, account: &AccountId, region: &Region) -> SdkConfig {
        let root = self.root(account, region).await;
        let management = Credentials::new(MANAGEMENT, "local", None, None, "local");
        let management = root.to_builder().credentials_provider(SharedCredentialsProvider::new(management)).build();
        let role = format!("arn:aws:iam::{account}:role/OrganizationAccountAccessRole");
        let session = AssumeRoleProvider::builder(role).session_name("staging").configure(&management).build().await;
        root.to_builder().credentials_provider(SharedCredentialsProvider::new(session)).build()
    }

    /// The configuration of the administrator account.
    pub async fn admin(&self) -> SdkConfig {
        self.root(&self.ready.admin, &self.ready.region).await
    }

    /// A new member account; `options` may say `{"role": false}` or `{"state": "SUSPENDED"}`.
    pub fn add_account(&self, account: &AccountId, options: &Json) {
        let mut body = json!({"account": account.as_str()});
        body.as_object_mut().unwrap().extend(options.as_object().cloned().unwrap_or_default());
        self.post("accounts", &body);
    }

    /// Puts a whole envelope on the administrator's event bus.
    pub fn send_event(&self, event: &Json) {
        self.post("events", event);
    }

    /// Posts to a door under `/_local/`.
    pub fn post(&self, door: &str, body: &Json) -> Json {
        let url = format!("{}/_local/{door}", self.ready.endpoint);
        let answer = ureq::post(&url).send_json(body).unwrap_or_else(|error| panic!("POST {door}: {error}"));
        answer.into_body().read_json().unwrap_or(Json::Null)
    }

    /// What a door under `/_local/` answers.
    pub fn get(&self, door: &str) -> Json {
        let url = format!("{}/_local/{door}", self.ready.endpoint);
        let answer = ureq::get(&url).call().unwrap_or_else(|error| panic!("GET {door}: {error}"));
        answer.into_body().with_config().limit(512 << 20).read_json().unwrap()
    }

    /// The lines that a function logged.
    pub fn logs(&self, function: &str) -> Vec<String> {
        let lines = self.get(&format!("logs?function={function}"))["lines"].take();
        lines.as_array().unwrap().iter().filter_map(|line| line.as_str().map(str::to_owned)).collect()
    }

    /// Ends it: closing its standard input lets it end its own children; what is left after that is killed.
    pub fn stop(&self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        drop(child.stdin.take());
        let patience = Instant::now() + Duration::from_secs(10);
        while Instant::now() < patience {
            if matches!(child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Every call that was decided so far.
    pub fn calls(&self) -> Vec<Call> {
        serde_json::from_value(self.get("calls")).unwrap()
    }
}

/// A call as the local AWS decided it.
#[derive(Debug, Clone, Deserialize)]
pub struct Call {
    /// The account in which it was made.
    pub account: String,
    /// Who made it.
    pub principal: String,
    /// The IAM action.
    pub action: String,
    /// The resource, where the request tells.
    pub resource: Option<String>,
    /// Whether IAM allowed it.
    pub allowed: bool,
}

impl Drop for LocalAws {
    fn drop(&mut self) {
        self.stop();
    }
}
