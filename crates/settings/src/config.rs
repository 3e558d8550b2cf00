//! AWS Config: the recorder of one region, and conformance packs.

pub mod conformance_pack;

use std::collections::BTreeSet;

use aws_sdk_config::types::{
    ConfigurationRecorder, ConfigurationRecorderStatus, DeliveryChannel, ExclusionByResourceTypes, RecordingGroup, RecordingStrategy,
    RecordingStrategyType, ResourceType,
};
use redress_aws::Called;
use redress_remediation::{Account, Action, Result, Setting, Undo};
use serde::{Deserialize, Serialize};

use crate::{found, gated, incomplete};

const RECORDERS: &str = "config:DescribeConfigurationRecorders";
const STATUS: &str = "config:DescribeConfigurationRecorderStatus";
const CHANNELS: &str = "config:DescribeDeliveryChannels";
const PUT_RECORDER: &str = "config:PutConfigurationRecorder";
const PUT_CHANNEL: &str = "config:PutDeliveryChannel";
const START: &str = "config:StartConfigurationRecorder";
const STOP: &str = "config:StopConfigurationRecorder";
const DELETE_RECORDER: &str = "config:DeleteConfigurationRecorder";
const DELETE_CHANNEL: &str = "config:DeleteDeliveryChannel";
const LINKED: &str = "iam:CreateServiceLinkedRole";
const PASS: &str = "iam:PassRole";
const LINKED_ROLE: &str = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig";

/// The recorder of one region, of any name; `None` where there is none.
///
/// A recorder that exists is adopted: its name, its role and what it records stay unless the value says otherwise.
/// See <https://docs.aws.amazon.com/config/latest/developerguide/stop-start-recorder.html>.
#[derive(Debug, Clone)]
pub struct Recorder {
    /// The bucket to which a recorder without a delivery channel is to deliver.
    pub bucket: Option<String>,
}

/// The recorder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// Its name.
    pub name: String,
    /// Whether it records now.
    pub recording: bool,
    /// The ARN of its role.
    pub role: String,
    /// What it records.
    pub group: Group,
    /// The bucket to which it delivers, if it does.
    pub bucket: Option<String>,
}

/// What a recorder records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Everything that AWS Config knows, with or without IAM's global types.
    All {
        /// Whether users, groups, roles and policies are recorded in this region.
        global: bool,
    },
    /// Everything but these.
    But(BTreeSet<String>),
    /// These only.
    Only(BTreeSet<String>),
}

/// What else is to be known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RecorderFacts {
    /// The ARN that Config's service-linked role has, or would have.
    pub linked_role: String,
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// Whether this is the partition's global region, where IAM is recorded.
    pub is_global_region: bool,
    /// The delivery channel, which may be there without a recorder.
    pub orphan_channel: Option<String>,
}

fn group(recorder: &ConfigurationRecorder) -> Group {
    let Some(group) = recorder.recording_group() else { return Group::All { global: false } };
    let names = |types: &[ResourceType]| types.iter().map(|one| one.as_str().to_owned()).collect::<BTreeSet<_>>();
    let excluded = group.exclusion_by_resource_types().map(|but| names(but.resource_types())).unwrap_or_default();
    if group.all_supported() {
        Group::All { global: group.include_global_resource_types() }
    } else if !excluded.is_empty() {
        Group::But(excluded)
    } else {
        Group::Only(names(group.resource_types()))
    }
}

fn recording_group(of: &Group) -> RecordingGroup {
    let types = |names: &BTreeSet<String>| names.iter().map(|name| ResourceType::from(name.as_str())).collect::<Vec<_>>();
    let strategy = |kind| RecordingStrategy::builder().use_only(kind).build();
    match of {
        Group::All { global } => RecordingGroup::builder()
            .all_supported(true)
            .include_global_resource_types(*global)
            .recording_strategy(strategy(RecordingStrategyType::AllSupportedResourceTypes)),
        Group::But(names) => RecordingGroup::builder()
            .all_supported(false)
            .exclusion_by_resource_types(ExclusionByResourceTypes::builder().set_resource_types(Some(types(names))).build())
            .recording_strategy(strategy(RecordingStrategyType::ExclusionByResourceTypes)),
        Group::Only(names) => RecordingGroup::builder()
            .all_supported(false)
            .set_resource_types(Some(types(names)))
            .recording_strategy(strategy(RecordingStrategyType::InclusionByResourceTypes)),
    }
    .build()
}

impl Recorder {
    async fn live(client: &aws_sdk_config::Client) -> Result<Option<ConfigurationRecorder>> {
        let answer = client.describe_configuration_recorders().send().await.called(RECORDERS)?;
        // Recorders that services keep for themselves are none of ours.
        let own = |recorder: &ConfigurationRecorder| recorder.service_principal().is_none();
        Ok(answer.configuration_recorders.unwrap_or_default().into_iter().find(own))
    }

    async fn ensure_role(account: &Account) -> Result<()> {
        let iam = account.client(gated!(aws_sdk_iam));
        match iam.create_service_linked_role().aws_service_name("config.amazonaws.com").send().await.called(LINKED) {
            // It is there already: IAM says so with the code for whatever it does not like.
            Err(error) if error.code.starts_with("InvalidInput") => Ok(()),
            made => made.map(|_| ()),
        }
    }
}

impl Setting for Recorder {
    type Value = Option<Recording>;
    type Facts = RecorderFacts;

    const NAME: &'static str = "config.recorder";
    const READS: &'static [Action] = &[Action::anywhere(RECORDERS), Action::anywhere(STATUS), Action::anywhere(CHANNELS)];
    const WRITES: &'static [Action] = &[
        Action::anywhere(PUT_RECORDER),
        Action::anywhere(PUT_CHANNEL),
        Action::anywhere(START),
        Action::anywhere(STOP),
        Action::anywhere(DELETE_RECORDER),
        Action::anywhere(DELETE_CHANNEL),
        Action::on(LINKED, LINKED_ROLE).when("StringEquals", "iam:AWSServiceName", "config.amazonaws.com"),
        Action::on(PASS, LINKED_ROLE).when("StringEquals", "iam:PassedToService", "config.amazonaws.com"),
    ];

    async fn get(&self, account: &Account) -> Result<Option<(Self::Value, RecorderFacts)>> {
        let client = account.client(gated!(aws_sdk_config));
        let (partition, id) = (account.partition(), account.id());
        let facts = RecorderFacts {
            linked_role: format!("arn:{partition}:iam::{id}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"),
            account: id.to_string(),
            region: account.region().to_string(),
            is_global_region: *account.region() == partition.global_region(),
            orphan_channel: None,
        };
        let channels = client.describe_delivery_channels().send().await.called(CHANNELS)?;
        let bucket = channels.delivery_channels().first().and_then(|channel| channel.s3_bucket_name()).map(str::to_owned);
        let facts =
            RecorderFacts { orphan_channel: channels.delivery_channels().first().and_then(|channel| channel.name.clone()), ..facts };
        let Some(recorder) = Self::live(&client).await? else { return Ok(Some((None, facts))) };
        let name = recorder.name().ok_or_else(|| incomplete(RECORDERS, "name"))?.to_owned();
        let status = client.describe_configuration_recorder_status().configuration_recorder_names(&name).send().await.called(STATUS)?;
        let recording = status.configuration_recorders_status().first().is_some_and(ConfigurationRecorderStatus::recording);
        let role = recorder.role_arn().unwrap_or_default().to_owned();
        Ok(Some((Some(Recording { name, recording, role, group: group(&recorder), bucket }), facts)))
    }

    async fn put(&self, account: &Account, from: &Self::Value, to: &Self::Value) -> Result<()> {
        let client = account.client(gated!(aws_sdk_config));
        let Some(to) = to else {
            let Some(from) = from else { return Ok(()) };
            if from.recording {
                client.stop_configuration_recorder().configuration_recorder_name(&from.name).send().await.called(STOP)?;
            }
            if from.bucket.is_some() {
                found(client.delete_delivery_channel().delivery_channel_name(&from.name).send().await.called(DELETE_CHANNEL))?;
            }
            let call = client.delete_configuration_recorder().configuration_recorder_name(&from.name);
            return call.send().await.called(DELETE_RECORDER).map(|_| ());
        };
        let was = from.as_ref();
        if was.is_none_or(|was| (&was.role, &was.group) != (&to.role, &to.group)) {
            if to.role.contains(":role/aws-service-role/") {
                Self::ensure_role(account).await?;
            }
            // The call replaces the whole: what is not ours to say is taken from what is there.
            let live = Self::live(&client).await?;
            let builder = ConfigurationRecorder::builder().name(&to.name).role_arn(&to.role).recording_group(recording_group(&to.group));
            let builder = builder.set_recording_mode(live.and_then(|live| live.recording_mode));
            client.put_configuration_recorder().configuration_recorder(builder.build()).send().await.called(PUT_RECORDER)?;
        }
        if was.is_none_or(|was| was.bucket.is_none())
            && let Some(bucket) = &to.bucket
        {
            let channel = DeliveryChannel::builder().name(&to.name).s3_bucket_name(bucket).build();
            client.put_delivery_channel().delivery_channel(channel).send().await.called(PUT_CHANNEL)?;
        }
        match (was.is_some_and(|was| was.recording), to.recording) {
            (false, true) => {
                client.start_configuration_recorder().configuration_recorder_name(&to.name).send().await.called(START).map(|_| ())
            }
            (true, false) => {
                client.stop_configuration_recorder().configuration_recorder_name(&to.name).send().await.called(STOP).map(|_| ())
            }
            (true, true) | (false, false) => Ok(()),
        }
    }

    fn undo(from: &Self::Value, to: &Self::Value) -> Undo {
        match (from, to) {
            (None, Some(_)) => Undo::Partly("Config's service-linked role and what was recorded stay"),
            (Some(_) | None, _) => Undo::Exact,
        }
    }

    fn changes(from: &Self::Value, to: &Self::Value) -> Vec<String> {
        let json = |value| serde_json::to_value(value).unwrap_or_default();
        let mut lines = redress_remediation::changes(&json(from), &json(to));
        let records = |value: &Self::Value| value.as_ref().is_some_and(|one| one.recording);
        if records(to) && !records(from) {
            // https://aws.amazon.com/config/pricing/
            lines.push("recording costs about 0.003 USD for each change of a resource, and storage".into());
        }
        lines
    }

    fn is_ours(from: &Self::Value, to: &Self::Value, live: &Self::Value) -> bool {
        let Some(live) = live else { return from.is_none() };
        let is_like = |one: &Recording| one.name == live.name && one.group == live.group && one.role == live.role;
        [from, to].into_iter().flatten().any(is_like)
    }
}
