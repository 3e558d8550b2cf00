//! What comes by events: a change of a security group, as CloudTrail tells it, or the end of a job about one.

use std::collections::BTreeSet;

use jiff::Timestamp;
use redress_model::{AccountId, Record, Region};
use serde::Deserialize;
use serde_json::Value as Json;

/// What an event means for us.
pub(crate) enum Coming {
    /// Nothing, and why.
    Nothing(String),
    /// A job about a security group ended.
    Ended(Box<Record>),
    /// Somebody changed groups.
    Changed(Work),
}

/// A change of security groups.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Work {
    /// CloudTrail's id of the event.
    pub(crate) event: String,
    /// The call, such as `AuthorizeSecurityGroupIngress`.
    pub(crate) call: String,
    /// When it was made.
    pub(crate) at: Timestamp,
    /// Where.
    pub(crate) account: AccountId,
    /// Where.
    pub(crate) region: Region,
    /// The groups.
    pub(crate) groups: BTreeSet<String>,
    /// Who made it: a user's or role's ARN, as far as CloudTrail names one.
    pub(crate) actor: Option<String>,
}

#[derive(Deserialize)]
struct Envelope {
    source: String,
    #[serde(rename = "detail-type")]
    kind: String,
    #[serde(default)]
    account: String,
    #[serde(default)]
    region: String,
    detail: Json,
}

/// A run of instances that names more groups than that has them looked at by the next sweep.
const GROUPS: usize = 10;

fn text<'a>(json: &'a Json, pointer: &str) -> Option<&'a str> {
    json.pointer(pointer)?.as_str().filter(|text| !text.is_empty())
}

impl Work {
    /// Reads an event. Calls of our own roles and calls that failed are no changes.
    pub(crate) fn parse(body: &str, own_roles: &[String]) -> Coming {
        let nothing = |why: &str| Coming::Nothing(why.to_owned());
        let Ok(Envelope { source, kind, account, region, detail }) = serde_json::from_str(body) else {
            return nothing("not an event");
        };
        match (source.as_str(), kind.as_str()) {
            ("redress", "Redress Outcome") => {
                return match serde_json::from_value(detail) {
                    Ok(record) => Coming::Ended(Box::new(record)),
                    Err(error) => Coming::Nothing(format!("not a record: {error}")),
                };
            }
            ("aws.ec2", "AWS API Call via CloudTrail") => {}
            _ => return Coming::Nothing(format!("an event of `{source}` is none of ours")),
        }
        if let Some(code) = text(&detail, "/errorCode") {
            return Coming::Nothing(format!("the call failed: {code}"));
        }
        let session = text(&detail, "/userIdentity/arn").unwrap_or_default();
        let issuer = text(&detail, "/userIdentity/sessionContext/sessionIssuer/arn");
        let is_own = |role: &String| {
            let of_role = session.split_once(":assumed-role/").and_then(|(_, rest)| rest.split_once('/'));
            of_role.is_some_and(|(name, run)| name == role && run.starts_with("redress-"))
        };
        if own_roles.iter().any(is_own) {
            return nothing("a change of our own");
        }
        let groups = groups(&detail);
        if groups.is_empty() {
            return nothing("it names no security group");
        }
        let (Ok(account), Ok(region)) = (AccountId::try_from(account.as_str()), Region::try_from(region.as_str())) else {
            return nothing("it names no account and region");
        };
        let at = text(&detail, "/eventTime").and_then(|time| time.parse().ok());
        let (Some(at), Some(event)) = (at, text(&detail, "/eventID")) else { return nothing("it has no time or id") };
        Coming::Changed(Self {
            event: event.to_owned(),
            call: text(&detail, "/eventName").unwrap_or_default().to_owned(),
            at,
            account,
            region,
            groups,
            actor: issuer.or(Some(session)).filter(|arn| !arn.is_empty()).map(str::to_owned),
        })
    }
}

/// The groups that a call names, in any of the shapes that EC2's calls have.
///
/// See <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference.html>; the parameters of calls are their API's.
fn groups(detail: &Json) -> BTreeSet<String> {
    let parameters = detail.get("requestParameters").unwrap_or(&Json::Null);
    let mut groups: BTreeSet<String> = BTreeSet::new();
    groups.extend(["/groupId", "/securityGroupId"].iter().filter_map(|pointer| text(parameters, pointer)).map(str::to_owned));
    // Newer calls are written as the API writes them, in an object of the request's name.
    let requests = parameters.as_object().into_iter().flatten().filter(|(name, _)| name.ends_with("Request"));
    groups.extend(requests.filter_map(|(_, request)| text(request, "/GroupId")).map(str::to_owned));
    groups.extend(text(detail, "/responseElements/groupId").map(str::to_owned));
    let items = |json: &Json, pointer: &str| json.pointer(pointer).and_then(Json::as_array).cloned().unwrap_or_default();
    let of = |list: Vec<Json>| list.into_iter().filter_map(|item| text(&item, "/groupId").map(str::to_owned)).collect::<Vec<_>>();
    // Calls that name a group by its name, and instances from launch templates, tell the ids in their answer.
    let answer = detail.get("responseElements").unwrap_or(&Json::Null);
    groups.extend(of(items(answer, "/securityGroupRuleSet/items")));
    for holder in std::iter::once(parameters.clone()).chain(items(answer, "/instancesSet/items")) {
        groups.extend(of(items(&holder, "/groupSet/items")));
        for interface in items(&holder, "/networkInterfaceSet/items") {
            groups.extend(of(items(&interface, "/groupSet/items")));
        }
    }
    groups.into_iter().filter(|id| id.starts_with("sg-")).take(GROUPS).collect()
}

#[cfg(test)]
mod tests {
    use redress_testkit::events::event;

    use super::*;

    fn parse(name: &str) -> Coming {
        Work::parse(&event(name).to_string(), &["RedressMemberRole".to_owned()])
    }

    fn changed(name: &str) -> Work {
        match parse(&format!("cloudtrail/{name}.json")) {
            Coming::Changed(work) => work,
            Coming::Nothing(why) => panic!("{name}: {why}"),
            Coming::Ended(_) => panic!("{name}: a record"),
        }
    }

    #[test]
    fn every_call_that_changes_a_group_names_it() {
        for name in [
            "CreateSecurityGroup",
            "AuthorizeSecurityGroupIngress",
            "AuthorizeSecurityGroupEgress",
            "ModifySecurityGroupRules",
            "UpdateSecurityGroupRuleDescriptionsIngress",
            "RunInstances",
        ] {
            let work = changed(name);
            assert!(!work.groups.is_empty() && work.groups.iter().all(|id| id.starts_with("sg-")), "{name}");
            assert_eq!(work.call, name);
            assert!(work.actor.is_some_and(|actor| actor.starts_with("arn:aws:iam::")), "{name}");
        }
    }

    #[test]
    fn a_group_that_is_named_by_its_name_is_found_in_the_answer() {
        let mut by_name = event("cloudtrail/AuthorizeSecurityGroupIngress.json");
        by_name["detail"]["requestParameters"].as_object_mut().unwrap().remove("groupId");
        by_name["detail"]["responseElements"] =
            serde_json::json!({"_return": true, "securityGroupRuleSet": {"items": [{"groupId": "sg-1"}]}});
        assert_eq!(groups(&by_name["detail"]), ["sg-1".to_owned()].into());
        let instance = serde_json::json!({"responseElements": {"instancesSet": {"items": [
            {"groupSet": {"items": [{"groupId": "sg-2"}]}, "networkInterfaceSet": {"items": [{"groupSet": {"items": [{"groupId": "sg-3"}]}}]}}
        ]}}});
        assert_eq!(groups(&instance), ["sg-2".to_owned(), "sg-3".to_owned()].into());
    }

    #[test]
    fn the_end_of_a_job_is_its_record() {
        for name in ["remediated", "undone", "put-back", "needs-person"] {
            match parse(&format!("outcomes/{name}.json")) {
                Coming::Ended(record) => assert_eq!((record.outcome.word(), record.resource.kind.as_str()), (name, "AwsEc2SecurityGroup")),
                Coming::Nothing(why) => panic!("{name}: {why}"),
                Coming::Changed(_) => panic!("{name}: a change"),
            }
        }
    }

    #[test]
    fn failed_calls_and_our_own_are_no_changes() {
        let of = |change: &dyn Fn(&mut Json)| {
            let mut event = event("cloudtrail/AuthorizeSecurityGroupIngress.json");
            change(&mut event);
            Work::parse(&event.to_string(), &["RedressMemberRole".to_owned()])
        };
        let failed = of(&|event| event["detail"]["errorCode"] = "Client.InvalidPermission.Duplicate".into());
        assert!(matches!(failed, Coming::Nothing(why) if why.contains("Duplicate")));
        let session = |name: &str| format!("arn:aws:sts::111122223333:assumed-role/RedressMemberRole/{name}");
        let own = of(&|event| event["detail"]["userIdentity"]["arn"] = session("redress-0197").into());
        assert!(matches!(own, Coming::Nothing(why) if why.contains("our own")));
        let posing = of(&|event| event["detail"]["userIdentity"]["arn"] = "arn:aws:sts::111122223333:assumed-role/Other/redress-1".into());
        assert!(matches!(posing, Coming::Changed(_)), "a session's name alone makes nobody one of us");
    }

    #[test]
    fn what_is_no_event_of_ours_is_left_alone() {
        for body in ["", "{}", r#"{"source":"aws.s3","detail-type":"x","detail":{}}"#] {
            assert!(matches!(Work::parse(body, &[]), Coming::Nothing(_)), "{body}");
        }
    }
}
