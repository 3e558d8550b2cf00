//! The ledger: who is working on what, what was done last, and the record of every run.
//!
//! One DynamoDB table with two kinds of items. `LANE#<digest>` is one resource: its lock, and how the last run of each control on it ended.
//! `RUN#<id>` is the record of one run. Taking the lock returns the memory, and the record is written with the lock's release in one
//! transaction, so a run costs two calls. Locks end by their time, never by DynamoDB's TTL.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update},
};
use aws_types::SdkConfig;
use jiff::Timestamp;
use redress_model::{ControlId, Digest, Record, RunId};
use serde::{Deserialize, Serialize};

use crate::{Answer, Called, Error, Result};

/// How the last run of a control on a resource ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    /// The run.
    pub run: RunId,
    /// The outcome's word.
    pub outcome: String,
    /// The sum of what was said and of the value it was said about: the same again is not said again.
    pub said: Digest,
    /// The latest run that changed the resource and was not undone: what an undo takes back.
    pub changed: Option<RunId>,
    /// When a person undid a change of this control: it is not made again without being asked for.
    pub undone: Option<Timestamp>,
    /// The question that was last put to people.
    pub asked: Option<Asked>,
}

/// A question that stands on a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The sum of the question and of the value that it is about.
    pub question: Digest,
    /// The event that led to it: what came with the same event is no answer.
    pub event: String,
    /// When it was on the finding: what happened before is no answer either.
    pub at: Timestamp,
}

/// What is remembered of a resource: the last run of each control.
pub type Memory = BTreeMap<ControlId, Last>;

/// The answer to a request for the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// The lock is ours.
    Free {
        /// How the last runs ended.
        memory: Memory,
        /// A run that took the lock before and never gave it back: what it changed, if anything, is not on record.
        interrupted: Option<RunId>,
    },
    /// Another run has it.
    Busy,
}

/// Who keeps the books.
pub trait Ledger: Send + Sync {
    /// Takes the lock of `lane` for `run` until `until`.
    ///
    /// # Errors
    /// When it is not known whether the lock is ours; then nothing may be changed.
    fn begin<'a>(&'a self, lane: &'a Digest, run: RunId, now: Timestamp, until: Timestamp) -> Answer<'a, Begun>;

    /// Writes the record, remembers how each control ended, and gives the lock back.
    ///
    /// # Errors
    /// When it was not written.
    fn finish<'a>(&'a self, lane: &'a Digest, record: &'a Record, memory: &'a Memory) -> Answer<'a, ()>;

    /// Gives the lock back with nothing to remember.
    ///
    /// # Errors
    /// When it was not given back; it ends by itself.
    fn release<'a>(&'a self, lane: &'a Digest, run: RunId) -> Answer<'a, ()>;

    /// The record of a run.
    ///
    /// # Errors
    /// When it cannot be read.
    fn load(&self, run: RunId) -> Answer<'_, Option<Record>>;
}

/// The ledger in a DynamoDB table.
#[derive(Debug, Clone)]
pub struct DynamoLedger {
    client: Client,
    table: String,
}

const UPDATE: &str = "dynamodb:UpdateItem";
const PUT: &str = "dynamodb:PutItem";
const GET: &str = "dynamodb:GetItem";
const LAST: &str = "last:";

type Item = HashMap<String, AttributeValue>;

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(at: Timestamp) -> AttributeValue {
    AttributeValue::N(at.as_second().to_string())
}

fn to_json<T: Serialize>(value: &T) -> Result<AttributeValue> {
    serde_json::to_string(value).map(AttributeValue::S).map_err(|error| Error::malformed(PUT, error.to_string()))
}

fn from_json<T: for<'de> Deserialize<'de>>(value: &AttributeValue) -> Result<T> {
    let malformed = |why: String| Error::malformed(GET, why);
    let text = value.as_s().map_err(|_| malformed("not a text".into()))?;
    serde_json::from_str(text).map_err(|error| malformed(error.to_string()))
}

fn lane_key(lane: &Digest) -> Item {
    key(format!("LANE#{lane}"), "STATE")
}

fn run_key(run: RunId) -> Item {
    key(format!("RUN#{run}"), "RECORD")
}

fn key(pk: String, sk: &str) -> Item {
    HashMap::from([("pk".into(), text(pk)), ("sk".into(), text(sk))])
}

fn memory_of(item: &Item) -> Result<Memory> {
    let mut memory = Memory::new();
    for (name, value) in item {
        if let Some(control) = name.strip_prefix(LAST) {
            let control = ControlId::try_from(control).map_err(|error| Error::malformed(UPDATE, error.to_string()))?;
            memory.insert(control, from_json(value)?);
        }
    }
    Ok(memory)
}

impl DynamoLedger {
    /// The ledger in `table`.
    pub fn new(sdk: &SdkConfig, table: String) -> Self {
        Self { client: Client::new(sdk), table }
    }
}

impl Ledger for DynamoLedger {
    fn begin<'a>(&'a self, lane: &'a Digest, run: RunId, now: Timestamp, until: Timestamp) -> Answer<'a, Begun> {
        Box::pin(async move {
            let taken = self
                .client
                .update_item()
                .table_name(&self.table)
                .set_key(Some(lane_key(lane)))
                .update_expression("SET #run = :run, #until = :until")
                // A retry of our own call must find its own lock open.
                .condition_expression("attribute_not_exists(#run) OR #until < :now OR #run = :run")
                .expression_attribute_names("#run", "run")
                .expression_attribute_names("#until", "until")
                .expression_attribute_values(":run", text(run.to_string()))
                .expression_attribute_values(":until", number(until))
                .expression_attribute_values(":now", number(now))
                .return_values(ReturnValue::AllOld)
                .send()
                .await
                .called(UPDATE);
            match taken {
                Ok(answer) => {
                    let old = answer.attributes.unwrap_or_default();
                    let owner = old.get("run").and_then(|run| run.as_s().ok()).and_then(|run| RunId::try_from(run.as_str()).ok());
                    Ok(Begun::Free { memory: memory_of(&old)?, interrupted: owner.filter(|owner| *owner != run) })
                }
                Err(error) if error.code == "ConditionalCheckFailedException" => Ok(Begun::Busy),
                Err(error) => Err(error),
            }
        })
    }

    fn finish<'a>(&'a self, lane: &'a Digest, record: &'a Record, memory: &'a Memory) -> Answer<'a, ()> {
        Box::pin(async move {
            let malformed = |error: &dyn std::fmt::Display| Error::malformed(PUT, error.to_string());
            let mut sets = Vec::new();
            let mut update = Update::builder()
                .table_name(&self.table)
                .set_key(Some(lane_key(lane)))
                .condition_expression("#run = :run")
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::None)
                .expression_attribute_names("#run", "run")
                .expression_attribute_names("#until", "until")
                .expression_attribute_names("#resource", "resource")
                .expression_attribute_values(":run", text(record.run.to_string()))
                .expression_attribute_values(":resource", text(record.resource.id.clone()));
            for (index, (control, last)) in memory.iter().enumerate() {
                sets.push(format!("#l{index} = :l{index}"));
                update = update
                    .expression_attribute_names(format!("#l{index}"), format!("{LAST}{control}"))
                    .expression_attribute_values(format!(":l{index}"), to_json(last)?);
            }
            sets.push("#resource = :resource".into());
            let update = update.update_expression(format!("SET {} REMOVE #run, #until", sets.join(", ")));
            let mut item = run_key(record.run);
            item.insert("record".into(), to_json(record)?);
            item.insert("account".into(), text(record.resource.account.to_string()));
            item.insert("outcome".into(), text(record.outcome.word()));
            item.insert("ended".into(), text(record.ended.to_string()));
            let put = Put::builder().table_name(&self.table).set_item(Some(item));
            self.client
                .transact_write_items()
                .transact_items(TransactWriteItem::builder().update(update.build().map_err(|error| malformed(&error))?).build())
                .transact_items(TransactWriteItem::builder().put(put.build().map_err(|error| malformed(&error))?).build())
                .client_request_token(record.run.to_string())
                .send()
                .await
                .called(PUT)
                .map(|_| ())
        })
    }

    fn release<'a>(&'a self, lane: &'a Digest, run: RunId) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = self
                .client
                .update_item()
                .table_name(&self.table)
                .set_key(Some(lane_key(lane)))
                .update_expression("REMOVE #run, #until")
                .condition_expression("#run = :run")
                .expression_attribute_names("#run", "run")
                .expression_attribute_names("#until", "until")
                .expression_attribute_values(":run", text(run.to_string()));
            call.send().await.called(UPDATE).map(|_| ())
        })
    }

    fn load(&self, run: RunId) -> Answer<'_, Option<Record>> {
        Box::pin(async move {
            let call = self.client.get_item().table_name(&self.table).set_key(Some(run_key(run))).consistent_read(true);
            let item = call.send().await.called(GET)?.item;
            item.as_ref().and_then(|item| item.get("record")).map(from_json).transpose()
        })
    }
}
