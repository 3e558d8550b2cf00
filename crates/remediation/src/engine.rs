//! The engine: takes work, and always ends in an honest outcome.

mod memory;
mod report;
mod work;

use jiff::{SignedDuration, Timestamp};
use redress_aws::{
    Account, Accounts, Begun, Bus, Clock, Error, Hub, Kind, Ledger, Memory, Places, Post, Result, Switch, Timer, Vault, Visit,
};
use redress_model::{
    ControlId, ImageName, Intent, Job, Mode, Outcome, Record, Resource, RunId,
    job::FindingKey,
    policy::{Exempted, Tags, Terms},
};
use serde_json::{Value as Json, json};
use tracing::{error, warn};

use self::{
    memory::is_consent,
    work::{class, ids},
};
use crate::{
    Image, Reading, Surroundings, Want,
    guards::{self, Blast, Contest, Question, Situation},
    plan::{Applying, FIRST_PAUSE, Plan, Proof, Verified},
};

pub use work::{Undecided, View, Work};

/// Everything outside that the engine needs.
#[derive(Clone, Copy)]
pub struct Rim<'a> {
    /// Enters accounts.
    pub accounts: &'a dyn Accounts,
    /// Keeps the books.
    pub ledger: &'a dyn Ledger,
    /// Keeps the images.
    pub vault: &'a dyn Vault,
    /// Annotates findings.
    pub hub: &'a dyn Hub,
    /// Tells people.
    pub post: &'a dyn Post,
    /// Announces outcomes.
    pub bus: &'a dyn Bus,
    /// Stops every write.
    pub switch: &'a dyn Switch,
    /// Wakes the suite for what goes on later.
    pub timer: &'a dyn Timer,
    /// Knows the names of accounts.
    pub places: &'a dyn Places,
    /// Knows what is around a resource.
    pub surroundings: &'a dyn Surroundings,
    /// Tells the time.
    pub clock: &'a dyn Clock,
}

/// Whether there will be another try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// The message can go back to the queue.
    More,
    /// It cannot: what is known now is what people are told.
    Last,
}

/// How a run ended for the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finished {
    /// With an outcome, recorded and reported.
    Done(Outcome),
    /// With nothing: try again.
    Again(String),
    /// With nothing: the policy leaves the resource alone.
    LeftAlone,
    /// With an outcome, and no further try: the message belongs in the dead-letter queue.
    GivenUp(Outcome),
}

/// The engine.
#[derive(Clone, Copy)]
pub struct Engine<'a> {
    rim: Rim<'a>,
    /// The time after which another run may take the lock: the rest of this invocation.
    deadline: Timestamp,
}

/// A run needs this much time to read, write, verify and, if it must, put back.
const ENOUGH: SignedDuration = SignedDuration::from_secs(45);

/// A run under way.
struct Run {
    id: RunId,
    started: Timestamp,
    memory: Memory,
    /// An earlier run that took the lock and never gave it back.
    interrupted: Option<RunId>,
}

/// What a run has found out so far.
struct Found {
    outcome: Outcome,
    image: Option<ImageName>,
    left: Option<Json>,
    /// What was read first, for telling whether the same is said about the same.
    before: Json,
    /// The run that was taken back, with all that it had answered.
    taken_back: Option<Record>,
    /// The question that a person's consent would have answered.
    question: Option<Question>,
}

/// What of the work is answered beside the run: findings whose control is exempt.
#[derive(Default)]
struct Aside {
    /// Jobs that are exempt as a whole.
    exempt: Vec<(Job, Outcome)>,
    /// Findings of several controls of which some are exempt: they are never called resolved.
    partly: Vec<(FindingKey, Outcome)>,
}

impl Found {
    fn plain(outcome: Outcome, before: Json) -> Self {
        Self { outcome, image: None, left: None, before, taken_back: None, question: None }
    }
}

impl<'a> Engine<'a> {
    /// An engine whose invocation ends at `deadline`.
    pub fn new(rim: Rim<'a>, deadline: Timestamp) -> Self {
        Self { rim, deadline }
    }

    /// Does the work. Never fails: every failure is an outcome, or a reason to try again.
    pub async fn run(&self, work: &Work, attempt: Attempt) -> Finished {
        self.run_as(self.rim.clock.new_run(), work, attempt).await
    }

    /// Does the work in a run of this id.
    pub async fn run_as(&self, id: RunId, work: &Work, attempt: Attempt) -> Finished {
        let started = self.rim.clock.now();
        if self.deadline.duration_since(started) < ENOUGH {
            return self.not_begun(work, id, attempt, "the invocation ends too soon to begin".into()).await;
        }
        let (memory, interrupted) = match self.rim.ledger.begin(&work.lane, id, started, self.deadline).await {
            Ok(Begun::Free { memory, interrupted }) => (memory, interrupted),
            Ok(Begun::Busy) => return self.not_begun(work, id, attempt, "another run is working on this resource".into()).await,
            Err(error) => {
                let why = format!("the ledger cannot be written, so nothing is changed: {error}");
                return self.not_begun(work, id, attempt, why).await;
            }
        };
        let run = Run { id, started, memory, interrupted };
        let mut calls = Vec::new();
        let (work, aside, found) = self.work_on(&work.answering(&run.memory), &run, &mut calls).await;
        let work = &work;
        let found = match found {
            Ok(Some(found)) => Ok(found),
            Ok(None) => {
                self.again(work, id, String::new()).await;
                return Finished::LeftAlone;
            }
            Err(error) => Err(error),
        };
        let (found, given_up) = match (found, attempt) {
            (Ok(found), _) => (found, false),
            (Err(error), Attempt::More) if error.is_retryable() => return self.again(work, id, error.to_string()).await,
            (Err(error), _) => {
                let given_up = error.is_retryable();
                (Found::plain(Outcome::Failed { why: error.to_string() }, Json::Null), given_up)
            }
        };
        let outcome = found.outcome.clone();
        match self.report(work, &run, calls, found, &aside).await {
            Ok(()) if given_up => Finished::GivenUp(outcome),
            Ok(()) => Finished::Done(outcome),
            Err(error) if attempt == Attempt::More && error.is_retryable() => {
                Finished::Again(format!("{}, but it could not be reported: {error}", outcome.word()))
            }
            Err(error) => {
                error!(run = %id, outcome = outcome.word(), %error, "the outcome could not be reported");
                Finished::GivenUp(outcome)
            }
        }
    }

    /// Without the lock there is no record, but the last try still tells people.
    async fn not_begun(&self, work: &Work, run: RunId, attempt: Attempt, why: String) -> Finished {
        if attempt == Attempt::More {
            return Finished::Again(why);
        }
        let outcome = Outcome::Failed { why };
        if let Err(error) = self.annotate(&work.findings(), run, &outcome).await {
            error!(%run, %error, "the outcome could not be reported");
        }
        Finished::GivenUp(outcome)
    }

    async fn again(&self, work: &Work, run: RunId, why: String) -> Finished {
        if let Err(error) = self.rim.ledger.release(&work.lane, run).await {
            warn!(%run, %error, "the lock was not given back; it ends by itself");
        }
        Finished::Again(why)
    }

    /// Where some controls of the work are exempt on this resource and others are not, the exempt ones are put aside, and the others go on.
    fn without_the_exempt(&self, work: Work, run: &Run) -> Result<(Work, Aside)> {
        let now = self.rim.clock.now();
        let exemption = |id: &ControlId| {
            let by_person = run.memory.get(id).and_then(|last| last.exempt.clone()).filter(|exempt| exempt.until > now);
            let of_policy = || work.views.iter().find(|view| view.entry.spec.id == id.as_str())?.terms.exemption.clone();
            by_person.or_else(|| of_policy().map(|decided| decided.value))
        };
        let ids = ids(&work.views)?;
        let is_exempt = |id: &ControlId| exemption(id).is_some();
        let asks = matches!(work.intent, Intent::Automatic | Intent::Requested | Intent::Approved);
        if !asks || ids.iter().all(is_exempt) || !ids.iter().any(is_exempt) {
            return Ok((work, Aside::default()));
        }
        let mut aside = Aside::default();
        for job in &work.jobs {
            let Some(longest) = job.controls.iter().filter_map(&exemption).max_by_key(|exempted| exempted.until) else { continue };
            let outcome = Outcome::Exempt { why: longest.to_string(), until: longest.until, changes: Vec::new() };
            if job.controls.iter().all(is_exempt) {
                // The same finding may come twice in a batch.
                let is_known = aside.exempt.iter().any(|(known, _)| known.finding == job.finding && known.controls == job.controls);
                aside.exempt.extend((!is_known).then(|| (job.clone(), outcome)));
            } else {
                aside.partly.extend(job.finding.clone().map(|finding| (finding, outcome)));
            }
        }
        Ok((work.only(|id| !is_exempt(id)), aside))
    }

    /// Does the work, and says under which terms it was done: those that depend on tags are decided on the way. `None` where the policy
    /// leaves the resource alone.
    async fn work_on(&self, work: &Work, run: &Run, calls: &mut Vec<String>) -> (Work, Aside, Result<Option<Found>>) {
        if work.intent == Intent::Exempted {
            return (work.clone(), Aside::default(), Ok(Some(exempted(work, self.rim.clock.now()))));
        }
        let mut account = match self.enter(work, run.id, work.may_write() && work.undecided.is_none()).await {
            Ok(account) => account,
            Err(error) => return (work.clone(), Aside::default(), Err(error)),
        };
        let mut work = work.clone();
        if work.undecided.is_some() {
            let decided = match self.rim.surroundings.tags(&account, &work.resource).await {
                Ok(tags) => work.with_tags(&tags, self.rim.clock.now()),
                Err(error) => Err(error),
            };
            calls.extend(account.gate().passed());
            work = match decided {
                Ok(decided) => decided,
                Err(error) => return (work, Aside::default(), Err(error)),
            };
            if work.mode() == Mode::Off && work.intent == Intent::Automatic {
                return (work, Aside::default(), Ok(None));
            }
            // The first session could only read.
            if work.may_write() {
                account = match self.enter(&work, run.id, true).await {
                    Ok(account) => account,
                    Err(error) => return (work, Aside::default(), Err(error)),
                };
            }
        }
        let (work, aside) = match self.without_the_exempt(work.clone(), run) {
            Ok(split) => split,
            Err(error) => return (work, Aside::default(), Err(error)),
        };
        let found = self.look(&work, run, &account).await;
        calls.extend(account.gate().passed());
        // A finding that has passed is closed where the live resource agrees; where it does not, Security Hub will look again.
        let is_moot = |found: &Found| work.intent == Intent::Passed && !matches!(found.outcome, Outcome::Compliant | Outcome::Absent);
        let found = found.map(|found| Some(found).filter(|found| !is_moot(found)));
        (work, aside, found)
    }

    async fn look(&self, work: &Work, run: &Run, account: &Account) -> Result<Found> {
        let Work { views, resource, .. } = work;
        let Some(View { entry, params, .. }) = views.first() else { return Err(Error::malformed("the work", "it names no control")) };
        let is_automatic = work.intent == Intent::Automatic;
        let at = Applying { views, entry, resource, params, account, clock: self.rim.clock, switch: self.rim.switch, is_automatic };
        match work.intent {
            Intent::Undo => self.take_back(work, run, &at).await,
            Intent::Automatic | Intent::Shown | Intent::Requested | Intent::Approved | Intent::Exempted | Intent::Passed => {
                self.remediate(work, run, &at).await
            }
        }
    }

    /// Only a run that may write gets the permission to.
    async fn enter(&self, work: &Work, run: RunId, may_write: bool) -> Result<Account> {
        let entries = || work.views.iter().map(|view| view.entry);
        let writes = entries().filter(|_| may_write).flat_map(|entry| entry.writes);
        let reads = entries().flat_map(|entry| entry.reads).chain(self.rim.surroundings.reads());
        let mut actions: Vec<_> = reads.chain(writes).map(|action| action.name).collect();
        actions.sort_unstable();
        actions.dedup();
        let Resource { account, region, partition, .. } = &work.resource;
        self.rim.accounts.enter(Visit { account, region, partition, run, now: self.rim.clock.now(), actions }).await
    }

    async fn remediate(&self, work: &Work, run: &Run, at: &Applying<'_>) -> Result<Found> {
        let Some(reading) = at.read().await? else { return Ok(Found::plain(Outcome::Absent, Json::Null)) };
        let before = reading.value.clone();
        let first = reading.clone();
        let now = self.rim.clock.now();
        let (after, asks) = match wanted(work, reading, now)? {
            Wanted::Value(after, asks) => (after, asks),
            // A person who decided to leave it as it is does not want to be told what to do.
            Wanted::Nothing(outcome @ Outcome::NeedsPerson { .. }) => {
                let outcome = self.exemption(work, run).filter(|_| work.intent != Intent::Shown).unwrap_or(outcome);
                return Ok(Found::plain(outcome, before));
            }
            Wanted::Nothing(outcome) => return Ok(Found::plain(outcome, before)),
        };
        if at.entry.same(&before, &after)? {
            let found = self.adopt(work, run, at, before).await?;
            return Ok(Found { outcome: in_part(work, &first, found.outcome)?, ..found });
        }
        let plan = Plan::new(at.entry, before, after)?;
        self.carry_out(work, run, at, plan, &asks, Proof::ControlsKeep).await
    }

    /// The exemption that counts, as an outcome.
    fn exemption(&self, work: &Work, run: &Run) -> Option<Outcome> {
        let (terms, none) = (work.terms(), Tags::new());
        let exempted = exempted_by_person(work, run);
        guards::exemption(&self.situation(work, &terms, &none, exempted.as_ref()))
    }

    fn situation<'s>(&self, work: &'s Work, terms: &'s [Terms], tags: &'s Tags, exempted: Option<&'s Exempted>) -> Situation<'s> {
        let in_code = work.views.first().map(|view| view.entry.spec.in_code).unwrap_or_default();
        let of = Situation::of(terms, work.intent, class(&work.views), &work.resource, tags, self.rim.clock.now());
        Situation { in_code, exempted, ..of }
    }

    /// Compliant. Where a run before was cut off after its change, the change goes on record now, so that it can be undone.
    async fn adopt(&self, work: &Work, run: &Run, at: &Applying<'_>, live: Json) -> Result<Found> {
        let found = Found::plain(Outcome::Compliant, live.clone());
        let Some(interrupted) = run.interrupted else { return Ok(found) };
        let Ok((name, bytes)) = self.rim.vault.load(interrupted).await else { return Ok(found) };
        let image = read_image(&bytes)?;
        let is_its_work = image.controls == ids(&work.views)? && image.setting == at.entry.setting && at.entry.same(&live, &image.after)?;
        if !is_its_work {
            return Ok(found);
        }
        warn!(run = %run.id, %interrupted, "the change of an interrupted run goes on record");
        Ok(Found { image: Some(name), left: Some(live), ..found })
    }

    async fn take_back(&self, work: &Work, run: &Run, at: &Applying<'_>) -> Result<Found> {
        let held = |why: String, before| Ok(Found::plain(Outcome::Held { why }, before));
        let mine = ids(&work.views)?;
        let Some(changed) = mine.iter().filter_map(|id| run.memory.get(id)?.changed).max() else {
            let undone = mine.iter().filter_map(|id| run.memory.get(id)?.undone).max();
            let why = undone
                .map_or_else(|| "no change of this control on this resource is on record".into(), |at| format!("already undone at {at}"));
            return held(why, Json::Null);
        };
        if let Some(about) = work.request.about.filter(|about| *about != changed) {
            return held(format!("run {about} is not the last change: that is run {changed}; undo it first"), Json::Null);
        }
        let Some(record) = self.rim.ledger.load(changed).await? else {
            return held(format!("the record of run {changed} is gone"), Json::Null);
        };
        let (Some(name), Some(left)) = (record.image.clone(), record.left.clone()) else {
            return held(format!("run {changed} left no image"), Json::Null);
        };
        let (kept, bytes) = self.rim.vault.load(name.run).await?;
        if kept != name {
            return held(format!("the image of run {changed} is not what it was saved as"), Json::Null);
        }
        let image = read_image(&bytes)?;
        let Some(live) = at.read().await? else { return Ok(Found::plain(Outcome::Absent, Json::Null)) };
        if !at.entry.same(&live.value, &left)? {
            let why = format!("the value was changed since run {changed}; undoing would overwrite somebody else's change");
            return held(why, live.value);
        }
        let plan = Plan::new(at.entry, live.value, image.before)?;
        let found = self.carry_out(work, run, at, plan, &[], Proof::AsPlanned).await?;
        Ok(Found { taken_back: Some(record), ..found })
    }

    async fn carry_out(&self, work: &Work, run: &Run, at: &Applying<'_>, plan: Plan, asks: &[String], proof: Proof) -> Result<Found> {
        let ids = ids(&work.views)?;
        let (before, after) = (plan.before().clone(), plan.after().clone());
        let changes = plan.changes().to_vec();
        let tags = self.rim.surroundings.tags(at.account, at.resource).await?;
        let switch = self.stopped(work).await;
        let contest = self.contest(work, run, at).await;
        let (terms, exempted) = (work.terms(), exempted_by_person(work, run));
        let now = self.rim.clock.now();
        let mut situation = Situation {
            changes: &changes,
            asks,
            undo: plan.undo(),
            undone: ids.iter().filter_map(|id| run.memory.get(id)?.undone).max(),
            switch: switch.as_deref(),
            contest: contest.as_ref(),
            now,
            ..self.situation(work, &terms, &tags, exempted.as_ref())
        };
        situation.is_consent = is_consent(work, run, &situation, &before);
        // Only what is clear otherwise counts, and then it may ask for itself.
        if work.intent != Intent::Undo && guards::stopped(&situation).is_none() {
            situation.blast = Some(self.blast(work, at, now).await?);
            situation.is_consent = is_consent(work, run, &situation, &before);
        }
        let cleared = match plan.clear(&situation) {
            Ok(cleared) => cleared,
            Err(stopped) => {
                let found = Found::plain(stopped.outcome, before);
                return Ok(Found { question: stopped.question, ..found });
            }
        };
        let image = |before, after| Image {
            run: run.id,
            controls: ids,
            setting: at.entry.setting.to_owned(),
            resource: work.resource.clone(),
            before,
            after,
        };
        let saved = cleared
            .save(self.rim.vault, run.id, image)
            .await
            .map_err(|error| Error { message: format!("the image was not saved, so nothing was changed: {}", error.message), ..error })?;
        let (verified, image) = match saved.apply(at).await? {
            Err(verified) => (Ok(verified), None),
            Ok(applied) => {
                let image = applied.image().clone();
                (applied.verify(at, proof).await, Some(image))
            }
        };
        let (outcome, left) = match verified {
            Ok(Verified::Good { left, changes }) => match proof {
                Proof::ControlsKeep => {
                    let outcome = as_far_as_it_went(work, &left, changes, self.rim.clock.now())?;
                    (in_part(work, &left, outcome)?, Some(left.value))
                }
                Proof::AsPlanned if at.entry.rests(&left.value)? => (Outcome::Undone { changes }, None),
                Proof::AsPlanned => {
                    let why = "the undo goes on, because nothing can be left as it is now".to_owned();
                    (Outcome::InProgress { why, changes, next: self.rim.clock.now() + FIRST_PAUSE }, None)
                }
            },
            Ok(Verified::Not { outcome, left }) => (outcome, left),
            // The change was made and nobody could read it again: that is said, and it can still be undone.
            Err(error) => (Outcome::Failed { why: format!("changed, but not verified: {error}") }, Some(after)),
        };
        // What an undo leaves half done is still the change of the run before it.
        let left = left.filter(|_| proof == Proof::ControlsKeep);
        Ok(Found { image, left, ..Found::plain(outcome, before) })
    }

    /// Why the kill switch stops every write, if it does; one that cannot be read does. Who cannot write anyway does not ask.
    async fn stopped(&self, work: &Work) -> Option<String> {
        if !work.may_write() {
            return None;
        }
        self.rim.switch.stopped().await.unwrap_or_else(|error| Some(format!("the kill switch cannot be read: {error}")))
    }

    /// Whether the same change was made too often of late, and who undoes it.
    async fn contest(&self, work: &Work, run: &Run, at: &Applying<'_>) -> Option<Contest> {
        let now = self.rim.clock.now();
        let contested = |view: &View| {
            let limit = view.terms.contested.value;
            let since = now - SignedDuration::from_hours(i64::from(limit.hours));
            let fixed = &run.memory.get(&view.entry.id().ok()?)?.fixed;
            let times = fixed.iter().filter(|at| **at > since).count();
            (times >= usize::from(limit.times)).then_some((times, since))
        };
        let (times, since) = work.views.iter().filter_map(contested).max_by_key(|(times, _)| *times)?;
        let by = match self.rim.surroundings.changed_by(at.account, at.resource, since).await {
            Ok(Some(principal)) => format!("{principal} undoes it"),
            Ok(None) => "CloudTrail does not show yet who undoes it".into(),
            Err(error) => format!("who undoes it cannot be told: {error}"),
        };
        Some(Contest { times, by })
    }

    /// Counts this change among those of its account, kind and hour.
    async fn blast(&self, work: &Work, at: &Applying<'_>, now: Timestamp) -> Result<Blast> {
        let Resource { account, kind, region, .. } = &work.resource;
        // An account is one resource, and has a share in each region.
        let place = if kind == "AwsAccount" { format!("{account}#{region}") } else { account.to_string() };
        let changes = self.rim.ledger.count(&format!("{place}#{kind}#{}", now.strftime("%Y-%m-%dT%H")), now).await?;
        let asks_for_share = work.views.iter().any(|view| view.terms.blast_radius.value.percent.is_some());
        let population = if asks_for_share { self.rim.surroundings.population(at.account, at.resource).await? } else { None };
        Ok(Blast { changes, population })
    }
}

/// A person's wish to leave it as it is: until when and why, on record for all controls of the work.
fn exempted(work: &Work, now: Timestamp) -> Found {
    let until = work.request.until.unwrap_or(now + EXEMPT);
    let wish = Exempted {
        until,
        reason: work.request.reason.clone().unwrap_or_else(|| "chosen on the finding".into()),
        approved_by: work.request.by.clone().unwrap_or_else(|| "a person who is not known".into()),
    };
    Found::plain(Outcome::Exempt { why: wish.to_string(), until, changes: Vec::new() }, json!(wish))
}

/// How long an exemption lasts that does not say it.
const EXEMPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The exemption by a person that lasts longest.
fn exempted_by_person(work: &Work, run: &Run) -> Option<Exempted> {
    let of = |view: &View| run.memory.get(&view.entry.id().ok()?)?.exempt.clone();
    work.views.iter().filter_map(of).max_by_key(|exempted| exempted.until)
}

enum Wanted {
    Value(Json, Vec<String>),
    Nothing(Outcome),
}

/// What all controls of the work want together: each sees what the ones before it want.
fn wanted(work: &Work, mut reading: Reading, now: Timestamp) -> Result<Wanted> {
    let mut asks = Vec::new();
    let mut told = None;
    let before = reading.value.clone();
    for View { entry, params, .. } in &work.views {
        match entry.want(&reading, params)? {
            Want::Keep => {}
            Want::Set(to) => reading.value = to,
            Want::Ask { to, why } => {
                reading.value = to;
                asks.push(why);
            }
            Want::Wait(why) => {
                let next = now + pause(work);
                return Ok(Wanted::Nothing(Outcome::InProgress { why, changes: Vec::new(), next }));
            }
            // What others want of the same is done first.
            Want::Tell(steps) => {
                told.get_or_insert(Outcome::NeedsPerson { steps, link: entry.spec.link(), changes: Vec::new() });
            }
        }
    }
    match told {
        Some(told) if reading.value == before => Ok(Wanted::Nothing(told)),
        _ => Ok(Wanted::Value(reading.value, asks)),
    }
}

/// What a verified change amounts to: all of it, a stage of longer work, or what could be done before a person goes on.
fn as_far_as_it_went(work: &Work, left: &Reading, changes: Vec<String>, now: Timestamp) -> Result<Outcome> {
    for View { entry, params, .. } in &work.views {
        let why = match entry.want(left, params)? {
            Want::Keep => continue,
            Want::Tell(steps) => return Ok(Outcome::NeedsPerson { steps, link: entry.spec.link(), changes }),
            Want::Wait(why) => why,
            Want::Set(to) => format!("next: {}", entry.changes(&left.value, &to)?.join("; ")),
            Want::Ask { to, why } => format!("next, with approval ({why}): {}", entry.changes(&left.value, &to)?.join("; ")),
        };
        return Ok(Outcome::InProgress { why, changes, next: now + FIRST_PAUSE });
    }
    Ok(Outcome::Remediated { changes })
}

/// The pause before the next round: twice as long each time, up to an hour.
pub(super) fn pause(work: &Work) -> SignedDuration {
    let rounds = work.jobs.iter().map(|job| job.rounds).max().unwrap_or(0);
    SignedDuration::from_mins(1 << rounds.min(6)).min(SignedDuration::from_hours(1))
}

/// Good, as far as it is not exempt: what still violates the control without the rules that are excepted is not called resolved.
fn in_part(work: &Work, reading: &Reading, outcome: Outcome) -> Result<Outcome> {
    let changes = match &outcome {
        Outcome::Remediated { changes } => changes.clone(),
        Outcome::Compliant => Vec::new(),
        _ => return Ok(outcome),
    };
    for view in &work.views {
        let Some(excepted) = view.params.get("except").filter(|rules| rules.as_array().is_none_or(|rules| !rules.is_empty())) else {
            continue;
        };
        let mut strict = view.params.clone();
        if let Some(params) = strict.as_object_mut() {
            params.remove("except");
        }
        if view.entry.want(reading, &strict)? == Want::Keep {
            continue;
        }
        let rules = || view.terms.exempt_rules.iter().map(|rule| &rule.value);
        let why = match rules().min_by_key(|(_, exempted)| exempted.until) {
            Some((_, exempted)) => format!("for {} {exempted}", rules().map(|(rule, _)| rule.as_str()).collect::<Vec<_>>().join(", ")),
            None => format!("by the policy's parameter except: {excepted}"),
        };
        // What the policy excepts for good is looked at again when it would be reported again.
        let until = rules().map(|(_, exempted)| exempted.until).min().unwrap_or(Timestamp::MAX);
        return Ok(Outcome::Exempt { why, until, changes });
    }
    Ok(outcome)
}

fn read_image(bytes: &[u8]) -> Result<Image> {
    serde_json::from_slice(bytes).map_err(|error| Error::new(Kind::Rejected, "the image", error.to_string()))
}
