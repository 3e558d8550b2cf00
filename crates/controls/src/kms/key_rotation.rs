//! # Risk
//! A key that is never rotated protects everything that was ever encrypted with it.
//!
//! # Remedy
//! Switches on yearly rotation by KMS. Old material stays for decryption, so nothing has to be encrypted again, and the key's id stays.
//!
//! # Impact
//! None for users of the key. Keys that KMS cannot rotate by itself (asymmetric, imported or custom-store material, replicas) are left to a
//! person, and so is a key that is disabled.
//!
//! # Undo
//! Exact: rotation is switched off again.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::kms::{KeyFacts, KeyRotation, Rotation};

use crate::not_a;

/// KMS.4
pub struct KeyRotated;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<KeyRotated>();

impl Control for KeyRotated {
    const SPEC: Spec = Spec {
        id: "KMS.4",
        title: "Customer keys are rotated",
        severity: Severity::Medium,
        class: Class::Automatic,
        scope: Scope::Regional,
        resources: &["AwsKmsKey"],
        prowler: &["kms_cmk_rotation_enabled"],
        config_rules: &["cmk-backing-key-rotation-enabled"],
        in_code: InCode { cloudformation: "EnableKeyRotation: true", terraform: "enable_key_rotation = true" },
    };
    type Setting = KeyRotation;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<KeyRotation> {
        let arn = resource.arn().filter(|arn| arn.service == "kms");
        let key = arn.and_then(|arn| arn.named("key").map(str::to_owned));
        key.map(|key| KeyRotation { key }).ok_or_else(|| not_a("a KMS key", &resource.id))
    }

    fn want(value: &Rotation, facts: &KeyFacts, _params: &()) -> Want<Rotation> {
        if value.rotation {
            return Want::Keep;
        }
        if let Some(why) = &facts.not_rotatable {
            return Want::Tell(format!("KMS cannot rotate this key: {why}."));
        }
        if !facts.is_enabled {
            return Want::Tell("the key is disabled or on its way out: enable it and switch on its rotation, or let it be deleted.".into());
        }
        Want::Set(Rotation { rotation: true, ..*value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(rotation: bool, not_rotatable: Option<&str>, is_enabled: bool) -> Want<Rotation> {
        let facts = KeyFacts { not_rotatable: not_rotatable.map(str::to_owned), is_enabled };
        KeyRotated::want(&Rotation { rotation, period_days: None }, &facts, &())
    }

    #[test]
    fn switches_rotation_on() {
        assert_eq!(want(false, None, true), Want::Set(Rotation { rotation: true, period_days: None }));
        assert_eq!(want(true, None, true), Want::Keep);
    }

    #[test]
    fn never_touches_what_kms_cannot_rotate_or_what_is_disabled() {
        assert!(matches!(want(false, Some("it is not symmetric"), true), Want::Tell(_)));
        assert!(matches!(want(false, None, false), Want::Tell(_)));
    }
}
