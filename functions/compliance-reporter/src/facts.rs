//! What a report is made of, as it was gathered. Nothing here was judged yet.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use jiff::Timestamp;
use redress_aws::{Standing, Verdict};
use redress_model::{AccountId, ControlId, Record, Severity, record::Digest};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Everything that a report says, before it is counted. What could not be read is a [`Gap`], and its part is `None` or lacks it.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// When it was gathered.
    pub as_of: Timestamp,
    /// The accounts of the organization.
    pub accounts: Vec<Account>,
    /// What controls say.
    pub seen: Seen,
    /// What Redress did, the earliest first.
    pub runs: Option<Vec<Run>>,
    /// What is left as it is for a time.
    pub exemptions: Option<Vec<Exemption>>,
    /// Incidents.
    pub incidents: Option<Vec<Incident>>,
    /// The latest sweep of security groups.
    pub security_groups: Option<GroupSweep>,
    /// The latest sweep of the baseline.
    pub baseline: Option<Sweep>,
    /// The latest sweep of onboarding.
    pub onboarding: Option<Sweep>,
    /// Earlier reports, the earliest first.
    pub earlier: Vec<Earlier>,
    /// What is missing.
    pub gaps: Vec<Gap>,
}

/// A part that could not be read, or not in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The part.
    pub part: &'static str,
    /// Why.
    pub why: String,
}

/// An account of the organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub id: AccountId,
    /// What people call it.
    pub name: String,
    /// The path of its organizational unit, where that is known.
    pub unit: Option<String>,
    /// Whether it is active; if not, in which state it is.
    pub state: Option<String>,
}

/// What controls say, by account and control. Findings of several regions, and of several standards about the same, come together here.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub(crate) cells: BTreeMap<(AccountId, ControlId), Cell>,
    pub(crate) about: BTreeMap<ControlId, About>,
    pub(crate) read: usize,
    pub(crate) left_out: usize,
}

/// The findings of a control in an account.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    pub(crate) passed: BTreeSet<u64>,
    pub(crate) failed: BTreeSet<u64>,
    pub(crate) unknown: usize,
    pub(crate) suppressed: usize,
    /// Some of those that fail.
    pub(crate) examples: BTreeSet<String>,
}

/// What findings say of a control itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct About {
    pub(crate) title: String,
    pub(crate) severity: Option<Severity>,
    pub(crate) standards: BTreeSet<&'static str>,
}

/// So many resources are named of an account and control.
const EXAMPLES: usize = 10;

fn sum(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

impl Seen {
    /// Takes a finding in.
    pub fn take(&mut self, verdict: Verdict) {
        self.read += 1;
        let about = self.about.entry(verdict.control.clone()).or_default();
        if about.title.is_empty() {
            about.title = verdict.title;
        }
        about.severity = about.severity.max(verdict.severity);
        about.standards.extend(verdict.standards.iter().map(|standard| standard.slug()));
        let cell = self.cells.entry((verdict.account, verdict.control)).or_default();
        match verdict.standing {
            _ if verdict.is_suppressed => cell.suppressed += 1,
            Standing::Unknown => cell.unknown += 1,
            Standing::Passed => _ = cell.passed.insert(sum(&verdict.resource)),
            Standing::Failed => {
                cell.failed.insert(sum(&verdict.resource));
                if cell.examples.len() < EXAMPLES {
                    cell.examples.insert(verdict.resource);
                }
            }
        }
    }

    /// Counts findings that say nothing here.
    pub fn leave_out(&mut self, findings: usize) {
        self.left_out += findings;
    }
}

/// What a run did, as far as it is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The resource.
    pub lane: Digest,
    /// The controls.
    pub controls: Vec<ControlId>,
    /// The outcome's word.
    pub outcome: &'static str,
    /// When it started.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
}

impl From<Record> for Run {
    fn from(record: Record) -> Self {
        Self {
            lane: redress_model::job::lane(&record.resource),
            outcome: record.outcome.word(),
            controls: record.controls,
            started: record.started,
            ended: record.ended,
        }
    }
}

/// What is left as it is for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exemption {
    /// Where it stands: `policy` or `record`.
    pub source: &'static str,
    /// The controls.
    pub controls: Vec<String>,
    /// What it is about.
    pub scope: String,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Who allowed it.
    pub approved_by: String,
    /// When it ends.
    pub until: Timestamp,
}

/// An incident, as far as its record tells.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Incident {
    /// Its id.
    pub id: String,
    /// When it was opened; its day at least.
    pub opened: String,
    /// How it stands; `unknown` where nothing says so.
    pub state: String,
    /// 0 to 100.
    pub score: Option<u64>,
    /// The account.
    pub account: String,
    /// Who did it.
    pub actor: String,
    /// In a line.
    pub title: String,
    /// How many deeds it is about.
    pub deeds: usize,
    /// Whether the root user did it.
    pub by_root: bool,
}

impl Incident {
    /// The incident of day `day` and id `id`, as far as its record tells.
    pub fn of(day: &str, id: &str, record: &Json) -> Self {
        let text = |keys: &[&str]| keys.iter().find_map(|key| record.pointer(key)?.as_str()).unwrap_or_default().to_owned();
        let or = |text: String, other: &str| if text.is_empty() { other.to_owned() } else { text };
        let actor = text(&["/actor/arn", "/actor"]);
        Self {
            id: or(text(&["/id"]), id),
            opened: or(text(&["/opened"]), day),
            state: or(text(&["/state"]), "unknown"),
            score: record.get("score").and_then(Json::as_u64),
            account: text(&["/account"]),
            title: text(&["/title"]),
            deeds: record.get("deeds").and_then(Json::as_array).map_or(0, Vec::len),
            by_root: actor.ends_with(":root"),
            actor,
        }
    }
}

/// The result of a sweep of security groups, as the scanner writes it.
#[derive(Debug, Clone, Deserialize)]
pub struct GroupSweep {
    /// When it ended.
    pub ended: Timestamp,
    /// Accounts and regions, by how looking at them ended.
    #[serde(default)]
    pub units: BTreeMap<String, usize>,
    /// Groups.
    #[serde(default)]
    pub groups: usize,
    /// Rules.
    #[serde(default)]
    pub rules: usize,
    /// Violations, by severity.
    #[serde(default)]
    pub violations: BTreeMap<String, usize>,
    /// Those that are exempt.
    #[serde(default)]
    pub exempt: usize,
    /// Each account and region.
    #[serde(default)]
    pub rows: Vec<GroupRow>,
}

/// An account and region of a sweep of security groups.
#[derive(Debug, Clone, Deserialize)]
pub struct GroupRow {
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// How looking at it ended.
    pub verdict: String,
    /// Violations, by severity.
    #[serde(default)]
    pub violations: BTreeMap<String, usize>,
}

/// The result of a sweep of the baseline or of onboarding.
#[derive(Debug, Clone, Deserialize)]
pub struct Sweep {
    /// When it ended.
    pub ended: Timestamp,
    /// What was not as it was in the sweep before.
    #[serde(default)]
    pub drift: Vec<Moved>,
    /// The matrix.
    #[serde(default)]
    pub cells: Vec<Square>,
}

/// One service in one account and region.
#[derive(Debug, Clone, Deserialize)]
pub struct Square {
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// The service.
    pub service: String,
    /// How it stands.
    pub state: String,
    /// What is to be said of that.
    #[serde(default)]
    pub said: String,
}

/// One that is not as it was.
#[derive(Debug, Clone, Deserialize)]
pub struct Moved {
    /// How it was.
    pub before: Option<String>,
    /// How it is.
    #[serde(flatten)]
    pub now: Square,
}

/// An earlier report, as far as a trend needs it.
#[derive(Debug, Clone, Deserialize)]
pub struct Earlier {
    /// When it was made.
    pub as_of: Timestamp,
    /// Its posture.
    pub posture: EarlierPosture,
    /// Its incidents, where they could be read.
    #[serde(default)]
    pub incidents: Option<EarlierIncidents>,
}

/// The posture of an earlier report.
#[derive(Debug, Clone, Deserialize)]
pub struct EarlierPosture {
    /// Its totals.
    pub totals: EarlierTotals,
}

/// The totals of an earlier report.
#[derive(Debug, Clone, Deserialize)]
pub struct EarlierTotals {
    /// Passed.
    pub passed: usize,
    /// Failed.
    pub failed: usize,
    /// Not assessed.
    pub not_assessed: usize,
}

/// The incidents of an earlier report.
#[derive(Debug, Clone, Deserialize)]
pub struct EarlierIncidents {
    /// Open ones.
    pub open: usize,
}
