//! What a report measures.

use jiff::Timestamp;
use redress_lambda::{Measure, measure};

use crate::report::{Report, number};

/// The measures of a report. What was not assessed is no zero: it is left out.
fn measures(report: &Report) -> Vec<(Measure, usize)> {
    let totals = &report.posture.totals;
    let fact = |key| report.iam.fact(key).and_then(|fact| fact.failing);
    let counts = [
        (Measure::PassedControls, Some(totals.passed)),
        (Measure::FailedControls, Some(totals.failed)),
        (Measure::NotAssessed, Some(totals.not_assessed)),
        (Measure::RootUses, Some(report.iam.root_uses)),
        (Measure::RolesAssumed, Some(report.iam.roles_assumed)),
        (Measure::UsersWithoutMfa, fact("users_without_mfa")),
        (Measure::OldAccessKeys, fact("old_access_keys")),
        (Measure::OpenIncidents, Some(report.incidents.open)),
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
    fn what_was_not_assessed_is_not_measured() {
        let measures: Vec<_> = measures(&Report::of(&Facts::default())).into_iter().map(|(measure, _)| measure).collect();
        assert!(measures.contains(&Measure::RootUses) && measures.contains(&Measure::ReportFailures));
        assert!(!measures.contains(&Measure::UsersWithoutMfa) && !measures.contains(&Measure::OldAccessKeys));
    }
}
