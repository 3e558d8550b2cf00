//! The credentials of one user: its access keys, its password, and its second factors.

use std::collections::BTreeMap;

use aws_sdk_iam::types::StatusType;
use jiff::Timestamp;
use redress_aws::Called;
use redress_remediation::{Account, Action, Error, Kind, Result, Setting, Undo};
use serde::{Deserialize, Serialize};

use super::USERS;
use crate::{found, gated, incomplete};

const USER: &str = "iam:GetUser";
const KEYS: &str = "iam:ListAccessKeys";
const LAST_USED: &str = "iam:GetAccessKeyLastUsed";
const PROFILE: &str = "iam:GetLoginProfile";
const DEVICES: &str = "iam:ListMFADevices";
const UPDATE: &str = "iam:UpdateAccessKey";
const DELETE_PROFILE: &str = "iam:DeleteLoginProfile";

/// The access keys of one user and its way into the console; of nobody else.
///
/// Keys are switched to `Inactive` and never deleted. A login profile can be deleted and not brought back: the password is gone.
/// See <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccessKey.html>.
#[derive(Debug, Clone)]
pub struct UserCredentials {
    /// The user's name, without path.
    pub user: String,
}

/// The value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// Whether each access key, by its id, is active.
    pub access_keys: BTreeMap<String, bool>,
    /// Whether the user has a password for the console.
    pub console: bool,
}

/// How old and how used an access key is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyFacts {
    /// Whole days since it was made.
    pub age_days: i64,
    /// Whole days since it was last used; since it was made, where it never was.
    pub idle_days: i64,
    /// The service it was last used for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

/// What else is to be known of the credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialFacts {
    /// The user's name.
    pub user: String,
    /// Each access key, by its id.
    pub keys: BTreeMap<String, KeyFacts>,
    /// Whole days since the password was last used, or made where that is later; `None` without a password.
    pub console_idle_days: Option<i64>,
}

/// Whole days from then to now; none are negative, because AWS's clocks differ.
fn days(now: Timestamp, then: aws_smithy_types::DateTime) -> i64 {
    ((now.as_second() - then.secs()) / 86_400).max(0)
}

impl UserCredentials {
    async fn keys(&self, client: &aws_sdk_iam::Client, now: Timestamp) -> Result<Vec<(String, bool, KeyFacts)>> {
        let mut keys = Vec::new();
        let mut pages = client.list_access_keys().user_name(&self.user).into_paginator().send();
        while let Some(page) = pages.next().await {
            for key in page.called(KEYS)?.access_key_metadata() {
                let id = key.access_key_id().ok_or_else(|| incomplete(KEYS, "key id"))?;
                let made = *key.create_date().ok_or_else(|| incomplete(KEYS, "creation date"))?;
                let answer = client.get_access_key_last_used().access_key_id(id).send().await.called(LAST_USED)?;
                let last = answer.access_key_last_used();
                let used = last.and_then(|last| last.last_used_date()).copied();
                let service = last.map(|last| last.service_name().to_owned()).filter(|name| used.is_some() && name != "N/A");
                let facts = KeyFacts { age_days: days(now, made), idle_days: days(now, used.unwrap_or(made)), service };
                keys.push((id.to_owned(), key.status() == Some(&StatusType::Active), facts));
            }
        }
        Ok(keys)
    }
}

impl Setting for UserCredentials {
    type Value = Credentials;
    type Facts = CredentialFacts;

    const NAME: &'static str = "iam.user_credentials";
    const READS: &'static [Action] = &[
        Action::on(USER, USERS),
        Action::on(KEYS, USERS),
        // Keys are no resources of their own: the action knows the user only once it has found the key.
        Action::on(LAST_USED, USERS),
        Action::on(PROFILE, USERS),
    ];
    const WRITES: &'static [Action] = &[Action::on(UPDATE, USERS), Action::on(DELETE_PROFILE, USERS)];

    async fn get(&self, account: &Account) -> Result<Option<(Credentials, CredentialFacts)>> {
        let client = account.client(gated!(aws_sdk_iam));
        let now = account.now();
        let Some(answer) = found(client.get_user().user_name(&self.user).send().await.called(USER))? else { return Ok(None) };
        let password_used = answer.user().and_then(|user| user.password_last_used()).copied();
        let profile = found(client.get_login_profile().user_name(&self.user).send().await.called(PROFILE))?;
        let profile_made = profile.as_ref().and_then(|answer| answer.login_profile()).map(|profile| *profile.create_date());
        // A password that was made again is as young as it is, whenever the one before it was used.
        let console_idle_days = profile_made.map(|made| password_used.map_or(days(now, made), |used| days(now, used).min(days(now, made))));
        let keys = self.keys(&client, now).await?;
        let value = Credentials {
            access_keys: keys.iter().map(|(id, is_active, _)| (id.clone(), *is_active)).collect(),
            console: profile_made.is_some(),
        };
        let keys = keys.into_iter().map(|(id, _, facts)| (id, facts)).collect();
        Ok(Some((value, CredentialFacts { user: self.user.clone(), keys, console_idle_days })))
    }

    async fn put(&self, account: &Account, from: &Credentials, to: &Credentials) -> Result<()> {
        let client = account.client(gated!(aws_sdk_iam));
        for (id, is_active) in to.access_keys.iter().filter(|(id, active)| from.access_keys.get(*id) != Some(*active)) {
            let status = if *is_active { StatusType::Active } else { StatusType::Inactive };
            let call = client.update_access_key().user_name(&self.user).access_key_id(id).status(status);
            call.send().await.called(UPDATE)?;
        }
        match (from.console, to.console) {
            (true, false) => client.delete_login_profile().user_name(&self.user).send().await.called(DELETE_PROFILE).map(|_| ()),
            (false, true) => {
                let why = format!("a password cannot be brought back; give {} a new one: aws iam create-login-profile", self.user);
                Err(Error::new(Kind::Rejected, Self::NAME, why))
            }
            (true, true) | (false, false) => Ok(()),
        }
    }

    fn undo(from: &Credentials, to: &Credentials) -> Undo {
        if from.console && !to.console { Undo::Never("the password is gone; its user needs a new one") } else { Undo::Exact }
    }

    fn is_ours(from: &Credentials, to: &Credentials, live: &Credentials) -> bool {
        let known = |(id, active): (&String, &bool)| [from, to].iter().any(|one| one.access_keys.get(id) == Some(active));
        live.access_keys.len() == to.access_keys.len()
            && live.access_keys.iter().all(known)
            && (live.console == from.console || live.console == to.console)
    }

    fn changes(from: &Credentials, to: &Credentials) -> Vec<String> {
        let word = |active: bool| if active { "Active" } else { "Inactive" };
        let keys = to.access_keys.iter().filter_map(|(id, active)| {
            let was = from.access_keys.get(id).filter(|was| *was != active)?;
            Some(format!("access key {id}: {} -> {}", word(*was), word(*active)))
        });
        let console = (from.console != to.console).then(|| {
            if to.console { "+ console password".to_owned() } else { "- console password (the login profile is deleted)".to_owned() }
        });
        keys.chain(console).collect()
    }
}

/// Whether a user of the console has a second factor. Only the user can register one: this setting cannot be written.
#[derive(Debug, Clone)]
pub struct SecondFactor {
    /// The user's name, without path.
    pub user: String,
}

/// The value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Factors {
    /// Whether the user has a password for the console.
    pub console: bool,
    /// How many second factors it has.
    pub second_factors: usize,
}

/// What the steps name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactorFacts {
    /// The user's name.
    pub user: String,
    /// The account.
    pub account: String,
    /// The partition.
    pub partition: String,
}

impl Setting for SecondFactor {
    type Value = Factors;
    type Facts = FactorFacts;

    const NAME: &'static str = "iam.second_factor";
    const READS: &'static [Action] = &[Action::on(USER, USERS), Action::on(PROFILE, USERS), Action::on(DEVICES, USERS)];
    const WRITES: &'static [Action] = &[];

    async fn get(&self, account: &Account) -> Result<Option<(Factors, FactorFacts)>> {
        let client = account.client(gated!(aws_sdk_iam));
        if found(client.get_user().user_name(&self.user).send().await.called(USER))?.is_none() {
            return Ok(None);
        }
        let console = found(client.get_login_profile().user_name(&self.user).send().await.called(PROFILE))?.is_some();
        let mut second_factors = 0;
        let mut pages = client.list_mfa_devices().user_name(&self.user).into_paginator().send();
        while let Some(page) = pages.next().await {
            second_factors += page.called(DEVICES)?.mfa_devices().len();
        }
        let facts = FactorFacts { user: self.user.clone(), account: account.id().to_string(), partition: account.partition().to_string() };
        Ok(Some((Factors { console, second_factors }, facts)))
    }

    async fn put(&self, _account: &Account, _from: &Factors, _to: &Factors) -> Result<()> {
        Err(Error::new(Kind::Rejected, Self::NAME, "only the user can register a second factor"))
    }
}
