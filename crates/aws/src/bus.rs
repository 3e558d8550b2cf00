//! The bus: every outcome as an event, so that tickets and other systems can be attached.

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_types::SdkConfig;
use redress_model::Record;
use serde_json::Value as Json;

use crate::{Answer, Called, Error, Kind, Result};

/// Where outcomes are announced.
pub trait Bus: Send + Sync {
    /// Announces how a run ended.
    ///
    /// # Errors
    /// When it was not taken.
    fn announce<'a>(&'a self, record: &'a Record) -> Answer<'a, ()>;
}

/// A bus of EventBridge. Source `redress`, detail type `Redress Outcome`; the detail is the record without the values that were read.
#[derive(Debug, Clone)]
pub struct EventBus {
    client: aws_sdk_eventbridge::Client,
    name: String,
}

impl EventBus {
    /// The bus `name`.
    pub fn new(sdk: &SdkConfig, name: String) -> Self {
        Self { client: aws_sdk_eventbridge::Client::new(sdk), name }
    }
}

const ACTION: &str = "events:PutEvents";

impl Bus for EventBus {
    fn announce<'a>(&'a self, record: &'a Record) -> Answer<'a, ()> {
        Box::pin(async move {
            // What was read may be a policy with names in it: whoever may see it can read the record.
            let public = Record { left: None, ..record.clone() };
            let detail = serde_json::to_string(&public).map_err(|error| Error::malformed(ACTION, error.to_string()))?;
            let entry =
                PutEventsRequestEntry::builder().event_bus_name(&self.name).source("redress").detail_type("Redress Outcome").detail(detail);
            put(&self.client, entry.resources(&record.resource.id).build()).await
        })
    }
}

/// Asks the deployed suite for something, as anybody in its account may who can put events: an event on the account's default bus.
///
/// # Errors
/// When it was not taken.
pub async fn ask(sdk: &SdkConfig, what: &str, detail: &Json) -> Result<()> {
    let entry = PutEventsRequestEntry::builder().source("custom.security.compliance").detail_type(what).detail(detail.to_string());
    put(&aws_sdk_eventbridge::Client::new(sdk), entry.build()).await
}

async fn put(client: &aws_sdk_eventbridge::Client, entry: PutEventsRequestEntry) -> Result<()> {
    let answer = client.put_events().entries(entry).send().await.called(ACTION)?;
    match answer.entries().iter().find_map(|entry| entry.error_message()) {
        Some(why) => Err(Error::new(Kind::Unreachable, ACTION, why)),
        None => Ok(()),
    }
}

/// No bus, for who has no deployment.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoBus;

impl Bus for NoBus {
    fn announce<'a>(&'a self, _record: &'a Record) -> Answer<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}
