//! What a report measures.

use jiff::Timestamp;
use redress_lambda::{Measure, measure};

use crate::report::{Report, number};

/// The measures of a report. What was not assessed, or could not be read, is no zero: it is left out.
fn measures(report: &Report) -> Vec<(Measure, usize)> {
    let totals = &report.posture.totals;
    let fact = |key| report.iam.fact(key).and_then(|fact| fact.failing);
    let assessed = |count: usize| (totals.assessed() > 0).then_some(count);
    let counts = [
        (Measure::PassedControls, assessed(totals.passed)),
        (Measure::FailedControls, assessed(totals.failed)),
        (Measure::NotAssessed, Some(totals.not_assessed)),
        (Measure::RootUses, report.iam.root_uses),
        (Measure::RolesAssumed, report.iam.roles_assumed),
        (Measure::UsersWithoutMfa, fact("users_without_mfa")),
        (Measure::OldAccessKeys, fact("old_access_keys")),
        (Measure::OpenIncidents, report.incidents.as_ref().map(|incidents| incidents.open)),
        (Measure::ReportFailures, Some(report.gaps.len())),
    ];
    counts.into_iter().filter_map(|(measure, count)| Some((measure, count?))).collect()
}

/// Measures a report.
pub(crate) fn emit(report: &Report) {
    for (what, count) in measures(report) {
        measure(what, number(count), report.as_of);
    }
}

/// Measures that there is none.
pub(crate) fn failed(now: Timestamp) {
    measure(Measure::ReportFailures, 1.0, now);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Facts;

    #[test]
    fn what_was_not_assessed_or_not_read_is_not_measured() {
        let measured = |facts: &Facts| measures(&Report::of(facts)).into_iter().map(|(measure, _)| measure).collect::<Vec<_>>();
        assert_eq!(measured(&Facts::default()), [Measure::NotAssessed, Measure::ReportFailures]);
        let without_incidents = Facts { incidents: Some(Vec::new()), ..Facts::default() };
        let read = [Measure::NotAssessed, Measure::RootUses, Measure::RolesAssumed, Measure::OpenIncidents, Measure::ReportFailures];
        assert_eq!(measured(&without_incidents), read);
    }
}
