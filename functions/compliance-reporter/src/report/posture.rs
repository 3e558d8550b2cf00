//! How accounts stand against controls, and controls against standards.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use redress_model::{AccountId, ControlId, Severity, Standard, clauses};
use serde::Serialize;

use super::percent;
use crate::facts::{Cell, Facts, Seen};

/// How a control stands in an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Every finding passes.
    Passed,
    /// A finding fails.
    Failed,
    /// There is no finding, or one that could not tell.
    NotAssessed,
}

impl Status {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NotAssessed => "not-assessed",
        }
    }

    pub(super) fn of(cell: Option<&Cell>) -> Self {
        match cell {
            Some(cell) if !cell.failed.is_empty() => Self::Failed,
            Some(cell) if cell.unknown == 0 && !cell.passed.is_empty() => Self::Passed,
            _ => Self::NotAssessed,
        }
    }
}

/// How many stand how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Tally {
    /// Passed.
    pub passed: usize,
    /// Failed.
    pub failed: usize,
    /// Not assessed.
    pub not_assessed: usize,
    /// Per cent of what was assessed; `null` where nothing was.
    pub rate: Option<f64>,
}

impl Tally {
    /// The tally of `all`.
    pub fn of(all: impl IntoIterator<Item = Status>) -> Self {
        let mut tally = Self::default();
        for status in all {
            match status {
                Status::Passed => tally.passed += 1,
                Status::Failed => tally.failed += 1,
                Status::NotAssessed => tally.not_assessed += 1,
            }
        }
        tally.rated()
    }

    /// The tally of several.
    fn sum<'a>(tallies: impl IntoIterator<Item = &'a Self>) -> Self {
        let add = |sum: Self, one: &Self| Self {
            passed: sum.passed + one.passed,
            failed: sum.failed + one.failed,
            not_assessed: sum.not_assessed + one.not_assessed,
            rate: None,
        };
        tallies.into_iter().fold(Self::default(), add).rated()
    }

    fn rated(self) -> Self {
        Self { rate: percent(self.passed, self.assessed()), ..self }
    }

    /// What was assessed.
    pub fn assessed(&self) -> usize {
        self.passed + self.failed
    }

    /// All together.
    pub fn all(&self) -> usize {
        self.assessed() + self.not_assessed
    }
}

/// Failures by severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Severities {
    /// Fix first.
    pub critical: usize,
    /// Fix now.
    pub high: usize,
    /// Fix soon.
    pub medium: usize,
    /// Fix at leisure.
    pub low: usize,
    /// Security Hub gives none.
    pub unrated: usize,
}

impl Severities {
    fn of<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Self {
        let mut all = Self::default();
        for row in rows.into_iter().filter(|row| row.status == Status::Failed) {
            match row.control.severity {
                Some(Severity::Critical) => all.critical += 1,
                Some(Severity::High) => all.high += 1,
                Some(Severity::Medium) => all.medium += 1,
                Some(Severity::Low) => all.low += 1,
                None => all.unrated += 1,
            }
        }
        all
    }
}

/// An account, as its rows share it.
#[derive(Debug)]
pub struct Whose {
    /// Its number.
    pub id: AccountId,
    /// What people call it.
    pub name: String,
    /// Its organizational unit; empty where it is not known.
    pub unit: String,
}

/// A control, as its rows share it.
#[derive(Debug)]
pub struct Told {
    /// Its id.
    pub id: ControlId,
    /// Its title; empty where no finding told it.
    pub title: String,
    /// Its severity, where a finding told it.
    pub severity: Option<Severity>,
    /// The clauses that it satisfies.
    pub clauses: Vec<String>,
    /// The standards that it belongs to: our table says so, or Security Hub does.
    standards: Vec<Standard>,
}

/// A control in an account: a line of the CSV. A large organization has hundreds of thousands.
#[derive(Debug, Clone)]
pub struct Row {
    /// The account.
    pub account: Arc<Whose>,
    /// The control.
    pub control: Arc<Told>,
    /// How it stands.
    pub status: Status,
    /// Resources that fail.
    pub failed: usize,
    /// Resources that pass.
    pub passed: usize,
    /// Findings that people suppressed.
    pub suppressed: usize,
}

/// How accounts stand.
#[derive(Debug, Clone, Serialize)]
pub struct Posture {
    /// Findings that were read.
    pub findings: usize,
    /// Findings that were left out: no control is named, or somebody else than Security Hub says it.
    pub left_out: usize,
    /// Findings that people suppressed.
    pub suppressed: usize,
    /// Every control in every account.
    pub totals: Tally,
    /// What fails, by severity.
    pub severities: Severities,
    /// By standard.
    pub standards: Vec<StandardLine>,
    /// By organizational unit.
    pub units: Vec<UnitPosture>,
    /// By account.
    pub accounts: Vec<AccountLine>,
    /// By control, those that fail in most accounts first.
    pub controls: Vec<ControlLine>,
    /// Every control in every account; in the CSV.
    #[serde(skip)]
    pub rows: Vec<Row>,
}

/// A standard.
#[derive(Debug, Clone, Serialize)]
pub struct StandardLine {
    /// As Security Hub writes it.
    pub id: &'static str,
    /// As people write it.
    pub title: &'static str,
    /// Whether a finding names it: it is switched on in Security Hub.
    pub is_named: bool,
    /// Its controls.
    pub controls: usize,
    /// Its controls in every account.
    #[serde(flatten)]
    pub tally: Tally,
    /// Its clauses, as far as Redress has them.
    pub clauses: Vec<ClauseLine>,
}

/// A clause.
#[derive(Debug, Clone, Serialize)]
pub struct ClauseLine {
    /// Its number.
    pub clause: &'static str,
    /// The controls behind it.
    pub controls: Vec<&'static str>,
    /// Those controls in every account.
    #[serde(flatten)]
    pub tally: Tally,
}

/// An organizational unit.
#[derive(Debug, Clone, Serialize)]
pub struct UnitPosture {
    /// The path of its names; empty where it is not known.
    pub unit: String,
    /// The accounts directly in it.
    pub accounts: usize,
    /// Their controls.
    #[serde(flatten)]
    pub tally: Tally,
}

/// An account.
#[derive(Debug, Clone, Serialize)]
pub struct AccountLine {
    /// Its number.
    pub account: AccountId,
    /// What people call it.
    pub name: String,
    /// Its organizational unit.
    pub unit: String,
    /// Its controls.
    #[serde(flatten)]
    pub tally: Tally,
    /// What fails, by severity.
    pub severities: Severities,
    /// The rate by standard; `null` where nothing was assessed.
    pub standards: BTreeMap<&'static str, Option<f64>>,
}

/// A control.
#[derive(Debug, Clone, Serialize)]
pub struct ControlLine {
    /// Its id.
    pub control: ControlId,
    /// Its title; empty where no finding told it.
    pub title: String,
    /// Its severity; `null` where no finding told it.
    pub severity: Option<Severity>,
    /// Its clauses.
    pub clauses: Vec<String>,
    /// The accounts.
    #[serde(flatten)]
    pub tally: Tally,
    /// Resources that fail.
    pub resources: usize,
    /// Some of them.
    pub examples: Vec<String>,
}

/// Resources that are named of a control.
const EXAMPLES: usize = 5;

impl Posture {
    pub(super) fn of(facts: &Facts) -> Self {
        let seen = &facts.seen;
        let (whose, told) = (whose(facts), told(seen));
        let cells: BTreeMap<_, _> = seen.cells.iter().map(|((account, control), cell)| ((account, control), cell)).collect();
        let pairs = || whose.iter().flat_map(|account| told.iter().map(move |control| (account, control)));
        let judged: Vec<Option<&Cell>> = pairs().map(|(account, control)| cells.get(&(&account.id, &control.id)).copied()).collect();
        let rows: Vec<Row> = pairs().zip(&judged).map(|((account, control), cell)| row(account, control, *cell)).collect();
        let of_account = rows.chunks(told.len().max(1));
        let accounts: Vec<AccountLine> = whose.iter().zip(of_account).map(|(account, rows)| account_line(account, rows)).collect();
        // Rows stand account by account, and each account has every control.
        let of_control = |index: usize| rows.iter().skip(index).step_by(told.len().max(1));
        let tallies: Vec<Tally> = (0..told.len()).map(|index| Tally::of(of_control(index).map(|row| row.status))).collect();
        let of_controls: BTreeMap<&str, (&Told, Tally)> =
            told.iter().zip(&tallies).map(|(control, tally)| (control.id.as_str(), (&**control, *tally))).collect();

        let examples = |index: usize| {
            let cells = judged.iter().skip(index).step_by(told.len().max(1)).flatten();
            let all: BTreeSet<&String> = cells.flat_map(|cell| &cell.examples).collect();
            all.into_iter().take(EXAMPLES).cloned().collect()
        };
        let mut controls: Vec<ControlLine> = told
            .iter()
            .zip(&tallies)
            .enumerate()
            .map(|(index, (control, tally))| ControlLine {
                control: control.id.clone(),
                title: control.title.clone(),
                severity: control.severity,
                clauses: control.clauses.clone(),
                tally: *tally,
                resources: of_control(index).map(|row| row.failed).sum(),
                examples: examples(index),
            })
            .collect();
        controls.sort_by(|one, other| {
            let order = |line: &ControlLine| (std::cmp::Reverse(line.severity), std::cmp::Reverse(line.tally.failed));
            (one.tally.failed == 0, order(one)).cmp(&(other.tally.failed == 0, order(other))).then_with(|| one.control.cmp(&other.control))
        });
        Self {
            findings: seen.read,
            left_out: seen.left_out,
            suppressed: rows.iter().map(|row| row.suppressed).sum(),
            totals: Tally::sum(&tallies),
            severities: Severities::of(&rows),
            standards: Standard::ALL.into_iter().map(|standard| standard_line(standard, seen, &of_controls)).collect(),
            units: units(&accounts),
            accounts,
            controls,
            rows,
        }
    }
}

/// The accounts that are judged: those that are active, and those of findings that nobody knows.
fn whose(facts: &Facts) -> Vec<Arc<Whose>> {
    let inactive: BTreeSet<_> = facts.accounts.iter().filter(|account| account.state.is_some()).map(|account| &account.id).collect();
    let of_findings = facts.seen.cells.keys().map(|(account, _)| account).filter(|account| !inactive.contains(account));
    let mut all: BTreeMap<&AccountId, (&str, &str)> = of_findings.map(|account| (account, ("", ""))).collect();
    let active = facts.accounts.iter().filter(|account| account.state.is_none());
    all.extend(active.map(|account| (&account.id, (account.name.as_str(), account.unit.as_deref().unwrap_or_default()))));
    all.into_iter().map(|(id, (name, unit))| Arc::new(Whose { id: id.clone(), name: name.into(), unit: unit.into() })).collect()
}

/// The controls that accounts are judged by: those of our table, and those of findings.
fn told(seen: &Seen) -> Vec<Arc<Told>> {
    let known = clauses::controls().filter(|id| !clauses::clauses(id).is_empty()).filter_map(|id| ControlId::try_from(id).ok());
    let all: BTreeSet<ControlId> = known.chain(seen.about.keys().cloned()).collect();
    let one = |id: ControlId| {
        let (about, labels) = (seen.about.get(&id), clauses::clauses(id.as_str()));
        let belongs = |standard: &Standard| {
            labels.iter().any(|label| label.standard == *standard) || about.is_some_and(|about| about.standards.contains(standard.slug()))
        };
        Arc::new(Told {
            title: about.map(|about| about.title.clone()).unwrap_or_default(),
            severity: about.and_then(|about| about.severity),
            clauses: labels.iter().map(ToString::to_string).collect(),
            standards: Standard::ALL.into_iter().filter(belongs).collect(),
            id,
        })
    };
    all.into_iter().map(one).collect()
}

fn row(account: &Arc<Whose>, control: &Arc<Told>, cell: Option<&Cell>) -> Row {
    Row {
        account: account.clone(),
        control: control.clone(),
        status: Status::of(cell),
        failed: cell.map_or(0, |cell| cell.failed.len()),
        passed: cell.map_or(0, |cell| cell.passed.len()),
        suppressed: cell.map_or(0, |cell| cell.suppressed),
    }
}

fn account_line(account: &Whose, rows: &[Row]) -> AccountLine {
    let of = |standard: Standard| Tally::of(rows.iter().filter(|row| row.control.standards.contains(&standard)).map(|row| row.status));
    AccountLine {
        account: account.id.clone(),
        name: account.name.clone(),
        unit: account.unit.clone(),
        tally: Tally::of(rows.iter().map(|row| row.status)),
        severities: Severities::of(rows),
        standards: Standard::ALL.into_iter().map(|standard| (standard.slug(), of(standard).rate)).collect(),
    }
}

fn units(accounts: &[AccountLine]) -> Vec<UnitPosture> {
    let mut units: BTreeMap<&str, Vec<&Tally>> = BTreeMap::new();
    for line in accounts {
        units.entry(&line.unit).or_default().push(&line.tally);
    }
    let line = |(unit, of): (&str, Vec<&Tally>)| UnitPosture { unit: unit.to_owned(), accounts: of.len(), tally: Tally::sum(of) };
    units.into_iter().map(line).collect()
}

fn standard_line(standard: Standard, seen: &Seen, of_controls: &BTreeMap<&str, (&Told, Tally)>) -> StandardLine {
    let of: Vec<&Tally> =
        of_controls.values().filter(|(control, _)| control.standards.contains(&standard)).map(|(_, tally)| tally).collect();
    let mut named: BTreeMap<&'static str, Vec<&'static str>> = BTreeMap::new();
    for control in clauses::controls() {
        for label in clauses::clauses(control).iter().filter(|label| label.standard == standard) {
            named.entry(label.clause).or_default().push(control);
        }
    }
    let line = |(clause, controls): (&'static str, Vec<&'static str>)| {
        let tally = Tally::sum(controls.iter().filter_map(|control| of_controls.get(control)).map(|(_, tally)| tally));
        ClauseLine { clause, controls, tally }
    };
    let mut lines: Vec<ClauseLine> = named.into_iter().map(line).collect();
    // 1.10 comes after 1.9; what is not made of numbers stays in the order of its letters.
    lines.sort_by_key(|line| numbers(line.clause));
    StandardLine {
        id: standard.slug(),
        title: standard.title(),
        is_named: seen.about.values().any(|about| about.standards.contains(standard.slug())),
        controls: of.len(),
        tally: Tally::sum(of),
        clauses: lines,
    }
}

fn numbers(clause: &str) -> Option<Vec<u32>> {
    clause.split('.').map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;
    use redress_aws::{Standing, Verdict};

    use super::*;
    use crate::{facts::Account, report::Report};

    fn verdict(account: &str, control: &str, standing: Standing, resource: &str) -> Verdict {
        Verdict {
            account: AccountId::try_from(account).unwrap(),
            control: ControlId::try_from(control).unwrap(),
            title: format!("title of {control}"),
            severity: (standing == Standing::Failed).then_some(Severity::High),
            standing,
            is_suppressed: false,
            resource: resource.into(),
            standards: vec![Standard::Fsbp],
        }
    }

    fn facts(verdicts: Vec<Verdict>) -> Facts {
        let mut facts = Facts { as_of: Timestamp::from_second(1_800_000_000).unwrap(), ..Facts::default() };
        for id in ["111122223333", "444455556666"] {
            let id = AccountId::try_from(id).unwrap();
            facts.accounts.push(Account { id, name: "a".into(), unit: Some("/Prod".into()), state: None });
        }
        for verdict in verdicts {
            facts.seen.take(verdict);
        }
        facts
    }

    fn status(verdicts: Vec<Verdict>) -> Status {
        let report = Report::of(&facts(verdicts));
        let row = report.posture.rows.iter().find(|row| row.account.id.as_str() == "111122223333" && row.control.id.as_str() == "S3.1");
        row.unwrap().status
    }

    #[test]
    fn the_rate_is_of_what_was_assessed() {
        let all = [Status::Passed, Status::Passed, Status::Failed, Status::NotAssessed, Status::NotAssessed];
        let tally = Tally::of(all);
        assert_eq!((tally.passed, tally.failed, tally.not_assessed, tally.rate), (2, 1, 2, Some(66.7)));
        assert_eq!(Tally::of([Status::NotAssessed]).rate, None, "of nothing there is no rate");
    }

    #[test]
    fn what_could_not_be_told_is_not_passed() {
        let one = |standing| verdict("111122223333", "S3.1", standing, "b");
        let other = |standing| verdict("111122223333", "S3.1", standing, "c");
        assert_eq!(status(vec![]), Status::NotAssessed);
        assert_eq!(status(vec![one(Standing::Unknown)]), Status::NotAssessed);
        assert_eq!(status(vec![one(Standing::Passed)]), Status::Passed);
        assert_eq!(status(vec![one(Standing::Passed), other(Standing::Unknown)]), Status::NotAssessed);
        assert_eq!(status(vec![one(Standing::Passed), other(Standing::Unknown), other(Standing::Failed)]), Status::Failed);
        let suppressed = Verdict { is_suppressed: true, ..one(Standing::Failed) };
        assert_eq!(status(vec![suppressed.clone()]), Status::NotAssessed);
        assert_eq!(status(vec![suppressed, other(Standing::Passed)]), Status::Passed);
    }

    #[test]
    fn the_same_resource_of_two_standards_is_one() {
        let one = verdict("111122223333", "S3.1", Standing::Failed, "arn:aws:s3:::b");
        let report = Report::of(&facts(vec![one.clone(), Verdict { standards: vec![Standard::Nist80053], ..one }]));
        let line = report.posture.controls.first().unwrap();
        assert_eq!((line.control.as_str(), line.resources, line.tally.failed), ("S3.1", 1, 1), "what fails comes first");
    }

    #[test]
    fn accounts_that_are_not_active_are_counted_and_not_judged() {
        let mut facts = facts(vec![verdict("444455556666", "S3.1", Standing::Failed, "b")]);
        facts.accounts[1].state = Some("SUSPENDED".into());
        let report = Report::of(&facts);
        assert_eq!((report.organization.accounts, report.organization.inactive, report.posture.totals.failed), (1, 1, 0));
    }

    #[test]
    fn controls_that_only_security_hub_knows_count_in_its_standards() {
        let report = Report::of(&facts(vec![verdict("111122223333", "Lambda.1", Standing::Passed, "f")]));
        let fsbp = report.posture.standards.iter().find(|line| line.title == "FSBP").unwrap();
        assert!(fsbp.is_named && fsbp.tally.passed == 1);
        let cis = report.posture.standards.iter().find(|line| line.title == "CIS 1.2.0").unwrap();
        assert!(!cis.is_named && cis.tally.rate.is_none() && cis.tally.not_assessed > 0);
        let clauses: Vec<_> = cis.clauses.iter().map(|line| line.clause).collect();
        let nine = clauses.iter().position(|clause| *clause == "1.9").unwrap();
        assert!(nine < clauses.iter().position(|clause| *clause == "1.10").unwrap(), "{clauses:?}");
    }

    fn any_verdict() -> impl Strategy<Value = Verdict> {
        let standings = prop_oneof![Just(Standing::Passed), Just(Standing::Failed), Just(Standing::Unknown)];
        (0..4_u32, 0..6_u32, standings, 0..3_u32, any::<bool>(), 0..8_usize).prop_map(
            |(account, control, standing, resource, is_suppressed, at)| {
                let account = format!("{:012}", u64::from(account) + 111_122_223_333);
                let control = ["S3.1", "IAM.3", "IAM.5", "EC2.2", "Lambda.1", "SQS.1"][control as usize];
                let standards = Standard::ALL.into_iter().take(at).collect();
                Verdict { is_suppressed, standards, ..verdict(&account, control, standing, &resource.to_string()) }
            },
        )
    }

    proptest! {
        #[test]
        fn all_sums_are_the_same(verdicts in proptest::collection::vec(any_verdict(), 0..80)) {
            let read = verdicts.len();
            let report = Report::of(&facts(verdicts));
            let posture = &report.posture;
            let sums = |tallies: Vec<Tally>| tallies.iter().fold((0, 0, 0), |(p, f, n), t| (p + t.passed, f + t.failed, n + t.not_assessed));
            let total = sums(vec![posture.totals]);
            prop_assert_eq!(total, sums(posture.accounts.iter().map(|line| line.tally).collect()));
            prop_assert_eq!(total, sums(posture.units.iter().map(|line| line.tally).collect()));
            prop_assert_eq!(total, sums(posture.controls.iter().map(|line| line.tally).collect()));
            prop_assert_eq!(posture.totals.all(), posture.accounts.len() * posture.controls.len());
            prop_assert_eq!(posture.totals.all(), posture.rows.len());
            let Severities { critical, high, medium, low, unrated } = posture.severities;
            prop_assert_eq!(posture.totals.failed, critical + high + medium + low + unrated);
            prop_assert_eq!(posture.findings, read);
            for line in &posture.standards {
                prop_assert_eq!(line.tally.all(), posture.accounts.len() * line.controls);
                prop_assert!(line.tally.rate.is_none_or(|rate| (0.0..=100.0).contains(&rate)));
                prop_assert_eq!(line.tally.rate.is_none(), line.tally.assessed() == 0);
            }
        }
    }
}
