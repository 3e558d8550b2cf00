//! What is around a resource: tags, other hands, and how many there are. Only read, and no setting: nothing here can be written.

use aws_sdk_cloudtrail::types::{Event, LookupAttribute, LookupAttributeKey};
use futures::future::BoxFuture;
use jiff::Timestamp;
use redress_aws::Called;
use redress_model::{Resource, finding::cloudformation_kind, policy::Tags};
use redress_remediation::{Account, Action, Error, Kind, Result, Surroundings};
use serde_json::Value as Json;

use crate::gated;

/// The surroundings as AWS tells them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Around;

const TAGS: &str = "tag:GetResources";
const USER_TAGS: &str = "iam:ListUserTags";
const ROLE_TAGS: &str = "iam:ListRoleTags";
const EVENTS: &str = "cloudtrail:LookupEvents";
const COUNTS: &str = "config:GetDiscoveredResourceCounts";

/// What looking around needs. The tagging service's permission is named by its own prefix.
pub const READS: &[Action] =
    &[Action::anywhere(TAGS), Action::anywhere(USER_TAGS), Action::anywhere(ROLE_TAGS), Action::anywhere(EVENTS), Action::anywhere(COUNTS)];

impl Surroundings for Around {
    fn reads(&self) -> &'static [Action] {
        READS
    }

    fn tags<'a>(&'a self, account: &'a Account, resource: &'a Resource) -> BoxFuture<'a, Result<Tags>> {
        Box::pin(async move {
            match resource.kind.as_str() {
                "AwsIamUser" => user_tags(account, &iam_name(resource)?).await,
                "AwsIamRole" => role_tags(account, &iam_name(resource)?).await,
                // Groups and accounts have none.
                "AwsIamGroup" | "AwsAccount" => Ok(Tags::new()),
                _ if resource.arn().is_none() => Ok(Tags::new()),
                _ => tags(account, &resource.id).await,
            }
        })
    }

    fn changed_by<'a>(&'a self, account: &'a Account, resource: &'a Resource, since: Timestamp) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(async move {
            for name in looked_up_as(resource) {
                if let Some(principal) = last_writer(account, &name, since).await? {
                    return Ok(Some(principal));
                }
            }
            Ok(None)
        })
    }

    fn population<'a>(&'a self, account: &'a Account, resource: &'a Resource) -> BoxFuture<'a, Result<Option<u32>>> {
        Box::pin(async move {
            let Some(kind) = cloudformation_kind(&resource.kind) else { return Ok(None) };
            let client = account.client(gated!(aws_sdk_config));
            let answer = match client.get_discovered_resource_counts().resource_types(kind).send().await.called(COUNTS) {
                Ok(answer) => answer,
                // It counts some types only, and only where it records: then the share is of what is not known.
                Err(error) if error.kind == Kind::Rejected || error.kind == Kind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            };
            let count = answer.resource_counts().iter().map(aws_sdk_config::types::ResourceCount::count).max();
            Ok(count.and_then(|count| u32::try_from(count).ok()))
        })
    }
}

fn iam_name(resource: &Resource) -> Result<String> {
    let of_arn = || resource.arn().and_then(|arn| arn.resource.rsplit('/').next().map(str::to_owned));
    let name = resource.name.clone().or_else(|| of_arn().filter(|_| !resource.is_nameless()));
    name.ok_or_else(|| {
        Error::new(Kind::Rejected, USER_TAGS, format!("the name of {} is not known, so its tags cannot be read", resource.id))
    })
}

/// By its ARN: resources that never had a tag are not in the answer.
///
/// See <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html>.
async fn tags(account: &Account, arn: &str) -> Result<Tags> {
    let client = account.client(gated!(aws_sdk_resourcegroupstagging));
    let answer = client.get_resources().resource_arn_list(arn).send().await.called(TAGS)?;
    let of = answer.resource_tag_mapping_list().iter().filter(|mapping| mapping.resource_arn() == Some(arn));
    Ok(of
        .flat_map(aws_sdk_resourcegroupstagging::types::ResourceTagMapping::tags)
        .map(|tag| (tag.key().to_owned(), tag.value().to_owned()))
        .collect())
}

/// Gone, nobody can be protected.
fn of_iam(answer: Result<Vec<aws_sdk_iam::types::Tag>>) -> Result<Tags> {
    let tags = crate::found(answer)?.unwrap_or_default();
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

async fn user_tags(account: &Account, name: &str) -> Result<Tags> {
    let client = account.client(gated!(aws_sdk_iam));
    let pages = client.list_user_tags().user_name(name).into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>();
    of_iam(pages.await.called(USER_TAGS))
}

async fn role_tags(account: &Account, name: &str) -> Result<Tags> {
    let client = account.client(gated!(aws_sdk_iam));
    let pages = client.list_role_tags().role_name(name).into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>();
    of_iam(pages.await.called(ROLE_TAGS))
}

/// The names by which CloudTrail may know a resource: most by their name, keys by their ARN, trails by either.
fn looked_up_as(resource: &Resource) -> Vec<String> {
    let last = resource.arn().and_then(|arn| arn.resource.rsplit(['/', ':']).next().map(str::to_owned));
    [resource.name.clone(), last, Some(resource.id.clone())].into_iter().flatten().filter(|name| !name.starts_with("AWS::")).collect()
}

/// Two a second, fifty events a page: one page is enough, since the latest come first.
///
/// See <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>.
async fn last_writer(account: &Account, name: &str, since: Timestamp) -> Result<Option<String>> {
    let client = account.client(gated!(aws_sdk_cloudtrail));
    let attribute = LookupAttribute::builder().attribute_key(LookupAttributeKey::ResourceName).attribute_value(name);
    let attribute = attribute.build().map_err(|error| Error::malformed(EVENTS, error.to_string()))?;
    let call = client.lookup_events().lookup_attributes(attribute).start_time(aws_smithy_types::DateTime::from_secs(since.as_second()));
    let answer = call.send().await.called(EVENTS)?;
    Ok(answer.events().iter().find_map(writer))
}

/// Who made a change: not a reader, not one who failed, and not ourselves.
fn writer(event: &Event) -> Option<String> {
    let whole: Json = serde_json::from_str(event.cloud_trail_event().unwrap_or_default()).unwrap_or_default();
    let is_change = event.read_only() == Some("false") && whole.get("errorCode").is_none();
    let is_ours = event.username().is_some_and(|name| name.starts_with("redress-"));
    if !is_change || is_ours {
        return None;
    }
    let principal = whole.pointer("/userIdentity/arn").and_then(Json::as_str).or_else(|| event.username())?;
    Some(format!("{principal} ({})", event.event_name().unwrap_or("a change")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(username: &str, read_only: &str, whole: &str) -> Event {
        Event::builder().username(username).read_only(read_only).event_name("PutBucketPolicy").cloud_trail_event(whole).build()
    }

    #[test]
    fn names_who_made_a_change_and_neither_readers_nor_ourselves() {
        let arn = r#"{"userIdentity": {"arn": "arn:aws:sts::111122223333:assumed-role/deploy/ci"}}"#;
        assert_eq!(writer(&event("ci", "false", arn)).unwrap(), "arn:aws:sts::111122223333:assumed-role/deploy/ci (PutBucketPolicy)");
        assert_eq!(writer(&event("ann", "false", "not json")).unwrap(), "ann (PutBucketPolicy)");
        assert_eq!(writer(&event("ci", "true", arn)), None);
        assert_eq!(writer(&event("redress-0190", "false", arn)), None);
        assert_eq!(writer(&event("ci", "false", r#"{"errorCode": "AccessDenied"}"#)), None);
    }
}
