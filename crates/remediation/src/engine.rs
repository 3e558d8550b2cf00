//! The engine: takes work, and always ends in an honest outcome.

use jiff::{SignedDuration, Timestamp};
use redress_aws::{Account, Accounts, Annotation, Asked, Begun, Clock, Error, Hub, Kind, Last, Ledger, Memory, Post, Result, Vault, Visit};
use redress_model::{
    Class, ControlId, Digest, ImageName, Intent, Mode, Outcome, Record, Request, Resource, RunId, job::FindingKey, outcome::note,
};
use serde_json::Value as Json;
use tracing::{error, info, warn};

use crate::{
    Entry, Image, Reading, Want, guards,
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
    /// Tells the time.
    pub clock: &'a dyn Clock,
}

/// Work on one setting of one resource, for one or more controls and findings.
#[derive(Debug, Clone)]
pub struct Work {
    /// The controls; all of the same setting, never empty.
    pub entries: Vec<&'static Entry>,
    /// The resource.
    pub resource: Resource,
    /// What may not be worked on twice at once.
    pub lane: Digest,
    /// Who wants it.
    pub intent: Intent,
    /// How far it may go.
    pub mode: Mode,
    /// The event that asked for it.
    pub request: Request,
    /// The findings to be answered.
    pub findings: Vec<FindingKey>,
    /// The controls' parameters; null for their defaults.
    pub params: Json,
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
}

impl Found {
    fn plain(outcome: Outcome, before: Json) -> Self {
        Self { outcome, image: None, left: None, before, taken_back: None }
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
        let found = self.work_on(work, &run, &mut calls).await;
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
        if let Err(error) = self.annotate(&work.findings, run, &outcome).await {
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

    async fn work_on(&self, work: &Work, run: &Run, calls: &mut Vec<String>) -> Result<Found> {
        let (Some(entry), account) = (work.entries.first().copied(), self.enter(work, run.id).await?) else {
            return Err(Error::malformed("the work", "it names no control"));
        };
        let Work { entries, resource, params, .. } = work;
        let at = Applying { entries, entry, resource, params, account: &account, clock: self.rim.clock };
        let found = match work.intent {
            Intent::Undo => self.take_back(work, run, &at).await,
            Intent::Automatic | Intent::Requested => self.remediate(work, run, &at).await,
        };
        *calls = account.gate().passed();
        found
    }

    /// Only a run that may write gets the permission to.
    async fn enter(&self, work: &Work, run: RunId) -> Result<Account> {
        let may_write = work.mode == Mode::Auto && class(&work.entries) != Class::Tell;
        let writes = work.entries.iter().filter(|_| may_write).flat_map(|entry| entry.writes);
        let mut actions: Vec<_> = work.entries.iter().flat_map(|entry| entry.reads).chain(writes).map(|action| action.name).collect();
        actions.sort_unstable();
        actions.dedup();
        let Resource { account, region, partition, .. } = &work.resource;
        self.rim.accounts.enter(Visit { account, region, partition, run, now: self.rim.clock.now(), actions }).await
    }

    async fn remediate(&self, work: &Work, run: &Run, at: &Applying<'_>) -> Result<Found> {
        let Some(reading) = at.read().await? else { return Ok(Found::plain(Outcome::Absent, Json::Null)) };
        let before = reading.value.clone();
        let (after, asks) = match wanted(work, reading)? {
            Wanted::Value(after, asks) => (after, asks),
            Wanted::Nothing(outcome) => return Ok(Found::plain(outcome, before)),
        };
        if at.entry.same(&before, &after)? {
            return self.adopt(work, run, at, before).await;
        }
        let plan = Plan::new(at.entry, before, after)?;
        self.carry_out(work, run, at, plan, &asks, Proof::ControlsKeep).await
    }

    /// Compliant. Where a run before was cut off after its change, the change goes on record now, so that it can be undone.
    async fn adopt(&self, work: &Work, run: &Run, at: &Applying<'_>, live: Json) -> Result<Found> {
        let found = Found::plain(Outcome::Compliant, live.clone());
        let Some(interrupted) = run.interrupted else { return Ok(found) };
        let Ok((name, bytes)) = self.rim.vault.load(interrupted).await else { return Ok(found) };
        let image = read_image(&bytes)?;
        let is_its_work = image.controls == ids(work)? && image.setting == at.entry.setting && at.entry.same(&live, &image.after)?;
        if !is_its_work {
            return Ok(found);
        }
        warn!(run = %run.id, %interrupted, "the change of an interrupted run goes on record");
        Ok(Found { image: Some(name), left: Some(live), ..found })
    }

    async fn take_back(&self, work: &Work, run: &Run, at: &Applying<'_>) -> Result<Found> {
        let held = |why: String, before| Ok(Found::plain(Outcome::Held { why }, before));
        let mine = ids(work)?;
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
        let ids = ids(work)?;
        let (before, after) = (plan.before().clone(), plan.after().clone());
        let changes = plan.changes().to_vec();
        let question = guards::question(asks, plan.undo(), &changes).map(|question| said(&question, &before));
        let situation = guards::Situation {
            mode: work.mode,
            intent: work.intent,
            class: class(&work.entries),
            changes: &changes,
            asks,
            undo: plan.undo(),
            asked_before: ids
                .iter()
                .filter_map(|id| run.memory.get(id)?.asked.as_ref())
                .any(|asked| answers(&work.request, asked, question.as_ref())),
            undone: ids.iter().filter_map(|id| run.memory.get(id)?.undone).max(),
        };
        let cleared = match plan.clear(&situation) {
            Ok(cleared) => cleared,
            Err(outcome) => return Ok(Found::plain(outcome, before)),
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
                Proof::ControlsKeep => (Outcome::Remediated { changes }, Some(left)),
                Proof::AsPlanned => (Outcome::Undone { changes }, None),
            },
            Ok(Verified::Not { outcome, left }) => (outcome, left),
            // The change was made and nobody could read it again: that is said, and it can still be undone.
            Err(error) => (Outcome::Failed { why: format!("changed, but not verified: {error}") }, Some(after)),
        };
        // What an undo leaves half done is still the change of the run before it.
        let left = left.filter(|_| proof == Proof::ControlsKeep);
        Ok(Found { outcome, image, left, before, taken_back: None })
    }

    /// Records first, then tells: what is told is on record. A question is told first: only what people could read counts as asked.
    async fn report(&self, work: &Work, run: &Run, calls: Vec<String>, found: Found) -> Result<()> {
        let mut controls = ids(work)?;
        let mut findings = work.findings.clone();
        if let (Outcome::Undone { .. }, Some(taken_back)) = (&found.outcome, &found.taken_back) {
            controls
                .extend(taken_back.controls.iter().filter(|id| !work.entries.iter().any(|entry| entry.spec.id == id.as_str())).cloned());
            findings.extend(taken_back.findings.iter().filter(|finding| !work.findings.contains(finding)).cloned());
        }
        let said = said(&found.outcome, &found.before);
        let is_news = !controls.iter().all(|id| run.memory.get(id).is_some_and(|last| last.said == said));
        // Our own note makes an event: what leaves a finding NEW must not be said twice, or it would be said for ever.
        let is_to_be_said = is_news || found.outcome.workflow().is_some();
        let asks = matches!(found.outcome, Outcome::NeedsApproval { .. });
        if asks {
            self.annotate(&findings, run.id, &found.outcome).await?;
        }
        let ended = self.rim.clock.now();
        let asked = asks.then(|| Asked { question: said.clone(), event: work.request.event.clone(), at: ended });
        let remembered = remember(&controls, run, &found, &said, asked, ended);
        let outcome = found.outcome.clone();
        let record = Record {
            run: run.id,
            clauses: work.entries.iter().flat_map(|entry| entry.spec.labels).map(ToString::to_string).collect(),
            controls,
            intent: work.intent,
            mode: work.mode,
            resource: work.resource.clone(),
            findings,
            outcome: found.outcome,
            image: found.image,
            left: found.left,
            calls,
            started: run.started,
            ended,
        };
        self.rim.ledger.finish(&work.lane, &record, &remembered).await?;
        if is_to_be_said && !asks {
            self.annotate(&record.findings, run.id, &outcome).await?;
        }
        if is_news && outcome.wants_a_person() {
            self.tell(&record).await;
        }
        let Resource { account, region, id, .. } = &record.resource;
        let controls = show(&record.controls);
        let took = (ended - run.started).total(jiff::Unit::Millisecond).unwrap_or_default();
        info!(run = %run.id, %account, %region, resource = id, controls, mode = %work.mode, outcome = outcome.word(), ms = took, why = outcome.sentence(), "done");
        Ok(())
    }

    async fn annotate(&self, findings: &[FindingKey], run: RunId, outcome: &Outcome) -> Result<()> {
        let fields = vec![("redress-run".into(), run.to_string()), ("redress-outcome".into(), outcome.word().into())];
        let annotation = Annotation { workflow: outcome.workflow(), note: note(outcome, run), fields };
        self.rim.hub.annotate(findings, &annotation).await
    }

    /// A message that is not taken is logged and does not undo what was done: the finding and the record say the same.
    async fn tell(&self, record: &Record) {
        let Record { run, resource, outcome, .. } = record;
        let controls = show(&record.controls);
        let subject = format!("Redress: {controls} in {} {}: {}", resource.account, resource.region, outcome.word());
        let body = format!(
            "{}\n\ncontrol   {controls}\nresource  {}\naccount   {}\nregion    {}\nrun       {run}\n",
            outcome.sentence(),
            resource.id,
            resource.account,
            resource.region
        );
        if let Err(error) = self.rim.post.tell(&subject, &body).await {
            error!(%run, %error, "nobody was told");
        }
    }
}

enum Wanted {
    Value(Json, Vec<String>),
    Nothing(Outcome),
}

/// What all controls of the work want together: each sees what the ones before it want.
fn wanted(work: &Work, mut reading: Reading) -> Result<Wanted> {
    let mut asks = Vec::new();
    for entry in &work.entries {
        match entry.want(&reading, &work.params)? {
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

fn ids(work: &Work) -> Result<Vec<ControlId>> {
    work.entries.iter().map(|entry| entry.id()).collect()
}

fn show(controls: &[ControlId]) -> String {
    controls.iter().map(ControlId::as_str).collect::<Vec<_>>().join("+")
}

/// The strictest class of all.
fn class(entries: &[&'static Entry]) -> Class {
    let has = |class| entries.iter().any(|entry| entry.spec.class == class);
    [Class::Tell, Class::Guarded].into_iter().find(|class| has(*class)).unwrap_or(Class::Automatic)
}

/// The sum of the gist of what is said and of what it is said about.
fn said(outcome: &Outcome, before: &Json) -> Digest {
    Digest::of(format!("{}\n{before}", outcome.gist()).as_bytes())
}

/// Whether a request is an answer to a question: it is about the same, and it was made after the question could be read. The same click,
/// delivered again or on several findings, is none.
fn answers(request: &Request, asked: &Asked, question: Option<&Digest>) -> bool {
    Some(&asked.question) == question && request.event != asked.event && request.at.is_some_and(|at| at >= asked.at)
}

fn read_image(bytes: &[u8]) -> Result<Image> {
    serde_json::from_slice(bytes).map_err(|error| Error::new(Kind::Rejected, "the image", error.to_string()))
}

fn remember(controls: &[ControlId], run: &Run, found: &Found, said: &Digest, asked: Option<Asked>, now: Timestamp) -> Memory {
    let last = |id: &ControlId| {
        let old = run.memory.get(id);
        let (changed, undone) = match found.outcome {
            Outcome::Undone { .. } => (None, Some(now)),
            _ if found.left.is_some() => (Some(run.id), None),
            _ => (old.and_then(|last| last.changed), old.and_then(|last| last.undone)),
        };
        let asked = asked.clone().or_else(|| old.and_then(|last| last.asked.clone()));
        Last { run: run.id, outcome: found.outcome.word().to_owned(), said: said.clone(), changed, undone, asked }
    };
    controls.iter().map(|id| (id.clone(), last(id))).collect()
}
