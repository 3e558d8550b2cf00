//! # Risk
//! A rule that somebody added in a hurry lets the internet, or half of the company, reach what it should not.
//!
//! # Remedy
//! What the security-group policy says, as far as its enforcement goes: `tag` writes the tags `COMPLIANCE_STATUS`, `COMPLIANCE_VIOLATION_COUNT`
//! and `COMPLIANCE_VIOLATION_REASON`; `remediate` takes what offends out of the rules that offend, and nothing else: ranges are split so that
//! the rest stays, and descriptions and tags stay with it; `lockdown` takes every rule, in both directions, and leaves one that says why.
//! `COMPLIANCE_REMEDIATED` is `true` only where nothing offends any more because of it.
//!
//! # Impact
//! What the policy prohibits is refused to new connections. Of "all traffic" from which something is taken, IP protocols other than TCP, UDP,
//! ICMP, GRE, ESP and AH are no longer admitted. After a lockdown the members of the group neither reach anything nor are reached through it.
//!
//! # Undo
//! Exact: the rules come back with their descriptions and tags, under new rule ids, and so do the group's own tags.

use std::collections::BTreeMap;

use redress_exposure::{Group, Judged, Policy, Step, Violation, locked_down, mend, reach::Reach};
use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::ec2::{GroupFacts, GroupState, Rule, SecurityGroup};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::not_a;

/// SecurityGroup.1: a control of our own.
pub struct SecurityGroupComplies;

/// The entry, among those of our own.
pub static ENTRY: Entry = Entry::of::<SecurityGroupComplies>();

/// The policy that holds where nobody gave one: it reports, and changes nothing.
pub const SHIPPED: &str = include_str!("security_group_policy.json");

/// What comes with each job; people write none of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GroupParams {
    /// The security-group policy; the one that is shipped without it.
    #[schemars(skip)]
    pub policy: Option<Box<Policy>>,
    /// How far each violated rule of it is enforced. Without it a person asked: what is wrong is remediated at least.
    #[schemars(skip)]
    pub enforce: Option<BTreeMap<String, Step>>,
    /// Why the policy cannot be relied on: nothing is said or done until it can.
    #[schemars(skip)]
    pub broken: Option<String>,
}

/// The policy that is shipped.
pub fn shipped() -> Policy {
    // It is part of the program, and a test reads it.
    Policy::parse(SHIPPED).unwrap_or_default()
}

const STATUS: &str = "COMPLIANCE_STATUS";
const COUNT: &str = "COMPLIANCE_VIOLATION_COUNT";
const REASON: &str = "COMPLIANCE_VIOLATION_REASON";
const REMEDIATED: &str = "COMPLIANCE_REMEDIATED";

impl Control for SecurityGroupComplies {
    const SPEC: Spec = Spec {
        id: redress_model::finding::SECURITY_GROUP,
        title: "Security groups comply with the organization's policy",
        severity: Severity::High,
        class: Class::Guarded,
        scope: Scope::Regional,
        resources: &["AwsEc2SecurityGroup"],
        prowler: &[],
        config_rules: &[],
        in_code: InCode {
            cloudformation: "take what offends out of SecurityGroupIngress and SecurityGroupEgress",
            terraform: "take what offends out of the ingress and egress blocks",
        },
    };
    type Setting = SecurityGroup;
    type Params = GroupParams;

    fn locate(resource: &Resource, _params: &GroupParams) -> Located<SecurityGroup> {
        let group = resource.arn().filter(|arn| arn.service == "ec2").and_then(|arn| arn.named("security-group").map(str::to_owned));
        group.map(|group| SecurityGroup { group }).ok_or_else(|| not_a("a security group", &resource.id))
    }

    fn want(value: &GroupState, facts: &GroupFacts, params: &GroupParams) -> Want<GroupState> {
        if let Some(why) = &params.broken {
            return Want::Wait(format!("the security-group policy cannot be relied on: {why}"));
        }
        let rules = params.policy.as_ref().map_or_else(|| shipped().of_account(&facts.account), |policy| policy.of_account(&facts.account));
        let group = group(value, facts);
        let judge = |group: &Group| -> Judged { rules.judge(group, &facts.lists, facts.now) };
        let Judged { violations, exempt, .. } = judge(&group);
        // What is exempt is not good: it is left. A job that is about it, or about all, is told so.
        let is_asked = |rule: &String| params.enforce.as_ref().is_none_or(|enforce| enforce.contains_key(rule));
        let excused = exempt.iter().find(|one| is_asked(&one.violation.rule_id));
        let reach = if facts.interfaces == 0 { Reach::Unattached } else { Reach::Private };
        let steps = params.enforce.clone().unwrap_or_else(|| as_asked(rules.steps(&violations, reach)));
        let step = |violation: &Violation| steps.get(&violation.rule_id).copied().unwrap_or_default();
        let farthest = violations.iter().map(step).max().unwrap_or_default();
        let to = match farthest {
            Step::Report | Step::Tag => group.clone(),
            Step::Remediate => {
                let offending: Vec<&Violation> = violations.iter().filter(|one| step(one) == Step::Remediate).collect();
                match mend(&group, &offending, &facts.lists) {
                    Ok(to) => to,
                    Err(error) => {
                        return Want::Tell(format!("{error} (rule {} of the policy)", offending.first().map_or("", |one| &one.rule_id)));
                    }
                }
            }
            Step::Lockdown => locked_down(&group, violations.first().map_or("", Violation::why)),
        };
        let left = judge(&to).violations;
        if let Some(still) = left.iter().find(|one| step(one) >= Step::Remediate) {
            return Want::Tell(format!(
                "the policy contradicts itself: what it puts in the place of an open source violates {}",
                still.rule_id
            ));
        }
        let is_changed = (&to.inbound, &to.outbound) != (&group.inbound, &group.outbound);
        let mut tags = value.tags.clone();
        match (left.first(), violations.first()) {
            (Some(worst), _) if farthest >= Step::Tag || tags.contains_key(STATUS) => {
                tags.insert(STATUS.into(), "NON_COMPLIANT".into());
                tags.insert(COUNT.into(), left.len().to_string());
                tags.insert(REASON.into(), taggable(worst.why()));
                tags.remove(REMEDIATED);
            }
            (None, Some(was)) if is_changed => {
                let status = if farthest == Step::Lockdown { "LOCKED_DOWN" } else { "COMPLIANT" };
                tags.insert(STATUS.into(), status.into());
                tags.insert(COUNT.into(), "0".into());
                tags.insert(REASON.into(), taggable(was.why()));
                tags.insert(REMEDIATED.into(), "true".into());
            }
            // Somebody else mended it.
            (None, None) if exempt.is_empty() && tags.get(STATUS).is_some_and(|status| status == "NON_COMPLIANT") => {
                tags.insert(STATUS.into(), "COMPLIANT".into());
                tags.insert(COUNT.into(), "0".into());
                tags.remove(REASON);
                tags.remove(REMEDIATED);
            }
            _ => {}
        }
        let sorted = |mut rules: Vec<Rule>| {
            rules.sort_by(|one, other| one.atom().cmp(&other.atom()));
            rules
        };
        let to = GroupState { inbound: sorted(to.inbound), outbound: sorted(to.outbound), tags };
        if to != *value {
            return Want::Set(to);
        }
        // Tags are no remedy: the finding stays open.
        match (left.iter().find(|one| step(one) == Step::Tag), excused) {
            (Some(one), _) => Want::Tell(tell(one)),
            (None, Some(one)) => Want::Tell(format!(
                "it is exempt from {} by the security-group policy: {} (allowed by {}). Nothing is to be done until that ends.",
                one.violation.rule_id, one.reason, one.by
            )),
            (None, None) => Want::Keep,
        }
    }
}

/// What is left to people where the policy only tags.
fn tell(violation: &Violation) -> String {
    let offences: Vec<String> = violation.offences.iter().map(|offence| offence.rule.to_string()).collect();
    let rules = crate::some(&offences);
    format!("{}: take what offends out of {rules} (rule {} of the policy, which is enforced by tags).", violation.why(), violation.rule_id)
}

/// What a person wants who asks without saying how far: that it is done, whatever the policy would do by itself.
fn as_asked(mut steps: BTreeMap<String, Step>) -> BTreeMap<String, Step> {
    for step in steps.values_mut() {
        *step = Step::Remediate.max(*step);
    }
    steps
}

fn group(value: &GroupState, facts: &GroupFacts) -> Group {
    let mut tags = facts.tags.clone();
    tags.extend(value.tags.clone());
    Group {
        id: facts.id.clone(),
        name: facts.name.clone(),
        vpc: facts.vpc.clone(),
        tags,
        inbound: value.inbound.clone(),
        outbound: value.outbound.clone(),
    }
}

/// What EC2 takes as a tag's value in every region.
///
/// See <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html>.
fn taggable(text: &str) -> String {
    let taken = |c: char| if c.is_ascii_alphanumeric() || " _.:/=+-@".contains(c) { c } else { ' ' };
    text.chars().map(taken).take(256).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn state(inbound: &[&str], tags: &[(&str, &str)]) -> GroupState {
        let outbound = vec!["all traffic to 0.0.0.0/0".parse().unwrap()];
        let mut inbound: Vec<Rule> = inbound.iter().map(|text| text.parse().unwrap()).collect();
        inbound.sort_by(|one, other| one.atom().cmp(&other.atom()));
        GroupState { inbound, outbound, tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect() }
    }

    fn facts(interfaces: usize) -> GroupFacts {
        GroupFacts {
            account: "111122223333".into(),
            id: "sg-1".into(),
            name: "web".into(),
            vpc: "vpc-1".into(),
            tags: BTreeMap::new(),
            lists: BTreeMap::new(),
            interfaces,
            now: jiff_at(),
        }
    }

    fn jiff_at() -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }

    fn params(steps: &[(&str, Step)]) -> GroupParams {
        let policy = json!({
            "prohibited_rules": {"inbound": [
                {"rule_id": "SSH", "protocol": "tcp", "port_range": 22, "source": "0.0.0.0/0", "severity": "critical", "reason": "SSH: keep it inside!"},
                {"rule_id": "RDP", "protocol": "tcp", "port_range": 3389, "source": "0.0.0.0/0", "severity": "high"},
            ]},
            "enforcement": {"steps": {"critical": "remediate", "high": "tag"}},
        });
        let enforce = steps.iter().map(|(rule, step)| ((*rule).to_owned(), *step)).collect();
        GroupParams { policy: Some(Box::new(Policy::parse(&policy.to_string()).unwrap())), enforce: Some(enforce), broken: None }
    }

    fn set(value: &GroupState, params: &GroupParams) -> GroupState {
        let Want::Set(to) = SecurityGroupComplies::want(value, &facts(1), params) else { panic!("nothing is set") };
        let again = SecurityGroupComplies::want(&to, &facts(1), params);
        let is_only_tagged = to.tags.get(STATUS).is_some_and(|status| status == "NON_COMPLIANT");
        assert_eq!(is_only_tagged, matches!(again, Want::Tell(_)), "{again:?}");
        assert!(is_only_tagged || again == Want::Keep, "a second run wants nothing");
        to
    }

    const OPEN: [&str; 3] = ["tcp 22 from 0.0.0.0/0", "tcp 443 from 0.0.0.0/0", "tcp 22 from 10.0.0.0/8"];

    #[test]
    fn the_shipped_policy_is_right_and_only_reports() {
        let policy = Policy::parse(SHIPPED).unwrap();
        assert!(policy.enforcement.steps.is_empty() && policy.doubts().is_empty());
        assert!(redress_exposure::run_tests(&policy, &policy.tests, jiff_at()).is_empty());
        assert!(!policy.tests.is_empty());
    }

    #[test]
    fn by_a_policy_that_cannot_be_read_nothing_is_good_or_bad() {
        let params = GroupParams { broken: Some("line 3".into()), ..params(&[("SSH", Step::Remediate)]) };
        assert!(matches!(SecurityGroupComplies::want(&state(&OPEN, &[]), &facts(1), &params), Want::Wait(why) if why.contains("line 3")));
    }

    #[test]
    fn a_report_changes_nothing() {
        assert_eq!(SecurityGroupComplies::want(&state(&OPEN, &[]), &facts(1), &params(&[("SSH", Step::Report)])), Want::Keep);
        assert_eq!(SecurityGroupComplies::want(&state(&OPEN, &[]), &facts(1), &params(&[])), Want::Keep);
    }

    #[test]
    fn a_tag_says_what_is_wrong_and_changes_no_rule() {
        let to = set(&state(&OPEN, &[]), &params(&[("SSH", Step::Tag)]));
        let tags = [(STATUS, "NON_COMPLIANT"), (COUNT, "1"), (REASON, "SSH: keep it inside")];
        assert_eq!(to, state(&OPEN, &tags));
    }

    #[test]
    fn a_remediation_takes_what_offends_and_says_so_only_then() {
        let to = set(&state(&OPEN, &[]), &params(&[("SSH", Step::Remediate)]));
        let tags = [(STATUS, "COMPLIANT"), (COUNT, "0"), (REASON, "SSH: keep it inside"), (REMEDIATED, "true")];
        assert_eq!(to, state(&["tcp 443 from 0.0.0.0/0", "tcp 22 from 10.0.0.0/8"], &tags));
    }

    #[test]
    fn remediated_is_not_said_while_something_offends_still() {
        let both = state(&["tcp 22 from 0.0.0.0/0", "tcp 3389 from 0.0.0.0/0"], &[]);
        let to = set(&both, &params(&[("SSH", Step::Remediate), ("RDP", Step::Tag)]));
        assert_eq!(to.inbound.len(), 1);
        assert_eq!((to.tags.get(STATUS).map(String::as_str), to.tags.get(REMEDIATED)), (Some("NON_COMPLIANT"), None));
    }

    #[test]
    fn a_lockdown_takes_egress_too() {
        let to = set(&state(&OPEN, &[]), &params(&[("SSH", Step::Lockdown)]));
        assert_eq!((to.inbound.len(), to.outbound.len()), (1, 0));
        assert_eq!(to.tags[STATUS], "LOCKED_DOWN");
    }

    #[test]
    fn what_somebody_else_mended_is_no_longer_called_wrong() {
        let mended = state(&["tcp 443 from 0.0.0.0/0"], &[(STATUS, "NON_COMPLIANT"), (COUNT, "1"), (REASON, "x")]);
        assert_eq!(set(&mended, &params(&[])), state(&["tcp 443 from 0.0.0.0/0"], &[(STATUS, "COMPLIANT"), (COUNT, "0")]));
    }

    #[test]
    fn who_asks_gets_all_of_it_remediated() {
        let asked = GroupParams { enforce: None, ..params(&[]) };
        let both = state(&["tcp 22 from 0.0.0.0/0", "tcp 3389 from 0.0.0.0/0"], &[]);
        assert!(set(&both, &asked).inbound.is_empty(), "the policy only tags the second, a person asks for it");
    }

    #[test]
    fn what_is_exempt_is_neither_changed_nor_called_good() {
        let exempt = json!({
            "prohibited_rules": {"inbound": [{"rule_id": "SSH", "protocol": "tcp", "port_range": 22, "source": "0.0.0.0/0"}]},
            "exemptions": {"security_group_exemptions": {"sg-1": {"reason": "legacy", "approved_by": "ann"}}},
        });
        let params = GroupParams { policy: Some(Box::new(Policy::parse(&exempt.to_string()).unwrap())), enforce: None, broken: None };
        let tagged = state(&OPEN, &[(STATUS, "NON_COMPLIANT"), (COUNT, "1")]);
        for value in [state(&OPEN, &[]), tagged] {
            let want = SecurityGroupComplies::want(&value, &facts(1), &params);
            assert!(matches!(&want, Want::Tell(steps) if steps.contains("legacy") && steps.contains("ann")), "{want:?}");
        }
    }

    #[test]
    fn remediated_is_taken_back_when_something_offends_again() {
        let again = state(&OPEN, &[(STATUS, "COMPLIANT"), (COUNT, "0"), (REASON, "x"), (REMEDIATED, "true")]);
        let Want::Set(to) = SecurityGroupComplies::want(&again, &facts(1), &params(&[("SSH", Step::Report)])) else {
            panic!("nothing is set")
        };
        assert_eq!((to.tags[STATUS].as_str(), to.tags.get(REMEDIATED)), ("NON_COMPLIANT", None));
        assert_eq!(to.inbound, again.inbound);
    }

    #[test]
    fn what_would_take_too_many_rules_is_told() {
        let policy = json!({"prohibited_rules": {"inbound": [{"rule_id": "NET", "protocol": "tcp", "source": "203.0.113.7/32"}]}});
        let params = GroupParams { policy: Some(Box::new(Policy::parse(&policy.to_string()).unwrap())), enforce: None, broken: None };
        let want = SecurityGroupComplies::want(&state(&["tcp 22 from 0.0.0.0/0"], &[]), &facts(1), &params);
        assert!(matches!(want, Want::Tell(steps) if steps.contains("32 rules")));
    }
}
