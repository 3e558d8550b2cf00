//! What people expect of their policy, and where it says otherwise.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::{Group, Policy, PolicyTest, Rule, Violation, document::GivenGroup, mend};

/// Where a policy says otherwise than its test expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// The test.
    pub test: String,
    /// What is different, or why it cannot be told.
    pub what: String,
}

/// Runs tests against a policy; exemptions are judged at the test's moment, else at `now`. Each disagreement is told.
pub fn run_tests(policy: &Policy, tests: &[PolicyTest], now: Timestamp) -> Vec<Disagreement> {
    let failed = |test: &PolicyTest| {
        let told = run(policy, test, now).unwrap_or_else(|why| vec![why]);
        told.into_iter().map(|what| Disagreement { test: test.name.clone(), what }).collect::<Vec<_>>()
    };
    tests.iter().flat_map(failed).collect()
}

fn read(given: &[String]) -> Result<Vec<Rule>, String> {
    given.iter().map(|text| text.parse()).collect()
}

fn run(policy: &Policy, test: &PolicyTest, now: Timestamp) -> Result<Vec<String>, String> {
    let GivenGroup { id, tags, inbound, outbound } = &test.given;
    let group = Group { id: id.clone(), tags: tags.clone(), inbound: read(inbound)?, outbound: read(outbound)?, ..Group::default() };
    let rules = policy.of_account(&test.account);
    let judged = rules.judge(&group, &test.prefix_lists, test.at.unwrap_or(now));
    let mut told = Vec::new();
    let mut compare = |what: &str, expected: &[String], found: BTreeSet<String>| {
        let expected: BTreeSet<String> = expected.iter().cloned().collect();
        for missing in expected.difference(&found) {
            told.push(format!("{what}: `{missing}` was expected and is not there"));
        }
        for more in found.difference(&expected) {
            told.push(format!("{what}: `{more}` is there and was not expected"));
        }
    };
    let names = |violations: &mut dyn Iterator<Item = &Violation>| violations.map(|one| one.rule_id.clone()).collect::<BTreeSet<_>>();
    compare("violations", &test.expect.violations, names(&mut judged.violations.iter()));
    if let Some(exempt) = &test.expect.exempt {
        compare("exempt", exempt, names(&mut judged.exempt.iter().map(|one| &one.violation)));
    }
    if test.expect.inbound_after.is_some() || test.expect.outbound_after.is_some() {
        let all: Vec<&Violation> = judged.violations.iter().collect();
        let after = mend(&group, &all, &test.prefix_lists).map_err(|error| error.to_string())?;
        let texts = |rules: &[Rule]| rules.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        let expected = |rules: &[String]| read(rules).map(|rules| rules.iter().map(ToString::to_string).collect::<Vec<_>>());
        if let Some(inbound) = &test.expect.inbound_after {
            compare("inbound_after", &expected(inbound)?, texts(&after.inbound));
        }
        if let Some(outbound) = &test.expect.outbound_after {
            compare("outbound_after", &expected(outbound)?, texts(&after.outbound));
        }
    }
    Ok(told)
}
