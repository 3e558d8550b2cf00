//! # Risk
//! A volume that somebody forgets to encrypt keeps its data readable wherever a copy of it ends up.
//!
//! # Remedy
//! Switches on encryption by default for new EBS volumes and snapshot copies of the region. The default key stays the one that is set.
//!
//! # Impact
//! New volumes only; existing ones stay as they are. Instance types too old for encrypted volumes can no longer be launched.
//!
//! # Undo
//! Exact: switched off again. Volumes made in between stay encrypted.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::ec2::{DefaultEncryption, VolumeEncryption};

use crate::not_a;

/// EC2.7
pub struct VolumesEncryptedByDefault;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<VolumesEncryptedByDefault>();

impl Control for VolumesEncryptedByDefault {
    const SPEC: Spec = Spec {
        id: "EC2.7",
        title: "New EBS volumes are encrypted by default",
        severity: Severity::Medium,
        class: Class::Automatic,
        scope: Scope::Regional,
        resources: &["AwsAccount"],
        prowler: &["ec2_ebs_default_encryption"],
        config_rules: &["ec2-ebs-encryption-by-default"],
        in_code: InCode { cloudformation: "", terraform: "aws_ebs_encryption_by_default { enabled = true }" },
    };
    type Setting = VolumeEncryption;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<VolumeEncryption> {
        if resource.kind == "AwsAccount" { Ok(VolumeEncryption) } else { Err(not_a("an account", &resource.id)) }
    }

    fn want(value: &DefaultEncryption, _facts: &(), _params: &()) -> Want<DefaultEncryption> {
        if value.encryption_by_default { Want::Keep } else { Want::Set(DefaultEncryption { encryption_by_default: true }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_on_what_is_off() {
        let on = DefaultEncryption { encryption_by_default: true };
        let off = DefaultEncryption { encryption_by_default: false };
        assert_eq!(VolumesEncryptedByDefault::want(&off, &(), &()), Want::Set(on));
        assert_eq!(VolumesEncryptedByDefault::want(&on, &(), &()), Want::Keep);
    }
}
