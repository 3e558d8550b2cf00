//! The evidence as a page that a person can read.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value as Json;

use super::{Evidence, Row, show::way};

const STYLE: &str = "
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1f24; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
p.lead { color: #57606a; margin-top: 0; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; min-width: 64rem; } td { overflow-wrap: anywhere; } td.w { min-width: 6.5rem; } th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid #d0d7de; }
th { color: #57606a; font-weight: 600; } td.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
code, pre { font: 13px/1.45 ui-monospace, monospace; } pre { background: #f6f8fa; padding: .7rem; overflow-x: auto; border-radius: 6px; white-space: pre-wrap; }
.ok { color: #116329; font-weight: 600; } .bad { color: #b42318; font-weight: 600; }
details { border-bottom: 1px solid #d0d7de; padding: .5rem 0; } summary { cursor: pointer; }
.sides { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); gap: 1rem; }
h3 { font-size: .9rem; margin: .6rem 0 .2rem; color: #57606a; }
";

/// The whole page.
pub(super) fn html(evidence: &Evidence) -> String {
    let good = evidence.rows.iter().filter(|row| row.kept_promise).count();
    let page: Markup = html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; meta name="viewport" content="width=device-width, initial-scale=1"; title { "Redress: evidence" } style { (PreEscaped(STYLE)) } }
            body {
                h1 { "Redress: what was found, changed and verified" }
                p.lead {
                    "Member accounts " code { (evidence.accounts.join(", ")) } " in " (evidence.regions.join(" and ")) ", " (format!("{:.0}", evidence.started)) ". "
                    (good) " of " (evidence.rows.len()) " findings ended as promised. Each line was read again from the live resource by other code than "
                    "the functions'. Times are from a finding's import to the first answer on it, all findings at once, on a local AWS; questions were approved \
                     by custom action."
                }
                div.scroll { (summary(evidence)) }
                h2 { "Each finding" }
                @for row in &evidence.rows { (detail(row)) }
                h2 { "Undone" }
                (detail(&evidence.undone))
            }
        }
    };
    page.into_string()
}

fn summary(evidence: &Evidence) -> Markup {
    html! {
        table {
            thead { tr { th { "control" } th { "resource" } th { "before -> after" } th { "outcome" } th { "finding" } th { "ms" } th { "live state" } @if evidence.verdicts.is_some() { th { "Prowler (Account.1: SRA Verify)" } } } }
            tbody {
                @for row in evidence.rows.iter().chain([&evidence.undone]) {
                    tr {
                        td.w { strong { (row.control) } br; (row.title) }
                        td { code { (row.resource) } br; (row.account) " " (row.region) }
                        td { (row.changes) }
                        td class={ "w " (mark(row)) } { (way(row)) }
                        td.w { (row.workflow) }
                        td.n { (row.milliseconds) }
                        td class={ "w " (mark(row)) } { (row.proof) }
                        @if let Some(verdicts) = &evidence.verdicts { td { @if row.outcome != "undone" { (verdicts.of_control(row.control)) } } }
                    }
                }
            }
        }
    }
}

fn mark(row: &Row) -> &'static str {
    if row.kept_promise { "ok" } else { "bad" }
}

fn detail(row: &Row) -> Markup {
    html! {
        details {
            summary { strong { (row.control) } " (class " (row.class) "): " (row.title) " · " span class=(mark(row)) { (row.outcome) } }
            p { "Satisfies " (row.clauses.join(", ")) ". Run " code { (row.run) } "." }
            h3 { "Note on the finding" }
            pre { (row.note) }
            div.sides {
                div { h3 { "Before, as observed" } pre { (pretty(&row.before)) } }
                div { h3 { "After, as observed" } pre { (pretty(&row.after)) } }
            }
            h3 { "Calls in the member account" }
            pre { (list(&row.calls)) }
            @if !row.image.is_null() {
                h3 { "Saved before the change" }
                pre { (pretty(&row.image)) }
            }
        }
    }
}

fn list(calls: &Json) -> String {
    calls.as_array().map(|calls| calls.iter().filter_map(Json::as_str).collect::<Vec<_>>().join("\n")).unwrap_or_default()
}

fn pretty(value: &Json) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
