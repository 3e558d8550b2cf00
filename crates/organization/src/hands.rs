//! What the functions that bring about the baseline work with: the books and the people of the deployed suite.

use aws_types::SdkConfig;
use redress_aws::{Accounts, Channels, DynamoLedger, EventBus, NoHub, Organizations, OwnPace, S3Vault, SsmSwitch, SystemClock};
use redress_model::AccountId;
use redress_remediation::Rim;
use redress_settings::surroundings::Around;

/// The names of what is deployed.
#[derive(Debug, Clone)]
pub struct Names {
    /// The ledger's table.
    pub ledger_table: String,
    /// The vault's bucket.
    pub vault_bucket: String,
    /// The topic for people.
    pub topic: String,
    /// The parameter with the address of a chat, where there is one.
    pub webhook_parameter: Option<String>,
    /// The bus for outcomes.
    pub bus: String,
    /// The kill switch's parameter.
    pub kill_switch: String,
}

/// The hands of a function.
pub struct Hands {
    ledger: DynamoLedger,
    vault: S3Vault,
    /// Tells people.
    pub post: Channels,
    bus: EventBus,
    switch: SsmSwitch,
    /// Knows the organization.
    pub organizations: Organizations,
    /// Tells the time.
    pub clock: SystemClock,
}

impl Hands {
    /// The hands in account `owner`, to which the buckets belong.
    pub fn new(sdk: &SdkConfig, names: Names, owner: AccountId) -> Self {
        Self {
            ledger: DynamoLedger::new(sdk, names.ledger_table),
            vault: S3Vault::new(sdk, names.vault_bucket, owner),
            post: Channels::new(sdk, names.topic, names.webhook_parameter),
            bus: EventBus::new(sdk, names.bus),
            switch: SsmSwitch::new(sdk, names.kill_switch),
            organizations: Organizations::new(sdk),
            clock: SystemClock,
        }
    }

    /// The engine's rim, which enters accounts in this way. No finding is answered, and nothing is woken or listed for later: sweeps come by themselves.
    pub fn rim<'a>(&'a self, accounts: &'a dyn Accounts) -> Rim<'a> {
        Rim {
            accounts,
            ledger: &self.ledger,
            vault: &self.vault,
            hub: &NoHub,
            post: &self.post,
            bus: &self.bus,
            switch: &self.switch,
            timer: &OwnPace,
            places: &self.organizations,
            surroundings: &Around,
            clock: &self.clock,
        }
    }
}
