//! A key.

use serde_json::{Value as Json, json};

use super::{Case, Place, Staged, boxed};

pub(super) const CASES: &[Case] = &[Case::new("KMS.4", "a symmetric key", boxed!(key))];

async fn key(place: &Place<'_>) -> Staged {
    let made = aws_sdk_kms::Client::new(&place.sdk).create_key().send().await.unwrap();
    place.staged(made.key_metadata.unwrap().arn.unwrap(), boxed!(rotation, id))
}

async fn rotation(place: &Place<'_>, arn: &str) -> Json {
    json!(aws_sdk_kms::Client::new(&place.sdk).get_key_rotation_status().key_id(arn).send().await.unwrap().key_rotation_enabled)
}
