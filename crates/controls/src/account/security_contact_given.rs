//! # Risk
//! AWS's warnings about abuse and leaked keys reach a mailbox that nobody of security reads.
//!
//! # Remedy
//! Writes the alternate contact for security that the parameter `contact` names. A contact that exists is never changed. Without the
//! parameter the finding says what to do; placeholders are refused.
//!
//! # Impact
//! AWS sends its security notices to that address too.
//!
//! # Undo
//! Exact: the contact is removed.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::account::{Contact, SecurityContact};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What people may adjust.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ContactParams {
    /// The contact to be written where there is none.
    pub contact: Option<RealContact>,
}

/// A contact that somebody can be reached by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Contact")]
#[schemars(with = "Contact")]
pub struct RealContact(Contact);

impl TryFrom<Contact> for RealContact {
    type Error = String;

    fn try_from(contact: Contact) -> Result<Self, String> {
        let Contact { name, title, email, phone } = &contact;
        for (what, text, most) in [("name", name, 64), ("title", title, 50), ("email", email, 254), ("phone", phone, 25)] {
            if text.trim().is_empty() || text.chars().count() > most {
                return Err(format!("{what} has 1 to {most} characters"));
            }
        }
        let domain = email.rsplit_once('@').map(|(_, domain)| domain.to_ascii_lowercase());
        let Some(domain) = domain.filter(|domain| domain.contains('.')) else { return Err(format!("`{email}` is not an address of mail")) };
        // https://www.rfc-editor.org/rfc/rfc2606
        let reserved = ["example.com", "example.org", "example.net", "domain.com", "company.com"];
        let is_reserved =
            reserved.contains(&domain.as_str()) || [".example", ".invalid", ".test", ".localhost"].iter().any(|end| domain.ends_with(end));
        if is_reserved {
            return Err(format!("`{email}` is a placeholder: nobody reads it"));
        }
        let digits: Vec<char> = phone.chars().filter(char::is_ascii_digit).collect();
        if !phone.chars().all(|c| c.is_ascii_digit() || " +-()".contains(c)) || digits.len() < 5 {
            return Err(format!("`{phone}` is not a telephone number: digits, spaces and + - ( )"));
        }
        let is_one_digit = digits.iter().all(|digit| Some(digit) == digits.first());
        if is_one_digit || ["1234567890", "0123456789"].contains(&digits.iter().collect::<String>().as_str()) {
            return Err(format!("`{phone}` is a placeholder: nobody answers it"));
        }
        Ok(Self(contact))
    }
}

/// Account.1
pub struct SecurityContactGiven;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<SecurityContactGiven>();

impl Control for SecurityContactGiven {
    const SPEC: Spec = Spec {
        id: "Account.1",
        title: "AWS knows whom to tell about security",
        severity: Severity::Medium,
        class: Class::Guarded,
        scope: Scope::Global,
        resources: &["AwsAccount"],
        prowler: &[],
        config_rules: &["security-account-information-provided"],
        in_code: InCode { cloudformation: "", terraform: "aws_account_alternate_contact { alternate_contact_type = \"SECURITY\" }" },
    };
    type Setting = SecurityContact;
    type Params = ContactParams;

    fn locate(resource: &Resource, _params: &ContactParams) -> Located<SecurityContact> {
        crate::of_account(resource, SecurityContact)
    }

    fn want(value: &Option<Contact>, _facts: &(), params: &ContactParams) -> Want<Option<Contact>> {
        match (value, &params.contact) {
            (Some(_), _) => Want::Keep,
            (None, Some(contact)) => Want::Set(Some(contact.0.clone())),
            (None, None) => Want::Tell(
                "aws account put-alternate-contact --alternate-contact-type SECURITY --name ... --title ... --email-address ... --phone-number ..., \
                 with a list that your security team reads. Or name it in the policy (Account.1: {contact: {name, title, email, phone}}), and it is \
                 written."
                    .into(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(email: &str, phone: &str) -> Contact {
        Contact { name: "Security team".into(), title: "SOC".into(), email: email.into(), phone: phone.into() }
    }

    #[test]
    fn placeholders_are_refused() {
        for (email, phone) in [
            ("security@example.com", "+1 206 555 0100"),
            ("security@acme.invalid", "+1 206 555 0100"),
            ("security", "+1 206 555 0100"),
            ("security@acme.io", "0000000000"),
            ("security@acme.io", "1234567890"),
            ("security@acme.io", "call me"),
        ] {
            assert!(RealContact::try_from(contact(email, phone)).is_err(), "{email} {phone}");
        }
        assert!(RealContact::try_from(contact("security@acme.io", "+1 206 555 0199")).is_ok());
    }

    #[test]
    fn writes_only_what_was_named_and_only_where_there_is_none() {
        let real = contact("security@acme.io", "+1 206 555 0199");
        let params = ContactParams { contact: Some(RealContact(real.clone())) };
        assert_eq!(SecurityContactGiven::want(&None, &(), &params), Want::Set(Some(real)));
        assert_eq!(SecurityContactGiven::want(&Some(contact("old@acme.io", "+1 206 555 0111")), &(), &params), Want::Keep);
        assert!(matches!(SecurityContactGiven::want(&None, &(), &ContactParams::default()), Want::Tell(_)));
    }
}
