//! Work with policy documents.

use std::collections::BTreeMap;

use comfy_table::{Cell, Color};
use jiff::{SignedDuration, Timestamp};
use redress_aws::{Clock as _, Organizations, SecurityHub, SystemClock};
use redress_controls::find;
use redress_model::{
    AccountId, Class, Finding, Intent, Mode, Modes, Outcome, Policy, Rejection,
    policy::{Case, Decided, Ou, Place, Source, Tags, Terms},
};
use redress_remediation::guards::{self, Blast, Situation};
use serde::Serialize;

use crate::{
    Done, Ended, Failure,
    args::{Explain, PolicyCommand, Simulate, Verdict, modes},
    findings::{self, Read},
    paint::{self, Printer, colored},
    site::{read_policy, sdk},
};

pub(crate) async fn run(printer: Printer, command: PolicyCommand) -> Done {
    match command {
        PolicyCommand::Check { file } => {
            let policy = read_policy(&file, Modes::default())?;
            let exemptions = policy.exemptions().count();
            if printer.json {
                paint::value(&serde_json::json!({ "file": file, "right": true, "exemptions": exemptions }));
            } else {
                anstream::println!("{}: right", file.display());
            }
            Ok(Ended::Well)
        }
        PolicyCommand::Explain(explain) => self::explain(printer, &explain),
        PolicyCommand::Simulate(simulate) => Box::pin(self::simulate(printer, simulate)).await,
    }
}

/// One thing that holds, and what said it.
#[derive(Serialize)]
struct Line {
    key: &'static str,
    value: String,
    decided_by: String,
}

fn explain(printer: Printer, explain: &Explain) -> Done {
    let modes = modes(&explain.modes).map_err(Failure::new)?;
    let policy = read_policy(&explain.file, modes)?;
    let Finding { controls, resource, .. } = findings::of_arguments(&explain.one)?;
    let Some(control) = controls.first() else { return Err(Failure::new("give --control")) };
    let place = place(explain.ou.as_deref(), explain.organization.as_deref());
    let tags = tags(&explain.tags)?;
    let class = find(control.as_str()).map_or(Class::Tell, |entry| entry.spec.class);
    // Without tags on the command line the resource is taken to have none.
    let case = Case { control, class, resource: &resource, place: place.as_ref(), tags: Some(&tags) };
    let now = explain.at.unwrap_or_else(|| SystemClock.now());
    let terms = policy.decide(&case, now);
    printer.rows(&lines(&terms, now), &["key", "value", "decided by"], |line| {
        vec![Cell::new(line.key), Cell::new(&line.value), Cell::new(&line.decided_by)]
    });
    Ok(Ended::Well)
}

fn line<T>(key: &'static str, decided: &Decided<T>, show: impl Fn(&T) -> String) -> Line {
    Line { key, value: show(&decided.value), decided_by: decided.by.to_string() }
}

fn lines(terms: &Terms, now: Timestamp) -> Vec<Line> {
    let json = |value: &dyn erased::Show| value.show();
    let mut lines = vec![line("mode", &terms.mode, ToString::to_string)];
    if let Some(why) = &terms.closed {
        lines.push(Line { key: "closed", value: why.clone(), decided_by: "the policy fails closed".into() });
    }
    if !terms.params.is_null() {
        lines.push(Line { key: "params", value: terms.params.to_string(), decided_by: "policy".into() });
    }
    let window =
        terms.opens(now).map_or_else(|| "open".to_owned(), |opens| format!("closed until {}", opens.strftime("%Y-%m-%d %H:%M UTC")));
    lines.push(line("change_windows", &terms.windows, |windows| {
        if windows.is_empty() { "at any time".into() } else { format!("{}; {window}", json(windows)) }
    }));
    lines.push(line("blast_radius", &terms.blast_radius, |value| json(value)));
    lines.push(line("contested", &terms.contested, |value| json(value)));
    lines.push(line("owned_by_code", &terms.owned_by_code, |value| json(value)));
    lines.push(line("approval_days", &terms.approval_days, ToString::to_string));
    lines.extend(terms.protected_tags.iter().map(|tag| {
        line("protected_tags", tag, |(key, values)| {
            format!("{key}={}", values.0.iter().map(redress_model::policy::Pattern::as_str).collect::<Vec<_>>().join("|"))
        })
    }));
    lines.extend(terms.break_glass.iter().map(|glass| line("break_glass", glass, |pattern| pattern.as_str().to_owned())));
    lines.extend(terms.exemption.iter().map(|exemption| line("exempt", exemption, ToString::to_string)));
    lines.extend(terms.exempt_rules.iter().map(|rule| line("exempt", rule, |(rule, exempted)| format!("{rule} {exempted}"))));
    lines
}

mod erased {
    /// Shown as in the document, in one line.
    pub(super) trait Show {
        fn show(&self) -> String;
    }

    impl<T: serde::Serialize> Show for T {
        fn show(&self) -> String {
            serde_json::to_string(self).unwrap_or_default().replace('"', "")
        }
    }
}

fn place(ou: Option<&str>, organization: Option<&str>) -> Option<Place> {
    if ou.is_none() && organization.is_none() {
        return None;
    }
    let named = |name: &str| Ou { id: String::new(), name: name.to_owned() };
    let ous = ou.unwrap_or_default().split('/').filter(|name| !name.is_empty()).map(named).collect();
    Some(Place { organization: organization.unwrap_or_default().to_owned(), ous, ..Place::default() })
}

fn tags(given: &[String]) -> Result<Tags, Failure> {
    let pair = |text: &String| {
        let (key, value) = text.split_once('=').ok_or_else(|| Failure::new(format!("`{text}` is no tag: write --tag KEY=VALUE")))?;
        Ok((key.to_owned(), value.to_owned()))
    };
    given.iter().map(pair).collect()
}

/// What would become of a finding.
#[derive(Serialize)]
struct Row {
    verdict: String,
    #[serde(skip)]
    kind: Option<Verdict>,
    control: String,
    account: String,
    region: String,
    resource: String,
    why: String,
    decided_by: String,
}

async fn simulate(printer: Printer, simulate: Simulate) -> Done {
    let policy = read_policy(&simulate.file, modes(&simulate.modes).map_err(Failure::new)?)?;
    let now = SystemClock.now();
    let read = match simulate.days {
        Some(days) => {
            let since = now - SignedDuration::from_hours(24 * i64::from(days));
            let found = SecurityHub::new(&sdk().await).updated_since(since, now).await?;
            found.iter().map(|raw| findings::read(raw, Intent::Requested)).collect()
        }
        None => findings::of_files(&simulate.findings, Intent::Requested)?,
    };
    let mut made = Counts::new();
    let places = places(&policy, &read, now, simulate.days.is_some()).await;
    let rows: Vec<Row> = read.iter().map(|read| row(&policy, read, &places, now, &mut made)).collect();
    let rows: Vec<Row> = rows.into_iter().filter(|row| simulate.verdict.is_none() || row.kind == simulate.verdict).collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &rows {
        *counts.entry(row.verdict.as_str()).or_default() += 1;
    }
    let summary = counts.iter().map(|(verdict, count)| format!("{count} {verdict}")).collect::<Vec<_>>().join(", ");
    printer.rows(&rows, &["verdict", "control", "account", "region", "resource", "why", "decided by"], |row| {
        let color = match row.kind {
            Some(Verdict::Change) => Color::Green,
            Some(Verdict::Ask | Verdict::Later | Verdict::Plan | Verdict::Tell) => Color::Yellow,
            Some(Verdict::Held | Verdict::Exempt) => Color::Cyan,
            Some(Verdict::Off | Verdict::Skipped) | None => Color::Grey,
        };
        vec![
            colored(&row.verdict, color),
            Cell::new(&row.control),
            Cell::new(&row.account),
            Cell::new(&row.region),
            Cell::new(&row.resource),
            Cell::new(&row.why),
            Cell::new(&row.decided_by),
        ]
    });
    if !printer.json {
        paint::title(&summary);
        if simulate.days.is_none() && policy.asks_for_places() {
            printer.hint("the document asks where accounts are in the organization: only --days asks AWS Organizations, else nothing but plans is left");
        }
        printer.hint("no resource was read: a good one is left alone, and what the control itself finds delicate is asked");
    }
    Ok(Ended::Well)
}

/// Where the accounts are, if the policy asks and there is an organization to ask.
async fn places(policy: &Policy, read: &[Read], now: Timestamp, may_ask: bool) -> BTreeMap<AccountId, Place> {
    let mut places = BTreeMap::new();
    if !may_ask || !policy.asks_for_places() {
        return places;
    }
    let organizations = Organizations::new(&sdk().await);
    for finding in read.iter().filter_map(|read| read.finding.as_ref().ok()) {
        let account = &finding.resource.account;
        if !places.contains_key(account)
            && let Ok(place) = organizations.place(account, now).await
        {
            places.insert(account.clone(), place);
        }
    }
    places
}

fn row(policy: &Policy, read: &Read, places: &BTreeMap<AccountId, Place>, now: Timestamp, made: &mut Counts) -> Row {
    let finding = match &read.finding {
        Ok(finding) => finding,
        Err(Rejection::Skipped(why) | Rejection::Suspicious(why)) => {
            let empty = String::new;
            let (verdict, kind) = ("skipped".into(), Some(Verdict::Skipped));
            return Row {
                verdict,
                kind,
                control: empty(),
                account: empty(),
                region: empty(),
                resource: read.name.clone(),
                why: why.clone(),
                decided_by: empty(),
            };
        }
    };
    let decide = |control: &redress_model::ControlId| {
        let class = find(control.as_str()).map_or(Class::Tell, |entry| entry.spec.class);
        let case =
            Case { control, class, resource: &finding.resource, place: places.get(&finding.resource.account), tags: Some(&read.tags) };
        (class, policy.decide(&case, now))
    };
    // Of several controls the one that may go least far.
    let decided = finding.controls.iter().map(decide).min_by_key(|(_, terms)| terms.mode.value);
    let (verdict, why, by) = match decided {
        Some((class, terms)) => verdict(finding, class, &terms, &read.tags, now, made),
        None => (Verdict::Skipped, String::new(), Source::Shipped),
    };
    Row {
        verdict: format!("{verdict:?}").to_lowercase(),
        kind: Some(verdict),
        control: finding.controls.iter().map(ToString::to_string).collect::<Vec<_>>().join("+"),
        account: finding.resource.account.to_string(),
        region: finding.resource.region.to_string(),
        resource: finding.resource.id.clone(),
        why,
        decided_by: by.to_string(),
    }
}

/// What the guards say of a change of which nothing is known but its place.
fn verdict(finding: &Finding, class: Class, terms: &Terms, tags: &Tags, now: Timestamp, made: &mut Counts) -> (Verdict, String, Source) {
    let by = terms.mode.by.clone();
    let (how_far, is_closed, terms) = (terms.mode.value, terms.closed.is_some(), [terms.clone()]);
    let in_code = finding.controls.first().and_then(|control| find(control.as_str())).map(|entry| entry.spec.in_code).unwrap_or_default();
    let mut situation = Situation { in_code, ..Situation::of(&terms, Intent::Automatic, class, &finding.resource, tags, now) };
    if guards::stopped(&situation).is_none() {
        let count = made.entry(format!("{} {}", finding.resource.account, finding.resource.kind)).or_default();
        *count += 1;
        situation.blast = Some(Blast { changes: *count, population: None });
    }

    let Some(stopped) = guards::stopped(&situation) else {
        let note = if class == Class::Guarded { "if its own checks are clean, else asked" } else { "" };
        return (Verdict::Change, note.into(), by);
    };
    match stopped.outcome {
        Outcome::Planned { asks, .. } => (Verdict::Plan, asks.join("; "), by),
        Outcome::Held { why } if how_far == Mode::Off => (Verdict::Off, why, by),
        Outcome::Held { why } => (Verdict::Held, why, by),
        Outcome::Deferred { why, .. } if is_closed => (Verdict::Plan, why, by),
        Outcome::Deferred { why, .. } => (Verdict::Later, why, by),
        Outcome::Exempt { why, .. } => (Verdict::Exempt, why, by),
        Outcome::NeedsApproval { why, .. } => (Verdict::Ask, why, by),
        Outcome::NeedsPerson { .. } => (Verdict::Tell, String::new(), by),
        other => (Verdict::Skipped, other.sentence(), by),
    }
}

/// How many changes would be made, by account and kind.
type Counts = BTreeMap<String, u32>;
