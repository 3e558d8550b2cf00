//! What EFS.1 and EFS.8 have in common.

use redress_model::Resource;
use redress_remediation::Located;

use crate::not_a;

/// The id of the file system that a finding names.
pub(super) fn system_of(resource: &Resource) -> Located<String> {
    let arn = resource.arn().filter(|arn| arn.service == "elasticfilesystem");
    arn.and_then(|arn| arn.named("file-system").map(str::to_owned)).ok_or_else(|| not_a("a file system", &resource.id))
}

/// How the data comes to the twin.
pub(super) fn steps(system: &str, region: &str, twin: &str) -> String {
    format!(
        "the encrypted twin {twin} stands beside {system}: move the data (aws datasync create-location-efs for both, create-task, \
         start-task-execution --region {region}), stop whoever writes, run the task once more, mount {twin} in place of {system}, and when nothing \
         mounts {system} any more: aws efs delete-file-system --file-system-id {system} --region {region}."
    )
}
