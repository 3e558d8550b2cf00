//! The post: what people are told.

use aws_types::SdkConfig;

use crate::{Answer, Called};

/// Who tells people.
pub trait Post: Send + Sync {
    /// Sends a message.
    ///
    /// # Errors
    /// When it was not taken.
    fn tell<'a>(&'a self, subject: &'a str, body: &'a str) -> Answer<'a, ()>;
}

/// An SNS topic.
#[derive(Debug, Clone)]
pub struct Sns {
    client: aws_sdk_sns::Client,
    topic: String,
}

impl Sns {
    /// The topic with the ARN `topic`.
    pub fn new(sdk: &SdkConfig, topic: String) -> Self {
        Self { client: aws_sdk_sns::Client::new(sdk), topic }
    }
}

/// SNS takes printable ASCII, fewer than 100 characters, on one line.
///
/// See <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>.
fn subject_line(text: &str) -> String {
    text.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).take(99).collect()
}

impl Post for Sns {
    fn tell<'a>(&'a self, subject: &'a str, body: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = self.client.publish().topic_arn(&self.topic).subject(subject_line(subject)).message(body);
            call.send().await.called("sns:Publish").map(|_| ())
        })
    }
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
