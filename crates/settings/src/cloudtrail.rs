//! CloudTrail: that there is a trail, what it records, and how its log files are protected.

mod encryption;
mod selectors;
mod trails;
mod validation;

pub use encryption::{EncryptionFacts, EncryptionKey, TrailEncryption};
pub use selectors::{Field, Selector, Selectors, read_selectors, write_selectors};
pub use trails::{AccountTrails, Trail, Trails, TrailsFacts};
pub use validation::{LogFileValidation, TrailFacts, Validation};

const GET_TRAIL: &str = "cloudtrail:GetTrail";
const UPDATE_TRAIL: &str = "cloudtrail:UpdateTrail";
const GET_SELECTORS: &str = "cloudtrail:GetEventSelectors";
const PUT_SELECTORS: &str = "cloudtrail:PutEventSelectors";
const TRAILS: &str = "arn:${AWS::Partition}:cloudtrail:*:${AWS::AccountId}:trail/*";
/// Members see the trail of their organization, which belongs to the management account.
const ALL_TRAILS: &str = "arn:${AWS::Partition}:cloudtrail:*:*:trail/*";
