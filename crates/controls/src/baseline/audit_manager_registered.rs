//! # Risk
//! Evidence for an audit is gathered by hand, when it is asked for.
//!
//! # Remedy
//! Registers the account with Audit Manager. AWS takes no new customers since 30 April 2026, and no new region of old ones: there it stays as it is,
//! and that is said.
//!
//! # Impact
//! Assessments cost; registering alone does not.
//!
//! # Undo
//! The account is deregistered. Audit Manager keeps what it collected for two years.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::audit_manager::Registration;

/// Baseline.7: a control of our own.
pub struct AuditManagerIsRegistered;

/// The entry, among those of the baseline.
pub static ENTRY: Entry = Entry::of::<AuditManagerIsRegistered>();

impl Control for AuditManagerIsRegistered {
    const SPEC: Spec = Spec {
        id: "Baseline.7",
        title: "Audit Manager is registered",
        severity: Severity::Low,
        class: Class::Guarded,
        scope: Scope::Regional,
        resources: &["AwsAccount"],
        prowler: &[],
        config_rules: &[],
        in_code: InCode { cloudformation: "", terraform: "aws_auditmanager_account_registration" },
    };
    type Setting = Registration;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<Registration> {
        crate::of_account(resource, Registration)
    }

    fn want(value: &bool, _facts: &(), _params: &()) -> Want<bool> {
        if *value { Want::Keep } else { Want::Set(true) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_registered_where_it_is_not() {
        assert_eq!(AuditManagerIsRegistered::want(&false, &(), &()), Want::Set(true));
        assert_eq!(AuditManagerIsRegistered::want(&true, &(), &()), Want::Keep);
    }
}
