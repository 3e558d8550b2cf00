//! The way of an unencrypted database instance to an encrypted one, stage by stage.
//!
//! A database cannot be encrypted in place. The way is: a snapshot, an encrypted copy of it, an instance restored from the copy under a temporary
//! name with every attribute of the original, the exchange of the names, and the original kept. Where the migration stands is read from the
//! account alone: whatever is made bears a name that follows from the original's, and a tag that names the original's resource id. So a run that
//! was killed at any point is continued by the next one, and a second finding finds the first migration.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use aws_sdk_rds::types::{DbInstance, DbSnapshot, PendingModifiedValues, Tag};
use redress_aws::Called;
use redress_remediation::{Account, Action, Error, Kind, Result, Setting, Undo};
use serde::{Deserialize, Serialize};

use super::{INSTANCES, MODIFY_INSTANCE, ON_INSTANCES};
use crate::{found, gated};

const SNAPSHOTS: &str = "rds:DescribeDBSnapshots";
const SNAPSHOT: &str = "rds:CreateDBSnapshot";
const COPY: &str = "rds:CopyDBSnapshot";
const DELETE_SNAPSHOT: &str = "rds:DeleteDBSnapshot";
const RESTORE: &str = "rds:RestoreDBInstanceFromDBSnapshot";
const DELETE_INSTANCE: &str = "rds:DeleteDBInstance";
const ADD_TAGS: &str = "rds:AddTagsToResource";
const REMOVE_TAGS: &str = "rds:RemoveTagsFromResource";
const ADD_ROLE: &str = "rds:AddRoleToDBInstance";
const ON_SNAPSHOTS: &str = "arn:${AWS::Partition}:rds:*:${AWS::AccountId}:snapshot:*";
const OUR_SNAPSHOTS: &str = "arn:${AWS::Partition}:rds:*:${AWS::AccountId}:snapshot:redress-*";
const TEMPORARY: &str = "arn:${AWS::Partition}:rds:*:${AWS::AccountId}:db:*-redress-new";
const KEPT: &str = "arn:${AWS::Partition}:rds:*:${AWS::AccountId}:db:*-redress-old";
const ROLES: &str = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*";
const KEYS: &str = "arn:${AWS::Partition}:kms:*:${AWS::AccountId}:key/*";
const ANYTHING: &str = "arn:${AWS::Partition}:rds:*:${AWS::AccountId}:*:*";

/// The tag on everything that belongs to a migration; its value is the original's resource id (`db-...`).
const TAG: &str = "redress:migration-of";
/// The tag on a restored instance that was given what a restore does not carry over: RDS takes minutes to show that.
const COMPLETED: &str = "redress:completed";

/// An instance's way to encryption.
#[derive(Debug, Clone)]
pub struct EncryptedInstance {
    /// The instance's identifier: the one that applications use.
    pub instance: String,
    /// The KMS key of the encrypted copy.
    pub kms_key: String,
}

/// How far the way is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The instance is not encrypted, and nothing was begun.
    Unencrypted,
    /// There is a snapshot of it.
    Snapshot,
    /// There is an encrypted copy of the snapshot.
    Copy,
    /// There is an encrypted instance, under a temporary name.
    Restored,
    /// It has what a restore does not carry over.
    Completed,
    /// The original has given up its name.
    Parted,
    /// The encrypted instance has the name; the original is kept under another.
    Exchanged,
    /// The instance is encrypted, and nothing is left of a migration.
    Encrypted,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unencrypted => "unencrypted",
            Self::Snapshot => "snapshot taken",
            Self::Copy => "snapshot copied with encryption",
            Self::Restored => "encrypted instance restored under a temporary name",
            Self::Completed => "every attribute carried over",
            Self::Parted => "original renamed",
            Self::Exchanged => "encrypted instance under the original's name, original kept",
            Self::Encrypted => "encrypted, original and snapshots deleted",
        })
    }
}

/// The value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageOf {
    /// How far the way is gone.
    pub stage: Stage,
}

/// What else is to be known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MigrationFacts {
    /// The instance's identifier.
    pub instance: String,
    /// The region.
    pub region: String,
    /// Why the way cannot be gone by a program, if it cannot.
    pub obstacle: Option<String>,
    /// What is not ready yet, if anything is not.
    pub busy: Option<String>,
    /// Attributes in which the new instance still differs from the original, as `name: original, new`.
    pub differs: Vec<String>,
    /// Allocated storage in GiB.
    pub gib: i32,
}

/// What the account holds of one migration.
struct Pieces {
    current: Option<DbInstance>,
    new: Option<DbInstance>,
    old: Option<DbInstance>,
    snapshot: Option<DbSnapshot>,
    copy: Option<DbSnapshot>,
}

type Client = aws_sdk_rds::Client;

fn status(instance: &DbInstance) -> &str {
    instance.db_instance_status().unwrap_or_default()
}

/// The name that an instance has, or is about to have: a rename takes minutes, and shows as pending at once.
fn name(instance: &DbInstance) -> Option<&str> {
    let pending = instance.pending_modified_values().and_then(|pending| pending.db_instance_identifier());
    pending.or_else(|| instance.db_instance_identifier())
}

/// Whether something was asked for that RDS has not done yet.
fn is_pending(instance: &DbInstance) -> bool {
    instance.pending_modified_values().is_some_and(|pending| *pending != PendingModifiedValues::builder().build())
}

fn is_completed(instance: &DbInstance) -> bool {
    instance.tag_list().iter().any(|tag| tag.key() == Some(COMPLETED))
}

fn is_encrypted(instance: &DbInstance) -> bool {
    instance.storage_encrypted.unwrap_or(false)
}

/// The attributes that make an instance what it is, by their API names: what must be alike before the names are exchanged.
fn attributes(of: &DbInstance) -> BTreeMap<&'static str, String> {
    fn text<T: fmt::Debug>(value: Option<&T>) -> String {
        value.map_or_else(|| "none".into(), |value| format!("{value:?}").trim_matches('"').to_owned())
    }
    fn list<'a>(items: impl Iterator<Item = Option<&'a str>>) -> String {
        items.flatten().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
    }
    let tags = of.tag_list().iter().filter(|tag| ![Some(TAG), Some(COMPLETED)].contains(&tag.key()) && is_own(tag));
    let tags: Vec<String> = tags.map(|tag| format!("{}={}", tag.key().unwrap_or_default(), tag.value().unwrap_or_default())).collect();
    BTreeMap::from([
        ("DBInstanceClass", text(of.db_instance_class.as_ref())),
        ("Engine", text(of.engine.as_ref())),
        ("EngineVersion", text(of.engine_version.as_ref())),
        ("LicenseModel", text(of.license_model.as_ref())),
        ("Port", text(of.endpoint.as_ref().and_then(|endpoint| endpoint.port).as_ref())),
        ("MultiAZ", text(of.multi_az.as_ref())),
        ("PubliclyAccessible", text(of.publicly_accessible.as_ref())),
        ("AutoMinorVersionUpgrade", text(of.auto_minor_version_upgrade.as_ref())),
        ("CopyTagsToSnapshot", text(of.copy_tags_to_snapshot.as_ref())),
        ("DeletionProtection", text(of.deletion_protection.as_ref())),
        ("IAMDatabaseAuthentication", text(of.iam_database_authentication_enabled.as_ref())),
        ("StorageType", text(of.storage_type.as_ref())),
        ("Iops", text(of.iops.as_ref())),
        ("StorageThroughput", text(of.storage_throughput.as_ref())),
        ("MaxAllocatedStorage", text(of.max_allocated_storage.as_ref())),
        ("BackupRetentionPeriod", text(of.backup_retention_period.as_ref())),
        ("PreferredBackupWindow", text(of.preferred_backup_window.as_ref())),
        ("PreferredMaintenanceWindow", text(of.preferred_maintenance_window.as_ref())),
        ("CACertificateIdentifier", text(of.ca_certificate_identifier.as_ref())),
        ("MonitoringInterval", text(of.monitoring_interval.filter(|seconds| *seconds > 0).as_ref())),
        ("MonitoringRoleArn", text(of.monitoring_role_arn.as_ref())),
        ("PerformanceInsights", text(of.performance_insights_enabled.filter(|on| *on).as_ref())),
        ("PerformanceInsightsKMSKeyId", text(of.performance_insights_kms_key_id.as_ref())),
        ("PerformanceInsightsRetentionPeriod", text(of.performance_insights_retention_period.as_ref())),
        ("NetworkType", text(of.network_type.as_ref())),
        ("DBSubnetGroup", text(of.db_subnet_group.as_ref().and_then(|group| group.db_subnet_group_name.clone()).as_ref())),
        ("VpcSecurityGroups", list(of.vpc_security_groups().iter().map(|group| group.vpc_security_group_id()))),
        ("DBParameterGroups", list(of.db_parameter_groups().iter().map(|group| group.db_parameter_group_name()))),
        ("OptionGroups", list(of.option_group_memberships().iter().map(|group| group.option_group_name()))),
        ("CloudwatchLogsExports", list(of.enabled_cloudwatch_logs_exports().iter().map(|log| Some(log.as_str())))),
        ("AssociatedRoles", list(of.associated_roles().iter().map(|role| role.role_arn()))),
        ("Tags", list(tags.iter().map(|tag| Some(tag.as_str())))),
    ])
}

/// AWS writes the others itself, and refuses them from anybody else.
fn is_own(tag: &Tag) -> bool {
    tag.key().is_some_and(|key| !key.starts_with("aws:"))
}

/// Whether the call takes what is provisioned: below a certain size gp3 has its baseline, and refuses to be told so.
///
/// See <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html>.
fn is_provisioned(of: &DbInstance) -> bool {
    let least = if of.engine().is_some_and(|engine| engine.starts_with("oracle")) { 200 } else { 400 };
    let kind = of.storage_type().unwrap_or_default();
    kind.starts_with("io") || (kind == "gp3" && of.allocated_storage.unwrap_or_default() >= least)
}

fn differences(original: &DbInstance, new: &DbInstance) -> Vec<String> {
    let (one, other) = (attributes(original), attributes(new));
    one.iter()
        .filter_map(|(name, was)| Some((name, was, other.get(name).filter(|is| *is != was)?)))
        .map(|(name, was, is)| format!("{name}: {was}, {is}"))
        .collect()
}

/// Why a program should keep its hands off.
fn obstacle(name: &str, original: &DbInstance) -> Option<String> {
    let engine = original.engine().unwrap_or_default();
    let class = original.db_instance_class().unwrap_or_default();
    if let Some(cluster) = original.db_cluster_identifier() {
        return Some(format!("it belongs to the cluster {cluster}, which is encrypted as a whole"));
    }
    if let Some(source) = original.read_replica_source_db_instance_identifier() {
        return Some(format!("it is a read replica of {source}: encrypt the source, and make the replica anew"));
    }
    let replicas = original.read_replica_db_instance_identifiers();
    if !replicas.is_empty() {
        return Some(format!("it has read replicas ({}), which would lose their source", replicas.join(", ")));
    }
    if original.master_user_secret().is_some() {
        return Some("RDS manages its master password in Secrets Manager, and a restored instance gets another secret".into());
    }
    if !original.domain_memberships().is_empty() {
        return Some("it is a member of a directory domain, which has to be joined anew".into());
    }
    let special = [
        ("a dedicated log volume", original.dedicated_log_volume == Some(true)),
        ("an address of its owner's (Outposts)", original.customer_owned_ip_enabled == Some(true)),
        ("processor features of its own", !original.processor_features().is_empty()),
        ("a database activity stream", original.activity_stream_kinesis_stream_name().is_some()),
        ("transparent data encryption", original.tde_credential_arn().is_some()),
        ("automated backups in another region", !original.db_instance_automated_backups_replications().is_empty()),
    ];
    if let Some((what, _)) = special.iter().find(|(_, is_so)| *is_so) {
        return Some(format!("it has {what}, which a restore does not carry over"));
    }
    // https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.Encryption.html
    if ["db.m1.", "db.m2.", "db.t1.", "db.t2.micro"].iter().any(|old| class.starts_with(old)) {
        return Some(format!("the class {class} cannot be encrypted; change the class first"));
    }
    if engine.starts_with("sqlserver-ex") {
        return Some("SQL Server Express cannot be encrypted".into());
    }
    (name.len() > 50).then(|| "its identifier leaves no room for the temporary ones".into())
}

impl EncryptedInstance {
    fn new_name(&self) -> String {
        format!("{}-redress-new", self.instance)
    }

    fn old_name(&self) -> String {
        format!("{}-redress-old", self.instance)
    }

    fn snapshot_name(&self) -> String {
        format!("redress-{}-plain", self.instance)
    }

    fn copy_name(&self) -> String {
        format!("redress-{}-encrypted", self.instance)
    }

    async fn instance(client: &Client, id: &str) -> Result<Option<DbInstance>> {
        let answer = found(client.describe_db_instances().db_instance_identifier(id).send().await.called(INSTANCES))?;
        Ok(answer.and_then(|answer| answer.db_instances.unwrap_or_default().into_iter().next()))
    }

    async fn snapshot(client: &Client, id: &str) -> Result<Option<DbSnapshot>> {
        let answer = found(client.describe_db_snapshots().db_snapshot_identifier(id).send().await.called(SNAPSHOTS))?;
        Ok(answer.and_then(|answer| answer.db_snapshots.unwrap_or_default().into_iter().next()))
    }

    async fn pieces(&self, client: &Client) -> Result<Pieces> {
        let (names, new, old) = ((self.snapshot_name(), self.copy_name()), self.new_name(), self.old_name());
        let (current, new, old, snapshot, copy) = futures::try_join!(
            Self::instance(client, &self.instance),
            Self::instance(client, &new),
            Self::instance(client, &old),
            Self::snapshot(client, &names.0),
            Self::snapshot(client, &names.1)
        )?;
        // What is on its way out is gone.
        let all: Vec<DbInstance> = [current, new, old].into_iter().flatten().filter(|instance| status(instance) != "deleting").collect();
        let find = |wanted: &str| all.iter().find(|instance| name(instance) == Some(wanted)).cloned();
        Ok(Pieces {
            current: find(&self.instance),
            new: find(&self.new_name()),
            old: find(&self.old_name()),
            snapshot: snapshot.filter(|snapshot| snapshot.status() != Some("deleting")),
            copy: copy.filter(|copy| copy.status() != Some("deleting")),
        })
    }

    fn tags(original: &DbInstance) -> Result<Tag> {
        let id = original.dbi_resource_id().ok_or_else(|| Error::malformed(INSTANCES, "an instance without resource id"))?;
        Ok(Tag::builder().key(TAG).value(id).build())
    }

    /// Restores the encrypted copy with every attribute that the call takes.
    async fn restore(&self, client: &Client, original: &DbInstance) -> Result<()> {
        let tags: Vec<_> = original.tag_list().iter().filter(|tag| is_own(tag)).cloned().chain([Self::tags(original)?]).collect();
        let groups = original.vpc_security_groups().iter().filter_map(|group| group.vpc_security_group_id.clone()).collect();
        let parameters = original.db_parameter_groups().first().and_then(|group| group.db_parameter_group_name.clone());
        let options = original.option_group_memberships().first().and_then(|group| group.option_group_name.clone());
        let call = client
            .restore_db_instance_from_db_snapshot()
            .db_instance_identifier(self.new_name())
            .db_snapshot_identifier(self.copy_name())
            .set_db_instance_class(original.db_instance_class.clone())
            .set_engine(original.engine.clone())
            .set_license_model(original.license_model.clone())
            .set_port(original.endpoint.as_ref().and_then(|endpoint| endpoint.port))
            .set_multi_az(original.multi_az)
            .set_publicly_accessible(original.publicly_accessible)
            .set_auto_minor_version_upgrade(original.auto_minor_version_upgrade)
            .set_copy_tags_to_snapshot(original.copy_tags_to_snapshot)
            .set_deletion_protection(original.deletion_protection)
            .set_enable_iam_database_authentication(original.iam_database_authentication_enabled)
            .set_storage_type(original.storage_type.clone())
            .set_iops(original.iops.filter(|_| is_provisioned(original)))
            .set_storage_throughput(original.storage_throughput.filter(|_| is_provisioned(original)))
            .set_engine_lifecycle_support(original.engine_lifecycle_support.clone())
            .set_network_type(original.network_type.clone())
            .set_db_subnet_group_name(original.db_subnet_group.as_ref().and_then(|group| group.db_subnet_group_name.clone()))
            .set_vpc_security_group_ids(Some(groups))
            .set_db_parameter_group_name(parameters)
            .set_option_group_name(options)
            .set_enable_cloudwatch_logs_exports(original.enabled_cloudwatch_logs_exports.clone())
            .set_tags(Some(tags));
        // An availability zone and Multi-AZ exclude each other.
        let zone = original.availability_zone.clone().filter(|_| original.multi_az != Some(true));
        call.set_availability_zone(zone).send().await.called(RESTORE).map(|_| ())
    }

    /// Sets what a restore does not take.
    async fn complete(&self, client: &Client, original: &DbInstance, new: &DbInstance) -> Result<()> {
        let has = |arn: Option<&str>| new.associated_roles().iter().any(|role| role.role_arn() == arn);
        for role in original.associated_roles().iter().filter(|role| !has(role.role_arn())) {
            let call = client.add_role_to_db_instance().db_instance_identifier(self.new_name());
            let call = call.set_role_arn(role.role_arn.clone()).set_feature_name(role.feature_name.clone());
            match call.send().await.called(ADD_ROLE) {
                // An earlier try was cut off after it.
                Err(error) if error.code.contains("AlreadyExists") => {}
                added => _ = added?,
            }
        }
        let mut call = client
            .modify_db_instance()
            .db_instance_identifier(self.new_name())
            .apply_immediately(true)
            .set_backup_retention_period(original.backup_retention_period)
            .set_preferred_backup_window(original.preferred_backup_window.clone())
            .set_preferred_maintenance_window(original.preferred_maintenance_window.clone())
            .set_max_allocated_storage(original.max_allocated_storage)
            .set_ca_certificate_identifier(original.ca_certificate_identifier.clone());
        if let Some(seconds) = original.monitoring_interval.filter(|seconds| *seconds > 0) {
            call = call.monitoring_interval(seconds).set_monitoring_role_arn(original.monitoring_role_arn.clone());
        }
        if original.performance_insights_enabled == Some(true) {
            call = call
                .enable_performance_insights(true)
                .set_performance_insights_kms_key_id(original.performance_insights_kms_key_id.clone())
                .set_performance_insights_retention_period(original.performance_insights_retention_period);
        }
        call.send().await.called(MODIFY_INSTANCE)?;
        let call = client.add_tags_to_resource().set_resource_name(new.db_instance_arn.clone());
        call.tags(Tag::builder().key(COMPLETED).value("true").build()).send().await.called(ADD_TAGS).map(|_| ())
    }

    async fn rename(client: &Client, from: &str, to: &str) -> Result<()> {
        let call = client.modify_db_instance().db_instance_identifier(from).new_db_instance_identifier(to).apply_immediately(true);
        call.send().await.called(MODIFY_INSTANCE).map(|_| ())
    }

    async fn delete_instance(client: &Client, id: &str) -> Result<()> {
        // The protection was the original's; without taking it off nothing is deleted.
        if Self::instance(client, id).await?.and_then(|instance| instance.deletion_protection) == Some(true) {
            let call = client.modify_db_instance().db_instance_identifier(id).deletion_protection(false).apply_immediately(true);
            call.send().await.called(MODIFY_INSTANCE)?;
        }
        client.delete_db_instance().db_instance_identifier(id).skip_final_snapshot(true).send().await.called(DELETE_INSTANCE).map(|_| ())
    }

    async fn delete_snapshot(client: &Client, id: &str) -> Result<()> {
        found(client.delete_db_snapshot().db_snapshot_identifier(id).send().await.called(DELETE_SNAPSHOT)).map(|_| ())
    }

    async fn forward(&self, client: &Client, pieces: &Pieces, to: Stage) -> Result<()> {
        let gone = || Error::new(Kind::Conflict, INSTANCES, "an instance of the migration is not there");
        let original = pieces.old.as_ref().or(pieces.current.as_ref());
        match to {
            Stage::Unencrypted => Ok(()),
            Stage::Snapshot => {
                let call = client.create_db_snapshot().db_instance_identifier(&self.instance).db_snapshot_identifier(self.snapshot_name());
                call.tags(Self::tags(original.ok_or_else(gone)?)?).send().await.called(SNAPSHOT).map(|_| ())
            }
            Stage::Copy => {
                let call = client.copy_db_snapshot().source_db_snapshot_identifier(self.snapshot_name());
                let call = call.target_db_snapshot_identifier(self.copy_name()).kms_key_id(&self.kms_key);
                call.tags(Self::tags(original.ok_or_else(gone)?)?).send().await.called(COPY).map(|_| ())
            }
            Stage::Restored => self.restore(client, original.ok_or_else(gone)?).await,
            Stage::Completed => self.complete(client, original.ok_or_else(gone)?, pieces.new.as_ref().ok_or_else(gone)?).await,
            Stage::Parted => Self::rename(client, &self.instance, &self.old_name()).await,
            Stage::Exchanged => Self::rename(client, &self.new_name(), &self.instance).await,
            Stage::Encrypted => {
                Self::delete_instance(client, &self.old_name()).await?;
                Self::delete_snapshot(client, &self.snapshot_name()).await?;
                Self::delete_snapshot(client, &self.copy_name()).await
            }
        }
    }

    async fn back(&self, client: &Client, from: Stage) -> Result<()> {
        match from {
            Stage::Unencrypted | Stage::Encrypted => Err(Error::new(Kind::Rejected, Self::NAME, "there is nothing to go back to")),
            Stage::Snapshot => Self::delete_snapshot(client, &self.snapshot_name()).await,
            Stage::Copy => Self::delete_snapshot(client, &self.copy_name()).await,
            Stage::Restored => Self::delete_instance(client, &self.new_name()).await,
            // What was completed goes with the instance; only the mark is taken off.
            Stage::Completed => {
                let new = Self::instance(client, &self.new_name()).await?.and_then(|new| new.db_instance_arn);
                let call = client.remove_tags_from_resource().set_resource_name(new).tag_keys(COMPLETED);
                call.send().await.called(REMOVE_TAGS).map(|_| ())
            }
            Stage::Parted => Self::rename(client, &self.old_name(), &self.instance).await,
            Stage::Exchanged => Self::rename(client, &self.instance, &self.new_name()).await,
        }
    }
}

/// Whether an instance was made from another one.
fn belongs(made: &DbInstance, from: &DbInstance) -> bool {
    made.tag_list().iter().any(|tag| tag.key() == Some(TAG) && tag.value() == from.dbi_resource_id())
}

/// Where a migration stands, from what there is.
fn stage(pieces: &Pieces) -> Option<Stage> {
    let Pieces { current, new, old, snapshot, copy } = pieces;
    Some(match (current, new, old) {
        // An original that is kept belongs to this database where its tag says so.
        (Some(current), _, Some(old)) if is_encrypted(current) && belongs(current, old) => Stage::Exchanged,
        (Some(current), ..) if is_encrypted(current) => Stage::Encrypted,
        (Some(_), Some(new), None) => {
            if is_completed(new) {
                Stage::Completed
            } else {
                Stage::Restored
            }
        }
        (Some(_), None, _) if copy.is_some() => Stage::Copy,
        (Some(_), None, _) if snapshot.is_some() => Stage::Snapshot,
        (Some(_), ..) => Stage::Unencrypted,
        // Between two names an instance may be seen under neither for a while.
        (None, Some(_), _) => Stage::Parted,
        (None, ..) => return None,
    })
}

/// What is not ready: nothing goes on before all of it is.
fn busy(pieces: &Pieces) -> Option<String> {
    let instances = [&pieces.current, &pieces.new, &pieces.old].into_iter().flatten();
    let instances = instances.filter(|instance| status(instance) != "available" || is_pending(instance));
    let instances = instances.map(|instance| {
        let pending = if is_pending(instance) { ", with changes pending" } else { "" };
        format!("instance {} is {}{pending}", instance.db_instance_identifier().unwrap_or("?"), status(instance))
    });
    let snapshots = [&pieces.snapshot, &pieces.copy].into_iter().flatten().filter(|snapshot| snapshot.status() != Some("available"));
    let snapshots = snapshots.map(|snapshot| {
        let percent = snapshot.percent_progress.map_or_else(String::new, |percent| format!(" ({percent} %)"));
        format!("snapshot {} is {}{percent}", snapshot.db_snapshot_identifier().unwrap_or("?"), snapshot.status().unwrap_or("?"))
    });
    let unseen = (pieces.current.is_none() && pieces.old.is_none()).then(|| "the original is not to be seen".to_owned());
    instances.chain(snapshots).chain(unseen).next()
}

impl Setting for EncryptedInstance {
    type Value = StageOf;
    type Facts = MigrationFacts;

    const NAME: &'static str = "rds.encrypted_instance";
    const STAGED: bool = true;
    const READS: &'static [Action] = &[Action::on(INSTANCES, ON_INSTANCES), Action::on(SNAPSHOTS, ANYTHING)];
    const WRITES: &'static [Action] = &[
        Action::on(SNAPSHOT, ON_INSTANCES),
        Action::on(SNAPSHOT, OUR_SNAPSHOTS),
        Action::on(COPY, ON_SNAPSHOTS),
        Action::on(DELETE_SNAPSHOT, OUR_SNAPSHOTS),
        Action::on(RESTORE, ANYTHING),
        Action::on(MODIFY_INSTANCE, ON_INSTANCES),
        Action::on(ADD_TAGS, ANYTHING),
        Action::on(REMOVE_TAGS, TEMPORARY),
        Action::on(ADD_ROLE, TEMPORARY),
        Action::on("iam:PassRole", ROLES).when("StringEquals", "iam:PassedToService", "monitoring.rds.amazonaws.com"),
        Action::on("iam:PassRole", ROLES).when("StringEquals", "iam:PassedToService", "rds.amazonaws.com"),
        // RDS uses the key in our name.
        Action::on("kms:CreateGrant", KEYS).when("StringLike", "kms:ViaService", "rds.*"),
        Action::on("kms:DescribeKey", KEYS).when("StringLike", "kms:ViaService", "rds.*"),
        Action::on(DELETE_INSTANCE, TEMPORARY),
        Action::on(DELETE_INSTANCE, KEPT),
    ];

    async fn get(&self, account: &Account) -> Result<Option<(StageOf, MigrationFacts)>> {
        let client = account.client(gated!(aws_sdk_rds));
        let pieces = Box::pin(self.pieces(&client)).await?;
        let Some(stage) = stage(&pieces) else { return Ok(None) };
        let original = pieces.old.as_ref().or(pieces.current.as_ref()).filter(|original| !is_encrypted(original));
        let mut facts = MigrationFacts {
            instance: self.instance.clone(),
            region: account.region().to_string(),
            busy: busy(&pieces),
            gib: original.and_then(|original| original.allocated_storage).unwrap_or_default(),
            ..MigrationFacts::default()
        };
        if let (Some(current), Some(_)) = (&pieces.current, &pieces.old)
            && !is_encrypted(current)
        {
            facts.obstacle = Some(format!(
                "{} is kept from an earlier migration: look whether it is still needed, and rename or delete it",
                self.old_name()
            ));
        } else if let Some(original) = original {
            facts.obstacle = obstacle(&self.instance, original);
            // What bears our names and is not of this database is somebody else's.
            let strange = |tags: &[Tag]| !tags.iter().any(|tag| tag.key() == Some(TAG) && tag.value() == original.dbi_resource_id());
            let pieces_of = [pieces.snapshot.as_ref(), pieces.copy.as_ref()]
                .into_iter()
                .flatten()
                .map(|one| (one.db_snapshot_identifier(), one.tag_list()));
            let pieces_of = pieces_of.chain(pieces.new.as_ref().map(|one| (one.db_instance_identifier(), one.tag_list())));
            if let Some((Some(id), _)) = pieces_of.into_iter().find(|(_, tags)| strange(tags)) {
                facts.obstacle = Some(format!("{id} exists and is not of this migration"));
            }
            if let Some(new) = &pieces.new {
                facts.differs = differences(original, new);
            }
        }
        Ok(Some((StageOf { stage }, facts)))
    }

    async fn put(&self, account: &Account, from: &StageOf, to: &StageOf) -> Result<()> {
        let client = account.client(gated!(aws_sdk_rds));
        if from.stage == to.stage {
            return Ok(());
        }
        if to.stage > from.stage {
            self.forward(&client, &Box::pin(self.pieces(&client)).await?, to.stage).await
        } else {
            self.back(&client, from.stage).await
        }
    }

    fn undo(_from: &StageOf, to: &StageOf) -> Undo {
        match to.stage {
            Stage::Encrypted => Undo::Never("the original database and its snapshots are deleted"),
            Stage::Exchanged => {
                Undo::Partly("what was written to the encrypted database since the exchange is in it and not in the original")
            }
            _ => Undo::Exact,
        }
    }

    fn rests(value: &StageOf) -> bool {
        // No database has the name there.
        value.stage != Stage::Parted
    }

    fn changes(from: &StageOf, to: &StageOf) -> Vec<String> {
        vec![format!("{} -> {}", from.stage, to.stage)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(encrypted: bool) -> DbInstance {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        let tags = if encrypted { vec![tag(COMPLETED, "true"), tag(TAG, "db-1")] } else { Vec::new() };
        DbInstance::builder()
            .dbi_resource_id("db-1")
            .set_tag_list(Some(tags))
            .db_instance_identifier("orders")
            .storage_encrypted(encrypted)
            .db_instance_status("available")
            .build()
    }

    #[expect(clippy::fn_params_excessive_bools, reason = "each is a piece that may be there")]
    fn pieces(current: Option<bool>, new: bool, old: bool, snapshot: bool, copy: bool) -> Pieces {
        let some = |there: bool| there.then(|| DbSnapshot::builder().status("available").build());
        Pieces {
            current: current.map(instance),
            new: new.then(|| instance(true)),
            old: old.then(|| instance(false)),
            snapshot: some(snapshot),
            copy: some(copy),
        }
    }

    #[test]
    #[expect(clippy::large_stack_arrays, reason = "descriptions of the SDK are large")]
    fn the_stage_is_read_from_what_there_is() {
        for (pieces, expected) in [
            (pieces(Some(false), false, false, false, false), Some(Stage::Unencrypted)),
            (pieces(Some(false), false, false, true, false), Some(Stage::Snapshot)),
            (pieces(Some(false), false, false, true, true), Some(Stage::Copy)),
            (pieces(Some(false), true, false, true, true), Some(Stage::Completed)),
            (pieces(None, true, true, true, true), Some(Stage::Parted)),
            (pieces(Some(true), false, true, true, true), Some(Stage::Exchanged)),
            (pieces(Some(true), false, false, true, true), Some(Stage::Encrypted)),
            (pieces(None, false, false, true, true), None),
        ] {
            assert_eq!(stage(&pieces), expected);
        }
    }

    #[test]
    fn an_instance_goes_by_the_name_that_it_is_about_to_have() {
        let mut renaming = instance(false);
        assert_eq!((name(&renaming), is_pending(&renaming)), (Some("orders"), false));
        renaming.pending_modified_values = Some(PendingModifiedValues::builder().db_instance_identifier("orders-redress-old").build());
        assert_eq!((name(&renaming), is_pending(&renaming)), (Some("orders-redress-old"), true));
    }

    #[test]
    fn an_original_that_another_migration_left_is_not_taken_for_this_one_s() {
        let mut pieces = pieces(Some(true), false, true, false, false);
        pieces.old.as_mut().unwrap().dbi_resource_id = Some("db-2".into());
        assert_eq!(stage(&pieces), Some(Stage::Encrypted));
    }

    #[test]
    fn small_gp3_storage_keeps_its_baseline_unsaid_and_aws_s_own_tags_are_not_copied() {
        let gp3 = |gib| DbInstance::builder().storage_type("gp3").engine("postgres").allocated_storage(gib).build();
        assert_eq!((is_provisioned(&gp3(20)), is_provisioned(&gp3(400))), (false, true));
        let own = |key: &str| is_own(&Tag::builder().key(key).build());
        assert_eq!((own("team"), own("aws:cloudformation:stack-name")), (true, false));
    }

    #[test]
    fn every_attribute_that_differs_is_named() {
        let (mut original, new) = (instance(false), instance(true));
        original.multi_az = Some(true);
        original.backup_retention_period = Some(35);
        assert_eq!(differences(&original, &new), ["BackupRetentionPeriod: 35, none", "MultiAZ: true, none"]);
    }

    #[test]
    fn replicas_and_members_of_clusters_are_left_to_people() {
        let mut replica = instance(false);
        replica.read_replica_source_db_instance_identifier = Some("main".into());
        assert!(obstacle("orders", &replica).unwrap().contains("read replica of main"));
        let mut member = instance(false);
        member.db_cluster_identifier = Some("ledger".into());
        assert!(obstacle("orders", &member).unwrap().contains("cluster ledger"));
        assert_eq!(obstacle("orders", &instance(false)), None);
    }
}
