//! The engine: takes work, and always ends in an honest outcome.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use redress_aws::{
    Account, Accounts, Annotation, Asked, Begun, Bus, Clock, Error, Hub, Kind, Last, Ledger, List, Listed, Memory, Places, Post, Result,
    Switch, Vault, Visit,
};
use redress_model::{
    Class, ControlId, Digest, ImageName, Intent, Job, Mode, Outcome, Policy, Record, Request, Resource, RunId, Severity,
    job::FindingKey,
    notice::{Notice, letter},
    outcome::note,
    policy::{Case, Exempted, Place, Tags, Terms},
};
use serde_json::{Value as Json, json};
use tracing::{error, info, warn};

use crate::{
    Entry, Image, Reading, Surroundings, Want,
    guards::{self, Blast, Contest, Question, Situation},
    plan::{Applying, Plan, Proof, Verified},
};

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
    /// Knows the names of accounts.
    pub places: &'a dyn Places,
    /// Knows what is around a resource.
    pub surroundings: &'a dyn Surroundings,
    /// Tells the time.
    pub clock: &'a dyn Clock,
}

/// A control, as it looks at a resource.
#[derive(Debug, Clone)]
pub struct View {
    /// The control.
    pub entry: &'static Entry,
    /// What the policy says of it here.
    pub terms: Terms,
    /// Its parameters, exempt rules among them; null for the defaults.
    pub params: Json,
}

impl View {
    /// A control under these terms.
    pub fn new(entry: &'static Entry, terms: Terms) -> Self {
        Self { entry, params: terms.params_with_exemptions(), terms }
    }
}

/// What it takes to decide once more, when the tags are known.
#[derive(Debug, Clone)]
pub struct Undecided {
    /// The policy.
    pub policy: Arc<Policy>,
    /// Where the account is.
    pub place: Option<Place>,
}

/// Work on one setting of one resource, for one or more controls and findings.
#[derive(Debug, Clone)]
pub struct Work {
    /// The controls; all of the same setting, never empty.
    pub views: Vec<View>,
    /// The resource.
    pub resource: Resource,
    /// What may not be worked on twice at once.
    pub lane: Digest,
    /// Who wants what.
    pub intent: Intent,
    /// The event that asked for it.
    pub request: Request,
    /// The jobs to be answered.
    pub jobs: Vec<Job>,
    /// What the terms still depend on: tags.
    pub undecided: Option<Undecided>,
}

impl Work {
    fn findings(&self) -> Vec<FindingKey> {
        let mut findings: Vec<FindingKey> = Vec::new();
        for finding in self.jobs.iter().filter_map(|job| job.finding.as_ref()) {
            if !findings.contains(finding) {
                findings.push(finding.clone());
            }
        }
        findings
    }

    fn terms(&self) -> Vec<Terms> {
        self.views.iter().map(|view| view.terms.clone()).collect()
    }

    /// How far the controls may go, as far as it is known without tags.
    pub fn mode(&self) -> Mode {
        guards::mode(&self.terms(), self.intent)
    }

    /// Whether a change may come of it: only then is there permission to write.
    fn may_write(&self) -> bool {
        let consents = matches!(self.intent, Intent::Approved | Intent::Undo);
        class(&self.views) != Class::Tell
            && match self.mode() {
                Mode::Auto => self.intent != Intent::Shown,
                Mode::Approve => consents,
                Mode::Off | Mode::Tell | Mode::Plan => false,
            }
    }

    /// Decides once more, now that the tags are known.
    fn with_tags(&self, tags: &Tags, now: Timestamp) -> Result<Self> {
        let Some(Undecided { policy, place }) = &self.undecided else { return Ok(self.clone()) };
        let view = |view: &View| {
            let control = view.entry.id()?;
            let case =
                Case { control: &control, class: view.entry.spec.class, resource: &self.resource, place: place.as_ref(), tags: Some(tags) };
            Ok(View::new(view.entry, policy.decide(&case, now)))
        };
        Ok(Self { views: self.views.iter().map(view).collect::<Result<_>>()?, undecided: None, ..self.clone() })
    }

    /// The work for some of the controls only, and for the jobs that are about any of them.
    fn only(&self, keep: impl Fn(&ControlId) -> bool) -> Self {
        let is_kept = |view: &&View| view.entry.id().is_ok_and(|id| keep(&id));
        let jobs = self.jobs.iter().filter(|job| job.controls.iter().any(&keep)).cloned().collect();
        Self { views: self.views.iter().filter(is_kept).cloned().collect(), jobs, ..self.clone() }
    }
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
        let (id, started) = (self.rim.clock.new_run(), self.rim.clock.now());
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
        let (work, aside, found) = self.work_on(work, &run, &mut calls).await;
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
            (Ok(Found { outcome: Outcome::InProgress { why }, .. }), Attempt::More) => return self.again(work, id, why).await,
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
                aside.exempt.push((job.clone(), outcome));
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
        (work, aside, found.map(Some))
    }

    async fn look(&self, work: &Work, run: &Run, account: &Account) -> Result<Found> {
        let Work { views, resource, .. } = work;
        let Some(View { entry, params, .. }) = views.first() else { return Err(Error::malformed("the work", "it names no control")) };
        let is_automatic = work.intent == Intent::Automatic;
        let at = Applying { views, entry, resource, params, account, clock: self.rim.clock, switch: self.rim.switch, is_automatic };
        match work.intent {
            Intent::Undo => self.take_back(work, run, &at).await,
            Intent::Automatic | Intent::Shown | Intent::Requested | Intent::Approved | Intent::Exempted => {
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
        let (after, asks) = match wanted(work, reading)? {
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
        Situation {
            terms,
            intent: work.intent,
            class: class(&work.views),
            resource: &work.resource,
            tags,
            changes: &[],
            asks: &[],
            in_code: work.views.first().map(|view| view.entry.spec.in_code).unwrap_or_default(),
            undo: crate::Undo::Exact,
            is_consent: false,
            exempted,
            undone: None,
            switch: None,
            contest: None,
            blast: None,
            now: self.rim.clock.now(),
        }
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
                    let outcome = Outcome::Remediated { changes };
                    (in_part(work, &Reading { value: left.value.clone(), facts: left.facts }, outcome)?, Some(left.value))
                }
                Proof::AsPlanned => (Outcome::Undone { changes }, None),
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
        let Resource { account, kind, .. } = &work.resource;
        let changes = self.rim.ledger.count(&format!("{account}#{kind}#{}", now.strftime("%Y-%m-%dT%H")), now).await?;
        let asks_for_share = work.views.iter().any(|view| view.terms.blast_radius.value.percent.is_some());
        let population = if asks_for_share { self.rim.surroundings.population(at.account, at.resource).await? } else { None };
        Ok(Blast { changes, population })
    }

    /// Records first, then tells: what is told is on record. A question is told first: only what people could read counts as asked.
    async fn report(&self, work: &Work, run: &Run, calls: Vec<String>, found: Found, aside: &Aside) -> Result<()> {
        let mut controls = ids(&work.views)?;
        let mut findings = work.findings();
        if let (Outcome::Undone { .. }, Some(taken_back)) = (&found.outcome, &found.taken_back) {
            let is_new = |id: &&ControlId| !work.views.iter().any(|view| view.entry.spec.id == id.as_str());
            controls.extend(taken_back.controls.iter().filter(is_new).cloned());
            let more: Vec<_> = taken_back.findings.iter().filter(|finding| !findings.contains(finding)).cloned().collect();
            findings.extend(more);
        }
        let said = said(&found.outcome, &found.before);
        // The same change, made once more, is news; the same words are not.
        let is_change = found.image.is_some() || matches!(found.outcome, Outcome::Undone { .. });
        let is_shown = work.intent == Intent::Shown;
        let is_news = !is_shown && (is_change || !controls.iter().all(|id| run.memory.get(id).is_some_and(|last| last.said == said)));
        let answered =
            |finding: &FindingKey| controls.iter().any(|id| run.memory.get(id).is_some_and(|last| last.answered.contains(&finding.id)));
        // Our own note makes an event: what leaves a finding NEW must not be said twice, or it would be said for ever. Who asked is answered,
        // and so is a finding that was never answered before.
        let is_to_be_said = is_news || is_shown || found.outcome.workflow().is_some() || !findings.iter().all(answered);
        let question = found.question.clone().filter(|_| is_to_be_said && !is_shown);
        if question.is_some() {
            self.annotate(&findings, run.id, &found.outcome).await?;
        }
        let ended = self.rim.clock.now();
        let asked = question.as_ref().map(|question| Asked {
            question: sum(question, &found.before),
            guards: question.guards.iter().map(|guard| (*guard).to_owned()).collect(),
            event: work.request.event.clone(),
            at: ended,
            until: question.until,
            run: run.id,
        });
        // Who only looks changes nothing, not even what we remember.
        let remembered = if is_shown { Memory::new() } else { remember(&controls, run, &found, &said, asked, work, ended) };
        let outcome = found.outcome.clone();
        let record = Record {
            run: run.id,
            clauses: work.views.iter().flat_map(|view| view.entry.spec.labels).map(ToString::to_string).collect(),
            controls,
            intent: work.intent,
            mode: work.mode(),
            decided_by: work.views.iter().min_by_key(|view| view.terms.mode.value).map(|view| view.terms.mode.by.clone()),
            by: work.request.by.clone(),
            event: work.request.event.clone(),
            resource: work.resource.clone(),
            findings,
            outcome: found.outcome,
            image: found.image,
            left: found.left,
            calls,
            started: run.started,
            ended,
        };
        let notice = if is_news && is_told(&outcome) { Some(self.notice(work, &record).await) } else { None };
        // What is told at once is listed too, until it was told.
        let listed_notice = notice.as_ref().map(|notice| Listed {
            list: List::Notices,
            at: ended,
            key: format!("{}#{}", notice.account, run.id),
            body: json!(notice).to_string(),
        });
        let mut listed = due(&work.jobs, &outcome, work, run.id);
        for (job, outcome) in &aside.exempt {
            listed.extend(due(std::slice::from_ref(job), outcome, work, run.id));
        }
        listed.extend(listed_notice.clone());
        self.rim.ledger.finish(&work.lane, &record, &remembered, &listed).await?;
        let answered = if is_to_be_said && question.is_none() { self.answer(&record, aside).await } else { Ok(()) };
        let at_once = notice.filter(|notice| is_urgent(&outcome, notice.severity));
        if let (Some((subject, body)), Some(item)) = (at_once.and_then(|notice| letter(&[notice])), listed_notice) {
            match self.rim.post.tell(&subject, &body).await {
                // Left on its list it would be told again with the next digest: that is better than never.
                Ok(()) => _ = self.rim.ledger.strike(&item).await.map_err(|error| warn!(run = %run.id, %error, "it will be told again")),
                Err(error) => error!(run = %run.id, %error, "people are told with the next digest"),
            }
        }
        if is_news && let Err(error) = self.rim.bus.announce(&record).await {
            error!(run = %run.id, %error, "the outcome was not announced");
        }
        let Resource { account, region, id, .. } = &record.resource;
        let controls = show(&record.controls);
        let took = (ended - run.started).total(jiff::Unit::Millisecond).unwrap_or_default();
        info!(run = %run.id, %account, %region, resource = id, controls, mode = %record.mode, outcome = outcome.word(), ms = took, why = outcome.sentence(), "done");
        answered
    }

    /// Says on the findings what became of them: of the run's, and of those that were put aside.
    async fn answer(&self, record: &Record, aside: &Aside) -> Result<()> {
        let Record { run, findings, outcome, .. } = record;
        let resolves = outcome.workflow() == Some(redress_model::Workflow::Resolved);
        let is_partly = |finding: &&FindingKey| resolves && aside.partly.iter().any(|(partly, _)| partly == *finding);
        let (partly, whole): (Vec<_>, Vec<_>) = findings.iter().partition(is_partly);
        let whole: Vec<_> = whole.into_iter().cloned().collect();
        let mut result = if whole.is_empty() { Ok(()) } else { self.annotate(&whole, *run, outcome).await };
        let of_aside = aside.partly.iter().filter(|(finding, _)| partly.contains(&finding)).map(|(finding, outcome)| (finding, outcome));
        let of_exempt = aside.exempt.iter().filter_map(|(job, outcome)| Some((job.finding.as_ref()?, outcome)));
        for (finding, outcome) in of_aside.chain(of_exempt) {
            result = result.and(self.annotate(std::slice::from_ref(finding), *run, outcome).await);
        }
        result
    }

    /// What people are told of a run.
    async fn notice(&self, work: &Work, record: &Record) -> Notice {
        let Record { run, resource, outcome, .. } = record;
        let of_place = work.undecided.as_ref().and_then(|undecided| undecided.place.as_ref()).map(|place| place.name.clone());
        let account_name = match of_place {
            Some(name) => Some(name),
            // Without its name the number has to do.
            None => self.rim.places.name(&resource.account, record.ended).await.ok(),
        };
        Notice {
            run: *run,
            at: record.ended,
            account: resource.account.clone(),
            account_name: account_name.filter(|name| !name.is_empty()),
            region: resource.region.clone(),
            resource: resource.id.clone(),
            controls: record.controls.clone(),
            severity: work.views.iter().map(|view| view.entry.spec.severity).max().unwrap_or(Severity::Medium),
            outcome: outcome.word().into(),
            sentence: outcome.sentence(),
            finding: record.findings.first().cloned(),
            can_undo: record.left.is_some() && record.image.is_some(),
        }
    }

    async fn annotate(&self, findings: &[FindingKey], run: RunId, outcome: &Outcome) -> Result<()> {
        let fields = vec![("redress-run".into(), run.to_string()), ("redress-outcome".into(), outcome.word().into())];
        let annotation = Annotation { workflow: outcome.workflow(), note: note(outcome, run), fields };
        self.rim.hub.annotate(findings, &annotation).await
    }
}

/// Whether people hear of it: what wants them, and what was changed.
fn is_told(outcome: &Outcome) -> bool {
    outcome.wants_a_person() || matches!(outcome, Outcome::Remediated { .. } | Outcome::Exempt { .. })
}

/// Whether they hear of it at once, and not with the next digest.
fn is_urgent(outcome: &Outcome, severity: Severity) -> bool {
    outcome.wants_a_person() && (severity == Severity::Critical || matches!(outcome, Outcome::PutBack { .. } | Outcome::Failed { .. }))
}

/// What time will bring of jobs that ended so. Two jobs about the same are one.
fn due(jobs: &[Job], outcome: &Outcome, work: &Work, run: RunId) -> Vec<Listed> {
    let (list, at) = match outcome {
        Outcome::Deferred { until, .. } => (List::Later, *until),
        Outcome::Exempt { until, .. } => (List::Exemptions, *until),
        _ => return Vec::new(),
    };
    let mut listed: Vec<Listed> = Vec::new();
    for job in jobs {
        let finding = job.finding.as_ref().map_or("", |finding| finding.id.as_str());
        let key = Digest::of(format!("{} {} {finding}", work.lane, show(&job.controls)).as_bytes()).to_string();
        let again = Job { intent: Intent::Automatic, request: Request::of(format!("later-{run}"), None), ..job.clone() };
        let body = match list {
            List::Later => json!(again),
            List::Exemptions | List::Notices => json!({ "job": again, "run": run, "why": outcome.sentence() }),
        };
        if listed.iter().all(|item| item.key != key) {
            listed.push(Listed { list, at, key, body: body.to_string() });
        }
    }
    listed
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
fn wanted(work: &Work, mut reading: Reading) -> Result<Wanted> {
    let mut asks = Vec::new();
    for View { entry, params, .. } in &work.views {
        match entry.want(&reading, params)? {
            Want::Keep => {}
            Want::Set(to) => reading.value = to,
            Want::Ask { to, why } => {
                reading.value = to;
                asks.push(why);
            }
            Want::Wait(why) => return Ok(Wanted::Nothing(Outcome::InProgress { why })),
            Want::Tell(steps) => {
                let steps = format!("{steps} See {}", entry.spec.link());
                return Ok(Wanted::Nothing(Outcome::NeedsPerson { steps }));
            }
        }
    }
    Ok(Wanted::Value(reading.value, asks))
}

fn ids(views: &[View]) -> Result<Vec<ControlId>> {
    views.iter().map(|view| view.entry.id()).collect()
}

fn show(controls: &[ControlId]) -> String {
    controls.iter().map(ControlId::as_str).collect::<Vec<_>>().join("+")
}

/// The strictest class of all.
fn class(views: &[View]) -> Class {
    let has = |class| views.iter().any(|view| view.entry.spec.class == class);
    [Class::Tell, Class::Guarded].into_iter().find(|class| has(*class)).unwrap_or(Class::Automatic)
}

/// The sum of the gist of what is said and of what it is said about.
fn said(outcome: &Outcome, before: &Json) -> Digest {
    Digest::of(format!("{}\n{before}", outcome.gist()).as_bytes())
}

/// The sum of the changes of a question and of the value that it is about.
fn sum(question: &Question, before: &Json) -> Digest {
    Digest::of(format!("{}\n{before}", question.changes.join("; ")).as_bytes())
}

/// Whether the work is a person's yes to the question that stands in the way now.
fn is_consent(work: &Work, run: &Run, situation: &Situation<'_>, before: &Json) -> bool {
    let Some(question) = guards::question(situation).filter(|_| work.intent == Intent::Approved) else { return false };
    let asked = |view: &View| run.memory.get(&view.entry.id().ok()?)?.asked.clone();
    work.views.iter().filter_map(asked).any(|asked| answers(&work.request, &asked, &question, before, situation.now))
}

/// Whether a request is an answer to a question: it is about the same, every guard that asks now had asked then, it was made after the
/// question could be read, and before it ended. The same click, delivered again or on several findings, is none.
fn answers(request: &Request, asked: &Asked, question: &Question, before: &Json, now: Timestamp) -> bool {
    let is_open = asked.until.is_none_or(|until| now < until);
    let is_about = request.about.is_none_or(|run| run == asked.run) && asked.question == sum(question, before);
    let was_asked = question.guards.iter().all(|guard| asked.guards.iter().any(|known| known == guard));
    is_open && is_about && was_asked && request.event != asked.event && request.at.is_some_and(|at| at >= asked.at)
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

/// More changes and findings than that are never looked back at.
const REMEMBERED: usize = 10;

fn remember(controls: &[ControlId], run: &Run, found: &Found, said: &Digest, asked: Option<Asked>, work: &Work, now: Timestamp) -> Memory {
    let last = |id: &ControlId| {
        let old = run.memory.get(id);
        let (changed, undone) = match found.outcome {
            Outcome::Undone { .. } => (None, Some(now)),
            _ if found.left.is_some() => (Some(run.id), None),
            _ => (old.and_then(|last| last.changed), old.and_then(|last| last.undone)),
        };
        let asked = asked.clone().or_else(|| old.and_then(|last| last.asked.clone()));
        let mut fixed = old.map(|last| last.fixed.clone()).unwrap_or_default();
        match (found.left.is_some(), work.intent) {
            (true, Intent::Automatic) => fixed.push(now),
            // A person took a side: the quarrel is over.
            (true, Intent::Approved) => fixed.clear(),
            _ => {}
        }
        fixed.drain(..fixed.len().saturating_sub(REMEMBERED));
        let mut answered = old.map(|last| last.answered.clone()).unwrap_or_default();
        answered.extend(work.findings().into_iter().map(|finding| finding.id).filter(|id| !answered.contains(id)).collect::<Vec<_>>());
        answered.drain(..answered.len().saturating_sub(REMEMBERED));
        let exempt = if work.intent == Intent::Exempted {
            serde_json::from_value(found.before.clone()).ok()
        } else {
            old.and_then(|last| last.exempt.clone())
        };
        let outcome = found.outcome.word().to_owned();
        Last { run: run.id, outcome, said: said.clone(), changed, undone, asked, fixed, answered, exempt }
    };
    controls.iter().map(|id| (id.clone(), last(id))).collect()
}
