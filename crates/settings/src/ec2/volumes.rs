//! Whether new EBS volumes are encrypted without being asked to.

use redress_aws::Called;
use redress_remediation::{Account, Action, Result, Setting};
use serde::{Deserialize, Serialize};

use crate::gated;

const GET: &str = "ec2:GetEbsEncryptionByDefault";
const ENABLE: &str = "ec2:EnableEbsEncryptionByDefault";
const DISABLE: &str = "ec2:DisableEbsEncryptionByDefault";

/// Encryption by default of one region's new EBS volumes. The default key stays as it is.
///
/// See <https://docs.aws.amazon.com/ebs/latest/userguide/encryption-by-default.html>.
#[derive(Debug, Clone, Copy)]
pub struct VolumeEncryption;

/// The value: one flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultEncryption {
    /// Whether new volumes are encrypted.
    pub encryption_by_default: bool,
}

impl Setting for VolumeEncryption {
    type Value = DefaultEncryption;
    type Facts = ();

    const NAME: &'static str = "ec2.volume_encryption";
    const READS: &'static [Action] = &[Action::anywhere(GET)];
    const WRITES: &'static [Action] = &[Action::anywhere(ENABLE), Action::anywhere(DISABLE)];

    async fn get(&self, account: &Account) -> Result<Option<(DefaultEncryption, ())>> {
        let answer = account.client(gated!(aws_sdk_ec2)).get_ebs_encryption_by_default().send().await.called(GET)?;
        let encryption_by_default = answer.ebs_encryption_by_default.unwrap_or(false);
        Ok(Some((DefaultEncryption { encryption_by_default }, ())))
    }

    async fn put(&self, account: &Account, _from: &DefaultEncryption, to: &DefaultEncryption) -> Result<()> {
        let client = account.client(gated!(aws_sdk_ec2));
        if to.encryption_by_default {
            client.enable_ebs_encryption_by_default().send().await.called(ENABLE).map(|_| ())
        } else {
            client.disable_ebs_encryption_by_default().send().await.called(DISABLE).map(|_| ())
        }
    }
}
