//! Where in the organization accounts are, and what people call them.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
};

use aws_sdk_organizations::{
    Client,
    types::{Account, ParentType},
};
use aws_types::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use redress_model::{
    AccountId,
    policy::{Ou, Place},
};

use crate::{Answer, Called, Error, Kind, Result};

/// Knows the organization's tree.
pub trait Places: Send + Sync {
    /// What people call an account.
    ///
    /// # Errors
    /// When it cannot be asked.
    fn name<'a>(&'a self, account: &'a AccountId, now: Timestamp) -> Answer<'a, String>;
}

/// AWS Organizations, which answers the management account and delegated administrators. Answers are kept for a quarter of an hour.
#[derive(Debug)]
pub struct Organizations {
    client: Client,
    names: Kept<AccountId, Named>,
    places: Kept<AccountId, Place>,
    units: Kept<String, Unit>,
}

/// A unit, and what it lies in.
#[derive(Debug, Clone)]
struct Unit {
    name: String,
    parent: Parent,
}

#[derive(Debug, Clone)]
enum Parent {
    Root(String),
    Unit(String),
}

#[derive(Debug, Clone)]
struct Named {
    organization: String,
    name: String,
}

const FRESH: SignedDuration = SignedDuration::from_mins(15);
/// An account of the organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its number.
    pub id: AccountId,
    /// What people call it.
    pub name: String,
    /// Whether it is active; if not, in which state it is.
    pub state: Option<String>,
}

fn read(account: &Account) -> Result<Member> {
    let id = AccountId::try_from(account.id().unwrap_or_default());
    let id = id.map_err(|error| Error::malformed("organizations:ListAccounts", error.to_string()))?;
    // `State` has replaced `Status`, which may be missing.
    let state = account.state().map(aws_sdk_organizations::types::AccountState::as_str);
    let state = state.or_else(|| account.status().map(aws_sdk_organizations::types::AccountStatus::as_str)).unwrap_or("ACTIVE");
    let state = (state != "ACTIVE").then(|| state.to_owned());
    Ok(Member { id, name: account.name().unwrap_or_default().to_owned(), state })
}

/// Organizations nests at most five units; a tree that goes on is none.
const DEPTH: usize = 8;

type Kept<K, V> = Mutex<HashMap<K, (Timestamp, V)>>;

fn fresh<K: Eq + Hash, V: Clone>(kept: &Kept<K, V>, key: &K, now: Timestamp) -> Option<V> {
    let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    kept.get(key).filter(|(at, _)| now.duration_since(*at) < FRESH).map(|(_, value)| value.clone())
}

fn keep<K: Eq + Hash + Clone, V>(kept: &Kept<K, V>, key: &K, now: Timestamp, value: V) {
    kept.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), (now, value));
}

impl Organizations {
    /// The organization, as the account of `sdk` sees it.
    pub fn new(sdk: &SdkConfig) -> Self {
        Self { client: Client::new(sdk), names: Mutex::default(), places: Mutex::default(), units: Mutex::default() }
    }

    async fn named(&self, account: &AccountId, now: Timestamp) -> Result<Named> {
        const ACTION: &str = "organizations:DescribeAccount";
        if let Some(named) = fresh(&self.names, account, now) {
            return Ok(named);
        }
        let answer = self.client.describe_account().account_id(account.as_str()).send().await.called(ACTION)?;
        let found = answer.account.ok_or_else(|| Error::malformed(ACTION, "the answer has no account"))?;
        // arn:aws:organizations::<management>:account/<organization>/<account>
        let organization = found.arn().and_then(|arn| arn.split('/').nth(1)).unwrap_or_default().to_owned();
        let named = Named { organization, name: found.name.unwrap_or_default() };
        keep(&self.names, account, now, named.clone());
        Ok(named)
    }

    /// The management account of the organization.
    ///
    /// # Errors
    /// When it cannot be asked for.
    pub async fn management(&self) -> Result<AccountId> {
        const ACTION: &str = "organizations:DescribeOrganization";
        let answer = self.client.describe_organization().send().await.called(ACTION)?;
        let id = answer.organization.and_then(|organization| organization.master_account_id).unwrap_or_default();
        AccountId::try_from(id.as_str()).map_err(|error| Error::malformed(ACTION, error.to_string()))
    }

    /// One account of the organization; `None` where it is none of it.
    ///
    /// # Errors
    /// When it cannot be asked for.
    pub async fn member(&self, account: &AccountId) -> Result<Option<Member>> {
        const ACTION: &str = "organizations:DescribeAccount";
        let answer = match self.client.describe_account().account_id(account.as_str()).send().await.called(ACTION) {
            Err(error) if error.kind == Kind::NotFound => return Ok(None),
            answer => answer?,
        };
        answer.account.as_ref().map(read).transpose()
    }

    /// All accounts of the organization, whatever their state.
    ///
    /// # Errors
    /// When they cannot be asked for.
    pub async fn members(&self) -> Result<Vec<Member>> {
        const ACTION: &str = "organizations:ListAccounts";
        let mut members = Vec::new();
        // Pages of twenty; one may be empty and have a successor.
        let mut pages = self.client.list_accounts().into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.called(ACTION)?;
            members.extend(page.accounts().iter().map(read).collect::<Result<Vec<_>>>()?);
        }
        Ok(members)
    }

    /// Where an account is.
    ///
    /// # Errors
    /// When it cannot be asked: then no rule that asks for it can be relied on.
    pub async fn place(&self, account: &AccountId, now: Timestamp) -> Result<Place> {
        if let Some(place) = fresh(&self.places, account, now) {
            return Ok(place);
        }
        let Named { organization, name } = self.named(account, now).await?;
        let (root, ous) = self.above(account, None).await?;
        let place = Place { organization, name, root, ous };
        keep(&self.places, account, now, place.clone());
        Ok(place)
    }

    /// The path of the unit that an account is in, with units that are a quarter of an hour old at most: for who asks about many accounts.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn unit(&self, account: &AccountId, now: Timestamp) -> Result<String> {
        let (root, ous) = self.above(account, Some(now)).await?;
        Ok(Place { organization: String::new(), name: String::new(), root, ous }.path())
    }

    /// The root, and the units from it down to an account. With `now`, units are remembered.
    async fn above(&self, account: &AccountId, now: Option<Timestamp>) -> Result<(String, Vec<Ou>)> {
        let mut ous = Vec::new();
        let mut parent = self.parent(account.as_str()).await?;
        for _ in 0..DEPTH {
            let id = match parent {
                Parent::Root(root) => {
                    ous.reverse();
                    return Ok((root, ous));
                }
                Parent::Unit(id) => id,
            };
            let unit = match now.and_then(|now| fresh(&self.units, &id, now)) {
                Some(unit) => unit,
                None => self.read_unit(&id).await?,
            };
            if let Some(now) = now {
                keep(&self.units, &id, now, unit.clone());
            }
            ous.push(Ou { id, name: unit.name });
            parent = unit.parent;
        }
        Err(Error::malformed("organizations:ListParents", format!("{account} lies deeper than units can")))
    }

    async fn parent(&self, child: &str) -> Result<Parent> {
        const ACTION: &str = "organizations:ListParents";
        let answer = self.client.list_parents().child_id(child).send().await.called(ACTION)?;
        let parent = answer.parents().first().ok_or_else(|| Error::malformed(ACTION, format!("{child} has no parent")))?;
        let id = parent.id().unwrap_or_default().to_owned();
        Ok(if parent.r#type() == Some(&ParentType::Root) { Parent::Root(id) } else { Parent::Unit(id) })
    }

    async fn read_unit(&self, id: &str) -> Result<Unit> {
        let call = self.client.describe_organizational_unit().organizational_unit_id(id);
        let unit = call.send().await.called("organizations:DescribeOrganizationalUnit")?.organizational_unit;
        Ok(Unit { name: unit.and_then(|unit| unit.name).unwrap_or_default(), parent: self.parent(id).await? })
    }
}

impl Places for Organizations {
    fn name<'a>(&'a self, account: &'a AccountId, now: Timestamp) -> Answer<'a, String> {
        Box::pin(async move { Ok(self.named(account, now).await?.name) })
    }
}

/// Nobody knows, for who has no deployment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nowhere;

impl Places for Nowhere {
    fn name<'a>(&'a self, _account: &'a AccountId, _now: Timestamp) -> Answer<'a, String> {
        Box::pin(async { Ok(String::new()) })
    }
}
