//! A deed: who did what to whom, from where; the same shape whatever told it.

use std::{collections::BTreeSet, net::IpAddr};

use jiff::Timestamp;
use redress_model::{AccountId, Arn, Partition, Region};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::guardduty;

/// What somebody did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deed {
    /// The event's or finding's own id: the same deed told twice is one.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// The account in which it was done.
    pub account: AccountId,
    /// The region of the call.
    pub region: Region,
    /// The partition.
    pub partition: Partition,
    /// What, in IAM's terms (`iam:CreateAccessKey`), or the type of a finding.
    pub action: String,
    /// Who.
    pub actor: Actor,
    /// From where, where that is an address and not a service.
    pub from: Option<IpAddr>,
    /// To whom or what.
    pub target: Target,
    /// Why it failed, if it did.
    pub error: Option<String>,
    /// What kind of deed it is.
    pub kind: Kind,
    /// What makes it worse than others of its kind.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub worse: BTreeSet<Worse>,
}

/// What makes a deed worse than others of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Worse {
    /// It opens something to everybody.
    Public,
    /// It gives power over everything.
    Administrator,
}

/// What kind of deed it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A call.
    Call,
    /// A sign-in at the console.
    SignIn {
        /// Whether with a second factor.
        mfa: bool,
    },
    /// A finding of GuardDuty, with its severity from 1 to 10.
    Finding {
        /// The severity.
        severity: f64,
    },
}

/// What somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActorKind {
    /// An IAM user.
    User,
    /// A role, in one of its sessions.
    Role,
    /// The root of an account.
    Root,
    /// A service of AWS, in its own name.
    Service,
    /// Anybody else: federated users, other accounts, nobody.
    Other,
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// What it is.
    pub kind: ActorKind,
    /// The ARN of the principal (of a session its role's); empty where none is told.
    pub arn: String,
    /// The access key, where one is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The session's name, of a role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

/// To whom or what it was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// An access key of a user: one that was made, or that is called exposed.
    Key {
        /// The user's name.
        user: String,
        /// The key's id.
        id: String,
    },
    /// A user, by name.
    User(String),
    /// A role, by name.
    Role(String),
    /// A bucket, by name.
    Bucket(String),
    /// A trail, by name or ARN.
    Trail(String),
    /// An instance that somebody else works with, by id.
    Instance(String),
    /// An instance that is attacked, by id; nothing says that it worked.
    Attacked(String),
    /// Something else, as the request calls it; empty where it names nothing.
    Other(String),
}

impl Target {
    /// Its name or id; of a key its user's.
    pub fn name(&self) -> &str {
        match self {
            Self::Key { user: name, .. }
            | Self::User(name)
            | Self::Role(name)
            | Self::Bucket(name)
            | Self::Trail(name)
            | Self::Instance(name)
            | Self::Attacked(name)
            | Self::Other(name) => name,
        }
    }
}

/// Why an event is no deed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoDeed {
    /// It is no event that is known here.
    Unknown(&'static str),
    /// It only reads.
    Reading,
}

pub(crate) fn text<'a>(json: &'a Json, pointer: &str) -> Option<&'a str> {
    json.pointer(pointer)?.as_str().filter(|text| !text.is_empty())
}

impl Deed {
    /// Reads an event as EventBridge brings it.
    ///
    /// See <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>.
    ///
    /// # Errors
    /// When it is none of CloudTrail or GuardDuty, or lacks what every one has.
    pub fn parse(event: &Json) -> Result<Self, NoDeed> {
        let kind = text(event, "/detail-type").unwrap_or_default();
        let detail = event.get("detail").ok_or(NoDeed::Unknown("it has no detail"))?;
        match kind {
            "GuardDuty Finding" => guardduty::parse(detail).ok_or(NoDeed::Unknown("a finding that lacks what every finding has")),
            "AWS API Call via CloudTrail" | "AWS Console Sign In via CloudTrail" | "AWS Service Event via CloudTrail" => {
                Self::of_trail(event, detail)
            }
            _ => Err(NoDeed::Unknown("neither of CloudTrail nor of GuardDuty")),
        }
    }

    fn of_trail(event: &Json, detail: &Json) -> Result<Self, NoDeed> {
        if detail.get("readOnly").and_then(Json::as_bool) == Some(true) {
            return Err(NoDeed::Reading);
        }
        let name = text(detail, "/eventName").ok_or(NoDeed::Unknown("it names no call"))?;
        let service = text(detail, "/eventSource").and_then(|source| source.split('.').next()).unwrap_or_default();
        let account = text(detail, "/recipientAccountId").or_else(|| text(event, "/account"));
        let account = account.and_then(|id| AccountId::try_from(id).ok()).ok_or(NoDeed::Unknown("it names no account"))?;
        let region = text(detail, "/awsRegion").or_else(|| text(event, "/region"));
        let region = region.and_then(|region| Region::try_from(region).ok()).ok_or(NoDeed::Unknown("it names no region"))?;
        let actor = actor(detail.get("userIdentity").unwrap_or(&Json::Null));
        let partition = Arn::parse(&actor.arn).ok().and_then(|arn| Partition::try_from(arn.partition).ok());
        let partition = match partition {
            Some(partition) => partition,
            None => Partition::try_from("aws").map_err(|_| NoDeed::Unknown("it names no partition"))?,
        };
        let mfa = text(detail, "/additionalEventData/MFAUsed").is_some_and(|used| used.eq_ignore_ascii_case("yes"));
        let is_failed_sign_in = text(detail, "/responseElements/ConsoleLogin") == Some("Failure");
        Ok(Self {
            id: text(detail, "/eventID").or_else(|| text(event, "/id")).ok_or(NoDeed::Unknown("it has no id"))?.to_owned(),
            at: text(detail, "/eventTime").and_then(|at| at.parse().ok()).ok_or(NoDeed::Unknown("it has no time"))?,
            account,
            region,
            partition,
            action: format!("{service}:{name}"),
            from: text(detail, "/sourceIPAddress").and_then(|address| address.parse().ok()),
            target: target(service, name, detail, &actor),
            error: text(detail, "/errorCode").map(str::to_owned).or_else(|| is_failed_sign_in.then(|| "Failure".to_owned())),
            kind: if name == "ConsoleLogin" { Kind::SignIn { mfa } } else { Kind::Call },
            worse: worse(detail),
            actor,
        })
    }
}

fn actor(identity: &Json) -> Actor {
    let of_session = text(identity, "/sessionContext/sessionIssuer/arn");
    let arn = of_session.or_else(|| text(identity, "/arn")).unwrap_or_default().to_owned();
    let kind = match text(identity, "/type") {
        Some("IAMUser") => ActorKind::User,
        Some("AssumedRole") => ActorKind::Role,
        Some("Root") => ActorKind::Root,
        Some("AWSService") => ActorKind::Service,
        _ => ActorKind::Other,
    };
    let session = text(identity, "/arn").filter(|_| kind == ActorKind::Role).and_then(|arn| arn.rsplit('/').next()).map(str::to_owned);
    Actor { kind, arn, key: text(identity, "/accessKeyId").map(str::to_owned), session }
}

impl Deed {
    /// Who did it, in words: an ARN where one is told, else somebody with something.
    pub fn who(&self) -> String {
        match (self.actor.arn.as_str(), &self.target) {
            ("", Target::Instance(id) | Target::Attacked(id)) => format!("somebody with {id} in {}", self.account),
            ("", _) => format!("somebody in {}", self.account),
            (arn, _) => arn.to_owned(),
        }
    }
}

impl Actor {
    /// The name of the user or role, without path.
    pub fn name(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }
}

fn target(service: &str, name: &str, detail: &Json, actor: &Actor) -> Target {
    let asked = |key: &str| text(detail, &format!("/requestParameters/{key}")).map(str::to_owned);
    let made = text(detail, "/responseElements/accessKey/accessKeyId");
    // Who leaves the user out means itself.
    let user = || asked("userName").or_else(|| (actor.kind == ActorKind::User).then(|| actor.name().to_owned()));
    let target = match (service, name) {
        ("iam", "CreateAccessKey") => user().zip(made).map(|(user, id)| Target::Key { user, id: id.to_owned() }),
        ("iam", "UpdateAccessKey") => user().zip(asked("accessKeyId")).map(|(user, id)| Target::Key { user, id }),
        ("iam", _) if name.contains("Role") => asked("roleName").map(Target::Role),
        ("iam", _) => user().map(Target::User),
        ("s3", _) => asked("bucketName").map(Target::Bucket),
        ("cloudtrail", _) => asked("name").or_else(|| asked("trailName")).map(Target::Trail),
        _ => None,
    };
    target.unwrap_or_else(|| {
        let keys = ["userName", "roleName", "policyArn", "keyId", "detectorId", "configurationRecorderName", "groupName"];
        Target::Other(keys.iter().find_map(|key| asked(key)).unwrap_or_default())
    })
}

fn items(json: &Json) -> Vec<&Json> {
    match json {
        Json::Array(items) => items.iter().collect(),
        Json::Null => Vec::new(),
        one => vec![one],
    }
}

/// Looks at what a request grants, and to whom.
fn worse(detail: &Json) -> BTreeSet<Worse> {
    let mut worse = BTreeSet::new();
    let parameters = detail.get("requestParameters").unwrap_or(&Json::Null);
    if text(parameters, "/policyArn").is_some_and(|arn| arn.ends_with("/AdministratorAccess") || arn.ends_with("/IAMFullAccess")) {
        worse.insert(Worse::Administrator);
    }
    let read = |json: &Json| json.as_str().map_or_else(|| Some(json.clone()), |text| serde_json::from_str(text).ok());
    let documents = ["bucketPolicy", "policyDocument", "policy"];
    for document in documents.iter().filter_map(|key| parameters.get(key)).filter_map(read) {
        let allows = |statement: &&Json| statement.get("Effect").and_then(Json::as_str) == Some("Allow");
        for statement in items(document.get("Statement").unwrap_or(&Json::Null)).into_iter().filter(allows) {
            let has_all = |key: &str| statement.get(key).is_some_and(|value| items(value).iter().any(|one| one.as_str() == Some("*")));
            let is_unconditional = statement.get("Condition").is_none();
            let anybody = |principal: &Json| {
                principal.as_str() == Some("*")
                    || principal.get("AWS").is_some_and(|aws| items(aws).iter().any(|one| one.as_str() == Some("*")))
            };
            if is_unconditional && statement.get("Principal").is_some_and(anybody) {
                worse.insert(Worse::Public);
            }
            if has_all("Action") && has_all("Resource") && statement.get("Principal").is_none() {
                worse.insert(Worse::Administrator);
            }
        }
    }
    let is_open_acl = |acl: &str| ["public-read", "public-read-write", "authenticated-read"].contains(&acl);
    let acls = parameters.get("x-amz-acl").map(items).unwrap_or_default();
    // Grants name groups of everybody by address.
    let grants = parameters.get("AccessControlPolicy").map(ToString::to_string).unwrap_or_default();
    let is_granted = ["/groups/global/AllUsers", "/groups/global/AuthenticatedUsers"].iter().any(|group| grants.contains(group));
    if is_granted || acls.iter().filter_map(|acl| acl.as_str()).any(is_open_acl) {
        worse.insert(Worse::Public);
    }
    worse
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(name: &str, identity: Json, parameters: Json, response: Json) -> Json {
        json!({"source": "aws.iam", "detail-type": "AWS API Call via CloudTrail", "account": "111122223333", "region": "us-east-1", "detail": {
            "eventID": "e-1", "eventTime": "2026-11-21T10:00:00Z", "eventSource": "iam.amazonaws.com", "eventName": name, "awsRegion": "us-east-1",
            "sourceIPAddress": "198.51.100.7", "userIdentity": identity, "requestParameters": parameters, "responseElements": response,
            "recipientAccountId": "111122223333", "readOnly": false}})
    }

    fn ann() -> Json {
        json!({"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/team/ann", "accessKeyId": "AKIAANN"})
    }

    #[test]
    fn the_target_is_told_apart_from_the_actor() {
        let made = json!({"accessKey": {"accessKeyId": "AKIABOB", "userName": "bob"}});
        let deed = Deed::parse(&event("CreateAccessKey", ann(), json!({"userName": "bob"}), made)).unwrap();
        assert_eq!((deed.actor.name(), deed.actor.kind), ("ann", ActorKind::User));
        assert_eq!(deed.target, Target::Key { user: "bob".into(), id: "AKIABOB".into() });
        assert_eq!(deed.from, Some("198.51.100.7".parse().unwrap()));
    }

    #[test]
    fn who_names_nobody_means_itself() {
        let made = json!({"accessKey": {"accessKeyId": "AKIANEW"}});
        let deed = Deed::parse(&event("CreateAccessKey", ann(), Json::Null, made)).unwrap();
        assert_eq!(deed.target, Target::Key { user: "ann".into(), id: "AKIANEW".into() });
    }

    #[test]
    fn a_session_is_its_role_s() {
        let issuer = json!({"sessionIssuer": {"arn": "arn:aws:iam::111122223333:role/deploy"}});
        let identity = json!({"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/deploy/ci", "sessionContext": issuer});
        let deed = Deed::parse(&event("AttachRolePolicy", identity, json!({"roleName": "app"}), Json::Null)).unwrap();
        assert_eq!((deed.actor.arn.as_str(), deed.actor.session.as_deref()), ("arn:aws:iam::111122223333:role/deploy", Some("ci")));
        assert_eq!(deed.target, Target::Role("app".into()));
    }

    #[test]
    fn a_call_by_a_service_comes_from_no_address() {
        let mut event = event("CreateRole", json!({"type": "AWSService"}), Json::Null, Json::Null);
        event["detail"]["sourceIPAddress"] = json!("cloudformation.amazonaws.com");
        let deed = Deed::parse(&event).unwrap();
        assert_eq!((deed.from, deed.actor.kind), (None, ActorKind::Service));
    }

    #[test]
    fn what_is_opened_to_everybody_and_who_gets_all_power_is_seen() {
        let of = |name: &str, parameters: Json| Deed::parse(&event(name, ann(), parameters, Json::Null)).unwrap().worse;
        let admin = json!({"userName": "bob", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"});
        assert_eq!(of("AttachUserPolicy", admin), [Worse::Administrator].into());
        let inline = json!({"userName": "bob", "policyDocument": r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#});
        assert_eq!(of("PutUserPolicy", inline), [Worse::Administrator].into());
        let open = json!({"bucketName": "b", "bucketPolicy": {"Statement": [{"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": "s3:GetObject"}]}});
        assert_eq!(of("PutBucketPolicy", open), [Worse::Public].into());
        let tls = json!({"bucketName": "b", "bucketPolicy": {"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*"}]}});
        assert!(of("PutBucketPolicy", tls).is_empty());
    }

    #[test]
    fn what_only_reads_or_is_no_event_is_no_deed() {
        let mut reading = event("ListUsers", ann(), Json::Null, Json::Null);
        reading["detail"]["readOnly"] = json!(true);
        assert_eq!(Deed::parse(&reading), Err(NoDeed::Reading));
        assert!(matches!(Deed::parse(&json!({"detail-type": "x", "detail": {}})), Err(NoDeed::Unknown(_))));
    }
}
