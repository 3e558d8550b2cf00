//! What became of one service in one account and region.

use std::fmt;

use redress_model::{AccountId, Outcome, Region};
use serde::{Deserialize, Serialize};

use crate::Service;

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// As it is to be.
    Good,
    /// It was changed, read again, and is as it is to be.
    Changed,
    /// Somebody else governs it, and it is as they want it.
    Governed,
    /// It would be changed.
    Planned,
    /// It is on its way.
    InProgress,
    /// It waits for a person's yes.
    NeedsApproval,
    /// Only a person can do it.
    NeedsPerson,
    /// A guard holds it, or puts it off.
    Held,
    /// It may stay as it is for a time.
    Exempt,
    /// Nobody wants it here.
    Off,
    /// AWS does not have it, or no longer.
    Unavailable,
    /// The account is not active.
    Inactive,
    /// The role is missing, or may not be assumed.
    NoRole,
    /// The region is not open to the account.
    Closed,
    /// It did not work.
    Failed,
    /// Its invocation ended without a word.
    Lost,
}

impl State {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Changed => "changed",
            Self::Governed => "governed",
            Self::Planned => "planned",
            Self::InProgress => "in-progress",
            Self::NeedsApproval => "needs-approval",
            Self::NeedsPerson => "needs-person",
            Self::Held => "held",
            Self::Exempt => "exempt",
            Self::Off => "off",
            Self::Unavailable => "unavailable",
            Self::Inactive => "inactive",
            Self::NoRole => "no-role",
            Self::Closed => "closed",
            Self::Failed => "failed",
            Self::Lost => "lost",
        }
    }

    /// Whether it is as it is to be.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Good | Self::Changed | Self::Governed)
    }

    /// Whether it could not be looked at, or did not work.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::NoRole | Self::Failed | Self::Lost)
    }

    /// Whether somebody has something to do.
    pub fn wants_somebody(self) -> bool {
        self.is_failure() || matches!(self, Self::Planned | Self::NeedsApproval | Self::NeedsPerson | Self::Held)
    }

    /// What an outcome of the engine means here, and what is said of it.
    pub(crate) fn of(outcome: &Outcome) -> (Self, String, Vec<String>) {
        let said = outcome.sentence();
        match outcome {
            Outcome::Compliant | Outcome::Absent => (Self::Good, String::new(), Vec::new()),
            Outcome::Remediated { changes } | Outcome::Undone { changes } => (Self::Changed, String::new(), changes.clone()),
            Outcome::Planned { changes, asks } => (Self::Planned, asks.join("; "), changes.clone()),
            Outcome::NeedsApproval { why, changes, .. } => (Self::NeedsApproval, why.clone(), changes.clone()),
            Outcome::NeedsPerson { steps, changes, .. } => (Self::NeedsPerson, steps.clone(), changes.clone()),
            Outcome::InProgress { why, changes, .. } => (Self::InProgress, why.clone(), changes.clone()),
            Outcome::Exempt { why, .. } => (Self::Exempt, why.clone(), Vec::new()),
            Outcome::Held { .. } | Outcome::Deferred { .. } => (Self::Held, said, Vec::new()),
            Outcome::PutBack { why } | Outcome::Failed { why } => (Self::Failed, why.clone(), Vec::new()),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A cell of the matrix of accounts, regions and services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
    /// The service.
    pub service: Service,
    /// How it stands.
    pub state: State,
    /// What is to be said of that; empty where the state says it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub said: String,
    /// What was changed, or would be, a line each; with what it costs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// The run that changed it or asked: with it a change can be undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The bucket to which it delivers logs, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
}

impl Cell {
    /// A cell of which only the state and a reason are known.
    pub fn of(account: &AccountId, region: &Region, service: Service, state: State, said: impl Into<String>) -> Self {
        Self {
            account: account.clone(),
            region: region.clone(),
            service,
            state,
            said: said.into(),
            changes: Vec::new(),
            run: None,
            bucket: None,
        }
    }

    /// What tells it apart from others.
    pub fn key(&self) -> (AccountId, Region, Service) {
        (self.account.clone(), self.region.clone(), self.service)
    }
}
