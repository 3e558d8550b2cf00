//! The main job, seen: a violation of every control, in three member accounts and two regions, is reported to Security Hub, worked on by the
//! deployed functions, and looked at afterwards by other code than theirs. Questions are answered as a person would, by Security Hub's custom
//! action. Anything that is not as promised ends the demonstration with an error.
#![expect(clippy::disallowed_methods, reason = "a demonstration reads the clock")]

mod page;
mod show;
mod verdict;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::PathBuf,
    time::{Duration, Instant},
};

use redress_aws::{Account, Gate};
use redress_controls::{CATALOG, find};
use redress_e2e::{RUNTIME, Seen, World};
use redress_model::{AccountId, Partition, Region, Resource, Scope};
use redress_remediation::{Entry, Want};
use redress_testkit::{
    events::finding,
    local::Options,
    stage::{Case, Ending, Place, Staged, cases},
};
use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::files::top;
use show::Progress;
use verdict::Verdicts;

/// The control whose remediation is undone at the end.
const UNDONE: &str = "S3.5";
/// The second region; the first is the suite's own.
const ELSEWHERE: &str = "eu-west-1";

/// Controls that look at the same thing of an account, each in an account of its own: the trail of the one would satisfy the other.
///
/// So would that of CloudTrail.7's bucket, where CloudTrail.1 is violated.
const APART: &[(&str, usize)] =
    &[("CloudTrail.1", 0), ("CloudTrail.2", 1), ("CloudTrail.4", 0), ("CloudTrail.7", 2), ("S3.22", 1), ("S3.23", 2)];

/// One violation on its way.
struct Violation<'w> {
    case: Case,
    entry: &'static Entry,
    place: &'w Place<'w>,
    staged: Staged,
    finding: Json,
    before: Json,
    sent: Instant,
    first: Option<Duration>,
    /// The runs that were answered, each with its outcome's word.
    way: Vec<(String, String)>,
    answered: Option<Seen>,
}

/// What the page and the file say of one violation.
#[derive(Debug, Clone, Serialize)]
struct Row {
    control: &'static str,
    title: &'static str,
    class: &'static str,
    clauses: Vec<String>,
    account: String,
    region: String,
    resource: String,
    /// The outcomes of all runs, in order.
    way: Vec<String>,
    outcome: String,
    workflow: String,
    changes: String,
    /// From the finding's import to the first answer on it.
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
    accounts: Vec<String>,
    regions: Vec<String>,
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
    let world = World::start(&Options::new().modes("auto").with("PolicyKey", "policy.yaml"));
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
    let ready = world.local().ready();
    let regions = [ready.region.clone(), Region::try_from(ELSEWHERE).map_err(io::Error::other)?];
    let mut places = Vec::new();
    for account in &ready.members {
        for region in &regions {
            places.push(Place::new(world.local(), account.clone(), region.clone()).await);
        }
    }
    show::step(&format!("staging {} violations in {} accounts and {} regions", CATALOG.len(), ready.members.len(), regions.len()));
    let mut violations = Vec::new();
    let mut rules: BTreeMap<&AccountId, Vec<String>> = BTreeMap::new();
    for (index, case) in first_cases().into_iter().enumerate() {
        let entry = find(case.control).ok_or_else(|| io::Error::other(case.control))?;
        let apart = APART.iter().find(|(control, _)| *control == case.control);
        let account = apart.map_or(index % ready.members.len(), |(_, account)| *account);
        let region = if entry.spec.scope == Scope::Global { 0 } else { index / ready.members.len() % regions.len() };
        let place = places.get(account * regions.len() + region).ok_or_else(|| io::Error::other("no such place"))?;
        if let Some(params) = params(case, place) {
            rules.entry(&place.account).or_default().push(format!("{}: {params}", case.control));
        }
        violations.push(stage(place, entry, case).await);
    }
    for (account, params) in rules {
        world.rule(account, &format!("params: {{{}}}", params.join(", "))).await;
    }
    let scan = |prowler, when| verdict::scan(prowler, world, &ready.members, &regions, when);
    let before = prowler.map(|prowler| scan(prowler, "before")).transpose()?;
    show::step("importing their findings into Security Hub; the rest is up to the functions, and to a person where they ask");
    answer_all(world, &mut violations).await?;
    let after = prowler.map(|prowler| scan(prowler, "after")).transpose()?;
    let mut rows = Vec::new();
    for violation in &violations {
        rows.push(row(world, violation).await?);
    }
    show::step(&format!("undoing the remediation of {UNDONE} with Security Hub's custom action"));
    let undone = undo(world, &violations).await?;
    let verdicts = before.zip(after).map(|(before, after)| Verdicts::of(&before, &after, &violations));
    Ok(Evidence {
        accounts: ready.members.iter().map(ToString::to_string).collect(),
        regions: regions.iter().map(ToString::to_string).collect(),
        started: jiff::Timestamp::now(),
        seconds: started.elapsed().as_secs_f64(),
        rows,
        undone,
        verdicts,
    })
}

/// The first bad example of every control.
fn first_cases() -> Vec<Case> {
    let mut seen = BTreeSet::new();
    cases().into_iter().filter(|case| seen.insert(case.control)).collect()
}

fn params(case: Case, place: &Place<'_>) -> Option<String> {
    case.params.map(|params| params.replace("ACCOUNT", place.account.as_str()))
}

async fn stage<'w>(place: &'w Place<'w>, entry: &'static Entry, case: Case) -> Violation<'w> {
    let staged = case.stage(place).await;
    let before = staged.observe(place).await;
    let finding = finding(case.control, &staged);
    Violation { case, entry, place, finding, staged, before, sent: Instant::now(), first: None, way: Vec::new(), answered: None }
}

async fn answer_all(world: &World, violations: &mut [Violation<'_>]) -> io::Result<()> {
    let progress = Progress::of(violations.len());
    for violation in violations.iter_mut() {
        violation.sent = Instant::now();
        world.import(&violation.finding).await;
    }
    let patience = Instant::now() + Duration::from_mins(5);
    while Instant::now() < patience {
        let (mut asks, mut goes_on) = (Vec::new(), false);
        for violation in violations.iter_mut().filter(|violation| violation.answered.is_none()) {
            let Some(seen) = world.see(&violation.finding).await.filter(|seen| !seen.run.is_empty()) else { continue };
            if violation.way.last().is_some_and(|(run, _)| *run == seen.run) {
                continue;
            }
            violation.first.get_or_insert_with(|| violation.sent.elapsed());
            violation.way.push((seen.run.clone(), seen.outcome.clone()));
            match seen.outcome.as_str() {
                "needs-approval" => asks.push(violation.finding.clone()),
                "in-progress" => goes_on = true,
                _ => {
                    progress.answered(violation.entry.spec.id, &seen.outcome);
                    violation.answered = Some(seen);
                }
            }
        }
        if violations.iter().all(|violation| violation.answered.is_some()) {
            progress.done();
            return Ok(());
        }
        if !asks.is_empty() {
            // Events carry whole seconds; an answer within the second of the question would count as earlier.
            tokio::time::sleep(Duration::from_millis(1100)).await;
            for finding in &asks {
                world.choose("RedressApprove", finding);
            }
        }
        if goes_on {
            world.wake();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let silent: Vec<_> =
        violations.iter().filter(|violation| violation.answered.is_none()).map(|violation| violation.entry.spec.id).collect();
    Err(io::Error::other(format!("no answer to {silent:?}")))
}

async fn row(world: &World, violation: &Violation<'_>) -> io::Result<Row> {
    let seen = violation.answered.as_ref().ok_or_else(|| io::Error::other("not answered"))?;
    let after = violation.staged.observe(violation.place).await;
    let wants = reading(violation).await?;
    let is_same = after == violation.before;
    let (promised, proof, as_seen) = match violation.case.ending {
        Ending::Fixed => ("remediated", "good", !is_same && wants == Want::Keep),
        Ending::Told => ("needs-person", "as it was", is_same && wants != Want::Keep),
        Ending::Prepared => ("needs-person", "prepared", !is_same && matches!(wants, Want::Tell(_))),
    };
    let kept_promise = seen.outcome == promised && as_seen;
    let proof = if as_seen { proof.to_owned() } else { format!("NOT so: {wants:?}") };
    Ok(filled(world, violation, seen, violation.first.unwrap_or_default(), after, proof, kept_promise).await)
}

async fn filled(
    world: &World,
    violation: &Violation<'_>,
    seen: &Seen,
    took: Duration,
    after: Json,
    proof: String,
    kept_promise: bool,
) -> Row {
    let record = world.record(&seen.run).await;
    let spec = violation.entry.spec;
    let mut changes: Vec<String> = Vec::new();
    for run in violation.way.iter().map(|(run, _)| run).chain([&seen.run]) {
        let record = world.record(run).await;
        let is_made = record.get("image").is_some_and(|image| !image.is_null());
        let lines = record.pointer("/outcome/changes").and_then(Json::as_array).filter(|_| is_made);
        let lines = lines.into_iter().flatten().filter_map(Json::as_str).map(str::to_owned);
        changes.extend(lines.filter(|line| !changes.contains(line)).collect::<Vec<_>>());
    }
    let image = match record.get("image") {
        None | Some(Json::Null) => Json::Null,
        Some(name) => json!({"name": name, "content": world.image(&seen.run).await}),
    };
    Row {
        control: spec.id,
        title: spec.title,
        class: spec.class.letter(),
        clauses: spec.labels().iter().map(ToString::to_string).collect(),
        account: violation.place.account.to_string(),
        region: violation.place.region.to_string(),
        resource: violation.staged.resource.clone(),
        way: violation.way.iter().map(|(_, word)| word.clone()).collect(),
        outcome: seen.outcome.clone(),
        workflow: seen.workflow.clone(),
        changes: if changes.is_empty() { "nothing: the steps are in the note".into() } else { changes.join("; ") },
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
async fn reading(violation: &Violation<'_>) -> io::Result<Want<Json>> {
    let Violation { entry, place, .. } = violation;
    let gate = Gate::new(entry.reads.iter().map(|action| action.name));
    let partition = Partition::try_from("aws").map_err(io::Error::other)?;
    let region = if entry.spec.scope == Scope::Global { partition.global_region() } else { place.region.clone() };
    let account = Account::new(place.account.clone(), region.clone(), partition.clone(), &place.sdk, gate, jiff::Timestamp::now());
    let kind = violation.finding.pointer("/Resources/0/Type").and_then(Json::as_str).unwrap_or_default().to_owned();
    let id = violation.staged.resource.clone();
    let resource = Resource { kind, id, account: place.account.clone(), region, partition, name: None, path: None };
    let params = params(violation.case, place).map_or(Ok(Json::Null), |params| serde_json::from_str(&params))?;
    let reading = entry.get(&resource, &params, &account).await.map_err(io::Error::other)?;
    let reading = reading.ok_or_else(|| io::Error::other(format!("{} is gone", violation.staged.resource)))?;
    entry.want(&reading, &params).map_err(io::Error::other)
}

async fn undo(world: &World, violations: &[Violation<'_>]) -> io::Result<Row> {
    let violation = violations.iter().find(|violation| violation.entry.spec.id == UNDONE).ok_or_else(|| io::Error::other(UNDONE))?;
    let seen = violation.answered.as_ref().ok_or_else(|| io::Error::other("not answered"))?;
    let asked = Instant::now();
    world.choose("RedressUndo", &violation.finding);
    let undone = world.answer(&violation.finding, Some(seen)).await;
    let took = asked.elapsed();
    let after = violation.staged.observe(violation.place).await;
    let is_back = after == violation.before;
    let proof = if is_back { "as it was before" } else { "NOT as it was" };
    let kept_promise = is_back && undone.outcome == "undone";
    let row = filled(world, violation, &undone, took, after, proof.to_owned(), kept_promise).await;
    Ok(Row { way: vec!["undone".into()], ..row })
}
