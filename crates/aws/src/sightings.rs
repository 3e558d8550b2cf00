//! Sightings: since when something is known, and how often somebody did something of late. Kept in the ledger's table, across invocations.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, ReturnValue},
};
use aws_types::SdkConfig;
use jiff::{SignedDuration, Timestamp};

use crate::{Called, Error, Result};

/// Sightings in a DynamoDB table.
#[derive(Debug, Clone)]
pub struct Sightings {
    client: Client,
    table: String,
}

const UPDATE: &str = "dynamodb:UpdateItem";
const GET: &str = "dynamodb:GetItem";
const QUERY: &str = "dynamodb:Query";
/// What nobody saw again for so long is swept away by DynamoDB; nothing relies on it.
const KEPT: SignedDuration = SignedDuration::from_hours(400 * 24);
/// The most deeds that are kept of one actor; the oldest go first.
const DEEDS: usize = 200;

fn key(place: &str, thing: &str) -> HashMap<String, AttributeValue> {
    let text = |value: String| AttributeValue::S(value);
    HashMap::from([("pk".into(), text(format!("SEEN#{place}"))), ("sk".into(), text(thing.to_owned()))])
}

/// What is known of one thing: since when each mark is seen at it.
pub type Marks = BTreeMap<String, Timestamp>;

fn marks_of(item: &HashMap<String, AttributeValue>) -> Result<Marks> {
    let Some(text) = item.get("marks").and_then(|marks| marks.as_s().ok()) else { return Ok(Marks::new()) };
    serde_json::from_str(text).map_err(|error| Error::malformed(GET, error.to_string()))
}

fn seconds(at: Timestamp) -> AttributeValue {
    AttributeValue::N(at.as_second().to_string())
}

impl Sightings {
    /// The sightings in `table`.
    pub fn new(sdk: &SdkConfig, table: String) -> Self {
        Self { client: Client::new(sdk), table }
    }

    /// What is known of everything at a place.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn at(&self, place: &str) -> Result<BTreeMap<String, Marks>> {
        let query = self.client.query().table_name(&self.table).key_condition_expression("pk = :pk").consistent_read(true);
        let mut pages = query.expression_attribute_values(":pk", AttributeValue::S(format!("SEEN#{place}"))).into_paginator().send();
        let mut all = BTreeMap::new();
        while let Some(page) = pages.next().await {
            for item in page.called(QUERY)?.items() {
                let thing = item.get("sk").and_then(|thing| thing.as_s().ok()).cloned().unwrap_or_default();
                all.insert(thing, marks_of(item)?);
            }
        }
        Ok(all)
    }

    /// What is known of one thing at a place.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn of(&self, place: &str, thing: &str) -> Result<Marks> {
        let call = self.client.get_item().table_name(&self.table).set_key(Some(key(place, thing))).consistent_read(true);
        marks_of(&call.send().await.called(GET)?.item.unwrap_or_default())
    }

    /// Keeps what is known of one thing now, and nothing else of it.
    ///
    /// # Errors
    /// When it was not written.
    pub async fn keep(&self, place: &str, thing: &str, marks: &Marks, now: Timestamp) -> Result<()> {
        let text = serde_json::to_string(marks).map_err(|error| Error::malformed(UPDATE, error.to_string()))?;
        let call = self.client.update_item().table_name(&self.table).set_key(Some(key(place, thing)));
        let call = call
            .update_expression("SET #marks = :marks, #expires = :expires")
            .expression_attribute_names("#marks", "marks")
            .expression_attribute_names("#expires", "expires")
            .expression_attribute_values(":marks", AttributeValue::S(text))
            .expression_attribute_values(":expires", seconds(now + KEPT));
        call.send().await.called(UPDATE).map(|_| ())
    }

    /// Notes a deed of `actor` at `at`, known by `id`, and says how many there are within `window` before and at it. The same deed twice is
    /// one.
    ///
    /// # Errors
    /// When it was not noted.
    pub async fn deeds(&self, actor: &str, id: &str, at: Timestamp, window: SignedDuration) -> Result<usize> {
        let deed = format!("{:014}#{id}", at.as_millisecond());
        let call = self.client.update_item().table_name(&self.table).set_key(Some(key("deeds", actor)));
        let call = call
            .update_expression("ADD #deeds :deed SET #expires = :expires")
            .expression_attribute_names("#deeds", "deeds")
            .expression_attribute_names("#expires", "expires")
            .expression_attribute_values(":deed", AttributeValue::Ss(vec![deed]))
            .expression_attribute_values(":expires", seconds(at + SignedDuration::from_hours(48)))
            .return_values(ReturnValue::AllNew);
        let answer = call.send().await.called(UPDATE)?;
        let all = answer.attributes.as_ref().and_then(|item| item.get("deeds")).and_then(|deeds| deeds.as_ss().ok());
        let mut all = all.cloned().ok_or_else(|| Error::malformed(UPDATE, "the answer has no deeds"))?;
        all.sort_unstable();
        let old: Vec<String> = all.iter().take(all.len().saturating_sub(DEEDS)).cloned().collect();
        if !old.is_empty() {
            let call = self.client.update_item().table_name(&self.table).set_key(Some(key("deeds", actor)));
            let call = call
                .update_expression("DELETE #deeds :old")
                .expression_attribute_names("#deeds", "deeds")
                .expression_attribute_values(":old", AttributeValue::Ss(old));
            call.send().await.called(UPDATE)?;
        }
        let when = |deed: &String| deed.split_once('#')?.0.parse::<i64>().ok();
        let (from, to) = ((at - window).as_millisecond(), at.as_millisecond());
        Ok(all.iter().filter_map(when).filter(|when| from < *when && *when <= to).count())
    }
}
