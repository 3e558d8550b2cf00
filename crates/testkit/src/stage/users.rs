//! Users with credentials and policies of their own, certificates, and who handles cases with AWS Support.

use serde_json::{Value as Json, json};

use super::{Back, Case, Ending, Place, Staged, boxed};
use crate::events::unique;

pub(super) const CASES: &[Case] = &[
    Case::new("IAM.22", "an unused key beside one in use", boxed!(unused_key)),
    Case::new("IAM.22", "an unused password", boxed!(unused_password)).ends(Ending::Told),
    Case::new("IAM.22", "an unused password that may be removed", boxed!(unused_password))
        .params(r#"{"remove_console": true}"#)
        .back(Back::Refused("a password cannot be brought back")),
    Case::new("IAM.3", "an old key that nobody uses", boxed!(old_key)),
    Case::new("IAM.3", "an old key in use", boxed!(old_key_in_use)),
    Case::new("IAM.2", "managed and inline policies", boxed!(own_policies)).touches(&["RESOURCE", "redress-ann"]),
    Case::new("IAM.5", "a password and no second factor", boxed!(no_second_factor)).ends(Ending::Told),
    Case::new("IAM.18", "nobody, and somebody is named", boxed!(nobody_for_support))
        .params(r#"{"trusted": "arn:aws:iam::ACCOUNT:role/incident-lead"}"#)
        .touches(&["support-access"]),
    Case::new("IAM.18", "nobody, and nobody is named", boxed!(nobody_for_support)).ends(Ending::Told),
    Case::new("IAM.26", "expired and unused", boxed!(expired)).back(Back::Refused("private key")).touches(&["certificates/"]),
    Case::new("IAM.26", "expired and on a classic load balancer", boxed!(expired_on_classic)).ends(Ending::Told),
    Case::new("IAM.26", "expired and on a load balancer", boxed!(expired_in_use)).ends(Ending::Told),
];

fn client(place: &Place<'_>) -> aws_sdk_iam::Client {
    aws_sdk_iam::Client::new(&place.sdk)
}

fn name_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap()
}

/// A new user, and its name.
async fn user(place: &Place<'_>) -> (aws_sdk_iam::Client, String) {
    let (iam, name) = (client(place), format!("ann-{}", unique()));
    iam.create_user().user_name(&name).path("/team/").send().await.unwrap();
    (iam, name)
}

fn staged(place: &Place<'_>, user: &str) -> Staged {
    place.staged(format!("arn:aws:iam::{}:user/team/{user}", place.account), boxed!(credentials, id)).of_kind("AwsIamUser")
}

async fn key(iam: &aws_sdk_iam::Client, user: &str) -> String {
    iam.create_access_key().user_name(user).send().await.unwrap().access_key.unwrap().access_key_id
}

async fn unused_key(place: &Place<'_>) -> Staged {
    let (iam, user) = user(place).await;
    let (unused, daily) = (key(&iam, &user).await, key(&iam, &user).await);
    let keys = json!({unused: {"created_days": 200, "last_used_days": 46}, daily: {"created_days": 200, "last_used_days": 1}});
    place.local.post("iam-age", &json!({"account": place.account.as_str(), "user": user, "created_days": 300, "keys": keys}));
    staged(place, &user)
}

async fn unused_password(place: &Place<'_>) -> Staged {
    let (iam, user) = user(place).await;
    iam.create_login_profile().user_name(&user).password("not-a-secret-1A!").send().await.unwrap();
    let ages = json!({"account": place.account.as_str(), "user": user, "created_days": 300, "login_profile_created_days": 100, "password_last_used_days": 60});
    place.local.post("iam-age", &ages);
    staged(place, &user)
}

async fn old_key(place: &Place<'_>) -> Staged {
    old(place, json!({"created_days": 120, "last_used_days": null})).await
}

async fn old_key_in_use(place: &Place<'_>) -> Staged {
    old(place, json!({"created_days": 120, "last_used_days": 2, "last_used_service": "s3"})).await
}

async fn old(place: &Place<'_>, ages: Json) -> Staged {
    let (iam, user) = user(place).await;
    let (old, young) = (key(&iam, &user).await, key(&iam, &user).await);
    let keys = json!({old: ages, young: {"created_days": 3, "last_used_days": 0}});
    place.local.post("iam-age", &json!({"account": place.account.as_str(), "user": user, "created_days": 300, "keys": keys}));
    staged(place, &user)
}

async fn no_second_factor(place: &Place<'_>) -> Staged {
    let (iam, user) = user(place).await;
    iam.create_login_profile().user_name(&user).password("not-a-secret-1A!").send().await.unwrap();
    staged(place, &user)
}

/// Keys by their order and status, and whether there is a password.
async fn credentials(place: &Place<'_>, arn: &str) -> Json {
    let iam = client(place);
    let keys = iam.list_access_keys().user_name(name_of(arn)).send().await.unwrap();
    let mut keys: Vec<_> = keys
        .access_key_metadata()
        .iter()
        .map(|key| (key.access_key_id().unwrap().to_owned(), key.status().unwrap().as_str().to_owned()))
        .collect();
    keys.sort();
    let profile = iam.get_login_profile().user_name(name_of(arn)).send().await.is_ok();
    json!({"keys": keys, "password": profile})
}

async fn own_policies(place: &Place<'_>) -> Staged {
    let (iam, user) = user(place).await;
    iam.attach_user_policy().user_name(&user).policy_arn("arn:aws:iam::aws:policy/ReadOnlyAccess").send().await.unwrap();
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::reports/${aws:username}/*"}]});
    iam.put_user_policy().user_name(&user).policy_name("reports").policy_document(policy.to_string()).send().await.unwrap();
    let group = format!("everybody-{}", unique());
    iam.create_group().group_name(&group).send().await.unwrap();
    iam.add_user_to_group().group_name(&group).user_name(&user).send().await.unwrap();
    place.staged(format!("arn:aws:iam::{}:user/team/{user}", place.account), boxed!(policies, id)).of_kind("AwsIamUser")
}

async fn policies(place: &Place<'_>, arn: &str) -> Json {
    let (iam, user) = (client(place), name_of(arn));
    let attached = iam.list_attached_user_policies().user_name(user).send().await.unwrap();
    let attached: Vec<_> = attached.attached_policies().iter().map(|policy| policy.policy_arn().unwrap().to_owned()).collect();
    let inline = iam.list_user_policies().user_name(user).send().await.unwrap().policy_names().to_vec();
    let groups = iam.list_groups_for_user().user_name(user).send().await.unwrap();
    let mut groups: Vec<_> = groups.groups().iter().map(|group| group.group_name().to_owned()).collect();
    groups.sort();
    let all = iam.list_groups().send().await.unwrap().groups().len();
    json!({"attached": attached, "inline": inline, "groups": groups, "groups of the account": all})
}

async fn nobody_for_support(place: &Place<'_>) -> Staged {
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{}:root", place.account)}, "Action": "sts:AssumeRole"}]});
    let call = client(place).create_role().role_name("incident-lead").assume_role_policy_document(trust.to_string());
    // Another example of the same account may have made it.
    let _ = call.send().await;
    place.staged(place.account_id(), boxed!(support, id))
}

async fn support(place: &Place<'_>, _id: &str) -> Json {
    let answer = client(place).list_entities_for_policy().policy_arn("arn:aws:iam::aws:policy/AWSSupportAccess").send().await.unwrap();
    let roles: Vec<_> = answer.policy_roles().iter().map(|role| role.role_name().unwrap().to_owned()).collect();
    let made = client(place).get_role().role_name("support-access").send().await.is_ok();
    json!({"roles": roles, "made": made})
}

/// Nobody can use it: it is made for these examples, and its private key is thrown away.
const CERTIFICATE: &str = include_str!("certificate.pem");

async fn expired(place: &Place<'_>) -> Staged {
    let key = "-----BEGIN RSA PRIVATE KEY-----\nthrown away\n-----END RSA PRIVATE KEY-----";
    let call = client(place).upload_server_certificate().server_certificate_name("shop").certificate_body(CERTIFICATE).private_key(key);
    let arn = call.send().await.unwrap().server_certificate_metadata.unwrap().arn;
    place.local.post("iam-age", &json!({"account": place.account.as_str(), "certificates": {"shop": {"expires_in_days": -3}}}));
    place.staged(arn, boxed!(certificates, id))
}

async fn expired_on_classic(place: &Place<'_>) -> Staged {
    let staged = expired(place).await;
    let listener = aws_sdk_elasticloadbalancing::types::Listener::builder()
        .protocol("HTTPS")
        .load_balancer_port(443)
        .instance_port(80)
        .ssl_certificate_id(&staged.resource)
        .build()
        .unwrap();
    let call = aws_sdk_elasticloadbalancing::Client::new(&place.sdk).create_load_balancer().load_balancer_name("shop").listeners(listener);
    call.availability_zones(format!("{}a", place.region)).send().await.unwrap();
    staged
}

async fn expired_in_use(place: &Place<'_>) -> Staged {
    use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, Certificate, ProtocolEnum};

    let staged = expired(place).await;
    let subnets = aws_sdk_ec2::Client::new(&place.sdk).describe_subnets().send().await.unwrap();
    let subnets = subnets.subnets().iter().take(2).map(|subnet| subnet.subnet_id().unwrap().to_owned()).collect();
    let client = aws_sdk_elasticloadbalancingv2::Client::new(&place.sdk);
    let made = client.create_load_balancer().name("shop").set_subnets(Some(subnets)).send().await.unwrap();
    let target = client.create_target_group().name("shop").protocol(ProtocolEnum::Http).port(80);
    let vpcs = aws_sdk_ec2::Client::new(&place.sdk).describe_vpcs().send().await.unwrap();
    let target = target.vpc_id(vpcs.vpcs()[0].vpc_id().unwrap()).send().await.unwrap();
    let forward = Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(target.target_groups()[0].target_group_arn().unwrap());
    let call = client.create_listener().load_balancer_arn(made.load_balancers()[0].load_balancer_arn().unwrap());
    let call = call.protocol(ProtocolEnum::Https).port(443).default_actions(forward.build());
    call.certificates(Certificate::builder().certificate_arn(&staged.resource).build()).send().await.unwrap();
    // A new one is being provisioned until somebody looks.
    client.describe_load_balancers().send().await.unwrap();
    staged
}

async fn certificates(place: &Place<'_>, _id: &str) -> Json {
    let answer = client(place).list_server_certificates().send().await.unwrap();
    json!(answer.server_certificate_metadata_list().iter().map(|one| one.server_certificate_name().to_owned()).collect::<Vec<_>>())
}
