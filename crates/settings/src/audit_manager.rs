//! AWS Audit Manager in one account and region.

use aws_sdk_auditmanager::types::AccountStatus;
use redress_aws::Called;
use redress_remediation::{Account, Action, Result, Setting, Undo};

use crate::{gated, incomplete};

const STATUS: &str = "auditmanager:GetAccountStatus";
// AWS refuses it to new customers since 30 April 2026.
const REGISTER: &str = "auditmanager:RegisterAccount";
const DEREGISTER: &str = "auditmanager:DeregisterAccount";
const LINKED: &str = "iam:CreateServiceLinkedRole";
const LINKED_ROLE: &str =
    "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/aws-service-role/auditmanager.amazonaws.com/AWSServiceRoleForAuditManager";

/// Whether the account is registered.
///
/// See <https://docs.aws.amazon.com/audit-manager/latest/APIReference/API_RegisterAccount.html>.
#[derive(Debug, Clone, Copy)]
pub struct Registration;

impl Setting for Registration {
    type Value = bool;
    type Facts = ();

    const NAME: &'static str = "audit_manager.registration";
    const READS: &'static [Action] = &[Action::anywhere(STATUS)];
    const WRITES: &'static [Action] = &[
        Action::anywhere(REGISTER),
        Action::anywhere(DEREGISTER),
        Action::on(LINKED, LINKED_ROLE).when("StringEquals", "iam:AWSServiceName", "auditmanager.amazonaws.com"),
    ];

    async fn get(&self, account: &Account) -> Result<Option<(bool, ())>> {
        let client = account.client(gated!(aws_sdk_auditmanager));
        let answer = client.get_account_status().send().await.called(STATUS)?;
        let status = answer.status.ok_or_else(|| incomplete(STATUS, "status"))?;
        Ok(Some((matches!(status, AccountStatus::Active | AccountStatus::PendingActivation), ())))
    }

    async fn put(&self, account: &Account, from: &bool, to: &bool) -> Result<()> {
        let client = account.client(gated!(aws_sdk_auditmanager));
        match (from, to) {
            (false, true) => client.register_account().send().await.called(REGISTER).map(|_| ()),
            (true, false) => client.deregister_account().send().await.called(DEREGISTER).map(|_| ()),
            (true, true) | (false, false) => Ok(()),
        }
    }

    fn undo(_from: &bool, _to: &bool) -> Undo {
        Undo::Partly("Audit Manager keeps what it collected for two years")
    }

    fn changes(_from: &bool, to: &bool) -> Vec<String> {
        // https://aws.amazon.com/audit-manager/pricing/
        vec![if *to { "+ Audit Manager; about 1.25 USD for 1,000 resource assessments".to_owned() } else { "- Audit Manager".to_owned() }]
    }
}
