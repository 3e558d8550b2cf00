//! Whether an instance is cut off: every network interface in a group without rules, and no Auto Scaling group that would replace or end it.
//!
//! Connections that are tracked go on until they are idle, as with every change of groups: see
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html>. Before an instance is cut off, snapshots
//! are taken of its volumes: they are evidence, and stay when it is connected again.
//!
//! Interfaces that a service manages (tasks of ECS, pods with groups of their own) cannot be changed by anybody else: they are facts.
//! Leaving an Auto Scaling group comes last, as a group that is full takes nobody back.
//! See <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-detach-attach-instances.html>.
//!
//! Termination protection is not set and the instance profile not exchanged: `ec2:ModifyInstanceAttribute` would give power over user data too,
//! and a profile takes `iam:PassRole` of any role.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{
    CopyTagsFromSource, Filter, Instance, InstanceSpecification, InstanceStateName, NetworkInterface, NetworkInterfaceType,
    OperatorResponse, ResourceType, SecurityGroup, Tag, TagSpecification,
};
use jiff::SignedDuration;
use redress_aws::Called;
use redress_exposure::{Rule, Source};
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
const NETWORK: &str = "ec2:DescribeNetworkInterfaces";
const SNAPSHOTS: &str = "ec2:CreateSnapshots";
const KEPT: &str = "ec2:DescribeSnapshots";
const TAG: &str = "ec2:CreateTags";
const UNTAG: &str = "ec2:DeleteTags";
const SCALING_GROUPS: &str = "arn:${AWS::Partition}:autoscaling:*:${AWS::AccountId}:autoScalingGroup:*:autoScalingGroupName/*";
const INTERFACES: &str = "arn:${AWS::Partition}:ec2:*:${AWS::AccountId}:network-interface/*";
/// The VPC of a shared subnet is another account's.
const VPCS: &str = "arn:${AWS::Partition}:ec2:*:*:vpc/*";
const VOLUMES: &str = "arn:${AWS::Partition}:ec2:*:${AWS::AccountId}:volume/*";
const ON_SNAPSHOTS: &str = "arn:${AWS::Partition}:ec2:*::snapshot/*";

/// The name of the group without rules, one for each VPC.
const NAME: &str = "redress-isolation";

/// The tag by which snapshots are known as evidence of an instance.
const EVIDENCE: &str = "redress:evidence-of";

/// Snapshots of so long ago are evidence enough: each try would take more.
const FRESH: SignedDuration = SignedDuration::from_mins(15);

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

/// What stands in the way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IsolationFacts {
    /// The interfaces that a service manages, or through which others are connected that do.
    pub managed: Vec<String>,
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

/// Its interfaces: those that may be changed, and those that a service manages.
async fn interfaces(client: &aws_sdk_ec2::Client, id: &str) -> Result<(Vec<NetworkInterface>, Vec<NetworkInterface>)> {
    let attached = Filter::builder().name("attachment.instance-id").values(id).build();
    let answer = client.describe_network_interfaces().filters(attached).send().await.called(NETWORK)?;
    Ok(answer.network_interfaces.unwrap_or_default().into_iter().partition(|interface| !is_managed(interface)))
}

/// Whether it is a service's. Through a trunk pods are connected by interfaces with groups of their own.
fn is_managed(interface: &NetworkInterface) -> bool {
    let is_trunk = matches!(interface.interface_type(), Some(NetworkInterfaceType::Trunk | NetworkInterfaceType::Branch));
    let has_operator = interface.operator().and_then(OperatorResponse::managed) == Some(true);
    interface.requester_managed() == Some(true) || has_operator || is_trunk
}

fn id_of(interface: &NetworkInterface) -> Result<&str> {
    interface.network_interface_id().ok_or_else(|| incomplete(NETWORK, "interface id"))
}

fn groups_of(interface: &NetworkInterface) -> BTreeSet<String> {
    interface.groups().iter().filter_map(|group| group.group_id().map(str::to_owned)).collect()
}

/// The account's own group for it in a VPC, and whether it has no rules.
async fn isolation_group(account: &Account, client: &aws_sdk_ec2::Client, vpc: &str) -> Result<Option<(String, bool)>> {
    let filter = |name: &str, value: &str| Filter::builder().name(name).values(value).build();
    let call = client.describe_security_groups().filters(filter("group-name", NAME)).filters(filter("vpc-id", vpc));
    let answer = call.send().await.called(GROUPS)?;
    // Who owns a VPC sees the groups of those who share it.
    let is_own = |group: &&SecurityGroup| group.owner_id().is_none_or(|owner| owner == account.id().as_str());
    let Some(group) = answer.security_groups().iter().find(is_own) else { return Ok(None) };
    let id = group.group_id().ok_or_else(|| incomplete(GROUPS, "group id"))?;
    Ok(Some((id.to_owned(), group.ip_permissions().is_empty() && group.ip_permissions_egress().is_empty())))
}

/// Whether these rules are those with which EC2 makes a group: everything may leave.
fn is_as_made(rules: &Both) -> bool {
    let is_given = |rule: &Rule| {
        let is_everywhere = match &rule.source {
            Source::V4(net) => net.prefix_len() == 0,
            Source::V6(net) => net.prefix_len() == 0,
            Source::PrefixList(_) | Source::Group { .. } => false,
        };
        rule.protocol == "-1" && is_everywhere && rule.description.is_none()
    };
    rules.inbound.is_empty() && rules.outbound.iter().all(is_given)
}

/// The group without rules of a VPC, made where there is none. One to which somebody gave rules is theirs.
async fn empty_group(account: &Account, client: &aws_sdk_ec2::Client, vpc: &str) -> Result<String> {
    let later = |why: &str| Error::new(Kind::Conflict, CREATE, format!("the security group {NAME} of {vpc} {why}"));
    let id = match isolation_group(account, client, vpc).await? {
        Some((id, true)) => return Ok(id),
        Some((id, false)) => id,
        None => {
            let call = client.create_security_group().group_name(NAME).vpc_id(vpc).description("Cuts instances off: it must have no rules");
            match call.send().await.called(CREATE) {
                Err(error) if error.code == "InvalidGroup.Duplicate" => return Err(later("is being made by another run")),
                made => made?.group_id().ok_or_else(|| incomplete(CREATE, "group id"))?.to_owned(),
            }
        }
    };
    let rules = Both::of(client, &id).await?.ok_or_else(|| later("does not show yet"))?;
    if !is_as_made(&rules) {
        let why = format!("the security group {id} ({NAME}) has rules that somebody gave it: remove them, or cut the instance off by hand");
        return Err(Error::new(Kind::Rejected, GROUPS, why));
    }
    found(rules.become_in(client, &id, &Both::default()).await)?;
    match isolation_group(account, client, vpc).await? {
        Some((id, true)) => Ok(id),
        _ => Err(later("is not empty yet")),
    }
}

/// Snapshots of all volumes at one moment, tagged with the instance; none where there are some of a moment ago.
async fn preserve(account: &Account, client: &aws_sdk_ec2::Client, instance: &str) -> Result<()> {
    let evidence = Filter::builder().name(format!("tag:{EVIDENCE}")).values(instance).build();
    let kept = client.describe_snapshots().owner_ids("self").filters(evidence).send().await.called(KEPT)?;
    let since = (account.now() - FRESH).as_second();
    if kept.snapshots().iter().any(|snapshot| snapshot.start_time().is_some_and(|at| at.secs() > since)) {
        return Ok(());
    }
    let tags = TagSpecification::builder()
        .resource_type(ResourceType::Snapshot)
        .tags(Tag::builder().key(EVIDENCE).value(instance).build())
        .build();
    let call = client
        .create_snapshots()
        .instance_specification(InstanceSpecification::builder().instance_id(instance).build())
        .copy_tags_from_source(CopyTagsFromSource::Volume)
        .description(format!("Evidence: {instance} before it was cut off"))
        .tag_specifications(tags);
    call.send().await.called(SNAPSHOTS).map(|_| ())
}

/// Whether an instance in this state is still of its group: one on its way out is as good as out.
/// See <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html>.
fn is_member(state: &str) -> bool {
    !["Detach", "Terminat", "Warmed:Terminat"].iter().any(|start| state.starts_with(start))
}

impl InstanceIsolation {
    /// The Auto Scaling group of which it is a member, and in which state.
    async fn membership(&self, account: &Account) -> Result<Option<(String, String)>> {
        let client = account.client(gated!(aws_sdk_autoscaling));
        let answer = client.describe_auto_scaling_instances().instance_ids(&self.instance).send().await.called(SCALING)?;
        let group = |member: &aws_sdk_autoscaling::types::AutoScalingInstanceDetails| {
            Some((member.auto_scaling_group_name()?.to_owned(), member.lifecycle_state()?.to_owned()))
        };
        Ok(answer.auto_scaling_instances().iter().filter_map(group).find(|(_, state)| is_member(state)))
    }

    async fn attach(&self, account: &Account, group: &str) -> Result<()> {
        let call = account.client(gated!(aws_sdk_autoscaling)).attach_instances().auto_scaling_group_name(group);
        call.instance_ids(&self.instance).send().await.called(ATTACH).map(|_| ())
    }

    /// The group starts another in its place, and takes this one from its load balancers.
    async fn detach(&self, account: &Account, group: &str) -> Result<()> {
        let call = account.client(gated!(aws_sdk_autoscaling)).detach_instances().auto_scaling_group_name(group);
        call.instance_ids(&self.instance).should_decrement_desired_capacity(false).send().await.called(DETACH).map(|_| ())
    }

    /// What each interface that changes is to have, by its id. Made and looked at before anything is changed.
    async fn coming(
        &self,
        account: &Account,
        client: &aws_sdk_ec2::Client,
        from: &Isolation,
        to: &Isolation,
    ) -> Result<BTreeMap<String, Vec<String>>> {
        let mut coming = BTreeMap::new();
        for interface in interfaces(client, &self.instance).await?.0 {
            let id = id_of(&interface)?;
            let Some(groups) = to.groups.get(id).filter(|groups| from.groups.get(id) != Some(groups)) else { continue };
            let groups: Vec<String> = if groups.is_empty() {
                let vpc = interface.vpc_id().ok_or_else(|| incomplete(NETWORK, "VPC"))?;
                vec![empty_group(account, client, vpc).await?]
            } else {
                // One that is gone is said before anything else comes back.
                client.describe_security_groups().set_group_ids(Some(groups.iter().cloned().collect())).send().await.called(GROUPS)?;
                groups.iter().cloned().collect()
            };
            coming.insert(id.to_owned(), groups);
        }
        Ok(coming)
    }
}

/// Whether the volumes are kept as they are: an interface of `from` is connected and cut off in `to`, or the instance becomes part of an
/// incident, all of whose interfaces may be a service's.
fn is_kept(from: &Isolation, to: &Isolation) -> bool {
    (!from.marked && to.marked)
        || to.groups.iter().any(|(id, groups)| groups.is_empty() && from.groups.get(id).is_some_and(|was| !was.is_empty()))
}

impl Setting for InstanceIsolation {
    type Value = Isolation;
    type Facts = IsolationFacts;

    const NAME: &'static str = "ec2.isolation";
    const READS: &'static [Action] = &[
        Action::anywhere(DESCRIBE),
        Action::anywhere(NETWORK),
        Action::anywhere(GROUPS),
        Action::anywhere(RULES),
        Action::anywhere(KEPT),
        Action::anywhere(SCALING),
    ];
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

    async fn get(&self, account: &Account) -> Result<Option<(Isolation, IsolationFacts)>> {
        let client = account.client(gated!(aws_sdk_ec2));
        let Some(instance) = instance(&client, &self.instance).await? else { return Ok(None) };
        let (own, managed) = interfaces(&client, &self.instance).await?;
        let mut groups = BTreeMap::new();
        for interface in &own {
            let all = groups_of(interface);
            let is_named = interface.groups().iter().all(|group| group.group_name() == Some(NAME));
            let empty = match interface.vpc_id().filter(|_| is_named && all.len() == 1) {
                Some(vpc) => isolation_group(account, &client, vpc).await?,
                None => None,
            };
            let is_cut_off = empty.is_some_and(|(id, is_empty)| is_empty && all.contains(&id));
            groups.insert(id_of(interface)?.to_owned(), if is_cut_off { BTreeSet::new() } else { all });
        }
        let scaling = self.membership(account).await?.map(|(group, _)| group);
        let marked = instance.tags().iter().any(|tag| tag.key() == Some(MARK));
        let managed = managed.iter().map(|interface| id_of(interface).map(str::to_owned)).collect::<Result<_>>()?;
        Ok(Some((Isolation { groups, scaling, marked }, IsolationFacts { managed })))
    }

    /// What may be refused comes before what is changed: groups are made or looked at first, and joining an Auto Scaling group comes before the
    /// interfaces. Leaving one comes last, as it may not take the instance back.
    async fn put(&self, account: &Account, from: &Isolation, to: &Isolation) -> Result<()> {
        let client = account.client(gated!(aws_sdk_ec2));
        let gone = || Error::new(Kind::Conflict, DESCRIBE, "the instance is gone");
        let instance = instance(&client, &self.instance).await?.ok_or_else(gone)?;
        let (leaving, joining) = match (&from.scaling, &to.scaling) {
            (one, other) if one == other => (None, None),
            (one, other) => (one.as_deref(), other.as_deref()),
        };
        if leaving.is_some()
            && let Some((group, state)) = self.membership(account).await?
            && !["InService", "Standby"].contains(&state.as_str())
        {
            let why = format!("{group} takes none out that is {state}; it comes again");
            return Err(Error::new(Kind::Conflict, DETACH, why));
        }
        let coming = self.coming(account, &client, from, to).await?;
        if is_kept(from, to) && instance.block_device_mappings().iter().any(|device| device.ebs().is_some()) {
            preserve(account, &client, &self.instance).await?;
        }
        if let Some(group) = joining {
            self.attach(account, group).await?;
        }
        for (interface, groups) in coming {
            let call = client.modify_network_interface_attribute().network_interface_id(interface).set_groups(Some(groups));
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
        match leaving {
            Some(group) => self.detach(account, group).await,
            None => Ok(()),
        }
    }

    fn undo(from: &Isolation, to: &Isolation) -> Undo {
        if from == to {
            Undo::Exact
        } else {
            Undo::Partly(
                "snapshots of its volumes and the empty security group redress-isolation stay, and an Auto Scaling group then wants one instance more",
            )
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
        let snapshots = is_kept(from, to).then(|| "+ snapshots of its volumes".to_owned());
        let interfaces = to.groups.iter().filter_map(|(id, groups)| {
            let was = from.groups.get(id).filter(|was| *was != groups)?;
            Some(format!("interface {id}: {} -> {}", word(was), word(groups)))
        });
        let is_changed = from.scaling != to.scaling;
        let line = |group: &Option<String>, sign: &str, then: &str| {
            group.as_ref().filter(|_| is_changed).map(|group| format!("{sign} member of the Auto Scaling group {group}, which {then}"))
        };
        let (left, joined) = (line(&from.scaling, "-", "starts another"), line(&to.scaling, "+", "then wants one more"));
        let mark = (from.marked != to.marked).then(|| format!("{} tag: {MARK}", if to.marked { "+" } else { "-" }));
        snapshots.into_iter().chain(left).chain(joined).chain(interfaces).chain(mark).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_on_the_way_out_of_a_group_is_no_member() {
        for state in
            ["Detaching", "Detached", "Terminating", "Terminating:Wait", "Terminating:Proceed", "Terminated", "Warmed:Terminating:Wait"]
        {
            assert!(!is_member(state), "{state}");
        }
        for state in ["InService", "Standby", "EnteringStandby", "Pending", "Pending:Wait", "Warmed:Stopped"] {
            assert!(is_member(state), "{state}");
        }
    }

    #[test]
    fn an_instance_whose_interfaces_are_all_a_service_s_is_kept_as_it_is() {
        let isolation = |marked| Isolation { groups: BTreeMap::new(), scaling: None, marked };
        assert_eq!(InstanceIsolation::changes(&isolation(false), &isolation(true))[0], "+ snapshots of its volumes");
        assert_eq!(InstanceIsolation::changes(&isolation(true), &isolation(false)).len(), 1, "no more of them when it is taken back");
    }

    #[test]
    fn what_a_service_manages_is_not_ours_to_change() {
        let interface = NetworkInterface::builder;
        let operated = OperatorResponse::builder().managed(true).build();
        for managed in
            [interface().requester_managed(true), interface().operator(operated), interface().interface_type(NetworkInterfaceType::Trunk)]
        {
            assert!(is_managed(&managed.build()));
        }
        assert!(!is_managed(&interface().requester_managed(false).interface_type(NetworkInterfaceType::Interface).build()));
    }
}
