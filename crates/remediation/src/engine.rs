//! The engine: takes work, and always ends in an honest outcome.

use jiff::{SignedDuration, Timestamp};
use redress_aws::{Account, Accounts, Annotation, Begun, Clock, Error, Hub, Last, Ledger, Memory, Post, Result, Vault, Visit};
use redress_model::{Class, ControlId, Digest, Intent, Mode, Outcome, Record, Resource, RunId, job::FindingKey, outcome::note};
use serde_json::Value as Json;
use tracing::{error, info, warn};

use crate::{
    Entry, Image, Reading, Want, guards,
    plan::{Applying, Plan, Proof},
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

/// What a run has found out so far.
struct Found {
    outcome: Outcome,
    image: Option<Digest>,
    left: Option<Json>,
    /// What was read first, for telling whether the same is said about the same.
    before: Json,
}

impl Found {
    fn plain(outcome: Outcome, before: Json) -> Self {
        Self { outcome, image: None, left: None, before }
    }
}

impl<'a> Engine<'a> {
    /// An engine whose invocation ends at `deadline`.
    pub fn new(rim: Rim<'a>, deadline: Timestamp) -> Self {
        Self { rim, deadline }
    }

    /// Does the work. Never fails: every failure is an outcome, or a reason to try again.
    pub async fn run(&self, work: &Work, attempt: Attempt) -> Finished {
        let run = self.rim.clock.new_run();
        let started = self.rim.clock.now();
        let until = self.deadline.max(started + SignedDuration::from_secs(1));
        let memory = match self.rim.ledger.begin(&work.lane, run, started, until).await {
            Ok(Begun::Free(memory)) => memory,
            Ok(Begun::Busy) => return Finished::Again("another run is working on this resource".into()),
            Err(error) => return Finished::Again(format!("the ledger cannot be written, so nothing is changed: {error}")),
        };
        let mut calls = Vec::new();
        let found = self.work_on(work, run, &memory, &mut calls).await;
        let (found, given_up) = match (found, attempt) {
            (Ok(Found { outcome: Outcome::InProgress { why }, .. }), Attempt::More) => return self.again(work, run, why).await,
            (Ok(found), _) => (found, false),
            (Err(error), Attempt::More) if error.is_retryable() => return self.again(work, run, error.to_string()).await,
            (Err(error), _) => {
                let given_up = error.is_retryable();
                (Found::plain(Outcome::Failed { why: error.to_string() }, Json::Null), given_up)
            }
        };
        let outcome = found.outcome.clone();
        match self.report(work, run, started, &memory, calls, found).await {
            Ok(()) if given_up => Finished::GivenUp(outcome),
            Ok(()) => Finished::Done(outcome),
            Err(error) if attempt == Attempt::More && error.is_retryable() => {
                Finished::Again(format!("{}, but it could not be reported: {error}", outcome.word()))
            }
            Err(error) => {
                error!(%run, outcome = outcome.word(), %error, "the outcome could not be reported");
                Finished::GivenUp(outcome)
            }
        }
    }

    async fn again(&self, work: &Work, run: RunId, why: String) -> Finished {
        if let Err(error) = self.rim.ledger.release(&work.lane, run).await {
            warn!(%run, %error, "the lock was not given back; it ends by itself");
        }
        Finished::Again(why)
    }

    async fn work_on(&self, work: &Work, run: RunId, memory: &Memory, calls: &mut Vec<String>) -> Result<Found> {
        let (Some(entry), account) = (work.entries.first().copied(), self.enter(work, run).await?) else {
            return Err(Error::malformed("the work", "it names no control"));
        };
        let Work { entries, resource, params, .. } = work;
        let at = Applying { entries, entry, resource, params, account: &account, clock: self.rim.clock };
        let found = match work.intent {
            Intent::Undo => self.take_back(work, run, memory, &at).await,
            Intent::Automatic | Intent::Requested => self.remediate(work, run, memory, &at).await,
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

    async fn remediate(&self, work: &Work, run: RunId, memory: &Memory, at: &Applying<'_>) -> Result<Found> {
        let Some(reading) = at.read().await? else { return Ok(Found::plain(Outcome::Absent, Json::Null)) };
        let before = reading.value.clone();
        let (after, asks) = match wanted(work, reading)? {
            Wanted::Value(after, asks) => (after, asks),
            Wanted::Nothing(outcome) => return Ok(Found::plain(outcome, before)),
        };
        if at.entry.same(&before, &after)? {
            return Ok(Found::plain(Outcome::Compliant, before));
        }
        let plan = Plan::new(at.entry, before.clone(), after)?;
        self.carry_out(work, run, memory, at, plan, &asks, before, Proof::ControlsKeep).await
    }

    async fn take_back(&self, work: &Work, run: RunId, memory: &Memory, at: &Applying<'_>) -> Result<Found> {
        let held = |why: String, before| Ok(Found::plain(Outcome::Held { why }, before));
        let changed = ids(work)?.iter().filter_map(|id| memory.get(id)?.changed).max();
        let Some(changed) = changed else { return held("no change of this control on this resource is on record".into(), Json::Null) };
        let Some(record) = self.rim.ledger.load(changed).await? else {
            return held(format!("the record of run {changed} is gone"), Json::Null);
        };
        let (Some(name), Some(left)) = (record.image, record.left) else {
            return held(format!("run {changed} left no image"), Json::Null);
        };
        let image: Image =
            serde_json::from_slice(&self.rim.vault.load(&name).await?).map_err(|error| Error::malformed("the image", error.to_string()))?;
        let Some(live) = at.read().await? else { return Ok(Found::plain(Outcome::Absent, Json::Null)) };
        if !at.entry.same(&live.value, &left)? {
            let why = format!("the value was changed since run {changed}; undoing would overwrite somebody else's change");
            return held(why, live.value);
        }
        let plan = Plan::new(at.entry, live.value.clone(), image.before)?;
        self.carry_out(work, run, memory, at, plan, &[], live.value, Proof::AsPlanned).await
    }

    #[expect(clippy::too_many_arguments, reason = "the sentence has that many words; a struct of them would have one user")]
    async fn carry_out(
        &self,
        work: &Work,
        run: RunId,
        memory: &Memory,
        at: &Applying<'_>,
        plan: Plan,
        asks: &[String],
        before: Json,
        proof: Proof,
    ) -> Result<Found> {
        let ids = ids(work)?;
        let changes = plan.changes().to_vec();
        let question = guards::question(asks, plan.undo(), &changes).map(|question| said(&question, &before));
        let after = plan.after().clone();
        let situation = guards::Situation {
            mode: work.mode,
            intent: work.intent,
            class: class(&work.entries),
            changes: &changes,
            asks,
            undo: plan.undo(),
            asked_before: ids.iter().any(|id| memory.get(id).is_some_and(|last| Some(&last.said) == question.as_ref())),
            undone: ids.iter().filter_map(|id| memory.get(id)?.undone).max(),
        };
        let cleared = match plan.clear(&situation) {
            Ok(cleared) => cleared,
            Err(outcome) => return Ok(Found::plain(outcome, before)),
        };
        let image = |before, after| Image {
            run,
            controls: ids,
            setting: at.entry.setting.to_owned(),
            resource: work.resource.clone(),
            before,
            after,
        };
        let saved = cleared
            .save(self.rim.vault, image)
            .await
            .map_err(|error| Error { message: format!("the image was not saved, so nothing was changed: {}", error.message), ..error })?;
        let applied = match saved.apply(at).await? {
            Ok(applied) => applied,
            Err(outcome) => return Ok(Found::plain(outcome, before)),
        };
        let image = Some(applied.image().clone());
        let (outcome, left) = match applied.verify(at, proof).await {
            Ok(Ok((left, changes))) => match proof {
                Proof::ControlsKeep => (Outcome::Remediated { changes }, Some(left)),
                Proof::AsPlanned => (Outcome::Undone { changes }, None),
            },
            Ok(Err(outcome)) => (outcome, None),
            // The change was made and nobody could read it again: that is said, and it can still be undone.
            Err(error) => (Outcome::Failed { why: format!("changed, but not verified: {error}") }, Some(after)),
        };
        Ok(Found { outcome, image, left, before })
    }

    /// Records first, then tells: what is told is on record.
    async fn report(&self, work: &Work, run: RunId, started: Timestamp, memory: &Memory, calls: Vec<String>, found: Found) -> Result<()> {
        let controls = ids(work)?;
        let said = said(&found.outcome, &found.before);
        let is_news = !controls.iter().all(|id| memory.get(id).is_some_and(|last| last.said == said));
        let ended = self.rim.clock.now();
        let remembered = remember(&controls, memory, run, &found, &said, ended);
        let outcome = found.outcome.clone();
        let record = Record {
            run,
            clauses: work.entries.iter().flat_map(|entry| entry.spec.labels).map(ToString::to_string).collect(),
            controls,
            intent: work.intent,
            mode: work.mode,
            resource: work.resource.clone(),
            findings: work.findings.clone(),
            outcome: found.outcome,
            image: found.image,
            left: found.left,
            calls,
            started,
            ended,
        };
        self.rim.ledger.finish(&work.lane, &record, &remembered).await?;
        self.annotate(work, run, &outcome, is_news).await?;
        if is_news && outcome.wants_a_person() {
            self.tell(&record).await;
        }
        let Resource { account, region, id, .. } = &record.resource;
        let controls = show(&record.controls);
        let took = (ended - started).total(jiff::Unit::Millisecond).unwrap_or_default();
        info!(%run, %account, %region, resource = id, controls, mode = %work.mode, outcome = outcome.word(), ms = took, why = outcome.sentence(), "done");
        Ok(())
    }

    async fn annotate(&self, work: &Work, run: RunId, outcome: &Outcome, is_news: bool) -> Result<()> {
        let workflow = outcome.workflow();
        // Our own note makes an event: what leaves a finding NEW must not be said twice, or it would be said for ever.
        if workflow.is_none() && !is_news {
            return Ok(());
        }
        let fields = vec![("redress-run".into(), run.to_string()), ("redress-outcome".into(), outcome.word().into())];
        let annotation = Annotation { workflow, note: note(outcome, run), fields };
        match self.rim.hub.annotate(&work.findings, &annotation).await {
            Err(error) if error.kind == redress_aws::Kind::NotFound => {
                warn!(%run, %error, "the finding is gone");
                Ok(())
            }
            other => other,
        }
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

/// The sum of what is said and of what it is said about.
fn said(outcome: &Outcome, before: &Json) -> Digest {
    Digest::of(format!("{}\n{}\n{before}", outcome.word(), outcome.sentence()).as_bytes())
}

fn remember(controls: &[ControlId], memory: &Memory, run: RunId, found: &Found, said: &Digest, now: Timestamp) -> Memory {
    let last = |id: &ControlId| {
        let old = memory.get(id);
        let (changed, undone) = match found.outcome {
            Outcome::Undone { .. } => (None, Some(now)),
            _ if found.left.is_some() => (Some(run), None),
            _ => (old.and_then(|last| last.changed), old.and_then(|last| last.undone)),
        };
        Last { run, outcome: found.outcome.word().to_owned(), said: said.clone(), changed, undone }
    };
    controls.iter().map(|id| (id.clone(), last(id))).collect()
}
