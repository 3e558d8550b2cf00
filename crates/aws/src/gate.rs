//! The gate: no call leaves the process unless its IAM action was declared.
//!
//! In plan mode only reads are declared, so a dry run cannot change anything, whatever the code above does. The same declarations make the
//! member role and the session policy of each assumed role; this is the one place where they are enforced by ourselves.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::BeforeSerializationInterceptorContextRef, dyn_dispatch_hint},
        orchestrator::Metadata,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::ConfigBag;

/// An SDK interceptor that lets only declared actions pass, and remembers what passed.
#[derive(Debug, Clone)]
pub struct Gate {
    declared: Arc<[&'static str]>,
    passed: Arc<Mutex<Vec<String>>>,
}

/// The error with which an undeclared call ends.
#[derive(Debug, thiserror::Error)]
#[error("the action {action} was not declared")]
pub(crate) struct Undeclared {
    pub(crate) action: String,
}

impl Gate {
    /// A gate that lets `declared` IAM actions pass.
    pub fn new(declared: impl IntoIterator<Item = &'static str>) -> Self {
        Self { declared: declared.into_iter().collect(), passed: Arc::default() }
    }

    /// The actions that passed so far, in order.
    pub fn passed(&self) -> Vec<String> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[dyn_dispatch_hint]
impl Intercept for Gate {
    fn name(&self) -> &'static str {
        "Gate"
    }

    fn read_before_serialization(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let metadata = config.load::<Metadata>().ok_or("the operation has no metadata")?;
        let action = iam_action(metadata.service(), metadata.name());
        if !self.declared.contains(&action.as_str()) {
            return Err(Undeclared { action }.into());
        }
        self.passed.lock().unwrap_or_else(PoisonError::into_inner).push(action);
        Ok(())
    }
}

/// The IAM action that an API operation needs. Most are named alike; S3's are not.
///
/// See <https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html>.
pub fn iam_action(service: &str, operation: &str) -> String {
    let prefix = match service {
        "S3" | "S3 Control" => "s3",
        "Resource Groups Tagging API" => "tag",
        "Config Service" => "config",
        "AccessAnalyzer" => "access-analyzer",
        "EFS" => "elasticfilesystem",
        "CloudWatch Logs" => "logs",
        "Elastic Load Balancing" | "Elastic Load Balancing v2" => "elasticloadbalancing",
        _ => &service.to_ascii_lowercase().replace(' ', ""),
    };
    let name = match (service, operation) {
        ("S3", "ListBuckets") => "ListAllMyBuckets",
        ("S3", "GetPublicAccessBlock") => "GetBucketPublicAccessBlock",
        ("S3", "PutBucketEncryption") => "PutEncryptionConfiguration",
        ("S3", "PutPublicAccessBlock" | "DeletePublicAccessBlock") => "PutBucketPublicAccessBlock",
        ("S3 Control", "GetPublicAccessBlock") => "GetAccountPublicAccessBlock",
        ("S3 Control", "PutPublicAccessBlock" | "DeletePublicAccessBlock") => "PutAccountPublicAccessBlock",
        _ => operation,
    };
    format!("{prefix}:{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_action_that_iam_checks() {
        assert_eq!(iam_action("S3 Control", "DeletePublicAccessBlock"), "s3:PutAccountPublicAccessBlock");
        assert_eq!(iam_action("S3", "GetBucketPolicy"), "s3:GetBucketPolicy");
        assert_eq!(iam_action("CloudTrail", "UpdateTrail"), "cloudtrail:UpdateTrail");
        assert_eq!(iam_action("Resource Groups Tagging API", "GetResources"), "tag:GetResources");
    }
}
