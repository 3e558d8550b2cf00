//! `infra/security-group-policy.schema.json`: what editors check a security-group policy against.

use std::io;

use redress_exposure::Policy;

use super::Generated;

pub(super) fn file() -> io::Result<Generated> {
    let mut schema = serde_json::to_value(Policy::json_schema())?;
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("title".into(), "A policy of Redress on security groups".into());
    }
    Ok(Generated { path: "infra/security-group-policy.schema.json".into(), text: serde_json::to_string_pretty(&schema)? + "\n" })
}
