//! What Redress did, and how long it took.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use redress_model::ControlId;
use serde::Serialize;

use super::{DAY_HOURS, WINDOW_DAYS, day};
use crate::facts::Run;

/// What Redress did.
#[derive(Debug, Clone, Serialize)]
pub struct Remediations {
    /// Days that are looked back on.
    pub window_days: i64,
    /// Runs in them.
    pub runs: usize,
    /// Runs that changed something and verified it.
    pub done: usize,
    /// Runs that took a change back.
    pub undone: usize,
    /// Runs that a guard stopped.
    pub held: usize,
    /// Runs that did not work, or put back what they changed.
    pub failed: usize,
    /// Resources and controls of which the last word is that a person is asked.
    pub waiting: usize,
    /// Runs by outcome.
    pub outcomes: BTreeMap<&'static str, usize>,
    /// Seconds from the first run about a resource and control to the run that set it right, on average; `null` where none did.
    pub mean_seconds: Option<i64>,
    /// The same, in the middle.
    pub median_seconds: Option<i64>,
    /// Each day of the window.
    pub days: Vec<Day>,
    /// Changes by control, the most first.
    pub controls: Vec<(ControlId, usize)>,
}

/// A day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Day {
    /// The day.
    pub day: String,
    /// Done on it.
    pub done: usize,
    /// Failed on it.
    pub failed: usize,
}

fn is_failed(run: &Run) -> bool {
    ["failed", "put-back"].contains(&run.outcome)
}

impl Remediations {
    pub(super) fn of(runs: &[Run], as_of: Timestamp) -> Self {
        let count = |is: &dyn Fn(&Run) -> bool| runs.iter().filter(|run| is(run)).count();
        let word = |word: &'static str| count(&|run| run.outcome == word);
        let mut outcomes = BTreeMap::new();
        let mut days: BTreeMap<String, Day> = (0..WINDOW_DAYS)
            .map(|ago| day(as_of - SignedDuration::from_hours(ago * DAY_HOURS)))
            .map(|day| (day.clone(), Day { day, done: 0, failed: 0 }))
            .collect();
        let mut controls: BTreeMap<&ControlId, usize> = BTreeMap::new();
        let mut last = BTreeMap::new();
        for run in runs {
            *outcomes.entry(run.outcome).or_insert(0) += 1;
            let is_done = run.outcome == "remediated";
            if let Some(day) = days.get_mut(&day(run.ended)) {
                day.done += usize::from(is_done);
                day.failed += usize::from(is_failed(run));
            }
            for control in &run.controls {
                if is_done {
                    *controls.entry(control).or_insert(0) += 1;
                }
                last.insert((&run.lane, control), run.outcome);
            }
        }
        let mut controls: Vec<_> = controls.into_iter().map(|(control, count)| (control.clone(), count)).collect();
        controls.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        let times = times(runs);
        Self {
            window_days: WINDOW_DAYS,
            runs: runs.len(),
            done: word("remediated"),
            undone: word("undone"),
            held: word("held"),
            failed: count(&is_failed),
            waiting: last.values().filter(|word| ["needs-approval", "needs-person"].contains(*word)).count(),
            outcomes,
            mean_seconds: i64::try_from(times.len()).ok().filter(|count| *count > 0).map(|count| times.iter().sum::<i64>() / count),
            median_seconds: times.get(times.len() / 2).copied(),
            days: days.into_values().collect(),
            controls,
        }
    }
}

/// Seconds from the first run about a resource and control to the run that set it right, sorted. What was good, gone, exempt or undone in
/// between begins anew.
fn times(runs: &[Run]) -> Vec<i64> {
    let mut since: BTreeMap<_, Timestamp> = BTreeMap::new();
    let mut times = Vec::new();
    for run in runs {
        for control in &run.controls {
            let key = (&run.lane, control);
            match run.outcome {
                "remediated" => {
                    let began = since.remove(&key).unwrap_or(run.started);
                    times.push(run.ended.duration_since(began).as_secs());
                }
                "compliant" | "absent" | "exempt" | "undone" => _ = since.remove(&key),
                _ => _ = since.entry(key).or_insert(run.started),
            }
        }
    }
    times.sort_unstable();
    times
}

#[cfg(test)]
mod tests {
    use redress_model::record::Digest;

    use super::*;

    fn run(lane: &str, outcome: &'static str, started: i64, ended: i64) -> Run {
        let at = |second| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let controls = vec![ControlId::try_from("S3.5").unwrap()];
        Run { lane: Digest::of(lane.as_bytes()), controls, outcome, started: at(started), ended: at(ended) }
    }

    fn of(runs: Vec<Run>) -> Remediations {
        Remediations::of(&runs, Timestamp::from_second(1_800_010_000).unwrap())
    }

    #[test]
    fn the_time_to_remediate_runs_from_the_first_look_to_the_run_that_set_it_right() {
        let all = of(vec![
            run("a", "needs-approval", 0, 1),
            run("b", "remediated", 10, 20),
            run("a", "held", 50, 51),
            run("a", "remediated", 99, 100),
        ]);
        assert_eq!((all.mean_seconds, all.median_seconds), (Some(55), Some(100)));
        assert_eq!((all.runs, all.done, all.held, all.waiting), (4, 2, 1, 0));
        assert_eq!(all.days.len(), 30);
        assert_eq!(all.days.iter().map(|day| day.done).sum::<usize>(), 2);
        assert_eq!(all.controls, [(ControlId::try_from("S3.5").unwrap(), 2)]);
    }

    #[test]
    fn what_was_undone_or_good_in_between_begins_anew() {
        let all = of(vec![run("a", "planned", 0, 1), run("a", "undone", 50, 51), run("a", "remediated", 60, 70)]);
        assert_eq!((all.mean_seconds, all.undone), (Some(10), 1));
    }

    #[test]
    fn where_nothing_was_done_there_is_no_mean() {
        let all = of(vec![run("a", "failed", 0, 1), run("b", "put-back", 0, 1), run("c", "needs-approval", 0, 1)]);
        assert_eq!((all.mean_seconds, all.median_seconds, all.failed, all.waiting), (None, None, 2, 1));
    }
}
