//! Log file validation of a trail.

use redress_aws::Called;
use redress_remediation::{Account, Action, Result, Setting};
use serde::{Deserialize, Serialize};

use super::{GET_TRAIL, TRAILS, UPDATE_TRAIL};
use crate::{found, gated, incomplete};

/// Whether a trail's log files come with digests that prove them unchanged.
///
/// `UpdateTrail` works only in the trail's home region, which its ARN names, and leaves alone what it is not given.
/// See <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_UpdateTrail.html>.
#[derive(Debug, Clone)]
pub struct LogFileValidation {
    /// The trail's ARN.
    pub trail: String,
}

/// The value: one flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validation {
    /// Whether digests are written.
    pub log_file_validation: bool,
}

/// What else is to be known of a trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailFacts {
    /// Whether the trail is the organization's.
    pub is_organization_trail: bool,
}

impl Setting for LogFileValidation {
    type Value = Validation;
    type Facts = TrailFacts;

    const NAME: &'static str = "cloudtrail.log_file_validation";
    const READS: &'static [Action] = &[Action::on(GET_TRAIL, TRAILS)];
    const WRITES: &'static [Action] = &[Action::on(UPDATE_TRAIL, TRAILS)];

    async fn get(&self, account: &Account) -> Result<Option<(Validation, TrailFacts)>> {
        let client = account.client(gated!(aws_sdk_cloudtrail));
        let Some(answer) = found(client.get_trail().name(&self.trail).send().await.called(GET_TRAIL))? else { return Ok(None) };
        let trail = answer.trail.ok_or_else(|| incomplete(GET_TRAIL, "trail"))?;
        let value = Validation { log_file_validation: trail.log_file_validation_enabled.unwrap_or(false) };
        Ok(Some((value, TrailFacts { is_organization_trail: trail.is_organization_trail.unwrap_or(false) })))
    }

    async fn put(&self, account: &Account, _from: &Validation, to: &Validation) -> Result<()> {
        let client = account.client(gated!(aws_sdk_cloudtrail));
        let call = client.update_trail().name(&self.trail).enable_log_file_validation(to.log_file_validation);
        call.send().await.called(UPDATE_TRAIL).map(|_| ())
    }
}
