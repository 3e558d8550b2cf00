//! # Risk
//! A service that the organization does not trust cannot look into accounts that join, and nobody is told.
//!
//! # Remedy
//! Gives the services in `services` trusted access, from the management account. Others stay as they are.
//!
//! # Impact
//! The services may make their service-linked roles in all accounts.
//!
//! # Undo
//! Exact, as far as the services do not depend on it yet: then Organizations refuses.

use std::collections::BTreeSet;

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::organizations::{Trusted, TrustedAccess};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is to be known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrustParams {
    /// Principals of services, such as `securityhub.amazonaws.com`.
    pub services: BTreeSet<String>,
}

impl Default for TrustParams {
    fn default() -> Self {
        Self { services: ["securityhub.amazonaws.com".to_owned()].into() }
    }
}

/// Organization.5: a control of our own.
pub struct ServicesAreTrusted;

/// The entry, among those of the organization.
pub static ENTRY: Entry = Entry::of::<ServicesAreTrusted>();

impl Control for ServicesAreTrusted {
    const SPEC: Spec = Spec {
        id: "Organization.5",
        title: "The services that watch have trusted access",
        severity: Severity::Medium,
        class: Class::Guarded,
        scope: Scope::Global,
        resources: &["AwsAccount"],
        prowler: &[],
        config_rules: &[],
        in_code: InCode { cloudformation: "", terraform: "aws_organizations_organization { aws_service_access_principals = [...] }" },
    };
    type Setting = TrustedAccess;
    type Params = TrustParams;

    fn locate(resource: &Resource, _params: &TrustParams) -> Located<TrustedAccess> {
        crate::of_account(resource, TrustedAccess)
    }

    fn want(value: &Trusted, _facts: &(), params: &TrustParams) -> Want<Trusted> {
        if params.services.is_subset(value) { Want::Keep } else { Want::Set(value | &params.services) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_added_and_nothing_taken_away() {
        let value: Trusted = ["sso.amazonaws.com".to_owned()].into();
        let Want::Set(to) = ServicesAreTrusted::want(&value, &(), &TrustParams::default()) else { panic!("nothing is wanted") };
        assert_eq!(to, ["securityhub.amazonaws.com".to_owned(), "sso.amazonaws.com".to_owned()].into());
        assert_eq!(ServicesAreTrusted::want(&to, &(), &TrustParams::default()), Want::Keep);
    }
}
