//! What a role in an account allows: for telling what is missing. Only read, and no setting.

use redress_aws::Called;
use redress_remediation::{Account, Action, Error, Result};
use serde_json::Value as Json;

use crate::{found, gated};

const ROLE: &str = "iam:GetRole";
const INLINE: &str = "iam:ListRolePolicies";
const INLINE_ONE: &str = "iam:GetRolePolicy";
const ATTACHED: &str = "iam:ListAttachedRolePolicies";
const POLICY: &str = "iam:GetPolicy";
const VERSION: &str = "iam:GetPolicyVersion";

/// What it takes to look.
pub const READS: &[Action] = &[
    Action::anywhere(ROLE),
    Action::anywhere(INLINE),
    Action::anywhere(INLINE_ONE),
    Action::anywhere(ATTACHED),
    Action::anywhere(POLICY),
    Action::anywhere(VERSION),
];

/// The actions of `wanted` that no statement of the role's policies allows; `None` where there is no such role. Resources and conditions are
/// not looked at: a grant on the wrong resource counts.
///
/// # Errors
/// When it cannot be read.
pub async fn missing(account: &Account, role: &str, wanted: &[&str]) -> Result<Option<Vec<String>>> {
    let client = account.client(gated!(aws_sdk_iam));
    if found(client.get_role().role_name(role).send().await.called(ROLE))?.is_none() {
        return Ok(None);
    }
    let mut documents = Vec::new();
    for name in client
        .list_role_policies()
        .role_name(role)
        .into_paginator()
        .items()
        .send()
        .collect::<std::result::Result<Vec<_>, _>>()
        .await
        .called(INLINE)?
    {
        documents.push(client.get_role_policy().role_name(role).policy_name(name).send().await.called(INLINE_ONE)?.policy_document);
    }
    for policy in client
        .list_attached_role_policies()
        .role_name(role)
        .into_paginator()
        .items()
        .send()
        .collect::<std::result::Result<Vec<_>, _>>()
        .await
        .called(ATTACHED)?
    {
        let Some(arn) = policy.policy_arn else { continue };
        let version = client.get_policy().policy_arn(&arn).send().await.called(POLICY)?.policy.and_then(|policy| policy.default_version_id);
        let answer = client.get_policy_version().policy_arn(&arn).version_id(version.unwrap_or_default()).send().await.called(VERSION)?;
        documents.extend(answer.policy_version.and_then(|version| version.document));
    }
    let mut allowed = Vec::new();
    for document in documents {
        allowed.extend(allows(&document)?);
    }
    let is_missing = |action: &&&str| !allowed.iter().any(|pattern| wildmatch::WildMatch::new(pattern).matches(&action.to_lowercase()));
    Ok(Some(wanted.iter().filter(is_missing).map(|action| (*action).to_owned()).collect()))
}

/// The actions that a document allows, in small letters. IAM sends it percent-encoded.
fn allows(document: &str) -> Result<Vec<String>> {
    let text = percent_encoding::percent_decode_str(document).decode_utf8_lossy();
    let json: Json = serde_json::from_str(&text).map_err(|error| Error::malformed(VERSION, error.to_string()))?;
    let statements = match json.get("Statement") {
        Some(Json::Array(list)) => list.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    };
    let actions = statements
        .iter()
        .filter(|statement| statement.get("Effect").and_then(Json::as_str) == Some("Allow"))
        .filter_map(|statement| statement.get("Action"));
    Ok(actions
        .flat_map(|action| match action {
            Json::Array(list) => list.iter().filter_map(Json::as_str).map(str::to_lowercase).collect(),
            one => one.as_str().map(str::to_lowercase).into_iter().collect::<Vec<_>>(),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_one_statement_or_many_and_one_action_or_many() {
        let document = "%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22S3%3AGet%2A%22%7D%7D";
        assert_eq!(allows(document).unwrap(), ["s3:get*"]);
        let many = r#"{"Statement": [{"Effect": "Allow", "Action": ["a:B", "c:D"]}, {"Effect": "Deny", "Action": "*"}]}"#;
        assert_eq!(allows(many).unwrap(), ["a:b", "c:d"]);
    }
}
