//! `infra/incident-policy.json`: the policy on incidents as shipped, to start one's own from; and the schema that editors check it against.

use std::io;

use redress_incidents::Policy;

use super::Generated;

pub(super) fn files() -> io::Result<[Generated; 2]> {
    let mut schema = serde_json::to_value(schemars::schema_for!(Policy))?;
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("title".into(), "A policy of Redress on incidents".into());
    }
    let file = |path: &str, text: String| Generated { path: path.into(), text: text + "\n" };
    Ok([
        file("infra/incident-policy.json", serde_json::to_string_pretty(&Policy::default())?),
        file("infra/incident-policy.schema.json", serde_json::to_string_pretty(&schema)?),
    ])
}
