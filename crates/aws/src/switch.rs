//! The kill switch: one parameter that stops every write at once.

use aws_types::SdkConfig;

use crate::{Answer, Called};

/// Says whether writing is stopped.
pub trait Switch: Send + Sync {
    /// Why every write is stopped, if it is. Read before each write, never from memory.
    ///
    /// # Errors
    /// When it cannot be read; then nothing may be written.
    fn stopped(&self) -> Answer<'_, Option<String>>;
}

/// A parameter of Systems Manager's Parameter Store. `off` lets writes pass; every other value stops them, and is the reason.
///
/// See <https://docs.aws.amazon.com/systems-manager/latest/userguide/systems-manager-parameter-store.html>.
#[derive(Debug, Clone)]
pub struct SsmSwitch {
    client: aws_sdk_ssm::Client,
    name: String,
}

impl SsmSwitch {
    /// The switch that is the parameter `name`.
    pub fn new(sdk: &SdkConfig, name: String) -> Self {
        Self { client: aws_sdk_ssm::Client::new(sdk), name }
    }
}

impl Switch for SsmSwitch {
    fn stopped(&self) -> Answer<'_, Option<String>> {
        Box::pin(async move {
            let value = parameter(&self.client, &self.name).await?;
            let value = value.trim();
            Ok((value != "off").then(|| format!("the kill switch {} is `{}`", self.name, value.chars().take(80).collect::<String>())))
        })
    }
}

/// No switch, for who has no deployment.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSwitch;

impl Switch for NoSwitch {
    fn stopped(&self) -> Answer<'_, Option<String>> {
        Box::pin(async { Ok(None) })
    }
}

/// The value of a parameter, decrypted where it is a secret.
pub(crate) async fn parameter(client: &aws_sdk_ssm::Client, name: &str) -> crate::Result<String> {
    let answer = client.get_parameter().name(name).with_decryption(true).send().await.called("ssm:GetParameter")?;
    let value = answer.parameter.and_then(|parameter| parameter.value);
    value.ok_or_else(|| crate::Error::malformed("ssm:GetParameter", format!("{name} has no value")))
}
