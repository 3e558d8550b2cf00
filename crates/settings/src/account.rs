//! Account Management: whom AWS tells about security.

use aws_sdk_account::types::AlternateContactType;
use redress_aws::Called;
use redress_remediation::{Account, Action, Result, Setting};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{found, gated, incomplete};

const GET: &str = "account:GetAlternateContact";
const PUT: &str = "account:PutAlternateContact";
const DELETE: &str = "account:DeleteAlternateContact";
const ACCOUNT: &str = "arn:${AWS::Partition}:account::${AWS::AccountId}:account";

/// The alternate contact for security; `None` where there is none.
///
/// See <https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-update-contact-alternate.html>.
#[derive(Debug, Clone, Copy)]
pub struct SecurityContact;

/// A contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// Name of a person or a team, at most 64 characters.
    pub name: String,
    /// Title, at most 50 characters.
    pub title: String,
    /// Address of mail, at most 254 characters; better a list than a person.
    pub email: String,
    /// Telephone number, at most 25 characters: digits, spaces, and + - ( ).
    pub phone: String,
}

impl Setting for SecurityContact {
    type Value = Option<Contact>;
    type Facts = ();

    const NAME: &'static str = "account.security_contact";
    const READS: &'static [Action] = &[Action::on(GET, ACCOUNT)];
    const WRITES: &'static [Action] = &[Action::on(PUT, ACCOUNT), Action::on(DELETE, ACCOUNT)];

    async fn get(&self, account: &Account) -> Result<Option<(Self::Value, ())>> {
        let client = account.client(gated!(aws_sdk_account));
        let call = client.get_alternate_contact().alternate_contact_type(AlternateContactType::Security);
        let Some(answer) = found(call.send().await.called(GET))? else { return Ok(Some((None, ()))) };
        let contact = answer.alternate_contact.ok_or_else(|| incomplete(GET, "contact"))?;
        let text = |text: Option<String>| text.unwrap_or_default();
        let contact = Contact {
            name: text(contact.name),
            title: text(contact.title),
            email: text(contact.email_address),
            phone: text(contact.phone_number),
        };
        Ok(Some((Some(contact), ())))
    }

    async fn put(&self, account: &Account, _from: &Self::Value, to: &Self::Value) -> Result<()> {
        let client = account.client(gated!(aws_sdk_account));
        let Some(Contact { name, title, email, phone }) = to else {
            let call = client.delete_alternate_contact().alternate_contact_type(AlternateContactType::Security);
            return found(call.send().await.called(DELETE)).map(|_| ());
        };
        let call = client.put_alternate_contact().alternate_contact_type(AlternateContactType::Security);
        call.name(name).title(title).email_address(email).phone_number(phone).send().await.called(PUT).map(|_| ())
    }

    fn changes(from: &Self::Value, to: &Self::Value) -> Vec<String> {
        // Who it is stays out of notes and logs.
        let domain = |contact: &Contact| contact.email.rsplit_once('@').map_or_else(String::new, |(_, domain)| format!(" at {domain}"));
        let show = |contact: &Self::Value| contact.as_ref().map_or("none".to_owned(), |contact| format!("one{}", domain(contact)));
        vec![format!("security contact: {} -> {}", show(from), show(to))]
    }
}
