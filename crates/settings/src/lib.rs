//! Every power of Redress: the settings of AWS services that can be read and written back, one file per service.
//!
//! This is the only crate of the functions with the SDKs of the services that are changed, and settings are the only code that may change an account: to review what Redress can do, read
//! the `READS` and `WRITES` here. A setting has no opinion about what its value should be; controls have.

#[cfg(feature = "access_analyzer")]
pub mod access_analyzer;
#[cfg(feature = "account")]
pub mod account;
#[cfg(feature = "audit_manager")]
pub mod audit_manager;
#[cfg(feature = "cloudtrail")]
pub mod cloudtrail;
#[cfg(feature = "config")]
pub mod config;
#[cfg(feature = "ec2")]
pub mod ec2;
#[cfg(feature = "efs")]
pub mod efs;
#[cfg(feature = "iam")]
pub mod granted;
#[cfg(feature = "guardduty")]
pub mod guardduty;
#[cfg(feature = "iam")]
pub mod iam;
#[cfg(feature = "inspector")]
pub mod inspector;
#[cfg(feature = "kms")]
pub mod kms;
#[cfg(feature = "macie")]
pub mod macie;
#[cfg(feature = "organizations")]
pub mod organizations;
#[cfg(feature = "rds")]
pub mod rds;
#[cfg(feature = "s3")]
pub mod s3;
#[cfg(feature = "s3")]
pub mod s3_account;
#[cfg(feature = "security_hub")]
pub mod security_hub;
#[cfg(feature = "surroundings")]
pub mod surroundings;
pub mod watch;

use redress_remediation::{Error, Kind, Result};

/// How a client of one SDK is made: from the account's configuration, behind its gate. There is no other way to make one.
macro_rules! gated {
    ($sdk:ident) => {
        |sdk, gate| $sdk::Client::from_conf($sdk::config::Builder::from(sdk).interceptor(gate).build())
    };
}
use gated;

/// Not found reads as absent; every other error stays one.
fn found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// An answer that lacks what AWS always sends.
fn incomplete(action: &str, what: &str) -> Error {
    Error::malformed(action, format!("the answer has no {what}"))
}
