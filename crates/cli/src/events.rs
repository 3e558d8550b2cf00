//! Events, from a terminal: made for trying things out, or replayed through the scoring.

use std::{collections::BTreeMap, fs, io::Read as _, path::PathBuf};

use comfy_table::{Cell, Color};
use jiff::{SignedDuration, Timestamp};
use redress_aws::{Clock as _, Queue, SystemClock};
use redress_incidents::{Deed, Habits, Policy, Response, Score, ThreatLists, respond, score};
use redress_model::AccountId;
use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::{
    Done, Ended, Failure,
    args::{EventsCommand, Scenario},
    paint::{self, Printer, colored},
    site::sdk,
};

pub(crate) async fn run(printer: Printer, command: EventsCommand) -> Done {
    match command {
        EventsCommand::Send { scenario, count, queue, account, seed } => {
            let events = made(scenario, count, &account, seed, SystemClock.now());
            let Some(url) = queue else {
                for event in &events {
                    anstream::println!("{event}");
                }
                return Ok(Ended::Well);
            };
            let queue = Queue::new(&sdk().await, url);
            let bar = printer.progress(events.len());
            for event in &events {
                queue.send(&event.to_string()).await?;
                bar.inc(1);
            }
            bar.finish_and_clear();
            printer.hint(&format!("{} events were sent", events.len()));
            Ok(Ended::Well)
        }
        EventsCommand::Replay { files, incident_policy, threat_lists, least } => {
            replay(printer, &files, incident_policy, &threat_lists, least)
        }
    }
}

/// A number out of a few, the same for the same seed: which of them matters to nobody.
struct Dice(u64);

impl Dice {
    /// A mixer of bits, which needs no state but a number.
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(sides.max(1)).unwrap_or(1)).unwrap_or(0)
    }

    fn of<'a>(&mut self, items: &[&'a str]) -> &'a str {
        let index = self.roll(items.len());
        items.get(index).copied().unwrap_or_default()
    }
}

/// Events of a scenario: `now` and the minutes before it.
fn made(scenario: Scenario, count: usize, account: &AccountId, seed: u64, now: Timestamp) -> Vec<Json> {
    let mut dice = Dice(seed);
    (0..count)
        .map(|index| {
            let at = now - SignedDuration::from_secs(i64::try_from(count - index).unwrap_or(0) * 30);
            let kind = match scenario {
                Scenario::Mixed => match dice.roll(10) {
                    0 => Scenario::Attack,
                    1 | 2 => Scenario::Suspicious,
                    _ => Scenario::Normal,
                },
                other => other,
            };
            let id = format!("{seed:08x}-0000-4000-8000-{index:012x}");
            event(kind, &mut dice, account, &id, at)
        })
        .collect()
}

fn event(kind: Scenario, dice: &mut Dice, account: &AccountId, id: &str, at: Timestamp) -> Json {
    let user = |name: &str| json!({"type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": format!("arn:aws:iam::{account}:user/{name}"), "accountId": account, "accessKeyId": "AKIAEXAMPLE", "userName": name});
    let pipeline = json!({"type": "AssumedRole", "principalId": "AROAEXAMPLE:ci", "arn": format!("arn:aws:sts::{account}:assumed-role/deploy/ci"), "accountId": account,
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": format!("arn:aws:iam::{account}:role/deploy"), "accountId": account, "userName": "deploy"}}});
    let root = json!({"type": "Root", "principalId": account, "arn": format!("arn:aws:iam::{account}:root"), "accountId": account});
    let admin = format!("arn:aws:iam::{}:policy/AdministratorAccess", "aws");
    let (who, call, parameters, response, from) = match kind {
        Scenario::Normal | Scenario::Mixed => {
            let role = dice.of(&["web", "worker", "reports"]);
            let call = dice.of(&["iam:CreateRole", "iam:AttachRolePolicy", "iam:PutRolePolicy"]);
            let parameters = json!({"roleName": role, "policyArn": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"});
            (pipeline, call, parameters, Json::Null, "192.0.2.10")
        }
        Scenario::Suspicious => {
            let name = dice.of(&["ann", "ben"]);
            let call =
                dice.of(&["iam:CreateLoginProfile", "iam:UpdateAssumeRolePolicy", "cloudtrail:PutEventSelectors", "iam:AttachUserPolicy"]);
            let parameters =
                json!({"userName": "cleo", "roleName": "web", "trailName": "main", "policyArn": "arn:aws:iam::aws:policy/PowerUserAccess"});
            (user(name), call, parameters, Json::Null, "203.0.113.77")
        }
        Scenario::Attack => match dice.roll(4) {
            0 => {
                let made = json!({"accessKey": {"accessKeyId": "AKIABACKDOOR", "status": "Active", "userName": "backup"}});
                (user("mallory"), "iam:CreateAccessKey", json!({"userName": "backup"}), made, "198.51.100.66")
            }
            1 => (user("mallory"), "iam:AttachUserPolicy", json!({"userName": "backup", "policyArn": admin}), Json::Null, "198.51.100.66"),
            2 => (user("mallory"), "cloudtrail:StopLogging", json!({"name": "main"}), Json::Null, "198.51.100.66"),
            _ => (root, "iam:DeactivateMFADevice", json!({"userName": "ann", "serialNumber": "mfa"}), Json::Null, "198.51.100.66"),
        },
    };
    let (service, name) = call.split_once(':').unwrap_or_default();
    json!({
        "version": "0", "id": id, "detail-type": "AWS API Call via CloudTrail", "source": format!("aws.{service}"), "account": account, "time": at,
        "region": "us-east-1", "resources": [], "detail": {
            "eventVersion": "1.11", "userIdentity": who, "eventTime": at, "eventSource": format!("{service}.amazonaws.com"), "eventName": name,
            "awsRegion": "us-east-1", "sourceIPAddress": from, "userAgent": "aws-cli/2.31", "requestParameters": parameters, "responseElements": response,
            "requestID": id, "eventID": id, "readOnly": false, "eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": account,
            "eventCategory": "Management",
        }
    })
}

/// What an event came to.
#[derive(Debug, Serialize)]
struct Row {
    at: Timestamp,
    account: AccountId,
    actor: String,
    action: String,
    #[serde(flatten)]
    score: Score,
    then: Vec<Response>,
    left: Vec<String>,
}

fn read(file: &std::path::Path) -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::new(format!("{}: {error}", file.display()));
    if file == std::path::Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(failed)?;
        return Ok(text);
    }
    fs::read_to_string(file).map_err(failed)
}

/// The events in a text: a document, several, or CloudTrail's own records.
fn events(text: &str) -> Result<Vec<Json>, serde_json::Error> {
    let mut events = Vec::new();
    for document in serde_json::Deserializer::from_str(text).into_iter::<Json>() {
        match document? {
            Json::Array(items) => events.extend(items),
            Json::Object(mut fields) if fields.contains_key("Records") => {
                let records =
                    fields.remove("Records").and_then(|records| if let Json::Array(records) = records { Some(records) } else { None });
                events.extend(records.unwrap_or_default());
            }
            one => events.push(one),
        }
    }
    // What CloudTrail writes into its log files has no envelope.
    let enveloped = |event: Json| {
        if event.get("detail").is_some() { event } else { json!({"detail-type": "AWS API Call via CloudTrail", "detail": event}) }
    };
    Ok(events.into_iter().map(enveloped).collect())
}

fn replay(printer: Printer, files: &[PathBuf], policy: Option<PathBuf>, lists: &[PathBuf], least: u8) -> Done {
    let policy = match policy {
        Some(file) => Policy::parse(&read(&file)?).map_err(|error| Failure::new(format!("{}: {error}", file.display())))?,
        None => Policy::default(),
    };
    let mut bad = ThreatLists::default();
    for file in lists {
        bad = bad.with(&file.display().to_string(), &read(file)?);
    }
    let mut deeds = Vec::new();
    let mut others = 0_usize;
    for file in files {
        for event in events(&read(file)?).map_err(|error| Failure::new(format!("{}: {error}", file.display())))? {
            match Deed::parse(&event) {
                Ok(deed) => deeds.push(deed),
                Err(_) => others += 1,
            }
        }
    }
    deeds.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
    deeds.dedup_by(|one, other| one.id == other.id);
    let mut habits: BTreeMap<String, Habits> = BTreeMap::new();
    let mut rows = Vec::new();
    for deed in &deeds {
        let known = habits.entry(deed.who()).or_default();
        let score = score(deed, known, &bad, &policy);
        let (then, left) = respond(deed, &score, &policy, &[]);
        // As in the suite: what opens an incident teaches no habits.
        if score.total < policy.thresholds.open {
            *known = known.after(deed);
        }
        if score.total >= least {
            rows.push(Row {
                at: deed.at,
                account: deed.account.clone(),
                actor: deed.who(),
                action: deed.action.clone(),
                score,
                then,
                left,
            });
        }
    }
    if printer.json {
        paint::value(&rows);
        return Ok(Ended::Well);
    }
    printer.rows(&rows, &["time", "account", "actor", "action", "score", "why", "then"], |row| {
        let color = match row.score.total {
            total if total >= policy.thresholds.act => Color::Red,
            total if total >= policy.thresholds.open => Color::Yellow,
            _ => Color::Green,
        };
        let why: Vec<String> = row.score.reasons.iter().map(|reason| format!("{} {}", reason.points, reason.why)).collect();
        let then = row.then.iter().map(|one| {
            let how = one.asks.as_ref().map_or("", |_| " (with a yes)");
            format!("{} of {}{how}", one.control, one.resource.id)
        });
        let then: Vec<String> = then.chain(row.left.iter().map(|why| format!("not {why}"))).collect();
        vec![
            Cell::new(row.at.strftime("%Y-%m-%d %H:%M:%S")),
            Cell::new(row.account.as_str()),
            Cell::new(row.actor.rsplit(':').next().unwrap_or(&row.actor)),
            Cell::new(&row.action),
            colored(row.score.total, color),
            Cell::new(why.join("\n")),
            Cell::new(then.join("\n")),
        ]
    });
    let opened = rows.iter().filter(|row| row.score.total >= policy.thresholds.open).count();
    paint::title(&format!(
        "{} events, {opened} from {} points on; {others} that only read, or are none of CloudTrail or GuardDuty",
        deeds.len(),
        policy.thresholds.open
    ));
    Ok(Ended::Well)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(scenario: Scenario) -> Vec<u8> {
        let account = AccountId::try_from("111122223333").unwrap();
        let events = made(scenario, 30, &account, 7, "2026-11-21T10:00:00Z".parse().unwrap());
        let of = |event: &Json| score(&Deed::parse(event).unwrap(), &Habits::default(), &ThreatLists::default(), &Policy::default()).total;
        events.iter().map(of).collect()
    }

    #[test]
    fn scenarios_score_as_they_are_called() {
        assert!(totals(Scenario::Normal).iter().all(|total| *total < 50));
        assert!(totals(Scenario::Attack).iter().any(|total| *total >= 50));
        let (normal, attack): (u32, u32) = (
            totals(Scenario::Normal).iter().map(|total| u32::from(*total)).sum(),
            totals(Scenario::Attack).iter().map(|total| u32::from(*total)).sum(),
        );
        assert!(normal < attack);
    }

    #[test]
    fn the_same_seed_makes_the_same_events() {
        let account = AccountId::try_from("111122223333").unwrap();
        let at = "2026-11-21T10:00:00Z".parse().unwrap();
        assert_eq!(made(Scenario::Mixed, 20, &account, 3, at), made(Scenario::Mixed, 20, &account, 3, at));
        assert_ne!(made(Scenario::Mixed, 20, &account, 3, at), made(Scenario::Mixed, 20, &account, 4, at));
    }

    #[test]
    fn events_are_read_in_every_shape() {
        let account = AccountId::try_from("111122223333").unwrap();
        let some = made(Scenario::Normal, 3, &account, 1, "2026-11-21T10:00:00Z".parse().unwrap());
        let lines = some.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        let records = json!({"Records": some.iter().map(|event| event["detail"].clone()).collect::<Vec<_>>()}).to_string();
        for text in [lines, json!(some).to_string(), records] {
            assert_eq!(events(&text).unwrap().iter().filter(|event| Deed::parse(event).is_ok()).count(), 3);
        }
        assert!(events("{").is_err());
    }
}
