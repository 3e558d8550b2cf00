//! Every opinion of Redress: one file per control, under its service.
//!
//! A control's module documentation *is* its user documentation, and `SPEC` its metadata; `README.md` of this crate, the catalog, the known
//! controls of the router and the member role are generated from them by `make generate`. Controls change nothing: settings do.

pub mod account;
pub mod baseline;
mod bucket;
mod catalog;
pub mod cloudtrail;
pub mod config;
pub mod ec2;
pub mod efs;
pub mod iam;
pub mod incident;
pub mod kms;
pub mod organization;
pub mod principal_quarantined;
pub mod rds;
pub mod s3;
pub mod security_group_complies;

pub use catalog::{BASELINE, CATALOG, INCIDENT, ORGANIZATION};
use redress_model::ControlId;
use redress_remediation::{Entry, Error, Kind};
use serde_json::Value;

/// Controls of our own, beside those of Security Hub: their jobs come from our own functions.
pub static OWN: &[&Entry] = &[&principal_quarantined::ENTRY, &security_group_complies::ENTRY];

/// Every control, Security Hub's and our own.
pub fn all() -> impl Iterator<Item = &'static Entry> {
    in_members().chain(ORGANIZATION.iter().copied())
}

/// The controls of which any account may have a resource: what they need is in the member role.
pub fn in_members() -> impl Iterator<Item = &'static Entry> {
    CATALOG.iter().chain(OWN).chain(BASELINE).chain(INCIDENT).copied()
}

/// The entry of a control, if there is one.
pub fn find(id: &str) -> Option<&'static Entry> {
    all().find(|entry| entry.spec.id == id)
}

/// Judges the parameters that a policy gives for a control.
///
/// # Errors
/// What is wrong with them.
pub fn check(control: &ControlId, params: &Value) -> Result<(), String> {
    find(control.as_str()).map_or_else(|| Err(format!("`{control}` is no control that Redress knows")), |entry| entry.check(params))
}

/// The setting of an account, where the resource is one.
fn of_account<S>(resource: &redress_model::Resource, setting: S) -> Result<S, Error> {
    if resource.kind == "AwsAccount" { Ok(setting) } else { Err(not_a("an account", &resource.id)) }
}

/// A few of a list, and how many more: a note is short.
fn some(items: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<_> = items.iter().take(SHOWN).map(String::as_str).collect();
    let more = items.len().saturating_sub(SHOWN);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

/// A finding whose resource is not of the kind that its control is about.
fn not_a(kind: &str, id: &str) -> Error {
    Error::new(Kind::Rejected, "locate", format!("`{id}` is not the id of {kind}"))
}
