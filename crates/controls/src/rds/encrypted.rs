//! # Risk
//! Whoever gets at the storage or a snapshot of the database reads it.
//!
//! # Remedy
//! A database cannot be encrypted in place. After approval it is migrated, one stage a run: a snapshot; an encrypted copy of it; an
//! instance restored from the copy under a temporary name, with every attribute of the original; then, after a second approval, the
//! original gives up its name and the encrypted one takes it. The original is kept; deleting it, with the snapshots, is a third question,
//! which is put only with the parameter `delete_original`. Where the migration stands is read from the account, so a run that is cut off is
//! continued, and a second finding starts nothing.
//!
//! # Impact
//! What is written to the original after its snapshot is NOT in the encrypted database: stop whoever writes before the first approval, and
//! let it stop until the names are exchanged. During the exchange, some minutes, no database has the name. Two databases are paid for until
//! the original is deleted. Read replicas, members of clusters, and databases whose password RDS manages are left to people.
//!
//! # Undo
//! Stage by stage: what was made is deleted, the names are exchanged back (what was written to the encrypted database since is in it, under
//! its temporary name). Deleting the original cannot be undone.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::rds::{EncryptedInstance, MigrationFacts, Stage, StageOf};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::not_a;

/// What people may adjust.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EncryptionParams {
    /// The KMS key of the encrypted copy: its id, ARN or alias.
    pub kms_key: String,
    /// Whether to ask for the deletion of the original and of both snapshots, once the names are exchanged.
    pub delete_original: bool,
}

impl Default for EncryptionParams {
    fn default() -> Self {
        Self { kms_key: "alias/aws/rds".into(), delete_original: false }
    }
}

/// RDS.3
pub struct Encrypted;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<Encrypted>();

impl Control for Encrypted {
    const SPEC: Spec = Spec {
        id: "RDS.3",
        title: "Databases are encrypted",
        severity: Severity::Medium,
        class: Class::Guarded,
        scope: Scope::Regional,
        resources: &["AwsRdsDbInstance"],
        prowler: &["rds_instance_storage_encrypted"],
        config_rules: &[],
        in_code: InCode {
            cloudformation: "StorageEncrypted: true (this replaces the database)",
            terraform: "storage_encrypted = true (this replaces the database)",
        },
    };
    type Setting = EncryptedInstance;
    type Params = EncryptionParams;

    fn locate(resource: &Resource, params: &EncryptionParams) -> Located<EncryptedInstance> {
        let instance = resource.arn().filter(|arn| arn.service == "rds").and_then(|arn| arn.named("db").map(str::to_owned));
        let kms_key = params.kms_key.clone();
        instance.map(|instance| EncryptedInstance { instance, kms_key }).ok_or_else(|| not_a("a database instance", &resource.id))
    }

    fn want(value: &StageOf, facts: &MigrationFacts, params: &EncryptionParams) -> Want<StageOf> {
        let MigrationFacts { instance, region, obstacle, busy, differs, gib } = facts;
        let stage = |stage| StageOf { stage };
        if value.stage == Stage::Encrypted {
            return Want::Keep;
        }
        // Once the original has given up its name there is only one way.
        if let Some(obstacle) = obstacle.as_ref().filter(|_| value.stage < Stage::Parted) {
            return Want::Tell(format!(
                "{obstacle}. By hand: aws rds create-db-snapshot, copy-db-snapshot --kms-key-id {}, restore-db-instance-from-db-snapshot --region {region}, \
                 then exchange the names of {instance} and the new one.",
                params.kms_key
            ));
        }
        if let Some(busy) = busy {
            return Want::Wait(busy.clone());
        }
        match value.stage {
            Stage::Unencrypted => Want::Ask {
                to: stage(Stage::Snapshot),
                why: format!(
                    "this begins its migration to an encrypted instance of {gib} GiB: whatever is written to {instance} after the snapshot is NOT in the \
                     encrypted one, so stop its writers first; a second instance is paid for; before the names are exchanged you are asked again"
                ),
            },
            Stage::Snapshot => Want::Set(stage(Stage::Copy)),
            Stage::Copy => Want::Set(stage(Stage::Restored)),
            Stage::Restored => Want::Set(stage(Stage::Completed)),
            Stage::Completed if !differs.is_empty() => Want::Tell(format!(
                "make {instance}-redress-new like the original with aws rds modify-db-instance --region {region}, and ask for the remediation again; \
                 they differ in {}.",
                crate::some(differs)
            )),
            Stage::Completed => Want::Ask {
                to: stage(Stage::Parted),
                why: format!(
                    "the encrypted instance is ready: from here to the end, some minutes, no database is called {instance}; make sure that nothing was \
                     written since the snapshot"
                ),
            },
            Stage::Parted => Want::Set(stage(Stage::Exchanged)),
            Stage::Exchanged if params.delete_original => Want::Ask {
                to: stage(Stage::Encrypted),
                why: format!("the unencrypted original {instance}-redress-old and both snapshots are deleted"),
            },
            Stage::Exchanged | Stage::Encrypted => Want::Keep,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(stage: Stage, facts: MigrationFacts) -> Want<StageOf> {
        Encrypted::want(&StageOf { stage }, &facts, &EncryptionParams::default())
    }

    fn facts() -> MigrationFacts {
        MigrationFacts { instance: "orders".into(), region: "eu-west-1".into(), ..MigrationFacts::default() }
    }

    fn next(stage: Stage) -> (Option<Stage>, bool) {
        match want(stage, facts()) {
            Want::Set(to) => (Some(to.stage), false),
            Want::Ask { to, .. } => (Some(to.stage), true),
            _ => (None, false),
        }
    }

    #[test]
    fn one_stage_a_run_and_asked_before_the_snapshot_and_before_the_exchange() {
        let way = [Stage::Unencrypted, Stage::Snapshot, Stage::Copy, Stage::Restored, Stage::Completed, Stage::Parted, Stage::Exchanged];
        for pair in way.windows(2) {
            let asks = matches!(pair[0], Stage::Unencrypted | Stage::Completed);
            assert_eq!(next(pair[0]), (Some(pair[1]), asks), "{}", pair[0]);
        }
        assert_eq!(want(Stage::Exchanged, facts()), Want::Keep);
    }

    #[test]
    fn nothing_goes_on_before_what_was_begun_is_ready() {
        let busy = MigrationFacts { busy: Some("snapshot redress-orders-encrypted is creating (40 %)".into()), ..facts() };
        for stage in [Stage::Snapshot, Stage::Copy, Stage::Restored, Stage::Completed, Stage::Parted] {
            assert!(matches!(want(stage, busy.clone()), Want::Wait(_)), "{stage}");
        }
    }

    #[test]
    fn the_original_is_deleted_on_opt_in_and_approval_only() {
        let deletes = EncryptionParams { delete_original: true, ..EncryptionParams::default() };
        let asked = Encrypted::want(&StageOf { stage: Stage::Exchanged }, &facts(), &deletes);
        assert!(matches!(asked, Want::Ask { to, .. } if to.stage == Stage::Encrypted));
    }

    #[test]
    fn a_forgotten_attribute_stops_the_exchange() {
        let differs = MigrationFacts { differs: vec!["BackupRetentionPeriod: 35, 7".into()], ..facts() };
        assert!(matches!(want(Stage::Completed, differs), Want::Tell(steps) if steps.contains("BackupRetentionPeriod: 35, 7")));
    }

    #[test]
    fn what_a_program_should_not_do_is_told() {
        let replica = MigrationFacts { obstacle: Some("it is a read replica of main".into()), ..facts() };
        assert!(matches!(want(Stage::Unencrypted, replica), Want::Tell(steps) if steps.contains("replica of main")));
    }
}
