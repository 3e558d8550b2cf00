//! The root user: its access keys, and its second factor.

use redress_aws::Called;
use redress_remediation::{Account, Action, Error, Kind, Result, Setting};
use serde::{Deserialize, Serialize};

use crate::{gated, incomplete};

const SUMMARY: &str = "iam:GetAccountSummary";

/// Whether the root user has access keys. Nobody but root can delete them: this setting cannot be written.
#[derive(Debug, Clone, Copy)]
pub struct RootAccessKeys;

/// The value: a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootKeys {
    /// How many access keys root has.
    pub access_keys: i32,
}

impl Setting for RootAccessKeys {
    type Value = RootKeys;
    type Facts = ();

    const NAME: &'static str = "iam.root_access_keys";
    const READS: &'static [Action] = &[Action::anywhere(SUMMARY)];
    const WRITES: &'static [Action] = &[];

    async fn get(&self, account: &Account) -> Result<Option<(RootKeys, ())>> {
        let client = account.client(gated!(aws_sdk_iam));
        let answer = client.get_account_summary().send().await.called(SUMMARY)?;
        let summary = answer.summary_map.ok_or_else(|| incomplete(SUMMARY, "summary"))?;
        let present = summary.get(&aws_sdk_iam::types::SummaryKeyType::AccountAccessKeysPresent);
        let access_keys = *present.ok_or_else(|| incomplete(SUMMARY, "count of root's access keys"))?;
        Ok(Some((RootKeys { access_keys }, ())))
    }

    async fn put(&self, _account: &Account, _from: &RootKeys, _to: &RootKeys) -> Result<()> {
        Err(Error::new(Kind::Rejected, Self::NAME, "only the root user can delete its access keys"))
    }
}

const VIRTUAL: &str = "iam:ListVirtualMFADevices";

/// The second factor of the root user. Only the root user can change it: this setting cannot be written.
#[derive(Debug, Clone, Copy)]
pub struct RootSecondFactor;

/// The value: which kinds of second factor the root user has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootMfa {
    /// Whether it has any.
    pub any: bool,
    /// Whether it has a virtual one: an application, not a device.
    pub is_virtual: bool,
}

impl Setting for RootSecondFactor {
    type Value = RootMfa;
    type Facts = ();

    const NAME: &'static str = "iam.root_second_factor";
    const READS: &'static [Action] = &[Action::anywhere(SUMMARY), Action::anywhere(VIRTUAL)];
    const WRITES: &'static [Action] = &[];

    async fn get(&self, account: &Account) -> Result<Option<(RootMfa, ())>> {
        let client = account.client(gated!(aws_sdk_iam));
        let answer = client.get_account_summary().send().await.called(SUMMARY)?;
        let summary = answer.summary_map.ok_or_else(|| incomplete(SUMMARY, "summary"))?;
        let enabled = summary.get(&aws_sdk_iam::types::SummaryKeyType::AccountMfaEnabled);
        let any = *enabled.ok_or_else(|| incomplete(SUMMARY, "second factor of root"))? > 0;
        let root = format!("arn:{}:iam::{}:root", account.partition(), account.id());
        let mut is_virtual = false;
        let assigned = aws_sdk_iam::types::AssignmentStatusType::Assigned;
        let mut pages = client.list_virtual_mfa_devices().assignment_status(assigned).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.called(VIRTUAL)?;
            is_virtual |= page.virtual_mfa_devices().iter().any(|device| {
                let of_root = device.user().is_some_and(|user| user.arn() == root);
                of_root || device.serial_number().ends_with(":mfa/root-account-mfa-device")
            });
        }
        Ok(Some((RootMfa { any, is_virtual }, ())))
    }

    async fn put(&self, _account: &Account, _from: &RootMfa, _to: &RootMfa) -> Result<()> {
        Err(Error::new(Kind::Rejected, Self::NAME, "only the root user can change its second factor"))
    }
}
