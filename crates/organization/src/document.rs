//! The baseline's report: a document for each account and region, and what changed since the last.

use std::collections::{BTreeMap, BTreeSet};

use redress_model::{AccountId, Region};
use serde::{Deserialize, Serialize};

use crate::{Cell, Service, State};

/// What one account has in one region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Document {
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// Where the trail delivers.
    pub logging_bucket: Bucket,
    /// Security Hub, and its standards.
    pub security_hub: Status,
    /// The trail.
    pub cloud_trail: Nested<Status>,
    /// AWS Config.
    pub config: Nested<ConfigStatus>,
    /// GuardDuty.
    pub guard_duty: Status,
    /// Macie.
    pub macie: Status,
    /// Audit Manager.
    pub audit_manager: Status,
    /// Inspector.
    pub inspector: Status,
    /// What is set for the account.
    pub account_level_settings: Nested<Vec<BTreeMap<String, String>>>,
}

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Bucket {
    /// What it is for.
    pub description: String,
    /// Its name; empty where there is none.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

/// A status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Status {
    /// In words.
    pub status: String,
    /// The standards; of Security Hub only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standards: Option<String>,
}

/// A status with parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Nested<T> {
    /// The parts.
    pub status: T,
}

/// The parts of AWS Config's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ConfigStatus {
    /// The recorder.
    pub config: String,
    /// The conformance pack.
    pub conformance_pack: String,
}

fn words(cell: Option<&Cell>) -> String {
    let Some(cell) = cell else { return "not chosen".into() };
    let rest = match (cell.changes.as_slice(), cell.said.as_str()) {
        ([], "") => String::new(),
        ([], said) => format!(": {said}"),
        (changes, "") => format!(": {}", changes.join("; ")),
        (changes, said) => format!(": {} ({said})", changes.join("; ")),
    };
    match cell.state {
        State::Good => "enabled".into(),
        State::Changed => format!("enabled now{rest}"),
        state => format!("{state}{rest}"),
    }
}

/// The documents of `cells`, one for each account and region, by both. What there is one of in an account is told in all its regions.
pub fn documents(cells: &[Cell], partition: &str) -> Vec<Document> {
    let places: BTreeSet<(&AccountId, &Region)> = cells.iter().map(|cell| (&cell.account, &cell.region)).collect();
    let mut by_account: BTreeMap<&AccountId, Vec<&Cell>> = BTreeMap::new();
    for cell in cells {
        by_account.entry(&cell.account).or_default().push(cell);
    }
    let document = |(account, region): (&AccountId, &Region)| {
        let cells = by_account.get(account).map(Vec::as_slice).unwrap_or_default();
        let of = |service: Service| {
            cells.iter().copied().find(|cell| cell.service == service && (cell.region == *region || service.is_global()))
        };
        let status = |service| Status { status: words(of(service)), standards: None };
        let name = of(Service::Cloudtrail).and_then(|cell| cell.bucket.clone()).unwrap_or_default();
        let part = |name: &str, service| BTreeMap::from([(name.to_owned(), words(of(service)))]);
        Document {
            account: account.to_string(),
            region: region.to_string(),
            logging_bucket: Bucket {
                description: "the bucket to which the trail delivers".into(),
                arn: if name.is_empty() { String::new() } else { format!("arn:{partition}:s3:::{name}") },
                name,
            },
            security_hub: Status { standards: Some(words(of(Service::Standards))), ..status(Service::SecurityHub) },
            cloud_trail: Nested { status: status(Service::Cloudtrail) },
            config: Nested {
                status: ConfigStatus { config: words(of(Service::Config)), conformance_pack: words(of(Service::ConformancePack)) },
            },
            guard_duty: status(Service::Guardduty),
            macie: status(Service::Macie),
            audit_manager: status(Service::AuditManager),
            inspector: status(Service::Inspector),
            account_level_settings: Nested {
                status: vec![part("S3PublicAccess", Service::S3PublicAccess), part("DefaultEbsEncryption", Service::EbsEncryption)],
            },
        }
    };
    places.into_iter().map(document).collect()
}

/// A cell that is not as it was in the last run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// How it was; nothing where it was not looked at.
    pub before: Option<State>,
    /// How it is.
    #[serde(flatten)]
    pub cell: Cell,
}

/// What changed since the last run: what was changed by us, what is no longer good or fails now, and what is good again by itself.
pub fn drift(last: &[Cell], now: &[Cell]) -> Vec<Drift> {
    let known: BTreeMap<_, State> = last.iter().map(|cell| (cell.key(), cell.state)).collect();
    let changed = |cell: &&Cell| match known.get(&cell.key()) {
        // Good, however it came to be.
        Some(before) if before.is_good() && cell.state.is_good() => cell.state == State::Changed,
        Some(before) => *before != cell.state,
        None => cell.state == State::Changed || cell.state.wants_somebody(),
    };
    now.iter().filter(changed).map(|cell| Drift { before: known.get(&cell.key()).copied(), cell: cell.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(region: &str, service: Service, state: State) -> Cell {
        Cell::of(&AccountId::try_from("111122223333").unwrap(), &Region::try_from(region).unwrap(), service, state, "")
    }

    #[test]
    fn a_document_has_the_keys_that_people_know() {
        let trail = Cell { bucket: Some("logs".into()), ..cell("us-east-1", Service::Cloudtrail, State::Good) };
        let cells = [trail, cell("us-east-1", Service::Guardduty, State::Changed), cell("eu-west-1", Service::Guardduty, State::Closed)];
        let documents = documents(&cells, "aws");
        assert_eq!(documents.len(), 2);
        let json = serde_json::to_value(&documents[0]).unwrap();
        let keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
        for key in [
            "LoggingBucket",
            "SecurityHub",
            "CloudTrail",
            "Config",
            "GuardDuty",
            "Macie",
            "AuditManager",
            "Inspector",
            "AccountLevelSettings",
        ] {
            assert!(keys.contains(&key), "{keys:?}");
        }
        assert_eq!(json["LoggingBucket"]["Arn"], "arn:aws:s3:::logs", "there is one trail in all regions");
        assert_eq!(json["CloudTrail"]["Status"]["Status"], "enabled");
        assert_eq!(json["GuardDuty"]["Status"], "closed");
        assert_eq!(json["Config"]["Status"]["ConformancePack"], "not chosen");
        assert_eq!(json["AccountLevelSettings"]["Status"][1]["DefaultEbsEncryption"], "not chosen");
    }

    #[test]
    fn only_what_changed_is_told() {
        let now = |state| [cell("us-east-1", Service::Macie, state)];
        let count = |last: State, is: State| drift(&now(last), &now(is)).len();
        assert_eq!((count(State::Good, State::Good), count(State::Changed, State::Good), count(State::Failed, State::Failed)), (0, 0, 0));
        assert_eq!((count(State::Good, State::Changed), count(State::Good, State::Failed), count(State::Failed, State::Good)), (1, 1, 1));
        assert_eq!(count(State::Planned, State::Planned), 0);
        assert_eq!((drift(&[], &now(State::Good)).len(), drift(&[], &now(State::NoRole)).len()), (0, 1));
    }
}
