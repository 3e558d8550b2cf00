//! The resource that a finding is about.

use crate::{AccountId, Arn, Partition, Region};
use serde::{Deserialize, Serialize};

/// A resource as the finding names it. Nothing here is trusted to be current: settings read the live resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// The ASFF type, such as `AwsS3Bucket`.
    pub kind: String,
    /// The id as the finding gives it: an ARN for most, `AWS::::Account:111122223333` for accounts.
    pub id: String,
    /// The account that owns it.
    pub account: AccountId,
    /// The region that it lives in, or the partition's global region.
    pub region: Region,
    /// The partition of account and region.
    pub partition: Partition,
    /// The IAM name that the finding's details give, for ids that carry a unique id (`user/AIDA...`) instead. Details may be missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The IAM path that the finding's details give beside the name, such as `/` or `/admins/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

impl Resource {
    /// What it may be called in a pattern: its id, and the ARN of an IAM principal whose id is a unique id.
    pub fn names(&self) -> Vec<String> {
        let by_name = self.name.as_ref().zip(self.path.as_ref()).and_then(|(name, path)| {
            let arn = self.arn().filter(|arn| arn.service == "iam")?;
            let kind = arn.resource.split('/').next()?;
            Some(format!("arn:{}:iam::{}:{kind}{path}{name}", self.partition, self.account))
        });
        std::iter::once(self.id.clone()).chain(by_name).collect()
    }

    /// Whether it is an IAM principal of which no more than the unique id (`user/AIDA...`) is certain, so that no pattern can tell which it
    /// is: patterns may ask for the path too.
    pub fn is_nameless(&self) -> bool {
        let is_unique = |id: &str| {
            let unique = ["AIDA", "AROA", "AGPA"].iter().any(|prefix| id.starts_with(prefix));
            unique && id.len() >= 16 && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        };
        let id = self.arn().filter(|arn| arn.service == "iam").and_then(|arn| arn.resource.rsplit('/').next());
        (self.name.is_none() || self.path.is_none()) && id.is_some_and(is_unique)
    }

    /// The id as an ARN, where it is one.
    pub fn arn(&self) -> Option<Arn<'_>> {
        Arn::parse(&self.id).ok()
    }
}
