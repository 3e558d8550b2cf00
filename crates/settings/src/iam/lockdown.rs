//! Whether a user or role is locked down: everything denied, and a user's access keys inactive; and whether one access key works.
//!
//! Denied is by attaching one managed policy that the member stack made. A policy that ends only the sessions of before now would have to be
//! written for each case, and who may write policies for principals may make itself administrator.

use std::collections::BTreeMap;

use aws_sdk_iam::types::StatusType;
use redress_aws::Called;
use redress_remediation::{Account, Action, Result, Setting};
use serde::{Deserialize, Serialize};

use super::{
    PrincipalKind, QuarantineFacts, ROLES, USERS,
    quarantine::{ATTACH_ROLE, ATTACH_USER, DETACH_ROLE, DETACH_USER, GET_ROLE, GET_USER, ROLE_ATTACHED, USER_ATTACHED, give, has},
};
use crate::{found, gated, incomplete};

const KEYS: &str = "iam:ListAccessKeys";
const UPDATE: &str = "iam:UpdateAccessKey";

/// The policy, in `Fn::Sub` notation.
const POLICY: &str = "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/redress/RedressLockdown";
const NAME: &str = "RedressLockdown";

/// Whether one principal is locked down.
#[derive(Debug, Clone)]
pub struct PrincipalLockdown {
    /// What it is.
    pub kind: PrincipalKind,
    /// Its name, without path.
    pub name: String,
}

/// The value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lockdown {
    /// Whether everything is denied.
    pub denied: bool,
    /// Whether each access key, by its id, is active; of a user only.
    pub access_keys: BTreeMap<String, bool>,
}

async fn keys(account: &Account, user: &str) -> Result<Option<BTreeMap<String, bool>>> {
    let client = account.client(gated!(aws_sdk_iam));
    let mut keys = BTreeMap::new();
    let mut pages = client.list_access_keys().user_name(user).into_paginator().send();
    while let Some(page) = pages.next().await {
        let Some(page) = found(page.called(KEYS))? else { return Ok(None) };
        for key in page.access_key_metadata() {
            let id = key.access_key_id().ok_or_else(|| incomplete(KEYS, "key id"))?;
            keys.insert(id.to_owned(), key.status() == Some(&StatusType::Active));
        }
    }
    Ok(Some(keys))
}

async fn switch(account: &Account, user: &str, id: &str, is_active: bool) -> Result<()> {
    let client = account.client(gated!(aws_sdk_iam));
    let status = if is_active { StatusType::Active } else { StatusType::Inactive };
    client.update_access_key().user_name(user).access_key_id(id).status(status).send().await.called(UPDATE).map(|_| ())
}

fn word(active: bool) -> &'static str {
    if active { "Active" } else { "Inactive" }
}

impl Setting for PrincipalLockdown {
    type Value = Lockdown;
    type Facts = QuarantineFacts;

    const NAME: &'static str = "iam.lockdown";
    const READS: &'static [Action] = &[
        Action::on(USER_ATTACHED, USERS),
        Action::on(ROLE_ATTACHED, ROLES),
        Action::on(GET_USER, USERS),
        Action::on(GET_ROLE, ROLES),
        Action::on(KEYS, USERS),
    ];
    const WRITES: &'static [Action] = &[
        Action::on(ATTACH_USER, USERS).when("ArnEquals", "iam:PolicyARN", POLICY),
        Action::on(DETACH_USER, USERS).when("ArnEquals", "iam:PolicyARN", POLICY),
        Action::on(ATTACH_ROLE, ROLES).when("ArnEquals", "iam:PolicyARN", POLICY),
        Action::on(DETACH_ROLE, ROLES).when("ArnEquals", "iam:PolicyARN", POLICY),
        Action::on(UPDATE, USERS),
    ];

    async fn get(&self, account: &Account) -> Result<Option<(Lockdown, QuarantineFacts)>> {
        let Some((denied, path)) = has(account, self.kind, &self.name, NAME).await? else { return Ok(None) };
        let access_keys = match self.kind {
            PrincipalKind::User => keys(account, &self.name).await?.unwrap_or_default(),
            PrincipalKind::Role => BTreeMap::new(),
        };
        Ok(Some((Lockdown { denied, access_keys }, QuarantineFacts { path })))
    }

    async fn put(&self, account: &Account, from: &Lockdown, to: &Lockdown) -> Result<()> {
        if from.denied != to.denied {
            give(account, self.kind, &self.name, NAME, to.denied).await?;
        }
        for (id, is_active) in to.access_keys.iter().filter(|(id, active)| from.access_keys.get(*id) != Some(*active)) {
            switch(account, &self.name, id, *is_active).await?;
        }
        Ok(())
    }

    fn is_ours(from: &Lockdown, to: &Lockdown, live: &Lockdown) -> bool {
        let known = |(id, active): (&String, &bool)| [from, to].iter().any(|one| one.access_keys.get(id) == Some(active));
        live.access_keys.len() == to.access_keys.len() && live.access_keys.iter().all(known)
    }

    fn changes(from: &Lockdown, to: &Lockdown) -> Vec<String> {
        let denied =
            (from.denied != to.denied).then(|| if to.denied { "+ everything is denied" } else { "- everything is denied" }.to_owned());
        let keys = to.access_keys.iter().filter_map(|(id, active)| {
            let was = from.access_keys.get(id).filter(|was| *was != active)?;
            Some(format!("access key {id}: {} -> {}", word(*was), word(*active)))
        });
        denied.into_iter().chain(keys).collect()
    }
}

/// Whether one access key works.
#[derive(Debug, Clone)]
pub struct AccessKey {
    /// The user's name, without path.
    pub user: String,
    /// The key's id.
    pub id: String,
}

/// The value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySwitch {
    /// Whether it is active.
    pub active: bool,
}

impl Setting for AccessKey {
    type Value = KeySwitch;
    type Facts = ();

    const NAME: &'static str = "iam.access_key";
    const READS: &'static [Action] = &[Action::on(KEYS, USERS)];
    const WRITES: &'static [Action] = &[Action::on(UPDATE, USERS)];

    async fn get(&self, account: &Account) -> Result<Option<(KeySwitch, ())>> {
        let all = keys(account, &self.user).await?;
        Ok(all.and_then(|all| all.get(&self.id).copied()).map(|active| (KeySwitch { active }, ())))
    }

    async fn put(&self, account: &Account, from: &KeySwitch, to: &KeySwitch) -> Result<()> {
        if from == to {
            return Ok(());
        }
        switch(account, &self.user, &self.id, to.active).await
    }

    fn changes(from: &KeySwitch, to: &KeySwitch) -> Vec<String> {
        vec![format!("access key: {} -> {}", word(from.active), word(to.active))]
    }
}
