//! The post: what people are told, by mail and in their chat.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::{body::SdkBody, retry::RetryConfig, timeout::TimeoutConfig};
use aws_types::SdkConfig;
use serde_json::json;
use tracing::error;

use crate::{Answer, Called, Error, Kind, Result, switch::parameter};

/// Who tells people.
pub trait Post: Send + Sync {
    /// Sends a message.
    ///
    /// # Errors
    /// When it was not taken. A chat that does not answer is logged, and no error.
    fn tell<'a>(&'a self, subject: &'a str, body: &'a str) -> Answer<'a, ()>;
}

/// An SNS topic, and a webhook where there is one.
#[derive(Debug)]
pub struct Channels {
    sns: aws_sdk_sns::Client,
    topic: String,
    webhook: Option<Webhook>,
}

/// A webhook that takes Slack's messages. Its address is a secret: it is read from Parameter Store, and never logged.
#[derive(Debug)]
struct Webhook {
    sdk: SdkConfig,
    ssm: aws_sdk_ssm::Client,
    parameter: String,
    address: Mutex<Option<String>>,
}

impl Channels {
    /// The topic with the ARN `topic`, and the webhook whose address is in the parameter `webhook`, if there is one.
    pub fn new(sdk: &SdkConfig, topic: String, webhook: Option<String>) -> Self {
        let webhook =
            webhook.map(|parameter| Webhook { sdk: sdk.clone(), ssm: aws_sdk_ssm::Client::new(sdk), parameter, address: Mutex::default() });
        Self { sns: aws_sdk_sns::Client::new(sdk), topic, webhook }
    }
}

/// SNS takes printable ASCII, fewer than 100 characters, on one line.
///
/// See <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>.
fn subject_line(text: &str) -> String {
    text.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).take(99).collect()
}

/// SNS takes 256 KB.
const BODY: usize = 200_000;

fn cut(text: &str, most: usize) -> String {
    if text.len() <= most { text.to_owned() } else { format!("{}\n...", text.chars().take(most / 4).collect::<String>()) }
}

impl Post for Channels {
    fn tell<'a>(&'a self, subject: &'a str, body: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = self.sns.publish().topic_arn(&self.topic).subject(subject_line(subject)).message(cut(body, BODY));
            call.send().await.called("sns:Publish")?;
            // Who was mailed was told: a chat that does not answer must not bring the same mail again.
            if let Some(webhook) = &self.webhook
                && let Err(error) = webhook.send(subject, body).await
            {
                error!(%error, "the chat was not told");
            }
            Ok(())
        })
    }
}

/// Nobody, for who has no deployment.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPost;

impl Post for NoPost {
    fn tell<'a>(&'a self, _subject: &'a str, _body: &'a str) -> Answer<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

const WEBHOOK: &str = "webhook";
const PATIENCE: Duration = Duration::from_secs(10);
/// Slack cuts longer texts into pieces.
const TEXT: usize = 12_000;

impl Webhook {
    async fn send(&self, subject: &str, body: &str) -> Result<()> {
        let address = self.address().await?;
        let text = json!({ "text": format!("*{subject}*\n```{}```", cut(body, TEXT)) }).to_string();
        let status = post_json(&self.sdk, &address, text).await?;
        if (200..300).contains(&status) {
            return Ok(());
        }
        // It may have been replaced: it is read again next time.
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Err(Error::new(Kind::Rejected, WEBHOOK, format!("it answered with status {status}")))
    }

    async fn address(&self) -> Result<String> {
        if let Some(address) = self.address.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(address);
        }
        let address = parameter(&self.ssm, &self.parameter).await?.trim().to_owned();
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = Some(address.clone());
        Ok(address)
    }
}

/// Posts JSON through the HTTP client that all SDK clients share. The error never quotes the address.
async fn post_json(sdk: &SdkConfig, address: &str, text: String) -> Result<u16> {
    let failed = |why: &str| Error::new(Kind::Unreachable, WEBHOOK, why);
    let (Some(client), Some(time), Some(sleep)) = (sdk.http_client(), sdk.time_source(), sdk.sleep_impl()) else {
        return Err(failed("there is no HTTP client"));
    };
    let uri = address.to_owned();
    let post = Operation::builder()
        .service_name(WEBHOOK)
        .operation_name("Post")
        .http_client(client)
        .time_source(time)
        .sleep_impl(sleep)
        .endpoint_url(address)
        .no_auth()
        .standard_retry(&RetryConfig::standard())
        .timeout_config(TimeoutConfig::builder().operation_timeout(PATIENCE).build())
        .serializer(move |text: String| {
            let mut request = HttpRequest::new(SdkBody::from(text));
            request.set_method("POST")?;
            request.set_uri(uri.as_str())?;
            request.headers_mut().insert("content-type", "application/json");
            Ok(request)
        })
        .deserializer(|answer: &HttpResponse| Ok::<_, OrchestratorError<std::convert::Infallible>>(answer.status().as_u16()))
        .build();
    post.invoke(text).await.map_err(|_| failed("it did not answer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_what_sns_takes() {
        let line = subject_line(&format!("Konto \u{fc}ber\n{}", "x".repeat(200)));
        assert!(line.is_ascii() && line.len() < 100 && !line.contains('\n'));
    }
}
