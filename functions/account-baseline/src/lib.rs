//! account-baseline: what every account is to have in every region, brought about as far as the modes allow, and reported.
//!
//! A sweep is a state machine with a unit for each account and region, by schedule or by hand. A unit that cannot be entered is told in its
//! cells and ends nothing. Where all is well nothing is recorded; people are told what changed since the last sweep, and nothing otherwise.

use std::{collections::BTreeMap, sync::Arc};

use aws_types::SdkConfig;
use jiff::Timestamp;
use redress_aws::{Accounts, Clock, Document, Error, Operator, Org, OrgSettings, PolicyFile, Post, Reports, Result, Visit};
use redress_controls::check;
use redress_lambda::{Env, EnvError, Function, Measure, Message, Metric, Topic, count, measure};
use redress_model::{AccountId, Partition, Policy, Region};
use redress_organization::{
    Cell, Choice, Chosen, Estate, Hands, How, Names, Service, State, Unit, Wish,
    document::documents,
    governance, home_first, open_regions,
    sweep::{Begun, Sweeps},
    units,
};
use redress_settings::ec2::survey::REGIONS;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tracing::info;

/// The function with its collaborators.
pub struct AccountBaseline {
    hands: Hands,
    members: Org,
    /// Our own account, with our own credentials.
    own: Operator,
    admin: AccountId,
    home: Region,
    partition: Partition,
    policy: PolicyFile,
    chosen: Chosen,
    /// The template of the conformance pack, where there is one of one's own.
    pack: Option<Document<String>>,
    /// The regions that are looked after; all that are open to our own account where none is named.
    regions: Vec<String>,
    reports: Reports,
}

/// What the state machine asks.
#[derive(Debug, Deserialize)]
#[serde(tag = "step", rename_all = "lowercase")]
enum Step {
    /// Which accounts and regions there are.
    Prepare {
        sweep: String,
        #[serde(default)]
        detail: Option<Wish>,
    },
    /// What one account is to have in one region.
    Account { sweep: String, unit: Unit },
    /// What came of all.
    Summarise { sweep: String },
}

impl AccountBaseline {
    /// The function in its environment.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(env: &Env, sdk: &SdkConfig) -> std::result::Result<Self, EnvError> {
        let Topic { arn: topic, account: admin, partition, region: home } = env.parsed("REDRESS_TOPIC_ARN")?;
        let names = Names {
            ledger_table: env.text("REDRESS_LEDGER_TABLE")?,
            vault_bucket: env.text("REDRESS_VAULT_BUCKET")?,
            topic,
            webhook_parameter: env.optional("REDRESS_WEBHOOK_PARAMETER"),
            bus: env.text("REDRESS_BUS_NAME")?,
            kill_switch: env.text("REDRESS_KILL_SWITCH")?,
        };
        let settings = OrgSettings { role: env.text("REDRESS_MEMBER_ROLE_NAME")?, external_id: Some(env.text("REDRESS_EXTERNAL_ID")?) };
        let key = env.optional("REDRESS_POLICY_KEY").unwrap_or_default();
        let bucket = env.text("REDRESS_POLICY_BUCKET")?;
        let pack = env.optional("REDRESS_CONFORMANCE_PACK").map(|key| Document::new(sdk, bucket.clone(), key, admin.clone()));
        let standards = env.text("REDRESS_STANDARDS")?;
        let standards =
            Chosen::standards(&standards).map_err(|error| EnvError::Wrong { name: "REDRESS_STANDARDS", why: error.to_string() })?;
        let Choice(services) = env.parsed("REDRESS_BASELINE")?;
        let regions = env.optional("REDRESS_REGIONS").unwrap_or_default();
        Ok(Self {
            members: Org::new(sdk.clone(), settings),
            own: Operator::new(sdk.clone(), admin.clone(), None),
            policy: PolicyFile::new(sdk, bucket, key, admin.clone(), env.parsed("REDRESS_MODES")?),
            chosen: Chosen { services, standards, config_bucket: env.optional("REDRESS_CONFIG_BUCKET"), conformance_pack: None },
            pack,
            regions: regions.split(',').map(str::trim).filter(|region| !region.is_empty()).map(str::to_owned).collect(),
            reports: Reports::new(sdk, env.text("REDRESS_REPORTS_BUCKET")?, admin.clone()),
            hands: Hands::new(sdk, names, admin.clone()),
            admin,
            home,
            partition,
        })
    }

    /// The policy in force. By one that cannot be relied on nothing is changed.
    async fn policy(&self) -> Arc<Policy> {
        let policy = self.policy.read(&check).await;
        if policy.trouble().is_some() {
            count(Metric::BrokenPolicy, self.hands.clock.now());
        }
        policy
    }

    fn sweeps(&self) -> Sweeps<'_> {
        Sweeps { reports: &self.reports, area: "baseline" }
    }

    async fn here(&self, region: &Region, actions: Vec<&'static str>) -> Result<redress_aws::Account> {
        let (run, now) = (self.hands.clock.new_run(), self.hands.clock.now());
        self.own.enter(Visit { account: &self.admin, region, partition: &self.partition, run, now, actions }).await
    }

    async fn step(&self, request: Json, deadline: Timestamp) -> Result<Json> {
        let step = serde_json::from_value(request).map_err(|error| Error::malformed("the step", error.to_string()))?;
        match step {
            Step::Prepare { sweep, detail } => self.prepare(&sweep, detail.unwrap_or_default()).await,
            Step::Account { sweep, unit } => self.account(&sweep, &unit, deadline).await,
            Step::Summarise { sweep } => self.summarise(&sweep).await,
        }
    }

    async fn prepare(&self, sweep: &str, wish: Wish) -> Result<Json> {
        let regions =
            if self.regions.is_empty() { open_regions(&self.here(&self.home, vec![REGIONS]).await?).await? } else { self.regions.clone() };
        let regions = home_first(&regions, &self.home);
        let mut units = units(&self.hands.organizations.members().await?, &regions, &wish)?;
        let is_asked = self.chosen.services.iter().any(|service| service.is_security_hub_s());
        let mut governed: BTreeMap<Region, governance::Rule> = BTreeMap::new();
        for region in regions.iter().filter(|_| is_asked) {
            let rule = match self.here(region, governance::reads()).await {
                Ok(here) => governance::rule(&here, &here.in_region(&self.home)).await,
                Err(error) => governance::Rule::Unknown(error.to_string()),
            };
            governed.insert(region.clone(), rule);
        }
        for unit in &mut units {
            unit.governed = governed.get(&unit.region).and_then(|rule| rule.on(&unit.account));
        }
        self.sweeps().begin(sweep, &Begun { started: self.hands.clock.now(), wish, regions }, &units).await?;
        Ok(json!({ "sweep": sweep, "bucket": self.reports.bucket(), "key": self.sweeps().list_key(sweep, "units") }))
    }

    /// Never fails but where its cells cannot be written: everything else is what they say.
    async fn account(&self, sweep: &str, unit: &Unit, deadline: Timestamp) -> Result<Json> {
        let mut chosen = self.chosen.clone();
        let mut failed = None;
        if let Some(pack) = self.pack.as_ref().filter(|_| chosen.services.contains(&Service::ConformancePack)) {
            match pack.read(|text| Ok(text.to_owned())).await {
                Ok(text) => chosen.conformance_pack = Some((*text).clone()),
                Err(error) => {
                    chosen.services.remove(&Service::ConformancePack);
                    let why = format!("the template of the conformance pack cannot be read: {error}");
                    failed = Some(Cell::of(&unit.account, &unit.region, Service::ConformancePack, State::Failed, why));
                }
            }
        }
        let estate = Estate {
            rim: self.hands.rim(&self.members),
            policy: self.policy().await,
            organizations: &self.hands.organizations,
            chosen: &chosen,
            partition: &self.partition,
            how: How::ByItself,
            event: sweep,
            by: None,
            deadline,
        };
        let mut cells = estate.unit(unit, &Service::BASELINE).await;
        cells.extend(failed);
        self.sweeps().keep_unit(sweep, unit, &cells).await?;
        Ok(json!({}))
    }

    async fn summarise(&self, sweep: &str) -> Result<Json> {
        let sweeps = self.sweeps();
        let (begun, units) = sweeps.begun(sweep).await?;
        let why = "its invocation ended without a word: see the function's log";
        let of = |unit: &Unit| {
            let services = self.chosen.services.iter().filter(|service| unit.is_first || !service.is_global());
            services.map(|service| Cell::of(&unit.account, &unit.region, *service, State::Lost, why)).collect()
        };
        let cells = sweeps.of_units(sweep, &units, of).await?;
        sweeps.keep(sweep, &begun, "report", &documents(&cells, self.partition.as_str())).await?;
        let summary = sweeps.end(sweep, &begun, cells, self.hands.clock.now()).await?;
        if let Some((subject, body)) = summary.news("baseline") {
            self.hands.post.tell(&subject, &body).await?;
        }
        let (good, failed) = summary.counts();
        let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        if begun.wish.is_whole() {
            measure(Measure::BaselineGood, number(good), summary.ended);
            measure(Measure::BaselineFailures, number(failed), summary.ended);
            measure(Measure::BaselineDrift, number(summary.drift.len()), summary.ended);
        }
        info!(sweep, good, failed, drift = summary.drift.len(), "a sweep ended");
        Ok(json!({ "sweep": sweep, "states": summary.states, "changed": summary.drift.len() }))
    }
}

impl Function for AccountBaseline {
    /// It has no queue.
    async fn handle(&self, batch: Vec<Message>, _deadline: Timestamp) -> Vec<String> {
        batch.into_iter().map(|message| message.id).collect()
    }

    async fn answer(&self, request: Json, deadline: Timestamp) -> std::result::Result<Json, String> {
        Box::pin(self.step(request, deadline)).await.map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use redress_organization::Governed;

    use super::*;

    #[test]
    fn steps_are_read_as_the_state_machine_writes_them() {
        let step = |json: Json| serde_json::from_value::<Step>(json).unwrap();
        assert!(matches!(step(json!({"step": "prepare", "sweep": "s", "detail": {"scan_type": "manual"}})), Step::Prepare { .. }));
        let unit = json!({"account": "111122223333", "name": "a", "region": "eu-west-1", "governed": "declarative", "is_first": true});
        assert!(matches!(
            step(json!({"step": "account", "sweep": "s", "unit": unit})),
            Step::Account { unit: Unit { governed: Some(Governed::Declarative), .. }, .. }
        ));
        assert!(matches!(step(json!({"step": "summarise", "sweep": "s"})), Step::Summarise { .. }));
    }
}
