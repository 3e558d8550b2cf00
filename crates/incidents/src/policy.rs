//! What counts how much, from which score on something is done, and to whom nothing is.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wildmatch::WildMatch;

/// The policy on incidents, as a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// From which scores on something happens.
    pub thresholds: Thresholds,
    /// What counts how much, beside the deed itself.
    pub weights: Weights,
    /// What a deed counts, by its action; `*` stands for anything, and of several patterns that match the longest decides.
    pub actions: BTreeMap<String, u8>,
    /// Principals that are never contained: patterns for ARNs or names, such as `arn:aws:iam::*:role/break-glass`.
    pub protected: Vec<String>,
    /// Targets that count more: patterns for ARNs, names or account numbers.
    pub sensitive: Vec<String>,
    /// Whether a role may be contained without a person's yes: whatever works with it stops.
    pub contain_roles: bool,
    /// Whether an instance may be cut off without a person's yes: whatever runs on it stops serving.
    pub isolate_instances: bool,
}

/// From which scores on something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// An incident is opened, people are told, and what is to be done waits for a person's yes.
    pub open: u8,
    /// What is to be done is done, as far as the modes allow.
    pub act: u8,
    /// Points about the actor from which on the actor is contained, and not the target only.
    pub suspect: u8,
}

/// What counts how much, beside the deed itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Weights {
    /// Root did it.
    pub root: u8,
    /// A sign-in without a second factor.
    pub no_mfa: u8,
    /// From an address that a list names.
    pub listed: u8,
    /// Nothing is known of the actor.
    pub stranger: u8,
    /// The actor's first call of this kind.
    pub new_action: u8,
    /// The actor's first in this region.
    pub new_region: u8,
    /// The actor's first from this network.
    pub new_network: u8,
    /// The actor's first at this time of the day.
    pub new_hours: u8,
    /// It opens something to everybody.
    pub public: u8,
    /// It gives power over everything.
    pub administrator: u8,
    /// A sensitive target.
    pub sensitive: u8,
    /// For each degree of severity of a finding.
    pub severity: u8,
    /// Of a call that failed the deed itself counts so many in a hundred.
    pub failed_percent: u8,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { open: 50, act: 80, suspect: 30 }
    }
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            root: 40,
            no_mfa: 30,
            listed: 45,
            stranger: 10,
            new_action: 15,
            new_region: 15,
            new_network: 10,
            new_hours: 5,
            public: 35,
            administrator: 25,
            sensitive: 15,
            severity: 10,
            failed_percent: 50,
        }
    }
}

/// What a deed counts as shipped.
const ACTIONS: &[(&str, u8)] = &[
    ("*", 10),
    ("cloudtrail:DeleteTrail", 60),
    ("cloudtrail:PutEventSelectors", 40),
    ("cloudtrail:StopLogging", 60),
    ("cloudtrail:UpdateTrail", 30),
    ("config:DeleteConfigurationRecorder", 55),
    ("config:StopConfigurationRecorder", 50),
    ("guardduty:DeleteDetector", 60),
    ("guardduty:UpdateDetector", 40),
    ("iam:AddUserToGroup", 20),
    ("iam:AttachGroupPolicy", 25),
    ("iam:AttachRolePolicy", 25),
    ("iam:AttachUserPolicy", 30),
    ("iam:CreateAccessKey", 30),
    ("iam:CreateLoginProfile", 30),
    ("iam:CreatePolicyVersion", 20),
    ("iam:CreateRole", 15),
    ("iam:CreateUser", 20),
    ("iam:DeactivateMFADevice", 40),
    ("iam:DeleteRolePermissionsBoundary", 35),
    ("iam:DeleteUserPermissionsBoundary", 35),
    ("iam:DeleteVirtualMFADevice", 35),
    ("iam:PutGroupPolicy", 25),
    ("iam:PutRolePolicy", 25),
    ("iam:PutUserPolicy", 35),
    ("iam:SetDefaultPolicyVersion", 20),
    ("iam:UpdateAccessKey", 15),
    ("iam:UpdateAssumeRolePolicy", 35),
    ("iam:UpdateLoginProfile", 25),
    ("kms:DisableKey", 40),
    ("kms:ScheduleKeyDeletion", 50),
    ("organizations:LeaveOrganization", 60),
    ("s3:DeleteAccountPublicAccessBlock", 50),
    ("s3:DeleteBucketPublicAccessBlock", 40),
    ("s3:PutBucketAcl", 20),
    ("s3:PutBucketPolicy", 20),
    ("s3:PutBucketPublicAccessBlock", 20),
    ("securityhub:BatchDisableStandards", 35),
    ("securityhub:DisableSecurityHub", 55),
    ("signin:ConsoleLogin", 0),
];

impl Default for Policy {
    fn default() -> Self {
        Self {
            thresholds: Thresholds::default(),
            weights: Weights::default(),
            actions: ACTIONS.iter().map(|(name, points)| ((*name).to_owned(), *points)).collect(),
            protected: Vec::new(),
            sensitive: Vec::new(),
            contain_roles: false,
            isolate_instances: false,
        }
    }
}

fn matches(patterns: &[String], text: &str) -> bool {
    !text.is_empty() && patterns.iter().any(|pattern| WildMatch::new(pattern).matches(text))
}

impl Policy {
    /// Reads a document. What it says of actions is added to what is shipped.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut policy: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let Thresholds { open, act, .. } = policy.thresholds;
        if open == 0 || open > act {
            return Err(format!("thresholds: open ({open}) must be above 0 and not above act ({act})"));
        }
        let mut actions = Self::default().actions;
        actions.extend(policy.actions);
        policy.actions = actions;
        Ok(policy)
    }

    pub(crate) fn points(&self, action: &str) -> (u8, &str) {
        let matching = self.actions.iter().filter(|(pattern, _)| WildMatch::new(pattern).matches(action));
        matching.max_by_key(|(pattern, _)| (pattern.len(), *pattern)).map_or((0, "*"), |(pattern, points)| (*points, pattern))
    }

    /// Whether a principal is never contained, by its ARN or name.
    pub fn protects(&self, arn: &str) -> bool {
        matches(&self.protected, arn) || matches(&self.protected, arn.rsplit('/').next().unwrap_or_default())
    }

    pub(crate) fn is_sensitive(&self, texts: &[&str]) -> bool {
        texts.iter().any(|text| matches(&self.sensitive, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_pattern_decides() {
        let policy = Policy::parse(r#"{"actions": {"iam:Create*": 70}}"#).unwrap();
        assert_eq!(
            (policy.points("iam:CreateAccessKey").0, policy.points("iam:CreateGroup").0, policy.points("ec2:RunInstances").0),
            (30, 70, 10)
        );
    }

    #[test]
    fn mistakes_are_named() {
        assert!(Policy::parse(r#"{"weights": {"rooot": 1}}"#).unwrap_err().contains("rooot"));
        assert!(Policy::parse(r#"{"thresholds": {"open": 90, "act": 80}}"#).unwrap_err().contains("open"));
    }

    #[test]
    fn principals_are_protected_by_name_or_arn() {
        let policy = Policy::parse(r#"{"protected": ["break-glass*", "arn:aws:iam::1111*:role/ops"]}"#).unwrap();
        assert!(policy.protects("arn:aws:iam::222222222222:user/break-glass-1") && policy.protects("arn:aws:iam::111122223333:role/ops"));
        assert!(!policy.protects("arn:aws:iam::222222222222:role/ops"));
    }
}
