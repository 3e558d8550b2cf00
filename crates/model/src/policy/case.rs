//! What a rule is held against: a control on a resource, in its place.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Pattern, Scope};
use crate::{Class, ControlId, Resource};

/// The tags of a resource.
pub type Tags = BTreeMap<String, String>;

/// An organizational unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ou {
    /// `ou-...`
    pub id: String,
    /// What people call it.
    pub name: String,
}

/// Where in the organization an account is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The organization, `o-...`.
    pub organization: String,
    /// The account's name.
    pub name: String,
    /// The root's id, `r-...`.
    pub root: String,
    /// The units above it, from the root down.
    pub ous: Vec<Ou>,
}

impl Place {
    /// The path of names: `/Workloads/Prod`; `/` at the root.
    pub fn path(&self) -> String {
        let names: Vec<_> = self.ous.iter().map(|ou| ou.name.as_str()).collect();
        format!("/{}", names.join("/"))
    }

    fn lies_in(&self, ou: &str) -> bool {
        let Some(path) = ou.strip_prefix('/') else { return self.root == ou || self.ous.iter().any(|above| above.id == ou) };
        let wanted: Vec<_> = path.split('/').filter(|name| !name.is_empty()).collect();
        wanted.len() <= self.ous.len() && wanted.iter().zip(&self.ous).all(|(name, ou)| *name == ou.name)
    }
}

/// A control on a resource, and what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The control.
    pub control: &'a ControlId,
    /// Its class.
    pub class: Class,
    /// The resource.
    pub resource: &'a Resource,
    /// Where its account is, if that is known.
    pub place: Option<&'a Place>,
    /// Its tags, once they were read.
    pub tags: Option<&'a Tags>,
}

/// Whether a scope holds for a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Yes,
    No,
    OnceTagsAreRead,
    Unknown(&'static str),
}

impl Scope {
    /// Whether all keys match. One that certainly does not decides, whatever is unknown of others.
    pub(super) fn holds(&self, case: &Case<'_>) -> Holds {
        let resource = case.resource;
        let asked = |is_asked: bool, answer: Holds| if is_asked { answer } else { Holds::Yes };
        let yes = |holds: bool| if holds { Holds::Yes } else { Holds::No };
        let placed = |judge: &dyn Fn(&super::Place) -> bool| {
            case.place.map_or(Holds::Unknown("the account's organizational unit"), |place| yes(judge(place)))
        };
        let keys = [
            asked(!self.accounts.is_empty(), yes(self.accounts.contains(&resource.account))),
            asked(!self.regions.is_empty(), yes(self.regions.iter().any(|pattern| pattern.matches(resource.region.as_str())))),
            asked(!self.controls.is_empty(), yes(self.controls.iter().any(|pattern| pattern.matches(case.control)))),
            asked(!self.classes.is_empty(), yes(self.classes.contains(&case.class))),
            asked(!self.resources.is_empty(), resource_matches(&self.resources, resource)),
            asked(self.organization.is_some(), placed(&|place| self.organization.as_ref() == Some(&place.organization))),
            asked(!self.ou.is_empty(), placed(&|place| self.ou.iter().any(|ou| place.lies_in(ou)))),
            asked(
                !self.tags.is_empty(),
                case.tags.map_or(Holds::OnceTagsAreRead, |tags| {
                    yes(self.tags.iter().all(|(key, values)| tags.get(key).is_some_and(|value| values.matches(value))))
                }),
            ),
        ];
        let is = |wanted: fn(&Holds) -> bool| keys.iter().copied().find(wanted);
        is(|key| *key == Holds::No)
            .or_else(|| is(|key| matches!(key, Holds::Unknown(_))))
            .or_else(|| is(|key| *key == Holds::OnceTagsAreRead))
            .unwrap_or(Holds::Yes)
    }
}

/// Whether one of `patterns` matches a name of the resource. An IAM principal that the finding names by its unique id only may be any.
fn resource_matches(patterns: &[Pattern], resource: &Resource) -> Holds {
    let names = resource.names();
    if patterns.iter().any(|pattern| names.iter().any(|name| pattern.matches(name))) {
        Holds::Yes
    } else if resource.is_nameless() {
        Holds::Unknown("the name of an IAM principal that the finding gives by its unique id")
    } else {
        Holds::No
    }
}
