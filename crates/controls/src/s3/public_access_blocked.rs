//! # Risk
//! One public ACL or policy, set by mistake, shows a bucket's content to everybody.
//!
//! # Remedy
//! Switches on all four blocks on public access of the bucket. Switches are only ever raised.
//!
//! # Impact
//! Whatever is reached through a public ACL or policy stops being reachable. So a bucket that serves a website, or whose policy or
//! ACL is public, is changed only after approval. ACLs of single objects are not looked at: public objects of a private bucket stop being
//! reachable without a question.
//!
//! # Undo
//! Exact: the four switches as they were, or no configuration where there was none.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::s3::{BucketPublicAccess, PublicAccess, PublicFacts};

use crate::bucket::bucket_of;

/// S3.8
pub struct PublicAccessBlocked;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<PublicAccessBlocked>();

impl Control for PublicAccessBlocked {
    const SPEC: Spec = Spec {
        id: "S3.8",
        title: "Buckets block public access",
        severity: Severity::High,
        class: Class::Automatic,
        scope: Scope::Regional,
        resources: &["AwsS3Bucket"],
        prowler: &["s3_bucket_level_public_access_block"],
        config_rules: &["s3-bucket-level-public-access-prohibited"],
        in_code: InCode {
            cloudformation: "all four flags of PublicAccessBlockConfiguration true",
            terraform: "all four flags of aws_s3_bucket_public_access_block true",
        },
    };
    type Setting = BucketPublicAccess;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<BucketPublicAccess> {
        bucket_of(resource).map(|bucket| BucketPublicAccess { bucket })
    }

    fn want(value: &Option<PublicAccess>, facts: &PublicFacts, _params: &()) -> Want<Option<PublicAccess>> {
        if *value == Some(PublicAccess::BLOCKED) {
            return Want::Keep;
        }
        let to = Some(PublicAccess::BLOCKED);
        let public = [
            (facts.serves_website, "the bucket serves a website"),
            (facts.policy_is_public, "the bucket's policy is public"),
            (facts.acl_is_public, "the bucket's ACL is public"),
        ];
        let why: Vec<_> = public.into_iter().filter(|(is_so, _)| *is_so).map(|(_, why)| why).collect();
        if why.is_empty() { Want::Set(to) } else { Want::Ask { to, why: why.join(", ") } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(value: Option<PublicAccess>, serves_website: bool, policy_is_public: bool, acl_is_public: bool) -> Want<Option<PublicAccess>> {
        PublicAccessBlocked::want(&value, &PublicFacts { serves_website, policy_is_public, acl_is_public }, &())
    }

    #[test]
    fn raises_what_is_missing() {
        let part = PublicAccess { ignore_public_acls: false, ..PublicAccess::BLOCKED };
        assert_eq!(want(Some(part), false, false, false), Want::Set(Some(PublicAccess::BLOCKED)));
        assert_eq!(want(None, false, false, false), Want::Set(Some(PublicAccess::BLOCKED)));
        assert_eq!(want(Some(PublicAccess::BLOCKED), false, false, false), Want::Keep);
    }

    #[test]
    fn what_is_public_on_purpose_needs_approval() {
        assert!(matches!(want(None, true, false, false), Want::Ask { .. }));
        assert!(matches!(want(None, false, true, false), Want::Ask { .. }));
        assert!(matches!(want(None, false, false, true), Want::Ask { .. }));
    }
}
