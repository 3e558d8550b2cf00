//! Where things are: in the deployed suite, or on this machine.

use std::{path::PathBuf, sync::Arc};

use aws_config::BehaviorVersion;
use aws_types::SdkConfig;
use jiff::Timestamp;
use redress_aws::{
    Bus, Caller, Channels, Clock, Deployment, Document, DynamoLedger, EventBus, Hub, Ledger, NoBus, NoHub, NoPost, NoSwitch, NoTimer,
    Operator, OrgSettings, Organizations, PolicyFile, Post, Queue, S3Vault, SecurityHub, SsmSwitch, Switch, SystemClock, Vault, caller,
    global_http,
};
use redress_controls::check;
use redress_model::{AccountId, Arn, Mode, Modes, Partition, Policy, Region, policy::Place};
use redress_remediation::Rim;
use redress_settings::surroundings::Around;

use crate::{Failure, args, books::Books};

/// Everything that a run needs.
pub(crate) struct Site {
    pub(crate) sdk: SdkConfig,
    pub(crate) caller: Caller,
    pub(crate) accounts: Operator,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) vault: Arc<dyn Vault>,
    hub: Box<dyn Hub>,
    post: Box<dyn Post>,
    bus: Box<dyn Bus>,
    switch: Box<dyn Switch>,
    pub(crate) organizations: Organizations,
    pub(crate) policy: Arc<Policy>,
    pub(crate) clock: SystemClock,
    /// The security-group policy, as parameters of SecurityGroup.1.
    pub(crate) groups: serde_json::Value,
    /// The queue of the deployment, which runs what the operator may not.
    pub(crate) jobs: Option<Queue>,
}

/// The caller's credentials, region and endpoint, as every AWS tool finds them.
pub(crate) async fn sdk() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest()).http_client(global_http()).load().await
}

impl Site {
    /// The site that the arguments name. `answers` says whether findings are annotated.
    pub(crate) async fn open(args: &args::Site, answers: bool) -> Result<Self, Failure> {
        let sdk = sdk().await;
        if sdk.region().is_none() {
            return Err(Failure::new("no region: set AWS_REGION, or a region in your profile"));
        }
        let caller = caller(&sdk).await.map_err(|error| Failure::new(format!("your AWS credentials do not work: {error}")))?;
        let deployment = if args.deployment { Some(Deployment::find(&sdk).await.map_err(|error| not_deployed(&error))?) } else { None };
        let role = args.role.clone().map(|role| OrgSettings { role, external_id: args.external_id.clone() });
        let accounts = Operator::new(sdk.clone(), caller.account.clone(), role);
        let policy = policy(args, deployment.as_ref(), &sdk, &caller.account).await?;
        let hub: Box<dyn Hub> = if answers { Box::new(SecurityHub::new(&sdk)) } else { Box::new(NoHub) };
        let organizations = Organizations::new(&sdk);
        let groups = groups(args, deployment.as_ref(), &sdk, &caller.account).await?;
        let site = if let Some(of) = deployment {
            Self {
                accounts,
                ledger: Arc::new(DynamoLedger::new(&sdk, of.ledger_table)),
                vault: Arc::new(S3Vault::new(&sdk, of.vault_bucket, caller.account.clone())),
                hub,
                post: Box::new(Channels::new(&sdk, of.topic_arn, None)),
                bus: Box::new(EventBus::new(&sdk, of.bus)),
                switch: Box::new(SsmSwitch::new(&sdk, of.kill_switch)),
                organizations,
                policy,
                clock: SystemClock,
                groups,
                jobs: Some(Queue::new(&sdk, of.jobs_queue_url)),
                sdk,
                caller,
            }
        } else {
            let books = Arc::new(Books::open(state(args)?)?);
            Self {
                accounts,
                ledger: books.clone(),
                vault: books,
                hub,
                post: Box::new(NoPost),
                bus: Box::new(NoBus),
                switch: Box::new(NoSwitch),
                organizations,
                policy,
                clock: SystemClock,
                groups,
                jobs: None,
                sdk,
                caller,
            }
        };
        Ok(site)
    }

    pub(crate) fn rim(&self) -> Rim<'_> {
        Rim {
            accounts: &self.accounts,
            ledger: &*self.ledger,
            vault: &*self.vault,
            hub: &*self.hub,
            post: &*self.post,
            bus: &*self.bus,
            switch: &*self.switch,
            // Who has the command does not take the role of the schedules; the sweeper of a deployment comes by itself.
            timer: &NoTimer,
            places: &self.organizations,
            surroundings: &Around,
            clock: &self.clock,
        }
    }

    /// The caller's region.
    pub(crate) fn region(&self) -> Result<Region, Failure> {
        let region = self.sdk.region().map(ToString::to_string).unwrap_or_default();
        Region::try_from(region.as_str()).map_err(|error| Failure::new(format!("your region: {error}")))
    }

    /// The caller's partition.
    pub(crate) fn partition(&self) -> Result<Partition, Failure> {
        let partition = Arn::parse(&self.caller.arn).ok().and_then(|arn| Partition::try_from(arn.partition).ok());
        partition.ok_or_else(|| Failure::new(format!("`{}` names no partition", self.caller.arn)))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Where an account is, if the policy asks and Organizations tells.
    pub(crate) async fn place(&self, account: &AccountId) -> Option<Place> {
        if !self.policy.asks_for_places() {
            return None;
        }
        self.organizations.place(account, self.now()).await.ok()
    }
}

pub(crate) fn not_deployed(error: &redress_aws::Error) -> Failure {
    Failure::new(format!("the deployed suite is not to be found in this account and region: {error}"))
}

/// The books of who has no deployment.
pub(crate) fn local(args: &args::Site) -> Result<Books, Failure> {
    Ok(Books::open(state(args)?)?)
}

fn state(args: &args::Site) -> Result<PathBuf, Failure> {
    let of_home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    let of_system = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).or_else(of_home).map(|state| state.join("redress"));
    args.state.clone().or(of_system).ok_or_else(|| Failure::new("there is no home directory: say with --state where to keep what was done"))
}

async fn policy(args: &args::Site, deployment: Option<&Deployment>, sdk: &SdkConfig, owner: &AccountId) -> Result<Arc<Policy>, Failure> {
    // Who asks for a change without any policy means it.
    let modes = match deployment {
        Some(of) => args::modes(&of.modes).map_err(Failure::new)?,
        None => args::modes(&Mode::Auto.to_string()).map_err(Failure::new)?,
    };
    if let Some(file) = &args.policy {
        if deployment.is_some() {
            return Err(Failure::new(
                "--policy and --deployment: the deployed suite has a policy of its own; try yours with redress policy simulate",
            ));
        }
        return read_policy(file, modes).map(Arc::new);
    }
    match deployment {
        Some(of) => {
            let file = PolicyFile::new(sdk, of.policy_bucket.clone(), of.policy_key.clone(), owner.clone(), modes);
            Ok(file.read(&check).await)
        }
        None => Ok(Arc::new(Policy::of_modes(modes))),
    }
}

async fn groups(
    args: &args::Site,
    deployment: Option<&Deployment>,
    sdk: &SdkConfig,
    owner: &AccountId,
) -> Result<serde_json::Value, Failure> {
    let policy = match (&args.group_policy, deployment) {
        (Some(file), _) => crate::groups::read(file)?,
        (None, Some(of)) if !of.sg_policy_key.is_empty() => {
            let document = Document::new(sdk, of.policy_bucket.clone(), of.sg_policy_key.clone(), owner.clone());
            match document.read(redress_exposure::Policy::parse_all).await {
                Ok(policy) => (*policy).clone(),
                // Of other controls it says nothing.
                Err(error) => return Ok(serde_json::json!({ "broken": error.to_string() })),
            }
        }
        (None, _) => return Ok(serde_json::Value::Null),
    };
    Ok(serde_json::json!({ "policy": policy }))
}

/// Reads a document, or says everything that is wrong with it.
pub(crate) fn read_policy(file: &std::path::Path, modes: Modes) -> Result<Policy, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
    Policy::parse(&text, modes, &check).map_err(|problems| {
        let lines: Vec<_> =
            problems.iter().map(|problem| format!("{}:{}:{}: {}", file.display(), problem.line, problem.column, problem.what)).collect();
        Failure::new(lines.join("\n"))
    })
}
