//! Bad examples: for every control, resources that violate it, and what they look like from outside.

mod ec2;
mod iam;
mod other;
mod s3;

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

/// One bad example of one control.
#[derive(Clone, Copy)]
pub struct Case {
    /// The control.
    pub control: &'static str,
    /// What is particular about the example.
    pub name: &'static str,
    stage: Stage,
}

impl Case {
    const fn new(control: &'static str, name: &'static str, stage: Stage) -> Self {
        Self { control, name, stage }
    }

    /// Makes the example.
    pub async fn stage(&self, place: &Place<'_>) -> Staged {
        (self.stage)(place).await
    }
}

/// Every bad example. The first of each control is the one that the demo shows.
pub fn cases() -> Vec<Case> {
    [s3::CASES, iam::CASES, ec2::CASES, other::CASES].concat()
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
