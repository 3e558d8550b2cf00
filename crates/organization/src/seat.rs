//! What is about the whole organization: done in the management account and in the administrator's, region by region.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use redress_aws::{Account, Accounts, Answer, Member, Operator, Org, Result, Visit};
use redress_model::{AccountId, Region};
use redress_settings::security_hub::members::{AT_ONCE, MembersFacts};
use serde_json::{Value as Json, json};
use tracing::info;

use crate::{
    Cell, Estate, Governed, How, Service, State,
    governance::{self, Rule},
    state_of,
};

/// The accounts of the organization's offices: our own, which administers Security Hub, and the management account.
#[derive(Debug, Clone)]
pub struct Offices {
    /// Our own account, with our own credentials.
    pub own: Operator,
    /// Its number.
    pub admin: AccountId,
    /// The management account, by a role of its own.
    pub management: Org,
}

impl Accounts for Offices {
    fn enter<'a>(&'a self, visit: Visit<'a>) -> Answer<'a, Account> {
        if *visit.account == self.admin { self.own.enter(visit) } else { self.management.enter(visit) }
    }
}

/// The estate, as it is seen from the administrator's account. Its rim enters the offices.
pub struct Seat<'a> {
    /// The estate.
    pub estate: Estate<'a>,
    /// The account that administers Security Hub.
    pub admin: &'a AccountId,
    /// The management account.
    pub management: &'a AccountId,
    /// The region in which findings come together.
    pub home: &'a Region,
    /// The regions that are looked after.
    pub regions: &'a [Region],
}

impl Seat<'_> {
    /// Who decides about Security Hub in a region.
    pub async fn rule(&self, region: &Region) -> Rule {
        let (run, now) = (self.estate.rim.clock.new_run(), self.estate.rim.clock.now());
        let partition = self.estate.partition;
        let entered =
            self.estate.rim.accounts.enter(Visit { account: self.admin, region, partition, run, now, actions: governance::reads() }).await;
        let here = match entered {
            Ok(here) => here,
            Err(error) => return Rule::Unknown(error.to_string()),
        };
        match governance::rule(&here, &here.in_region(self.home)).await {
            Rule::NotTold(_) => self.administrator(region, &here).await,
            rule => rule,
        }
    }

    /// Who administers Security Hub, where our own account, entered as `here`, was not told: only of nobody it is ours to become. Who has become
    /// it meanwhile, for another account that joins, is told when asked again.
    async fn administrator(&self, region: &Region, here: &Account) -> Rule {
        let asked = match self.estate.enter(self.management, region, &[Service::DelegatedAdministrator]).await {
            Ok(entered) => self.estate.read(&entered, Service::DelegatedAdministrator, &Json::Null).await,
            Err(error) => Err(error),
        };
        match asked.map(|reading| reading.map(|reading| serde_json::from_value::<Option<AccountId>>(reading.value))) {
            Ok(Some(Ok(None))) => Rule::NoAdministrator,
            Ok(Some(Ok(Some(admin)))) if admin != *self.admin => Rule::Foreign(admin),
            Ok(Some(Ok(Some(_)))) => match governance::rule(here, &here.in_region(self.home)).await {
                Rule::NotTold(why) => Rule::Unknown(why),
                rule => rule,
            },
            Ok(_) => Rule::Unknown("the management account does not tell who administers Security Hub".into()),
            Err(error) => Rule::Unknown(format!("the management account cannot be asked who administers Security Hub: {error}")),
        }
    }

    /// What becomes of the organization in a region: its administrator, its configuration, its aggregator and its members. With `only`, of that
    /// one account's membership.
    pub async fn region(&self, region: &Region, members: &[Member], only: Option<&AccountId>) -> Vec<Cell> {
        let mut cells = Vec::new();
        let mut rule = self.rule(region).await;
        match &rule {
            Rule::NoAdministrator | Rule::Foreign(_) => {
                cells.extend(self.delegate(region).await);
                rule = self.rule(region).await;
            }
            Rule::NotTold(why) | Rule::Unknown(why) => {
                cells.push(Cell::of(self.admin, region, Service::DelegatedAdministrator, State::Failed, why.clone()));
            }
            Rule::Local | Rule::Central(_) | Rule::Declarative => {
                cells.push(Cell::of(self.admin, region, Service::DelegatedAdministrator, State::Good, ""));
            }
        }
        if only.is_none() {
            let of_region =
                [(Service::OrganizationConfiguration, Json::Null), (Service::FindingAggregator, json!({ "regions": self.regions }))];
            for (service, params) in
                of_region.into_iter().filter(|(service, _)| *service != Service::FindingAggregator || region == self.home)
            {
                cells.push(self.once_delegated(&rule, region, service, params).await);
            }
        }
        let wanted: Vec<&Member> = members.iter().filter(|member| only.is_none_or(|only| member.id == *only)).collect();
        cells.extend(self.members(&rule, region, &wanted).await);
        cells
    }

    /// Makes our own account the administrator, from the management account.
    pub async fn delegate(&self, region: &Region) -> Vec<Cell> {
        let both = [Service::TrustedAccess, Service::DelegatedAdministrator];
        let entered = match self.estate.enter(self.management, region, &both).await {
            Ok(entered) => entered,
            Err(error) => {
                let why = format!("account {} does not administer Security Hub here: {error}", self.admin);
                return vec![Cell::of(self.management, region, Service::DelegatedAdministrator, state_of(&error), why)];
            }
        };
        let mut cells = Vec::new();
        if region == self.home {
            cells.push(self.estate.settle(&entered, Service::TrustedAccess, Json::Null, None).await);
        }
        let params = json!({ "administrator": self.admin });
        cells.push(self.estate.settle(&entered, Service::DelegatedAdministrator, params, None).await);
        cells
    }

    async fn once_delegated(&self, rule: &Rule, region: &Region, service: Service, params: Json) -> Cell {
        let cell = |state, why: String| Cell::of(self.admin, region, service, state, why);
        match rule {
            Rule::NoAdministrator => return cell(State::Planned, "once Security Hub has its administrator".into()),
            Rule::Foreign(admin) => return cell(State::NeedsPerson, format!("account {admin} administers Security Hub here")),
            Rule::NotTold(why) | Rule::Unknown(why) => return cell(State::Failed, why.clone()),
            Rule::Declarative if service == Service::OrganizationConfiguration => {
                return cell(State::Governed, "a declarative policy of Organizations governs it".into());
            }
            Rule::Local | Rule::Central(_) | Rule::Declarative => {}
        }
        // What is linked is governed, too: under central configuration that is not for us to extend.
        let is_others = *rule != Rule::Local && service == Service::FindingAggregator;
        let how = if is_others { How::Look } else { self.estate.how };
        let settled = match self.estate.enter(self.admin, region, &[service]).await {
            Ok(entered) => Estate { how, ..self.estate.copy() }.settle(&entered, service, params, None).await,
            Err(error) => cell(state_of(&error), error.to_string()),
        };
        if is_others && settled.state == State::Planned {
            return Cell { state: State::NeedsPerson, said: "configuration is not local: extend it yourself".into(), ..settled };
        }
        settled
    }

    /// The memberships of accounts. Whatever is said of one comes from what is read afterwards.
    async fn members(&self, rule: &Rule, region: &Region, wanted: &[&Member]) -> Vec<Cell> {
        let cell = |account: &AccountId, state, said: String| Cell::of(account, region, Service::Membership, state, said);
        let mut cells = Vec::new();
        let mut joining = Vec::new();
        for member in wanted {
            match (&member.state, rule.on(&member.id)) {
                _ if member.id == *self.admin => {
                    let is_known = matches!(rule, Rule::Local | Rule::Central(_) | Rule::Declarative);
                    let (state, said) =
                        if is_known { (State::Good, "it administers Security Hub") } else { (State::Planned, "it is to administer it") };
                    cells.push(cell(&member.id, state, said.into()));
                }
                (Some(state), _) => cells.push(cell(&member.id, State::Inactive, state.clone())),
                (None, Some(Governed::Central(association))) => {
                    cells.push(crate::estate::centrally(&member.id, region, Service::Membership, association.as_ref()));
                }
                (None, Some(Governed::Unknown(why))) => cells.push(cell(&member.id, State::Failed, why)),
                (None, governed) => joining.push((member.id.clone(), governed)),
            }
        }
        if *rule == Rule::NoAdministrator {
            let why = "once Security Hub has its administrator";
            cells.extend(joining.iter().map(|(account, _)| cell(account, State::Planned, why.into())));
            return cells;
        }
        let accounts: Vec<AccountId> =
            joining.iter().filter(|(_, governed)| governed.is_none()).map(|(account, _)| account.clone()).collect();
        let joined = match self.join(region, &accounts).await {
            Ok(joined) => joined,
            Err(error) => {
                cells.extend(joining.iter().map(|(account, _)| cell(account, state_of(&error), error.to_string())));
                return cells;
            }
        };
        for (account, governed) in joining {
            let status = joined.after.get(&account).cloned().unwrap_or_else(|| "no member".into());
            let is_member = joined.members.contains(&account);
            let (state, said) = match (is_member, governed.is_some(), joined.left.get(&account)) {
                (true, _, _) if !status.eq_ignore_ascii_case("enabled") => (State::InProgress, format!("its status is {status}")),
                (true, true, _) => (State::Governed, "a declarative policy of Organizations governs it".into()),
                (true, false, _) if joined.added.contains(&account) => (State::Changed, String::new()),
                (true, false, _) => (State::Good, String::new()),
                (false, true, _) => (State::NeedsPerson, format!("{status}; a declarative policy of Organizations governs it")),
                // It is never enabled from outside.
                (false, false, Some((State::Failed, why))) if account == *self.management => {
                    let how = "switch Security Hub on in the management account first (infra/organization.yaml, IncludeManagementAccount)";
                    (State::NeedsPerson, format!("{how}: {why}"))
                }
                (false, false, Some((state, why))) => (*state, why.clone()),
                (false, false, None) => (State::Failed, format!("after all it is not a member: {status}")),
            };
            let changes = if matches!(state, State::Changed | State::Planned) { vec![format!("+ member {account}")] } else { Vec::new() };
            let run = if state == State::Changed { joined.runs.get(&account).cloned() } else { None };
            cells.push(Cell { changes, run, ..cell(&account, state, said) });
        }
        cells
    }

    async fn membership(&self, region: &Region) -> Result<(BTreeSet<AccountId>, BTreeMap<AccountId, String>)> {
        let here = &self.estate.enter(self.admin, region, &[Service::Membership]).await?;
        let malformed = |error: serde_json::Error| redress_aws::Error::malformed("securityhub:ListMembers", error.to_string());
        let Some(reading) = self.estate.read(here, Service::Membership, &Json::Null).await? else { return Ok(Default::default()) };
        let facts: MembersFacts = serde_json::from_value(reading.facts).map_err(malformed)?;
        Ok((serde_json::from_value(reading.value).map_err(malformed)?, facts.statuses))
    }

    /// Makes accounts members, fifty at a time. Fifty of which AWS processes none are left, so that they do not keep the others out.
    async fn join(&self, region: &Region, accounts: &[AccountId]) -> Result<Joined> {
        let (before, _) = self.membership(region).await?;
        let mut joined = Joined::default();
        let mut members = before.clone();
        let mut remaining: Vec<AccountId> = accounts.iter().filter(|account| !before.contains(*account)).cloned().collect();
        // Each round brings one account further at least.
        for _ in 0..=remaining.len() {
            if remaining.is_empty() {
                break;
            }
            if self.estate.deadline.duration_since(self.estate.rim.clock.now()) < ENOUGH {
                joined.leave(&remaining, State::InProgress, "the time is up: it goes on with the next sweep");
                break;
            }
            // A session ends after a quarter of an hour, and fifty may take a while.
            let here = self.estate.enter(self.admin, region, &[Service::Membership]).await?;
            let cell = self.estate.settle(&here, Service::Membership, json!({ "accounts": remaining }), None).await;
            info!(%region, remaining = remaining.len(), state = cell.state.as_str(), said = cell.said, "members");
            let (now, _) = self.membership(region).await?;
            joined.runs.extend(cell.run.iter().flat_map(|run| now.difference(&members).map(|account| (account.clone(), run.clone()))));
            members = now;
            match cell.state {
                State::Changed | State::InProgress | State::Good => {
                    let progress = remaining.len();
                    remaining.retain(|account| !members.contains(account));
                    if remaining.len() == progress && cell.state != State::Good {
                        joined.leave(&remaining, State::InProgress, &cell.said);
                        break;
                    }
                }
                State::Failed => {
                    remaining.retain(|account| !members.contains(account));
                    let stuck: Vec<AccountId> = remaining.drain(..remaining.len().min(AT_ONCE)).collect();
                    for account in &stuck {
                        joined.leave(std::slice::from_ref(account), State::Failed, reason(&cell.said, account));
                    }
                }
                state => {
                    joined.leave(&remaining, state, &cell.said);
                    break;
                }
            }
        }
        let (is, after) = self.membership(region).await?;
        joined.added = is.difference(&before).cloned().collect();
        (joined.members, joined.after) = (is, after);
        Ok(joined)
    }
}

/// Fifty accounts take less, as long as AWS answers.
const ENOUGH: SignedDuration = SignedDuration::from_mins(2);

/// What became of accounts that were to be members.
#[derive(Debug, Default)]
struct Joined {
    members: BTreeSet<AccountId>,
    after: BTreeMap<AccountId, String>,
    added: BTreeSet<AccountId>,
    runs: BTreeMap<AccountId, String>,
    /// Those that were not made members, and why.
    left: BTreeMap<AccountId, (State, String)>,
}

impl Joined {
    fn leave(&mut self, accounts: &[AccountId], state: State, why: &str) {
        self.left.extend(accounts.iter().map(|account| (account.clone(), (state, why.to_owned()))));
    }
}

/// AWS's reason for one account, out of what was said of all.
fn reason<'a>(said: &'a str, account: &AccountId) -> &'a str {
    let of_account = |part: &&str| part.contains(account.as_str());
    said.split("; ").find(of_account).unwrap_or(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_account_gets_its_own_reason() {
        let account = |id: &str| AccountId::try_from(id).unwrap();
        let said = "securityhub:CreateMembers rejected: unprocessed: 111111111111: suspended; 222222222222: not in the organization";
        assert_eq!(reason(said, &account("222222222222")), "222222222222: not in the organization");
        assert_eq!(reason("the kill switch is on", &account("222222222222")), "the kill switch is on");
    }
}
