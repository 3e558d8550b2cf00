//! Amazon Inspector in one account and region: what it scans.

use std::collections::BTreeSet;

use aws_sdk_inspector2::types::{AccountState, FailedAccount, ResourceScanType, Status};
use redress_aws::Called;
use redress_remediation::{Account, Action, Error, Kind, Result, Setting, Undo};
use serde::{Deserialize, Serialize};

use crate::{gated, incomplete};

const STATUS: &str = "inspector2:BatchGetAccountStatus";
const ENABLE: &str = "inspector2:Enable";
const DISABLE: &str = "inspector2:Disable";
const LINKED: &str = "iam:CreateServiceLinkedRole";
const LINKED_ROLE: &str =
    "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/aws-service-role/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2";
const AGENTLESS_ROLE: &str = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/aws-service-role/agentless.inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2Agentless";

/// The list price in us-east-1; other regions differ a little. <https://aws.amazon.com/inspector/pricing/>
const COSTS: &str = "about 1.25 USD for an instance a month, 0.09 USD for a new container image, 0.30 USD for a function a month, after 15 days free of charge";

/// What Inspector scans.
///
/// See <https://docs.aws.amazon.com/inspector/v2/APIReference/API_Enable.html>.
#[derive(Debug, Clone, Copy)]
pub struct Scans;

/// The value: the kinds of resources that are scanned, as Inspector calls them (`EC2`, `ECR`, `LAMBDA`, `LAMBDA_CODE`, `CODE_REPOSITORY`).
pub type Scanned = BTreeSet<String>;

/// What is under way.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ScansFacts {
    /// Kinds that are being switched off.
    pub ending: BTreeSet<String>,
}

fn states(state: &AccountState) -> Vec<(&'static str, Status)> {
    let Some(of) = state.resource_state() else { return Vec::new() };
    let kinds = [
        ("EC2", of.ec2()),
        ("ECR", of.ecr()),
        ("LAMBDA", of.lambda()),
        ("LAMBDA_CODE", of.lambda_code()),
        ("CODE_REPOSITORY", of.code_repository()),
    ];
    kinds.into_iter().filter_map(|(kind, state)| Some((kind, state?.status().clone()))).collect()
}

fn failed(action: &str, accounts: &[FailedAccount]) -> Result<()> {
    let Some(first) = accounts.first() else { return Ok(()) };
    let kind = if first.error_code().as_str() == "ACCESS_DENIED" { Kind::Denied } else { Kind::Rejected };
    Err(Error { code: first.error_code().as_str().to_owned(), ..Error::new(kind, action, first.error_message()) })
}

impl Setting for Scans {
    type Value = Scanned;
    type Facts = ScansFacts;

    const NAME: &'static str = "inspector.scans";
    const READS: &'static [Action] = &[Action::anywhere(STATUS)];
    const WRITES: &'static [Action] = &[
        Action::anywhere(ENABLE),
        Action::anywhere(DISABLE),
        Action::on(LINKED, LINKED_ROLE).when("StringEquals", "iam:AWSServiceName", "inspector2.amazonaws.com"),
        Action::on(LINKED, AGENTLESS_ROLE).when("StringEquals", "iam:AWSServiceName", "agentless.inspector2.amazonaws.com"),
    ];

    async fn get(&self, account: &Account) -> Result<Option<(Scanned, ScansFacts)>> {
        let client = account.client(gated!(aws_sdk_inspector2));
        let answer = client.batch_get_account_status().account_ids(account.id().as_str()).send().await.called(STATUS)?;
        let state = answer.accounts().first().ok_or_else(|| incomplete(STATUS, "account"))?;
        let mut value = Scanned::new();
        let mut facts = ScansFacts::default();
        for (kind, status) in states(state) {
            match status {
                Status::Enabled | Status::Enabling => value.insert(kind.to_owned()),
                Status::Disabling => facts.ending.insert(kind.to_owned()),
                _ => false,
            };
        }
        Ok(Some((value, facts)))
    }

    async fn put(&self, account: &Account, from: &Scanned, to: &Scanned) -> Result<()> {
        let client = account.client(gated!(aws_sdk_inspector2));
        let types = |kinds: Vec<&String>| {
            (!kinds.is_empty()).then(|| kinds.into_iter().map(|kind| ResourceScanType::from(kind.as_str())).collect::<Vec<_>>())
        };
        if let Some(types) = types(to.difference(from).collect()) {
            let done = client.enable().account_ids(account.id().as_str()).set_resource_types(Some(types)).send().await.called(ENABLE)?;
            failed(ENABLE, done.failed_accounts())?;
        }
        if let Some(types) = types(from.difference(to).collect()) {
            let done = client.disable().account_ids(account.id().as_str()).set_resource_types(Some(types)).send().await.called(DISABLE)?;
            failed(DISABLE, done.failed_accounts())?;
        }
        Ok(())
    }

    fn undo(_from: &Scanned, _to: &Scanned) -> Undo {
        Undo::Partly("findings of what is no longer scanned are closed")
    }

    fn is_ours(from: &Scanned, to: &Scanned, live: &Scanned) -> bool {
        live.is_superset(&(from & to)) && live.is_subset(&(from | to))
    }

    fn changes(from: &Scanned, to: &Scanned) -> Vec<String> {
        let begun = to.difference(from).map(|kind| format!("+ Inspector scans {kind}; {COSTS}"));
        begun.chain(from.difference(to).map(|kind| format!("- Inspector scans {kind}"))).collect()
    }
}
