//! The policy document, and what is judged and mended by it.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeMap;

use redress_exposure::{Group, Policy, PrefixLists, Rule, Severity, Step, locked_down, mend, run_tests};
use serde_json::{Value as Json, json};

fn policy(json: Json) -> Policy {
    Policy::parse(&json.to_string()).unwrap()
}

fn mistakes(json: Json) -> Vec<String> {
    Policy::parse(&json.to_string()).unwrap_err().iter().map(ToString::to_string).collect()
}

fn group(inbound: &[&str]) -> Group {
    let rule = |text: &&str| Rule { id: Some(format!("sgr-{text}")), ..text.parse().unwrap() };
    Group { id: "sg-12345678".into(), inbound: inbound.iter().map(rule).collect(), ..Group::default() }
}

fn ids(policy: &Policy, account: &str, group: &Group) -> Vec<String> {
    let now = "2026-06-01T00:00:00Z".parse().unwrap();
    policy.of_account(account).judge(group, &PrefixLists::new(), now).violations.into_iter().map(|one| one.rule_id).collect()
}

fn mended(policy: &Policy, group: &Group) -> Vec<String> {
    let rules = policy.of_account("");
    let judged = rules.judge(group, &PrefixLists::new(), jiff::Timestamp::UNIX_EPOCH);
    let after = mend(group, &judged.violations.iter().collect::<Vec<_>>(), &PrefixLists::new()).unwrap();
    after.inbound.iter().map(ToString::to_string).collect()
}

fn ssh() -> Json {
    json!({
        "rule_id": "NO_SSH", "description": "SSH from anywhere", "protocol": "tcp", "port_range": "22", "source": "0.0.0.0/0",
        "severity": "critical", "reason": "SSH is for known networks"
    })
}

fn no_ssh() -> Policy {
    policy(json!({"prohibited_rules": {"inbound": [ssh()]}}))
}

/// The shapes that people bring along: each loads as it is, alone and together.
fn snippets() -> Vec<Json> {
    vec![
        json!({"prohibited_rules": {"inbound": [{
            "rule_id": "PROHIBIT_ALL_TRAFFIC_SSH", "description": "no SSH", "protocol": "tcp", "port_range": "22",
            "source": "0.0.0.0/0", "severity": "critical", "reason": "known networks only"
        }]}}),
        json!({"environment_specific": {"production": {"additional_restrictions": [{
            "rule_id": "PROD_NO_EPHEMERAL_PORTS", "description": "no ephemeral ports", "protocol": "tcp",
            "prohibited_port_ranges": ["32768-65535"], "severity": "medium"
        }]}}}),
        json!({"real_time_scanning": {"enabled": true, "detection_rules": {
            "new_security_group_created": {"immediate_scan": true, "scan_within_seconds": 30, "auto_remediate_critical": false},
            "risky_rule_added": {"immediate_scan": true, "scan_within_seconds": 15, "auto_remediate_critical": true}
        }}}),
        json!({"compliance_policies": {"prohibited_rules": {"inbound": [{
            "rule_id": "CUSTOM_RULE_DATABASE_PORTS", "description": "no databases", "protocol": "tcp",
            "port_ranges": ["3306", "5432", "1433"], "source": "0.0.0.0/0", "severity": "critical", "reason": "inside only"
        }]}}}),
        json!({"account_specific_overrides": {"account_123456789012": {
            "description": "stricter", "inherit_global_rules": true,
            "additional_prohibited_rules": [{
                "rule_id": "PROD_NO_DEV_PORTS", "description": "no development ports", "protocol": "tcp",
                "port_ranges": ["8000-8999"], "source": "0.0.0.0/0", "severity": "high"
            }]
        }}}),
    ]
}

#[test]
fn the_shapes_that_people_bring_along_load_unchanged() {
    let mut all = json!({"exemptions": {"security_group_exemptions": {"sg-12345678": {
        "reason": "legacy", "exempted_rules": ["PROHIBIT_ALL_TRAFFIC_SSH"], "expiry_date": "2026-01-01T00:00:00Z", "approved_by": "security_team"
    }}}});
    for snippet in snippets() {
        policy(snippet.clone());
        for (key, value) in snippet.as_object().unwrap() {
            if key != "compliance_policies" {
                all.as_object_mut().unwrap().insert(key.clone(), value.clone());
            }
        }
    }
    policy(json!({"compliance_policies": all}));
}

#[test]
fn a_mistake_is_named_with_its_path() {
    let of = |rule: Json| mistakes(json!({"prohibited_rules": {"inbound": [ssh(), rule]}}));
    let [told] = of(json!({"rule_id": "R", "port_range": "70000"})).try_into().unwrap();
    assert!(told.starts_with("prohibited_rules.inbound[1].port_range: `70000` is no port range"), "{told}");
    let [told] = of(json!({"rule_id": "R", "source": "10.0.0.1/8"})).try_into().unwrap();
    assert!(told.contains("source: `10.0.0.1/8`") && told.contains("10.0.0.0/8"), "{told}");
    let [told] = of(json!({"rule_id": "R", "protcol": "tcp"})).try_into().unwrap();
    assert!(told.contains("prohibited_rules.inbound[1]") && told.contains("protcol"), "{told}");
    let [told] = of(ssh()).try_into().unwrap();
    assert!(told.contains("prohibited_rules.inbound[1]") && told.contains("prohibited_rules.inbound[0] too"), "{told}");
    let [told] = mistakes(json!({"compliance_policies": {"enforcement": {"steps": {"critical": "delete"}}}})).try_into().unwrap();
    assert!(told.starts_with("compliance_policies.enforcement.steps"), "{told}");
    let exempt = json!({"exemptions": {"security_group_exemptions": {"sg-1": {"reason": "r", "exempted_rules": ["NO_SHS"]}}}});
    assert_eq!(mistakes(exempt), ["exemptions.security_group_exemptions.sg-1.exempted_rules[0]: there is no rule `NO_SHS`"]);
    assert!(mistakes(json!({"account_specific_overrides": {"account_12": {}}}))[0].contains("twelve digits"));
    assert!(Policy::parse("{").unwrap_err()[0].to_string().contains("not JSON"));
}

#[test]
fn two_accounts_may_have_rules_of_the_same_name_and_the_rules_for_all_may_not() {
    let own = |id: &str| json!({"additional_prohibited_rules": [{"rule_id": id, "port_range": 25}]});
    let both = |id: &str| json!({"prohibited_rules": {"inbound": [ssh()]}, "account_specific_overrides": {"111122223333": own(id), "444455556666": own(id)}});
    policy(both("MAIL"));
    assert_eq!(mistakes(both("NO_SSH")).len(), 2);
    let twice =
        json!({"account_specific_overrides": {"111122223333": {"additional_prohibited_rules": [{"rule_id": "A"}, {"rule_id": "A"}]}}});
    assert_eq!(mistakes(twice).len(), 1);
}

#[test]
fn all_traffic_open_to_the_world_is_flagged() {
    assert_eq!(ids(&no_ssh(), "", &group(&["all traffic from 0.0.0.0/0"])), ["NO_SSH"]);
    assert_eq!(ids(&no_ssh(), "", &group(&["6 from 0.0.0.0/0"])), ["NO_SSH"], "a protocol by its number");
}

#[test]
fn public_https_is_none_of_the_business_of_a_rule_about_ssh() {
    let web = group(&["tcp 443 from 0.0.0.0/0", "tcp 80 from 0.0.0.0/0", "tcp 22 from 10.0.0.0/8", "tcp 22 from sg-1"]);
    assert!(ids(&no_ssh(), "", &web).is_empty());
}

#[test]
fn two_halves_of_the_world_and_one_of_them_are_the_internet_at_large() {
    assert_eq!(ids(&no_ssh(), "", &group(&["tcp 22 from 0.0.0.0/1", "tcp 22 from 128.0.0.0/1"])), ["NO_SSH"]);
    assert_eq!(ids(&no_ssh(), "", &group(&["tcp 22 from 0.0.0.0/1"])), ["NO_SSH"]);
    assert!(ids(&no_ssh(), "", &group(&["tcp 22 from 3.0.0.0/8", "tcp 22 from 10.0.0.0/8"])).is_empty());
    let two = group(&["tcp 22 from 3.0.0.0/8", "tcp 22 from 203.0.113.0/24"]);
    assert_eq!(mended(&no_ssh(), &two), ["tcp 22 from 203.0.113.0/24"], "together they are wider than a /8: the widest goes");
    let strict = policy(json!({"anywhere": {"ipv4_wider_than": 16}, "prohibited_rules": {"inbound": [ssh()]}}));
    assert_eq!(ids(&strict, "", &group(&["tcp 22 from 3.0.0.0/8"])), ["NO_SSH"]);
}

#[test]
fn custom_port_ranges_match_their_ports_and_no_others() {
    let databases = policy(json!({"prohibited_rules": {"inbound": [
        {"rule_id": "DB", "protocol": "tcp", "port_ranges": ["3306", "5432", "1433"], "source": "0.0.0.0/0"}
    ]}}));
    assert!(ids(&databases, "", &group(&["tcp 443 from 0.0.0.0/0", "udp 3306 from 0.0.0.0/0"])).is_empty());
    assert_eq!(ids(&databases, "", &group(&["tcp 5000-6000 from 0.0.0.0/0"])), ["DB"]);
    assert_eq!(mended(&databases, &group(&["tcp 5431-5433 from 0.0.0.0/0"])), ["tcp 5431 from 0.0.0.0/0", "tcp 5433 from 0.0.0.0/0"]);
}

#[test]
fn restricted_rules_are_evaluated() {
    let office = policy(json!({"restricted_rules": {"inbound": [
        {"rule_id": "OFFICE", "protocol": "tcp", "port_range": 22, "allowed_sources": ["10.0.0.0/8", "pl-1"]}
    ]}}));
    assert!(
        ids(&office, "", &group(&["tcp 22 from 10.2.0.0/16", "tcp 22 from sg-1", "tcp 22 from pl-1", "tcp 443 from 0.0.0.0/0"])).is_empty()
    );
    assert_eq!(ids(&office, "", &group(&["tcp 22 from 192.168.0.0/16"])), ["OFFICE"]);
    assert_eq!(mended(&office, &group(&["tcp 22 from 0.0.0.0/0"])), ["tcp 22 from 10.0.0.0/8"], "the open source is narrowed");
}

#[test]
fn allowed_rules_are_evaluated() {
    let all = json!({"rule_id": "ALL", "protocol": "tcp", "port_range": "0-65535", "source": "0.0.0.0/0"});
    let web = policy(json!({
        "prohibited_rules": {"inbound": [all]},
        "allowed_rules": {"inbound": [{"rule_id": "WEB", "protocol": "tcp", "port_ranges": [80, 443], "source": "0.0.0.0/0"}]},
    }));
    assert!(ids(&web, "", &group(&["tcp 443 from 0.0.0.0/0"])).is_empty());
    let left = mended(&web, &group(&["tcp 0-65535 from 0.0.0.0/0"]));
    assert_eq!(left, ["tcp 80 from 0.0.0.0/0", "tcp 443 from 0.0.0.0/0"], "what is allowed stays");
}

#[test]
fn rules_of_an_environment_hold_for_groups_with_its_tag() {
    let production = policy(json!({"environment_specific": {"Production": {"additional_restrictions": [
        {"rule_id": "EPHEMERAL", "protocol": "tcp", "prohibited_port_ranges": ["32768-65535"]}
    ]}}}));
    let tagged =
        |value: &str| Group { tags: BTreeMap::from([("environment".into(), value.into())]), ..group(&["tcp 40000 from 10.0.0.0/8"]) };
    assert_eq!(ids(&production, "", &tagged("PRODUCTION")), ["EPHEMERAL"]);
    assert!(ids(&production, "", &tagged("test")).is_empty());
    assert!(ids(&production, "", &group(&["tcp 40000 from 10.0.0.0/8"])).is_empty());
}

#[test]
fn accounts_inherit_and_add_and_leave_out() {
    let accounts = policy(json!({
        "prohibited_rules": {"inbound": [ssh()]},
        "account_specific_overrides": {
            "account_111122223333": {"additional_prohibited_rules": [{"rule_id": "DEV", "protocol": "tcp", "port_ranges": ["8000-8999"], "source": "0.0.0.0/0"}]},
            "444455556666": {"inherit_global_rules": false},
            "777788889999": {"excluded_rules": ["NO_SSH"]},
        },
    }));
    let both = group(&["tcp 22 from 0.0.0.0/0", "tcp 8080 from 0.0.0.0/0"]);
    assert_eq!(ids(&accounts, "111122223333", &both), ["NO_SSH", "DEV"]);
    assert_eq!(ids(&accounts, "999988887777", &both), ["NO_SSH"]);
    assert!(ids(&accounts, "444455556666", &both).is_empty());
    assert!(ids(&accounts, "777788889999", &both).is_empty());
}

#[test]
fn an_exemption_is_for_its_rules_and_its_time() {
    let exempt = |until: Option<&str>, rules: &[&str]| {
        policy(json!({
            "prohibited_rules": {"inbound": [ssh(), {"rule_id": "RDP", "protocol": "tcp", "port_range": 3389, "source": "0.0.0.0/0"}]},
            "exemptions": {"security_group_exemptions": {"sg-12345678": {"reason": "legacy", "exempted_rules": rules, "expiry_date": until, "approved_by": "team"}}},
        }))
    };
    let open = group(&["tcp 22 from 0.0.0.0/0", "tcp 3389 from 0.0.0.0/0"]);
    assert_eq!(ids(&exempt(None, &["NO_SSH"]), "", &open), ["RDP"]);
    assert!(ids(&exempt(None, &["*"]), "", &open).is_empty());
    assert_eq!(ids(&exempt(Some("2026-06-01"), &["NO_SSH"]), "", &open), ["RDP"], "a day is whole");
    assert_eq!(ids(&exempt(Some("2026-05-31"), &["NO_SSH"]), "", &open), ["NO_SSH", "RDP"], "it is over");
}

#[test]
fn only_what_offends_is_taken_away() {
    let open = group(&["tcp 22 from 0.0.0.0/0", "tcp 22 from 10.0.0.0/8", "tcp 22 from ::/0", "tcp 443 from 0.0.0.0/0"]);
    assert_eq!(mended(&no_ssh(), &open), ["tcp 22 from 10.0.0.0/8", "tcp 22 from ::/0", "tcp 443 from 0.0.0.0/0"]);
    assert_eq!(mended(&no_ssh(), &group(&["tcp 20-30 from 0.0.0.0/0"])), ["tcp 20-21 from 0.0.0.0/0", "tcp 23-30 from 0.0.0.0/0"]);
}

#[test]
fn an_open_source_may_be_replaced() {
    let mut rule = ssh();
    rule["replace_source_with"] = json!(["10.0.0.0/8", "pl-office"]);
    let replaced = policy(json!({"prohibited_rules": {"inbound": [rule]}}));
    let left = mended(&replaced, &group(&["tcp 20-22 from 0.0.0.0/0"]));
    assert_eq!(left, ["tcp 20-21 from 0.0.0.0/0", "tcp 22 from 10.0.0.0/8", "tcp 22 from pl-office"]);
}

#[test]
fn outbound_rules_are_judged_by_themselves() {
    let egress = policy(
        json!({"prohibited_rules": {"outbound": [{"rule_id": "MAIL", "protocol": "tcp", "port_range": 25, "destination": "0.0.0.0/0"}]}}),
    );
    let out = Group { outbound: vec!["all traffic to 0.0.0.0/0".parse().unwrap()], ..group(&["tcp 25 from 0.0.0.0/0"]) };
    assert_eq!(ids(&egress, "", &out), ["MAIL"]);
    assert!(ids(&egress, "", &group(&["tcp 25 from 0.0.0.0/0"])).is_empty());
    assert!(ids(&egress, "", &locked_down(&out, "why")).is_empty(), "a lockdown leaves no way out");
}

#[test]
fn references_between_groups_are_judged_by_name() {
    let named =
        policy(json!({"prohibited_rules": {"inbound": [{"rule_id": "REF", "protocol": "tcp", "port_range": 22, "source": ["sg-bad"]}]}}));
    assert_eq!(ids(&named, "", &group(&["tcp 22 from sg-bad"])), ["REF"]);
    assert!(ids(&named, "", &group(&["tcp 22 from sg-good", "tcp 23 from sg-bad"])).is_empty());
    let any =
        policy(json!({"prohibited_rules": {"inbound": [{"rule_id": "REF", "protocol": "tcp", "port_range": 22, "source": "any-group"}]}}));
    assert_eq!(ids(&any, "", &group(&["all traffic from sg-good"])), ["REF"]);
}

#[test]
fn icmp_is_judged_by_its_types() {
    let redirect = policy(json!({"prohibited_rules": {"inbound": [{"rule_id": "ICMP", "protocol": "icmp", "source": "0.0.0.0/0"}]}}));
    assert_eq!(ids(&redirect, "", &group(&["icmp 8 from 0.0.0.0/0"])), ["ICMP"]);
    assert!(ids(&redirect, "", &group(&["tcp 8 from 0.0.0.0/0", "icmpv6 from ::/0"])).is_empty());
}

#[test]
fn a_prefix_list_is_what_it_holds_and_one_that_is_not_known_is_told() {
    let rules = no_ssh().of_account("");
    let lists = PrefixLists::from([("pl-world".to_owned(), vec!["0.0.0.0/1".parse().unwrap(), "128.0.0.0/1".parse().unwrap()])]);
    let judged = rules.judge(&group(&["tcp 22 from pl-world", "tcp 22 from pl-unknown"]), &lists, jiff::Timestamp::UNIX_EPOCH);
    assert_eq!((judged.violations.len(), judged.unresolved), (1, vec!["pl-unknown".to_owned()]));
}

#[test]
fn enforcement_is_a_report_unless_somebody_says_more() {
    assert_eq!(no_ssh().of_account("").step(Severity::Critical), Step::Report);
    let more = policy(json!({
        "enforcement": {"steps": {"critical": "remediate", "high": "tag"}, "grace_period_hours": {"critical": 24}},
        "account_specific_overrides": {"account_111122223333": {"enforcement": {"steps": {"critical": "lockdown"}}}},
    }));
    let (all, own) = (more.of_account(""), more.of_account("111122223333"));
    assert_eq!((all.step(Severity::Critical), all.grace_hours(Severity::Critical)), (Step::Remediate, 24));
    assert_eq!((all.step(Severity::High), all.step(Severity::Low)), (Step::Tag, Step::Report));
    assert_eq!((own.step(Severity::Critical), own.step(Severity::High)), (Step::Lockdown, Step::Report));
}

#[test]
fn a_rule_about_ipv4_only_is_doubted() {
    assert_eq!(no_ssh().doubts().len(), 1);
    let both = policy(json!({"prohibited_rules": {"inbound": [{"rule_id": "R", "port_range": 22, "source": ["0.0.0.0/0", "::/0"]}]}}));
    assert!(both.doubts().is_empty());
    assert_eq!(ids(&both, "", &group(&["tcp 22 from 2000::/3"])), ["R"]);
}

#[test]
fn people_can_test_their_policy() {
    let tested = |expect: Json| {
        let mut json = serde_json::to_value(no_ssh()).unwrap();
        json["tests"] = json!([{"name": "t", "given": {"inbound": ["tcp 22 from 0.0.0.0/0", "tcp 443 from 0.0.0.0/0"]}, "expect": expect}]);
        let policy = policy(json);
        run_tests(&policy, &policy.tests, jiff::Timestamp::UNIX_EPOCH).into_iter().map(|one| one.what).collect::<Vec<_>>()
    };
    assert!(tested(json!({"violations": ["NO_SSH"], "inbound_after": ["tcp 443 from 0.0.0.0/0"]})).is_empty());
    assert_eq!(tested(json!({"violations": []})), ["violations: `NO_SSH` is there and was not expected"]);
    assert_eq!(tested(json!({"violations": ["NO_SSH", "X"]})), ["violations: `X` was expected and is not there"]);
    assert_eq!(tested(json!({"violations": ["NO_SSH"], "inbound_after": []})).len(), 1);
}

#[test]
fn the_example_is_right_and_does_what_it_says() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/security-group-policy.example.json")).unwrap();
    let example = Policy::parse(&text).unwrap();
    assert_eq!(run_tests(&example, &example.tests, jiff::Timestamp::UNIX_EPOCH), []);
    assert!(example.doubts().is_empty() && example.tests.len() > 2);
}

#[test]
fn a_typing_error_in_a_rule_of_an_environment_or_account_is_named_too() {
    let rule = json!({"rule_id": "X", "port_range": 22, "soruce": "0.0.0.0/0"});
    let told = mistakes(json!({"environment_specific": {"production": {"additional_restrictions": [rule]}}}));
    assert!(told[0].contains("environment_specific.production.additional_restrictions[0]") && told[0].contains("soruce"), "{told:?}");
    let told = mistakes(json!({"account_specific_overrides": {"111122223333": {"additional_prohibited_rules": [rule]}}}));
    assert!(told[0].contains("soruce"), "{told:?}");
}

#[test]
fn what_a_prefix_list_holds_that_nobody_may_look_into_may_be_anything() {
    let unknown = group(&["tcp 22 from pl-unknown"]);
    let restricted =
        policy(json!({"restricted_rules": {"inbound": [{"rule_id": "R", "port_range": 22, "allowed_sources": ["10.0.0.0/8"]}]}}));
    assert_eq!(ids(&restricted, "", &unknown), ["R"]);
    let all = policy(json!({"prohibited_rules": {"inbound": [{"rule_id": "P", "port_range": 22}]}}));
    assert_eq!(ids(&all, "", &unknown), ["P"]);
}

#[test]
fn a_replacement_opens_nothing_that_was_not_open() {
    let mut rule = ssh();
    rule["source"] = json!(["0.0.0.0/0", "::/0"]);
    rule["replace_source_with"] = json!(["10.0.0.0/8"]);
    let replaced = policy(json!({"prohibited_rules": {"inbound": [rule]}}));
    assert_eq!(mended(&replaced, &group(&["tcp 22 from 0.0.0.0/0"])), ["tcp 22 from 10.0.0.0/8"]);
    assert_eq!(mended(&replaced, &group(&["tcp 22 from ::/0"])), [""; 0], "the other family was never open");
    assert_eq!(mended(&replaced, &group(&["tcp 22 from 128.0.0.0/1"])), [""; 0], "nor was that half");
}

#[test]
fn a_replacement_is_that_of_the_rule_in_force() {
    let of = |net: &str| {
        let rule = json!({"rule_id": "SSH", "port_range": 22, "source": "0.0.0.0/0", "replace_source_with": net});
        json!({"additional_restrictions": [rule]})
    };
    let both = policy(json!({"environment_specific": {"dev": of("10.0.0.0/8"), "prod": of("10.1.0.0/16")}}));
    let open = Group { tags: BTreeMap::from([("Environment".into(), "prod".into())]), ..group(&["tcp 22 from 0.0.0.0/0"]) };
    assert_eq!(mended(&both, &open), ["tcp 22 from 10.1.0.0/16"]);
}

#[test]
fn the_sign_of_a_lockdown_offends_nobody() {
    let high = policy(json!({"prohibited_rules": {"inbound": [{"rule_id": "HIGH", "protocol": "tcp", "port_range": "32768-65535"}]}}));
    let open = group(&["tcp 0-65535 from 0.0.0.0/0"]);
    assert_eq!(ids(&high, "", &open), ["HIGH"]);
    assert!(ids(&high, "", &locked_down(&open, "why")).is_empty());
}

#[test]
fn ports_of_icmp_are_its_types() {
    let echo =
        policy(json!({"prohibited_rules": {"inbound": [{"rule_id": "ECHO", "protocol": "icmp", "port_range": 8, "source": "0.0.0.0/0"}]}}));
    assert_eq!(ids(&echo, "", &group(&["icmp 8/0 from 0.0.0.0/0"])), ["ECHO"]);
    assert_eq!(ids(&echo, "", &group(&["icmp 8 from 0.0.0.0/0"])), ["ECHO"]);
    assert!(ids(&echo, "", &group(&["icmp 0/8 from 0.0.0.0/0", "icmp 3 from 0.0.0.0/0"])).is_empty());
    assert_eq!(mended(&echo, &group(&["icmp 8 from 0.0.0.0/0"])), [""; 0]);
}

#[test]
fn all_traffic_of_a_group_keeps_the_icmp_of_both_families() {
    let any =
        policy(json!({"prohibited_rules": {"inbound": [{"rule_id": "REF", "protocol": "tcp", "port_range": 22, "source": "any-group"}]}}));
    let left = mended(&any, &group(&["all traffic from sg-1"]));
    assert!(["icmp from sg-1", "icmpv6 from sg-1"].iter().all(|kept| left.contains(&(*kept).to_owned())), "{left:?}");
}

#[test]
fn a_width_that_nothing_can_exceed_is_refused() {
    assert_eq!(mistakes(json!({"anywhere": {"ipv4_wider_than": 0, "ipv6_wider_than": 3}})).len(), 2);
    assert_eq!(mistakes(json!({"real_time_scanning": {"detection_rules": {"mass_operations_detected": {"threshold": 200}}}})).len(), 1);
}

#[test]
fn a_document_comes_back_as_it_was_written() {
    let all = policy(
        json!({"prohibited_rules": {"inbound": [ssh()]}, "exemptions": {"account_exemptions": {"111122223333": {"reason": "r", "expiry_date": "2027-01-01"}}}}),
    );
    let again = policy(serde_json::to_value(&all).unwrap());
    assert_eq!(again, all);
}
