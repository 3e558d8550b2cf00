//! Whether an instance is cut off: every network interface in a group without rules, and no Auto Scaling group that would replace or end it.
//!
//! Connections that are tracked go on until they are idle, as with every change of groups: see
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html>. Before an instance is cut off, snapshots
//! are taken of its volumes: they are evidence, and stay when it is connected again.
//!
//! Termination protection is not set and the instance profile not exchanged: `ec2:ModifyInstanceAttribute` would give power over user data too,
//! and a profile takes `iam:PassRole` of any role.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{
    CopyTagsFromSource, Filter, Instance, InstanceNetworkInterface, InstanceSpecification, InstanceStateName, ResourceType, SecurityGroup,
    Tag, TagSpecification,
};
use redress_aws::Called;
use redress_remediation::{Account, Action, Error, Kind, Result, Setting, Undo};
use serde::{Deserialize, Serialize};

use super::{
    metadata::{DESCRIBE, INSTANCES},
    rules::{Both, GROUPS, ON_GROUPS, RULES},
};
use crate::{found, gated, incomplete};

const SCALING: &str = "autoscaling:DescribeAutoScalingInstances";
const DETACH: &str = "autoscaling:DetachInstances";
const ATTACH: &str = "autoscaling:AttachInstances";
const CREATE: &str = "ec2:CreateSecurityGroup";
const REVOKE_IN: &str = "ec2:RevokeSecurityGroupIngress";
const REVOKE_OUT: &str = "ec2:RevokeSecurityGroupEgress";
const MODIFY: &str = "ec2:ModifyNetworkInterfaceAttribute";
const SNAPSHOTS: &str = "ec2:CreateSnapshots";
const TAG: &str = "ec2:CreateTags";
const UNTAG: &str = "ec2:DeleteTags";
const SCALING_GROUPS: &str = "arn:${AWS::Partition}:autoscaling:*:${AWS::AccountId}:autoScalingGroup:*:autoScalingGroupName/*";
const INTERFACES: &str = "arn:${AWS::Partition}:ec2:*:${AWS::AccountId}:network-interface/*";
const VPCS: &str = "arn:${AWS::Partition}:ec2:*:${AWS::AccountId}:vpc/*";
const VOLUMES: &str = "arn:${AWS::Partition}:ec2:*:${AWS::AccountId}:volume/*";
const ON_SNAPSHOTS: &str = "arn:${AWS::Partition}:ec2:*::snapshot/*";

/// The name of the group without rules, one for each VPC.
const NAME: &str = "redress-isolation";

/// The tag that tells whoever finds the instance so.
const MARK: &str = "redress:isolated";

/// Whether one instance is cut off.
#[derive(Debug, Clone)]
pub struct InstanceIsolation {
    /// The instance's id.
    pub instance: String,
}

/// The value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Isolation {
    /// The security groups of each network interface; none where the interface is cut off.
    pub groups: BTreeMap<String, BTreeSet<String>>,
    /// The Auto Scaling group that it is a member of.
    pub scaling: Option<String>,
    /// Whether it is tagged `redress:isolated`.
    pub marked: bool,
}

impl Isolation {
    /// The same instance, cut off.
    #[must_use]
    pub fn cut_off(&self) -> Self {
        let groups = self.groups.keys().map(|interface| (interface.clone(), BTreeSet::new())).collect();
        Self { groups, scaling: None, marked: true }
    }
}

/// The instance, unless it is gone or going.
async fn instance(client: &aws_sdk_ec2::Client, id: &str) -> Result<Option<Instance>> {
    let Some(answer) = found(client.describe_instances().instance_ids(id).send().await.called(DESCRIBE))? else { return Ok(None) };
    let all = answer.reservations.unwrap_or_default().into_iter().flat_map(|reservation| reservation.instances.unwrap_or_default());
    let is_going = |instance: &Instance| {
        let state = instance.state().and_then(|state| state.name());
        matches!(state, Some(InstanceStateName::Terminated | InstanceStateName::ShuttingDown))
    };
    Ok(all.into_iter().find(|instance| !is_going(instance)))
}

fn id_of(interface: &InstanceNetworkInterface) -> Result<&str> {
    interface.network_interface_id().ok_or_else(|| incomplete(DESCRIBE, "interface id"))
}

/// The group without rules of a VPC, and whether nobody has given it any.
async fn isolation_group(client: &aws_sdk_ec2::Client, vpc: &str) -> Result<Option<(String, bool)>> {
    let filter = |name: &str, value: &str| Filter::builder().name(name).values(value).build();
    let call = client.describe_security_groups().filters(filter("group-name", NAME)).filters(filter("vpc-id", vpc));
    let answer = call.send().await.called(GROUPS)?;
    let Some(group) = answer.security_groups().first() else { return Ok(None) };
    let id = group.group_id().ok_or_else(|| incomplete(GROUPS, "group id"))?;
    let is_empty = |group: &SecurityGroup| group.ip_permissions().is_empty() && group.ip_permissions_egress().is_empty();
    Ok(Some((id.to_owned(), is_empty(group))))
}

/// The group without rules of a VPC, made where there is none, and emptied.
async fn empty_group(client: &aws_sdk_ec2::Client, vpc: &str) -> Result<String> {
    let id = match isolation_group(client, vpc).await? {
        Some((id, true)) => return Ok(id),
        Some((id, false)) => id,
        None => {
            let call = client.create_security_group().group_name(NAME).vpc_id(vpc);
            let made = call.description("Cuts instances off: it must have no rules").send().await.called(CREATE)?;
            made.group_id().ok_or_else(|| incomplete(CREATE, "group id"))?.to_owned()
        }
    };
    let rules = Both::of(client, &id).await?.ok_or_else(|| Error::new(Kind::Conflict, RULES, "the group was removed a moment ago"))?;
    rules.become_in(client, &id, &Both::default()).await?;
    Ok(id)
}

/// Snapshots of all volumes at one moment, tagged with the instance.
async fn preserve(client: &aws_sdk_ec2::Client, instance: &str) -> Result<()> {
    let tag = Tag::builder().key("redress:evidence-of").value(instance).build();
    let tags = TagSpecification::builder().resource_type(ResourceType::Snapshot).tags(tag).build();
    let call = client
        .create_snapshots()
        .instance_specification(InstanceSpecification::builder().instance_id(instance).build())
        .copy_tags_from_source(CopyTagsFromSource::Volume)
        .description(format!("Evidence: {instance} before it was cut off"))
        .tag_specifications(tags);
    call.send().await.called(SNAPSHOTS).map(|_| ())
}

impl InstanceIsolation {
    async fn scaling(&self, account: &Account) -> Result<Option<String>> {
        let client = account.client(gated!(aws_sdk_autoscaling));
        let answer = client.describe_auto_scaling_instances().instance_ids(&self.instance).send().await.called(SCALING)?;
        // One that is on its way out is as good as out.
        let member = answer
            .auto_scaling_instances()
            .iter()
            .find(|member| !matches!(member.lifecycle_state(), Some("Detaching" | "Detached" | "Terminated" | "Terminating")));
        Ok(member.and_then(|member| member.auto_scaling_group_name()).map(str::to_owned))
    }

    async fn rescale(&self, account: &Account, from: Option<&str>, to: Option<&str>) -> Result<()> {
        let client = account.client(gated!(aws_sdk_autoscaling));
        if let Some(group) = from {
            // The group starts another in its place, and takes this one from its load balancers.
            let call = client.detach_instances().auto_scaling_group_name(group).instance_ids(&self.instance);
            call.should_decrement_desired_capacity(false).send().await.called(DETACH)?;
        }
        if let Some(group) = to {
            let call = client.attach_instances().auto_scaling_group_name(group).instance_ids(&self.instance);
            call.send().await.called(ATTACH)?;
        }
        Ok(())
    }
}

impl Setting for InstanceIsolation {
    type Value = Isolation;
    type Facts = ();

    const NAME: &'static str = "ec2.isolation";
    const READS: &'static [Action] =
        &[Action::anywhere(DESCRIBE), Action::anywhere(GROUPS), Action::anywhere(RULES), Action::anywhere(SCALING)];
    const WRITES: &'static [Action] = &[
        Action::on(SNAPSHOTS, INSTANCES),
        Action::on(SNAPSHOTS, VOLUMES),
        Action::on(SNAPSHOTS, ON_SNAPSHOTS),
        Action::on(TAG, ON_SNAPSHOTS).when("StringEquals", "ec2:CreateAction", "CreateSnapshots"),
        Action::on(TAG, INSTANCES).when("ForAllValues:StringEquals", "aws:TagKeys", MARK),
        Action::on(UNTAG, INSTANCES).when("ForAllValues:StringEquals", "aws:TagKeys", MARK),
        Action::on(DETACH, SCALING_GROUPS),
        Action::on(ATTACH, SCALING_GROUPS),
        Action::on(CREATE, ON_GROUPS),
        Action::on(CREATE, VPCS),
        Action::on(REVOKE_IN, ON_GROUPS),
        Action::on(REVOKE_OUT, ON_GROUPS),
        Action::on(MODIFY, INTERFACES),
        Action::on(MODIFY, ON_GROUPS),
    ];

    async fn get(&self, account: &Account) -> Result<Option<(Isolation, ())>> {
        let client = account.client(gated!(aws_sdk_ec2));
        let Some(instance) = instance(&client, &self.instance).await? else { return Ok(None) };
        let mut groups = BTreeMap::new();
        for interface in instance.network_interfaces() {
            let all: BTreeSet<String> = interface.groups().iter().filter_map(|group| group.group_id().map(str::to_owned)).collect();
            let is_named = interface.groups().iter().all(|group| group.group_name() == Some(NAME));
            let vpc = interface.vpc_id().filter(|_| is_named && all.len() == 1);
            let empty = match vpc {
                Some(vpc) => isolation_group(&client, vpc).await?,
                None => None,
            };
            let is_cut_off = empty.is_some_and(|(id, is_empty)| is_empty && all.contains(&id));
            groups.insert(id_of(interface)?.to_owned(), if is_cut_off { BTreeSet::new() } else { all });
        }
        let marked = instance.tags().iter().any(|tag| tag.key() == Some(MARK));
        Ok(Some((Isolation { groups, scaling: self.scaling(account).await?, marked }, ())))
    }

    /// Out of the Auto Scaling group first, which would end an instance that nobody reaches; and into it first on the way back, as a full group
    /// refuses.
    async fn put(&self, account: &Account, from: &Isolation, to: &Isolation) -> Result<()> {
        let client = account.client(gated!(aws_sdk_ec2));
        let gone = || Error::new(Kind::Conflict, DESCRIBE, "the instance is gone");
        let instance = instance(&client, &self.instance).await?.ok_or_else(gone)?;
        let is_changing = |interface: &String| from.groups.get(interface) != to.groups.get(interface);
        let is_cut = to.groups.iter().any(|(interface, groups)| groups.is_empty() && is_changing(interface));
        let has_volume = instance.block_device_mappings().iter().any(|device| device.ebs().is_some());
        if is_cut && has_volume {
            preserve(&client, &self.instance).await?;
        }
        if from.scaling != to.scaling {
            self.rescale(account, from.scaling.as_deref(), to.scaling.as_deref()).await?;
        }
        for interface in instance.network_interfaces() {
            let id = id_of(interface)?;
            let Some(groups) = to.groups.get(id).filter(|_| is_changing(&id.to_owned())) else { continue };
            let groups = if groups.is_empty() {
                let vpc = interface.vpc_id().ok_or_else(|| incomplete(DESCRIBE, "VPC"))?;
                vec![empty_group(&client, vpc).await?]
            } else {
                groups.iter().cloned().collect()
            };
            let call = client.modify_network_interface_attribute().network_interface_id(id).set_groups(Some(groups));
            call.send().await.called(MODIFY)?;
        }
        match (from.marked, to.marked) {
            (false, true) => {
                let tag = Tag::builder().key(MARK).value("part of an incident").build();
                client.create_tags().resources(&self.instance).tags(tag).send().await.called(TAG)?;
            }
            (true, false) => {
                client.delete_tags().resources(&self.instance).tags(Tag::builder().key(MARK).build()).send().await.called(UNTAG)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn undo(from: &Isolation, to: &Isolation) -> Undo {
        if from == to {
            Undo::Exact
        } else {
            Undo::Partly("the snapshots of its volumes stay, and the empty security group redress-isolation of its VPC")
        }
    }

    fn is_ours(from: &Isolation, to: &Isolation, live: &Isolation) -> bool {
        let known = |(id, groups): (&String, &BTreeSet<String>)| [from, to].iter().any(|one| one.groups.get(id) == Some(groups));
        let is_either = [from, to].iter().any(|one| one.scaling == live.scaling) && [from, to].iter().any(|one| one.marked == live.marked);
        live.groups.len() == to.groups.len() && live.groups.iter().all(known) && is_either
    }

    fn changes(from: &Isolation, to: &Isolation) -> Vec<String> {
        let word = |groups: &BTreeSet<String>| {
            if groups.is_empty() { "cut off".to_owned() } else { groups.iter().cloned().collect::<Vec<_>>().join(", ") }
        };
        let interfaces = to.groups.iter().filter_map(|(id, groups)| {
            let was = from.groups.get(id).filter(|was| *was != groups)?;
            Some(format!("interface {id}: {} -> {}", word(was), word(groups)))
        });
        let is_changed = from.scaling != to.scaling;
        let line = |sign: &str, group: &Option<String>| {
            group.as_ref().filter(|_| is_changed).map(|group| format!("{sign} member of the Auto Scaling group {group}"))
        };
        let mark = (from.marked != to.marked).then(|| format!("{} tag: {MARK}", if to.marked { "+" } else { "-" }));
        line("-", &from.scaling).into_iter().chain(line("+", &to.scaling)).chain(interfaces).chain(mark).collect()
    }
}
