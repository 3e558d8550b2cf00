//! Every opinion of Redress: one file per control, under its service.
//!
//! A control's module documentation *is* its user documentation, and `SPEC` its metadata; `README.md` of this crate, the catalog, the known
//! controls of the router and the member role are generated from them by `make generate`. Controls change nothing: settings do.

mod catalog;
pub mod cloudtrail;
pub mod ec2;
pub mod iam;
pub mod kms;
pub mod rds;
pub mod s3;

pub use catalog::CATALOG;
use redress_remediation::{Entry, Error, Kind};

/// The entry of a control, if there is one.
pub fn find(id: &str) -> Option<&'static Entry> {
    CATALOG.iter().copied().find(|entry| entry.spec.id == id)
}

/// A finding whose resource is not of the kind that its control is about.
fn not_a(kind: &str, id: &str) -> Error {
    Error::new(Kind::Rejected, "locate", format!("`{id}` is not the id of {kind}"))
}
