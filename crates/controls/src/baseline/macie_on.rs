//! # Risk
//! Nobody knows which buckets are public, unencrypted or shared, and which hold personal data.
//!
//! # Remedy
//! Switches Macie on, and resumes it where it is paused, with its settings as they are. It makes no classification job.
//!
//! # Impact
//! Macie charges for each bucket, and for data that it inspects; the plan says about how much.
//!
//! # Undo
//! Macie is switched off again where it was off, with what it found; where it was paused it is paused again.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::{macie::MacieSession, watch::Watch};

/// Baseline.5: a control of our own.
pub struct MacieIsOn;

/// The entry, among those of the baseline.
pub static ENTRY: Entry = Entry::of::<MacieIsOn>();

impl Control for MacieIsOn {
    const SPEC: Spec = Spec {
        id: "Baseline.5",
        title: "Macie watches the buckets",
        severity: Severity::High,
        class: Class::Guarded,
        scope: Scope::Regional,
        resources: &["AwsAccount"],
        prowler: &[],
        config_rules: &[],
        in_code: InCode { cloudformation: "AWS::Macie::Session", terraform: "aws_macie2_account" },
    };
    type Setting = MacieSession;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<MacieSession> {
        crate::of_account(resource, MacieSession)
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
        let want = |value| MacieIsOn::want(&value, &(), &());
        assert_eq!((want(Watch::Off), want(Watch::Suspended), want(Watch::On)), (Want::Set(Watch::On), Want::Set(Watch::On), Want::Keep));
    }
}
