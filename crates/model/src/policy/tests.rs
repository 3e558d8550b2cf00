use serde_json::json;

use super::*;
use crate::{AccountId, Class, Partition, Region, Resource};

fn known(control: &ControlId, params: &Json) -> Result<(), String> {
    let allowed: &[&str] = match control.as_str() {
        "IAM.15" => &["minimum_length"],
        "EC2.53" => &["ports", "except"],
        _ => &[],
    };
    let unknown = params.as_object().and_then(|params| params.keys().find(|key| !allowed.contains(&key.as_str())));
    unknown.map_or(Ok(()), |key| Err(format!("unknown field `{key}`, expected one of {}", allowed.join(", "))))
}

fn policy(text: &str) -> Policy {
    Policy::parse(text, Modes::default(), &known).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn problems(text: &str) -> Vec<String> {
    Policy::parse(text, Modes::default(), &known).unwrap_err().iter().map(ToString::to_string).collect()
}

fn bucket() -> Resource {
    Resource {
        kind: "AwsS3Bucket".into(),
        id: "arn:aws:s3:::payroll".into(),
        account: AccountId::try_from("111122223333").unwrap(),
        region: Region::try_from("eu-central-1").unwrap(),
        partition: Partition::try_from("aws").unwrap(),
        name: None,
        path: None,
    }
}

fn place() -> Place {
    let ou = |id: &str, name: &str| Ou { id: id.into(), name: name.into() };
    Place {
        organization: "o-exampleorg".into(),
        name: "payments".into(),
        root: "r-root".into(),
        ous: vec![ou("ou-root-workload", "Workloads"), ou("ou-root-prod", "Prod"), ou("ou-root-cards", "Cards")],
    }
}

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn decided(text: &str, tags: Option<&Tags>, with_place: bool) -> Terms {
    let (resource, place, control) = (bucket(), place(), ControlId::try_from("S3.5").unwrap());
    let case = Case { control: &control, class: Class::Automatic, resource: &resource, place: with_place.then_some(&place), tags };
    policy(text).decide(&case, now())
}

fn mode(text: &str) -> Mode {
    decided(text, None, true).mode.value
}

#[test]
fn without_rules_the_modes_of_the_deployment_decide() {
    let terms = decided("version: 1", None, true);
    assert_eq!((terms.mode.value, terms.mode.by), (Mode::Plan, Source::Modes));
}

#[test]
fn a_later_rule_that_matches_replaces_an_earlier_one_and_its_line_is_named() {
    let text = "version: 1
rules:
  - mode: auto
  - name: careful
    for: {accounts: ['111122223333']}
    mode: approve
  - for: {accounts: ['999988887777']}
    mode: off
";
    let terms = decided(text, None, true);
    assert_eq!((terms.mode.value, terms.mode.by.to_string()), (Mode::Approve, "policy line 4 (careful)".into()));
}

#[test]
fn every_key_of_a_scope_must_match_and_of_a_list_one() {
    let rule = |scope: &str| mode(&format!("version: 1\nrules:\n  - for: {scope}\n    mode: auto\n"));
    for holds in [
        "{}",
        "{organization: o-exampleorg}",
        "{ou: [/Workloads]}",
        "{ou: [/Workloads/Prod]}",
        "{ou: [/]}",
        "{ou: [ou-root-prod]}",
        "{ou: [r-root]}",
        "{ou: [/Sandbox, /Workloads/Prod/Cards]}",
        "{accounts: [111122223333]}",
        "{regions: ['eu-*']}",
        "{resources: ['arn:aws:s3:::pay*']}",
        "{controls: [S3.5]}",
        "{controls: ['S3.*']}",
        "{classes: [A, G]}",
    ] {
        assert_eq!(rule(holds), Mode::Auto, "{holds}");
    }
    for fails in [
        "{organization: o-another}",
        "{ou: [/Prod]}",
        "{ou: [/Workloads/Production]}",
        "{ou: [/Workloads/Prod/Cards/Deeper]}",
        "{ou: [ou-root-other]}",
        "{accounts: ['999988887777']}",
        "{regions: [eu-central-2]}",
        "{resources: ['arn:aws:s3:::Pay*']}",
        "{controls: [S3.8]}",
        "{classes: [G]}",
        "{accounts: ['111122223333'], regions: [us-east-1]}",
    ] {
        assert_eq!(rule(fails), Mode::Plan, "{fails}");
    }
}

#[test]
fn a_rule_about_tags_waits_until_they_are_read() {
    let text = "version: 1\nrules:\n  - for: {tags: {env: [dev, test], team: '*'}}\n    mode: auto\n";
    let terms = decided(text, None, true);
    assert!(terms.needs_tags && terms.mode.value == Mode::Plan);
    let tags = |env: &str| Tags::from([("env".into(), env.into()), ("team".into(), "web".into())]);
    assert_eq!(decided(text, Some(&tags("test")), true).mode.value, Mode::Auto);
    assert_eq!(decided(text, Some(&tags("prod")), true).mode.value, Mode::Plan);
    assert_eq!(decided(text, Some(&Tags::from([("env".into(), "dev".into())])), true).mode.value, Mode::Plan);
}

#[test]
fn what_is_not_known_of_the_place_leaves_nothing_but_a_plan() {
    let text = "version: 1\nrules:\n  - for: {ou: [/Sandbox]}\n    mode: off\n  - mode: auto\n";
    assert_eq!(decided(text, None, true).mode.value, Mode::Auto);
    let terms = decided(text, None, false);
    assert_eq!(terms.mode.value, Mode::Plan);
    assert!(terms.closed.unwrap().contains("line 3"));
    let elsewhere = "version: 1\nrules:\n  - for: {ou: [/Sandbox], accounts: ['999988887777']}\n    mode: off\n  - mode: auto\n";
    assert_eq!(decided(elsewhere, None, false).mode.value, Mode::Auto, "the account alone rules it out");
}

#[test]
fn a_broken_policy_leaves_nothing_but_a_plan() {
    let modes: Modes = "auto".parse().unwrap();
    let (resource, control) = (bucket(), ControlId::try_from("S3.5").unwrap());
    let case = Case { control: &control, class: Class::Automatic, resource: &resource, place: None, tags: None };
    let terms = Policy::broken(modes.clone(), "access denied").decide(&case, now());
    assert_eq!(terms.mode.value, Mode::Plan);
    assert!(terms.closed.unwrap().contains("access denied"));
    assert_eq!(Policy::of_modes(modes).decide(&case, now()).mode.value, Mode::Auto);
}

#[test]
fn protections_add_up_and_everything_else_is_replaced() {
    let text = "version: 1
rules:
  - protected_tags: {keep: '*'}
    break_glass: ['arn:aws:s3:::vault']
    params: {S3.5: {}}
    blast_radius: {changes: 5}
  - protected_tags: {tier: [gold, 1]}
    break_glass: ['arn:aws:s3:::pay*']
    blast_radius: {percent: 10}
    contested: {times: 2, hours: 6}
    owned_by_code: change
    approval_days: 3
    change_windows: [{days: [sun], from: '00:00', to: '00:00', zone: UTC}]
";
    let terms = decided(text, None, true);
    let tags = |key: &str, value: &str| Tags::from([(key.to_owned(), value.to_owned())]);
    assert!(terms.protection(&tags("keep", "")).unwrap().contains("line 3"));
    assert!(terms.protection(&tags("tier", "1")).unwrap().contains("line 7"));
    assert_eq!(terms.protection(&tags("tier", "silver")), None);
    assert!(terms.glass(&bucket()).unwrap().contains("arn:aws:s3:::pay*"));
    assert_eq!(terms.blast_radius.value, BlastRadius { changes: 100, percent: Some(10) });
    assert_eq!((terms.contested.value.times, terms.approval_days.value), (2, 3));
    assert_eq!(terms.owned_by_code.value, OwnedByCode::Change);
    assert_eq!(terms.opens(now()), Some("2026-11-22T00:00:00Z".parse().unwrap()));
    assert_eq!(terms.opens("2026-11-22T01:00:00Z".parse().unwrap()), None);
}

#[test]
fn a_principal_whose_name_is_not_known_may_be_the_break_glass_user() {
    let terms = decided("version: 1\nrules:\n  - break_glass: ['arn:*:iam::*:user/break-glass']\n", None, true);
    let user = |id: &str, name: Option<&str>| Resource {
        path: name.map(|_| "/".to_owned()),
        id: format!("arn:aws:iam::111122223333:user/{id}"),
        name: name.map(str::to_owned),
        ..bucket()
    };
    let unique = "AIDACKCEVSQ6C2EXAMPLE";
    assert!(terms.glass(&user("break-glass", None)).is_some());
    assert!(terms.glass(&user(unique, Some("break-glass"))).is_some());
    assert!(terms.glass(&user(unique, None)).is_some());
    assert_eq!(terms.glass(&user(unique, Some("ann"))), None);
    assert_eq!(terms.glass(&user("ann", None)), None);
    let pathless = Resource { path: None, ..user(unique, Some("ann")) };
    assert!(terms.glass(&pathless).is_some(), "a pattern may ask for the path");
}

fn exempt(until: &str, scope: &str) -> String {
    format!(
        "version: 1\nexemptions:\n  - controls: [S3.5]\n    for: {scope}\n    reason: static site\n    owner: web\n    approved_by: ciso\n    until: {until}\n"
    )
}

#[test]
fn an_exemption_counts_through_its_last_day_and_for_everything_below_its_scope() {
    assert!(decided(&exempt("2026-11-21", "{ou: [/Workloads]}"), None, true).exemption.unwrap().value.to_string().contains("static site"));
    assert_eq!(decided(&exempt("2026-11-20", "{ou: [/Workloads]}"), None, true).exemption, None, "expired");
    assert_eq!(decided(&exempt("2026-12-31", "{ou: [/Sandbox]}"), None, true).exemption, None, "elsewhere");
    let terms = decided(&exempt("2026-12-31", "{ou: [/Workloads]}"), None, false);
    assert_eq!(terms.mode.value, Mode::Plan, "whether it is exempt is not known");
}

#[test]
fn an_exemption_of_one_rule_is_handed_to_the_control() {
    let text = "version: 1
rules:
  - params: {EC2.53: {ports: [22]}}
exemptions:
  - {controls: [EC2.53], rule: tcp 22 from 203.0.113.0/24, reason: office, owner: net, approved_by: ciso, until: 2027-01-31}
";
    let (resource, control) = (bucket(), ControlId::try_from("EC2.53").unwrap());
    let case = Case { control: &control, class: Class::Automatic, resource: &resource, place: None, tags: None };
    let terms = policy(text).decide(&case, now());
    assert_eq!(terms.params, json!({"ports": [22]}));
    assert_eq!(terms.params_with_exemptions(), json!({"ports": [22], "except": ["tcp 22 from 203.0.113.0/24"]}));
    assert_eq!(terms.exemption, None);
}

#[test]
fn a_mistake_is_named_with_its_line_and_what_was_probably_meant() {
    for (text, expected) in [
        ("", vec!["line 1"]),
        ("version: 2", vec!["line 1", "write 1"]),
        ("version: 1\nrulez: []", vec!["line 2", "`rulez`", "did you mean `rules`?"]),
        ("version: 1\nrules:\n  - mode: atuo", vec!["line 3", "`atuo`", "did you mean `auto`?"]),
        ("version: 1\nrules:\n  - for: {account: ['1']}\n    mode: off", vec!["line 3", "did you mean `accounts`?"]),
        ("version: 1\nrules:\n  - for: {accounts: ['12']}\n    mode: off", vec!["line 3", "`12`", "twelve-digit"]),
        ("version: 1\nrules:\n  - for: {controls: [S3.55]}\n    mode: off", vec!["line 3", "`S3.55`", "did you mean `S3.5`?"]),
        (
            "version: 1\nrules:\n  - mode: off\n    params:\n      IAM.15: {minimum_lenght: 16}",
            vec!["line 5", "did you mean `minimum_length`?"],
        ),
        ("version: 1\nrules:\n  - mode: off\n    params: {Lambda.1: {}}", vec!["line 4", "`Lambda.1`"]),
        ("version: 1\nrules:\n  - for: {ou: [Workloads]}\n    mode: off", vec!["line 3", "`Workloads`", "ou-"]),
        ("version: 1\nrules:\n  - name: nothing", vec!["line 3", "says nothing"]),
        ("version: 1\nrules:\n  - contested: {times: 11, hours: 1}", vec!["line 3", "contested.times is 11"]),
        ("version: 1\nrules:\n  - change_windows: [{days: [mon], from: '9', to: '10:00', zone: UTC}]", vec!["line 3", "`9`"]),
        (
            "version: 1\nrules:\n  - change_windows: [{days: [mon], from: '09:00', to: '10:00', zone: Berlin}]",
            vec!["line 3", "Europe/Berlin"],
        ),
        (
            "version: 1\nrules:\n  - change_windows: [{days: [], from: '09:00', to: '10:00', zone: UTC}]",
            vec!["line 3", "`days`", "never open"],
        ),
        ("version: 1\nrules:\n  - for: {tags: {env: []}}\n    mode: off", vec!["line 3", "empty list"]),
        ("version: 1\nrules:\n  - mode: off\n    mode: auto", vec!["line 4", "duplicate"]),
    ] {
        let said = problems(text).join("\n");
        assert!(expected.iter().all(|words| said.contains(words)), "{text}\n-> {said}");
    }
}

#[test]
fn all_problems_that_can_be_told_at_once_are() {
    let text = "version: 1
rules:
  - name: nothing
exemptions:
  - {controls: [S3.5], rule: x, reason: '', owner: o, approved_by: a, until: 2027-01-31}
";
    let said = problems(text);
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[1].contains("`reason` is empty") && said[2].contains("cannot leave out one rule"), "{said:?}");
}
