//! # Risk
//! An account that is no member is checked by nobody, whatever is set in it.
//!
//! # Remedy
//! Makes the accounts in `accounts` members of the administrator's Security Hub in the region, fifty at a time, which is all that AWS takes in a
//! call. What AWS leaves unprocessed is tried again with the next fifty; what it refuses is told by account, with AWS's reason.
//!
//! # Impact
//! Where Security Hub was off it is switched on with its default standards: Baseline.1 comes first, and Baseline.2 takes away what is not chosen.
//!
//! # Undo
//! The accounts that were added are members no more. Security Hub stays on in them.

use redress_model::{AccountId, Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::security_hub::members::{AT_ONCE, Members, MembersFacts, Membership};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is to be known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MembersParams {
    /// The accounts that are to be members.
    pub accounts: Vec<AccountId>,
}

/// Organization.4: a control of our own.
pub struct AccountsAreMembers;

/// The entry, among those of the organization.
pub static ENTRY: Entry = Entry::of::<AccountsAreMembers>();

impl Control for AccountsAreMembers {
    const SPEC: Spec = Spec {
        id: "Organization.4",
        title: "All accounts are members of the administrator's Security Hub",
        severity: Severity::High,
        class: Class::Guarded,
        scope: Scope::Regional,
        resources: &["AwsAccount"],
        prowler: &[],
        config_rules: &[],
        in_code: InCode { cloudformation: "", terraform: "aws_securityhub_member" },
    };
    type Setting = Members;
    type Params = MembersParams;

    fn locate(resource: &Resource, _params: &MembersParams) -> Located<Members> {
        crate::of_account(resource, Members)
    }

    fn want(value: &Membership, _facts: &MembersFacts, params: &MembersParams) -> Want<Membership> {
        let next: Vec<&AccountId> = params.accounts.iter().filter(|account| !value.contains(*account)).take(AT_ONCE).collect();
        if next.is_empty() { Want::Keep } else { Want::Set(value.iter().chain(next).cloned().collect()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts(numbers: std::ops::Range<u64>) -> Vec<AccountId> {
        numbers.map(|number| AccountId::try_from(format!("{:012}", 300_000_000_000 + number).as_str()).unwrap()).collect()
    }

    #[test]
    fn fifty_at_a_time_until_none_is_left() {
        let params = MembersParams { accounts: accounts(0..101) };
        let mut value = Membership::new();
        for expected in [50, 100, 101] {
            let Want::Set(to) = AccountsAreMembers::want(&value, &MembersFacts::default(), &params) else { panic!("nothing is wanted") };
            assert_eq!(to.len(), expected);
            value = to;
        }
        assert_eq!(AccountsAreMembers::want(&value, &MembersFacts::default(), &params), Want::Keep);
    }

    #[test]
    fn members_that_nobody_named_stay() {
        let value: Membership = accounts(7..9).into_iter().collect();
        let params = MembersParams { accounts: accounts(0..1) };
        let Want::Set(to) = AccountsAreMembers::want(&value, &MembersFacts::default(), &params) else { panic!("nothing is wanted") };
        assert!(to.is_superset(&value) && to.len() == 3);
    }
}
