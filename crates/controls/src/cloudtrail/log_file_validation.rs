//! # Risk
//! Without digests nobody can prove that a log file was not changed or deleted.
//!
//! # Remedy
//! Switches on log file validation of the trail, in its home region. The trail's other fields stay.
//!
//! # Impact
//! CloudTrail writes a small digest file beside the logs every hour. An organization's trail is left to its management account.
//!
//! # Undo
//! Exact: validation is switched off again. Digests that were written stay.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::cloudtrail::{LogFileValidation, TrailFacts, Validation};

use crate::not_a;

/// CloudTrail.4
pub struct LogFilesValidated;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<LogFilesValidated>();

impl Control for LogFilesValidated {
    const SPEC: Spec = Spec {
        id: "CloudTrail.4",
        title: "Trails prove their log files unchanged",
        severity: Severity::Low,
        class: Class::Automatic,
        scope: Scope::Regional,
        resources: &["AwsCloudTrailTrail"],
        prowler: &["cloudtrail_log_file_validation_enabled"],
        config_rules: &[],
        in_code: InCode { cloudformation: "EnableLogFileValidation: true", terraform: "enable_log_file_validation = true" },
    };
    type Setting = LogFileValidation;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<LogFileValidation> {
        let is_trail = resource.arn().is_some_and(|arn| arn.service == "cloudtrail" && arn.named("trail").is_some());
        if is_trail { Ok(LogFileValidation { trail: resource.id.clone() }) } else { Err(not_a("a trail", &resource.id)) }
    }

    fn want(value: &Validation, facts: &TrailFacts, _params: &()) -> Want<Validation> {
        if value.log_file_validation {
            Want::Keep
        } else if facts.is_organization_trail {
            Want::Tell("the trail is the organization's: switch on its log file validation in the management account (aws cloudtrail update-trail --name NAME --enable-log-file-validation).".into())
        } else {
            Want::Set(Validation { log_file_validation: true })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(on: bool, is_organization_trail: bool) -> Want<Validation> {
        LogFilesValidated::want(&Validation { log_file_validation: on }, &TrailFacts { is_organization_trail }, &())
    }

    #[test]
    fn switches_validation_on() {
        assert_eq!(want(false, false), Want::Set(Validation { log_file_validation: true }));
        assert_eq!(want(true, false), Want::Keep);
        assert_eq!(want(true, true), Want::Keep);
    }

    #[test]
    fn never_changes_the_organization_s_trail() {
        assert!(matches!(want(false, true), Want::Tell(_)));
    }
}
