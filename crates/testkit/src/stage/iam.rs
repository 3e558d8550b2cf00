//! The password policy, identities with a policy too many, and root's access key.

use aws_sdk_iam::types::AttachedPolicy;
use serde_json::{Value as Json, json};

use super::{Case, Ending, Place, Staged, boxed};
use crate::events::unique;

pub(super) const CASES: &[Case] = &[
    Case::new("IAM.15", "a weak policy with fields of its own", boxed!(weak_passwords)).touches(&["account_password_policy"]),
    Case::new("IAM.15", "no policy at all", boxed!(no_passwords)).touches(&["account_password_policy"]),
    Case::new("IAM.16", "a weak policy with fields of its own", boxed!(weak_passwords)).touches(&["account_password_policy"]),
    Case::new("IAM.16", "no policy at all", boxed!(no_passwords)).touches(&["account_password_policy"]),
    Case::new("IAM.27", "a user", boxed!(user)),
    Case::new("IAM.27", "a role", boxed!(role)),
    Case::new("IAM.27", "a group", boxed!(group)),
    Case::new("IAM.4", "an access key of root", boxed!(root_key)).ends(Ending::Told),
];

const SHELL: &str = "arn:aws:iam::aws:policy/AWSCloudShellFullAccess";
const OTHER: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";

fn client(place: &Place<'_>) -> aws_sdk_iam::Client {
    aws_sdk_iam::Client::new(&place.sdk)
}

async fn weak_passwords(place: &Place<'_>) -> Staged {
    let call = client(place).update_account_password_policy().minimum_password_length(8).require_symbols(true);
    call.max_password_age(90).password_reuse_prevention(5).allow_users_to_change_password(true).send().await.unwrap();
    place.staged(place.account_id(), boxed!(passwords, id))
}

async fn no_passwords(place: &Place<'_>) -> Staged {
    let _ = client(place).delete_account_password_policy().send().await;
    place.staged(place.account_id(), boxed!(passwords, id))
}

async fn passwords(place: &Place<'_>, _id: &str) -> Json {
    let Ok(answer) = client(place).get_account_password_policy().send().await else { return Json::Null };
    let policy = answer.password_policy.unwrap();
    json!({
        "length": policy.minimum_password_length,
        "symbols": policy.require_symbols,
        "numbers": policy.require_numbers,
        "upper": policy.require_uppercase_characters,
        "lower": policy.require_lowercase_characters,
        "change": policy.allow_users_to_change_password,
        "age": policy.max_password_age.filter(|days| *days > 0),
        "reuse": policy.password_reuse_prevention.filter(|count| *count > 0),
        "hard": policy.hard_expiry.unwrap_or(false),
    })
}

fn arns(policies: &[AttachedPolicy]) -> Json {
    let mut arns: Vec<_> = policies.iter().map(|policy| policy.policy_arn().unwrap()).collect();
    arns.sort_unstable();
    json!(arns)
}

fn name_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap()
}

async fn user(place: &Place<'_>) -> Staged {
    let (iam, name) = (client(place), format!("ann-{}", unique()));
    iam.create_user().user_name(&name).path("/team/").send().await.unwrap();
    for arn in [SHELL, OTHER] {
        iam.attach_user_policy().user_name(&name).policy_arn(arn).send().await.unwrap();
    }
    let id = format!("arn:aws:iam::{}:user/team/{name}", place.account);
    place.staged(id, boxed!(of_user, id)).of_kind("AwsIamUser")
}

async fn of_user(place: &Place<'_>, id: &str) -> Json {
    arns(client(place).list_attached_user_policies().user_name(name_of(id)).send().await.unwrap().attached_policies())
}

async fn role(place: &Place<'_>) -> Staged {
    let (iam, name) = (client(place), format!("app-{}", unique()));
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
    iam.create_role().role_name(&name).assume_role_policy_document(trust.to_string()).send().await.unwrap();
    for arn in [SHELL, OTHER] {
        iam.attach_role_policy().role_name(&name).policy_arn(arn).send().await.unwrap();
    }
    place.staged(format!("arn:aws:iam::{}:role/{name}", place.account), boxed!(of_role, id)).of_kind("AwsIamRole")
}

async fn of_role(place: &Place<'_>, id: &str) -> Json {
    arns(client(place).list_attached_role_policies().role_name(name_of(id)).send().await.unwrap().attached_policies())
}

async fn group(place: &Place<'_>) -> Staged {
    let (iam, name) = (client(place), format!("team-{}", unique()));
    iam.create_group().group_name(&name).send().await.unwrap();
    for arn in [SHELL, OTHER] {
        iam.attach_group_policy().group_name(&name).policy_arn(arn).send().await.unwrap();
    }
    place.staged(format!("arn:aws:iam::{}:group/{name}", place.account), boxed!(of_group, id)).of_kind("AwsIamGroup")
}

async fn of_group(place: &Place<'_>, id: &str) -> Json {
    arns(client(place).list_attached_group_policies().group_name(name_of(id)).send().await.unwrap().attached_policies())
}

async fn root_key(place: &Place<'_>) -> Staged {
    place.local.post("account-summary", &json!({"account": place.account.as_str(), "AccountAccessKeysPresent": 1}));
    place.staged(place.account_id(), boxed!(root_keys, id))
}

async fn root_keys(place: &Place<'_>, _id: &str) -> Json {
    let answer = client(place).get_account_summary().send().await.unwrap();
    json!(answer.summary_map().unwrap().get(&aws_sdk_iam::types::SummaryKeyType::AccountAccessKeysPresent))
}
