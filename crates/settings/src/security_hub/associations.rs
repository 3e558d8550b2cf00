//! Which configuration policy governs which account, under central configuration.

use std::collections::BTreeMap;

use redress_aws::Called;
use redress_model::AccountId;
use redress_remediation::{Account, Action, Result};
use serde::{Deserialize, Serialize};

use crate::gated;

const LIST: &str = "securityhub:ListConfigurationPolicyAssociations";

/// What [`associations`] needs.
pub const READS: &[Action] = &[Action::anywhere(LIST)];

/// What Security Hub calls the policy of accounts that govern themselves.
const SELF_MANAGED: &str = "SELF_MANAGED_SECURITY_HUB";

/// The policy of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Association {
    /// The policy's id.
    pub policy: String,
    /// `SUCCESS`, `PENDING` or `FAILED`.
    pub status: String,
    /// Why it failed, if it did.
    pub message: String,
}

impl Association {
    /// Whether the account is left to govern itself.
    pub fn is_self_managed(&self) -> bool {
        self.policy == SELF_MANAGED
    }
}

/// The policies of accounts, as the delegated administrator sees them in the home region.
///
/// # Errors
/// When they cannot be asked for: under local configuration there are none to ask for.
pub async fn associations(account: &Account) -> Result<BTreeMap<AccountId, Association>> {
    let client = account.client(gated!(aws_sdk_securityhub));
    let mut all = BTreeMap::new();
    let mut pages = client.list_configuration_policy_associations().into_paginator().send();
    while let Some(page) = pages.next().await {
        for one in page.called(LIST)?.configuration_policy_association_summaries() {
            // Units and the root have associations of their own, which accounts inherit.
            let Some(id) = one
                .target_id()
                .filter(|_| matches!(one.target_type().map(aws_sdk_securityhub::types::TargetType::as_str), Some("ACCOUNT")))
            else {
                continue;
            };
            let Ok(id) = AccountId::try_from(id) else { continue };
            let association = Association {
                policy: one.configuration_policy_id().unwrap_or_default().to_owned(),
                status: one.association_status().map_or("", |status| status.as_str()).to_owned(),
                message: one.association_status_message().unwrap_or_default().to_owned(),
            };
            all.insert(id, association);
        }
    }
    Ok(all)
}
