//! Which bucket a finding names.

use redress_model::Resource;
use redress_remediation::Located;

use crate::not_a;

/// The bucket that a finding names: `arn:aws:s3:::name`.
pub(crate) fn bucket_of(resource: &Resource) -> Located<String> {
    let bucket = resource.arn().filter(|arn| arn.service == "s3").map(|arn| arn.resource.to_owned());
    bucket.filter(|name| !name.contains('/')).ok_or_else(|| not_a("a bucket", &resource.id))
}
