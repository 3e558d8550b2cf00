//! Identities, as Security Hub's controls see them, and the root user, as incidents tell of it.

use std::collections::BTreeSet;

use redress_model::ControlId;
use serde::Serialize;

use super::{Incidents, Posture, Status, Tally};
use crate::facts::{Facts, Incident};

/// Identities.
#[derive(Debug, Clone, Serialize)]
pub struct Iam {
    /// Incidents by the root user, in the window of incidents; `null` where they could not be read.
    pub root_uses: Option<usize>,
    /// Different roles whose sessions acted in incidents, in the same window.
    pub roles_assumed: Option<usize>,
    /// What controls say.
    pub facts: Vec<Fact>,
}

/// What one or several controls say.
#[derive(Debug, Clone, Serialize)]
pub struct Fact {
    /// Its name; stays.
    pub key: &'static str,
    /// What is to be.
    pub title: &'static str,
    /// What is counted.
    pub counted: &'static str,
    /// The controls.
    pub controls: &'static [&'static str],
    /// The accounts: one fails where one of the controls does, and passes where at least one was assessed.
    #[serde(flatten)]
    pub accounts: Tally,
    /// What fails; `null` where nothing was assessed.
    pub failing: Option<usize>,
    /// Some of it.
    pub examples: Vec<String>,
}

type Asked = (&'static str, &'static str, &'static str, &'static [&'static str]);

const ASKED: &[Asked] = &[
    ("root_without_mfa", "The root user has a second factor", "accounts", &["IAM.9"]),
    ("root_without_hardware_mfa", "The root user has a hardware device as second factor", "accounts", &["IAM.6"]),
    ("root_access_keys", "The root user has no access keys", "accounts", &["IAM.4"]),
    ("users_without_mfa", "Users have a second factor", "users", &["IAM.5", "IAM.19"]),
    ("old_access_keys", "Access keys are not older than 90 days", "users", &["IAM.3"]),
    ("unused_credentials", "Credentials that are not used are off", "users", &["IAM.8", "IAM.22"]),
    ("policy_violations", "Policies give no more than is needed", "policies and principals", &["IAM.1", "IAM.2", "IAM.21", "IAM.27"]),
    (
        "weak_password_policies",
        "Password policies are strong",
        "accounts",
        &["IAM.7", "IAM.10", "IAM.11", "IAM.12", "IAM.13", "IAM.14", "IAM.15", "IAM.16", "IAM.17"],
    ),
];

/// So many are named.
const EXAMPLES: usize = 20;

impl Iam {
    pub(super) fn of(facts: &Facts, posture: &Posture, incidents: Option<&Incidents>) -> Self {
        let is_role = |actor: &&str| actor.contains(":role/") || actor.contains(":assumed-role/");
        let roles = |all: &Vec<Incident>| all.iter().map(|one| one.actor.as_str()).filter(is_role).collect::<BTreeSet<_>>().len();
        Self {
            root_uses: incidents.map(|incidents| incidents.by_root),
            roles_assumed: facts.incidents.as_ref().map(roles),
            facts: ASKED.iter().map(|asked| fact(facts, posture, *asked)).collect(),
        }
    }

    /// What is said under `key`.
    pub fn fact(&self, key: &str) -> Option<&Fact> {
        self.facts.iter().find(|fact| fact.key == key)
    }
}

fn fact(facts: &Facts, posture: &Posture, (key, title, counted, controls): Asked) -> Fact {
    let mut statuses = Vec::new();
    let mut failing = BTreeSet::new();
    let mut examples = BTreeSet::new();
    for line in &posture.accounts {
        let ids = controls.iter().filter_map(|id| ControlId::try_from(*id).ok());
        let cells: Vec<_> = ids.filter_map(|control| facts.seen.cells.get(&(line.account.clone(), control))).collect();
        let of: Vec<Status> = cells.iter().map(|cell| Status::of(Some(cell))).collect();
        statuses.push(if of.contains(&Status::Failed) {
            Status::Failed
        } else if of.contains(&Status::Passed) {
            Status::Passed
        } else {
            Status::NotAssessed
        });
        for cell in cells {
            failing.extend(cell.failed.iter().map(|resource| (&line.account, *resource)));
            examples.extend(cell.examples.iter().cloned());
        }
    }
    let accounts = Tally::of(statuses);
    let failing = if counted == "accounts" { accounts.failed } else { failing.len() };
    Fact {
        key,
        title,
        counted,
        controls,
        failing: (accounts.assessed() > 0).then_some(failing),
        accounts,
        examples: examples.into_iter().take(EXAMPLES).collect(),
    }
}

#[cfg(test)]
mod tests {
    use redress_aws::{Standing, Verdict};
    use redress_model::AccountId;

    use super::*;
    use crate::report::Report;

    #[test]
    fn a_user_counts_once_and_what_nobody_looked_at_is_not_zero() {
        let mut facts = Facts::default();
        for control in ["IAM.5", "IAM.19"] {
            facts.seen.take(Verdict {
                account: AccountId::try_from("111122223333").unwrap(),
                control: ControlId::try_from(control).unwrap(),
                title: String::new(),
                severity: None,
                standing: Standing::Failed,
                is_suppressed: false,
                resource: "arn:aws:iam::111122223333:user/bob".into(),
                standards: vec![],
            });
        }
        let iam = Report::of(&facts).iam;
        let mfa = iam.fact("users_without_mfa").unwrap();
        assert_eq!((mfa.failing, mfa.accounts.failed), (Some(1), 1));
        assert_eq!(mfa.examples, ["arn:aws:iam::111122223333:user/bob"]);
        assert_eq!(iam.fact("old_access_keys").unwrap().failing, None);
    }
}
