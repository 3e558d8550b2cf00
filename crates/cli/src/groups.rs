//! Security groups against a policy, from a terminal: everywhere, one of them drawn, or the policy itself tried.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anstyle::{AnsiColor, Style};
use comfy_table::{Cell, Color};
use futures::{StreamExt, stream};
use jiff::Timestamp;
use redress_aws::{Accounts, Clock as _, Operator, OrgSettings, Organizations, SystemClock, Visit, caller};
use redress_controls::security_group_complies::shipped;
use redress_exposure::{
    Direction, Found, Group, Policy, PolicyTest, PrefixLists, Severity, Source, Step, Survey,
    reach::{Reach, ways},
    run_tests,
};
use redress_model::{AccountId, Arn, Partition, Region};
use redress_settings::ec2::survey::{READS, REGIONS, open_regions, survey, with_named_groups};
use serde::Serialize;

use crate::{
    Done, Ended, Failure,
    args::{self, GroupsCommand, GroupsExplain, GroupsScan},
    paint::{self, Printer, colored},
    site::sdk,
};

pub(crate) async fn run(printer: Printer, site: &args::Site, command: GroupsCommand) -> Done {
    match command {
        GroupsCommand::Scan(what) => Box::pin(scan(printer, site, what)).await,
        GroupsCommand::Explain(what) => Box::pin(explain(printer, site, what)).await,
        GroupsCommand::Test { policy, tests } => test(printer, &policy, &tests),
    }
}

/// Reads a policy, or says everything that is wrong with it.
pub(crate) fn read(file: &Path) -> Result<Policy, Failure> {
    let text = fs::read_to_string(file).map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
    Policy::parse(&text).map_err(|mistakes| {
        let lines: Vec<_> = mistakes.iter().map(|mistake| format!("{}: {mistake}", file.display())).collect();
        Failure::new(lines.join("\n"))
    })
}

fn test(printer: Printer, file: &Path, more: &[std::path::PathBuf]) -> Done {
    let policy = read(file)?;
    let mut tests = policy.tests.clone();
    for file in more {
        let failed = |error: &dyn std::fmt::Display| Failure::new(format!("{}: {error}", file.display()));
        let text = fs::read_to_string(file).map_err(|error| failed(&error))?;
        let read: Vec<PolicyTest> = serde_json::from_str(&text).map_err(|error| failed(&error))?;
        tests.extend(read);
    }
    let disagreements = run_tests(&policy, &tests, SystemClock.now());
    let doubts = policy.doubts();
    if printer.json {
        let told: Vec<_> = disagreements.iter().map(|one| serde_json::json!({ "test": one.test, "what": one.what })).collect();
        let doubts: Vec<_> = doubts.iter().map(ToString::to_string).collect();
        paint::value(&serde_json::json!({ "file": file, "tests": tests.len(), "failed": told, "doubts": doubts }));
    } else {
        for doubt in &doubts {
            anstream::println!("{YELLOW}doubtful{YELLOW:#} {doubt}");
        }
        for one in &disagreements {
            anstream::println!("{RED}failed{RED:#}   {}: {}", one.test, one.what);
        }
        let failed: std::collections::BTreeSet<_> = disagreements.iter().map(|one| &one.test).collect();
        anstream::println!("{}: {} tests, {} failed", file.display(), tests.len(), failed.len());
    }
    Ok(if disagreements.is_empty() { Ended::Well } else { Ended::WithSomethingToDo })
}

const RED: Style = AnsiColor::Red.on_default();
const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const DIM: Style = Style::new().dimmed();

/// Who looks, and where.
struct Eyes {
    accounts: Operator,
    own: AccountId,
    partition: Partition,
    home: Region,
    sdk: aws_types::SdkConfig,
}

impl Eyes {
    async fn open(site: &args::Site) -> Result<Self, Failure> {
        let sdk = sdk().await;
        let home = sdk.region().map(ToString::to_string).unwrap_or_default();
        let home = Region::try_from(home.as_str()).map_err(|_| Failure::new("no region: set AWS_REGION, or a region in your profile"))?;
        let caller = caller(&sdk).await.map_err(|error| Failure::new(format!("your AWS credentials do not work: {error}")))?;
        let partition = Arn::parse(&caller.arn).ok().and_then(|arn| Partition::try_from(arn.partition).ok());
        let partition = partition.ok_or_else(|| Failure::new(format!("`{}` names no partition", caller.arn)))?;
        let role = site.role.clone().map(|role| OrgSettings { role, external_id: site.external_id.clone() });
        let accounts = Operator::new(sdk.clone(), caller.account.clone(), role);
        Ok(Self { accounts, own: caller.account, partition, home, sdk })
    }

    async fn enter(&self, account: &AccountId, region: &Region, now: Timestamp) -> redress_aws::Result<redress_aws::Account> {
        let actions = READS.iter().map(|action| action.name).chain([REGIONS]).collect();
        let run = SystemClock.new_run();
        self.accounts.enter(Visit { account, region, partition: &self.partition, run, now, actions }).await
    }
}

/// A violation in the table.
#[derive(Debug, Serialize)]
struct Row {
    account: AccountId,
    region: Region,
    group: String,
    name: String,
    rule: String,
    severity: Severity,
    reach: Reach,
    step: Step,
    why: String,
    offending: Vec<String>,
    exempt: bool,
}

/// A place that could not be looked at.
#[derive(Debug, Serialize)]
struct Missed {
    account: AccountId,
    region: Region,
    why: String,
}

#[derive(Debug, Default, Serialize)]
struct Scanned {
    groups: usize,
    rules: usize,
    violations: Vec<Row>,
    missed: Vec<Missed>,
    /// Prefix lists that nobody could look into.
    unresolved: BTreeSet<String>,
}

async fn scan(printer: Printer, site: &args::Site, what: GroupsScan) -> Done {
    let policy = site.group_policy.as_deref().map_or_else(|| Ok(shipped()), read)?;
    let eyes = Eyes::open(site).await?;
    let accounts = match (what.organization, what.accounts.is_empty()) {
        (true, _) => {
            let members = Organizations::new(&eyes.sdk).members().await?;
            members.into_iter().filter(|member| member.state.is_none()).map(|member| member.id).collect()
        }
        (false, true) => vec![eyes.own.clone()],
        (false, false) => what.accounts,
    };
    let regions = match (what.all_regions, what.regions.is_empty()) {
        (true, _) => open_regions(&eyes.enter(&eyes.own, &eyes.home, SystemClock.now()).await?)
            .await?
            .iter()
            .filter_map(|region| Region::try_from(region.as_str()).ok())
            .collect(),
        (false, true) => vec![eyes.home.clone()],
        (false, false) => what.regions,
    };
    let places: Vec<(&AccountId, &Region)> =
        accounts.iter().flat_map(|account| regions.iter().map(move |region| (account, region))).collect();
    let bar = printer.progress(places.len());
    let now = SystemClock.now();
    let (eyes, policy) = (&eyes, &policy);
    let mut looked = stream::iter(places)
        .map(|(account, region)| async move { (account, region, look(eyes, policy, account, region, now).await) })
        .buffer_unordered(what.concurrency.max(1));
    let mut all = Scanned::default();
    while let Some((account, region, found)) = looked.next().await {
        bar.inc(1);
        bar.set_message(format!("{account} {region}"));
        match found {
            Ok((seen, found)) => {
                all.groups += seen.groups.len();
                all.rules += seen.rules();
                all.unresolved.extend(found.iter().flat_map(|found| found.unresolved.iter().cloned()));
                all.violations.extend(found.into_iter().flat_map(|found| rows(account, region, found)));
            }
            Err(error) => all.missed.push(Missed { account: account.clone(), region: region.clone(), why: error.to_string() }),
        }
    }
    drop(looked);
    bar.finish_and_clear();
    all.violations.sort_by(|one, other| {
        let key = |row: &Row| (row.exempt, std::cmp::Reverse(row.severity), row.account.clone(), row.region.clone(), row.group.clone());
        key(one).cmp(&key(other))
    });
    show(printer, &all);
    let is_good = all.missed.is_empty() && all.violations.iter().all(|row| row.exempt);
    Ok(if is_good { Ended::Well } else { Ended::WithSomethingToDo })
}

async fn look(
    eyes: &Eyes,
    policy: &Policy,
    account: &AccountId,
    region: &Region,
    now: Timestamp,
) -> redress_aws::Result<(Survey, Vec<Found>)> {
    let seen = survey(&eyes.enter(account, region, now).await?, None).await?;
    let found = policy.of_account(account.as_str()).look(&seen, now);
    Ok((seen, found))
}

fn rows(account: &AccountId, region: &Region, found: Found) -> Vec<Row> {
    let Found { group, name, reach, violations, exempt, .. } = found;
    let violations = violations.into_iter().map(|(violation, severity, step)| (violation, severity, step, false));
    let exempt = exempt.into_iter().map(|one| (one.violation.clone(), one.violation.severity, Step::Report, true));
    let row = |(violation, severity, step, exempt): (redress_exposure::Violation, Severity, Step, bool)| Row {
        account: account.clone(),
        region: region.clone(),
        group: group.clone(),
        name: name.clone(),
        rule: violation.rule_id.clone(),
        severity,
        reach,
        step,
        why: violation.why().to_owned(),
        offending: violation.offences.iter().map(|offence| written(violation.direction, &offence.rule.to_string())).collect(),
        exempt,
    };
    violations.chain(exempt).map(row).collect()
}

fn written(direction: Direction, rule: &str) -> String {
    match direction {
        Direction::Inbound => rule.to_owned(),
        Direction::Outbound => rule.replace(" from ", " to "),
    }
}

fn color(severity: Severity) -> Color {
    match severity {
        Severity::Critical | Severity::High => Color::Red,
        Severity::Medium => Color::Yellow,
        Severity::Low | Severity::Info => Color::Grey,
    }
}

fn show(printer: Printer, all: &Scanned) {
    if printer.json {
        return paint::value(all);
    }
    if !all.violations.is_empty() {
        let header = ["severity", "account", "region", "group", "policy rule", "offending", "reach", "then"];
        printer.rows(&all.violations, &header, |row| {
            let then = if row.exempt { "exempt".to_owned() } else { format!("{:?}", row.step).to_lowercase() };
            vec![
                colored(row.severity.as_str(), color(row.severity)),
                Cell::new(row.account.as_str()),
                Cell::new(row.region.as_str()),
                Cell::new(format!("{} {}", row.group, row.name)),
                Cell::new(&row.rule),
                Cell::new(row.offending.join("\n")),
                Cell::new(row.reach.told()),
                Cell::new(then),
            ]
        });
    }
    for list in &all.unresolved {
        anstream::println!("{YELLOW}not to be looked into{YELLOW:#} {list}: rules that name it are judged by its name only");
    }
    for missed in &all.missed {
        anstream::println!("{RED}not looked at{RED:#} {} {}: {}", missed.account, missed.region, missed.why);
    }
    let exempt = all.violations.iter().filter(|row| row.exempt).count();
    let count = all.violations.len() - exempt;
    anstream::println!("{} groups, {} rules: {count} violations, {exempt} exempt", all.groups, all.rules);
    if count > 0 {
        printer.hint("redress plan --control SecurityGroup.1 --account ID --region REGION --resource ARN shows what would be changed");
    }
}

/// More ways in than that are counted and not drawn.
const WAYS: usize = 20;

async fn explain(printer: Printer, site: &args::Site, what: GroupsExplain) -> Done {
    let policy = site.group_policy.as_deref().map_or_else(|| Ok(shipped()), read)?;
    let eyes = Eyes::open(site).await?;
    let account = what.account.unwrap_or_else(|| eyes.own.clone());
    let region = what.region.unwrap_or_else(|| eyes.home.clone());
    let now = SystemClock.now();
    let entered = eyes.enter(&account, &region, now).await?;
    let seen = survey(&entered, Some(&what.group)).await?;
    let Some(group) = seen.groups.get(&what.group).cloned() else {
        return Err(Failure::new(format!("there is no security group `{}` in account {account} and region {region}", what.group)));
    };
    let reach = seen.reaches().get(group.id.as_str()).copied().unwrap_or_default();
    let found = policy.of_account(account.as_str()).look(&seen, now);
    let seen = with_named_groups(&entered, seen).await?;
    let rows: Vec<Row> =
        found.into_iter().filter(|found| found.group == group.id).flat_map(|found| rows(&account, &region, found)).collect();
    let ways = ways(&group.id, &seen.groups, &seen.lists, WAYS);
    if printer.json {
        paint::value(&serde_json::json!({
            "group": group, "reach": reach, "interfaces": seen.interfaces, "ways": ways, "violations": rows,
        }));
    } else {
        draw(&group, &seen, reach, &rows);
        draw_ways(&ways, &seen.groups);
    }
    Ok(if rows.iter().all(|row| row.exempt) { Ended::Well } else { Ended::WithSomethingToDo })
}

/// The group in the middle, from where it is reached above it, and what it reaches below.
fn draw(group: &Group, seen: &Survey, reach: Reach, rows: &[Row]) {
    paint::title(&format!("{} ({}), {}", group.id, group.name, reach.told()));
    for interface in seen.interfaces.iter().filter(|interface| interface.groups.contains(&group.id)) {
        let public = if interface.is_public { "public" } else { "private" };
        anstream::println!("  {DIM}{} {} {public}{DIM:#}", interface.id, interface.of);
    }
    for (title, direction) in [("in", Direction::Inbound), ("out", Direction::Outbound)] {
        let rules = group.rules(direction);
        anstream::println!("{title}");
        let mut by_peer: BTreeMap<String, Vec<&redress_exposure::Rule>> = BTreeMap::new();
        for rule in rules {
            by_peer.entry(peer(&rule.source, seen)).or_default().push(rule);
        }
        if by_peer.is_empty() {
            anstream::println!("  nothing");
        }
        let last = by_peer.len();
        for (index, (peer, rules)) in by_peer.iter().enumerate() {
            let (branch, stem) = if index + 1 == last { ("└─", "  ") } else { ("├─", "│ ") };
            anstream::println!("  {branch} {peer}");
            for rule in rules {
                let text = written(direction, &rule.to_string());
                let offends: Vec<&str> = rows.iter().filter(|row| row.offending.contains(&text)).map(|row| row.rule.as_str()).collect();
                let note = rule.description.as_deref().map_or_else(String::new, |note| format!("  {DIM}{note}{DIM:#}"));
                let id = rule.id.as_deref().unwrap_or_default();
                let mark = if offends.is_empty() { format!("{GREEN}·{GREEN:#}") } else { format!("{RED}✗{RED:#}") };
                let why = if offends.is_empty() { String::new() } else { format!("  {RED}{}{RED:#}", offends.join(", ")) };
                anstream::println!("  {stem}  {mark} {text}  {DIM}{id}{DIM:#}{note}{why}");
            }
        }
    }
}

fn peer(source: &Source, seen: &Survey) -> String {
    let named = |lists: &PrefixLists, id: &str| {
        lists.get(id).map_or_else(|| "not to be looked into".to_owned(), |nets| format!("{} networks", nets.len()))
    };
    match source {
        Source::V4(net) if net.prefix_len() == 0 => "the IPv4 internet (0.0.0.0/0)".into(),
        Source::V6(net) if net.prefix_len() == 0 => "the IPv6 internet (::/0)".into(),
        Source::V4(net) => net.to_string(),
        Source::V6(net) => net.to_string(),
        Source::PrefixList(id) => format!("prefix list {id} ({})", named(&seen.lists, id)),
        Source::Group { id, owner } => {
            let name = seen.groups.get(id).map(|group| group.name.as_str()).filter(|name| !name.is_empty());
            let of = owner.as_ref().map_or_else(String::new, |owner| format!(" of account {owner}"));
            format!("members of {id}{}{of}", name.map_or_else(String::new, |name| format!(" ({name})")))
        }
    }
}

fn draw_ways(ways: &[redress_exposure::reach::Way], groups: &BTreeMap<String, Group>) {
    anstream::println!("ways in from public addresses");
    if ways.is_empty() {
        anstream::println!("  none");
    }
    for way in ways {
        let hop = |(index, hop): (usize, &redress_exposure::reach::Hop)| {
            let name = groups.get(&hop.group).map(|group| group.name.as_str()).unwrap_or_default();
            let rule = hop.rule.to_string();
            let what = rule.split(" from ").next().unwrap_or_default();
            let start = if index == 0 { hop.rule.source.to_string() } else { String::new() };
            format!("{start} ─{what}→ {} ({name})", hop.group)
        };
        let hops: Vec<String> = way.hops.iter().enumerate().map(hop).collect();
        anstream::println!("  {}", hops.join(""));
    }
    if ways.len() == WAYS {
        anstream::println!("  and more");
    }
}
