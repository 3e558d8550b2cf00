//! The report: what was gathered, counted. Pure.
//!
//! Its JSON is [`Report`] as it stands, and its keys stay: a key may be added, none changes its meaning or goes. A figure that nobody can know
//! is `null`, never 0: a rate where nothing was assessed, a mean where nothing was remediated, users without MFA where no control looked,
//! incidents that could not be read.
//!
//! An account passes a control as Security Hub counts it: at least one finding fails, and it fails; else at least one could not be told
//! (`WARNING`, `NOT_AVAILABLE`), or there is none, and it is not assessed; else it passes. Suppressed findings do not count. The rate is of
//! what was assessed.

mod estate;
mod iam;
mod incidents;
mod posture;
mod remediations;
mod trend;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

pub use estate::{Drift, Groups, Matrix, ServiceLine, UnitLine};
pub use iam::{Fact, Iam};
pub(crate) use incidents::INCIDENT_DAYS;
pub use incidents::Incidents;
pub use posture::{AccountLine, ClauseLine, ControlLine, Posture, Row, Severities, StandardLine, Status, Tally, Told, UnitPosture, Whose};
pub use remediations::{Day, Remediations};
pub use trend::{Point, Trend};

use crate::facts::{Exemption, Facts, Gap};

/// Days that a report looks back on remediations, and ahead to exemptions that end.
pub const WINDOW_DAYS: i64 = 30;

const DAY_HOURS: i64 = 24;

/// The report.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The version of this format: 1.
    pub version: u32,
    /// The day of the report, in UTC; there is one report for each.
    pub day: String,
    /// When its figures were read.
    pub as_of: Timestamp,
    /// The organization.
    pub organization: Organization,
    /// What could not be read; the figures lack it.
    pub gaps: Vec<Gap>,
    /// How accounts stand against controls and standards.
    pub posture: Posture,
    /// Identities.
    pub iam: Iam,
    /// Incidents; `null` where they could not be read.
    pub incidents: Option<Incidents>,
    /// What Redress did; `null` where that could not be read.
    pub remediations: Option<Remediations>,
    /// What is left as it is for a time; `null` where that could not be read.
    pub exemptions: Option<Exemptions>,
    /// Security groups; `null` where no sweep ended yet.
    pub security_groups: Option<Groups>,
    /// The baseline; `null` where no sweep ended yet.
    pub baseline: Option<Matrix>,
    /// Onboarding; `null` where no sweep ended yet.
    pub onboarding: Option<Matrix>,
    /// Against earlier reports.
    pub trend: Trend,
}

/// The organization.
#[derive(Debug, Clone, Serialize)]
pub struct Organization {
    /// Active accounts that the report is about.
    pub accounts: usize,
    /// Accounts that are not active: nothing is said of them.
    pub inactive: usize,
}

/// What is left as it is for a time.
#[derive(Debug, Clone, Serialize)]
pub struct Exemptions {
    /// How many there are.
    pub total: usize,
    /// How many of them end within thirty days.
    pub ending: usize,
    /// Each, the first to end first.
    pub list: Vec<Exemption>,
}

impl Exemptions {
    fn of(exemptions: &[Exemption], as_of: Timestamp) -> Self {
        let mut list: Vec<_> = exemptions.iter().filter(|exemption| exemption.until > as_of).cloned().collect();
        list.sort_by(|one, other| (one.until, &one.scope).cmp(&(other.until, &other.scope)));
        let soon = as_of + SignedDuration::from_hours(WINDOW_DAYS * DAY_HOURS);
        Self { total: list.len(), ending: list.iter().filter(|exemption| exemption.until <= soon).count(), list }
    }
}

impl Report {
    /// The report of what was gathered.
    pub fn of(facts: &Facts) -> Self {
        let posture = Posture::of(facts);
        let incidents = facts.incidents.as_deref().map(Incidents::of);
        Self {
            version: 1,
            day: day(facts.as_of),
            as_of: facts.as_of,
            organization: Organization {
                accounts: posture.accounts.len(),
                inactive: facts.accounts.iter().filter(|account| account.state.is_some()).count(),
            },
            gaps: facts.gaps.clone(),
            iam: Iam::of(facts, &posture, incidents.as_ref()),
            remediations: facts.runs.as_deref().map(|runs| Remediations::of(runs, facts.as_of)),
            exemptions: facts.exemptions.as_deref().map(|exemptions| Exemptions::of(exemptions, facts.as_of)),
            security_groups: facts.security_groups.as_ref().map(Groups::of),
            baseline: facts.baseline.as_ref().map(Matrix::of),
            onboarding: facts.onboarding.as_ref().map(Matrix::of),
            trend: Trend::of(facts, &posture, incidents.as_ref()),
            posture,
            incidents,
        }
    }
}

/// A day, in UTC.
pub(crate) fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// Per cent with one decimal; nothing of nothing.
pub(crate) fn percent(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| (number(part) / number(whole) * 1000.0).round() / 10.0)
}

pub(crate) fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
