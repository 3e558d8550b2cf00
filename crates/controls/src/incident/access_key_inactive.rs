//! # Risk
//! An access key that somebody made who should not, or that is known to others, works until somebody stops it.
//!
//! # Remedy
//! Makes that one key inactive. It comes from incidents only; other keys of the user, and the user, are left as they are.
//!
//! # Impact
//! Whatever works with the key stops at once.
//!
//! # Undo
//! Exact: the key is active again.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::iam::{AccessKey, KeySwitch};

use super::principal_locked_down::AskParams;
use crate::not_a;

/// Incident.2: a control of our own.
pub struct AccessKeyIsInactive;

/// The entry, among those of incidents.
pub static ENTRY: Entry = Entry::of::<AccessKeyIsInactive>();

impl Control for AccessKeyIsInactive {
    const SPEC: Spec = Spec {
        id: "Incident.2",
        title: "An access key that is part of an incident does not work",
        severity: Severity::Critical,
        class: Class::Guarded,
        scope: Scope::Global,
        resources: &["AwsIamAccessKey"],
        prowler: &[],
        config_rules: &[],
        in_code: InCode { cloudformation: "", terraform: "" },
    };
    type Setting = AccessKey;
    type Params = AskParams;

    /// By the user's ARN with the key's id behind it: keys have no ARN of their own.
    fn locate(resource: &Resource, _params: &AskParams) -> Located<AccessKey> {
        let path = resource.arn().and_then(|arn| arn.named("user").map(str::to_owned));
        let parts = path.as_deref().and_then(|path| path.split_once("/accesskey/"));
        let (user, id) = parts.ok_or_else(|| not_a("an access key", &resource.id))?;
        Ok(AccessKey { user: user.rsplit('/').next().unwrap_or(user).to_owned(), id: id.to_owned() })
    }

    fn want(value: &KeySwitch, _facts: &(), params: &AskParams) -> Want<KeySwitch> {
        if value.active { params.wants(KeySwitch { active: false }) } else { Want::Keep }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_one_key_is_made_inactive() {
        let want = |active| AccessKeyIsInactive::want(&KeySwitch { active }, &(), &AskParams::default());
        assert_eq!((want(true), want(false)), (Want::Set(KeySwitch { active: false }), Want::Keep));
    }
}
