//! The deployed suite, as it describes itself to operators.

use aws_types::SdkConfig;
use serde::Deserialize;

use crate::{Error, Result, switch::parameter};

/// What the template writes into the parameter `/redress/deployment`. No secrets are in it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Deployment {
    /// The stack.
    pub stack: String,
    /// The ledger's table.
    pub ledger_table: String,
    /// The vault's bucket.
    pub vault_bucket: String,
    /// The queue of jobs.
    pub jobs_queue_url: String,
    /// The bucket with the policy.
    pub policy_bucket: String,
    /// The policy's key there; empty without one.
    #[serde(default)]
    pub policy_key: String,
    /// The key of the security-group policy in the same bucket; empty without one.
    #[serde(default)]
    pub sg_policy_key: String,
    /// The kill switch's parameter.
    pub kill_switch: String,
    /// The topic of notifications.
    pub topic_arn: String,
    /// The bus of outcomes.
    pub bus: String,
    /// The role in member accounts.
    pub member_role_name: String,
    /// The modes under the policy.
    pub modes: String,
    /// The sources that are listened to.
    pub sources: String,
    /// The bucket of reports.
    pub reports_bucket: String,
}

impl Deployment {
    /// The suite that is deployed in the account and region of `sdk`.
    ///
    /// # Errors
    /// When there is none, or it may not be read.
    pub async fn find(sdk: &SdkConfig) -> Result<Self> {
        let text = parameter(&aws_sdk_ssm::Client::new(sdk), "/redress/deployment").await?;
        serde_json::from_str(&text).map_err(|error| Error::malformed("/redress/deployment", error.to_string()))
    }
}
