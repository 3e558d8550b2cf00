//! The steps of a sweep: which accounts and regions there are, one of them, and what came of all.
//!
//! The rows go through the reports' bucket and not through the state machine, whose states take 256 KB: an organization has more.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use redress_aws::{Accounts, Clock, Error, Post, Result, Visit};
use redress_exposure::Severity;
use redress_lambda::{Measure, measure};
use redress_model::{AccountId, Region};
use redress_organization::{State, Unit, Wish, home_first, open_regions, state_of, units};
use redress_settings::ec2::survey::REGIONS;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use tracing::{info, warn};

use crate::{
    SgComplianceScanner,
    look::{At, Looked, Told, Why},
};

/// What the state machine asks.
#[derive(Debug, Deserialize)]
#[serde(tag = "step", rename_all = "lowercase")]
enum Step {
    /// Which accounts and regions are to be looked at.
    Prepare {
        sweep: String,
        #[serde(default)]
        detail: Wish,
    },
    /// Look at one of them.
    Scan { sweep: String, unit: Unit },
    /// What came of all.
    Summarise { sweep: String },
}

/// A sweep, as it was begun.
#[derive(Debug, Serialize, Deserialize)]
struct Begun {
    started: Timestamp,
    scan_type: String,
    units: usize,
    /// Whether nothing was left out: only then it is the latest word on the organization.
    is_whole: bool,
}

/// How looking at a unit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    /// It was looked at.
    Scanned,
    /// The account is not active.
    Inactive,
    /// The role is missing, or may not be assumed.
    NoRole,
    /// The region is not open to the account.
    Closed,
    /// Something else went wrong.
    Failed,
    /// Its invocation ended without a word.
    Lost,
}

/// A row of the result.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    account: AccountId,
    name: String,
    region: Region,
    verdict: Verdict,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    groups: usize,
    rules: usize,
    violations: BTreeMap<Severity, usize>,
    exempt: usize,
    jobs: usize,
    milliseconds: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_imported: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unresolved: Vec<String>,
}

/// A unit's report: its row, and each violation.
#[derive(Debug, Serialize, Deserialize)]
struct Report {
    #[serde(flatten)]
    row: Row,
    found: Vec<Told>,
}

/// The result of a sweep.
#[derive(Debug, Serialize)]
struct Summary {
    sweep: String,
    scan_type: String,
    started: Timestamp,
    ended: Timestamp,
    units: BTreeMap<Verdict, usize>,
    groups: usize,
    rules: usize,
    violations: BTreeMap<Severity, usize>,
    exempt: usize,
    jobs: usize,
    rows: Vec<Row>,
}

fn key(sweep: &str, name: &str) -> String {
    format!("security-groups/sweeps/{sweep}/{name}.json")
}

fn unit_key(sweep: &str, unit: &Unit) -> String {
    key(sweep, &format!("units/{}/{}", unit.account, unit.region))
}

/// Pauses before a unit is looked at again.
const PAUSES: [SignedDuration; 4] =
    [SignedDuration::from_secs(2), SignedDuration::from_secs(8), SignedDuration::from_secs(30), SignedDuration::from_secs(60)];
/// A large unit takes this long.
const LONGEST: SignedDuration = SignedDuration::from_mins(4);

/// Reports that are read at once.
const AT_ONCE: usize = 32;

/// Where the latest result stands.
const LATEST: &str = "security-groups/latest.json";

impl SgComplianceScanner {
    /// Does a step of a sweep.
    pub(crate) async fn step(&self, request: Json, deadline: Timestamp) -> Result<Json> {
        let step = serde_json::from_value(request).map_err(|error| Error::malformed("the step", error.to_string()))?;
        match step {
            Step::Prepare { sweep, detail } => self.prepare(&sweep, detail).await,
            Step::Scan { sweep, unit } => self.scan(&sweep, unit, deadline).await,
            Step::Summarise { sweep } => self.summarise(&sweep).await,
        }
    }

    async fn prepare(&self, sweep: &str, wish: Wish) -> Result<Json> {
        // By a policy that cannot be relied on there is no verdict: the sweep fails, and its alarm tells.
        self.policy().await?;
        let started = self.clock.now();
        let all = if self.regions.is_empty() { self.open_regions(started).await? } else { self.regions.clone() };
        let is_whole = wish.is_whole();
        let units = units(&self.organizations.members().await?, &home_first(&all, &self.home_region), &wish)?;
        self.reports.write(&key(sweep, "begun"), &Begun { started, scan_type: wish.scan_type, units: units.len(), is_whole }).await?;
        let listed = key(sweep, "units");
        self.reports.write(&listed, &units).await?;
        info!(sweep, units = units.len(), "a sweep begins");
        Ok(json!({ "sweep": sweep, "bucket": self.reports.bucket(), "key": listed }))
    }

    /// The regions that are open to our own account.
    async fn open_regions(&self, now: Timestamp) -> Result<Vec<String>> {
        let run = self.clock.new_run();
        let visit = Visit { account: &self.owner, region: &self.home_region, partition: &self.partition, run, now, actions: vec![REGIONS] };
        open_regions(&self.home.enter(visit).await?).await
    }

    /// Never fails but where its row cannot be written: everything else is what the row says.
    async fn scan(&self, sweep: &str, unit: Unit, deadline: Timestamp) -> Result<Json> {
        let started = self.clock.now();
        let looked = match &unit.state {
            Some(state) => Err((Verdict::Inactive, state.clone())),
            None => self.look_at(sweep, &unit, deadline).await.map_err(|error| (verdict(&error), error.to_string())),
        };
        let (verdict, why, looked) = match looked {
            Ok(looked) => (Verdict::Scanned, None, looked),
            Err((verdict, why)) => {
                warn!(account = %unit.account, region = %unit.region, why, "not looked at");
                (verdict, Some(why), Looked::default())
            }
        };
        let mut violations = BTreeMap::new();
        for one in &looked.violations {
            *violations.entry(one.severity).or_insert(0) += 1;
        }
        let milliseconds = self.clock.now().duration_since(started).as_millis();
        let row = Row {
            account: unit.account.clone(),
            name: unit.name.clone(),
            region: unit.region.clone(),
            verdict,
            why,
            groups: looked.groups,
            rules: looked.rules,
            violations,
            exempt: looked.exempt,
            jobs: looked.jobs,
            milliseconds: i64::try_from(milliseconds).unwrap_or(i64::MAX),
            not_imported: looked.not_imported,
            unresolved: looked.unresolved,
        };
        self.reports.write(&unit_key(sweep, &unit), &Report { row, found: looked.violations }).await?;
        Ok(json!({}))
    }

    /// The report of a unit; `None` where there is none.
    async fn report_of(&self, sweep: &str, unit: &Unit) -> Result<Option<Report>> {
        self.reports.read(&unit_key(sweep, unit)).await
    }

    /// People hear once of all that is critical and was not known.
    async fn tell_of_critical_in(&self, sweep: &str, critical: &[String]) -> Result<()> {
        const TOLD: usize = 100;
        if critical.is_empty() {
            return Ok(());
        }
        let more = critical.len().saturating_sub(TOLD);
        let told: Vec<&str> = critical.iter().take(TOLD).map(String::as_str).collect();
        let rest = if more == 0 { String::new() } else { format!("\nand {more} more") };
        let subject = format!("Redress: {} new critical violations by security groups", critical.len());
        let body = format!("{}{rest}\n\nThe whole result: {} in the bucket of reports.\n", told.join("\n"), key(sweep, "result"));
        self.post.tell(&subject, &body).await
    }

    async fn look_at(&self, sweep: &str, unit: &Unit, deadline: Timestamp) -> Result<Looked> {
        let policy = self.policy().await?;
        let at = At { account: &unit.account, region: &unit.region, group: None };
        // Throttling passes; a whole unit is not given up for it.
        let mut pauses = PAUSES.iter();
        loop {
            let looked = match self.look(at, &policy, Why::Sweep(sweep)).await {
                Ok(looked) => self.remember(at, &looked).await.map(|()| looked),
                Err(error) => Err(error),
            };
            match (looked, pauses.next()) {
                (Err(error), Some(pause)) if error.is_retryable() && self.clock.now() + *pause + LONGEST < deadline => {
                    warn!(account = %unit.account, region = %unit.region, %error, "looked at again");
                    self.clock.sleep(Duration::from_secs(pause.as_secs().unsigned_abs())).await;
                }
                (looked, _) => return looked,
            }
        }
    }

    async fn summarise(&self, sweep: &str) -> Result<Json> {
        let missing = |what: &str| Error::malformed("the sweep", format!("it has no {what}"));
        let begun: Begun = self.reports.read(&key(sweep, "begun")).await?.ok_or_else(|| missing("beginning"))?;
        let units: Vec<Unit> = self.reports.read(&key(sweep, "units")).await?.ok_or_else(|| missing("units"))?;
        let ended = self.clock.now();
        let mut summary = Summary {
            sweep: sweep.to_owned(),
            scan_type: begun.scan_type,
            started: begun.started,
            ended,
            units: BTreeMap::new(),
            groups: 0,
            rules: 0,
            violations: BTreeMap::new(),
            exempt: 0,
            jobs: 0,
            rows: Vec::new(),
        };
        let mut new_critical = Vec::new();
        let read = |unit: Unit| async move { self.report_of(sweep, &unit).await.map(|report| (unit, report)) };
        let mut reports = stream::iter(units).map(read).buffered(AT_ONCE);
        while let Some(read) = reports.next().await {
            let (unit, report) = read?;
            let row = report.map_or_else(
                || lost(&unit),
                |report| {
                    let is_news = |one: &&Told| one.severity == Severity::Critical && one.is_new;
                    let line = |one: &Told| format!("{} {} {}: {} ({})", unit.account, unit.region, one.group, one.rule_id, one.why);
                    new_critical.extend(report.found.iter().filter(is_news).map(line));
                    report.row
                },
            );
            *summary.units.entry(row.verdict).or_insert(0) += 1;
            for (severity, count) in &row.violations {
                *summary.violations.entry(*severity).or_insert(0) += count;
            }
            summary.groups += row.groups;
            summary.rules += row.rules;
            summary.exempt += row.exempt;
            summary.jobs += row.jobs;
            summary.rows.push(row);
        }
        self.reports.write(&key(sweep, "result"), &summary).await?;
        drop(reports);
        self.tell_of_critical_in(sweep, &new_critical).await?;
        if !begun.is_whole {
            info!(sweep, "it was about a part of the organization: the latest result stays");
            return Ok(json!({ "sweep": sweep, "result": key(sweep, "result"), "units": summary.units, "violations": summary.violations }));
        }
        self.reports.write(LATEST, &summary).await?;
        let count = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        let unreachable =
            |(verdict, number): (&Verdict, &usize)| if matches!(verdict, Verdict::Scanned | Verdict::Inactive) { 0 } else { *number };
        measure(Measure::ComplianceViolations, count(summary.violations.values().sum()), ended);
        measure(Measure::CriticalViolationsFound, count(summary.violations.get(&Severity::Critical).copied().unwrap_or(0)), ended);
        measure(Measure::ScanDuration, ended.duration_since(begun.started).as_secs_f64(), ended);
        measure(Measure::UnreachableUnits, count(summary.units.iter().map(unreachable).sum()), ended);
        info!(
            sweep,
            groups = summary.groups,
            rules = summary.rules,
            violations = summary.violations.values().sum::<usize>(),
            "a sweep ended"
        );
        Ok(json!({ "sweep": sweep, "result": key(sweep, "result"), "units": summary.units, "violations": summary.violations }))
    }
}

fn lost(unit: &Unit) -> Row {
    Row {
        account: unit.account.clone(),
        name: unit.name.clone(),
        region: unit.region.clone(),
        verdict: Verdict::Lost,
        why: Some("its invocation ended without a row: see the function's log".into()),
        groups: 0,
        rules: 0,
        violations: BTreeMap::new(),
        exempt: 0,
        jobs: 0,
        milliseconds: 0,
        not_imported: None,
        unresolved: Vec::new(),
    }
}

/// What an error says of a unit.
fn verdict(error: &Error) -> Verdict {
    match state_of(error) {
        State::NoRole => Verdict::NoRole,
        State::Closed => Verdict::Closed,
        _ => Verdict::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read_as_the_state_machine_writes_them() {
        let step = |json: Json| serde_json::from_value::<Step>(json).unwrap();
        assert!(matches!(step(json!({"step": "prepare", "sweep": "s", "detail": {"scan_type": "manual"}})), Step::Prepare { .. }));
        let unit = json!({"account": "111122223333", "name": "a", "region": "eu-west-1"});
        assert!(matches!(step(json!({"step": "scan", "sweep": "s", "unit": unit})), Step::Scan { .. }));
        assert!(matches!(step(json!({"step": "summarise", "sweep": "s"})), Step::Summarise { .. }));
    }
}
