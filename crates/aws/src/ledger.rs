//! The ledger: who is working on what, what was done last, and the record of every run.
//!
//! One DynamoDB table with four kinds of items. `LANE#<digest>` is one resource: its lock, and how the last run of each control on it ended.
//! `RUN#<id>` is the record of one run. `COUNT#<what>` counts the changes of an hour. `LIST#<name>` holds what time will bring: jobs that
//! were put off, notices for the next digest, exemptions that will end. Taking the lock returns the memory, and the record is written with
//! the lock's release and what goes on lists in one transaction, so a run costs two calls. Locks end by their time, never by DynamoDB's TTL.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update},
};
use aws_types::SdkConfig;
use jiff::Timestamp;
use redress_model::{ControlId, Digest, Record, RunId, policy::Exempted};
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
    /// The changes before it, where they are stages of one work: each can be undone in its turn.
    #[serde(default)]
    pub earlier: Vec<RunId>,
    /// When a person undid a change of this control: it is not made again without being asked for.
    pub undone: Option<Timestamp>,
    /// The question that was last put to people.
    pub asked: Option<Asked>,
    /// When changes were made by themselves, the latest last: what does not last is contested.
    #[serde(default)]
    pub fixed: Vec<Timestamp>,
    /// The findings that were answered last: one that is new to us is answered, even with nothing new to say.
    #[serde(default)]
    pub answered: Vec<String>,
    /// A person's wish that it stay as it is.
    #[serde(default)]
    pub exempt: Option<Exempted>,
    /// The event with which a person consented to work of several stages that is under way.
    #[serde(default)]
    pub consented: Option<String>,
}

/// A question that stands on a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The sum of the changes and of the value that it is about.
    pub question: Digest,
    /// The guards that asked.
    #[serde(default)]
    pub guards: Vec<String>,
    /// The event that led to it: what came with the same event is no answer.
    pub event: String,
    /// When it was on the finding: what happened before is no answer either.
    pub at: Timestamp,
    /// When it is no longer open.
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// The run that put it.
    pub run: RunId,
    /// The parameters of the job that led to it: the answer is to what was asked with them.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub params: serde_json::Value,
}

impl Asked {
    /// Whether this question, which was put before, is still open at `now` and is the same as `again`.
    pub fn stands_for(&self, again: &Self, now: Timestamp) -> bool {
        self.question == again.question && self.guards == again.guards && self.until.is_none_or(|until| now < until)
    }
}

/// What time will bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum List {
    /// Jobs that were put off: sent again when they are due.
    Later,
    /// Notices for the next digest.
    Notices,
    /// Exemptions: told ahead, and their findings opened again when they end.
    Exemptions,
}

impl List {
    fn key(self) -> &'static str {
        match self {
            Self::Later => "LIST#later",
            Self::Notices => "LIST#notices",
            Self::Exemptions => "LIST#exemptions",
        }
    }
}

/// Something on a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The list.
    pub list: List,
    /// When it is due.
    pub at: Timestamp,
    /// What tells it apart; the same again at the same time replaces it.
    pub key: String,
    /// The thing, in JSON.
    pub body: String,
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

    /// Writes the record, remembers how each control ended, lists what time will bring, and gives the lock back: all or nothing.
    ///
    /// # Errors
    /// When it was not written.
    fn finish<'a>(&'a self, lane: &'a Digest, record: &'a Record, memory: &'a Memory, listed: &'a [Listed]) -> Answer<'a, ()>;

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

    /// Counts one more of `what`, and says how many there are now.
    ///
    /// # Errors
    /// When it was not counted.
    fn count<'a>(&'a self, what: &'a str, now: Timestamp) -> Answer<'a, u32>;

    /// Takes something off its list.
    ///
    /// # Errors
    /// When it may still be there.
    fn strike<'a>(&'a self, item: &'a Listed) -> Answer<'a, ()>;

    /// The records of runs that ended since `since`, the latest first.
    ///
    /// # Errors
    /// When they cannot be read.
    fn recent(&self, since: Timestamp, now: Timestamp) -> Answer<'_, Vec<Record>>;
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
const QUERY: &str = "dynamodb:Query";
const DELETE: &str = "dynamodb:DeleteItem";
const LAST: &str = "last:";
/// Counts are swept away by DynamoDB after this time; nothing relies on it.
const COUNTED: jiff::SignedDuration = jiff::SignedDuration::from_hours(90 * 24);
/// The index over records by the day on which they ended.
const HISTORY: &str = "history";

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

    /// What is on a list and due by `until`, the earliest first.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn due(&self, list: List, until: Timestamp) -> Result<Vec<Listed>> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND sk < :until")
            .expression_attribute_values(":pk", text(list.key()))
            // A key begins with its second; the next one lies behind all of `until`'s.
            .expression_attribute_values(":until", text(format!("{:012}", until.as_second() + 1)))
            .consistent_read(true);
        let mut pages = query.into_paginator().send();
        let mut all = Vec::new();
        while let Some(page) = pages.next().await {
            for item in page.called(QUERY)?.items() {
                all.push(listed(list, item)?);
            }
        }
        Ok(all)
    }

    /// Puts something on a list.
    ///
    /// # Errors
    /// When it was not written.
    pub async fn list(&self, item: &Listed) -> Result<()> {
        self.client.put_item().table_name(&self.table).set_item(Some(list_item(item))).send().await.called(PUT).map(|_| ())
    }
}

fn list_sk(item: &Listed) -> String {
    format!("{:012}#{}", item.at.as_second(), item.key)
}

fn list_item(item: &Listed) -> Item {
    let mut written = key(item.list.key().to_owned(), &list_sk(item));
    written.insert("body".into(), text(item.body.clone()));
    written
}

fn listed(list: List, item: &Item) -> Result<Listed> {
    let malformed = || Error::malformed(QUERY, "an item of a list without its key or body");
    let field = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).ok_or_else(malformed);
    let (at, key) = field("sk")?.split_once('#').ok_or_else(malformed)?;
    let at = at.parse().ok().and_then(|second| Timestamp::from_second(second).ok()).ok_or_else(malformed)?;
    Ok(Listed { list, at, key: key.to_owned(), body: field("body")?.clone() })
}

/// The day of an end, by which records are found again.
fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
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

    fn finish<'a>(&'a self, lane: &'a Digest, record: &'a Record, memory: &'a Memory, listed: &'a [Listed]) -> Answer<'a, ()> {
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
            item.insert("day".into(), text(day(record.ended)));
            let mut call = self
                .client
                .transact_write_items()
                .transact_items(TransactWriteItem::builder().update(update.build().map_err(|error| malformed(&error))?).build());
            for item in std::iter::once(item).chain(listed.iter().map(list_item)) {
                let put = Put::builder().table_name(&self.table).set_item(Some(item)).build().map_err(|error| malformed(&error))?;
                call = call.transact_items(TransactWriteItem::builder().put(put).build());
            }
            call.client_request_token(record.run.to_string()).send().await.called(PUT).map(|_| ())
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

    fn strike<'a>(&'a self, item: &'a Listed) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = self.client.delete_item().table_name(&self.table).set_key(Some(key(item.list.key().to_owned(), &list_sk(item))));
            call.send().await.called(DELETE).map(|_| ())
        })
    }

    fn count<'a>(&'a self, what: &'a str, now: Timestamp) -> Answer<'a, u32> {
        Box::pin(async move {
            let call = self
                .client
                .update_item()
                .table_name(&self.table)
                .set_key(Some(key(format!("COUNT#{what}"), "COUNT")))
                .update_expression("ADD #count :one SET #expires = if_not_exists(#expires, :expires)")
                .expression_attribute_names("#count", "count")
                .expression_attribute_names("#expires", "expires")
                .expression_attribute_values(":expires", number(now + COUNTED))
                .expression_attribute_values(":one", AttributeValue::N("1".into()))
                .return_values(ReturnValue::UpdatedNew);
            let answer = call.send().await.called(UPDATE)?;
            let count = answer.attributes.as_ref().and_then(|new| new.get("count")).and_then(|count| count.as_n().ok());
            count.and_then(|count| count.parse().ok()).ok_or_else(|| Error::malformed(UPDATE, "the answer has no count"))
        })
    }

    fn recent(&self, since: Timestamp, now: Timestamp) -> Answer<'_, Vec<Record>> {
        Box::pin(async move {
            let mut records = Vec::new();
            let mut at = now;
            loop {
                let query = self
                    .client
                    .query()
                    .table_name(&self.table)
                    .index_name(HISTORY)
                    .key_condition_expression("#day = :day AND #ended >= :since")
                    .expression_attribute_names("#day", "day")
                    .expression_attribute_names("#ended", "ended")
                    .expression_attribute_values(":day", text(day(at)))
                    .expression_attribute_values(":since", text(since.to_string()))
                    .scan_index_forward(false);
                let mut pages = query.into_paginator().send();
                while let Some(page) = pages.next().await {
                    for record in page.called(QUERY)?.items().iter().filter_map(|item| item.get("record")) {
                        records.push(from_json(record)?);
                    }
                }
                if day(at) <= day(since) {
                    return Ok(records);
                }
                at -= jiff::SignedDuration::from_hours(24);
            }
        })
    }
}
