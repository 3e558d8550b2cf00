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
}

impl Resource {
    /// The id as an ARN, where it is one.
    pub fn arn(&self) -> Option<Arn<'_>> {
        Arn::parse(&self.id).ok()
    }
}
