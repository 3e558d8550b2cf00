//! # Risk
//! Whoever can read the bucket can read the log files; a key of one's own is a second lock, and its use is recorded.
//!
//! # Remedy
//! Encrypts the log files of the one trail with a KMS key. One key per account and region, `alias/redress-cloudtrail`, is made where there
//! is none, rotated, and used again: CloudTrail may use it for trails of this account only, and nobody reads with it whom IAM does not let.
//!
//! # Impact
//! Whoever reads the log files, a SIEM say, needs `kms:Decrypt` on the key from now on; that is why the change needs approval. A key costs
//! about a dollar a month. An organization's trail is changed in the account that owns it.
//!
//! # Undo
//! In part: new log files are encrypted with S3's own keys again. The key stays, because log files that were encrypted with it need it.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::cloudtrail::{EncryptionFacts, EncryptionKey, TrailEncryption};

use crate::not_a;

/// CloudTrail.2
pub struct LogFilesEncrypted;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<LogFilesEncrypted>();

impl Control for LogFilesEncrypted {
    const SPEC: Spec = Spec {
        id: "CloudTrail.2",
        title: "Log files of CloudTrail are encrypted with a KMS key",
        severity: Severity::Medium,
        class: Class::Guarded,
        scope: Scope::Regional,
        resources: &["AwsCloudTrailTrail"],
        prowler: &["cloudtrail_kms_encryption_enabled"],
        config_rules: &[],
        in_code: InCode { cloudformation: "KMSKeyId on the AWS::CloudTrail::Trail", terraform: "kms_key_id on the aws_cloudtrail" },
    };
    type Setting = TrailEncryption;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<TrailEncryption> {
        let is_trail = resource.arn().is_some_and(|arn| arn.service == "cloudtrail" && arn.named("trail").is_some());
        if is_trail { Ok(TrailEncryption { trail: resource.id.clone() }) } else { Err(not_a("a trail", &resource.id)) }
    }

    fn want(value: &Option<EncryptionKey>, facts: &EncryptionFacts, _params: &()) -> Want<Option<EncryptionKey>> {
        if value.is_some() {
            return Want::Keep;
        }
        if facts.is_organization_trail {
            return Want::Tell(
                "it is the organization's trail: encrypt it in the account that owns it, aws cloudtrail update-trail --kms-key-id.".into(),
            );
        }
        let cost = if facts.key_exists { "" } else { "; the key costs about a dollar a month" };
        let why = format!("whoever reads the log files in the bucket {} needs kms:Decrypt on the key from now on{cost}", facts.bucket);
        Want::Ask { to: Some(EncryptionKey::Ours), why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(value: Option<EncryptionKey>, is_organization_trail: bool) -> Want<Option<EncryptionKey>> {
        let facts = EncryptionFacts { is_organization_trail, bucket: "logs".into(), key_exists: false };
        LogFilesEncrypted::want(&value, &facts, &())
    }

    #[test]
    fn any_key_is_good_and_none_is_replaced() {
        assert_eq!(want(Some(EncryptionKey::Other("arn:aws:kms:eu-west-1:111122223333:key/1".into())), false), Want::Keep);
    }

    #[test]
    fn readers_are_asked_about_first() {
        assert!(
            matches!(want(None, false), Want::Ask { to: Some(EncryptionKey::Ours), why } if why.contains("kms:Decrypt") && why.contains("logs"))
        );
    }

    #[test]
    fn the_organization_s_trail_is_not_changed_from_a_member() {
        assert!(matches!(want(None, true), Want::Tell(_)));
    }
}
