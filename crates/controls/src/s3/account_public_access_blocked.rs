//! # Risk
//! Without a block at the account, every bucket is one mistake away from being public.
//!
//! # Remedy
//! Switches on all four blocks on public access of the account. Switches are only ever raised.
//!
//! # Impact
//! The account's block overrules every bucket's own. Where any bucket is public today, by policy or ACL, the plan lists them and waits for
//! approval; a bucket that could not be judged counts as public.
//!
//! # Undo
//! Exact: the four switches as they were, or no configuration where there was none.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::{
    s3::PublicAccess,
    s3_account::{AccountPublicAccess, PublicBuckets},
};

use crate::not_a;

/// S3.1
pub struct AccountPublicAccessBlocked;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<AccountPublicAccessBlocked>();

impl Control for AccountPublicAccessBlocked {
    const SPEC: Spec = Spec {
        id: "S3.1",
        title: "The account blocks public access to its buckets",
        severity: Severity::Medium,
        class: Class::Guarded,
        scope: Scope::Global,
        resources: &["AwsAccount"],
        prowler: &["s3_account_level_public_access_blocks"],
        config_rules: &["s3-account-level-public-access-blocks-periodic"],
        in_code: InCode { cloudformation: "", terraform: "all four flags of aws_s3_account_public_access_block true" },
    };
    type Setting = AccountPublicAccess;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<AccountPublicAccess> {
        if resource.kind == "AwsAccount" { Ok(AccountPublicAccess) } else { Err(not_a("an account", &resource.id)) }
    }

    fn want(value: &Option<PublicAccess>, facts: &PublicBuckets, _params: &()) -> Want<Option<PublicAccess>> {
        let to = Some(PublicAccess::BLOCKED);
        if *value == to {
            Want::Keep
        } else if facts.public_buckets.is_empty() {
            Want::Set(to)
        } else {
            let shown = 10;
            let more = facts.public_buckets.len().saturating_sub(shown);
            let names = facts.public_buckets.iter().take(shown).map(String::as_str).collect::<Vec<_>>().join(", ");
            let tail = if more == 0 { String::new() } else { format!(" and {more} more") };
            Want::Ask { to, why: format!("these buckets would stop being public: {names}{tail}") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(value: Option<PublicAccess>, public: &[&str]) -> Want<Option<PublicAccess>> {
        let public_buckets = public.iter().map(|name| (*name).to_owned()).collect();
        AccountPublicAccessBlocked::want(&value, &PublicBuckets { public_buckets }, &())
    }

    #[test]
    fn raises_the_switches_where_nothing_is_public() {
        assert_eq!(want(None, &[]), Want::Set(Some(PublicAccess::BLOCKED)));
        assert_eq!(want(Some(PublicAccess::BLOCKED), &[]), Want::Keep);
    }

    #[test]
    fn lists_the_buckets_that_would_change_and_asks() {
        let Want::Ask { why, .. } = want(None, &["site", "downloads"]) else { panic!("did not ask") };
        assert!(why.contains("site, downloads"), "{why}");
        let many: Vec<_> = (0..14).map(|number| format!("bucket-{number}")).collect();
        let Want::Ask { why, .. } = want(None, &many.iter().map(String::as_str).collect::<Vec<_>>()) else { panic!("did not ask") };
        assert!(why.ends_with("and 4 more"), "{why}");
    }
}
