//! `infra/policy.schema.json`: what editors check a policy against, with every control and its parameters.

use std::io;

use redress_controls::all;
use redress_model::policy::Document;
use serde_json::{Value as Json, json};

use super::Generated;

pub(super) fn file() -> io::Result<Generated> {
    let mut schema = serde_json::to_value(schemars::schema_for!(Document))?;
    let mut params = serde_json::Map::new();
    for entry in all() {
        let mut of = serde_json::to_value(entry.schema())?;
        // Parameters without any are an empty object.
        if of.get("type").and_then(Json::as_str) == Some("null") {
            of = json!({ "type": "object", "maxProperties": 0 });
        }
        if let Some(fields) = of.as_object_mut() {
            fields.remove("$schema");
            fields.remove("title");
        }
        params.insert(entry.spec.id.into(), of);
    }
    let ids: Vec<&str> = all().map(|entry| entry.spec.id).collect();
    set(
        &mut schema,
        "/$defs/Rule/properties/params",
        json!({ "type": "object", "description": "Parameters, by control.", "additionalProperties": false, "properties": params }),
    )?;
    let patterns = json!({ "anyOf": [{ "enum": ids }, { "type": "string", "pattern": r"^([A-Z][A-Za-z0-9]*\.)?\*$" }] });
    set(&mut schema, "/$defs/ControlPattern", patterns)?;
    for pointer in ["/$defs/Scope/properties/accounts/items", "/$defs/AccountId"] {
        let _ = set(&mut schema, pointer, json!({ "type": "string", "pattern": "^[0-9]{12}$" }));
    }
    let time = json!({ "type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$" });
    for name in ["from", "to"] {
        narrow(&mut schema, &format!("/$defs/Window/properties/{name}"), &time)?;
    }
    narrow(&mut schema, "/$defs/Window/properties/days", &json!({ "minItems": 1 }))?;
    narrow(&mut schema, "/$defs/Exemption/properties/controls", &json!({ "minItems": 1 }))?;
    narrow(&mut schema, "/$defs/Scope/properties/ou/items", &json!({ "pattern": "^(/|ou-|r-)" }))?;
    narrow(&mut schema, "/$defs/Scope/properties/organization", &json!({ "pattern": "^o-" }))?;
    set(&mut schema, "/title", json!("A policy of Redress"))?;
    Ok(Generated { path: "infra/policy.schema.json".into(), text: serde_json::to_string_pretty(&schema)? + "\n" })
}

/// Adds what the types cannot say.
fn narrow(schema: &mut Json, pointer: &str, more: &Json) -> io::Result<()> {
    let slot = schema.pointer_mut(pointer).and_then(Json::as_object_mut);
    let slot = slot.ok_or_else(|| io::Error::other(format!("the schema of a policy has no {pointer}")))?;
    slot.extend(more.as_object().cloned().unwrap_or_default());
    Ok(())
}

fn set(schema: &mut Json, pointer: &str, value: Json) -> io::Result<()> {
    let slot = schema.pointer_mut(pointer).ok_or_else(|| io::Error::other(format!("the schema of a policy has no {pointer}")))?;
    *slot = value;
    Ok(())
}
