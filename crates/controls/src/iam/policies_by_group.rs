//! # Risk
//! Policies of single users are many, differ, and are forgotten when a person changes duties.
//!
//! # Remedy
//! Makes the group `redress-<user>` in the path `/redress/`, gives it every managed and inline policy that the user of the finding has,
//! lets the user join, and only then takes the policies from the user. What the user may do is the same at every moment.
//!
//! # Impact
//! None for what the user may do: variables such as `${aws:username}` mean the same in a group. Where the user is in ten groups already,
//! has more than ten managed policies, or the group's name is taken by somebody else, nothing is changed and the finding says what to do.
//!
//! # Undo
//! Exact: the user gets its policies back first, leaves the group, and the group is deleted.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::iam::{GrantFacts, Grants, GroupGrants, UserGrants};

/// IAM.2
pub struct PoliciesByGroup;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<PoliciesByGroup>();

/// IAM's quotas, as far as they cannot be raised everywhere.
const GROUPS_OF_A_USER: usize = 10;
const POLICIES_OF_A_GROUP: usize = 10;

impl Control for PoliciesByGroup {
    const SPEC: Spec = Spec {
        id: "IAM.2",
        title: "Users have their policies by groups",
        severity: Severity::Low,
        class: Class::Guarded,
        scope: Scope::Global,
        resources: &["AwsIamUser"],
        prowler: &["iam_policy_attached_only_to_group_or_roles"],
        config_rules: &[],
        in_code: InCode {
            cloudformation: "Groups in place of Policies and ManagedPolicyArns on the AWS::IAM::User",
            terraform: "aws_iam_group_policy_attachment in place of aws_iam_user_policy_attachment",
        },
    };
    type Setting = UserGrants;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<UserGrants> {
        Ok(UserGrants { user: super::identity::user_of(resource)? })
    }

    fn want(value: &Grants, facts: &GrantFacts, _params: &()) -> Want<Grants> {
        if value.own == GroupGrants::default() {
            return Want::Keep;
        }
        let by_hand = "give its policies to a group that fits its duties, let it join, and detach them from it";
        if let Some(taken) = &facts.taken {
            return Want::Tell(format!("{taken}: {by_hand}."));
        }
        if facts.other_groups >= GROUPS_OF_A_USER {
            return Want::Tell(format!("the user is in {} groups, and IAM takes no more: merge some, then {by_hand}.", facts.other_groups));
        }
        let mut group = value.group.clone().unwrap_or_default();
        if let Some(name) = value.own.inline.iter().find(|(name, text)| group.inline.get(*name).is_some_and(|there| there != *text)) {
            return Want::Tell(format!("the group {} has another inline policy {}: {by_hand}.", facts.group, name.0));
        }
        group.attached.extend(value.own.attached.iter().cloned());
        group.inline.extend(value.own.inline.clone());
        if group.attached.len() > POLICIES_OF_A_GROUP {
            return Want::Tell(format!("{} managed policies are more than a group can have: {by_hand}.", group.attached.len()));
        }
        Want::Set(Grants { own: GroupGrants::default(), group: Some(group), is_member: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::collections::BTreeSet;

    use serde_json::json;

    fn own() -> GroupGrants {
        GroupGrants {
            attached: BTreeSet::from(["arn:aws:iam::aws:policy/ReadOnlyAccess".to_owned()]),
            inline: [("deploy".to_owned(), json!({"Statement": []}))].into(),
        }
    }

    fn facts() -> GrantFacts {
        GrantFacts { group: "redress-ann".into(), other_groups: 2, taken: None }
    }

    fn want(own: GroupGrants, group: Option<GroupGrants>, facts: &GrantFacts) -> Want<Grants> {
        PoliciesByGroup::want(&Grants { own, group, is_member: false }, facts, &())
    }

    #[test]
    fn the_group_has_every_policy_inline_ones_too() {
        let Want::Set(to) = want(own(), None, &facts()) else { panic!("nothing is set") };
        assert_eq!((to.group, to.own, to.is_member), (Some(own()), GroupGrants::default(), true));
    }

    #[test]
    fn what_an_earlier_run_gave_the_group_stays() {
        let mut group = own();
        group.attached = BTreeSet::from(["arn:aws:iam::aws:policy/job-function/Billing".to_owned()]);
        let Want::Set(to) = want(own(), Some(group), &facts()) else { panic!("nothing is set") };
        assert_eq!(to.group.unwrap().attached.len(), 2);
    }

    #[test]
    fn quotas_and_names_that_are_taken_are_left_to_people() {
        let taken = GrantFacts { taken: Some("others are in the group redress-ann: bob".into()), ..facts() };
        let full = GrantFacts { other_groups: 10, ..facts() };
        for facts in [taken, full] {
            assert!(matches!(want(own(), None, &facts), Want::Tell(_)));
        }
        let many = GroupGrants { attached: (0..11).map(|n| format!("arn:aws:iam::aws:policy/P{n}")).collect(), ..own() };
        assert!(matches!(want(many, None, &facts()), Want::Tell(steps) if steps.contains("11 managed policies")));
    }

    #[test]
    fn a_user_without_policies_of_its_own_is_left_alone() {
        assert_eq!(want(GroupGrants::default(), None, &facts()), Want::Keep);
    }
}
