//! The difference between two values, for people: a line for each leaf that changed.

use serde_json::{Map, Value as Json};

/// A line for each difference: `minimum_length: 8 -> 14`, `rules: - tcp 22 from 0.0.0.0/0`.
pub fn changes(from: &Json, to: &Json) -> Vec<String> {
    let mut lines = Vec::new();
    walk("", from, to, &mut lines);
    lines
}

fn walk(path: &str, from: &Json, to: &Json, lines: &mut Vec<String>) {
    match (from, to) {
        (one, other) if one == other => {}
        (Json::Null, Json::Object(_)) => walk(path, &Json::Object(Map::new()), to, lines),
        (Json::Object(_), Json::Null) => walk(path, from, &Json::Object(Map::new()), lines),
        (Json::Object(old), Json::Object(new)) => {
            let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
            for name in names {
                let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                walk(&inner, old.get(name).unwrap_or(&Json::Null), new.get(name).unwrap_or(&Json::Null), lines);
            }
        }
        (Json::Array(old), Json::Array(new)) => {
            let head = if path.is_empty() { String::new() } else { format!("{path}: ") };
            lines.extend(old.iter().filter(|item| !new.contains(item)).map(|item| format!("{head}- {}", show(item))));
            lines.extend(new.iter().filter(|item| !old.contains(item)).map(|item| format!("{head}+ {}", show(item))));
        }
        _ if path.is_empty() => lines.push(format!("{} -> {}", show(from), show(to))),
        _ => lines.push(format!("{path}: {} -> {}", show(from), show(to))),
    }
}

fn show(value: &Json) -> String {
    match value {
        Json::Null => "none".into(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_each_leaf_that_changed_and_no_other() {
        let lines = changes(&json!({"a": {"b": 1, "c": true}, "d": null}), &json!({"a": {"b": 2, "c": true}, "d": "x"}));
        assert_eq!(lines, ["a.b: 1 -> 2", "d: none -> x"]);
        assert_eq!(changes(&json!(null), &json!({"a": 1})), ["a: none -> 1"]);
        assert_eq!(changes(&json!({"a": 1}), &json!(null)), ["a: 1 -> none"]);
    }

    #[test]
    fn lists_show_what_came_and_went() {
        assert_eq!(changes(&json!(["a", "b"]), &json!(["b", "c"])), ["- a", "+ c"]);
        assert_eq!(changes(&json!(false), &json!(true)), ["false -> true"]);
        assert!(changes(&json!([1]), &json!([1])).is_empty());
    }
}
