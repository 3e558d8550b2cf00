//! A conformance pack of AWS Config: rules that are deployed and counted together.

use aws_sdk_config::types::ConformancePackState;
use redress_aws::Called;
use redress_remediation::{Account, Action, Result, Setting, Undo};
use serde::{Deserialize, Serialize};

use crate::{found, gated};

const DESCRIBE: &str = "config:DescribeConformancePacks";
const STATUS: &str = "config:DescribeConformancePackStatus";
const PUT: &str = "config:PutConformancePack";
const DELETE: &str = "config:DeleteConformancePack";
const PACKS: &str = "arn:${AWS::Partition}:config:*:${AWS::AccountId}:conformance-pack/*";
const GET_ROLE: &str = "iam:GetRole";
const LINKED: &str = "iam:CreateServiceLinkedRole";
const LINKED_ROLE: &str =
    "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/aws-service-role/config-conforms.amazonaws.com/AWSServiceRoleForConfigConforms";

/// The template that is used where none is named: rules for the CIS AWS Foundations Benchmark v3.0.0.
const TEMPLATE: &str = include_str!("../../../../infra/conformance-pack.yaml");

/// The conformance pack of one name.
///
/// AWS does not tell the template of a pack, so one that is there is taken as it is.
/// See <https://docs.aws.amazon.com/config/latest/APIReference/API_PutConformancePack.html>.
#[derive(Debug, Clone)]
pub struct ConformancePack {
    /// Its name.
    pub name: String,
    /// Its template, in YAML; without one, the built-in one. By the text and not by an address: members need no permission to read a bucket.
    pub template: Option<String>,
}

/// What is to be known of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PackFacts {
    /// AWS Config's state of it.
    pub state: Option<String>,
    /// Why it is in it.
    pub reason: Option<String>,
}

/// How far a pack is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It is there, or not.
    Settled,
    /// It is being deployed or deleted, which takes minutes.
    UnderWay,
    /// Deploying or deleting it failed.
    Failed,
}

impl PackFacts {
    /// How far it is.
    pub fn progress(&self) -> Progress {
        use ConformancePackState as State;
        match self.state.as_deref().map(State::from) {
            Some(State::CreateFailed | State::DeleteFailed) => Progress::Failed,
            Some(State::CreateInProgress | State::DeleteInProgress) => Progress::UnderWay,
            _ => Progress::Settled,
        }
    }
}

impl Setting for ConformancePack {
    type Value = bool;
    type Facts = PackFacts;

    const NAME: &'static str = "config.conformance_pack";
    const STAGED: bool = true;
    const READS: &'static [Action] = &[Action::anywhere(DESCRIBE), Action::anywhere(STATUS)];
    const WRITES: &'static [Action] = &[
        Action::on(PUT, PACKS),
        Action::on(DELETE, PACKS),
        Action::on(GET_ROLE, LINKED_ROLE),
        Action::on(LINKED, LINKED_ROLE).when("StringEquals", "iam:AWSServiceName", "config-conforms.amazonaws.com"),
    ];

    async fn get(&self, account: &Account) -> Result<Option<(bool, PackFacts)>> {
        let client = account.client(gated!(aws_sdk_config));
        let known = found(client.describe_conformance_packs().conformance_pack_names(&self.name).send().await.called(DESCRIBE))?;
        if known.is_none_or(|answer| answer.conformance_pack_details().is_empty()) {
            return Ok(Some((false, PackFacts::default())));
        }
        let status = found(client.describe_conformance_pack_status().conformance_pack_names(&self.name).send().await.called(STATUS))?;
        let status = status.as_ref().and_then(|answer| answer.conformance_pack_status_details().first());
        let facts = PackFacts {
            state: status.map(|status| status.conformance_pack_state().as_str().to_owned()),
            reason: status.and_then(|status| status.conformance_pack_status_reason()).map(str::to_owned),
        };
        let is_going = facts.state.as_deref() == Some(ConformancePackState::DeleteInProgress.as_str());
        Ok(Some((!is_going, facts)))
    }

    async fn put(&self, account: &Account, from: &bool, to: &bool) -> Result<()> {
        let client = account.client(gated!(aws_sdk_config));
        match (from, to) {
            (false, true) => {
                let call = client.put_conformance_pack().conformance_pack_name(&self.name);
                call.template_body(self.template.as_deref().unwrap_or(TEMPLATE)).send().await.called(PUT).map(|_| ())
            }
            (true, false) => client.delete_conformance_pack().conformance_pack_name(&self.name).send().await.called(DELETE).map(|_| ()),
            (true, true) | (false, false) => Ok(()),
        }
    }

    fn undo(_from: &bool, _to: &bool) -> Undo {
        Undo::Partly("Config's service-linked role for conformance packs stays")
    }

    fn changes(_from: &bool, to: &bool) -> Vec<String> {
        // https://aws.amazon.com/config/pricing/
        vec![if *to {
            "+ conformance pack; about 0.001 USD for each evaluation of a rule".to_owned()
        } else {
            "- conformance pack".to_owned()
        }]
    }
}
