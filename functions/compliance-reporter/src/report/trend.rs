//! Against earlier reports.

use jiff::Timestamp;
use serde::Serialize;

use super::{Incidents, Posture, day, percent};
use crate::facts::{Earlier, Facts};

/// Against earlier reports.
#[derive(Debug, Clone, Serialize)]
pub struct Trend {
    /// The reports, the earliest first; the last one is this one.
    pub points: Vec<Point>,
    /// The day of the report before.
    pub since: Option<String>,
    /// Points of the rate since then; `null` where one of them has no rate.
    pub rate_change: Option<f64>,
    /// Failures more than then; `null` where one of them assessed nothing.
    pub failed_change: Option<i64>,
}

/// A report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// Its day.
    pub day: String,
    /// When it was made.
    pub as_of: Timestamp,
    /// Passed.
    pub passed: usize,
    /// Failed.
    pub failed: usize,
    /// Not assessed.
    pub not_assessed: usize,
    /// Per cent of what was assessed.
    pub rate: Option<f64>,
    /// Open incidents; `null` where they could not be read.
    pub open_incidents: Option<usize>,
}

impl Trend {
    pub(super) fn of(facts: &Facts, posture: &Posture, incidents: Option<&Incidents>) -> Self {
        let today = day(facts.as_of);
        let mut points: Vec<Point> = facts.earlier.iter().map(point).filter(|point| point.day < today).collect();
        points.sort_by_key(|point| point.as_of);
        let before = points.last().cloned();
        let totals = &posture.totals;
        points.push(Point {
            day: today,
            as_of: facts.as_of,
            passed: totals.passed,
            failed: totals.failed,
            not_assessed: totals.not_assessed,
            rate: totals.rate,
            open_incidents: incidents.map(|incidents| incidents.open),
        });
        let change = |before: &Point| Some(((totals.rate? - before.rate?) * 10.0).round() / 10.0);
        let failed = |before: &Point| {
            change(before)?;
            Some(i64::try_from(totals.failed).ok()? - i64::try_from(before.failed).ok()?)
        };
        Self {
            points,
            rate_change: before.as_ref().and_then(change),
            failed_change: before.as_ref().and_then(failed),
            since: before.map(|before| before.day),
        }
    }
}

fn point(earlier: &Earlier) -> Point {
    let totals = &earlier.posture.totals;
    Point {
        day: day(earlier.as_of),
        as_of: earlier.as_of,
        passed: totals.passed,
        failed: totals.failed,
        not_assessed: totals.not_assessed,
        rate: percent(totals.passed, totals.passed + totals.failed),
        open_incidents: earlier.incidents.as_ref().map(|incidents| incidents.open),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;
    use crate::report::Report;

    fn earlier(as_of: &str, passed: usize) -> Earlier {
        from_value(json!({"as_of": as_of, "posture": {"totals": {"passed": passed, "failed": 10, "not_assessed": 1, "rate": null}}}))
            .unwrap()
    }

    #[test]
    fn the_trend_is_of_earlier_days_and_ends_today() {
        let facts = Facts {
            as_of: "2026-11-21T12:00:00Z".parse().unwrap(),
            earlier: vec![earlier("2026-11-20T12:00:00Z", 30), earlier("2026-11-19T12:00:00Z", 10), earlier("2026-11-21T03:00:00Z", 7)],
            ..Facts::default()
        };
        let trend = Report::of(&facts).trend;
        assert_eq!(trend.points.iter().map(|point| point.day.as_str()).collect::<Vec<_>>(), ["2026-11-19", "2026-11-20", "2026-11-21"]);
        assert_eq!(trend.points.iter().map(|point| point.rate).collect::<Vec<_>>(), [Some(50.0), Some(75.0), None]);
        assert_eq!(
            (trend.since.as_deref(), trend.rate_change, trend.failed_change),
            (Some("2026-11-20"), None, None),
            "nothing is no change"
        );
    }

    #[test]
    fn a_report_can_be_read_as_an_earlier_one() {
        let report = Report::of(&Facts { as_of: "2026-11-20T12:00:00Z".parse().unwrap(), ..Facts::default() });
        let read: Earlier = from_value(serde_json::to_value(&report).unwrap()).unwrap();
        assert_eq!(day(read.as_of), report.day);
    }
}
