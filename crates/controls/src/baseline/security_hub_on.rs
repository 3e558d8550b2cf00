//! # Risk
//! Without Security Hub nobody checks the account and region, and nothing of it reaches the administrator.
//!
//! # Remedy
//! Switches Security Hub on without its default standards: which standards are checked is Baseline.2's business, and CIS v1.2.0 is not left behind.
//!
//! # Impact
//! Findings of other services come in. Checks cost by standard, and none is on yet.
//!
//! # Undo
//! Switches it off again. What was found and set meanwhile is lost after 90 days. Security Hub refuses it to members of an organization.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::security_hub::SecurityHubOn;

/// Baseline.1: a control of our own.
pub struct SecurityHubIsOn;

/// The entry, among those of the baseline.
pub static ENTRY: Entry = Entry::of::<SecurityHubIsOn>();

impl Control for SecurityHubIsOn {
    const SPEC: Spec = Spec {
        id: "Baseline.1",
        title: "Security Hub is on",
        severity: Severity::High,
        class: Class::Guarded,
        scope: Scope::Regional,
        resources: &["AwsAccount"],
        prowler: &[],
        config_rules: &[],
        in_code: InCode {
            cloudformation: "AWS::SecurityHub::Hub with EnableDefaultStandards: false",
            terraform: "aws_securityhub_account { enable_default_standards = false }",
        },
    };
    type Setting = SecurityHubOn;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<SecurityHubOn> {
        crate::of_account(resource, SecurityHubOn)
    }

    fn want(value: &bool, _facts: &(), _params: &()) -> Want<bool> {
        if *value { Want::Keep } else { Want::Set(true) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_switched_on_where_it_is_off() {
        assert_eq!(SecurityHubIsOn::want(&false, &(), &()), Want::Set(true));
        assert_eq!(SecurityHubIsOn::want(&true, &(), &()), Want::Keep);
    }
}
