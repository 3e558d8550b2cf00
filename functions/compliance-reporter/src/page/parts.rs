//! The sections after posture and trend.

use jiff::Timestamp;
use maud::{Markup, html};

use super::{
    ROWS,
    charts::{bar, columns, legend, part},
    duration, examples, figure, known, more, rate, read, step, table, tally_cells, tally_heads, when,
};
use crate::{
    facts::Incident,
    report::{Drift, Exemptions, Groups, Iam, Incidents, Matrix, Remediations, WINDOW_DAYS},
};

pub(super) fn iam(iam: &Iam) -> Markup {
    html! {
        p {
            "Incidents by the root user: " strong { (read("/iam/root_uses", iam.root_uses)) } ". "
            @if iam.root_uses == Some(0) { "None is on record; that is no proof that the root user was not used. " }
            "Roles that acted in incidents: " strong { (read("/iam/roles_assumed", iam.roles_assumed)) } "."
        }
        (table("What controls say of identities", html! {
            thead { tr { th scope="col" { "What is to be" } th.n scope="col" { "Failing" } th scope="col" { "Counted" } (tally_heads()) th scope="col" { "Some of them" } } }
            tbody {
                @for (index, fact) in iam.facts.iter().enumerate() {
                    @let at = format!("/iam/facts/{index}");
                    tr {
                        th.text scope="row" { (fact.title) br; span.soft { (fact.controls.join(", ")) } }
                        td.n { (known(&format!("{at}/failing"), fact.failing)) }
                        td.word { (fact.counted) }
                        (tally_cells(&at, &fact.accounts))
                        td.wide { (examples(&fact.examples)) }
                    }
                }
            }
        }))
        p.soft { "Passed, failed and not assessed are accounts." }
    }
}

pub(super) fn incidents(incidents: &Incidents) -> Markup {
    html! {
        @if incidents.total == 0 {
            p.words { "No incident is on record in the last " (incidents.window_days) " days." }
        } @else {
            p {
                (figure("/incidents/total", incidents.total)) " in " (incidents.window_days) " days: " (figure("/incidents/open", incidents.open)) " open, "
                (figure("/incidents/contained", incidents.contained)) " contained, " (figure("/incidents/high", incidents.high)) " with a score of at least 70."
            }
            (table("Incidents, the open ones first", html! {
                thead { tr {
                    th scope="col" { "Opened" } th scope="col" { "State" } th.n scope="col" { "Score" } th scope="col" { "What" }
                    th scope="col" { "Actor" } th scope="col" { "Account" } th.n scope="col" { "Deeds" }
                } }
                tbody { @for (index, one) in incidents.list.iter().enumerate() { (incident(index, one)) } }
            }))
        }
    }
}

fn incident(index: usize, one: &Incident) -> Markup {
    let at = |name: &str| format!("/incidents/list/{index}/{name}");
    html! {
        tr {
            td.date { (one.opened.get(..16).unwrap_or(&one.opened).replace('T', " ")) }
            td.word { (one.state) }
            td.n { (known(&at("score"), one.score.and_then(|score| usize::try_from(score).ok()))) }
            th.text scope="row" { @if one.title.is_empty() { (one.id) } @else { (one.title) br; code.soft { (one.id) } } }
            td.wide { code { (one.actor) } }
            td.word { (one.account) }
            td.n { (figure(&at("deeds"), one.deeds)) }
        }
    }
}

pub(super) fn remediations(all: &Remediations) -> Markup {
    let days: Vec<_> = all.days.iter().map(|day| (day.done, day.failed)).collect();
    let said = format!("{} done and {} failed in {} days", all.done, all.failed, all.window_days);
    html! {
        @if all.runs == 0 {
            p.words { "Redress did nothing in the last " (all.window_days) " days." }
        } @else {
            p {
                "In " (all.window_days) " days: " (figure("/remediations/done", all.done)) " done and verified, " (figure("/remediations/undone", all.undone))
                " undone, " (figure("/remediations/held", all.held)) " held by a guard, " (figure("/remediations/failed", all.failed)) " failed, "
                (figure("/remediations/waiting", all.waiting)) " waiting for a person now. Mean time to remediate: "
                (duration("/remediations/mean_seconds", all.mean_seconds)) "; median: " (duration("/remediations/median_seconds", all.median_seconds)) "."
            }
            @let highest = all.days.iter().map(|day| day.done + day.failed).max().unwrap_or(0);
            @if highest > 0 {
                div.chart {
                    div.scale aria-hidden="true" { span { (highest) } span { "0" } }
                    (columns("remediated-days", "Remediations by day", &said, &days, ("good", "bad")))
                    div.ends { @if let (Some(first), Some(last)) = (all.days.first(), all.days.last()) { span { (first.day) } span { (last.day) } } }
                }
                (legend(&[
                    (part("good", "done", all.done), figure("/remediations/done", all.done)),
                    (part("bad", "failed", all.failed), figure("/remediations/failed", all.failed)),
                ]))
            }
            div.pair {
            (table("Runs by outcome", html! {
                thead { tr { th scope="col" { "Outcome" } th.n scope="col" { "Runs" } } }
                tbody {
                    @for (word, count) in &all.outcomes {
                        tr { th scope="row" { (word) } td.n { (figure(&format!("/remediations/outcomes/{word}"), *count)) } }
                    }
                }
            }))
            @if !all.controls.is_empty() {
                (table("What was set right, by control", html! {
                    thead { tr { th scope="col" { "Control" } th.n scope="col" { "Done" } } }
                    tbody {
                        @for (index, (control, count)) in all.controls.iter().take(ROWS).enumerate() {
                            tr { th scope="row" { (control) } td.n { (figure(&format!("/remediations/controls/{index}/1"), *count)) } }
                        }
                    }
                }))
            }
            }
        }
    }
}

pub(super) fn exemptions(all: &Exemptions, now: Timestamp) -> Markup {
    let soon = now + jiff::SignedDuration::from_hours(24 * WINDOW_DAYS);
    html! {
        @if all.total == 0 {
            p.words { "Nothing is exempt." }
        } @else {
            p { (figure("/exemptions/total", all.total)) " in force; ending within " (WINDOW_DAYS) " days: " (figure("/exemptions/ending", all.ending)) "." }
            (table("Exemptions, the first to end first", html! {
                thead { tr {
                    th scope="col" { "Ends" } th scope="col" { "Controls" } th scope="col" { "What" } th scope="col" { "Why" } th scope="col" { "Owner" }
                    th scope="col" { "Allowed by" } th scope="col" { "Stands in" }
                } }
                tbody {
                    @for one in all.list.iter().take(ROWS) {
                        tr {
                            td.date { @if one.until <= soon { span.is-bad { (when(one.until)) } } @else { (when(one.until)) } }
                            td { (one.controls.join(", ")) }
                            th.wide scope="row" { (one.scope) }
                            td.wide { (one.reason) }
                            td { (one.owner) }
                            td { (one.approved_by) }
                            td.word { (one.source) }
                        }
                    }
                }
            }))
            (more(all.list.len()))
        }
    }
}

/// How looking at an account and region ends that could be looked at.
const SCANNED: &str = "scanned";

pub(super) fn security_groups(groups: Option<&Groups>) -> Markup {
    let Some(groups) = groups else { return html! { p.words { "No sweep of security groups has ended yet." } } };
    let of = |severity: &str| groups.severities.get(severity).copied().unwrap_or(0);
    let parts = [
        part("critical", "critical", of("critical")),
        part("high", "high", of("high")),
        part("medium", "medium", of("medium")),
        part("low", "low", of("low")),
    ];
    html! {
        p {
            (figure("/security_groups/groups", groups.groups)) " groups with " (figure("/security_groups/rules", groups.rules)) " rules: "
            (figure("/security_groups/violations", groups.violations)) " violations, and " (figure("/security_groups/exempt", groups.exempt))
            " that are exempt. As of " (when(groups.as_of)) "."
        }
        (bar("group-severities", "Violations by severity", &parts))
        (legend(&parts.map(|part| {
            let at = format!("/security_groups/severities/{}", part.name);
            let is_there = groups.severities.contains_key(part.name);
            (part, if is_there { figure(&at, part.count) } else { html! { "0" } })
        })))
        p { "Accounts and regions: " @for (index, (word, count)) in groups.units.iter().enumerate() {
            @if index > 0 { ", " } (figure(&format!("/security_groups/units/{}", step(word)), *count)) " " (word)
        } "." }
        @if groups.units.get(SCANNED).is_none_or(|units| *units == 0) {
            p.words { "No account and region could be looked at." }
        } @else if groups.worst.is_empty() {
            p.words { "No security group violates the policy where it was looked." }
        }
        @if !groups.worst.is_empty() {
            (table("Accounts and regions with violations", html! {
                thead { tr { th scope="col" { "Account" } th scope="col" { "Region" } th.n scope="col" { "Violations" } } }
                tbody {
                    @for (index, line) in groups.worst.iter().enumerate() {
                        tr {
                            th scope="row" { code { (line.account) } } td.word { (line.region) }
                            td.n { (figure(&format!("/security_groups/worst/{index}/violations"), line.violations)) }
                        }
                    }
                }
            }))
        }
    }
}

pub(super) fn baseline(matrix: Option<&Matrix>) -> Markup {
    squares("baseline", "No sweep of the baseline has ended yet.", matrix)
}

pub(super) fn onboarding(matrix: Option<&Matrix>) -> Markup {
    squares("onboarding", "No sweep of onboarding has ended yet.", matrix)
}

fn squares(at: &str, none: &str, matrix: Option<&Matrix>) -> Markup {
    let Some(matrix) = matrix else { return html! { p.words { (none) } } };
    let part_of = |good, open, failed, other| {
        [part("good", "good", good), part("medium", "open", open), part("bad", "failed", failed), part("none", "not counted", other)]
    };
    let whole = part_of(matrix.good, matrix.open, matrix.failed, matrix.other);
    html! {
        p { strong { (rate(&format!("/{at}/rate"), matrix.rate)) } " is as it is to be, of services in accounts and regions. As of " (when(matrix.as_of)) "." }
        (bar(&format!("{at}-bar"), "Services in accounts and regions", &whole))
        (legend(&whole.map(|part| {
            let name = if part.name == "not counted" { "other" } else { part.name };
            (part, figure(&format!("/{at}/{name}"), part.count))
        })))
        @if matrix.services.is_empty() { p.words { "The sweep looked at no service." } } @else {
            (table("By service", html! {
                thead { tr {
                    th scope="col" { "Service" } th.n scope="col" { "Good" } th.n scope="col" { "Open" } th.n scope="col" { "Failed" } th.n scope="col" { "Not counted" }
                } }
                tbody {
                    @for (index, line) in matrix.services.iter().enumerate() {
                        @let place = format!("/{at}/services/{index}");
                        tr {
                            th scope="row" { (line.service) }
                            td.n { (figure(&format!("{place}/good"), line.good)) } td.n { (figure(&format!("{place}/open"), line.open)) }
                            td.n { (figure(&format!("{place}/failed"), line.failed)) } td.n { (figure(&format!("{place}/other"), line.other)) }
                        }
                    }
                }
            }))
        }
        h3 { "Drift" }
        @if matrix.drift.is_empty() { p.words { "Nothing is other than in the sweep before." } } @else {
            p { (figure(&format!("/{at}/drifted"), matrix.drifted)) " other than in the sweep before." }
            (table("Drift", html! {
                thead { tr {
                    th scope="col" { "Account" } th scope="col" { "Region" } th scope="col" { "Service" } th scope="col" { "Was" } th scope="col" { "Is" } th scope="col" { "Said" }
                } }
                tbody { @for one in &matrix.drift { (drift(one)) } }
            }))
        }
    }
}

fn drift(one: &Drift) -> Markup {
    html! {
        tr {
            th.word scope="row" { code { (one.account) } }
            td.word { (one.region) }
            td.word { (one.service) }
            td.word { @match &one.before { Some(before) => (before), None => span.words { "not looked at" } } }
            td.word { (one.state) }
            td.wide { (one.said) }
        }
    }
}
