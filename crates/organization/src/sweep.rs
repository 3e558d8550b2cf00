//! The books of a sweep: what was begun, a report for each unit, and the result.
//!
//! Cells go through the reports' bucket and not through the state machine, whose states take 256 KB: an organization has more.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use redress_aws::{Error, Reports, Result};
use redress_model::{AccountId, Region};
use serde::{Deserialize, Serialize};
use tracing::info;

use crate::{
    Cell, State, Unit, Wish,
    document::{Drift, drift},
};

/// Reports that are read at once.
const AT_ONCE: usize = 32;

/// The sweeps of one kind.
#[derive(Debug, Clone, Copy)]
pub struct Sweeps<'a> {
    /// Where reports are kept.
    pub reports: &'a Reports,
    /// The first part of their keys.
    pub area: &'static str,
}

/// A sweep, as it was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// When.
    pub started: Timestamp,
    /// What was wished for.
    pub wish: Wish,
    /// The regions.
    pub regions: Vec<Region>,
}

/// What came of a sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The sweep.
    pub sweep: String,
    /// `scheduled` or `manual`.
    pub scan_type: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// How many cells stand how.
    pub states: BTreeMap<State, usize>,
    /// What is not as it was in the last sweep.
    pub drift: Vec<Drift>,
    /// The matrix.
    pub cells: Vec<Cell>,
}

impl Summary {
    /// How many cells are as they are to be, and how many could not be looked at or brought about.
    pub fn counts(&self) -> (usize, usize) {
        let sum = |is: fn(State) -> bool| self.states.iter().filter(|(state, _)| is(**state)).map(|(_, count)| count).sum();
        (sum(State::is_good), sum(State::is_failure))
    }

    /// What people are told: nothing where nothing changed.
    pub fn news(&self, what: &str) -> Option<(String, String)> {
        news(what, &self.drift)
    }
}

/// What people are told of drift: nothing where there is none.
pub fn news(what: &str, drift: &[Drift]) -> Option<(String, String)> {
    const TOLD: usize = 100;
    if drift.is_empty() {
        return None;
    }
    let mut counts: BTreeMap<State, usize> = BTreeMap::new();
    for one in drift {
        *counts.entry(one.cell.state).or_insert(0) += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let line = |Drift { before, cell }: &Drift| {
        let Cell { account, region, service, state, said, changes, run, .. } = cell;
        let before = before.map_or_else(String::new, |before| format!("{before} -> "));
        let run = run.as_ref().map_or_else(String::new, |run| format!(" [run {run}]"));
        let rest = [changes.join("; "), said.clone()].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" - ");
        format!("{account} {region} {service}: {before}{state} {rest}{run}")
    };
    let mut lines: Vec<String> = drift.iter().take(TOLD).map(line).collect();
    if drift.len() > TOLD {
        lines.push(format!("and {} more", drift.len() - TOLD));
    }
    Some((format!("Redress: {what}: {}", counts.join(", ")), lines.join("\n")))
}

impl Sweeps<'_> {
    /// Where the latest result stands.
    pub fn latest(&self) -> String {
        format!("{}/latest.json", self.area)
    }

    fn key(&self, sweep: &str, name: &str) -> String {
        format!("{}/sweeps/{sweep}/{name}.json", self.area)
    }

    /// The key of what a list of a sweep holds.
    pub fn list_key(&self, sweep: &str, name: &str) -> String {
        self.key(sweep, name)
    }

    fn unit_key(&self, sweep: &str, account: &AccountId, region: &Region) -> String {
        self.key(sweep, &format!("units/{account}/{region}"))
    }

    fn region_key(&self, sweep: &str, region: &Region) -> String {
        self.key(sweep, &format!("regions/{region}"))
    }

    /// Writes what is to be looked at.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn begin(&self, sweep: &str, begun: &Begun, units: &[Unit]) -> Result<()> {
        self.reports.write(&self.key(sweep, "begun"), begun).await?;
        self.reports.write(&self.list_key(sweep, "units"), &units).await?;
        info!(sweep, units = units.len(), "a sweep begins");
        Ok(())
    }

    /// What was begun.
    ///
    /// # Errors
    /// When it cannot be read, or is not there.
    pub async fn begun(&self, sweep: &str) -> Result<(Begun, Vec<Unit>)> {
        let missing = |what: &str| Error::malformed("the sweep", format!("it has no {what}"));
        let begun = self.reports.read(&self.key(sweep, "begun")).await?.ok_or_else(|| missing("beginning"))?;
        let units = self.reports.read(&self.list_key(sweep, "units")).await?.ok_or_else(|| missing("units"))?;
        Ok((begun, units))
    }

    /// Writes what came of a unit.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn keep_unit(&self, sweep: &str, unit: &Unit, cells: &[Cell]) -> Result<()> {
        self.reports.write(&self.unit_key(sweep, &unit.account, &unit.region), &cells).await
    }

    /// Writes what came of a region as a whole.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn keep_region(&self, sweep: &str, region: &Region, cells: &[Cell]) -> Result<()> {
        self.reports.write(&self.region_key(sweep, region), &cells).await
    }

    /// What came of a region as a whole; `None` where its invocation ended without a word.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn of_region(&self, sweep: &str, region: &Region) -> Result<Option<Vec<Cell>>> {
        self.reports.read(&self.region_key(sweep, region)).await
    }

    /// What came of units, in their order; `lost` says what is missing of one whose invocation ended without a word.
    ///
    /// # Errors
    /// When one cannot be read.
    pub async fn of_units(&self, sweep: &str, units: &[Unit], lost: impl Fn(&Unit) -> Vec<Cell>) -> Result<Vec<Cell>> {
        let read = |unit: Unit| async move {
            let cells: Result<Option<Vec<Cell>>> = self.reports.read(&self.unit_key(sweep, &unit.account, &unit.region)).await;
            cells.map(|cells| (unit, cells))
        };
        let mut cells = Vec::new();
        let mut reports = stream::iter(units.to_vec()).map(read).buffered(AT_ONCE);
        while let Some(read) = reports.next().await {
            let (unit, report) = read?;
            cells.extend(report.unwrap_or_else(|| lost(&unit)));
        }
        Ok(cells)
    }

    /// Writes the result of a sweep, and beside it `more`. Of a part of the organization it is not the latest word on it.
    ///
    /// # Errors
    /// When it cannot be written, or the last one cannot be read.
    pub async fn end(&self, sweep: &str, begun: &Begun, cells: Vec<Cell>, ended: Timestamp) -> Result<Summary> {
        let last: Option<Summary> = self.reports.read(&self.latest()).await?;
        let mut known = last.map(|last| last.cells).unwrap_or_default();
        if !begun.wish.is_whole() {
            let keys: std::collections::BTreeSet<_> = cells.iter().map(Cell::key).collect();
            known.retain(|cell| keys.contains(&cell.key()));
        }
        let mut states = BTreeMap::new();
        for cell in &cells {
            *states.entry(cell.state).or_insert(0) += 1;
        }
        let summary = Summary {
            sweep: sweep.to_owned(),
            scan_type: begun.wish.scan_type.clone(),
            started: begun.started,
            ended,
            states,
            drift: drift(&known, &cells),
            cells,
        };
        self.reports.write(&self.key(sweep, "result"), &summary).await?;
        if begun.wish.is_whole() {
            self.reports.write(&self.latest(), &summary).await?;
        }
        Ok(summary)
    }

    /// Writes something else about a sweep, and as the latest of its name.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn keep<T: Serialize + Sync>(&self, sweep: &str, begun: &Begun, name: &str, what: &T) -> Result<()> {
        self.reports.write(&self.key(sweep, name), what).await?;
        if begun.wish.is_whole() {
            self.reports.write(&format!("{}/{name}.json", self.area), what).await?;
        }
        Ok(())
    }

    /// Writes what came of one account outside of a sweep.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn keep_account(&self, account: &AccountId, cells: &[Cell]) -> Result<()> {
        self.reports.write(&format!("{}/accounts/{account}.json", self.area), &cells).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Service;

    #[test]
    fn people_are_told_what_changed_and_nothing_otherwise() {
        let cell = |state| {
            Cell::of(&AccountId::try_from("111122223333").unwrap(), &Region::try_from("us-east-1").unwrap(), Service::Macie, state, "")
        };
        assert_eq!(news("baseline", &[]), None);
        let changed = Cell { changes: vec!["+ Macie".into()], ..cell(State::Changed) };
        let (subject, body) = news("baseline", &drift(&[cell(State::Planned)], &[changed])).unwrap();
        assert_eq!(subject, "Redress: baseline: 1 changed");
        assert_eq!(body, "111122223333 us-east-1 macie: planned -> changed + Macie");
    }
}
