//! The accounts whose Security Hub belongs to the administrator's, in one region.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_securityhub::types::{AccountDetails, Result as Unprocessed};
use redress_aws::Called;
use redress_model::AccountId;
use redress_remediation::{Account, Action, Error, Kind, Result, Setting, Undo};
use serde::{Deserialize, Serialize};

use crate::gated;

const LIST: &str = "securityhub:ListMembers";
const CREATE: &str = "securityhub:CreateMembers";
const DISASSOCIATE: &str = "securityhub:DisassociateMembers";

/// AWS takes so many accounts in one call.
pub const AT_ONCE: usize = 50;

/// The members. A run adds as many as AWS takes at once; the next goes on from what is there, so that what was left unprocessed is tried again
/// and what was done is never taken back for it.
///
/// See <https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_CreateMembers.html>.
#[derive(Debug, Clone, Copy)]
pub struct Members;

/// The value: accounts that are members, or become ones by themselves.
pub type Membership = BTreeSet<AccountId>;

/// What AWS says of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MembersFacts {
    /// Their statuses, also of accounts that are members no more.
    pub statuses: BTreeMap<AccountId, String>,
}

/// What is said of accounts that were left out of a call.
fn unprocessed(action: &str, left: &[Unprocessed]) -> Error {
    let line =
        |one: &Unprocessed| format!("{}: {}", one.account_id().unwrap_or_default(), one.processing_result().unwrap_or("no reason given"));
    Error::new(Kind::Rejected, action, format!("unprocessed: {}", left.iter().map(line).collect::<Vec<_>>().join("; ")))
}

impl Setting for Members {
    type Value = Membership;
    type Facts = MembersFacts;

    const NAME: &'static str = "security_hub.members";
    const STAGED: bool = true;
    const REPEATS: bool = false;
    const READS: &'static [Action] = &[Action::anywhere(LIST)];
    const WRITES: &'static [Action] = &[Action::anywhere(CREATE), Action::anywhere(DISASSOCIATE)];

    async fn get(&self, account: &Account) -> Result<Option<(Membership, MembersFacts)>> {
        let client = account.client(gated!(aws_sdk_securityhub));
        let mut statuses = BTreeMap::new();
        let mut pages = client.list_members().only_associated(false).into_paginator().send();
        while let Some(page) = pages.next().await {
            for member in page.called(LIST)?.members() {
                let id = AccountId::try_from(member.account_id().unwrap_or_default());
                let id = id.map_err(|error| Error::malformed(LIST, error.to_string()))?;
                statuses.insert(id, member.member_status().unwrap_or_default().to_owned());
            }
        }
        let is_member = |status: &str| ["enabled", "created", "associated"].contains(&status.to_ascii_lowercase().as_str());
        let value = statuses.iter().filter(|(_, status)| is_member(status)).map(|(id, _)| id.clone()).collect();
        Ok(Some((value, MembersFacts { statuses })))
    }

    async fn put(&self, account: &Account, from: &Membership, to: &Membership) -> Result<()> {
        let client = account.client(gated!(aws_sdk_securityhub));
        let joining: Vec<&AccountId> = to.difference(from).collect();
        for some in joining.chunks(AT_ONCE) {
            let details = some.iter().map(|id| AccountDetails::builder().account_id(id.as_str()).build()).collect();
            let done = client.create_members().set_account_details(Some(details)).send().await.called(CREATE)?;
            let left = done.unprocessed_accounts();
            // Where some were processed there is progress; the rest is tried again by the next run.
            if left.len() >= some.len() {
                return Err(unprocessed(CREATE, left));
            }
        }
        let leaving: Vec<String> = from.difference(to).map(ToString::to_string).collect();
        for some in leaving.chunks(AT_ONCE) {
            // Accounts of the organization cannot be deleted from the list; they stay in it, as removed.
            client.disassociate_members().set_account_ids(Some(some.to_vec())).send().await.called(DISASSOCIATE)?;
        }
        Ok(())
    }

    fn undo(_from: &Membership, _to: &Membership) -> Undo {
        Undo::Partly("Security Hub stays on in the accounts")
    }

    /// Of those who join, any: the others are tried again. Of those who leave, all. Others may come and go meanwhile.
    fn reached(from: &Membership, to: &Membership, live: &Membership) -> bool {
        let (mut joining, mut leaving) = (to.difference(from).peekable(), from.difference(to));
        (joining.peek().is_none() || joining.any(|id| live.contains(id))) && !leaving.any(|id| live.contains(id))
    }

    /// Who is a member meanwhile may be one by somebody else's doing, and is never put out for a call that failed.
    fn is_ours(_from: &Membership, _to: &Membership, _live: &Membership) -> bool {
        false
    }

    fn changes(from: &Membership, to: &Membership) -> Vec<String> {
        let joining = to.difference(from).map(|id| format!("+ member {id}"));
        joining.chain(from.difference(to).map(|id| format!("- member {id}"))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ids: &[&str]) -> Membership {
        ids.iter().map(|id| AccountId::try_from(*id).unwrap()).collect()
    }

    const A: &str = "111111111111";
    const B: &str = "222222222222";
    const C: &str = "333333333333";

    #[test]
    fn some_who_joined_are_progress_and_all_who_leave_must_be_gone() {
        let reached = |from: &[&str], to: &[&str], live: &[&str]| Members::reached(&set(from), &set(to), &set(live));
        assert!(reached(&[A], &[A, B, C], &[A, C]) && !reached(&[A], &[A, B, C], &[A]));
        assert!(reached(&[A, B, C], &[A], &[A]) && !reached(&[A, B, C], &[A], &[A, B]));
    }

    #[test]
    fn nobody_is_put_out_for_a_call_that_failed() {
        assert!(!Members::is_ours(&set(&[]), &set(&[A, B]), &set(&[A])));
    }
}
