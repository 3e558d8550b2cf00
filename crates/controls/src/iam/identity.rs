//! Which user, role or group a finding names.

use redress_model::Resource;
use redress_remediation::Located;
use redress_settings::iam::IdentityKind;

use crate::not_a;

/// What it is, and its name without path.
pub(super) fn identity_of(resource: &Resource) -> Located<(IdentityKind, String)> {
    let kinds = [("user", IdentityKind::User), ("role", IdentityKind::Role), ("group", IdentityKind::Group)];
    let arn = resource.arn().filter(|arn| arn.service == "iam");
    let found = arn.and_then(|arn| kinds.into_iter().find_map(|(word, kind)| Some((kind, arn.named(word)?.to_owned()))));
    let (kind, path) = found.ok_or_else(|| not_a("a user, role or group", &resource.id))?;
    // The id may carry a path, or a unique id in place of the name; the details then know the name.
    let last = path.rsplit('/').next().unwrap_or(&path);
    let is_unique_id = ["AIDA", "AROA", "AGPA"].iter().any(|prefix| last.starts_with(prefix)) && last.len() >= 20;
    match &resource.name {
        _ if !is_unique_id => Ok((kind, last.to_owned())),
        Some(name) => Ok((kind, name.clone())),
        None => Err(not_a("an identity with a name", &resource.id)),
    }
}

/// The user's name.
pub(super) fn user_of(resource: &Resource) -> Located<String> {
    match identity_of(resource)? {
        (IdentityKind::User, name) => Ok(name),
        (IdentityKind::Role | IdentityKind::Group, _) => Err(not_a("a user", &resource.id)),
    }
}
