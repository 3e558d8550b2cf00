//! Metrics: lines in CloudWatch's embedded metric format, which cost no call.
//!
//! See <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>.

use jiff::Timestamp;
use serde_json::{Value as Json, json};

/// What is counted. Alarms in the template use the same names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Findings that pose as Security Hub's, or whose resource lies elsewhere. Without dimensions, for the alarm.
    SuspiciousFindings,
    /// Messages that are no events of ours.
    RejectedEvents,
    /// Batches for which the policy could not be relied on. Without dimensions, for the alarm.
    BrokenPolicy,
    /// Writes that the kill switch stopped. Without dimensions, for the alarm.
    StoppedByKillSwitch,
    /// Findings that were resolved and still fail. Without dimensions, for the alarm.
    FalseSuccesses,
    /// Runs, by outcome.
    Outcomes(&'static str),
}

const NAMESPACE: &str = "Redress";

/// Counts one.
#[expect(clippy::print_stdout, reason = "Lambda takes standard output for the log, and the log for metrics")]
pub fn count(metric: Metric, now: Timestamp) {
    println!("{}", line(metric, now));
}

fn line(metric: Metric, now: Timestamp) -> Json {
    let (name, dimension) = match metric {
        Metric::SuspiciousFindings => ("SuspiciousFindings", None),
        Metric::RejectedEvents => ("RejectedEvents", None),
        Metric::BrokenPolicy => ("BrokenPolicy", None),
        Metric::StoppedByKillSwitch => ("StoppedByKillSwitch", None),
        Metric::FalseSuccesses => ("FalseSuccesses", None),
        Metric::Outcomes(outcome) => ("Outcomes", Some(outcome)),
    };
    let dimensions: Vec<&str> = dimension.iter().map(|_| "Outcome").collect();
    let mut line = json!({
        "_aws": {
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": [{"Name": name, "Unit": "Count"}]}],
        },
        name: 1,
    });
    if let (Some(outcome), Some(fields)) = (dimension, line.as_object_mut()) {
        fields.insert("Outcome".into(), json!(outcome));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_holds_what_its_directive_names() {
        for metric in [Metric::SuspiciousFindings, Metric::RejectedEvents, Metric::Outcomes("remediated")] {
            let line = line(metric, Timestamp::from_second(1_800_000_000).unwrap());
            let directive = &line["_aws"]["CloudWatchMetrics"][0];
            assert!(line["_aws"]["Timestamp"].as_i64().unwrap() > 1_500_000_000_000);
            assert_eq!(line[directive["Metrics"][0]["Name"].as_str().unwrap()], json!(1));
            for dimension in directive["Dimensions"][0].as_array().unwrap() {
                assert!(line[dimension.as_str().unwrap()].is_string());
            }
        }
    }
}
