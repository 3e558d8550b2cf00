//! Amazon Macie in one account and region.

use aws_sdk_macie2::types::MacieStatus;
use redress_aws::Called;
use redress_remediation::{Account, Action, Kind, Result, Setting, Undo};

use crate::{
    gated,
    watch::{Watch, changes},
};

const GET: &str = "macie2:GetMacieSession";
const ENABLE: &str = "macie2:EnableMacie";
const UPDATE: &str = "macie2:UpdateMacieSession";
const DISABLE: &str = "macie2:DisableMacie";
const LINKED: &str = "iam:CreateServiceLinkedRole";
const LINKED_ROLE: &str =
    "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/aws-service-role/macie.amazonaws.com/AWSServiceRoleForAmazonMacie";

/// The list price in us-east-1; other regions differ a little. <https://aws.amazon.com/macie/pricing/>
const COSTS: &str = "about 0.10 USD for a bucket a month, and 1 USD for a GB that is inspected, after 30 days free of charge";

/// Macie's session.
///
/// See <https://docs.aws.amazon.com/macie/latest/user/macie-suspend-disable.html>.
#[derive(Debug, Clone, Copy)]
pub struct MacieSession;

impl Setting for MacieSession {
    type Value = Watch;
    type Facts = ();

    const NAME: &'static str = "macie.session";
    const READS: &'static [Action] = &[Action::anywhere(GET)];
    const WRITES: &'static [Action] = &[
        Action::anywhere(ENABLE),
        Action::anywhere(UPDATE),
        Action::anywhere(DISABLE),
        Action::on(LINKED, LINKED_ROLE).when("StringEquals", "iam:AWSServiceName", "macie.amazonaws.com"),
    ];

    async fn get(&self, account: &Account) -> Result<Option<(Watch, ())>> {
        let client = account.client(gated!(aws_sdk_macie2));
        let value = match client.get_macie_session().send().await.called(GET) {
            Ok(session) if session.status() == Some(&MacieStatus::Enabled) => Watch::On,
            Ok(_) => Watch::Suspended,
            // That it is off is told as a denial; only the message tells it from one.
            Err(error) if error.kind == Kind::Denied && error.message.contains("Macie is not enabled") => Watch::Off,
            Err(error) => return Err(error),
        };
        Ok(Some((value, ())))
    }

    async fn put(&self, account: &Account, from: &Watch, to: &Watch) -> Result<()> {
        let client = account.client(gated!(aws_sdk_macie2));
        let status = if *to == Watch::On { MacieStatus::Enabled } else { MacieStatus::Paused };
        match (from, to) {
            (Watch::Off, Watch::On | Watch::Suspended) => client.enable_macie().status(status).send().await.called(ENABLE).map(|_| ()),
            (Watch::On, Watch::Suspended) | (Watch::Suspended, Watch::On) => {
                client.update_macie_session().status(status).send().await.called(UPDATE).map(|_| ())
            }
            (Watch::On | Watch::Suspended, Watch::Off) => client.disable_macie().send().await.called(DISABLE).map(|_| ()),
            (Watch::Off, Watch::Off) | (Watch::On, Watch::On) | (Watch::Suspended, Watch::Suspended) => Ok(()),
        }
    }

    fn undo(from: &Watch, _to: &Watch) -> Undo {
        if *from == Watch::Off { Undo::Partly("what it found and was told meanwhile goes with it") } else { Undo::Exact }
    }

    fn changes(from: &Watch, to: &Watch) -> Vec<String> {
        changes("Macie", *from, *to, COSTS)
    }
}
