//! # Risk
//! Whoever gets at the storage reads the files.
//!
//! # Remedy
//! Tells what to do, with commands for the file system. Security Hub reports the same file system as EFS.1, which can make the encrypted
//! twin after approval.
//!
//! # Impact
//! None: nothing is changed.
//!
//! # Undo
//! Nothing to undo.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::efs::{FileSystem, FileSystemEncryption, FileSystemFacts};

/// EFS.8
pub struct Encrypted;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<Encrypted>();

impl Control for Encrypted {
    const SPEC: Spec = Spec {
        id: "EFS.8",
        title: "File systems are encrypted",
        severity: Severity::Medium,
        class: Class::Tell,
        scope: Scope::Regional,
        resources: &["AwsEfsFileSystem", "Other"],
        prowler: &[],
        config_rules: &["efs-filesystem-ct-encrypted"],
        in_code: InCode {
            cloudformation: "Encrypted: true (this replaces the file system)",
            terraform: "encrypted = true (this replaces the file system)",
        },
    };
    type Setting = FileSystem;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<FileSystem> {
        Ok(FileSystem { system: super::twin::system_of(resource)? })
    }

    fn want(value: &FileSystemEncryption, facts: &FileSystemFacts, _params: &()) -> Want<FileSystemEncryption> {
        if value.encrypted {
            return Want::Keep;
        }
        let FileSystemFacts { system, region, twin } = facts;
        match twin {
            Some(twin) => Want::Tell(super::twin::steps(system, region, twin)),
            None => Want::Tell(format!(
                "{system} cannot be encrypted in place: approve EFS.1 on it to have an encrypted twin made, or aws efs create-file-system --encrypted \
                 --region {region} with its settings, and move the data with AWS DataSync."
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_to_do_with_and_without_a_twin() {
        let want = |twin: Option<&str>| {
            let facts = FileSystemFacts { system: "fs-1".into(), region: "eu-west-1".into(), twin: twin.map(str::to_owned) };
            Encrypted::want(&FileSystemEncryption { encrypted: false }, &facts, &())
        };
        assert!(matches!(want(None), Want::Tell(steps) if steps.contains("EFS.1") && steps.contains("eu-west-1")));
        assert!(matches!(want(Some("fs-2")), Want::Tell(steps) if steps.contains("fs-2")));
    }
}
