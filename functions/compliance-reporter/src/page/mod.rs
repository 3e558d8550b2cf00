//! The report as one page that stands alone: no script, no font, nothing from elsewhere, for phone, desk and paper, in light and dark.
//!
//! Every figure carries where it stands in the JSON (`data-figure`, a JSON pointer), so that a test can hold the one against the other. What is
//! not known is said in words.

mod charts;
mod parts;

use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::{
    charts::{bar, legend, line, part},
    parts::{baseline, exemptions, iam, incidents, onboarding, remediations, security_groups},
};
use crate::{
    UNREAD,
    report::{AccountLine, ControlLine, INCIDENT_DAYS, Posture, Report, Severities, StandardLine, Tally, WINDOW_DAYS},
};

const STYLE: &str = include_str!("style.css");

/// Nothing is loaded, run or sent, whatever a name in the report says.
const SAFE: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// Rows of a table; the CSV has them all.
const ROWS: usize = 200;

/// The whole page.
pub fn html(report: &Report) -> String {
    let sections = [
        ("posture", "Posture", posture(&report.posture)),
        ("trend", "Trend", trend(report)),
        ("iam", "Identities", iam(&report.iam)),
        ("incidents", "Incidents", or_unread(report.incidents.as_ref(), incidents)),
        ("remediations", "Remediations", or_unread(report.remediations.as_ref(), remediations)),
        ("exemptions", "Exemptions", or_unread(report.exemptions.as_ref(), |all| exemptions(all, report.as_of))),
        ("groups", "Security groups", security_groups(report.security_groups.as_ref())),
        ("baseline", "Baseline", baseline(report.baseline.as_ref())),
        ("onboarding", "Onboarding", onboarding(report.onboarding.as_ref())),
        ("reading", "How to read this", reading(report)),
    ];
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                meta http-equiv="Content-Security-Policy" content=(SAFE);
                link rel="icon" href="data:,";
                title { "Redress: compliance report of " (report.day) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { "Compliance report of " span.whole { (report.day) } }
                    p.soft {
                        (figure("/organization/accounts", report.organization.accounts)) " active accounts"
                        @if report.organization.inactive > 0 {
                            ", and " (figure("/organization/inactive", report.organization.inactive)) " that are not active and not in it"
                        }
                        ". As of " (when(report.as_of)) "."
                    }
                    nav aria-label="Sections" { ul { @for (id, title, _) in &sections { li { a href={ "#" (id) } { (title) } } } } }
                }
                main {
                    @if !report.gaps.is_empty() {
                        section.gaps aria-label="What is missing" {
                            strong { "These figures are not complete." }
                            ul { @for gap in &report.gaps { li { (gap.part) ": " (gap.why) } } }
                        }
                    }
                    (tiles(report))
                    @for (id, title, body) in &sections { section id=(id) aria-labelledby={ (id) "-h" } { h2 id={ (id) "-h" } { (title) } (body) } }
                }
            }
        }
    };
    page.into_string()
}

/// A section, or that what it shows could not be read.
fn or_unread<T>(part: Option<&T>, shown: impl FnOnce(&T) -> Markup) -> Markup {
    part.map_or_else(|| html! { p.words { "This " (UNREAD) ": see at the top." } }, shown)
}

fn tiles(report: &Report) -> Markup {
    let Report { posture, iam, incidents, remediations, trend, exemptions, .. } = report;
    let incident_days = html! { "in " (INCIDENT_DAYS) " days" };
    let (failing, of) = match posture.totals.assessed() {
        0 => (html! { span.words { "not assessed" } }, None),
        all => (figure("/posture/totals/failed", posture.totals.failed), Some(html! { "of " (grouped(all)) " controls in accounts" })),
    };
    let index = |key: &str| iam.facts.iter().position(|fact| fact.key == key).unwrap_or_default();
    let fact = |key: &str| {
        let at = format!("/iam/facts/{}/failing", index(key));
        known(&at, iam.fact(key).and_then(|fact| fact.failing))
    };
    html! {
        dl.tiles aria-label="Key figures" {
            (tile("Pass rate", rate("/posture/totals/rate", posture.totals.rate), Some(html! {
                @match (trend.rate_change, &trend.since) {
                    (Some(change), Some(since)) => { (signed("/trend/rate_change", change)) " since " span.whole { (since) } }
                    _ => { "no earlier rate" }
                }
            })))
            (tile("Failing", failing, of))
            (tile("Not assessed", figure("/posture/totals/not_assessed", posture.totals.not_assessed), None))
            (tile("Open incidents", read("/incidents/open", incidents.as_ref().map(|all| all.open)), Some(incident_days.clone())))
            (tile("Incidents by root", read("/iam/root_uses", iam.root_uses), Some(incident_days)))
            (tile("Users without second factor", fact("users_without_mfa"), None))
            (tile("Users with old access keys", fact("old_access_keys"), Some(html! { "older than 90 days" })))
            (tile("Remediated", read("/remediations/done", remediations.as_ref().map(|all| all.done)), Some(html! { "in " (WINDOW_DAYS) " days" })))
            (tile("Mean time to remediate", remediations.as_ref().map_or_else(|| unread("/remediations/mean_seconds"), |all| duration("/remediations/mean_seconds", all.mean_seconds)), None))
            (tile("Exemptions ending", read("/exemptions/ending", exemptions.as_ref().map(|all| all.ending)), Some(html! { "within " (WINDOW_DAYS) " days" })))
        }
    }
}

fn tile(title: &str, figure: Markup, more: Option<Markup>) -> Markup {
    html! { div.tile { dt { (title) } dd { (figure) @if let Some(more) = more { small { (more) } } } } }
}

fn posture(posture: &Posture) -> Markup {
    let Severities { critical, high, medium, low, unrated } = posture.severities;
    let severities = [
        part("critical", "critical", critical),
        part("high", "high", high),
        part("medium", "medium", medium),
        part("low", "low", low),
        part("none", "unrated", unrated),
    ];
    let at = |name: &str| format!("/posture/severities/{name}");
    html! {
        @if posture.findings == 0 {
            p.words { "No finding of a control was read: nothing is assessed. Where no account has findings, no standard is switched on or none was checked yet." }
        }
        h3 { "By standard" }
        ul.legend {
            @for part in tallied(&posture.totals) { li { span class={ "swatch " (part.style) } {} (part.name) } }
        }
        @if posture.standards.iter().any(|standard| !standard.is_named) {
            p.soft { "A standard that no finding names is off in Security Hub or was not checked yet; it is judged by the controls that it shares with others." }
        }
        ul.standards {
            @for (index, standard) in posture.standards.iter().enumerate() { (standard_line(index, standard)) }
        }
        h3 { "What fails, by severity" }
        (bar("severities", "Failures by severity", &severities))
        (legend(&severities.map(|part| (part, figure(&at(part.name), part.count)))))
        (units(posture))
        (accounts(posture))
        (controls(posture))
        (clauses(posture))
    }
}

fn tallied(tally: &Tally) -> [charts::Part; 3] {
    [part("good", "passed", tally.passed), part("bad", "failed", tally.failed), part("none", "not assessed", tally.not_assessed)]
}

fn standard_line(index: usize, standard: &StandardLine) -> Markup {
    let at = |name: &str| format!("/posture/standards/{index}/{name}");
    html! {
        li {
            div.head {
                strong { (standard.title) }
                span.rate { (rate(&at("rate"), standard.tally.rate)) }
            }
            (bar(&format!("standard-{index}"), standard.title, &tallied(&standard.tally)))
            small {
                (figure(&at("passed"), standard.tally.passed)) " passed, " (figure(&at("failed"), standard.tally.failed)) " failed, "
                (figure(&at("not_assessed"), standard.tally.not_assessed)) " not assessed; " (figure(&at("controls"), standard.controls)) " controls"
                @if !standard.is_named { "; no finding names it" }
            }
        }
    }
}

fn tally_heads() -> Markup {
    html! { th.n scope="col" { "Rate" } th.n scope="col" { "Failed" } th.n scope="col" { "Passed" } th.n scope="col" { "Not assessed" } }
}

fn tally_cells(at: &str, tally: &Tally) -> Markup {
    html! {
        td.n { (rate(&format!("{at}/rate"), tally.rate)) }
        td.n { (figure(&format!("{at}/failed"), tally.failed)) }
        td.n { (figure(&format!("{at}/passed"), tally.passed)) }
        td.n { (figure(&format!("{at}/not_assessed"), tally.not_assessed)) }
    }
}

fn units(posture: &Posture) -> Markup {
    html! {
        h3 { "By organizational unit" }
        @if posture.units.is_empty() { p.words { "There are no accounts to tell of." } } @else {
            (table("Organizational units", html! {
                thead { tr { th scope="col" { "Unit" } (tally_heads()) th.n scope="col" { "Accounts" } } }
                tbody {
                    @for (index, line) in posture.units.iter().enumerate() {
                        @let at = format!("/posture/units/{index}");
                        tr {
                            th scope="row" { @if line.unit.is_empty() { span.words { "not known" } } @else { (line.unit) } }
                            (tally_cells(&at, &line.tally))
                            td.n { (figure(&format!("{at}/accounts"), line.accounts)) }
                        }
                    }
                }
            }))
        }
    }
}

fn accounts(posture: &Posture) -> Markup {
    let mut lines: Vec<_> = posture.accounts.iter().enumerate().collect();
    lines.sort_by_key(|(_, line)| std::cmp::Reverse((line.severities.critical, line.severities.high, line.tally.failed)));
    let shown: Vec<_> = lines.iter().take(ROWS).collect();
    html! {
        h3 { "By account" }
        @if lines.is_empty() { p.words { "There are no accounts to tell of." } } @else {
            (table("Accounts, the worst first", html! {
                thead { tr {
                    th scope="col" { "Account" } (tally_heads()) th.n scope="col" { "Critical" } th.n scope="col" { "High" } th scope="col" { "Unit" }
                } }
                tbody {
                    @for (index, line) in &shown {
                        @let at = format!("/posture/accounts/{index}");
                        tr {
                            (named(line))
                            (tally_cells(&at, &line.tally))
                            td.n { (figure(&format!("{at}/severities/critical"), line.severities.critical)) }
                            td.n { (figure(&format!("{at}/severities/high"), line.severities.high)) }
                            td.word { @if line.unit.is_empty() { span.words { "not known" } } @else { (line.unit) } }
                        }
                    }
                }
            }))
            (more(lines.len()))
            (table("Rates of accounts by standard", html! {
                thead { tr { th scope="col" { "Account" } @for standard in &posture.standards { th.n scope="col" { (standard.title) } } } }
                tbody {
                    @for (index, line) in &shown {
                        tr {
                            (named(line))
                            @for (id, of) in posture.standards.iter().filter_map(|standard| Some((standard.id, line.standards.get(standard.id)?))) {
                                td.n { (rate(&format!("/posture/accounts/{index}/standards/{}", step(id)), *of)) }
                            }
                        }
                    }
                }
            }))
        }
    }
}

fn named(line: &AccountLine) -> Markup {
    html! { th.word scope="row" { code { (line.account) } @if !line.name.is_empty() { br; span.soft { (line.name) } } } }
}

fn controls(posture: &Posture) -> Markup {
    let failing: Vec<_> = posture.controls.iter().enumerate().filter(|(_, line)| line.tally.failed > 0).collect();
    let unseen: Vec<&ControlLine> = posture.controls.iter().filter(|line| line.tally.assessed() == 0).collect();
    html! {
        h3 { "Controls that fail" }
        @if posture.totals.assessed() == 0 { p.words { "Nothing was assessed." } } @else if failing.is_empty() { p.words { "No control fails in any account." } } @else {
            (table("Controls, the most severe first", html! {
                thead { tr {
                    th scope="col" { "Control" } th scope="col" { "Severity" } th.n scope="col" { "Accounts" } th.n scope="col" { "Resources" }
                    th scope="col" { "Some of them" } th scope="col" { "Clauses" }
                } }
                tbody {
                    @for (index, line) in failing.iter().take(ROWS) {
                        @let at = format!("/posture/controls/{index}");
                        tr {
                            th.text scope="row" { (line.control) @if !line.title.is_empty() { br; span.soft { (line.title) } } }
                            td.word { @match line.severity { Some(severity) => (severity.to_string().to_lowercase()), None => span.words { "unrated" } } }
                            td.n { (figure(&format!("{at}/failed"), line.tally.failed)) }
                            td.n { (figure(&format!("{at}/resources"), line.resources)) }
                            td.wide { (examples(&line.examples)) }
                            td.wide { (cis_first(&line.clauses)) }
                        }
                    }
                }
            }))
            (more(failing.len()))
        }
        @if !unseen.is_empty() {
            details {
                summary { (unseen.len()) " controls are not assessed in any account" }
                p { @for (index, line) in unseen.iter().enumerate() { @if index > 0 { ", " } (line.control) } "." }
            }
        }
    }
}

/// NIST has many clauses for a control: those of CIS are what people look for.
fn cis_first(clauses: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut shown = clauses.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("; ");
    if clauses.len() > SHOWN {
        shown = format!("{shown}; and {} more", clauses.len() - SHOWN);
    }
    shown
}

fn clauses(posture: &Posture) -> Markup {
    html! {
        h3 { "By clause" }
        @for (index, standard) in posture.standards.iter().enumerate().filter(|(_, standard)| !standard.clauses.is_empty()) {
            details {
                summary { (standard.title) ": " (standard.clauses.len()) " clauses" }
                (table(&format!("Clauses of {}", standard.title), html! {
                    thead { tr { th scope="col" { "Clause" } th scope="col" { "Controls" } (tally_heads()) } }
                    tbody {
                        @for (number, line) in standard.clauses.iter().enumerate() {
                            tr {
                                th.word scope="row" { (line.clause) }
                                td { (line.controls.join(", ")) }
                                (tally_cells(&format!("/posture/standards/{index}/clauses/{number}"), &line.tally))
                            }
                        }
                    }
                }))
            }
        }
    }
}

fn trend(report: &Report) -> Markup {
    let points = &report.trend.points;
    let rates: Vec<_> = points.iter().map(|point| point.rate).collect();
    let said: Vec<_> = points
        .iter()
        .map(|point| format!("{}: {}", point.day, point.rate.map_or("no rate".into(), |rate| format!("{rate:.1} %"))))
        .collect();
    html! {
        @if points.len() < 2 {
            p.words { "This is the first report: there is no trend yet." }
        } @else {
            div.chart {
                div.scale aria-hidden="true" { span { "100 %" } span { "50 %" } span { "0 %" } }
                (line("trend-line", "Pass rate by report", &said.join("; "), &rates))
                div.ends { @if let (Some(first), Some(last)) = (points.first(), points.last()) { span { (first.day) } span { (last.day) } } }
            }
        }
        details {
            summary { "The figures" }
            (table("Reports, the latest first", html! {
                thead { tr { th scope="col" { "Day" } (tally_heads()) th.n scope="col" { "Open incidents" } } }
                tbody {
                    @for (index, point) in points.iter().enumerate().rev() {
                        @let at = format!("/trend/points/{index}");
                        tr {
                            th.word scope="row" { (point.day) }
                            (tally_cells(&at, &Tally { passed: point.passed, failed: point.failed, not_assessed: point.not_assessed, rate: point.rate }))
                            td.n { (read(&format!("{at}/open_incidents"), point.open_incidents)) }
                        }
                    }
                }
            }))
        }
    }
}

fn reading(report: &Report) -> Markup {
    html! {
        p {
            "A control counts once for each account, whatever number of regions and resources it looks at. It fails where a finding fails; it is "
            strong { "not assessed" } " where there is no finding, or one that could not tell; else it passes. Findings that people suppressed do not count ("
            (figure("/posture/suppressed", report.posture.suppressed)) "). The rate is of what was assessed."
        }
        p {
            (figure("/posture/findings", report.posture.findings)) " findings of Security Hub were read; "
            (figure("/posture/left_out", report.posture.left_out)) " more name no control, or are not Security Hub's own, and are left out."
        }
        p {
            "Identities are told by Security Hub's controls, and uses of the root user by incidents. The time to remediate runs from the first run about a "
            "resource and control to the run that set it right and verified it."
        }
        p { "Each account and control is a row of report.csv; every figure here stands in report.json." }
    }
}

/// A table in a box of its own, which alone may scroll sideways.
fn table(title: &str, body: Markup) -> Markup {
    html! { div.scroll role="region" tabindex="0" aria-label=(title) { table { caption { (title) } (body) } } }
}

/// Some of what fails, folded; unfolded on paper.
fn examples(examples: &[String]) -> Markup {
    html! {
        @if !examples.is_empty() {
            details { summary { "show " (examples.len()) } @for example in examples { code { (example) } br; } }
        }
    }
}

fn more(all: usize) -> Markup {
    html! { @if all > ROWS { p.soft { "And " (all - ROWS) " more: in report.json and report.csv." } } }
}

/// Digits in groups of three, from five on.
fn grouped(count: usize) -> String {
    let digits = count.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A count, and where it stands in the JSON.
fn figure(at: &str, count: usize) -> Markup {
    html! { data value=(count) data-figure=(at) { (grouped(count)) } }
}

/// A key as a step of a JSON pointer.
fn step(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// A count that may not be known.
fn known(at: &str, count: Option<usize>) -> Markup {
    html! { @match count { Some(count) => (figure(at, count)), None => (unknown(at, "not assessed")) } }
}

/// A count that may not have been read.
fn read(at: &str, count: Option<usize>) -> Markup {
    html! { @match count { Some(count) => (figure(at, count)), None => (unread(at)) } }
}

fn unread(at: &str) -> Markup {
    unknown(at, UNREAD)
}

fn rate(at: &str, rate: Option<f64>) -> Markup {
    html! { @match rate { Some(rate) => data value=(rate) data-figure=(at) { (format!("{rate:.1}")) "\u{202f}%" }, None => (unknown(at, "not assessed")) } }
}

fn signed(at: &str, change: f64) -> Markup {
    html! { data value=(change) data-figure=(at) { (format!("{change:+.1}")) } " points" }
}

/// Seconds, as people say it.
fn duration(at: &str, seconds: Option<i64>) -> Markup {
    let said = |seconds: i64| match seconds {
        ..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    };
    html! { @match seconds { Some(seconds) => data value=(seconds) data-figure=(at) { (said(seconds)) }, None => (unknown(at, "nothing was remediated")) } }
}

fn unknown(at: &str, words: &str) -> Markup {
    html! { span.words data-figure=(at) data-unknown="" { (words) } }
}

fn when(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (at.strftime("%Y-%m-%d %H:%M UTC")) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_read_in_groups() {
        assert_eq!((grouped(0), grouped(9999), grouped(1_234_567)), ("0".into(), "9999".into(), "1\u{202f}234\u{202f}567".into()));
    }

    #[test]
    fn a_time_is_said_as_people_say_it() {
        let said = |seconds| duration("", Some(seconds)).into_string();
        assert!(said(90).contains(">90 s<") && said(3600).contains(">60 min<") && said(200_000).contains(">2 days<"));
        assert!(duration("", None).into_string().contains("nothing was remediated"));
    }
}
