//! What a user may do by policies of its own, and the group through which it may do the same.

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode_str;
use redress_aws::Called;
use redress_remediation::{Account, Action, Error, Result, Setting};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{GROUPS, USERS};
use crate::{found, gated, incomplete};

const USER_ATTACHED: &str = "iam:ListAttachedUserPolicies";
const USER_INLINE: &str = "iam:ListUserPolicies";
const USER_INLINE_ONE: &str = "iam:GetUserPolicy";
const USER_GROUPS: &str = "iam:ListGroupsForUser";
const GROUP: &str = "iam:GetGroup";
const GROUP_ATTACHED: &str = "iam:ListAttachedGroupPolicies";
const GROUP_INLINE: &str = "iam:ListGroupPolicies";
const GROUP_INLINE_ONE: &str = "iam:GetGroupPolicy";
const CREATE_GROUP: &str = "iam:CreateGroup";
const DELETE_GROUP: &str = "iam:DeleteGroup";
const ATTACH_GROUP: &str = "iam:AttachGroupPolicy";
const DETACH_GROUP: &str = "iam:DetachGroupPolicy";
const PUT_GROUP: &str = "iam:PutGroupPolicy";
const DELETE_GROUP_INLINE: &str = "iam:DeleteGroupPolicy";
const JOIN: &str = "iam:AddUserToGroup";
const LEAVE: &str = "iam:RemoveUserFromGroup";
const ATTACH_USER: &str = "iam:AttachUserPolicy";
const DETACH_USER: &str = "iam:DetachUserPolicy";
const PUT_USER: &str = "iam:PutUserPolicy";
const DELETE_USER_INLINE: &str = "iam:DeleteUserPolicy";
const OURS: &str = "arn:${AWS::Partition}:iam::${AWS::AccountId}:group/redress/*";

/// Groups of ours have this path: nothing else lies under it.
const PATH: &str = "/redress/";

/// The policies of one user, and the group of ours that carries them in its place.
///
/// Whatever is to come is there before anything goes: the group has the policies before the user joins, and the user is a member before its own
/// are taken. On the way back it is the same. Variables such as `${aws:username}` mean the caller in a group's policies too.
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html> for the quotas.
#[derive(Debug, Clone)]
pub struct UserGrants {
    /// The user's name, without path.
    pub user: String,
}

/// The policies of a group, or those of a user.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct GroupGrants {
    /// The ARNs of managed policies.
    pub attached: BTreeSet<String>,
    /// Inline policies, by name.
    pub inline: BTreeMap<String, Json>,
}

/// The value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grants {
    /// What the user has by itself.
    pub own: GroupGrants,
    /// What the group of ours has, if there is one.
    pub group: Option<GroupGrants>,
    /// Whether the user is a member of it.
    pub is_member: bool,
}

/// What else is to be known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantFacts {
    /// The group's name.
    pub group: String,
    /// In how many other groups the user is.
    pub other_groups: usize,
    /// Why the group's name cannot be used, if it cannot.
    pub taken: Option<String>,
}

type Client = aws_sdk_iam::Client;

fn document(action: &str, text: &str) -> Result<Json> {
    let malformed = |why: String| Error::malformed(action, format!("a policy that is not JSON: {why}"));
    let text = percent_decode_str(text).decode_utf8().map_err(|error| malformed(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| malformed(error.to_string()))
}

impl UserGrants {
    fn group(&self) -> String {
        format!("redress-{}", self.user)
    }

    async fn own(&self, client: &Client) -> Result<GroupGrants> {
        let mut own = GroupGrants::default();
        let mut pages = client.list_attached_user_policies().user_name(&self.user).into_paginator().send();
        while let Some(page) = pages.next().await {
            own.attached.extend(page.called(USER_ATTACHED)?.attached_policies().iter().filter_map(|policy| policy.policy_arn.clone()));
        }
        let mut pages = client.list_user_policies().user_name(&self.user).into_paginator().send();
        while let Some(page) = pages.next().await {
            for name in page.called(USER_INLINE)?.policy_names() {
                let answer = client.get_user_policy().user_name(&self.user).policy_name(name).send().await.called(USER_INLINE_ONE)?;
                own.inline.insert(name.clone(), document(USER_INLINE_ONE, answer.policy_document())?);
            }
        }
        Ok(own)
    }

    /// The policies of our group; `None` where there is no group of that name. Also why the name cannot be used.
    async fn ours(&self, client: &Client) -> Result<(Option<GroupGrants>, Option<String>)> {
        let name = self.group();
        let mut pages = client.get_group().group_name(&name).into_paginator().send();
        let (mut path, mut strangers) = (String::new(), Vec::new());
        while let Some(page) = pages.next().await {
            let Some(page) = found(page.called(GROUP))? else { return Ok((None, None)) };
            page.group().ok_or_else(|| incomplete(GROUP, "group"))?.path().clone_into(&mut path);
            strangers.extend(page.users().iter().map(|user| user.user_name().to_owned()).filter(|user| *user != self.user));
        }
        if path != PATH {
            return Ok((None, Some(format!("the account has a group {name} of its own, with the path {path}"))));
        }
        let mut grants = GroupGrants::default();
        let mut pages = client.list_attached_group_policies().group_name(&name).into_paginator().send();
        while let Some(page) = pages.next().await {
            grants.attached.extend(page.called(GROUP_ATTACHED)?.attached_policies().iter().filter_map(|policy| policy.policy_arn.clone()));
        }
        let mut pages = client.list_group_policies().group_name(&name).into_paginator().send();
        while let Some(page) = pages.next().await {
            for policy in page.called(GROUP_INLINE)?.policy_names() {
                let answer = client.get_group_policy().group_name(&name).policy_name(policy).send().await.called(GROUP_INLINE_ONE)?;
                grants.inline.insert(policy.clone(), document(GROUP_INLINE_ONE, answer.policy_document())?);
            }
        }
        let taken = (!strangers.is_empty()).then(|| format!("others are in the group {name}: {}", strangers.join(", ")));
        Ok((Some(grants), taken))
    }

    async fn fill_group(&self, client: &Client, from: &GroupGrants, to: &GroupGrants) -> Result<()> {
        let name = self.group();
        for arn in to.attached.difference(&from.attached) {
            client.attach_group_policy().group_name(&name).policy_arn(arn).send().await.called(ATTACH_GROUP)?;
        }
        for (policy, text) in to.inline.iter().filter(|(policy, text)| from.inline.get(*policy) != Some(*text)) {
            let call = client.put_group_policy().group_name(&name).policy_name(policy).policy_document(text.to_string());
            call.send().await.called(PUT_GROUP)?;
        }
        Ok(())
    }

    async fn empty_group(&self, client: &Client, from: &GroupGrants, to: &GroupGrants) -> Result<()> {
        let name = self.group();
        for arn in from.attached.difference(&to.attached) {
            client.detach_group_policy().group_name(&name).policy_arn(arn).send().await.called(DETACH_GROUP)?;
        }
        for policy in from.inline.keys().filter(|policy| !to.inline.contains_key(*policy)) {
            client.delete_group_policy().group_name(&name).policy_name(policy).send().await.called(DELETE_GROUP_INLINE)?;
        }
        Ok(())
    }

    async fn fill_user(&self, client: &Client, from: &GroupGrants, to: &GroupGrants) -> Result<()> {
        for arn in to.attached.difference(&from.attached) {
            client.attach_user_policy().user_name(&self.user).policy_arn(arn).send().await.called(ATTACH_USER)?;
        }
        for (policy, text) in to.inline.iter().filter(|(policy, text)| from.inline.get(*policy) != Some(*text)) {
            let call = client.put_user_policy().user_name(&self.user).policy_name(policy).policy_document(text.to_string());
            call.send().await.called(PUT_USER)?;
        }
        Ok(())
    }

    async fn empty_user(&self, client: &Client, from: &GroupGrants, to: &GroupGrants) -> Result<()> {
        for arn in from.attached.difference(&to.attached) {
            client.detach_user_policy().user_name(&self.user).policy_arn(arn).send().await.called(DETACH_USER)?;
        }
        for policy in from.inline.keys().filter(|policy| !to.inline.contains_key(*policy)) {
            client.delete_user_policy().user_name(&self.user).policy_name(policy).send().await.called(DELETE_USER_INLINE)?;
        }
        Ok(())
    }
}

impl Setting for UserGrants {
    type Value = Grants;
    type Facts = GrantFacts;

    const NAME: &'static str = "iam.user_grants";
    const READS: &'static [Action] = &[
        Action::on(USER_ATTACHED, USERS),
        Action::on(USER_INLINE, USERS),
        Action::on(USER_INLINE_ONE, USERS),
        Action::on(USER_GROUPS, USERS),
        Action::on(GROUP, GROUPS),
        Action::on(GROUP_ATTACHED, GROUPS),
        Action::on(GROUP_INLINE, GROUPS),
        Action::on(GROUP_INLINE_ONE, GROUPS),
    ];
    const WRITES: &'static [Action] = &[
        Action::on(CREATE_GROUP, OURS),
        Action::on(DELETE_GROUP, OURS),
        Action::on(ATTACH_GROUP, OURS),
        Action::on(DETACH_GROUP, OURS),
        Action::on(PUT_GROUP, OURS),
        Action::on(DELETE_GROUP_INLINE, OURS),
        Action::on(JOIN, OURS),
        Action::on(LEAVE, OURS),
        Action::on(ATTACH_USER, USERS),
        Action::on(DETACH_USER, USERS),
        Action::on(PUT_USER, USERS),
        Action::on(DELETE_USER_INLINE, USERS),
    ];

    async fn get(&self, account: &Account) -> Result<Option<(Grants, GrantFacts)>> {
        let client = account.client(gated!(aws_sdk_iam));
        let Some(own) = found(self.own(&client).await)? else { return Ok(None) };
        let (ours, taken) = self.ours(&client).await?;
        let name = self.group();
        let mut groups = Vec::new();
        let mut pages = client.list_groups_for_user().user_name(&self.user).into_paginator().send();
        while let Some(page) = pages.next().await {
            groups.extend(page.called(USER_GROUPS)?.groups().iter().map(|group| group.group_name().to_owned()));
        }
        let is_member = ours.is_some() && groups.contains(&name);
        let other_groups = groups.len() - usize::from(is_member);
        Ok(Some((Grants { own, group: ours, is_member }, GrantFacts { group: name, other_groups, taken })))
    }

    async fn put(&self, account: &Account, from: &Grants, to: &Grants) -> Result<()> {
        let client = account.client(gated!(aws_sdk_iam));
        let (name, none) = (self.group(), GroupGrants::default());
        let (before, after) = (from.group.as_ref().unwrap_or(&none), to.group.as_ref().unwrap_or(&none));
        if from.group.is_none() && to.group.is_some() {
            client.create_group().group_name(&name).path(PATH).send().await.called(CREATE_GROUP)?;
        }
        self.fill_group(&client, before, after).await?;
        self.fill_user(&client, &from.own, &to.own).await?;
        if !from.is_member && to.is_member {
            client.add_user_to_group().group_name(&name).user_name(&self.user).send().await.called(JOIN)?;
        }
        self.empty_user(&client, &from.own, &to.own).await?;
        if from.is_member && !to.is_member {
            client.remove_user_from_group().group_name(&name).user_name(&self.user).send().await.called(LEAVE)?;
        }
        self.empty_group(&client, before, after).await?;
        if from.group.is_some() && to.group.is_none() {
            client.delete_group().group_name(&name).send().await.called(DELETE_GROUP)?;
        }
        Ok(())
    }

    fn is_ours(from: &Grants, to: &Grants, live: &Grants) -> bool {
        let known = |live: &GroupGrants, one: &GroupGrants, other: &GroupGrants| {
            live.attached.is_subset(&(&one.attached | &other.attached))
                && live.inline.iter().all(|(name, text)| [one, other].iter().any(|grants| grants.inline.get(name) == Some(text)))
        };
        let none = GroupGrants::default();
        let group = |grants: &Grants| grants.group.clone().unwrap_or_else(|| none.clone());
        known(&live.own, &from.own, &to.own) && known(&group(live), &group(from), &group(to))
    }

    fn changes(from: &Grants, to: &Grants) -> Vec<String> {
        let names = |grants: &GroupGrants| -> BTreeSet<String> {
            let managed = grants.attached.iter().map(|arn| arn.rsplit('/').next().unwrap_or(arn).to_owned());
            managed.chain(grants.inline.keys().map(|name| format!("inline {name}"))).collect()
        };
        let none = GroupGrants::default();
        let group = |grants: &Grants| names(grants.group.as_ref().unwrap_or(&none));
        let list = |names: BTreeSet<String>| names.into_iter().collect::<Vec<_>>().join(", ");
        let mut lines = Vec::new();
        let mut line = |word: &str, names: BTreeSet<String>| {
            if !names.is_empty() {
                lines.push(format!("{word}: {}", list(names)));
            }
        };
        line("+ group", &group(to) - &group(from));
        line("+ user", &names(&to.own) - &names(&from.own));
        line("- user", &names(&from.own) - &names(&to.own));
        line("- group", &group(from) - &group(to));
        match (from.is_member, to.is_member) {
            (false, true) => lines.push("the user joins the group before its own policies go".into()),
            (true, false) => lines.push("the user leaves the group".into()),
            (true, true) | (false, false) => {}
        }
        lines
    }
}
