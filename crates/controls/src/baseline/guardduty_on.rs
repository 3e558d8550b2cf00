//! # Risk
//! An intruder who uses stolen credentials looks like anybody else where nobody watches.
//!
//! # Remedy
//! Makes a detector where there is none, and resumes one that is suspended, with its settings as they are.
//!
//! # Impact
//! GuardDuty charges for what it analyses; the plan says about how much. Nothing in the account changes.
//!
//! # Undo
//! A detector that was made is deleted, with its findings; one that was resumed is suspended again.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::{guardduty::Detector, watch::Watch};

/// Baseline.4: a control of our own.
pub struct GuardDutyIsOn;

/// The entry, among those of the baseline.
pub static ENTRY: Entry = Entry::of::<GuardDutyIsOn>();

impl Control for GuardDutyIsOn {
    const SPEC: Spec = Spec {
        id: "Baseline.4",
        title: "GuardDuty watches",
        severity: Severity::High,
        class: Class::Guarded,
        scope: Scope::Regional,
        resources: &["AwsAccount"],
        prowler: &[],
        config_rules: &[],
        in_code: InCode {
            cloudformation: "AWS::GuardDuty::Detector with Enable: true",
            terraform: "aws_guardduty_detector { enable = true }",
        },
    };
    type Setting = Detector;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<Detector> {
        crate::of_account(resource, Detector)
    }

    fn want(value: &Watch, _facts: &(), _params: &()) -> Want<Watch> {
        match value {
            Watch::On => Want::Keep,
            Watch::Off | Watch::Suspended => Want::Set(Watch::On),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_switched_on_and_what_is_suspended_is_resumed() {
        let want = |value| GuardDutyIsOn::want(&value, &(), &());
        assert_eq!((want(Watch::Off), want(Watch::Suspended), want(Watch::On)), (Want::Set(Watch::On), Want::Set(Watch::On), Want::Keep));
    }
}
