//! What follows from a score: what is to be done, to whom, and by itself or with a person's yes.
//!
//! The target is contained for what was done to it; the actor only for what is suspicious about the actor itself. So a pipeline that makes a key
//! for somebody is not locked out because the key is.

use redress_model::{AccountId, Partition, Region, Resource};
use serde::{Deserialize, Serialize};

use crate::{Actor, ActorKind, Deed, Kind, Policy, Score, Target, Worse};

/// Something to be done: a job for a control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// The control.
    pub control: String,
    /// What it is about.
    pub resource: Resource,
    /// Why a person has to say yes first, if one has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asks: Option<String>,
}

impl Response {
    /// Whether it is the same control of the same resource.
    pub fn is_about(&self, other: &Self) -> bool {
        self.control == other.control && self.resource.id == other.resource.id
    }
}

/// A user or role is locked down.
const LOCKED: &str = "Incident.1";
/// An access key is inactive.
const KEY_OFF: &str = "Incident.2";
/// An instance is cut off.
const CUT_OFF: &str = "Incident.3";
/// A bucket blocks public access.
const BUCKET: &str = "S3.8";
/// A trail records.
const TRAIL: &str = "CloudTrail.1";

struct Plan<'a> {
    deed: &'a Deed,
    policy: &'a Policy,
    own_roles: &'a [String],
    asks: Option<String>,
    responses: Vec<Response>,
    left: Vec<String>,
}

/// What is to be done about a deed, and what is left alone and why. Below the lower threshold nothing.
pub fn respond(deed: &Deed, score: &Score, policy: &Policy, own_roles: &[String]) -> (Vec<Response>, Vec<String>) {
    let thresholds = policy.thresholds;
    if score.total < thresholds.open {
        return (Vec::new(), Vec::new());
    }
    let asks = (score.total < thresholds.act).then(|| format!("the score is {}, below {}", score.total, thresholds.act));
    let mut plan = Plan { deed, policy, own_roles, asks, responses: Vec::new(), left: Vec::new() };
    let is_done = deed.error.is_none();
    let name = deed.action.split(':').next_back().unwrap_or_default();
    match &deed.target {
        Target::Key { user, id } if is_done => plan.key(user, id),
        Target::User(user) if is_done && (empowers(name) || matches!(deed.kind, Kind::Finding { .. })) => {
            let arn = format!("arn:{}:iam::{}:user/{user}", deed.partition, deed.account);
            plan.principal(ActorKind::User, &arn);
        }
        Target::Role(role) if is_done && matches!(deed.kind, Kind::Finding { .. }) => {
            let arn = format!("arn:{}:iam::{}:role/{role}", deed.partition, deed.account);
            plan.principal(ActorKind::Role, &arn);
        }
        Target::Bucket(bucket)
            if is_done && (deed.worse.contains(&Worse::Public) || name.contains("PublicAccessBlock") || is_public_finding(deed)) =>
        {
            let id = format!("arn:{}:s3:::{bucket}", deed.partition);
            plan.add(BUCKET, "AwsS3Bucket", id, deed.region.clone(), None);
        }
        Target::Instance(instance) if matches!(deed.kind, Kind::Finding { .. }) => plan.instance(instance),
        Target::Attacked(instance) => {
            plan.left.push(format!("the instance {instance} is attacked, and nothing says that it worked: close what it has open"));
        }
        Target::Trail(_) if is_done => {
            plan.add(TRAIL, "AwsAccount", format!("AWS::::Account:{}", deed.account), deed.partition.global_region(), None);
        }
        _ => {}
    }
    if score.of_actor >= thresholds.suspect {
        let Actor { kind, arn, .. } = &deed.actor;
        plan.principal(*kind, arn);
    }
    (plan.responses, plan.left)
}

/// Whether a call gives a user more power, or takes away what protects it.
fn empowers(name: &str) -> bool {
    const CALLS: [&str; 9] = [
        "AttachUserPolicy",
        "PutUserPolicy",
        "AddUserToGroup",
        "CreateLoginProfile",
        "UpdateLoginProfile",
        "CreateUser",
        "DeactivateMFADevice",
        "DeleteVirtualMFADevice",
        "DeleteUserPermissionsBoundary",
    ];
    CALLS.contains(&name)
}

fn is_public_finding(deed: &Deed) -> bool {
    deed.action.contains("BucketAnonymousAccessGranted") || deed.action.contains("BucketPublicAccessGranted")
}

impl Plan<'_> {
    fn add(&mut self, control: &str, kind: &str, id: String, region: Region, asks: Option<String>) {
        let (account, partition): (AccountId, Partition) = (self.deed.account.clone(), self.deed.partition.clone());
        let resource = Resource { kind: kind.into(), id, account, region, partition, name: None, path: None };
        if self.responses.iter().all(|known| known.control != control || known.resource.id != resource.id) {
            self.responses.push(Response { control: control.into(), resource, asks });
        }
    }

    /// The key's user stands in the path of its ARN, as ASFF has no ARN for keys.
    fn key(&mut self, user: &str, id: &str) {
        let arn = format!("arn:{}:iam::{}:user/{user}", self.deed.partition, self.deed.account);
        if self.policy.protects(&arn) {
            self.left.push(format!("the key {id} of {user}, who is protected"));
            return;
        }
        let asks = self.asks.clone();
        self.add(KEY_OFF, "AwsIamAccessKey", format!("{arn}/accesskey/{id}"), self.deed.partition.global_region(), asks);
    }

    fn instance(&mut self, instance: &str) {
        let Deed { partition, region, account, .. } = self.deed;
        let arn = format!("arn:{partition}:ec2:{region}:{account}:instance/{instance}");
        if self.policy.protects(&arn) || self.policy.protects(instance) {
            self.left.push(format!("the instance {instance} is protected by the policy"));
        } else {
            let serves = || (!self.policy.isolate_instances).then(|| "whatever runs on it stops serving until it is undone".to_owned());
            let asks = self.asks.clone().or_else(serves);
            self.add(CUT_OFF, "AwsEc2Instance", arn, self.deed.region.clone(), asks);
        }
    }

    fn principal(&mut self, kind: ActorKind, arn: &str) {
        let name = arn.rsplit('/').next().unwrap_or_default();
        let is_own_account = arn.split(':').nth(4) == Some(self.deed.account.as_str());
        let why = if self.policy.protects(arn) {
            "is protected by the policy"
        } else if self.own_roles.iter().any(|role| role == name) {
            "is one of our own roles"
        } else if arn.contains(":role/aws-service-role/") || arn.contains(":role/aws-reserved/") || kind == ActorKind::Service {
            "belongs to AWS, or to IAM Identity Center: end its sessions there"
        } else if kind == ActorKind::Root {
            "is root, which nobody can contain: change its password and look at its second factor and keys"
        } else if kind == ActorKind::Other || arn.is_empty() {
            "is neither a user nor a role"
        } else if !is_own_account {
            "is of another account"
        } else {
            let is_role = kind == ActorKind::Role;
            let asks = self.asks.clone().or_else(|| {
                (is_role && !self.policy.contain_roles).then(|| "whatever works with the role stops until it is undone".to_owned())
            });
            let kind = if is_role { "AwsIamRole" } else { "AwsIamUser" };
            return self.add(LOCKED, kind, arn.to_owned(), self.deed.partition.global_region(), asks);
        };
        let who = if arn.is_empty() { "the actor" } else { arn };
        self.left.push(format!("{who} {why}"));
    }
}
