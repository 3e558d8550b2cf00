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

/// An event with its findings, each still raw: a bad one must not spoil the good ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// EventBridge's id of the event, the same on each delivery, and its time.
    pub request: Request,
    /// What asked.
    pub trigger: Trigger,
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

/// The id of the custom action that asks for a remediation.
pub const REMEDIATE_ACTION: &str = "RedressRemediate";
/// The id of the custom action that asks for the last change to be undone.
pub const UNDO_ACTION: &str = "RedressUndo";

#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    id: String,
    #[serde(default)]
    time: Option<String>,
    #[serde(rename = "detail-type")]
    detail_type: String,
    source: String,
    #[serde(default)]
    resources: Vec<String>,
    detail: WireDetail,
}

#[derive(Deserialize)]
struct WireDetail {
    #[serde(default)]
    findings: Vec<Value>,
}

impl Envelope {
    /// Parses the body of a message.
    ///
    /// # Errors
    /// [`EnvelopeError`], in one line: the message can never become good.
    pub fn parse(body: &str) -> Result<Self, EnvelopeError> {
        let wire: Wire = serde_json::from_str(body)?;
        let trigger = match (wire.source.as_str(), wire.detail_type.as_str()) {
            ("aws.securityhub", "Security Hub Findings - Imported") => Trigger::Imported,
            ("aws.securityhub", "Security Hub Findings - Custom Action") => {
                let action = wire.resources.first().map(String::as_str).unwrap_or_default();
                match action.rsplit('/').next() {
                    Some(REMEDIATE_ACTION) => Trigger::Chosen(Intent::Requested),
                    Some(UNDO_ACTION) => Trigger::Chosen(Intent::Undo),
                    _ => return Err(EnvelopeError::UnknownAction(action.to_owned())),
                }
            }
            _ => return Err(EnvelopeError::NotFindings { source_name: wire.source, detail_type: wire.detail_type }),
        };
        if wire.detail.findings.is_empty() {
            return Err(EnvelopeError::NoFindings);
        }
        let at = wire.time.and_then(|time| time.parse().ok());
        Ok(Self { request: Request { event: wire.id, at }, trigger, findings: wire.detail.findings })
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
        assert_eq!((event.trigger, event.findings.len()), (Trigger::Imported, 2));
    }

    #[test]
    fn tells_our_custom_actions_apart() {
        let chosen = |id| {
            let arn = format!("arn:aws:securityhub:us-east-1:111122223333:action/custom/{id}");
            parse("aws.securityhub", "Security Hub Findings - Custom Action", &arn, "[{}]").map(|e| e.trigger)
        };
        assert_eq!(chosen("RedressRemediate").unwrap(), Trigger::Chosen(Intent::Requested));
        assert_eq!(chosen("RedressUndo").unwrap(), Trigger::Chosen(Intent::Undo));
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
    }
}
