//! The EventBridge envelope in which Security Hub's findings arrive.

use serde::Deserialize;
use serde_json::Value;

use crate::{Intent, Request};

/// What asked for our attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// Findings that are new or updated.
    Imported,
    /// A person chose a custom action on selected findings.
    Chosen(Intent),
}

/// What the findings of an event are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// AWS Security Finding Format.
    Asff,
    /// Open Cybersecurity Schema Framework.
    Ocsf,
    /// AWS Config's change of compliance.
    ConfigChange,
}

/// An event with its findings, each still raw: a bad one must not spoil the good ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// EventBridge's id of the event, the same on each delivery, and its time.
    pub request: Request,
    /// What asked.
    pub trigger: Trigger,
    /// What the findings are written in.
    pub format: Format,
    /// The account that the event came from.
    pub account: String,
    /// The findings, unparsed.
    pub findings: Vec<Value>,
}

/// Why an event cannot be worked on at all.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// Not JSON, or not an EventBridge event.
    #[error("not an EventBridge event: {0}")]
    NotAnEvent(#[from] serde_json::Error),
    /// Not from Security Hub.
    #[error("an event of source `{source_name}` and type `{detail_type}`, not Security Hub findings")]
    NotFindings {
        /// `source` of the event.
        source_name: String,
        /// `detail-type` of the event.
        detail_type: String,
    },
    /// A custom action of somebody else.
    #[error("custom action `{0}` is not one of ours")]
    UnknownAction(String),
    /// `detail.findings` is missing or empty.
    #[error("an event without findings")]
    NoFindings,
}

/// The ids of our custom actions, and what a person wants who chooses one.
pub const ACTIONS: &[(&str, Intent)] = &[
    ("RedressPlan", Intent::Shown),
    ("RedressRemediate", Intent::Requested),
    ("RedressApprove", Intent::Approved),
    ("RedressExempt", Intent::Exempted),
    ("RedressUndo", Intent::Undo),
];

#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    id: String,
    #[serde(default)]
    time: Option<String>,
    #[serde(default)]
    account: String,
    #[serde(rename = "detail-type")]
    detail_type: String,
    source: String,
    #[serde(default)]
    resources: Vec<String>,
    detail: Value,
}

impl Envelope {
    /// Parses the body of a message.
    ///
    /// # Errors
    /// [`EnvelopeError`], in one line: the message can never become good.
    pub fn parse(body: &str) -> Result<Self, EnvelopeError> {
        let Wire { id, time, account, detail_type, source, resources, detail } = serde_json::from_str(body)?;
        let (trigger, format) = match (source.as_str(), detail_type.as_str()) {
            ("aws.securityhub", "Security Hub Findings - Imported") => (Trigger::Imported, Format::Asff),
            ("aws.securityhub", "Findings Imported V2") => (Trigger::Imported, Format::Ocsf),
            ("aws.config", "Config Rules Compliance Change") => (Trigger::Imported, Format::ConfigChange),
            ("aws.securityhub", "Security Hub Findings - Custom Action") => {
                let action = resources.first().map(String::as_str).unwrap_or_default();
                let known = ACTIONS.iter().find(|(id, _)| action.rsplit('/').next() == Some(id));
                let (_, intent) = known.ok_or_else(|| EnvelopeError::UnknownAction(action.to_owned()))?;
                (Trigger::Chosen(*intent), Format::Asff)
            }
            _ => return Err(EnvelopeError::NotFindings { source_name: source, detail_type }),
        };
        let findings = match (format, detail) {
            (Format::ConfigChange, detail @ Value::Object(_)) => vec![detail],
            (Format::Asff | Format::Ocsf, Value::Object(mut detail)) => match detail.remove("findings") {
                Some(Value::Array(findings)) => findings,
                _ => Vec::new(),
            },
            _ => Vec::new(),
        };
        if findings.is_empty() {
            return Err(EnvelopeError::NoFindings);
        }
        let at = time.and_then(|time| time.parse().ok());
        // The event does not say who chose: it is the session that may use the action in that account.
        let by = matches!(trigger, Trigger::Chosen(_)).then(|| format!("custom action in account {account}, event {id}"));
        Ok(Self { request: Request { by, ..Request::of(id, at) }, trigger, format, account, findings })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(source: &str, kind: &str, resource: &str, findings: &str) -> Result<Envelope, EnvelopeError> {
        let body = format!(
            r#"{{"id":"e-1","source":"{source}","detail-type":"{kind}","resources":["{resource}"],"detail":{{"findings":{findings}}}}}"#
        );
        Envelope::parse(&body)
    }

    #[test]
    fn keeps_every_finding_of_an_event() {
        let event = parse("aws.securityhub", "Security Hub Findings - Imported", "", "[{}, 7]").unwrap();
        assert_eq!((event.trigger, event.format, event.findings.len()), (Trigger::Imported, Format::Asff, 2));
        let event = parse("aws.securityhub", "Findings Imported V2", "", "[{}]").unwrap();
        assert_eq!((event.trigger, event.format), (Trigger::Imported, Format::Ocsf));
    }

    #[test]
    fn a_change_of_compliance_is_its_own_finding() {
        let body = r#"{"source":"aws.config","detail-type":"Config Rules Compliance Change","account":"111122223333","detail":{"resourceId":"b"}}"#;
        let event = Envelope::parse(body).unwrap();
        assert_eq!((event.format, event.account.as_str()), (Format::ConfigChange, "111122223333"));
        assert_eq!(event.findings, [serde_json::json!({"resourceId": "b"})]);
    }

    #[test]
    fn tells_our_custom_actions_apart() {
        let chosen = |id: &str| {
            let arn = format!("arn:aws:securityhub:us-east-1:111122223333:action/custom/{id}");
            parse("aws.securityhub", "Security Hub Findings - Custom Action", &arn, "[{}]").map(|e| e.trigger)
        };
        for (id, intent) in ACTIONS {
            assert_eq!(chosen(id).unwrap(), Trigger::Chosen(*intent));
        }
        assert!(matches!(chosen("SomebodyElses"), Err(EnvelopeError::UnknownAction(_))));
    }

    #[test]
    fn what_is_no_event_of_ours_says_so_in_one_line() {
        for body in ["", "not json", "[]", r#"{"detail":{}}"#, r#"{"source":"a","detail-type":"b","detail":{"findings":[{}]}}"#] {
            let error = Envelope::parse(body).unwrap_err().to_string();
            assert!(!error.contains('\n') && !error.is_empty(), "{error}");
        }
        let empty = parse("aws.securityhub", "Security Hub Findings - Imported", "", "[]");
        assert!(matches!(empty, Err(EnvelopeError::NoFindings)));
        let null = Envelope::parse(r#"{"source":"aws.config","detail-type":"Config Rules Compliance Change","detail":null}"#);
        assert!(matches!(null, Err(EnvelopeError::NoFindings)));
    }
}
