//! One service after the other, in one account and region: look, and hand to the engine what is not as it should be.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use redress_aws::{Account, Organizations, Result, Visit};
use redress_model::{
    AccountId, Intent, Job, Mode, Outcome, Partition, Policy, Region, Request, Resource,
    job::lane,
    policy::{Case, Place},
};
use redress_remediation::{Attempt, Engine, Finished, Reading, Rim, Undecided, View, Want, Work};
use redress_settings::security_hub::associations::Association;
use serde_json::{Map, Value as Json};
use tracing::warn;

use crate::{Cell, Chosen, Governed, Service, State, Unit, state_of};

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Look, and say what would be changed. Nothing is recorded.
    Look,
    /// Bring about what the policy lets happen by itself.
    ByItself,
    /// A person asks for it.
    Asked,
}

/// The organization's accounts, as they are and as they are to be.
pub struct Estate<'a> {
    /// Everything outside.
    pub rim: Rim<'a>,
    /// How far each control may go.
    pub policy: Arc<Policy>,
    /// Where accounts are, for a policy that asks.
    pub organizations: &'a Organizations,
    /// What every account is to have.
    pub chosen: &'a Chosen,
    /// The partition.
    pub partition: &'a Partition,
    /// How far to go.
    pub how: How,
    /// What asked for it: the id of a sweep, an event, a command.
    pub event: &'a str,
    /// Who asked for it, where that is known.
    pub by: Option<&'a str>,
    /// When the invocation ends.
    pub deadline: Timestamp,
}

/// A run needs this much time at most.
const LONGEST_RUN: SignedDuration = SignedDuration::from_secs(90);

/// Pauses before a resource is tried again that somebody else works on.
const PAUSES: [u64; 4] = [1, 3, 6, 12];

impl Estate<'_> {
    /// What becomes of `services` in a unit.
    pub async fn unit(&self, unit: &Unit, services: &[Service]) -> Vec<Cell> {
        let Unit { account, region, state, governed, is_first, .. } = unit;
        // What there is one of in an account is done in one of its regions.
        let services: Vec<Service> = services
            .iter()
            .copied()
            .filter(|service| self.chosen.services.contains(service) && (*is_first || !service.is_global()))
            .collect();
        let all = |state: State, why: &str| services.iter().map(|service| Cell::of(account, region, *service, state, why)).collect();
        if let Some(state) = state {
            return all(State::Inactive, state);
        }
        let entered = match self.enter(account, region, &services).await {
            Ok(entered) => entered,
            Err(error) => return all(state_of(&error), &error.to_string()),
        };
        let place = self.place(account).await;
        let mut cells: Vec<Cell> = Vec::new();
        for service in services {
            // What there is one of in an account is told elsewhere.
            let closed = cells.iter().find(|cell| cell.state == State::Closed && !service.is_global()).map(|cell| cell.said.clone());
            let is_recorded = cells.iter().all(|cell| cell.service != Service::Config || cell.state.is_good());
            let governed = governed.as_ref().filter(|_| service.is_security_hub_s());
            let cell = match (closed, governed) {
                (Some(why), _) => Cell::of(account, region, service, State::Closed, why),
                // A pack that is put without a recorder fails, and stays.
                (None, _) if service == Service::ConformancePack && !is_recorded => {
                    Cell::of(account, region, service, State::NeedsPerson, "once AWS Config records")
                }
                (None, Some(Governed::Central(association))) => centrally(account, region, service, association.as_ref()),
                (None, Some(governed)) => self.report(&entered, service, place.as_ref(), governed).await,
                (None, None) => self.settle(&entered, service, Json::Null, place.as_ref()).await,
            };
            cells.push(cell);
        }
        cells
    }

    /// Where an account is, if the policy asks and Organizations tells.
    async fn place(&self, account: &AccountId) -> Option<Place> {
        if !self.policy.asks_for_places() {
            return None;
        }
        self.organizations.place(account, self.rim.clock.now()).await.ok()
    }

    /// A session that may read what the services read, and nothing else.
    pub(crate) async fn enter(&self, account: &AccountId, region: &Region, services: &[Service]) -> Result<Account> {
        let mut actions: Vec<&str> = services.iter().flat_map(|service| service.entry().reads).map(|action| action.name).collect();
        actions.sort_unstable();
        actions.dedup();
        let (run, now) = (self.rim.clock.new_run(), self.rim.clock.now());
        self.rim.accounts.enter(Visit { account, region, partition: self.partition, run, now, actions }).await
    }

    /// The account as the resource of a service's control.
    fn resource(&self, account: &Account, service: Service) -> Resource {
        let region = if service.is_global() { self.partition.global_region() } else { account.region().clone() };
        let (id, partition) = (format!("AWS::::Account:{}", account.id()), self.partition.clone());
        Resource { kind: "AwsAccount".into(), id, account: account.id().clone(), region, partition, name: None, path: None }
    }

    /// What the policy says of a service here. Its parameters go before those that were chosen; `more` goes before both.
    fn view(&self, resource: &Resource, service: Service, more: &Json, place: Option<&Place>) -> Result<View> {
        let entry = service.entry();
        let control = entry.id()?;
        let case = Case { control: &control, class: entry.spec.class, resource, place, tags: None };
        let terms = self.policy.decide(&case, self.rim.clock.now());
        let mut given: Map<String, Json> = self.chosen.params(service).into_iter().collect();
        given.extend(terms.params.as_object().cloned().unwrap_or_default());
        given.extend(more.as_object().cloned().unwrap_or_default());
        Ok(View::new(entry, terms).given(&Json::Object(given)))
    }

    /// What is there now.
    pub(crate) async fn read(&self, account: &Account, service: Service, more: &Json) -> Result<Option<Reading>> {
        let resource = self.resource(account, service);
        let view = self.view(&resource, service, more, None)?;
        service.entry().get(&resource, &view.params, &account.in_region(&resource.region)).await
    }

    /// Declarative policies, or nobody knows who: it is looked at, and never changed.
    async fn report(&self, account: &Account, service: Service, place: Option<&Place>, governed: &Governed) -> Cell {
        let why = match governed {
            Governed::Unknown(why) => format!("who governs Security Hub cannot be told, so nothing is changed: {why}"),
            Governed::Declarative | Governed::Central(_) => "a declarative policy of Organizations governs it".to_owned(),
        };
        let looked = Estate { how: How::Look, ..self.copy() }.settle(account, service, Json::Null, place).await;
        match looked.state {
            State::Good if !matches!(governed, Governed::Unknown(_)) => Cell { state: State::Governed, said: why, ..looked },
            State::Planned | State::NeedsPerson | State::InProgress => {
                Cell { state: State::NeedsPerson, said: format!("{why}; it is not as chosen"), ..looked }
            }
            _ => looked,
        }
    }

    pub(crate) fn copy(&self) -> Self {
        Self { policy: self.policy.clone(), ..*self }
    }

    /// Brings about one service in the account and region of a session that may read. `more` are parameters that only the caller knows.
    pub(crate) async fn settle(&self, account: &Account, service: Service, more: Json, place: Option<&Place>) -> Cell {
        let resource = self.resource(account, service);
        let cell = |state, said: String| Cell::of(account.id(), account.region(), service, state, said);
        let failed = |error: redress_aws::Error| cell(state_of(&error), error.to_string());
        let (view, entry) = match self.view(&resource, service, &more, place) {
            Ok(view) => (view, service.entry()),
            Err(error) => return failed(error),
        };
        if view.terms.mode.value == Mode::Off && !view.terms.needs_tags {
            return cell(State::Off, format!("switched off ({})", view.terms.mode.by));
        }
        let reading = match entry.get(&resource, &view.params, &account.in_region(&resource.region)).await {
            Ok(Some(reading)) => reading,
            Ok(None) => return cell(State::Failed, "it is gone".into()),
            Err(error) => return failed(error),
        };
        let bucket = bucket(service, &reading);
        let looked = match entry.want(&reading, &view.params) {
            Ok(Want::Keep) => return Cell { bucket, ..cell(State::Good, String::new()) },
            Ok(Want::Tell(steps)) => cell(State::NeedsPerson, steps),
            Ok(Want::Wait(why)) => return cell(State::InProgress, why),
            Ok(Want::Set(to)) => match entry.changes(&reading.value, &to) {
                Ok(changes) => Cell { changes, ..cell(State::Planned, String::new()) },
                Err(error) => return failed(error),
            },
            Ok(Want::Ask { to, why }) => match entry.changes(&reading.value, &to) {
                Ok(changes) => Cell { changes, ..cell(State::Planned, why) },
                Err(error) => return failed(error),
            },
            Err(error) => return failed(error),
        };
        // What can end in a plan only, or in words, is not worth a run: it would be recorded every time.
        let is_decided = view.terms.mode.value < Mode::Approve && !view.terms.needs_tags;
        if self.how == How::Look || is_decided || looked.state == State::NeedsPerson {
            let held = || format!("the mode is {} ({})", view.terms.mode.value, view.terms.mode.by);
            let said = if is_decided && self.how == How::Asked && looked.said.is_empty() { held() } else { looked.said.clone() };
            return Cell { said, bucket, ..looked };
        }
        // AWS has closed it to new customers, and to new regions of old ones: who wants to try asks for it.
        if service == Service::AuditManager && self.how == How::ByItself {
            return cell(State::Unavailable, "AWS registers no new accounts since 30 April 2026".into());
        }
        let undecided = view.terms.needs_tags.then(|| Undecided { policy: self.policy.clone(), place: place.cloned() });
        let intent = if self.how == How::Asked { Intent::Requested } else { Intent::Automatic };
        let control = match entry.id() {
            Ok(control) => control,
            Err(error) => return failed(error),
        };
        let event = format!("{}-{}", self.event, self.rim.clock.new_run());
        let request = Request { by: self.by.map(str::to_owned), ..Request::of(event, Some(self.rim.clock.now())) };
        let params = Json::Object(view.params.as_object().cloned().unwrap_or_default());
        let job = Job {
            intent,
            controls: vec![control],
            resource: resource.clone(),
            finding: None,
            request: request.clone(),
            params,
            rounds: 0,
            after: None,
        };
        let work = Work { views: vec![view], lane: lane(&resource), resource, intent, request, jobs: vec![job], undecided };
        let (run, outcome) = self.run(&work).await;
        let (state, said, changes) = match &outcome {
            Some(outcome) => State::of(outcome),
            None => (State::Off, "the policy leaves it alone".to_owned(), Vec::new()),
        };
        // AWS has closed it to new customers, and says so only when it is asked to open it.
        let is_closed = service == Service::AuditManager && state == State::Failed && said.contains("maintenance mode");
        let is_governed = state == State::Failed && said.contains("central configuration policy");
        let state = match (is_closed, is_governed) {
            (true, _) => State::Unavailable,
            (_, true) => State::NeedsPerson,
            _ => state,
        };
        let bucket = if state == State::Changed { bucket.or_else(|| made_bucket(service, &reading)) } else { bucket };
        Cell { changes, run: (!matches!(state, State::Good | State::Off)).then(|| run.to_string()), bucket, ..cell(state, said) }
    }

    /// Runs the engine. Another run may hold the lock for a moment, or AWS be busy.
    async fn run(&self, work: &Work) -> (redress_model::RunId, Option<Outcome>) {
        let mut pauses = PAUSES.into_iter();
        loop {
            let now = self.rim.clock.now();
            let pause = pauses.next().filter(|_| self.deadline.duration_since(now) > LONGEST_RUN);
            let attempt = if pause.is_some() { Attempt::More } else { Attempt::Last };
            let run = self.rim.clock.new_run();
            match (Engine::new(self.rim, self.deadline).run_as(run, work, attempt).await, pause) {
                (Finished::Done(outcome) | Finished::GivenUp(outcome), _) => return (run, Some(outcome)),
                (Finished::LeftAlone, _) => return (run, None),
                (Finished::Again(why), Some(pause)) => {
                    warn!(account = %work.resource.account, region = %work.resource.region, why, "tried again");
                    self.rim.clock.sleep(Duration::from_secs(pause)).await;
                }
                (Finished::Again(why), None) => return (run, Some(Outcome::Failed { why })),
            }
        }
    }
}

/// What a configuration policy made of a unit.
pub(crate) fn centrally(account: &AccountId, region: &Region, service: Service, association: Option<&Association>) -> Cell {
    let Some(Association { policy, status, message }) = association else {
        return Cell::of(
            account,
            region,
            service,
            State::NeedsPerson,
            "configuration is central, and no configuration policy is associated with the account",
        );
    };
    let (state, said) = match status.as_str() {
        "SUCCESS" => (State::Governed, format!("configuration policy {policy}")),
        "PENDING" => (State::InProgress, format!("configuration policy {policy} is being applied")),
        status => (State::Failed, format!("configuration policy {policy} is not in force: {status}: {message}")),
    };
    Cell::of(account, region, service, state, said)
}

/// The bucket of the trail that satisfies.
fn bucket(service: Service, reading: &Reading) -> Option<String> {
    if service != Service::Cloudtrail {
        return None;
    }
    let is_good = |trail: &Json| trail.get("logging") == Some(&Json::Bool(true)) && trail.get("multi_region") == Some(&Json::Bool(true));
    let trails = reading.value.get("trails")?.as_object()?;
    let (arn, _) = trails.iter().find(|(_, trail)| is_good(trail)).or_else(|| trails.iter().next())?;
    reading.facts.get("buckets")?.get(arn)?.as_str().map(str::to_owned)
}

/// The bucket that was made with the trail.
fn made_bucket(service: Service, reading: &Reading) -> Option<String> {
    if service != Service::Cloudtrail {
        return None;
    }
    reading.facts.get("log_bucket")?.as_str().map(str::to_owned)
}
