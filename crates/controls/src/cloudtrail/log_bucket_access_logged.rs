//! # Risk
//! Who read or deleted the log files of CloudTrail cannot be told.
//!
//! # Remedy
//! Switches on server access logs of the one bucket. They go to the log bucket of the account and region, which is made where there is
//! none: private, encrypted with S3's own keys (access logs are not delivered to KMS), over TLS only, and for access logs of this account
//! only. A bucket never logs to itself.
//!
//! # Impact
//! The access logs cost storage. Nothing else changes.
//!
//! # Undo
//! In part: the access logs are switched off. A log bucket that was made stays, with its logs.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::s3::{BucketLogging, Logging, LoggingFacts};

/// CloudTrail.7
pub struct LogBucketAccessLogged;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<LogBucketAccessLogged>();

impl Control for LogBucketAccessLogged {
    const SPEC: Spec = Spec {
        id: "CloudTrail.7",
        title: "Access to the bucket of CloudTrail is logged",
        severity: Severity::Low,
        class: Class::Guarded,
        scope: Scope::Regional,
        resources: &["AwsS3Bucket"],
        prowler: &[],
        config_rules: &[],
        in_code: InCode { cloudformation: "LoggingConfiguration on the AWS::S3::Bucket", terraform: "aws_s3_bucket_logging" },
    };
    type Setting = BucketLogging;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<BucketLogging> {
        Ok(BucketLogging { bucket: crate::bucket::bucket_of(resource)? })
    }

    fn want(value: &Option<Logging>, facts: &LoggingFacts, _params: &()) -> Want<Option<Logging>> {
        if value.is_some() {
            Want::Keep
        } else if facts.bucket == facts.log_bucket {
            Want::Tell(format!(
                "{} takes the access logs of others, and a bucket must not log to itself: name another bucket for its own.",
                facts.bucket
            ))
        } else {
            Want::Set(Some(Logging { target: facts.log_bucket.clone(), prefix: format!("access/{}/", facts.bucket) }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(bucket: &str, logging: Option<Logging>) -> Want<Option<Logging>> {
        let facts = LoggingFacts { bucket: bucket.into(), log_bucket: "redress-logs-111122223333-eu-west-1".into() };
        LogBucketAccessLogged::want(&logging, &facts, &())
    }

    #[test]
    fn a_bucket_never_logs_to_itself() {
        let Want::Set(Some(to)) = want("trail", None) else { panic!("nothing is set") };
        assert_eq!((to.target.as_str(), to.prefix.as_str()), ("redress-logs-111122223333-eu-west-1", "access/trail/"));
        assert!(matches!(want("redress-logs-111122223333-eu-west-1", None), Want::Tell(_)));
    }

    #[test]
    fn logs_that_go_elsewhere_stay_there() {
        assert_eq!(want("trail", Some(Logging { target: "other".into(), prefix: String::new() })), Want::Keep);
    }
}
