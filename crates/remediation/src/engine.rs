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
    guards::{self, Blast, Contest, Situation},
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

    /// The work for some of the controls only, and for the jobs that are about no other.
    fn only(&self, keep: impl Fn(&ControlId) -> bool) -> Self {
        let is_kept = |view: &&View| view.entry.id().is_ok_and(|id| keep(&id));
        let jobs = self.jobs.iter().filter(|job| job.controls.iter().all(&keep)).cloned().collect();
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
    /// Whether a person's consent would have let the change pass.
    is_question: bool,
    /// The changes that the question is about.
    changes: Vec<String>,
}

impl Found {
    fn plain(outcome: Outcome, before: Json) -> Self {
        Self { outcome, image: None, left: None, before, taken_back: None, is_question: false, changes: Vec::new() }
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
            return Finished::Again("the invocation ends too soon to begin".into());
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
        let work = &match self.without_the_exempt(work, &run).await {
            Ok(work) => work,
            Err(error) if attempt == Attempt::More && error.is_retryable() => return self.again(work, id, error.to_string()).await,
            Err(_) => work.clone(),
        };
        let (work, found) = self.work_on(work, &run, &mut calls).await;
        let work = &work;
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
        match self.report(work, &run, calls, found).await {
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

    /// Where some controls of the work are exempt on this resource and others are not, the findings of the exempt ones are answered here, and
    /// the others go on.
    async fn without_the_exempt(&self, work: &Work, run: &Run) -> Result<Work> {
        let now = self.rim.clock.now();
        let by_person = |id: &ControlId| run.memory.get(id).and_then(|last| last.exempt.as_ref()).filter(|exempt| exempt.until > now);
        let is_exempt = |id: &ControlId| {
            let view = work.views.iter().find(|view| view.entry.spec.id == id.as_str());
            by_person(id).is_some() || view.is_some_and(|view| view.terms.exemption.is_some())
        };
        let ids = ids(&work.views)?;
        if !matches!(work.intent, Intent::Automatic | Intent::Requested | Intent::Approved)
            || ids.iter().all(is_exempt)
            || !ids.iter().any(is_exempt)
        {
            return Ok(work.clone());
        }
        for id in ids.iter().filter(|id| is_exempt(id)) {
            let exempt = work.only(|other| other == id);
            let of_policy = exempt.views.iter().find_map(|view| view.terms.exemption.as_ref()).map(|decided| &decided.value);
            let Some(exempted) = by_person(id).or(of_policy) else { continue };
            let outcome = Outcome::Exempt { why: exempted.to_string(), until: exempted.until, changes: Vec::new() };
            self.annotate(&exempt.findings(), run.id, &outcome).await?;
        }
        Ok(work.only(|id| !is_exempt(id)))
    }

    /// Does the work, and says under which terms it was done: those that depend on tags are decided on the way.
    async fn work_on(&self, work: &Work, run: &Run, calls: &mut Vec<String>) -> (Work, Result<Found>) {
        if work.intent == Intent::Exempted {
            return (work.clone(), Ok(exempted(work, self.rim.clock.now())));
        }
        let mut account = match self.enter(work, run.id, work.may_write() && work.undecided.is_none()).await {
            Ok(account) => account,
            Err(error) => return (work.clone(), Err(error)),
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
                Err(error) => return (work, Err(error)),
            };
            // The first session could only read.
            if work.may_write() {
                account = match self.enter(&work, run.id, true).await {
                    Ok(account) => account,
                    Err(error) => return (work, Err(error)),
                };
            }
        }
        let found = self.look(&work, run, &account).await;
        calls.extend(account.gate().passed());
        (work, found)
    }

    async fn look(&self, work: &Work, run: &Run, account: &Account) -> Result<Found> {
        let Work { views, resource, .. } = work;
        let Some(View { entry, params, .. }) = views.first() else { return Err(Error::malformed("the work", "it names no control")) };
        let at = Applying { views, entry, resource, params, account, clock: self.rim.clock, switch: self.rim.switch };
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
        let question = said(&guards::question(&changes), &before);
        let tags = self.rim.surroundings.tags(at.account, at.resource).await?;
        let switch = self.stopped(work).await;
        let contest = self.contest(work, run, at).await;
        let (terms, exempted) = (work.terms(), exempted_by_person(work, run));
        let now = self.rim.clock.now();
        let mut situation = Situation {
            changes: &changes,
            asks,
            undo: plan.undo(),
            is_consent: work.intent == Intent::Approved
                && ids
                    .iter()
                    .filter_map(|id| run.memory.get(id)?.asked.as_ref())
                    .any(|asked| answers(&work.request, asked, &question, now)),
            undone: ids.iter().filter_map(|id| run.memory.get(id)?.undone).max(),
            switch: switch.as_deref(),
            contest: contest.as_ref(),
            now,
            ..self.situation(work, &terms, &tags, exempted.as_ref())
        };
        // Only what is clear otherwise counts.
        if work.intent != Intent::Undo && guards::stopped(&situation).is_none() {
            situation.blast = Some(self.blast(work, at, now).await?);
        }
        let cleared = match plan.clear(&situation) {
            Ok(cleared) => cleared,
            Err(stopped) => {
                let found = Found::plain(stopped.outcome, before);
                return Ok(Found { is_question: stopped.is_question, changes, ..found });
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
        let changes = self.rim.ledger.count(&format!("{account}#{kind}#{}", now.strftime("%Y-%m-%dT%H"))).await?;
        let asks_for_share = work.views.iter().any(|view| view.terms.blast_radius.value.percent.is_some());
        let population = if asks_for_share { self.rim.surroundings.population(at.account, at.resource).await? } else { None };
        Ok(Blast { changes, population })
    }

    /// Records first, then tells: what is told is on record. A question is told first: only what people could read counts as asked.
    async fn report(&self, work: &Work, run: &Run, calls: Vec<String>, found: Found) -> Result<()> {
        let mut controls = ids(&work.views)?;
        let mut findings = work.findings();
        if let (Outcome::Undone { .. }, Some(taken_back)) = (&found.outcome, &found.taken_back) {
            let is_new = |id: &&ControlId| !work.views.iter().any(|view| view.entry.spec.id == id.as_str());
            controls.extend(taken_back.controls.iter().filter(is_new).cloned());
            let more: Vec<_> = taken_back.findings.iter().filter(|finding| !findings.contains(finding)).cloned().collect();
            findings.extend(more);
        }
        let said = said(&found.outcome, &found.before);
        let is_news = !controls.iter().all(|id| run.memory.get(id).is_some_and(|last| last.said == said));
        // Our own note makes an event: what leaves a finding NEW must not be said twice, or it would be said for ever. Who asked is answered.
        let is_to_be_said = is_news || found.outcome.workflow().is_some() || work.intent == Intent::Shown;
        if found.is_question {
            self.annotate(&findings, run.id, &found.outcome).await?;
        }
        let ended = self.rim.clock.now();
        let question = self::said(&guards::question(&found.changes), &found.before);
        let until = match found.outcome {
            Outcome::NeedsApproval { until, .. } => until,
            _ => None,
        };
        let asked = found.is_question.then(|| Asked { question, event: work.request.event.clone(), at: ended, until });
        let remembered = remember(&controls, run, &found, &said, asked, work, ended);
        let outcome = found.outcome.clone();
        let record = Record {
            run: run.id,
            clauses: work.views.iter().flat_map(|view| view.entry.spec.labels).map(ToString::to_string).collect(),
            controls,
            intent: work.intent,
            mode: work.mode(),
            decided_by: work.views.iter().min_by_key(|view| view.terms.mode.value).map(|view| view.terms.mode.by.clone()),
            by: work.request.by.clone(),
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
        let at_once = notice.as_ref().is_some_and(|notice| is_urgent(&outcome, notice.severity));
        let mut listed = due(work, &record);
        listed.extend(notice.iter().filter(|_| !at_once).map(|notice| Listed {
            list: List::Notices,
            at: ended,
            key: format!("{}#{}", notice.account, run.id),
            body: json!(notice).to_string(),
        }));
        self.rim.ledger.finish(&work.lane, &record, &remembered, &listed).await?;
        if is_to_be_said && !found.is_question {
            self.annotate(&record.findings, run.id, &outcome).await?;
        }
        // What is not taken here is logged and does not undo what was done: the finding and the record say the same.
        if let Some((subject, body)) = notice.filter(|_| at_once).and_then(|notice| letter(&[notice])) {
            if let Err(error) = self.rim.post.tell(&subject, &body).await {
                error!(run = %run.id, %error, "nobody was told");
            }
        }
        if is_news {
            if let Err(error) = self.rim.bus.announce(&record).await {
                error!(run = %run.id, %error, "the outcome was not announced");
            }
        }
        let Resource { account, region, id, .. } = &record.resource;
        let controls = show(&record.controls);
        let took = (ended - run.started).total(jiff::Unit::Millisecond).unwrap_or_default();
        info!(run = %run.id, %account, %region, resource = id, controls, mode = %record.mode, outcome = outcome.word(), ms = took, why = outcome.sentence(), "done");
        Ok(())
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

/// What time will bring of a run.
fn due(work: &Work, record: &Record) -> Vec<Listed> {
    let key = |job: &Job| {
        let finding = job.finding.as_ref().map_or("", |finding| finding.id.as_str());
        Digest::of(format!("{} {} {finding}", work.lane, show(&job.controls)).as_bytes())
    };
    let listed = |list, at, body: fn(&Job, &Record) -> Json| {
        let item = |job: &Job| Listed { list, at, key: key(job).to_string(), body: body(job, record).to_string() };
        work.jobs.iter().map(item).collect()
    };
    match record.outcome {
        Outcome::Deferred { until, .. } => listed(List::Later, until, |job, record| {
            json!(Job { intent: Intent::Automatic, request: Request::of(format!("put-off-{}", record.run), None), ..job.clone() })
        }),
        Outcome::Exempt { until, .. } => {
            listed(List::Exemptions, until, |job, record| json!({ "job": job, "run": record.run, "why": record.outcome.sentence() }))
        }
        _ => Vec::new(),
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

/// Good, as far as it is not exempt: what still violates the control without the exempt rules is not called resolved.
fn in_part(work: &Work, reading: &Reading, outcome: Outcome) -> Result<Outcome> {
    let changes = match &outcome {
        Outcome::Remediated { changes } => changes.clone(),
        Outcome::Compliant => Vec::new(),
        _ => return Ok(outcome),
    };
    for view in &work.views {
        let Some(last) = view.terms.exempt_rules.iter().min_by_key(|rule| rule.value.1.until) else { continue };
        if view.entry.want(reading, &view.terms.params)? != Want::Keep {
            let rules: Vec<_> = view.terms.exempt_rules.iter().map(|rule| rule.value.0.as_str()).collect();
            let why = format!("for {} {}", rules.join(", "), last.value.1);
            return Ok(Outcome::Exempt { why, until: last.value.1.until, changes });
        }
    }
    Ok(outcome)
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

/// Whether a request is an answer to a question: it is about the same, it was made after the question could be read, and before it ended. The
/// same click, delivered again or on several findings, is none.
fn answers(request: &Request, asked: &Asked, question: &Digest, now: Timestamp) -> bool {
    let is_open = asked.until.is_none_or(|until| now < until);
    is_open && asked.question == *question && request.event != asked.event && request.at.is_some_and(|at| at >= asked.at)
}

fn read_image(bytes: &[u8]) -> Result<Image> {
    serde_json::from_slice(bytes).map_err(|error| Error::new(Kind::Rejected, "the image", error.to_string()))
}

/// More changes than that are never looked back at.
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
        let exempt = if work.intent == Intent::Exempted {
            serde_json::from_value(found.before.clone()).ok()
        } else {
            old.and_then(|last| last.exempt.clone())
        };
        Last { run: run.id, outcome: found.outcome.word().to_owned(), said: said.clone(), changed, undone, asked, fixed, exempt }
    };
    controls.iter().map(|id| (id.clone(), last(id))).collect()
}
