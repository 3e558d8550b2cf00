//! What comes by events: an account that joined the organization, moved in it, or left it. Nothing of an event is believed but the account's id.

use redress_model::AccountId;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// A request of our own to look at an account again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Again {
    /// The account.
    pub(crate) onboard: AccountId,
    /// How often it was looked at.
    pub(crate) round: u32,
}

impl Again {
    /// Reads a message: an event, or a request of our own.
    ///
    /// See <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_cloudtrail-integration.html>.
    pub(crate) fn parse(body: &str) -> Result<Self, &'static str> {
        if let Ok(again) = serde_json::from_str(body) {
            return Ok(again);
        }
        let event: Json = serde_json::from_str(body).map_err(|_| "not an event")?;
        if event.get("source").and_then(Json::as_str) != Some("aws.organizations") {
            return Err("an event that is none of ours");
        }
        let detail = event.get("detail").ok_or("an event without a detail")?;
        if detail.get("errorCode").is_some_and(|code| !code.is_null()) {
            return Err("a call that failed");
        }
        let places = [detail.get("serviceEventDetails"), detail.get("requestParameters"), detail.get("responseElements")];
        let account = places.into_iter().flatten().find_map(named).or_else(|| caller(detail));
        account.map(|onboard| Self { onboard, round: 0 }).ok_or("an event that names no account")
    }
}

fn id(json: &Json) -> Option<AccountId> {
    AccountId::try_from(json.as_str()?).ok()
}

/// The account that something names: as `accountId`, however deep, or as a party of a handshake.
fn named(json: &Json) -> Option<AccountId> {
    match json {
        Json::Object(fields) => {
            let is_account = fields.get("type").and_then(Json::as_str) == Some("ACCOUNT");
            let of_party = fields.get("id").filter(|_| is_account).and_then(id);
            fields.get("accountId").and_then(id).or(of_party).or_else(|| fields.values().find_map(named))
        }
        Json::Array(items) => items.iter().find_map(named),
        _ => None,
    }
}

/// Who leaves, or accepts, does it itself.
fn caller(detail: &Json) -> Option<AccountId> {
    let name = detail.get("eventName").and_then(Json::as_str)?;
    let is_own = ["LeaveOrganization", "AcceptHandshake"].contains(&name);
    detail.pointer("/userIdentity/accountId").filter(|_| is_own).and_then(id)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn account(detail: Json) -> Option<String> {
        let body = json!({"source": "aws.organizations", "detail-type": "AWS API Call via CloudTrail", "detail": detail}).to_string();
        Again::parse(&body).ok().map(|again| again.onboard.to_string())
    }

    #[test]
    fn every_kind_of_event_names_its_account() {
        let id = "300000000007";
        for detail in [
            json!({"eventName": "CreateAccountResult", "userIdentity": {"accountId": "100000000000"}, "requestParameters": null,
                "serviceEventDetails": {"createAccountStatus": {"state": "SUCCEEDED", "accountName": "****", "accountId": id}}}),
            json!({"eventName": "CloseAccountResult", "serviceEventDetails": {"closeAccountStatus": {"accountId": id, "state": "SUCCEEDED"}}}),
            json!({"eventName": "MoveAccount", "userIdentity": {"accountId": "100000000000"},
                "requestParameters": {"accountId": id, "sourceParentId": "r-1", "destinationParentId": "ou-1"}}),
            json!({"eventName": "AcceptHandshake", "userIdentity": {"accountId": "100000000000"}, "requestParameters": {"handshakeId": "h-1"},
                "responseElements": {"handshake": {"parties": [{"type": "ORGANIZATION", "id": "o-1"}, {"type": "ACCOUNT", "id": id}]}}}),
            json!({"eventName": "LeaveOrganization", "userIdentity": {"accountId": id}, "requestParameters": null}),
            json!({"eventName": "AccountJoinedOrganization", "serviceEventDetails": {"joinedMethod": "CREATED", "member": {"accountId": id}}}),
        ] {
            assert_eq!(account(detail.clone()).as_deref(), Some(id), "{detail}");
        }
    }

    #[test]
    fn what_failed_or_names_nobody_is_nothing() {
        let failed = json!({"eventName": "CreateAccountResult", "serviceEventDetails": {"createAccountStatus": {"state": "FAILED"}}});
        assert_eq!(account(failed), None);
        let refused = json!({"eventName": "MoveAccount", "errorCode": "AccessDenied", "requestParameters": {"accountId": "300000000007"}});
        assert_eq!(account(refused), None);
        assert_eq!(Again::parse("{"), Err("not an event"));
        assert_eq!(Again::parse(r#"{"source": "aws.ec2", "detail": {}}"#), Err("an event that is none of ours"));
    }

    #[test]
    fn a_request_of_our_own_is_read_as_it_was_written() {
        let again = Again { onboard: AccountId::try_from("300000000007").unwrap(), round: 3 };
        assert_eq!(Again::parse(&serde_json::to_string(&again).unwrap()), Ok(again));
    }
}
