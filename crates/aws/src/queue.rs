//! SQS, as far as we send to it. Receiving is Lambda's business.

use aws_sdk_sqs::types::MessageAttributeValue;
use aws_types::SdkConfig;

use crate::{Called, Error, Result};

/// A queue to send to.
#[derive(Debug, Clone)]
pub struct Queue {
    client: aws_sdk_sqs::Client,
    url: String,
}

const ACTION: &str = "sqs:SendMessage";

impl Queue {
    /// The queue at `url`.
    pub fn new(sdk: &SdkConfig, url: String) -> Self {
        Self { client: aws_sdk_sqs::Client::new(sdk), url }
    }

    /// Sends to a FIFO queue: in order within `lane`, and once for the same `once` within five minutes.
    ///
    /// # Errors
    /// When it was not taken.
    pub async fn send_in_order(&self, body: &str, lane: &str, once: &str) -> Result<()> {
        let call = self.client.send_message().queue_url(&self.url).message_body(body);
        call.message_group_id(lane).message_deduplication_id(once).send().await.called(ACTION).map(|_| ())
    }

    /// Sends to a standard queue.
    ///
    /// # Errors
    /// When it was not taken.
    pub async fn send(&self, body: &str) -> Result<()> {
        self.client.send_message().queue_url(&self.url).message_body(body).send().await.called(ACTION).map(|_| ())
    }

    /// Sends to a standard queue, to be received after `seconds`, of which SQS takes 900 at most.
    ///
    /// # Errors
    /// When it was not taken.
    pub async fn send_later(&self, body: &str, seconds: i32) -> Result<()> {
        let call = self.client.send_message().queue_url(&self.url).message_body(body);
        call.delay_seconds(seconds).send().await.called(ACTION).map(|_| ())
    }

    /// Sends a message that can never be worked on to a dead-letter queue, with the reason as its attribute `error`.
    ///
    /// # Errors
    /// When it was not taken.
    pub async fn reject(&self, body: &str, why: &str) -> Result<()> {
        let reason = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(why.chars().take(1000).collect::<String>())
            .build()
            .map_err(|error| Error::malformed(ACTION, error.to_string()))?;
        // SQS refuses an empty body.
        let body = if body.is_empty() { "(empty)" } else { body };
        let call = self.client.send_message().queue_url(&self.url).message_body(body).message_attributes("error", reason);
        call.send().await.called(ACTION).map(|_| ())
    }
}
