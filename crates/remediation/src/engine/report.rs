//! How a run is recorded, said on findings, and told.

use jiff::Timestamp;
use redress_aws::{Annotation, Asked, List, Listed, Memory, Result};
use redress_model::{
    ControlId, Digest, Intent, Job, Outcome, Record, Request, Resource, RunId, Severity, Workflow,
    job::FindingKey,
    notice::{Notice, letter},
    outcome::note,
};
use serde_json::json;
use tracing::{error, info, warn};

use super::{
    Aside, Engine, Found, Run, Work,
    memory::{is_under_way, remember, said, sum},
    pause,
    work::{ids, show},
};

impl Engine<'_> {
    /// Records first, then tells: what is told is on record. A question is told first: only what people could read counts as asked.
    pub(super) async fn report(&self, work: &Work, run: &Run, calls: Vec<String>, found: Found, aside: &Aside) -> Result<()> {
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
        let asked = question.as_ref().map(|question| {
            let new = Asked {
                question: sum(question, &found.before),
                guards: question.guards.iter().map(|guard| (*guard).to_owned()).collect(),
                event: work.request.event.clone(),
                at: ended,
                until: question.until,
                run: run.id,
                params: work.params_asked_with(&run.memory),
            };
            // Put again, the same question is as old as it is: an answer to it may be on its way.
            match controls.iter().find_map(|id| run.memory.get(id)?.asked.as_ref()).filter(|standing| standing.stands_for(&new, ended)) {
                Some(standing) => Asked { event: standing.event.clone(), at: standing.at, ..new },
                None => new,
            }
        });
        // Who only looks changes nothing, not even what we remember.
        let remembered = if is_shown { Memory::new() } else { remember(&controls, run, &found, &said, asked, work, ended) };
        let outcome = found.outcome.clone();
        let record = Record {
            run: run.id,
            clauses: work.views.iter().flat_map(|view| view.entry.spec.labels()).map(ToString::to_string).collect(),
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
        let mut listed = due(&work.jobs, &outcome, work, run.id, is_under_way(work, run), ended);
        for (job, outcome) in &aside.exempt {
            listed.extend(due(std::slice::from_ref(job), outcome, work, run.id, false, ended));
        }
        if !self.rim.timer.lists() {
            listed.retain(|item| item.list != List::Later);
        }
        let next = listed.iter().filter(|item| item.list == List::Later).map(|item| item.at).min();
        listed.extend(listed_notice.clone());
        self.rim.ledger.finish(&work.lane, &record, &remembered, &listed).await?;
        self.wake(next, run).await;
        if work.intent == Intent::Passed {
            self.strike_what_was_open(&record, run).await;
        }
        let answered = if is_to_be_said && question.is_none() { self.answer(&record, aside).await } else { Ok(()) };
        let answered = answered.and(self.answer_exempt(&record, aside).await);
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

    /// What people were yet to be told of a finding that has passed since is taken off the next digest.
    async fn strike_what_was_open(&self, record: &Record, run: &Run) {
        for last in record.controls.iter().filter_map(|id| run.memory.get(id)) {
            let Ok(Some(told)) = self.rim.ledger.load(last.run).await else { continue };
            let key = format!("{}#{}", record.resource.account, last.run);
            let item = Listed { list: List::Notices, at: told.ended, key, body: String::new() };
            if let Err(error) = self.rim.ledger.strike(&item).await {
                warn!(run = %run.id, %error, "people will be told of what has passed");
            }
        }
    }

    /// Has the suite woken for what goes on later. Without it the sweeper's own schedule comes a little later.
    async fn wake(&self, at: Option<Timestamp>, run: &Run) {
        let Some(at) = at else { return };
        if let Err(error) = self.rim.timer.wake(at).await {
            warn!(run = %run.id, %error, "nobody wakes us; the next sweep goes on");
        }
    }

    /// Says on the findings of exempt controls that they are, whatever became of the others.
    async fn answer_exempt(&self, record: &Record, aside: &Aside) -> Result<()> {
        let mut result = Ok(());
        for (job, outcome) in &aside.exempt {
            let findings: Vec<_> = job.finding.iter().cloned().collect();
            result = result.and(self.annotate(&findings, record.run, outcome).await);
        }
        result
    }

    /// Says on the run's findings what became of them.
    async fn answer(&self, record: &Record, aside: &Aside) -> Result<()> {
        let Record { run, findings, outcome, .. } = record;
        let resolves = outcome.workflow() == Some(Workflow::Resolved);
        let is_partly = |finding: &&FindingKey| resolves && aside.partly.iter().any(|(partly, _)| partly == *finding);
        let (partly, whole): (Vec<_>, Vec<_>) = findings.iter().partition(is_partly);
        let whole: Vec<_> = whole.into_iter().cloned().collect();
        let mut result = if whole.is_empty() { Ok(()) } else { self.annotate(&whole, *run, outcome).await };
        for (finding, outcome) in aside.partly.iter().filter(|(finding, _)| partly.contains(&finding)) {
            result = result.and(self.annotate(std::slice::from_ref(finding), *run, outcome).await);
        }
        result
    }

    /// What people are told of a run.
    async fn notice(&self, work: &Work, record: &Record) -> Notice {
        let Record { run, resource, outcome, .. } = record;
        // Without its name the number has to do.
        let account_name = self.rim.places.name(&resource.account, record.ended).await.ok();
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

    pub(super) async fn annotate(&self, findings: &[FindingKey], run: RunId, outcome: &Outcome) -> Result<()> {
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
fn due(jobs: &[Job], outcome: &Outcome, work: &Work, run: RunId, under_way: bool, now: Timestamp) -> Vec<Listed> {
    let (list, at) = match outcome {
        Outcome::Deferred { until, .. } => (List::Later, *until),
        Outcome::Exempt { until, .. } => (List::Exemptions, *until),
        // Who only looks does not look again.
        Outcome::InProgress { next, .. } if work.intent != Intent::Shown => (List::Later, *next),
        // People are told, and it is tried again all the same: nothing may be left between two stages.
        Outcome::Held { .. } | Outcome::Failed { .. } | Outcome::PutBack { .. } if under_way => (List::Later, now + pause(work)),
        _ => return Vec::new(),
    };
    let mut listed: Vec<Listed> = Vec::new();
    for job in jobs {
        let finding = job.finding.as_ref().map_or("", |finding| finding.id.as_str());
        let key = Digest::of(format!("{} {} {finding}", work.lane, show(&job.controls)).as_bytes()).to_string();
        let goes_on = Job { after: Some(run), rounds: job.rounds + 1, ..job.clone() };
        let again = match outcome {
            // It goes on as it was begun, with the consent that it had.
            Outcome::InProgress { changes, .. } => {
                // What an undo was about is undone; it goes on with the stage before.
                let about = job.request.about.filter(|_| job.intent != Intent::Undo);
                let rounds = if changes.is_empty() { goes_on.rounds } else { 0 };
                Job { rounds, request: Request { about, ..job.request.clone() }, ..goes_on }
            }
            Outcome::Held { .. } | Outcome::Failed { .. } | Outcome::PutBack { .. } => goes_on,
            _ => Job { intent: Intent::Automatic, request: Request::of(format!("later-{run}"), None), ..job.clone() },
        };
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
