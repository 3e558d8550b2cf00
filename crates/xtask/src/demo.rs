//! The main job, seen: fourteen violations in one member account are reported to Security Hub, worked on by the deployed functions, and
//! looked at afterwards by other code than theirs. Anything that is not as promised ends it with an error.
#![expect(clippy::disallowed_methods, reason = "a demonstration reads the clock")]

mod page;
mod show;
mod verdict;

use std::{
    collections::BTreeSet,
    fs, io,
    path::PathBuf,
    time::{Duration, Instant},
};

use redress_aws::{Account, Gate};
use redress_controls::{CATALOG, find};
use redress_e2e::{RUNTIME, Seen, World};
use redress_model::{Class, Partition, Resource};
use redress_remediation::{Entry, Want};
use redress_testkit::{
    events::finding,
    local::Options,
    stage::{Case, Place, Staged, cases},
};
use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::files::top;
use show::Progress;
use verdict::Verdicts;

/// The control whose remediation is undone at the end.
const UNDONE: &str = "S3.5";

/// One violation on its way.
struct Violation {
    entry: &'static Entry,
    staged: Staged,
    finding: Json,
    before: Json,
    sent: Instant,
    answered: Option<(Seen, Duration)>,
}

/// What the page and the file say of one violation.
#[derive(Debug, Clone, Serialize)]
struct Row {
    control: &'static str,
    title: &'static str,
    class: &'static str,
    clauses: Vec<String>,
    resource: String,
    outcome: String,
    workflow: String,
    changes: String,
    /// From the finding's import to its answer on the finding.
    milliseconds: u128,
    run: String,
    note: String,
    calls: Json,
    image: Json,
    before: Json,
    after: Json,
    /// What a reading of the live resource by other code says, after all.
    proof: String,
    kept_promise: bool,
}

/// Everything that was seen.
#[derive(Debug, Serialize)]
struct Evidence {
    account: String,
    region: String,
    started: jiff::Timestamp,
    seconds: f64,
    rows: Vec<Row>,
    undone: Row,
    verdicts: Option<Verdicts>,
}

/// Runs it all.
pub(crate) fn run(prowler: Option<PathBuf>) -> io::Result<()> {
    let started = Instant::now();
    show::step("starting a local AWS and deploying infra/template.yaml and infra/member-role.yaml on it");
    let world = World::start(&Options::new().modes("auto"));
    let outcome = RUNTIME.block_on(show_all(&world, prowler.as_deref(), started));
    world.local().stop();
    let evidence = outcome?;
    let directory = top().join("target/demo");
    fs::create_dir_all(&directory)?;
    fs::write(directory.join("evidence.json"), serde_json::to_string_pretty(&evidence)?)?;
    fs::write(directory.join("index.html"), page::html(&evidence))?;
    show::table(&evidence);
    println!("evidence: target/demo/index.html and target/demo/evidence.json");
    let broken: Vec<_> = evidence.rows.iter().chain([&evidence.undone]).filter(|row| !row.kept_promise).map(|row| row.control).collect();
    let unconvinced = evidence.verdicts.as_ref().map(Verdicts::unconvinced).unwrap_or_default();
    if broken.is_empty() && unconvinced.is_empty() {
        println!("all as promised, in {:.0} seconds", evidence.seconds);
        return Ok(());
    }
    Err(io::Error::other(format!("not as promised: {broken:?}; not convinced: {unconvinced:?}")))
}

async fn show_all(world: &World, prowler: Option<&std::path::Path>, started: Instant) -> io::Result<Evidence> {
    let member = world.local().ready().members.first().cloned().ok_or_else(|| io::Error::other("no member account"))?;
    let place = Place::new(world.local(), member, world.local().ready().region.clone()).await;
    show::step(&format!("staging {} violations in member account {}", CATALOG.len(), place.account));
    let mut violations = Vec::new();
    for case in first_cases() {
        violations.push(stage(&place, case).await?);
    }
    let before = prowler.map(|prowler| verdict::scan(prowler, world, &place, "before")).transpose()?;
    show::step("importing their findings into Security Hub; the rest is up to the functions");
    answer_all(world, &mut violations).await?;
    let after = prowler.map(|prowler| verdict::scan(prowler, world, &place, "after")).transpose()?;
    let mut rows = Vec::new();
    for violation in &violations {
        rows.push(row(world, &place, violation).await?);
    }
    show::step(&format!("undoing the remediation of {UNDONE} with Security Hub's custom action"));
    let undone = undo(world, &place, &violations).await?;
    let verdicts = before.zip(after).map(|(before, after)| Verdicts::of(&before, &after, &violations));
    Ok(Evidence {
        account: place.account.to_string(),
        region: place.region.to_string(),
        started: jiff::Timestamp::now(),
        seconds: started.elapsed().as_secs_f64(),
        rows,
        undone,
        verdicts,
    })
}

/// The first bad example of every control. IAM.16 is shown on the policy that IAM.15 staged: both are set right together.
fn first_cases() -> Vec<Case> {
    let mut seen = BTreeSet::new();
    cases().into_iter().filter(|case| seen.insert(case.control)).collect()
}

async fn stage(place: &Place<'_>, case: Case) -> io::Result<Violation> {
    let staged = case.stage(place).await;
    let before = staged.observe(place).await;
    let entry = find(case.control).ok_or_else(|| io::Error::other(case.control))?;
    Ok(Violation { entry, finding: finding(case.control, &staged), staged, before, sent: Instant::now(), answered: None })
}

async fn answer_all(world: &World, violations: &mut [Violation]) -> io::Result<()> {
    let progress = Progress::of(violations.len());
    for violation in violations.iter_mut() {
        violation.sent = Instant::now();
        world.import(&violation.finding).await;
    }
    let patience = Instant::now() + Duration::from_mins(2);
    while Instant::now() < patience {
        for violation in violations.iter_mut().filter(|violation| violation.answered.is_none()) {
            if let Some(seen) = world.see(&violation.finding).await.filter(|seen| !seen.run.is_empty()) {
                progress.answered(violation.entry.spec.id, &seen.outcome);
                violation.answered = Some((seen, violation.sent.elapsed()));
            }
        }
        if violations.iter().all(|violation| violation.answered.is_some()) {
            progress.done();
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let silent: Vec<_> =
        violations.iter().filter(|violation| violation.answered.is_none()).map(|violation| violation.entry.spec.id).collect();
    Err(io::Error::other(format!("no answer to {silent:?}")))
}

async fn row(world: &World, place: &Place<'_>, violation: &Violation) -> io::Result<Row> {
    let (seen, took) = violation.answered.as_ref().ok_or_else(|| io::Error::other("not answered"))?;
    let after = violation.staged.observe(place).await;
    let wants = reading(place, violation).await?;
    let tells = violation.entry.spec.class == Class::Tell;
    let (promised, proof, as_seen) = if tells {
        ("needs-person", "as it was", after == violation.before && wants != Want::Keep)
    } else {
        ("remediated", "good", after != violation.before && wants == Want::Keep)
    };
    let kept_promise = seen.outcome == promised && as_seen;
    let proof = if as_seen { proof.to_owned() } else { format!("NOT so: {wants:?}") };
    Ok(filled(world, violation, seen, *took, after, proof, kept_promise).await)
}

async fn filled(world: &World, violation: &Violation, seen: &Seen, took: Duration, after: Json, proof: String, kept_promise: bool) -> Row {
    let record = world.record(&seen.run).await;
    let spec = violation.entry.spec;
    let changes = record.pointer("/outcome/changes").and_then(Json::as_array);
    let changes = changes.map(|lines| lines.iter().filter_map(Json::as_str).collect::<Vec<_>>().join("; "));
    let image = match record.get("image") {
        None | Some(Json::Null) => Json::Null,
        Some(name) => json!({"name": name, "content": world.image(&seen.run).await}),
    };
    Row {
        control: spec.id,
        title: spec.title,
        class: spec.class.letter(),
        clauses: spec.labels().iter().map(ToString::to_string).collect(),
        resource: violation.staged.resource.clone(),
        outcome: seen.outcome.clone(),
        workflow: seen.workflow.clone(),
        changes: changes.unwrap_or_else(|| "nothing: the steps are in the note".into()),
        milliseconds: took.as_millis(),
        run: seen.run.clone(),
        note: seen.note.clone(),
        calls: record.get("calls").cloned().unwrap_or_default(),
        image,
        before: violation.before.clone(),
        after,
        proof,
        kept_promise,
    }
}

/// What the control says of the live resource now, read as the account's root and not by the functions.
async fn reading(place: &Place<'_>, violation: &Violation) -> io::Result<Want<Json>> {
    let entry = violation.entry;
    let gate = Gate::new(entry.reads.iter().map(|action| action.name));
    let partition = Partition::try_from("aws").map_err(io::Error::other)?;
    let account = Account::new(place.account.clone(), place.region.clone(), partition.clone(), &place.sdk, gate, jiff::Timestamp::now());
    let kind = violation.finding.pointer("/Resources/0/Type").and_then(Json::as_str).unwrap_or_default().to_owned();
    let id = violation.staged.resource.clone();
    let resource = Resource { kind, id, account: place.account.clone(), region: place.region.clone(), partition, name: None, path: None };
    let reading = entry.get(&resource, &Json::Null, &account).await.map_err(io::Error::other)?;
    let reading = reading.ok_or_else(|| io::Error::other(format!("{} is gone", violation.staged.resource)))?;
    entry.want(&reading, &Json::Null).map_err(io::Error::other)
}

async fn undo(world: &World, place: &Place<'_>, violations: &[Violation]) -> io::Result<Row> {
    let violation = violations.iter().find(|violation| violation.entry.spec.id == UNDONE).ok_or_else(|| io::Error::other(UNDONE))?;
    let (seen, _) = violation.answered.as_ref().ok_or_else(|| io::Error::other("not answered"))?;
    let asked = Instant::now();
    world.choose("RedressUndo", &violation.finding);
    let undone = world.answer(&violation.finding, Some(seen)).await;
    let took = asked.elapsed();
    let after = violation.staged.observe(place).await;
    let is_back = after == violation.before;
    let proof = if is_back { "as it was before" } else { "NOT as it was" };
    let kept_promise = is_back && undone.outcome == "undone";
    Ok(filled(world, violation, &undone, took, after, proof.to_owned(), kept_promise).await)
}
