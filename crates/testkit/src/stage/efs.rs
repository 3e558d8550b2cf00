//! File systems.

use aws_sdk_efs::types::{LifecyclePolicy, Tag, TransitionToIaRules};
use serde_json::{Value as Json, json};

use super::{Back, Case, Ending, Place, Staged, boxed};

pub(super) const CASES: &[Case] = &[
    Case::new("EFS.1", "with a life cycle and a mount target", boxed!(unencrypted))
        .ends(Ending::Prepared)
        .back(Back::Refused("delete-file-system"))
        .touches(&["efs/", "elasticfilesystem/", "ec2/", "kms/"]),
    Case::new("EFS.8", "with a life cycle and a mount target", boxed!(unencrypted)).ends(Ending::Told),
];

fn client(place: &Place<'_>) -> aws_sdk_efs::Client {
    aws_sdk_efs::Client::new(&place.sdk)
}

async fn unencrypted(place: &Place<'_>) -> Staged {
    let efs = client(place);
    let tag = Tag::builder().key("team").value("shop").build().unwrap();
    let made = efs
        .create_file_system()
        .creation_token(format!("files-{}", crate::events::unique()))
        .encrypted(false)
        .tags(tag)
        .send()
        .await
        .unwrap();
    let id = made.file_system_id().to_owned();
    let after = LifecyclePolicy::builder().transition_to_ia(TransitionToIaRules::After30Days).build();
    efs.put_lifecycle_configuration().file_system_id(&id).lifecycle_policies(after).send().await.unwrap();
    let statement = json!({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "elasticfilesystem:ClientMount", "Resource": place.arn("elasticfilesystem", &format!("file-system/{id}"))});
    let policy = json!({"Version": "2012-10-17", "Statement": [statement]});
    efs.put_file_system_policy().file_system_id(&id).policy(policy.to_string()).send().await.unwrap();
    let subnets = aws_sdk_ec2::Client::new(&place.sdk).describe_subnets().send().await.unwrap();
    let subnet = subnets.subnets()[0].subnet_id().unwrap();
    efs.create_mount_target().file_system_id(&id).subnet_id(subnet).send().await.unwrap();
    place.staged(place.arn("elasticfilesystem", &format!("file-system/{id}")), boxed!(systems, id))
}

/// The file system and its twin, with where they can be mounted.
async fn systems(place: &Place<'_>, arn: &str) -> Json {
    let name = arn.rsplit('/').next().unwrap();
    let efs = client(place);
    let mut seen = Vec::new();
    for system in efs.describe_file_systems().send().await.unwrap().file_systems() {
        let id = system.file_system_id();
        if id != name && system.creation_token() != format!("redress-twin-of-{name}") {
            continue;
        }
        let mounts = efs.describe_mount_targets().file_system_id(id).send().await.unwrap();
        let lifecycle = efs.describe_lifecycle_configuration().file_system_id(id).send().await.unwrap();
        seen.push(json!([id, system.encrypted, mounts.mount_targets().len(), lifecycle.lifecycle_policies().len()]));
    }
    seen.sort_by_key(Json::to_string);
    json!(seen)
}
