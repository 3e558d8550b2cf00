//! What is around a resource: its tags, who else changes it, how many there are of its kind. Guards judge by it; it is only ever read.

use jiff::Timestamp;
use redress_model::{Resource, policy::Tags};

use crate::{Account, Action, Result};
use futures::future::BoxFuture;

/// Knows what is around a resource.
pub trait Surroundings: Send + Sync {
    /// The actions that looking around needs.
    fn reads(&self) -> &'static [Action];

    /// The tags of a resource; none where its kind has none.
    ///
    /// # Errors
    /// When they cannot be read: then nobody knows whether it is protected.
    fn tags<'a>(&'a self, account: &'a Account, resource: &'a Resource) -> BoxFuture<'a, Result<Tags>>;

    /// Who, but for ourselves, changed a resource last since `since`.
    ///
    /// # Errors
    /// When it cannot be asked.
    fn changed_by<'a>(&'a self, account: &'a Account, resource: &'a Resource, since: Timestamp) -> BoxFuture<'a, Result<Option<String>>>;

    /// How many resources of its kind there are in its account and region, where AWS Config knows.
    ///
    /// # Errors
    /// When it cannot be asked.
    fn population<'a>(&'a self, account: &'a Account, resource: &'a Resource) -> BoxFuture<'a, Result<Option<u32>>>;
}
