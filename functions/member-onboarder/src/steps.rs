//! The steps of a sweep: which accounts and regions there are, one of them, one region as a whole, and what came of all.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use redress_aws::{Clock, Error, Member, Post, Result};
use redress_lambda::{Measure, measure};
use redress_model::Region;
use redress_organization::{Cell, Service, State, Unit, Wish, governance::Rule, sweep::Begun, units};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tracing::info;

use crate::{AT_ONCE, MemberOnboarder};

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
    /// What is about a region as a whole.
    Region { sweep: String, unit: Region },
    /// What came of all.
    Summarise { sweep: String },
}

const SERVICES: [Service; 2] = [Service::SecurityHub, Service::Standards];

impl MemberOnboarder {
    /// Does a step of a sweep.
    pub(crate) async fn step(&self, request: Json, deadline: Timestamp) -> Result<Json> {
        let step = serde_json::from_value(request).map_err(|error| Error::malformed("the step", error.to_string()))?;
        match step {
            Step::Prepare { sweep, detail } => self.prepare(&sweep, detail.unwrap_or_default(), deadline).await,
            Step::Account { sweep, unit } => {
                let policy = self.policy().await;
                let cells = self.estate(&policy, &sweep, deadline).unit(&unit, &SERVICES).await;
                self.sweeps().keep_unit(&sweep, &unit, &cells).await?;
                Ok(json!({}))
            }
            Step::Region { sweep, unit } => self.region(&sweep, &unit, deadline).await,
            Step::Summarise { sweep } => self.summarise(&sweep).await,
        }
    }

    async fn prepare(&self, sweep: &str, wish: Wish, deadline: Timestamp) -> Result<Json> {
        let all = self.regions().await?;
        let regions: Vec<Region> =
            all.iter().filter(|region| wish.regions.is_empty() || wish.regions.contains(&region.to_string())).cloned().collect();
        let (policy, management) = (self.policy().await, self.hands.organizations.management().await?);
        let seat = self.seat(self.estate(&policy, sweep, deadline), &management, &all);
        let mut units = units(&self.everybody(&seat).await?, &all, &wish)?;
        let rules: BTreeMap<Region, Rule> = stream::iter(regions.clone())
            .map(|region| {
                let seat = &seat;
                async move { (region.clone(), seat.rule(&region).await) }
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for unit in &mut units {
            unit.governed = rules.get(&unit.region).and_then(|rule| rule.on(&unit.account));
        }
        let begun = Begun { started: self.hands.clock.now(), wish, regions: regions.clone() };
        self.sweeps().begin(sweep, &begun, &units).await?;
        let regions_key = self.sweeps().list_key(sweep, "regions");
        self.reports.write(&regions_key, &regions).await?;
        Ok(json!({
            "sweep": sweep,
            "bucket": self.reports.bucket(),
            "key": self.sweeps().list_key(sweep, "units"),
            "regions_key": regions_key,
        }))
    }

    async fn region(&self, sweep: &str, region: &Region, deadline: Timestamp) -> Result<Json> {
        let (_, units) = self.sweeps().begun(sweep).await?;
        let (policy, management) = (self.policy().await, self.hands.organizations.management().await?);
        let all = self.regions().await?;
        let of_region = units.into_iter().filter(|unit| unit.region == *region);
        let members: Vec<Member> = of_region.map(|unit| Member { id: unit.account, name: unit.name, state: unit.state }).collect();
        let seat = self.seat(self.estate(&policy, sweep, deadline), &management, &all);
        let cells = seat.region(region, &members, None).await;
        self.sweeps().keep_region(sweep, region, &cells).await?;
        Ok(json!({}))
    }

    async fn summarise(&self, sweep: &str) -> Result<Json> {
        let sweeps = self.sweeps();
        let (begun, units) = sweeps.begun(sweep).await?;
        let why = "its invocation ended without a word: see the function's log";
        let services = || SERVICES.into_iter().filter(|service| self.chosen.services.contains(service));
        let lost = |unit: &Unit| services().map(|service| Cell::of(&unit.account, &unit.region, service, State::Lost, why)).collect();
        let mut cells = sweeps.of_units(sweep, &units, lost).await?;
        for region in &begun.regions {
            if let Some(of_region) = sweeps.of_region(sweep, region).await? {
                cells.extend(of_region);
                continue;
            }
            let of_region = units.iter().filter(|unit| unit.region == *region);
            cells.extend(of_region.map(|unit| Cell::of(&unit.account, region, Service::Membership, State::Lost, why)));
        }
        let summary = sweeps.end(sweep, &begun, cells, self.hands.clock.now()).await?;
        if let Some((subject, body)) = summary.news("onboarding") {
            self.hands.post.tell(&subject, &body).await?;
        }
        let (good, failed) = summary.counts();
        let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        if begun.wish.is_whole() {
            measure(Measure::Onboarded, number(good), summary.ended);
            measure(Measure::NotOnboarded, number(failed), summary.ended);
        }
        info!(sweep, good, failed, drift = summary.drift.len(), "a sweep ended");
        Ok(json!({ "sweep": sweep, "states": summary.states, "changed": summary.drift.len() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read_as_the_state_machine_writes_them() {
        let step = |json: Json| serde_json::from_value::<Step>(json).unwrap();
        assert!(matches!(step(json!({"step": "prepare", "sweep": "s", "detail": {"scan_type": "scheduled"}})), Step::Prepare { .. }));
        assert!(matches!(step(json!({"step": "prepare", "sweep": "s"})), Step::Prepare { detail: None, .. }));
        let unit = json!({"account": "111122223333", "name": "a", "region": "eu-west-1"});
        assert!(matches!(step(json!({"step": "account", "sweep": "s", "unit": unit})), Step::Account { .. }));
        assert!(matches!(step(json!({"step": "region", "sweep": "s", "unit": "eu-west-1"})), Step::Region { .. }));
        assert!(matches!(step(json!({"step": "summarise", "sweep": "s"})), Step::Summarise { .. }));
    }
}
