//! EFS: an encrypted twin beside an unencrypted file system.
//!
//! A file system cannot be encrypted in place. What can be made without touching it is a twin: encrypted, with the same throughput, life cycle,
//! backup, policy, tags and mount targets. Its data is moved by people. The twin's creation token follows from the original's id, so AWS itself
//! refuses a second one: see <https://docs.aws.amazon.com/efs/latest/ug/API_CreateFileSystem.html>.

use std::{collections::BTreeSet, fmt};

use aws_sdk_efs::types::{
    BackupPolicy, FileSystemDescription, FileSystemSize, LifeCycleState, LifecyclePolicy, MountTargetDescription, Status, Tag,
};
use redress_aws::Called;
use redress_remediation::{Account, Action, Error, Kind, Result, Setting, Undo};
use serde::{Deserialize, Serialize};

use crate::{found, gated, incomplete};

const DESCRIBE: &str = "elasticfilesystem:DescribeFileSystems";
const MOUNTS: &str = "elasticfilesystem:DescribeMountTargets";
const MOUNT_GROUPS: &str = "elasticfilesystem:DescribeMountTargetSecurityGroups";
const LIFECYCLE: &str = "elasticfilesystem:DescribeLifecycleConfiguration";
const POLICY: &str = "elasticfilesystem:DescribeFileSystemPolicy";
const BACKUP: &str = "elasticfilesystem:DescribeBackupPolicy";
const CREATE: &str = "elasticfilesystem:CreateFileSystem";
const PUT_LIFECYCLE: &str = "elasticfilesystem:PutLifecycleConfiguration";
const PUT_POLICY: &str = "elasticfilesystem:PutFileSystemPolicy";
const PUT_BACKUP: &str = "elasticfilesystem:PutBackupPolicy";
const CREATE_MOUNT: &str = "elasticfilesystem:CreateMountTarget";
const DELETE_MOUNT: &str = "elasticfilesystem:DeleteMountTarget";
const TAG_RESOURCE: &str = "elasticfilesystem:TagResource";
const SYSTEMS: &str = "arn:${AWS::Partition}:elasticfilesystem:*:${AWS::AccountId}:file-system/*";

/// The tag on a twin; its value is the id of the file system beside which it stands.
const TAG: &str = "redress:twin-of";

/// One file system and its twin.
#[derive(Debug, Clone)]
pub struct EncryptedTwin {
    /// The file system's id (`fs-...`).
    pub system: String,
}

/// How far the twin is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TwinStage {
    /// The file system is not encrypted and has no twin.
    Alone,
    /// There is an encrypted twin.
    Made,
    /// It has the life cycle, the backup and the policy of the original, and can be mounted wherever the original can.
    Mounted,
    /// The file system itself is encrypted.
    Encrypted,
}

impl fmt::Display for TwinStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alone => "no encrypted twin",
            Self::Made => "encrypted twin made, with the same performance, throughput and tags",
            Self::Mounted => "twin with the same life cycle, backup, policy and mount targets",
            Self::Encrypted => "encrypted",
        })
    }
}

/// The value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TwinOf {
    /// How far the twin is made.
    pub stage: TwinStage,
}

/// What else is to be known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TwinFacts {
    /// The file system's id.
    pub system: String,
    /// The region.
    pub region: String,
    /// The twin's id, if there is one.
    pub twin: Option<String>,
    /// What is not ready yet.
    pub busy: Option<String>,
    /// Why a program should keep its hands off.
    pub obstacle: Option<String>,
    /// Bytes in the file system, as metered.
    pub bytes: i64,
}

type Client = aws_sdk_efs::Client;

/// What makes one file system behave like another, beside its data.
#[derive(Debug, Clone, PartialEq)]
struct Behaviour {
    lifecycle: Vec<LifecyclePolicy>,
    policy: Option<String>,
    backup: bool,
}

impl EncryptedTwin {
    fn token(&self) -> String {
        format!("redress-twin-of-{}", self.system)
    }

    async fn describe(client: &Client, id: &str) -> Result<Option<FileSystemDescription>> {
        let answer = found(client.describe_file_systems().file_system_id(id).send().await.called(DESCRIBE))?;
        Ok(answer.and_then(|answer| answer.file_systems.unwrap_or_default().into_iter().next()))
    }

    async fn twin(&self, client: &Client) -> Result<Option<FileSystemDescription>> {
        let answer = client.describe_file_systems().creation_token(self.token()).send().await.called(DESCRIBE)?;
        let alive =
            |system: &FileSystemDescription| !matches!(system.life_cycle_state(), LifeCycleState::Deleting | LifeCycleState::Deleted);
        Ok(answer.file_systems.unwrap_or_default().into_iter().find(alive))
    }

    async fn behaviour(client: &Client, id: &str) -> Result<Behaviour> {
        let lifecycle = client.describe_lifecycle_configuration().file_system_id(id).send().await.called(LIFECYCLE)?;
        let policy = found(client.describe_file_system_policy().file_system_id(id).send().await.called(POLICY))?;
        let backup = found(client.describe_backup_policy().file_system_id(id).send().await.called(BACKUP))?;
        let status = backup.and_then(|answer| answer.backup_policy.map(|policy| policy.status));
        Ok(Behaviour {
            lifecycle: lifecycle.lifecycle_policies.unwrap_or_default(),
            policy: policy.and_then(|answer| answer.policy),
            backup: matches!(status, Some(Status::Enabled | Status::Enabling)),
        })
    }

    async fn mounts(client: &Client, id: &str) -> Result<Vec<MountTargetDescription>> {
        let mut all = Vec::new();
        let mut marker = None;
        loop {
            let answer = client.describe_mount_targets().file_system_id(id).set_marker(marker).send().await.called(MOUNTS)?;
            // What is on its way out is gone.
            let alive =
                |target: &MountTargetDescription| !matches!(target.life_cycle_state(), LifeCycleState::Deleting | LifeCycleState::Deleted);
            all.extend(answer.mount_targets.unwrap_or_default().into_iter().filter(alive));
            marker = answer.next_marker;
            if marker.is_none() {
                return Ok(all);
            }
        }
    }

    async fn create(&self, client: &Client, original: &FileSystemDescription) -> Result<()> {
        let ours = Tag::builder().key(TAG).value(&self.system).build().map_err(|error| Error::malformed(CREATE, error.to_string()))?;
        let call = client
            .create_file_system()
            .creation_token(self.token())
            .encrypted(true)
            .performance_mode(original.performance_mode().clone())
            .set_throughput_mode(original.throughput_mode.clone())
            .set_provisioned_throughput_in_mibps(original.provisioned_throughput_in_mibps)
            .set_availability_zone_name(original.availability_zone_name.clone())
            // AWS writes tags of its own, and refuses them from anybody else.
            .set_tags(Some(original.tags().iter().filter(|tag| !tag.key().starts_with("aws:")).cloned().chain([ours]).collect()));
        match call.send().await.called(CREATE) {
            // The token was used: the twin of an earlier try is there.
            Err(error) if error.code == "FileSystemAlreadyExists" => Ok(()),
            made => made.map(|_| ()),
        }
    }

    async fn configure(&self, client: &Client, twin: &str) -> Result<()> {
        let wanted = Self::behaviour(client, &self.system).await?;
        if !wanted.lifecycle.is_empty() {
            let call = client.put_lifecycle_configuration().file_system_id(twin).set_lifecycle_policies(Some(wanted.lifecycle));
            call.send().await.called(PUT_LIFECYCLE)?;
        }
        // A policy may name the file system that it is on.
        if let Some(policy) = wanted.policy {
            let policy = policy.replace(&self.system, twin);
            client.put_file_system_policy().file_system_id(twin).policy(policy).send().await.called(PUT_POLICY)?;
        }
        let status = if wanted.backup { Status::Enabled } else { Status::Disabled };
        let policy = BackupPolicy::builder().status(status).build().map_err(|error| Error::malformed(PUT_BACKUP, error.to_string()))?;
        client.put_backup_policy().file_system_id(twin).backup_policy(policy).send().await.called(PUT_BACKUP)?;
        Ok(())
    }

    async fn mount(&self, client: &Client, twin: &str) -> Result<()> {
        let there: BTreeSet<String> = Self::mounts(client, twin).await?.iter().map(|target| target.subnet_id().to_owned()).collect();
        for target in Self::mounts(client, &self.system).await?.iter().filter(|target| !there.contains(target.subnet_id())) {
            let call = client.describe_mount_target_security_groups().mount_target_id(target.mount_target_id());
            let groups = call.send().await.called(MOUNT_GROUPS)?.security_groups;
            let call = client.create_mount_target().file_system_id(twin).subnet_id(target.subnet_id()).set_security_groups(Some(groups));
            call.send().await.called(CREATE_MOUNT)?;
        }
        Ok(())
    }

    async fn unmount(client: &Client, twin: &str) -> Result<()> {
        for target in Self::mounts(client, twin).await? {
            client.delete_mount_target().mount_target_id(target.mount_target_id()).send().await.called(DELETE_MOUNT)?;
        }
        Ok(())
    }
}

/// The part of a policy that does not depend on which of the two it is on.
fn alike(one: &Behaviour, system: &str, other: &Behaviour, twin: &str) -> bool {
    let policy = |behaviour: &Behaviour, id: &str| behaviour.policy.as_ref().map(|policy| policy.replace(id, "self"));
    one.lifecycle == other.lifecycle && one.backup == other.backup && policy(one, system) == policy(other, twin)
}

impl Setting for EncryptedTwin {
    type Value = TwinOf;
    type Facts = TwinFacts;

    const NAME: &'static str = "efs.encrypted_twin";
    const STAGED: bool = true;
    const READS: &'static [Action] = &[
        // By creation token no file system is named.
        Action::anywhere(DESCRIBE),
        Action::on(MOUNTS, SYSTEMS),
        Action::on(MOUNT_GROUPS, SYSTEMS),
        // EFS looks at the network interfaces in our name.
        Action::anywhere("ec2:DescribeNetworkInterfaceAttribute"),
        Action::on(LIFECYCLE, SYSTEMS),
        Action::on(POLICY, SYSTEMS),
        Action::on(BACKUP, SYSTEMS),
    ];
    const WRITES: &'static [Action] = &[
        Action::anywhere(CREATE),
        Action::on(TAG_RESOURCE, SYSTEMS),
        Action::on(PUT_LIFECYCLE, SYSTEMS),
        Action::on(PUT_POLICY, SYSTEMS),
        Action::on(PUT_BACKUP, SYSTEMS),
        Action::on(CREATE_MOUNT, SYSTEMS),
        // Only of what we made ourselves.
        Action::on(DELETE_MOUNT, SYSTEMS).when("StringLike", "aws:ResourceTag/redress:twin-of", "fs-*"),
        // EFS makes and deletes the network interfaces of mount targets in our name.
        Action::anywhere("ec2:DescribeSubnets"),
        Action::anywhere("ec2:DescribeNetworkInterfaces"),
        Action::anywhere("ec2:CreateNetworkInterface"),
        Action::anywhere("ec2:DeleteNetworkInterface").when("StringEquals", "aws:CalledViaFirst", "elasticfilesystem.amazonaws.com"),
    ];

    async fn get(&self, account: &Account) -> Result<Option<(TwinOf, TwinFacts)>> {
        let client = account.client(gated!(aws_sdk_efs));
        let Some(system) = Self::describe(&client, &self.system).await? else { return Ok(None) };
        let size = |system: &FileSystemDescription| system.size_in_bytes().map_or(0, FileSystemSize::value);
        let mut facts =
            TwinFacts { system: self.system.clone(), region: account.region().to_string(), bytes: size(&system), ..TwinFacts::default() };
        if system.encrypted.unwrap_or(false) {
            return Ok(Some((TwinOf { stage: TwinStage::Encrypted }, facts)));
        }
        let Some(twin) = self.twin(&client).await? else { return Ok(Some((TwinOf { stage: TwinStage::Alone }, facts))) };
        let id = twin.file_system_id();
        facts.twin = Some(id.to_owned());
        if !twin.tags().iter().any(|tag| tag.key() == TAG && tag.value() == self.system) {
            facts.obstacle = Some(format!("{id} has the twin's creation token and not its tag"));
        }
        if *twin.life_cycle_state() != LifeCycleState::Available {
            facts.busy = Some(format!("the twin {id} is {}", twin.life_cycle_state().as_str()));
            return Ok(Some((TwinOf { stage: TwinStage::Made }, facts)));
        }
        let subnets =
            |targets: &[MountTargetDescription]| targets.iter().map(|target| target.subnet_id().to_owned()).collect::<BTreeSet<_>>();
        let (here, there) = futures::try_join!(Self::mounts(&client, &self.system), Self::mounts(&client, id))?;
        if let Some(target) = there.iter().find(|target| *target.life_cycle_state() != LifeCycleState::Available) {
            facts.busy = Some(format!("mount target {} is {}", target.mount_target_id(), target.life_cycle_state().as_str()));
        }
        // A twin that can be mounted is in people's hands, who may give it another policy.
        let is_mounted = if here.is_empty() {
            let (behaves, should) = futures::try_join!(Self::behaviour(&client, id), Self::behaviour(&client, &self.system))?;
            alike(&should, &self.system, &behaves, id)
        } else {
            subnets(&here).is_subset(&subnets(&there))
        };
        let stage = if is_mounted { TwinStage::Mounted } else { TwinStage::Made };
        Ok(Some((TwinOf { stage }, facts)))
    }

    async fn put(&self, account: &Account, from: &TwinOf, to: &TwinOf) -> Result<()> {
        let client = account.client(gated!(aws_sdk_efs));
        if from.stage == to.stage {
            return Ok(());
        }
        let twin = self.twin(&client).await?;
        let id = || twin.as_ref().map(|twin| twin.file_system_id().to_owned()).ok_or_else(|| incomplete(DESCRIBE, "twin"));
        if to.stage > from.stage {
            return match to.stage {
                TwinStage::Alone | TwinStage::Encrypted => {
                    Err(Error::new(Kind::Rejected, Self::NAME, "a file system cannot be encrypted in place"))
                }
                TwinStage::Made => {
                    let original = Self::describe(&client, &self.system).await?.ok_or_else(|| incomplete(DESCRIBE, "file system"))?;
                    self.create(&client, &original).await
                }
                TwinStage::Mounted => {
                    self.configure(&client, &id()?).await?;
                    self.mount(&client, &id()?).await
                }
            };
        }
        let Some(twin) = &twin else { return Ok(()) };
        if to.stage == TwinStage::Alone {
            // How much is in a file system is metered hours later: whether the twin is empty only people can tell.
            let id = twin.file_system_id();
            let why = format!(
                "there may be data in the twin; look, and then: aws efs delete-file-system --file-system-id {id} --region {}",
                account.region()
            );
            return Err(Error::new(Kind::Rejected, Self::NAME, why));
        }
        Self::unmount(&client, twin.file_system_id()).await
    }

    fn undo(from: &TwinOf, to: &TwinOf) -> Undo {
        if from.stage == TwinStage::Alone && to.stage > from.stage {
            Undo::Partly("the twin can no longer be mounted, and stays until a person has looked whether there is data in it")
        } else {
            Undo::Exact
        }
    }

    fn reached(from: &TwinOf, to: &TwinOf, live: &TwinOf) -> bool {
        // A twin of a file system without policy and mount targets has nothing more to come.
        if to.stage > from.stage { live.stage >= to.stage } else { live.stage <= to.stage }
    }

    fn changes(from: &TwinOf, to: &TwinOf) -> Vec<String> {
        vec![format!("{} -> {}", from.stage, to.stage)]
    }
}

/// Whether a file system is encrypted. Only read.
#[derive(Debug, Clone)]
pub struct FileSystem {
    /// The file system's id (`fs-...`).
    pub system: String,
}

/// The value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSystemEncryption {
    /// Whether it is encrypted.
    pub encrypted: bool,
}

/// What the steps name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FileSystemFacts {
    /// The file system's id.
    pub system: String,
    /// The region.
    pub region: String,
    /// The id of the encrypted twin that was made, if there is one.
    pub twin: Option<String>,
}

impl Setting for FileSystem {
    type Value = FileSystemEncryption;
    type Facts = FileSystemFacts;

    const NAME: &'static str = "efs.file_system";
    const READS: &'static [Action] = &[Action::anywhere(DESCRIBE)];
    const WRITES: &'static [Action] = &[];

    async fn get(&self, account: &Account) -> Result<Option<(FileSystemEncryption, FileSystemFacts)>> {
        let client = account.client(gated!(aws_sdk_efs));
        let Some(system) = EncryptedTwin::describe(&client, &self.system).await? else { return Ok(None) };
        let twin = EncryptedTwin { system: self.system.clone() }.twin(&client).await?;
        let facts = FileSystemFacts {
            system: self.system.clone(),
            region: account.region().to_string(),
            twin: twin.map(|twin| twin.file_system_id().to_owned()),
        };
        Ok(Some((FileSystemEncryption { encrypted: system.encrypted.unwrap_or(false) }, facts)))
    }

    async fn put(&self, _account: &Account, _from: &FileSystemEncryption, _to: &FileSystemEncryption) -> Result<()> {
        Err(Error::new(Kind::Rejected, Self::NAME, "a file system cannot be encrypted in place"))
    }
}
