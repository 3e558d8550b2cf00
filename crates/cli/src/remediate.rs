//! Plan, apply, undo, approve, exempt.

use std::{
    io::{IsTerminal as _, Write as _},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use redress_aws::{Clock as _, SecurityHub};
use redress_controls::{ORGANIZATION, find};
use redress_model::{
    FindingKey, Intent, Job, Outcome, Record, Rejection, Request, Resource, RunId, finding::SECURITY_GROUP, job::lane, policy::Case,
};
use redress_remediation::{Attempt, Engine, Finished, Undecided, View, Work};
use serde::Serialize;

use crate::{
    Done, Ended, Failure,
    args::{self, Exempt, Target},
    findings::{self, of_arguments},
    paint::{self, Printer, style},
    site::Site,
};

/// What became of one thing that was asked for.
#[derive(Serialize)]
struct Row {
    control: String,
    account: String,
    region: String,
    resource: String,
    /// The run; without one it was not worked on.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    #[serde(flatten)]
    outcome: Outcome,
    /// The sentence.
    said: String,
    /// Whether the run is on record in the deployed suite.
    #[serde(skip)]
    is_deployed: bool,
}

/// Shows what would be done.
pub(crate) async fn plan(printer: Printer, site: &args::Site, target: Target) -> Done {
    let site = Site::open(site, false).await?;
    let (jobs, left_out) = jobs(&site, target, Intent::Shown).await?;
    let rows = run_all(printer, &site, jobs).await;
    Ok(with_left_out(show(printer, &rows), &rows, left_out))
}

/// Sets right what is wrong, after asking what must be asked.
pub(crate) async fn apply(printer: Printer, args: &args::Site, target: Target, approve: bool) -> Done {
    // Only findings of Security Hub itself can be answered.
    let site = Site::open(args, target.finding.is_some() || args.deployment).await?;
    let (jobs, left_out) = jobs(&site, target, Intent::Requested).await?;
    let bar = printer.progress(jobs.len());
    let mut rows = Vec::new();
    for job in jobs {
        bar.set_message(job.resource.id.clone());
        let mut row = run_one(&site, &job).await;
        if matches!(row.outcome, Outcome::NeedsApproval { .. }) && (approve || bar.suspend(|| is_approved(printer, &row))) {
            // An answer is another event than the question, and later.
            site.clock.sleep(Duration::from_millis(5)).await;
            row = run_one(&site, &job_of(&site, Intent::Approved, job.resource, job.controls, job.finding)).await;
        }
        rows.push(row);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(with_left_out(show(printer, &rows), &rows, left_out))
}

/// Puts back what a run changed.
pub(crate) async fn undo(printer: Printer, args: &args::Site, run: RunId) -> Done {
    answer(printer, args, run, Intent::Undo).await
}

/// Says yes to the question that a run put.
pub(crate) async fn approve(printer: Printer, args: &args::Site, run: RunId) -> Done {
    answer(printer, args, run, Intent::Approved).await
}

async fn answer(printer: Printer, args: &args::Site, run: RunId, intent: Intent) -> Done {
    // What was said on a finding is taken back there.
    let site = Site::open(args, true).await?;
    let record = record(&site, run).await?;
    let Record { resource, controls, findings, .. } = record;
    let controls = if intent == Intent::Undo { controls.into_iter().take(1).collect() } else { controls };
    let mut job = job_of(&site, intent, resource, controls, findings.into_iter().next());
    job.request.about = Some(run);
    let row = do_or_send(&site, printer, job).await?;
    Ok(show(printer, &[row]))
}

/// Leaves a resource as it is for a time.
pub(crate) async fn exempt(printer: Printer, args: &args::Site, what: Exempt) -> Done {
    let site = Site::open(args, false).await?;
    let until = match (what.lift, what.until) {
        (true, _) => Some(site.now()),
        (false, Some(day)) => Some(end_of(day)?),
        (false, None) => None,
    };
    let mut rows = Vec::new();
    for mut job in jobs(&site, what.target, Intent::Exempted).await?.0 {
        job.request.until = until;
        job.request.reason = what.reason.clone();
        rows.push(do_or_send(&site, printer, job).await?);
    }
    Ok(show(printer, &rows))
}

fn end_of(day: jiff::civil::Date) -> Result<Timestamp, Failure> {
    let end = day.tomorrow().and_then(|next| next.to_zoned(jiff::tz::TimeZone::UTC));
    end.map(|end| end.timestamp()).map_err(|error| Failure::new(format!("{day}: {error}")))
}

/// In a deployment the suite does it, which may enter what the operator may not; without one it is done here.
async fn do_or_send(site: &Site, printer: Printer, job: Job) -> Result<Row, Failure> {
    // The suite's remediator enters members only; what is about the organization is the operator's.
    let is_organization_s = job.controls.iter().any(|control| ORGANIZATION.iter().any(|entry| entry.spec.id == control.as_str()));
    let Some(queue) = site.jobs.as_ref().filter(|_| !is_organization_s) else { return Ok(run_one(site, &job).await) };
    let body = serde_json::to_string(&job).map_err(|error| Failure::new(error.to_string()))?;
    let sent = site.now();
    queue.send_in_order(&body, job.lane().as_str(), &job.request.event).await?;
    printer.hint("sent to the deployed suite; waiting for its answer");
    for _ in 0..120 {
        site.clock.sleep(Duration::from_millis(500)).await;
        let records = site.ledger.recent(sent - SignedDuration::from_secs(5), site.now()).await?;
        let is_answer = |record: &&Record| record.event == job.request.event;
        if let Some(record) = records.iter().find(is_answer) {
            return Ok(row(site, &job, Some(record.run), record.outcome.clone()));
        }
    }
    Err(Failure::new(
        "the deployed suite did not answer within a minute; the job is in its queue: look again with redress history --deployment",
    ))
}

/// The record of a run.
pub(crate) async fn record(site: &Site, run: RunId) -> Result<Record, Failure> {
    let record = site.ledger.load(run).await?;
    record.ok_or_else(|| {
        Failure::new(format!("no run {run} is on record here: see redress history (and --deployment for those of the deployed suite)"))
    })
}

/// What was left out wants a look where nothing else came of it.
fn with_left_out(ended: Ended, rows: &[Row], left_out: usize) -> Ended {
    if rows.is_empty() && left_out > 0 { Ended::WithSomethingToDo } else { ended }
}

/// The jobs that the arguments ask for, and how many findings were left out.
async fn jobs(site: &Site, target: Target, intent: Intent) -> Result<(Vec<Job>, usize), Failure> {
    // A person hands the findings over: what counts is what they are about, not whether somebody was told already.
    let handed_over = if intent == Intent::Exempted { Intent::Requested } else { intent };
    let read = if let Some(id) = &target.finding {
        let found = SecurityHub::new(&site.sdk).find(id).await?;
        if found.is_empty() {
            return Err(Failure::new(format!("Security Hub has no finding `{id}` in this account and region")));
        }
        found.iter().map(|raw| findings::read(raw, handed_over)).collect()
    } else if target.files.is_empty() {
        let finding = of_arguments(&target.one)?;
        return Ok((vec![job_of(site, intent, finding.resource, finding.controls, None)], 0));
    } else {
        findings::of_files(&target.files, handed_over)?
    };
    // Only what Security Hub was asked for is answered there.
    let is_answered = target.finding.is_some() || site.jobs.is_some();
    let mut jobs = Vec::new();
    let mut left = Vec::new();
    for findings::Read { name, finding, .. } in read {
        match finding {
            Ok(finding) => jobs.push(job_of(site, intent, finding.resource, finding.controls, finding.key.filter(|_| is_answered))),
            Err(Rejection::Skipped(why) | Rejection::Suspicious(why)) => left.push(format!("{name}: {why}")),
        }
    }
    if !left.is_empty() {
        anstream::eprintln!("{} of {} findings are left out:\n  {}", left.len(), left.len() + jobs.len(), left.join("\n  "));
    }
    Ok((jobs, left.len()))
}

fn job_of(site: &Site, intent: Intent, resource: Resource, controls: Vec<redress_model::ControlId>, finding: Option<FindingKey>) -> Job {
    let now = site.now();
    let request = Request { by: Some(site.caller.arn.clone()), ..Request::of(format!("command-{}", site.clock.new_run()), Some(now)) };
    Job { intent, controls, resource, finding, request, params: serde_json::Value::Null, rounds: 0, after: None }
}

async fn run_all(printer: Printer, site: &Site, jobs: Vec<Job>) -> Vec<Row> {
    let bar = printer.progress(jobs.len());
    let mut rows = Vec::new();
    for job in jobs {
        bar.set_message(job.resource.id.clone());
        rows.push(run_one(site, &job).await);
        bar.inc(1);
    }
    bar.finish_and_clear();
    rows
}

/// A command has time: the lock is held for a quarter of an hour at most.
const TIME: SignedDuration = SignedDuration::from_mins(15);

async fn run_one(site: &Site, job: &Job) -> Row {
    let place = site.place(&job.resource.account).await;
    let view = |control: &redress_model::ControlId| {
        let entry = find(control.as_str())?;
        let case = Case { control, class: entry.spec.class, resource: &job.resource, place: place.as_ref(), tags: None };
        let view = View::new(entry, site.policy.decide(&case, site.now()));
        Some(if control.as_str() == SECURITY_GROUP { view.given(&site.groups) } else { view })
    };
    let views: Vec<_> = job.controls.iter().filter_map(view).collect();
    let undecided = views.iter().any(|view| view.terms.needs_tags).then(|| Undecided { policy: site.policy.clone(), place: place.clone() });
    let work = Work {
        views,
        lane: lane(&job.resource),
        resource: job.resource.clone(),
        intent: job.intent,
        request: job.request.clone(),
        jobs: vec![job.clone()],
        undecided,
    };
    let started = site.now();
    // Another run may hold the lock for a moment, or AWS be busy.
    let mut finished = Finished::LeftAlone;
    for (pause, attempt) in [(0, Attempt::More), (1, Attempt::More), (3, Attempt::More), (6, Attempt::Last)] {
        site.clock.sleep(Duration::from_secs(pause)).await;
        finished = Engine::new(site.rim(), site.now() + TIME).run(&work, attempt).await;
        if !matches!(finished, Finished::Again(_)) {
            break;
        }
    }
    let outcome = match finished {
        Finished::Done(outcome) | Finished::GivenUp(outcome) => outcome,
        Finished::Again(why) => Outcome::Failed { why },
        Finished::LeftAlone => Outcome::Held { why: "the policy switches the control off here".into() },
    };
    let recent = site.ledger.recent(started, site.now()).await.unwrap_or_default();
    let run = recent.iter().find(|record| record.event == job.request.event).map(|record| record.run);
    row(site, job, run, outcome)
}

fn row(site: &Site, job: &Job, run: Option<RunId>, outcome: Outcome) -> Row {
    Row {
        control: job.controls.iter().map(ToString::to_string).collect::<Vec<_>>().join("+"),
        account: job.resource.account.to_string(),
        region: job.resource.region.to_string(),
        resource: job.resource.id.clone(),
        run: run.map(|run| run.to_string()),
        said: outcome.sentence(),
        outcome,
        is_deployed: site.jobs.is_some(),
    }
}

/// Asks on a terminal.
fn is_approved(printer: Printer, row: &Row) -> bool {
    if printer.json || !std::io::stdin().is_terminal() {
        return false;
    }
    print_row(printer, row);
    anstream::eprint!("  Change it all the same? [y/N] ");
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// Prints what became of all, and says how the command ended.
fn show(printer: Printer, rows: &[Row]) -> Ended {
    if printer.json {
        paint::value(&rows);
    } else {
        for row in rows {
            print_row(printer, row);
        }
        if rows.len() > 1 {
            let mut counts = std::collections::BTreeMap::new();
            for row in rows {
                *counts.entry(row.outcome.word()).or_insert(0) += 1;
            }
            paint::title(&counts.iter().map(|(word, count)| format!("{count} {word}")).collect::<Vec<_>>().join(", "));
        }
    }
    let has = |wanted: fn(&Outcome) -> bool| rows.iter().any(|row| wanted(&row.outcome));
    if has(|outcome| matches!(outcome, Outcome::Failed { .. } | Outcome::PutBack { .. })) {
        Ended::Badly
    } else if has(|outcome| {
        !matches!(
            outcome,
            Outcome::Remediated { .. } | Outcome::Compliant | Outcome::Undone { .. } | Outcome::Absent | Outcome::Exempt { .. }
        )
    }) {
        Ended::WithSomethingToDo
    } else {
        Ended::Well
    }
}

fn print_row(printer: Printer, row: &Row) {
    let Row { control, account, region, resource, run, outcome, .. } = row;
    let style = style(outcome);
    let title = find(control).map_or("", |entry| entry.spec.title);
    paint::title(&format!("{control}  {title}"));
    anstream::println!("  {resource}\n  account {account}, {region}");
    let changes = match outcome {
        Outcome::Planned { changes, .. }
        | Outcome::NeedsApproval { changes, .. }
        | Outcome::Remediated { changes }
        | Outcome::Undone { changes }
        | Outcome::Exempt { changes, .. } => changes.as_slice(),
        _ => &[],
    };
    let (word, why) = match outcome {
        Outcome::Planned { asks, .. } if asks.is_empty() => ("would change", String::new()),
        Outcome::Planned { asks, .. } => ("would change, but not by itself", asks.join("; ")),
        Outcome::NeedsApproval { why, .. } => ("needs approval", why.clone()),
        Outcome::Remediated { .. } => ("changed and verified", String::new()),
        Outcome::Undone { .. } => ("undone and verified", String::new()),
        Outcome::Compliant => ("good", "nothing was changed".into()),
        Outcome::Exempt { why, .. } => ("exempt", why.clone()),
        other => (other.word(), other.sentence().split_once(": ").map_or_else(|| other.sentence(), |(_, why)| why.to_owned())),
    };
    let why = if why.is_empty() { why } else { format!(": {why}") };
    anstream::println!("  {style}{word}{style:#}{why}");
    paint::changes(changes);
    let where_it_is = if row.is_deployed { " --deployment" } else { "" };
    match (outcome, run) {
        (Outcome::Remediated { .. }, Some(run)) => printer.hint(&format!("  take it back with: redress undo {run}{where_it_is}")),
        (Outcome::NeedsApproval { .. }, Some(run)) => printer.hint(&format!("  say yes with: redress approve {run}{where_it_is}")),
        _ => {}
    }
    anstream::println!();
}
