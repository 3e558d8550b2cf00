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

/// What is measured of security groups and of the organization. Alarms and the dashboard in the template use the same names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Violations that a sweep found.
    ComplianceViolations,
    /// Those of them that are critical, and those that a change brought.
    CriticalViolationsFound,
    /// Groups that were set right.
    RemediationActions,
    /// Groups that were locked down.
    EmergencyRemediationsPerformed,
    /// Principals that changed many groups at once.
    MassOperationsDetected,
    /// Seconds that a sweep took.
    ScanDuration,
    /// Seconds from a change to its verdict.
    RealTimeScanDuration,
    /// Accounts and regions that a sweep could not look at.
    UnreachableUnits,
    /// Memberships, hubs and standards that are as they are to be.
    Onboarded,
    /// Those that could not be looked at or brought about.
    NotOnboarded,
    /// Services of the baseline that are as they are to be.
    BaselineGood,
    /// Those that could not be looked at or brought about.
    BaselineFailures,
    /// Those that are not as they were in the last run.
    BaselineDrift,
    /// Incidents that were opened.
    IncidentsOpened,
    /// Incidents in which all that was to be done is done.
    IncidentsContained,
    /// Incidents that wait for a person's yes.
    IncidentsAwaitingApproval,
    /// Responses that did not work.
    ResponsesFailed,
    /// Events that were scored.
    EventsScored,
    /// Events that scored high enough for an incident.
    HighScores,
    /// Changes and sign-ins by root.
    RootUse,
    /// Sign-ins at the console without a second factor.
    ConsoleLoginsWithoutMfa,
    /// Changes in IAM that scored high enough for an incident.
    IamViolations,
    /// Calls that stopped, deleted or blinded a trail.
    CloudTrailStopped,
    /// Events that could not be scored.
    ScoringFailures,
    /// Milliseconds that scoring an event took.
    ScoringDuration,
    /// Controls that pass in an account.
    PassedControls,
    /// Those that fail.
    FailedControls,
    /// Those of which nothing is known.
    NotAssessed,
    /// Incidents by the root user.
    RootUses,
    /// Different roles that acted in incidents.
    RolesAssumed,
    /// Users that lack a second factor.
    UsersWithoutMfa,
    /// Users whose access keys are too old.
    OldAccessKeys,
    /// Incidents that are neither contained nor over.
    OpenIncidents,
    /// Parts of a report that could not be made.
    ReportFailures,
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 34] = [
        Self::ComplianceViolations,
        Self::CriticalViolationsFound,
        Self::RemediationActions,
        Self::EmergencyRemediationsPerformed,
        Self::MassOperationsDetected,
        Self::ScanDuration,
        Self::RealTimeScanDuration,
        Self::UnreachableUnits,
        Self::Onboarded,
        Self::NotOnboarded,
        Self::BaselineGood,
        Self::BaselineFailures,
        Self::BaselineDrift,
        Self::IncidentsOpened,
        Self::IncidentsContained,
        Self::IncidentsAwaitingApproval,
        Self::ResponsesFailed,
        Self::EventsScored,
        Self::HighScores,
        Self::RootUse,
        Self::ConsoleLoginsWithoutMfa,
        Self::IamViolations,
        Self::CloudTrailStopped,
        Self::ScoringFailures,
        Self::ScoringDuration,
        Self::PassedControls,
        Self::FailedControls,
        Self::NotAssessed,
        Self::RootUses,
        Self::RolesAssumed,
        Self::UsersWithoutMfa,
        Self::OldAccessKeys,
        Self::OpenIncidents,
        Self::ReportFailures,
    ];

    /// The metric's name and unit.
    pub fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::ComplianceViolations => ("ComplianceViolations", "Count"),
            Self::CriticalViolationsFound => ("CriticalViolationsFound", "Count"),
            Self::RemediationActions => ("RemediationActions", "Count"),
            Self::EmergencyRemediationsPerformed => ("EmergencyRemediationsPerformed", "Count"),
            Self::MassOperationsDetected => ("MassOperationsDetected", "Count"),
            Self::ScanDuration => ("ScanDuration", "Seconds"),
            Self::RealTimeScanDuration => ("RealTimeScanDuration", "Seconds"),
            Self::UnreachableUnits => ("UnreachableUnits", "Count"),
            Self::Onboarded => ("Onboarded", "Count"),
            Self::NotOnboarded => ("NotOnboarded", "Count"),
            Self::BaselineGood => ("BaselineGood", "Count"),
            Self::BaselineFailures => ("BaselineFailures", "Count"),
            Self::BaselineDrift => ("BaselineDrift", "Count"),
            Self::IncidentsOpened => ("IncidentsOpened", "Count"),
            Self::IncidentsContained => ("IncidentsContained", "Count"),
            Self::IncidentsAwaitingApproval => ("IncidentsAwaitingApproval", "Count"),
            Self::ResponsesFailed => ("ResponsesFailed", "Count"),
            Self::EventsScored => ("EventsScored", "Count"),
            Self::HighScores => ("HighScores", "Count"),
            Self::RootUse => ("RootUse", "Count"),
            Self::ConsoleLoginsWithoutMfa => ("ConsoleLoginsWithoutMfa", "Count"),
            Self::IamViolations => ("IamViolations", "Count"),
            Self::CloudTrailStopped => ("CloudTrailStopped", "Count"),
            Self::ScoringFailures => ("ScoringFailures", "Count"),
            Self::ScoringDuration => ("ScoringDuration", "Milliseconds"),
            Self::PassedControls => ("PassedControls", "Count"),
            Self::FailedControls => ("FailedControls", "Count"),
            Self::NotAssessed => ("NotAssessed", "Count"),
            Self::RootUses => ("RootUses", "Count"),
            Self::RolesAssumed => ("RolesAssumed", "Count"),
            Self::UsersWithoutMfa => ("UsersWithoutMfa", "Count"),
            Self::OldAccessKeys => ("OldAccessKeys", "Count"),
            Self::OpenIncidents => ("OpenIncidents", "Count"),
            Self::ReportFailures => ("ReportFailures", "Count"),
        }
    }

    /// The metric's namespace.
    pub fn namespace(self) -> &'static str {
        match self {
            Self::IncidentsOpened
            | Self::IncidentsContained
            | Self::IncidentsAwaitingApproval
            | Self::ResponsesFailed
            | Self::EventsScored
            | Self::HighScores
            | Self::RootUse
            | Self::ConsoleLoginsWithoutMfa
            | Self::IamViolations
            | Self::CloudTrailStopped
            | Self::ScoringFailures
            | Self::ScoringDuration => "Redress/Incidents",
            Self::PassedControls
            | Self::FailedControls
            | Self::NotAssessed
            | Self::RootUses
            | Self::RolesAssumed
            | Self::UsersWithoutMfa
            | Self::OldAccessKeys
            | Self::OpenIncidents
            | Self::ReportFailures => "Redress/Report",
            Self::Onboarded | Self::NotOnboarded | Self::BaselineGood | Self::BaselineFailures | Self::BaselineDrift => {
                "Redress/Organization"
            }
            _ => "SecurityGroup/Compliance",
        }
    }
}

/// Measures something.
#[expect(clippy::print_stdout, reason = "Lambda takes standard output for the log, and the log for metrics")]
pub fn measure(measure: Measure, value: f64, now: Timestamp) {
    println!("{}", measured(measure, value, now));
}

fn measured(measure: Measure, value: f64, now: Timestamp) -> Json {
    let (name, unit) = measure.name();
    json!({
        "_aws": {
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{"Namespace": measure.namespace(), "Dimensions": [[]], "Metrics": [{"Name": name, "Unit": unit}]}],
        },
        name: value,
    })
}

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
    fn every_measure_holds_what_its_directive_names() {
        for one in Measure::ALL {
            let line = measured(one, 2.5, Timestamp::from_second(1_800_000_000).unwrap());
            assert_eq!(line[one.name().0], json!(2.5));
            assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"], one.name().0);
        }
    }

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
