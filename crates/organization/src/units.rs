//! The accounts and regions of an organization, and why one may not be looked at.

use redress_aws::{Account, Error, Kind, Member, Result};
use redress_model::{AccountId, Region};
use redress_settings::ec2::survey;
use serde::{Deserialize, Serialize};

use crate::{Governed, State};

/// One account in one region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// The account.
    pub account: AccountId,
    /// What people call it.
    pub name: String,
    /// The region.
    pub region: Region,
    /// Why it is not to be entered, such as `SUSPENDED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Who else decides about Security Hub in it, if somebody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub governed: Option<Governed>,
    /// Whether it is the one of its account in which is done what there is one of in an account.
    #[serde(default)]
    pub is_first: bool,
}

/// What whoever starts a sweep may ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wish {
    /// `scheduled` or `manual`.
    pub scan_type: String,
    /// Only these accounts.
    pub accounts: Vec<String>,
    /// Only these regions.
    pub regions: Vec<String>,
}

impl Wish {
    /// Whether nothing is left out: only then a result is the latest word on the organization.
    pub fn is_whole(&self) -> bool {
        self.accounts.is_empty() && self.regions.is_empty()
    }
}

/// The regions, the home region first: there is done what there is one of in an account.
pub fn home_first(regions: &[String], home: &Region) -> Vec<Region> {
    let mut regions: Vec<Region> = regions.iter().filter_map(|region| Region::try_from(region.as_str()).ok()).collect();
    regions.sort_by_key(|region| region != home);
    regions.dedup();
    regions
}

/// The units of a wish: every account in every one of `regions`.
///
/// # Errors
/// When none is left, or an account is not of the organization.
pub fn units(members: &[Member], regions: &[Region], wish: &Wish) -> Result<Vec<Unit>> {
    let is_wished = |wishes: &[String], one: &str| wishes.is_empty() || wishes.iter().any(|wish| wish == one);
    let mut units = Vec::new();
    for member in members {
        if !is_wished(&wish.accounts, member.id.as_str()) {
            continue;
        }
        let regions = regions.iter().filter(|region| is_wished(&wish.regions, region.as_str()));
        units.extend(regions.enumerate().map(|(index, region)| Unit {
            account: member.id.clone(),
            name: member.name.clone(),
            region: region.clone(),
            state: member.state.clone(),
            governed: None,
            is_first: index == 0,
        }));
    }
    let refused = |why| Err(Error::malformed("the request", why));
    if units.is_empty() {
        let (accounts, regions) = (wish.accounts.join(", "), wish.regions.join(", "));
        return refused(format!("no account and region is left to look at (accounts: `{accounts}`, regions: `{regions}`)"));
    }
    match wish.accounts.iter().find(|account| units.iter().all(|unit| unit.account.as_str() != account.as_str())) {
        Some(unknown) => refused(format!("`{unknown}` is no account of the organization")),
        None => Ok(units),
    }
}

/// The regions that are open to an account.
///
/// # Errors
/// When they cannot be asked for.
pub async fn open_regions(account: &Account) -> Result<Vec<String>> {
    survey::open_regions(account).await
}

/// What an error says of a unit.
///
/// A region that is not open to an account answers with one of these codes, whatever the protocol.
pub fn state_of(error: &Error) -> State {
    const CLOSED: [&str; 4] = ["AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException", "OptInRequired"];
    if error.action == "sts:AssumeRole" && error.kind == Kind::Denied {
        State::NoRole
    } else if CLOSED.contains(&error.code.as_str()) {
        State::Closed
    } else if error.kind == Kind::Unreachable && error.message.contains("dns error") {
        // A service that a region does not have has no name there.
        State::Unavailable
    } else {
        State::Failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_entered_is_told_apart() {
        let error = |action: &str, code: &str| Error { code: code.into(), ..Error::new(Kind::Denied, action, "no") };
        assert_eq!(state_of(&error("sts:AssumeRole", "AccessDenied")), State::NoRole);
        assert_eq!(state_of(&error("ec2:DescribeSecurityGroups", "AuthFailure")), State::Closed);
        assert_eq!(state_of(&error("guardduty:ListDetectors", "UnrecognizedClientException")), State::Closed);
        assert_eq!(state_of(&error("ec2:DescribeSecurityGroups", "UnauthorizedOperation")), State::Failed);
        let nowhere = Error::new(Kind::Unreachable, "macie2:GetMacieSession", "dispatch failure: io error: dns error: failed to lookup");
        assert_eq!(state_of(&nowhere), State::Unavailable);
    }

    #[test]
    fn every_account_has_a_unit_in_every_region_and_a_stranger_is_named() {
        let member = |id: &str| Member { id: AccountId::try_from(id).unwrap(), name: String::new(), state: None };
        let members = [member("111111111111"), member("222222222222")];
        let regions = ["us-east-1", "eu-west-1"].map(|region| Region::try_from(region).unwrap());
        let all = units(&members, &regions, &Wish::default()).unwrap();
        assert_eq!((all.len(), all.iter().filter(|unit| unit.is_first).count()), (4, 2));
        let wish = Wish { accounts: vec!["222222222222".into()], regions: vec!["eu-west-1".into()], ..Wish::default() };
        let some = units(&members, &regions, &wish).unwrap();
        assert!(some.len() == 1 && some[0].is_first, "{some:?}");
        let wish = Wish { accounts: vec!["222222222222".into(), "333333333333".into()], ..Wish::default() };
        assert!(units(&members, &regions, &wish).unwrap_err().to_string().contains("333333333333"));
    }

    #[test]
    fn the_home_region_comes_first() {
        let region = |name: &str| Region::try_from(name).unwrap();
        let all = ["eu-west-1".to_owned(), "us-east-1".to_owned()];
        assert_eq!(home_first(&all, &region("us-east-1")), [region("us-east-1"), region("eu-west-1")]);
        assert_eq!(home_first(&all, &region("ap-south-1")), [region("eu-west-1"), region("us-east-1")]);
    }
}
