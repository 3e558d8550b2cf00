//! Security Hub CSPM: the hub of an account and region, its standards, and the organization around it.

pub mod administrator;
pub mod aggregator;
pub mod associations;
pub mod members;
pub mod organization;
pub mod standards;

use redress_aws::Called;
use redress_remediation::{Account, Action, Error, Kind, Result, Setting, Undo};

use crate::gated;

const DESCRIBE: &str = "securityhub:DescribeHub";
const ENABLE: &str = "securityhub:EnableSecurityHub";
const DISABLE: &str = "securityhub:DisableSecurityHub";
const HUB: &str = "arn:${AWS::Partition}:securityhub:*:${AWS::AccountId}:hub/default";
const LINKED: &str = "iam:CreateServiceLinkedRole";
const LINKED_ROLE: &str =
    "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/aws-service-role/securityhub.amazonaws.com/AWSServiceRoleForSecurityHub";

/// Whether an error says that the hub is off here.
fn is_off(error: &Error) -> bool {
    error.code == "InvalidAccessException" || error.kind == Kind::NotFound
}

/// Whether Security Hub is on. It is switched on without its default standards, CIS v1.2.0 among them.
///
/// See <https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_EnableSecurityHub.html>.
#[derive(Debug, Clone, Copy)]
pub struct SecurityHubOn;

impl Setting for SecurityHubOn {
    type Value = bool;
    type Facts = ();

    const NAME: &'static str = "security_hub.on";
    const READS: &'static [Action] = &[Action::on(DESCRIBE, HUB)];
    const WRITES: &'static [Action] = &[
        Action::on(ENABLE, HUB),
        Action::on(DISABLE, HUB),
        Action::on(LINKED, LINKED_ROLE).when("StringEquals", "iam:AWSServiceName", "securityhub.amazonaws.com"),
    ];

    async fn get(&self, account: &Account) -> Result<Option<(bool, ())>> {
        let client = account.client(gated!(aws_sdk_securityhub));
        match client.describe_hub().send().await.called(DESCRIBE) {
            Ok(_) => Ok(Some((true, ()))),
            Err(error) if is_off(&error) => Ok(Some((false, ()))),
            Err(error) => Err(error),
        }
    }

    async fn put(&self, account: &Account, from: &bool, to: &bool) -> Result<()> {
        let client = account.client(gated!(aws_sdk_securityhub));
        match (from, to) {
            (false, true) => client.enable_security_hub().enable_default_standards(false).send().await.called(ENABLE).map(|_| ()),
            (true, false) => client.disable_security_hub().send().await.called(DISABLE).map(|_| ()),
            (true, true) | (false, false) => Ok(()),
        }
    }

    fn undo(_from: &bool, _to: &bool) -> Undo {
        Undo::Partly("findings and what was set in it meanwhile go with it after 90 days")
    }

    fn changes(_from: &bool, to: &bool) -> Vec<String> {
        vec![if *to {
            "+ Security Hub, without default standards; its checks cost by standard".to_owned()
        } else {
            "- Security Hub".to_owned()
        }]
    }
}
