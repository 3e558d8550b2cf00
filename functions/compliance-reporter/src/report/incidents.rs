//! Incidents: what is open, and what was done about it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::facts::Incident;

/// Days that are looked back on: an incident may stay open for long.
pub(crate) const INCIDENT_DAYS: i64 = 90;

/// Incidents.
#[derive(Debug, Clone, Serialize)]
pub struct Incidents {
    /// Days that are looked back on.
    pub window_days: i64,
    /// Those that were opened in them.
    pub total: usize,
    /// Those of them that are neither contained nor undone. Where nothing can be done by itself, that stays so.
    pub open: usize,
    /// Those that were contained.
    pub contained: usize,
    /// Those with a score of at least 70.
    pub high: usize,
    /// Those by the root user.
    pub by_root: usize,
    /// By state.
    pub states: BTreeMap<String, usize>,
    /// The open ones first, then by score and age.
    pub list: Vec<Incident>,
}

const UNDONE: &str = "undone";
const CONTAINED: &str = "contained";
const HIGH: u64 = 70;
/// So many are listed.
const LISTED: usize = 100;

fn is_open(incident: &Incident) -> bool {
    ![CONTAINED, UNDONE].contains(&incident.state.as_str())
}

impl Incidents {
    pub(super) fn of(all: &[Incident]) -> Self {
        let count = |is: &dyn Fn(&Incident) -> bool| all.iter().filter(|incident| is(incident)).count();
        let mut states = BTreeMap::new();
        for incident in all {
            *states.entry(incident.state.clone()).or_insert(0) += 1;
        }
        let mut list = all.to_vec();
        list.sort_by(|one, other| {
            let order = |incident: &Incident| (is_open(incident), incident.score, incident.opened.clone());
            order(other).cmp(&order(one)).then_with(|| one.id.cmp(&other.id))
        });
        list.truncate(LISTED);
        Self {
            window_days: INCIDENT_DAYS,
            total: all.len(),
            open: count(&is_open),
            contained: count(&|incident| incident.state == CONTAINED),
            high: count(&|incident| incident.score.is_some_and(|score| score >= HIGH)),
            by_root: count(&|incident| incident.by_root),
            states,
            list,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_record_of_the_responder_is_read() {
        let event = json!({"id": "e-1", "time": "2026-11-20T10:00:00Z", "account": "111122223333", "region": "us-east-1", "source": "aws.iam",
            "detail-type": "AWS API Call via CloudTrail", "detail": {"eventID": "c-1", "eventTime": "2026-11-20T10:00:00Z",
            "eventSource": "iam.amazonaws.com", "eventName": "CreateAccessKey", "awsRegion": "us-east-1", "recipientAccountId": "111122223333",
            "userIdentity": {"type": "Root", "arn": "arn:aws:iam::111122223333:root"}, "requestParameters": {"userName": "bob"}}});
        let deed = redress_incidents::Deed::parse(&event).unwrap();
        let record = redress_incidents::Incident::open("2026-11-20-abc".into(), &deed, "2026-11-20T10:00:01Z".parse().unwrap());
        let read = Incident::of("2026-11-20", "x", &serde_json::to_value(&record).unwrap());
        assert_eq!((read.id.as_str(), read.state.as_str(), read.score, read.by_root), ("2026-11-20-abc", "open", Some(0), true));
        assert_eq!((read.opened.as_str(), read.account.as_str()), ("2026-11-20T10:00:01Z", "111122223333"));
    }

    #[test]
    fn an_incident_is_what_its_record_says_and_absence_is_tolerated() {
        let record = json!({"id": "i-1", "opened": "2026-11-20T10:00:00Z", "state": "contained", "score": 82, "account": "111122223333",
            "actor": "arn:aws:iam::111122223333:root", "title": "root login", "deeds": ["a", "b"], "responses": []});
        let one = Incident::of("2026-11-20", "x", &record);
        assert_eq!((one.id.as_str(), one.state.as_str(), one.score, one.deeds, one.by_root), ("i-1", "contained", Some(82), 2, true));
        let bare = Incident::of("2026-11-20", "x", &json!(7));
        assert_eq!((bare.id.as_str(), bare.opened.as_str(), bare.state.as_str(), bare.by_root), ("x", "2026-11-20", "unknown", false));
        let all = Incidents::of(&[one, bare]);
        assert_eq!((all.total, all.open, all.contained, all.high, all.by_root), (2, 1, 1, 1, 1), "what is not known to be over is open");
        assert_eq!(all.list.first().unwrap().id, "x", "what is open comes first");
    }
}
