//! The post: what people are told, by mail and in their chat.

use std::sync::{Mutex, PoisonError};

use aws_smithy_runtime_api::{
    client::{http::HttpConnectorSettings, orchestrator::HttpRequest, runtime_components::RuntimeComponentsBuilder},
    http::Headers,
};
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use serde_json::json;

use crate::{Answer, Called, Error, Kind, Result, switch::parameter};

/// Who tells people.
pub trait Post: Send + Sync {
    /// Sends a message.
    ///
    /// # Errors
    /// When one of the channels did not take it.
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
            let mailed = call.send().await.called("sns:Publish").map(|_| ());
            let chatted = match &self.webhook {
                Some(webhook) => webhook.send(subject, body).await,
                None => Ok(()),
            };
            mailed.and(chatted)
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
    let client = sdk.http_client().ok_or_else(|| failed("there is no HTTP client"))?;
    let components = RuntimeComponentsBuilder::for_tests().build().map_err(|_| failed("no runtime"))?;
    let mut request = HttpRequest::new(SdkBody::from(text));
    request.set_method("POST").map_err(|_| failed("no such method"))?;
    request.set_uri(address).map_err(|_| Error::new(Kind::Rejected, WEBHOOK, "its address is not a URL"))?;
    let headers: &mut Headers = request.headers_mut();
    headers.insert("content-type", "application/json");
    let connector =
        aws_smithy_runtime_api::client::http::HttpClient::http_connector(&client, &HttpConnectorSettings::default(), &components);
    let answer = aws_smithy_runtime_api::client::http::HttpConnector::call(&connector, request).await;
    answer.map(|answer| answer.status().as_u16()).map_err(|_| failed("it did not answer"))
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
