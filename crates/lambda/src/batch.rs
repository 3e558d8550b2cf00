//! SQS batches: what a function sees of them, and what SQS is told.

use std::future::Future;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use jiff::Timestamp;
use serde_json::Value as Json;

/// A message of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// SQS's id, by which it is returned.
    pub id: String,
    /// Its text.
    pub body: String,
    /// How many times it was received, this time included.
    pub receives: u32,
}

/// A function that works on batches of messages.
pub trait Function: Send + Sync + 'static {
    /// Works on a batch until `deadline`, and returns the ids of the messages that are to come again.
    fn handle(&self, batch: Vec<Message>, deadline: Timestamp) -> impl Future<Output = Vec<String>> + Send;

    /// Answers a request that is no batch, as the steps of a state machine send them.
    ///
    /// # Errors
    /// Why there is no answer.
    fn answer(&self, _request: Json, _deadline: Timestamp) -> impl Future<Output = Result<Json, String>> + Send {
        std::future::ready(Err("this function takes batches of SQS messages and nothing else".to_owned()))
    }
}

pub(crate) fn messages(event: SqsEvent) -> Vec<Message> {
    let message = |record: aws_lambda_events::event::sqs::SqsMessage| Message {
        id: record.message_id.unwrap_or_default(),
        body: record.body.unwrap_or_default(),
        receives: record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1),
    };
    event.records.into_iter().map(message).collect()
}

pub(crate) fn response(failed: Vec<String>) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    response.set_failures(failed);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_what_failed_and_nothing_else() {
        let event: SqsEvent = serde_json::from_str(
            r#"{"Records":[{"messageId":"a","body":"x","attributes":{"ApproximateReceiveCount":"3"}},{"messageId":"b","body":"y"}]}"#,
        )
        .unwrap();
        let batch = messages(event);
        assert_eq!(batch.iter().map(|message| message.receives).collect::<Vec<_>>(), [3, 1]);
        let json = serde_json::to_value(response(vec!["b".into()])).unwrap();
        assert_eq!(json, serde_json::json!({"batchItemFailures": [{"itemIdentifier": "b"}]}));
    }
}
