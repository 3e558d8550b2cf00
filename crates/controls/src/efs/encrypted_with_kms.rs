//! # Risk
//! Whoever gets at the storage reads the files.
//!
//! # Remedy
//! A file system cannot be encrypted in place. After approval an encrypted twin is made beside it, one stage a run: the file system, with
//! the same performance, throughput and tags; its life cycle, backup and policy, and its mount targets, in the same subnets with the same
//! security groups. The data is moved by people, because only they know when nobody writes; the finding then says how, and is never called
//! fixed while the original is unencrypted. AWS itself refuses a second twin.
//!
//! # Impact
//! The original is not touched. The twin costs what is stored in it.
//!
//! # Undo
//! In part: the mount targets are deleted again. The twin stays until a person has looked whether there is data in it: how much is in a file
//! system is metered hours later.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::efs::{EncryptedTwin, TwinFacts, TwinOf, TwinStage};

/// EFS.1
pub struct EncryptedWithKms;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<EncryptedWithKms>();

impl Control for EncryptedWithKms {
    const SPEC: Spec = Spec {
        id: "EFS.1",
        title: "File systems are encrypted with KMS",
        severity: Severity::Medium,
        class: Class::Guarded,
        scope: Scope::Regional,
        resources: &["AwsEfsFileSystem", "Other"],
        prowler: &["efs_encryption_at_rest_enabled"],
        config_rules: &["efs-encrypted-check"],
        in_code: InCode {
            cloudformation: "Encrypted: true (this replaces the file system)",
            terraform: "encrypted = true (this replaces the file system)",
        },
    };
    type Setting = EncryptedTwin;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<EncryptedTwin> {
        Ok(EncryptedTwin { system: super::twin::system_of(resource)? })
    }

    fn want(value: &TwinOf, facts: &TwinFacts, _params: &()) -> Want<TwinOf> {
        let TwinFacts { system, region, twin, busy, obstacle, bytes, .. } = facts;
        let stage = |stage| TwinOf { stage };
        if value.stage == TwinStage::Encrypted {
            return Want::Keep;
        }
        if let Some(obstacle) = obstacle {
            return Want::Tell(format!("{obstacle}: it is not ours to go on with."));
        }
        if let Some(busy) = busy {
            return Want::Wait(busy.clone());
        }
        match value.stage {
            TwinStage::Alone => Want::Ask {
                to: stage(TwinStage::Made),
                why: format!(
                    "an encrypted twin of {system} is made and paid for ({} GiB once the data is in it); its data is moved by people",
                    bytes >> 30
                ),
            },
            TwinStage::Made => Want::Set(stage(TwinStage::Mounted)),
            TwinStage::Mounted | TwinStage::Encrypted => Want::Tell(super::twin::steps(system, region, twin.as_deref().unwrap_or("?"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(stage: TwinStage, busy: Option<&str>) -> Want<TwinOf> {
        let facts = TwinFacts {
            system: "fs-1".into(),
            region: "eu-west-1".into(),
            twin: Some("fs-2".into()),
            busy: busy.map(str::to_owned),
            ..TwinFacts::default()
        };
        EncryptedWithKms::want(&TwinOf { stage }, &facts, &())
    }

    #[test]
    fn one_stage_a_run_and_asked_once() {
        assert!(matches!(want(TwinStage::Alone, None), Want::Ask { to, .. } if to.stage == TwinStage::Made));
        assert!(matches!(want(TwinStage::Made, None), Want::Set(to) if to.stage == TwinStage::Mounted));
        assert!(matches!(want(TwinStage::Made, Some("creating")), Want::Wait(_)));
    }

    #[test]
    fn the_original_is_never_called_fixed_while_it_is_not_encrypted() {
        assert!(matches!(want(TwinStage::Mounted, None), Want::Tell(steps) if steps.contains("fs-2") && steps.contains("fs-1")));
        assert_eq!(want(TwinStage::Encrypted, None), Want::Keep);
    }
}
