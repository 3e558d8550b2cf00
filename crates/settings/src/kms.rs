//! KMS: yearly rotation of a key's material.

use aws_sdk_kms::types::{KeyManagerType, KeySpec, KeyState, MultiRegionKeyType, OriginType};
use redress_aws::Called;
use redress_remediation::{Account, Action, Result, Setting};
use serde::{Deserialize, Serialize};

use crate::{found, gated, incomplete};

const DESCRIBE: &str = "kms:DescribeKey";
const STATUS: &str = "kms:GetKeyRotationStatus";
const ENABLE: &str = "kms:EnableKeyRotation";
const DISABLE: &str = "kms:DisableKeyRotation";
const KEYS: &str = "arn:${AWS::Partition}:kms:*:${AWS::AccountId}:key/*";

/// Whether KMS rotates a key's material by itself.
///
/// Only symmetric customer keys whose material KMS made can be rotated so; a multi-Region replica follows its primary.
/// See <https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html>.
#[derive(Debug, Clone)]
pub struct KeyRotation {
    /// The key's id or ARN.
    pub key: String,
}

/// The value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// Whether the key is rotated.
    pub rotation: bool,
    /// Days between rotations; only where it is rotated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_days: Option<i32>,
}

/// What kind of key it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyFacts {
    /// Why KMS cannot rotate it by itself, if it cannot.
    pub not_rotatable: Option<String>,
    /// Whether it is in the state `Enabled`.
    pub is_enabled: bool,
}

fn not_rotatable(key: &aws_sdk_kms::types::KeyMetadata) -> Option<String> {
    let replica = key.multi_region_configuration().filter(|multi| multi.multi_region_key_type() == Some(&MultiRegionKeyType::Replica));
    if key.key_manager() == Some(&KeyManagerType::Aws) {
        Some("AWS manages the key and rotates it".into())
    } else if key.origin() != Some(&OriginType::AwsKms) {
        let origin = key.origin().map_or("elsewhere", OriginType::as_str);
        Some(format!("its material has the origin {origin}: rotate it by hand, with new material"))
    } else if key.key_spec() != Some(&KeySpec::SymmetricDefault) {
        let spec = key.key_spec().map_or("another kind", KeySpec::as_str);
        Some(format!("it is not symmetric ({spec}): rotate it by hand, with a new key"))
    } else {
        let primary = replica?.primary_key().and_then(|primary| primary.arn()).unwrap_or("unknown");
        Some(format!("it is a replica: rotation is switched on at its primary key {primary}"))
    }
}

impl Setting for KeyRotation {
    type Value = Rotation;
    type Facts = KeyFacts;

    const NAME: &'static str = "kms.key_rotation";
    const READS: &'static [Action] = &[Action::on(DESCRIBE, KEYS), Action::on(STATUS, KEYS)];
    const WRITES: &'static [Action] = &[Action::on(ENABLE, KEYS), Action::on(DISABLE, KEYS)];

    async fn get(&self, account: &Account) -> Result<Option<(Rotation, KeyFacts)>> {
        let client = account.client(gated!(aws_sdk_kms));
        let Some(answer) = found(client.describe_key().key_id(&self.key).send().await.called(DESCRIBE))? else { return Ok(None) };
        let key = answer.key_metadata.ok_or_else(|| incomplete(DESCRIBE, "key"))?;
        let facts = KeyFacts { not_rotatable: not_rotatable(&key), is_enabled: key.key_state() == Some(&KeyState::Enabled) };
        // KMS refuses the question for keys that it could never rotate; AWS's own keys and replicas do answer.
        if key.origin() != Some(&OriginType::AwsKms) || key.key_spec() != Some(&KeySpec::SymmetricDefault) {
            return Ok(Some((Rotation { rotation: false, period_days: None }, facts)));
        }
        let status = client.get_key_rotation_status().key_id(&self.key).send().await.called(STATUS)?;
        let rotation = status.key_rotation_enabled;
        let period_days = status.rotation_period_in_days.filter(|_| rotation);
        Ok(Some((Rotation { rotation, period_days }, facts)))
    }

    async fn put(&self, account: &Account, _from: &Rotation, to: &Rotation) -> Result<()> {
        let client = account.client(gated!(aws_sdk_kms));
        if to.rotation {
            let call = client.enable_key_rotation().key_id(&self.key).set_rotation_period_in_days(to.period_days);
            call.send().await.called(ENABLE).map(|_| ())
        } else {
            client.disable_key_rotation().key_id(&self.key).send().await.called(DISABLE).map(|_| ())
        }
    }
}
