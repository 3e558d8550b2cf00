//! # Risk
//! Without a deny, S3 answers over plain HTTP too: data, signatures and tokens can be read and changed on the way.
//!
//! # Remedy
//! Adds one statement to the bucket policy that denies every action on the bucket and its objects where `aws:SecureTransport` is false. All
//! other statements stay as they are. A policy that denies the same in other words counts as compliant.
//!
//! # Impact
//! Clients that still use `http://` are refused. A bucket that serves a website does so without TLS, so it is changed only after approval.
//! A policy that would grow beyond S3's limit of 20 KB is left to a person.
//!
//! # Undo
//! Exact: the earlier policy is written back, or the policy is deleted where there was none.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::s3::{BucketFacts, BucketPolicy};
use serde_json::{Map, Value as Json, json};

use crate::bucket::bucket_of;

/// S3.5
pub struct HttpsOnly;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<HttpsOnly>();

/// S3 takes policies up to this many bytes.
///
/// See <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html>.
const POLICY_LIMIT: usize = 20 * 1024;
const SID: &str = "DenyInsecureTransport";

impl Control for HttpsOnly {
    const SPEC: Spec = Spec {
        id: "S3.5",
        title: "Buckets answer requests over TLS only",
        severity: Severity::Medium,
        class: Class::Automatic,
        scope: Scope::Regional,
        resources: &["AwsS3Bucket"],
        prowler: &["s3_bucket_secure_transport_policy"],
        config_rules: &["s3-bucket-ssl-requests-only"],
        in_code: InCode {
            cloudformation: "a Deny of s3:* on bucket and objects with Bool aws:SecureTransport false in the BucketPolicy",
            terraform: "a Deny of s3:* on bucket and objects with Bool aws:SecureTransport false in aws_s3_bucket_policy",
        },
    };
    type Setting = BucketPolicy;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<BucketPolicy> {
        bucket_of(resource).map(|bucket| BucketPolicy { bucket })
    }

    fn want(value: &Option<Json>, facts: &BucketFacts, _params: &()) -> Want<Option<Json>> {
        let old = value.as_ref().map(statements).unwrap_or_default();
        if denies_plain_http(&old, &facts.arn) {
            return Want::Keep;
        }
        let mut policy = match value {
            Some(Json::Object(policy)) => policy.clone(),
            Some(_) => return Want::Tell("the bucket policy is not an object: mend it by hand.".into()),
            None => Map::from_iter([("Version".to_owned(), json!("2012-10-17"))]),
        };
        let mut new = old.clone();
        new.push(deny(&facts.arn, &free_sid(&old)));
        policy.insert("Statement".into(), Json::Array(new));
        let policy = Json::Object(policy);
        if policy.to_string().len() > POLICY_LIMIT {
            return Want::Tell(format!(
                "the policy of {} has no room for another statement (20 KB): shorten it, then deny requests where aws:SecureTransport is false.",
                facts.arn
            ));
        }
        if facts.serves_website {
            return Want::Ask { to: Some(policy), why: "the bucket serves a website, which S3 does over plain HTTP".into() };
        }
        Want::Set(Some(policy))
    }
}

/// `Statement` may be a list or a single object.
fn statements(policy: &Json) -> Vec<Json> {
    match policy.get("Statement") {
        Some(Json::Array(list)) => list.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    }
}

fn deny(arn: &str, sid: &str) -> Json {
    json!({
        "Sid": sid,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, format!("{arn}/*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    })
}

/// A Sid must be unique within its policy.
fn free_sid(statements: &[Json]) -> String {
    let taken = |sid: &str| statements.iter().any(|statement| statement.get("Sid").and_then(Json::as_str) == Some(sid));
    let numbered = (2..).map(|number| format!("{SID}{number}"));
    std::iter::once(SID.to_owned()).chain(numbered).find(|sid| !taken(sid)).unwrap_or_default()
}

/// Whether bucket and objects are both covered, by one statement or by several.
fn denies_plain_http(statements: &[Json], arn: &str) -> bool {
    let covers = |target: &str| statements.iter().any(|statement| denies_on(statement, target));
    covers(arn) && covers(&format!("{arn}/*"))
}

fn denies_on(statement: &Json, target: &str) -> bool {
    let everyone = match statement.get("Principal") {
        Some(Json::Object(principal)) => principal.get("AWS").is_some_and(|who| strings(who).contains(&"*")),
        Some(who) => strings(who).contains(&"*"),
        None => false,
    };
    let actions = statement.get("Action").map(strings).unwrap_or_default();
    let every_action = actions.iter().any(|action| matches!(action.to_ascii_lowercase().as_str(), "*" | "s3:*"));
    let resources = statement.get("Resource").map(strings).unwrap_or_default();
    let covered = resources.iter().any(|pattern| covers(pattern, target));
    statement.get("Effect").and_then(Json::as_str) == Some("Deny") && everyone && every_action && covered && only_plain_http(statement)
}

/// Whether a resource pattern covers all of `target`, which may itself end in a star.
fn covers(pattern: &str, target: &str) -> bool {
    pattern == target || pattern.strip_suffix('*').is_some_and(|head| !head.contains(['*', '?']) && target.starts_with(head))
}

/// Exactly the one condition: a second one would narrow the deny.
fn only_plain_http(statement: &Json) -> bool {
    let Some(Json::Object(condition)) = statement.get("Condition") else { return false };
    let [(operator, Json::Object(keys))] = condition.iter().collect::<Vec<_>>()[..] else { return false };
    let [(key, value)] = keys.iter().collect::<Vec<_>>()[..] else { return false };
    let is_false = *value == json!(false) || strings(value).iter().any(|text| text.eq_ignore_ascii_case("false"));
    matches!(operator.as_str(), "Bool" | "BoolIfExists") && key.eq_ignore_ascii_case("aws:SecureTransport") && is_false
}

/// One string, or a list of them.
fn strings(value: &Json) -> Vec<&str> {
    match value {
        Json::Array(list) => list.iter().filter_map(Json::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:s3:::logs";

    fn want(policy: Option<Json>) -> Want<Option<Json>> {
        HttpsOnly::want(&policy, &BucketFacts { arn: ARN.into(), serves_website: false }, &())
    }

    fn policy(statement: Json) -> Option<Json> {
        Some(json!({"Version": "2012-10-17", "Statement": statement}))
    }

    fn set(want: Want<Option<Json>>) -> Json {
        match want {
            Want::Set(Some(policy)) => policy,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn adds_one_deny_and_keeps_every_other_statement() {
        let read = json!({"Sid": "Read", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::1:root"}, "Action": "s3:GetObject", "Resource": format!("{ARN}/*")});
        let after = set(want(policy(json!([read]))));
        assert_eq!(after["Statement"], json!([read, deny(ARN, SID)]));
        assert_eq!(want(Some(after)), Want::Keep);
    }

    #[test]
    fn takes_a_statement_that_is_a_single_object() {
        let read = json!({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": format!("{ARN}/*")});
        assert_eq!(set(want(policy(read.clone())))["Statement"][0], read);
    }

    #[test]
    fn makes_a_policy_where_there_is_none() {
        let after = set(want(None));
        assert_eq!((after["Version"].as_str(), after["Statement"].as_array().map(Vec::len)), (Some("2012-10-17"), Some(1)));
    }

    #[test]
    fn an_equivalent_deny_in_other_words_is_compliant() {
        let both = [ARN.to_owned(), format!("{ARN}/*")];
        let deny = |principal: Json, action: Json, resource: Json, condition: Json| json!({"Effect": "Deny", "Principal": principal, "Action": action, "Resource": resource, "Condition": condition});
        let no_tls = json!({"Bool": {"aws:SecureTransport": "false"}});
        for statement in [
            deny(json!("*"), json!("s3:*"), json!(both), no_tls.clone()),
            deny(json!({"AWS": "*"}), json!(["s3:*"]), json!("*"), no_tls.clone()),
            deny(json!({"AWS": ["*"]}), json!("*"), json!(format!("{ARN}*")), json!({"BoolIfExists": {"AWS:securetransport": false}})),
        ] {
            assert_eq!(want(policy(json!([statement]))), Want::Keep, "{statement}");
        }
        let halves = json!([
            deny(json!("*"), json!("s3:*"), json!(ARN), no_tls.clone()),
            deny(json!("*"), json!("s3:*"), json!(format!("{ARN}/*")), no_tls)
        ]);
        assert_eq!(want(policy(halves)), Want::Keep);
    }

    #[test]
    fn a_narrower_deny_is_not_enough() {
        let full = deny(ARN, SID);
        let change = |key: &str, value: Json| {
            let mut statement = full.clone();
            statement[key] = value;
            statement
        };
        for statement in [
            change("Effect", json!("Allow")),
            change("Principal", json!({"AWS": "arn:aws:iam::1:root"})),
            change("Action", json!("s3:GetObject")),
            change("Resource", json!(ARN)),
            change("Resource", json!([ARN, format!("{ARN}/public/*")])),
            change("Condition", json!({"Bool": {"aws:SecureTransport": "true"}})),
            change("Condition", json!({"Bool": {"aws:SecureTransport": "false"}, "StringEquals": {"aws:SourceVpc": "v"}})),
            change("Condition", json!({"Bool": {"aws:SecureTransport": "false", "aws:ViaAWSService": "true"}})),
        ] {
            let after = set(want(policy(json!([statement]))));
            assert_eq!(after["Statement"].as_array().map(Vec::len), Some(2), "{statement}");
            assert_ne!(after["Statement"][1]["Sid"], after["Statement"][0]["Sid"], "Sids stay unique");
        }
    }

    #[test]
    fn a_website_needs_approval() {
        let facts = BucketFacts { arn: ARN.into(), serves_website: true };
        assert!(matches!(HttpsOnly::want(&None, &facts, &()), Want::Ask { to: Some(_), .. }));
    }

    #[test]
    fn a_full_policy_is_left_to_a_person() {
        let long = json!({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "x".repeat(POLICY_LIMIT - 100)});
        assert!(matches!(want(policy(json!([long]))), Want::Tell(_)));
    }
}
