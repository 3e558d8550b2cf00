//! Bad examples: for every control, resources that violate it, and what they look like from outside.

mod account;
mod cloudtrail;
mod ec2;
mod efs;
mod iam;
mod network;
mod other;
mod rds;
mod s3;
mod users;

use std::{future::Future, pin::Pin};

use aws_types::SdkConfig;
use redress_model::{AccountId, Region};
use serde_json::Value as Json;

use crate::local::LocalAws;

/// Where something is staged.
pub struct Place<'a> {
    /// The local AWS.
    pub local: &'a LocalAws,
    /// The member account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
    /// The account's root.
    pub sdk: SdkConfig,
}

impl<'a> Place<'a> {
    /// A place in an account that exists already.
    pub async fn new(local: &'a LocalAws, account: AccountId, region: Region) -> Self {
        let sdk = local.root(&account, &region).await;
        Self { local, account, region, sdk }
    }

    /// The staged thing as a finding will name it.
    fn staged(&self, resource: String, observe: Observe) -> Staged {
        Staged { account: self.account.clone(), region: self.region.clone(), resource, kind: None, observe }
    }

    fn arn(&self, service: &str, rest: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{rest}", self.region, self.account)
    }

    fn account_id(&self) -> String {
        format!("AWS::::Account:{}", self.account)
    }
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
type Observe = for<'a> fn(&'a Place<'a>, &'a str) -> Answer<'a, Json>;
type Stage = for<'a> fn(&'a Place<'a>) -> Answer<'a, Staged>;

/// A staged violation.
#[derive(Debug, Clone)]
pub struct Staged {
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
    /// The id by which a finding names it.
    pub resource: String,
    /// Its ASFF type, where it is not the one of the control's event.
    pub kind: Option<String>,
    observe: Observe,
}

impl Staged {
    /// What it looks like now, read with the SDK directly. Equal before and after means: nothing was changed.
    pub async fn observe(&self, place: &Place<'_>) -> Json {
        (self.observe)(place, &self.resource).await
    }

    fn of_kind(self, kind: &str) -> Self {
        Self { kind: Some(kind.to_owned()), ..self }
    }
}

/// How an example ends, where everything is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Changed, verified and resolved.
    Fixed,
    /// A person is told what to do, and nothing is changed.
    Told,
    /// What can be done is done, and a person is told the rest.
    Prepared,
}

/// What an undo brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Back {
    /// What was there, to the letter.
    Whole,
    /// What was there, a stage at a time.
    ByStages,
    /// Nothing, and these words say why.
    Refused(&'static str),
}

/// One bad example of one control.
#[derive(Clone, Copy)]
pub struct Case {
    /// The control.
    pub control: &'static str,
    /// What is particular about the example.
    pub name: &'static str,
    /// The control's parameters in the policy, in JSON; `ACCOUNT` stands for the account.
    pub params: Option<&'static str>,
    /// How it ends.
    pub ending: Ending,
    /// What an undo brings.
    pub back: Back,
    /// Parts of the keys of what may differ in the account's inventory afterwards; the resource itself is meant by `RESOURCE`.
    pub touches: &'static [&'static str],
    stage: Stage,
}

impl Case {
    const fn new(control: &'static str, name: &'static str, stage: Stage) -> Self {
        Self { control, name, params: None, ending: Ending::Fixed, back: Back::Whole, touches: &["RESOURCE"], stage }
    }

    /// With parameters in the policy.
    const fn params(self, params: &'static str) -> Self {
        Self { params: Some(params), ..self }
    }

    const fn ends(self, ending: Ending) -> Self {
        Self { ending, ..self }
    }

    const fn back(self, back: Back) -> Self {
        Self { back, ..self }
    }

    const fn touches(self, touches: &'static [&'static str]) -> Self {
        Self { touches, ..self }
    }

    /// Makes the example.
    pub async fn stage(&self, place: &Place<'_>) -> Staged {
        (self.stage)(place).await
    }
}

/// Every bad example. The first of each control is the one that the demo shows.
pub fn cases() -> Vec<Case> {
    [
        s3::CASES,
        iam::CASES,
        users::CASES,
        account::CASES,
        ec2::CASES,
        network::CASES,
        rds::CASES,
        efs::CASES,
        cloudtrail::CASES,
        other::CASES,
    ]
    .concat()
}

/// Turns an `async fn(&Place) -> ...` into a [`Stage`] or [`Observe`].
macro_rules! boxed {
    ($stage:path) => {
        |place| Box::pin($stage(place))
    };
    ($observe:path, id) => {
        |place, id| Box::pin($observe(place, id))
    };
}
use boxed;
