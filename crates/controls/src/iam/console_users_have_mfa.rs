//! # Risk
//! A password alone opens the console to whoever guesses, phishes or finds it.
//!
//! # Remedy
//! Tells who has to do what: only the user can register a second factor, or somebody with its name and both codes.
//!
//! # Impact
//! None: nothing is changed.
//!
//! # Undo
//! Nothing to undo.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::iam::{FactorFacts, Factors, SecondFactor};

/// IAM.5
pub struct ConsoleUsersHaveMfa;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<ConsoleUsersHaveMfa>();

impl Control for ConsoleUsersHaveMfa {
    const SPEC: Spec = Spec {
        id: "IAM.5",
        title: "Users of the console have a second factor",
        severity: Severity::Medium,
        class: Class::Tell,
        scope: Scope::Global,
        resources: &["AwsIamUser"],
        prowler: &["iam_user_mfa_enabled_console_access"],
        config_rules: &[],
        in_code: InCode { cloudformation: "", terraform: "" },
    };
    type Setting = SecondFactor;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<SecondFactor> {
        Ok(SecondFactor { user: super::identity::user_of(resource)? })
    }

    fn want(value: &Factors, facts: &FactorFacts, _params: &()) -> Want<Factors> {
        if !value.console || value.second_factors > 0 {
            return Want::Keep;
        }
        let user = &facts.user;
        Want::Tell(format!(
            "{user} signs in to the console and under Security credentials assigns a passkey, security key or authenticator; or with the codes of \
             an authenticator: aws iam create-virtual-mfa-device --virtual-mfa-device-name {user} --outfile qr.png --bootstrap-method QRCodePNG, \
             then aws iam enable-mfa-device --user-name {user} --serial-number arn:{partition}:iam::{account}:mfa/{user} \
             --authentication-code1 ... --authentication-code2 .... If {user} does not need the console: aws iam delete-login-profile --user-name {user}.",
            partition = facts.partition,
            account = facts.account,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(console: bool, second_factors: usize) -> Want<Factors> {
        let facts = FactorFacts { user: "ann".into(), account: "111122223333".into(), partition: "aws".into() };
        ConsoleUsersHaveMfa::want(&Factors { console, second_factors }, &facts, &())
    }

    #[test]
    fn tells_the_user_by_name_with_commands_for_this_account() {
        let Want::Tell(steps) = want(true, 0) else { panic!("nothing is told") };
        assert!(steps.contains("--user-name ann") && steps.contains("arn:aws:iam::111122223333:mfa/ann"), "{steps}");
    }

    #[test]
    fn who_has_no_password_or_a_second_factor_is_left_alone() {
        assert_eq!((want(false, 0), want(true, 1)), (Want::Keep, Want::Keep));
    }
}
