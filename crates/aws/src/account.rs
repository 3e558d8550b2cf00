//! One account in one region, entered with a session that may do only what was declared.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use aws_types::SdkConfig;
use jiff::Timestamp;
use redress_model::{AccountId, Partition, Region};

use crate::Gate;

type Clients = Mutex<HashMap<(TypeId, Region), Arc<dyn Any + Send + Sync>>>;

/// Where settings read and write. Clients are made when first used, share one HTTP client, and all pass through the gate.
#[derive(Clone)]
pub struct Account {
    id: AccountId,
    region: Region,
    partition: Partition,
    sdk: SdkConfig,
    gate: Gate,
    now: Timestamp,
    clients: Arc<Clients>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({} {})", self.id, self.region)
    }
}

impl Account {
    /// An account entered at `now` with the credentials in `sdk`.
    pub fn new(id: AccountId, region: Region, partition: Partition, sdk: &SdkConfig, gate: Gate, now: Timestamp) -> Self {
        let sdk = sdk.to_builder().region(aws_types::region::Region::new(region.to_string())).build();
        Self { id, region, partition, sdk, gate, now, clients: Arc::default() }
    }

    /// The same session in another region.
    #[must_use]
    pub fn in_region(&self, region: &Region) -> Self {
        let sdk = self.sdk.to_builder().region(aws_types::region::Region::new(region.to_string())).build();
        Self { region: region.clone(), sdk, ..self.clone() }
    }

    /// Its twelve digits.
    pub fn id(&self) -> &AccountId {
        &self.id
    }

    /// The region in which calls are made.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// The partition, for building ARNs.
    pub fn partition(&self) -> &Partition {
        &self.partition
    }

    /// When it was entered: "now" for what is asked of metrics.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Who we are in it, as STS says.
    ///
    /// # Errors
    /// When the session is not valid here: a region that is closed answers so.
    pub async fn identity(&self) -> crate::Result<crate::Caller> {
        crate::caller(&self.sdk).await
    }

    /// What passed the gate so far.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The service client of type `C`, made by `make` at its first use in this region.
    pub fn client<C: Clone + Send + Sync + 'static>(&self, make: impl FnOnce(&SdkConfig, Gate) -> C) -> C {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = clients.entry((TypeId::of::<C>(), self.region.clone())).or_insert_with(|| Arc::new(make(&self.sdk, self.gate.clone())));
        match slot.downcast_ref::<C>() {
            Some(client) => client.clone(),
            None => unreachable!("the slot's key is the type of its content"),
        }
    }
}
