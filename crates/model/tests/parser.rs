//! Whatever comes, nothing panics and nothing is accepted that must not be: with arbitrary JSON, and with real events that were changed.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod examine;

use std::{fs, path::Path, sync::LazyLock};

use examine::examine;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

static SHELF: LazyLock<Vec<Value>> = LazyLock::new(shelf);

/// Every event of the shelf, and Prowler's files.
fn shelf() -> Vec<Value> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_path_buf();
    let mut folders = vec![top.join("events"), top.join("tests/prowler/files")];
    let mut all = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if entry.path().extension().is_some_and(|end| end == "json") {
                let json: Value = serde_json::from_slice(&fs::read(entry.path()).unwrap()).unwrap();
                match json {
                    Value::Array(list) => all.extend(list.into_iter().take(3)),
                    one => all.push(one),
                }
            }
        }
    }
    assert!(all.len() > 30);
    all
}

/// Words that mean something to the parser, among words that do not.
fn word() -> impl Strategy<Value = String> {
    let known = [
        "111122223333",
        "999988887777",
        "S3.5",
        "IAM.15",
        "FAILED",
        "PASSED",
        "NEW",
        "SUPPRESSED",
        "ACTIVE",
        "aws.securityhub",
        "Security Hub Findings - Imported",
        "Findings Imported V2",
        "arn:aws:s3:::logs",
        "arn:aws:s3:us-east-1:999988887777:x",
        "arn:aws:securityhub:us-east-1::product/aws/securityhub",
        "arn:aws:securityhub:us-east-1:111122223333:product/111122223333/default",
        "arn:aws:securityhub:us-east-1::productv2/aws/securityhub",
        "arn:aws-cn:iam::999988887777:user/a",
        "AWS::::Account:999988887777",
        "",
        "prowler-s3_bucket_secure_transport_policy",
        "us-east-1",
        "not a region",
        "security-control/S3.5",
        "Fail",
        "\u{0}\u{fffd}",
    ];
    prop_oneof![3 => prop::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => ".{0,40}"]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word().prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let names = prop_oneof![
            prop::sample::select(vec![
                "Id",
                "ProductArn",
                "AwsAccountId",
                "Resources",
                "Compliance",
                "Status",
                "Workflow",
                "detail",
                "findings",
                "source",
                "class_uid",
                "cloud"
            ])
            .prop_map(str::to_owned),
            word()
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((names, inner), 0..6).prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// All places in a value, as pointers.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, inner)| pointers(inner, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), all));
        }
        Value::Array(list) => list.iter().enumerate().for_each(|(index, inner)| pointers(inner, &format!("{at}/{index}"), all)),
        _ => {}
    }
}

#[test]
fn the_shelf_as_it_is_is_accepted() {
    let accepted = SHELF.iter().filter(|event| examine(&event.to_string()) > 0).count();
    assert!(accepted > 30, "{accepted} of {}", SHELF.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_json_is_never_wrongly_accepted(json in any_json()) {
        examine(&json.to_string());
    }

    #[test]
    fn arbitrary_text_is_never_wrongly_accepted(text in ".{0,200}") {
        examine(&text);
    }

    /// One to three places of a real event hold something else.
    #[test]
    fn a_changed_event_is_never_wrongly_accepted(which in any::<prop::sample::Index>(), changes in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![word().prop_map(Value::from), any_json()]), 1..4)) {
        let mut event = which.get(&SHELF).clone();
        for (place, new) in changes {
            let mut all = Vec::new();
            pointers(&event, "", &mut all);
            if let Some(slot) = event.pointer_mut(place.get(&all).as_str()) {
                *slot = new;
            }
        }
        examine(&event.to_string());
        examine(&json!([event]).to_string());
    }
}
