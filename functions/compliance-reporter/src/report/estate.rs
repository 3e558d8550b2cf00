//! Sweeps: security groups, the baseline and onboarding, as they ended last.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::percent;
use crate::facts::{GroupSweep, Moved, Square, Sweep};

/// Security groups.
#[derive(Debug, Clone, Serialize)]
pub struct Groups {
    /// When the sweep ended.
    pub as_of: Timestamp,
    /// Groups.
    pub groups: usize,
    /// Rules.
    pub rules: usize,
    /// Violations.
    pub violations: usize,
    /// Violations by severity.
    pub severities: BTreeMap<String, usize>,
    /// Violations that are exempt.
    pub exempt: usize,
    /// Accounts and regions, by how looking at them ended.
    pub units: BTreeMap<String, usize>,
    /// Accounts and regions with violations, the most first.
    pub worst: Vec<UnitLine>,
}

/// An account and region.
#[derive(Debug, Clone, Serialize)]
pub struct UnitLine {
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// Its violations.
    pub violations: usize,
}

/// So many are listed.
const LISTED: usize = 50;

impl Groups {
    pub(super) fn of(sweep: &GroupSweep) -> Self {
        let mut worst: Vec<UnitLine> = sweep
            .rows
            .iter()
            .map(|row| UnitLine { account: row.account.clone(), region: row.region.clone(), violations: row.violations.values().sum() })
            .filter(|line| line.violations > 0)
            .collect();
        worst.sort_by(|one, other| {
            other.violations.cmp(&one.violations).then_with(|| (&one.account, &one.region).cmp(&(&other.account, &other.region)))
        });
        worst.truncate(LISTED);
        Self {
            as_of: sweep.ended,
            groups: sweep.groups,
            rules: sweep.rules,
            violations: sweep.violations.values().sum(),
            severities: sweep.violations.clone(),
            exempt: sweep.exempt,
            units: sweep.units.clone(),
            worst,
        }
    }
}

/// The matrix of accounts, regions and services.
#[derive(Debug, Clone, Serialize)]
pub struct Matrix {
    /// When the sweep ended.
    pub as_of: Timestamp,
    /// Squares that are as they are to be.
    pub good: usize,
    /// Squares that somebody has something to do about.
    pub open: usize,
    /// Squares that could not be looked at, or did not work.
    pub failed: usize,
    /// Squares that count neither way: off, exempt, inactive, closed, unavailable.
    pub other: usize,
    /// Per cent of what is good, open or failed that is good; `null` where there is nothing of it.
    pub rate: Option<f64>,
    /// By service.
    pub services: Vec<ServiceLine>,
    /// How many are not as they were in the sweep before.
    pub drifted: usize,
    /// Some of those.
    pub drift: Vec<Drift>,
}

/// A service.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ServiceLine {
    /// Its name.
    pub service: String,
    /// As it is to be.
    pub good: usize,
    /// Somebody has something to do.
    pub open: usize,
    /// Not looked at, or did not work.
    pub failed: usize,
    /// Counts neither way.
    pub other: usize,
}

/// A square that is not as it was.
#[derive(Debug, Clone, Serialize)]
pub struct Drift {
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// The service.
    pub service: String,
    /// How it was; `null` where it was not looked at.
    pub before: Option<String>,
    /// How it is.
    pub state: String,
    /// What is said of that.
    pub said: String,
}

enum Sort {
    Good,
    Open,
    Failed,
    Other,
}

fn sort(square: &Square) -> Sort {
    match square.state.as_str() {
        "good" | "changed" | "governed" => Sort::Good,
        "planned" | "in-progress" | "needs-approval" | "needs-person" | "held" => Sort::Open,
        "no-role" | "failed" | "lost" => Sort::Failed,
        _ => Sort::Other,
    }
}

impl Matrix {
    pub(super) fn of(sweep: &Sweep) -> Self {
        let mut services: BTreeMap<&str, ServiceLine> = BTreeMap::new();
        for square in &sweep.cells {
            let line = services.entry(&square.service).or_default();
            line.service.clone_from(&square.service);
            match sort(square) {
                Sort::Good => line.good += 1,
                Sort::Open => line.open += 1,
                Sort::Failed => line.failed += 1,
                Sort::Other => line.other += 1,
            }
        }
        let sum = |of: fn(&ServiceLine) -> usize| services.values().map(of).sum::<usize>();
        let (good, open, failed) = (sum(|line| line.good), sum(|line| line.open), sum(|line| line.failed));
        Self {
            as_of: sweep.ended,
            good,
            open,
            failed,
            other: sum(|line| line.other),
            rate: percent(good, good + open + failed),
            drifted: sweep.drift.len(),
            drift: sweep.drift.iter().take(LISTED).map(drift).collect(),
            services: services.into_values().collect(),
        }
    }
}

fn drift(Moved { before, now }: &Moved) -> Drift {
    let Square { account, region, service, state, said } = now.clone();
    Drift { account, region, service, before: before.clone(), state, said }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn sweeps_are_read_as_the_functions_write_them() {
        let cell =
            |service: &str, state: &str| json!({"account": "111122223333", "region": "us-east-1", "service": service, "state": state});
        let sweep = json!({
            "sweep": "s", "scan_type": "scheduled", "started": "2026-11-21T10:00:00Z", "ended": "2026-11-21T10:05:00Z", "states": {"good": 2},
            "drift": [{"before": "planned", "account": "111122223333", "region": "us-east-1", "service": "macie", "state": "changed"}],
            "cells": [cell("macie", "changed"), cell("macie", "no-role"), cell("config", "planned"), cell("config", "off")],
        });
        let matrix = Matrix::of(&from_value(sweep).unwrap());
        assert_eq!((matrix.good, matrix.open, matrix.failed, matrix.other, matrix.drifted), (1, 1, 1, 1, 1));
        assert_eq!(matrix.rate, Some(33.3));
        let groups = json!({
            "sweep": "s", "scan_type": "scheduled", "started": "2026-11-21T10:00:00Z", "ended": "2026-11-21T10:05:00Z",
            "units": {"scanned": 2}, "groups": 9, "rules": 20, "violations": {"critical": 1, "low": 2}, "exempt": 1, "jobs": 0,
            "rows": [{"account": "111122223333", "name": "a", "region": "us-east-1", "verdict": "scanned", "groups": 9, "rules": 20,
                "violations": {"critical": 1, "low": 2}, "exempt": 1, "jobs": 0, "milliseconds": 5}],
        });
        let groups = Groups::of(&from_value(groups).unwrap());
        assert_eq!((groups.violations, groups.worst.len(), groups.exempt), (3, 1, 1));
    }
}
