//! Amazon GuardDuty: the detector of one account and region.

use aws_sdk_guardduty::{Client, types::DetectorStatus};
use redress_aws::Called;
use redress_remediation::{Account, Action, Error, Kind, Result, Setting, Undo};

use crate::{
    found, gated, incomplete,
    watch::{Watch, changes},
};

const LIST: &str = "guardduty:ListDetectors";
const GET: &str = "guardduty:GetDetector";
const CREATE: &str = "guardduty:CreateDetector";
const UPDATE: &str = "guardduty:UpdateDetector";
const DELETE: &str = "guardduty:DeleteDetector";
const LINKED: &str = "iam:CreateServiceLinkedRole";
const LINKED_ROLE: &str =
    "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/aws-service-role/guardduty.amazonaws.com/AWSServiceRoleForAmazonGuardDuty";
const DETECTORS: &str = "arn:${AWS::Partition}:guardduty:*:${AWS::AccountId}:detector/*";

/// The list price in us-east-1; other regions differ a little. <https://aws.amazon.com/guardduty/pricing/>
const COSTS: &str = "about 4 USD for a million CloudTrail management events and 1 USD for a GB of flow and DNS logs a month, protection plans that are on by \
                     default extra, after 30 days free of charge";

/// The detector, of which there is one in a region.
///
/// See <https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_suspend-disable.html>.
#[derive(Debug, Clone, Copy)]
pub struct Detector;

impl Detector {
    async fn id(client: &Client) -> Result<Option<String>> {
        Ok(client.list_detectors().send().await.called(LIST)?.detector_ids().first().cloned())
    }

    async fn known(client: &Client) -> Result<String> {
        Self::id(client).await?.ok_or_else(|| Error::new(Kind::Conflict, UPDATE, "the detector is gone"))
    }
}

impl Setting for Detector {
    type Value = Watch;
    type Facts = ();

    const NAME: &'static str = "guardduty.detector";
    const READS: &'static [Action] = &[Action::anywhere(LIST), Action::on(GET, DETECTORS)];
    const WRITES: &'static [Action] = &[
        Action::anywhere(CREATE),
        Action::on(UPDATE, DETECTORS),
        Action::on(DELETE, DETECTORS),
        Action::on(LINKED, LINKED_ROLE).when("StringEquals", "iam:AWSServiceName", "guardduty.amazonaws.com"),
    ];

    async fn get(&self, account: &Account) -> Result<Option<(Watch, ())>> {
        let client = account.client(gated!(aws_sdk_guardduty));
        let Some(id) = Self::id(&client).await? else { return Ok(Some((Watch::Off, ()))) };
        let Some(detector) = found(client.get_detector().detector_id(id).send().await.called(GET))? else {
            return Ok(Some((Watch::Off, ())));
        };
        let status = detector.status.ok_or_else(|| incomplete(GET, "status"))?;
        Ok(Some((if status == DetectorStatus::Enabled { Watch::On } else { Watch::Suspended }, ())))
    }

    async fn put(&self, account: &Account, from: &Watch, to: &Watch) -> Result<()> {
        let client = account.client(gated!(aws_sdk_guardduty));
        match (from, to) {
            (Watch::Off, Watch::On | Watch::Suspended) => {
                client.create_detector().enable(*to == Watch::On).send().await.called(CREATE).map(|_| ())
            }
            (Watch::On, Watch::Suspended) | (Watch::Suspended, Watch::On) => {
                let id = Self::known(&client).await?;
                client.update_detector().detector_id(id).enable(*to == Watch::On).send().await.called(UPDATE).map(|_| ())
            }
            (Watch::On | Watch::Suspended, Watch::Off) => {
                let id = Self::known(&client).await?;
                client.delete_detector().detector_id(id).send().await.called(DELETE).map(|_| ())
            }
            (Watch::Off, Watch::Off) | (Watch::On, Watch::On) | (Watch::Suspended, Watch::Suspended) => Ok(()),
        }
    }

    fn undo(from: &Watch, _to: &Watch) -> Undo {
        if *from == Watch::Off { Undo::Partly("what it found and was told meanwhile goes with the detector") } else { Undo::Exact }
    }

    fn changes(from: &Watch, to: &Watch) -> Vec<String> {
        changes("GuardDuty detector", *from, *to, COSTS)
    }
}
