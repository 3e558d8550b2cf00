//! # Risk
//! Whoever holds stolen credentials goes on with them while somebody looks into it.
//!
//! # Remedy
//! Attaches the managed policy `RedressLockdown`, which denies everything, to the user or role, and makes the user's access keys inactive. It comes from
//! incidents only, and never for the suite's own roles, for what the policies protect or call break-glass, or for AWS's own roles. A role, and
//! whatever scores below the threshold, waits for a person's yes.
//!
//! # Impact
//! Everything that works as this user or role stops at once: its sessions too, those of before and those of after. The console can be entered and does
//! nothing.
//!
//! # Undo
//! Exact: the policy is detached, and the keys that were active are active again.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::iam::{Lockdown, PrincipalKind, PrincipalLockdown, QuarantineFacts};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::not_a;

/// What comes with the job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AskParams {
    /// Why a person has to say yes, if one has.
    pub ask: Option<String>,
}

impl AskParams {
    pub(crate) fn wants<V>(&self, to: V) -> Want<V> {
        match &self.ask {
            Some(why) => Want::Ask { to, why: why.clone() },
            None => Want::Set(to),
        }
    }
}

/// Incident.1: a control of our own.
pub struct PrincipalIsLockedDown;

/// The entry, among those of incidents.
pub static ENTRY: Entry = Entry::of::<PrincipalIsLockedDown>();

impl Control for PrincipalIsLockedDown {
    const SPEC: Spec = Spec {
        id: "Incident.1",
        title: "Who is part of an incident can do nothing more",
        severity: Severity::Critical,
        class: Class::Guarded,
        scope: Scope::Global,
        resources: &["AwsIamUser", "AwsIamRole"],
        prowler: &[],
        config_rules: &[],
        in_code: InCode { cloudformation: "", terraform: "" },
    };
    type Setting = PrincipalLockdown;
    type Params = AskParams;

    fn locate(resource: &Resource, _params: &AskParams) -> Located<PrincipalLockdown> {
        let arn = resource.arn().filter(|arn| arn.service == "iam");
        let kinds = [("user", PrincipalKind::User), ("role", PrincipalKind::Role)];
        let found = arn.and_then(|arn| kinds.into_iter().find_map(|(word, kind)| Some((kind, arn.named(word)?.to_owned()))));
        let (kind, path) = found.ok_or_else(|| not_a("a user or role", &resource.id))?;
        let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
        Ok(PrincipalLockdown { kind, name })
    }

    fn want(value: &Lockdown, facts: &QuarantineFacts, params: &AskParams) -> Want<Lockdown> {
        if value.denied && value.access_keys.values().all(|active| !active) {
            return Want::Keep;
        }
        if facts.path.starts_with("/aws-service-role/") {
            return Want::Tell("it is a role of an AWS service, which cannot be kept from anything: look at who uses the service.".into());
        }
        if facts.path.starts_with("/aws-reserved/") {
            return Want::Tell(
                "it is a role of IAM Identity Center: take the permission set from the person, and end the sessions, in Identity Center."
                    .into(),
            );
        }
        let access_keys = value.access_keys.keys().map(|id| (id.clone(), false)).collect();
        params.wants(Lockdown { denied: true, access_keys })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(denied: bool, keys: &[(&str, bool)]) -> Lockdown {
        Lockdown { denied, access_keys: keys.iter().map(|(id, active)| ((*id).to_owned(), *active)).collect() }
    }

    fn want(value: &Lockdown, path: &str, ask: Option<&str>) -> Want<Lockdown> {
        PrincipalIsLockedDown::want(value, &QuarantineFacts { path: path.into() }, &AskParams { ask: ask.map(str::to_owned) })
    }

    #[test]
    fn everything_is_denied_and_every_key_inactive() {
        let locked = value(true, &[("A", false), ("B", false)]);
        assert_eq!(want(&value(false, &[("A", true), ("B", false)]), "/", None), Want::Set(locked.clone()));
        assert_eq!(want(&value(true, &[("A", true), ("B", false)]), "/", None), Want::Set(locked.clone()));
        assert_eq!(want(&locked, "/", None), Want::Keep);
    }

    #[test]
    fn a_reason_to_ask_is_asked_and_aws_s_own_roles_are_left_to_people() {
        assert!(matches!(want(&value(false, &[]), "/", Some("a role")), Want::Ask { why, .. } if why == "a role"));
        assert!(matches!(want(&value(false, &[]), "/aws-service-role/x/", None), Want::Tell(_)));
        assert!(matches!(want(&value(false, &[]), "/aws-reserved/sso.amazonaws.com/", None), Want::Tell(_)));
    }
}
