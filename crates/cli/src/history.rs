//! What was done.

use comfy_table::Cell;
use jiff::SignedDuration;
use redress_aws::{Clock as _, Ledger, SystemClock, Vault};
use redress_model::{ControlId, Digest, Record, RunId};
use redress_remediation::Image;
use serde::Serialize;
use serde_json::Value as Json;

use crate::{
    Done, Ended, Failure,
    args::{self, History},
    paint::{self, Printer, style, word},
    remediate::record,
    site::{Site, local},
};

/// Lists runs. Without a deployment no credentials are needed.
pub(crate) async fn history(printer: Printer, site: &args::Site, which: History) -> Done {
    let now = SystemClock.now();
    let since = now - SignedDuration::from_hours(24 * i64::from(which.days));
    let records = if site.deployment {
        Site::open(site, false).await?.ledger.recent(since, now).await?
    } else {
        local(site)?.recent(since, now).await?
    };
    let wanted = |record: &Record| {
        which.account.as_ref().is_none_or(|account| record.resource.account == *account)
            && which.control.as_ref().is_none_or(|control| record.controls.contains(control))
            && which.resource.as_ref().is_none_or(|text| record.resource.id.contains(text))
            && which.outcome.as_ref().is_none_or(|word| record.outcome.word() == word)
    };
    let records: Vec<_> = records.into_iter().filter(wanted).collect();
    printer.rows(&records, &["when", "run", "control", "account", "resource", "outcome"], |record| {
        vec![
            Cell::new(record.ended.strftime("%Y-%m-%d %H:%M")),
            Cell::new(record.run),
            Cell::new(show_controls(&record.controls)),
            Cell::new(format!("{} {}", record.resource.account, record.resource.region)),
            Cell::new(&record.resource.id),
            word(&record.outcome),
        ]
    });
    if records.is_empty() {
        printer.hint(&format!("nothing in the last {} days", which.days));
    }
    Ok(Ended::Well)
}

fn show_controls(controls: &[ControlId]) -> String {
    controls.iter().map(ControlId::as_str).collect::<Vec<_>>().join("+")
}

/// A run with what it changed.
#[derive(Serialize)]
struct Whole {
    record: Record,
    before: Option<Json>,
    after: Option<Json>,
    /// Whether the image is what was saved.
    is_intact: Option<bool>,
}

/// Shows a run.
pub(crate) async fn show(printer: Printer, site: &args::Site, run: RunId) -> Done {
    let (record, image) = if site.deployment {
        let site = Site::open(site, false).await?;
        let record = record(&site, run).await?;
        let image = if record.image.is_some() { site.vault.load(run).await.ok() } else { None };
        (record, image)
    } else {
        let books = local(site)?;
        let record = Ledger::load(&books, run).await?;
        let record = record.ok_or_else(|| {
            Failure::new(format!("no run {run} is on record here: see redress history (and --deployment for those of the deployed suite)"))
        })?;
        let image = Vault::load(&books, run).await.ok().filter(|_| record.image.is_some());
        (record, image)
    };
    let is_intact = record.image.as_ref().map(|saved| image.as_ref().is_some_and(|(kept, _)| kept == saved));
    let read: Option<Image> = image.as_ref().and_then(|(_, bytes)| serde_json::from_slice(bytes).ok());
    let (before, after) = read.map_or((None, None), |image| (Some(image.before), Some(image.after)));
    let whole = Whole { record, before, after, is_intact };
    if printer.json {
        paint::value(&whole);
        return Ok(Ended::Well);
    }
    print(&whole);
    Ok(Ended::Well)
}

fn print(Whole { record, before, after, is_intact }: &Whole) {
    let Record { run, controls, clauses, intent, mode, decided_by, by, resource, findings, outcome, image, calls, started, ended, .. } =
        record;
    let style = style(outcome);
    paint::title(&format!("{}  {}", show_controls(controls), resource.id));
    let line = |name: &str, text: &str| anstream::println!("  {name:<10}{text}");
    line("run", &run.to_string());
    anstream::println!("  {:<10}{style}{}{style:#}", "outcome", outcome.sentence());
    line("account", &format!("{}, {}", resource.account, resource.region));
    let intent = serde_json::to_value(intent).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default();
    line("wanted", &format!("{intent}{}", by.as_ref().map_or_else(String::new, |by| format!(" by {by}"))));
    line("mode", &format!("{mode}{}", decided_by.as_ref().map_or_else(String::new, |by| format!(" ({by})"))));
    let took = (*ended - *started).total(jiff::Unit::Second).unwrap_or_default();
    line("when", &format!("{} for {took:.1} s", started.strftime("%Y-%m-%d %H:%M:%S UTC")));
    line("satisfies", &clauses.join(", "));
    for finding in findings {
        line("finding", &finding.id);
    }
    if let (Some(before), Some(after)) = (before, after) {
        paint::title("change");
        paint::changes(&redress_remediation::changes(before, after));
    }
    if let Some(image) = image {
        let state = match is_intact {
            Some(true) => "is what was saved",
            _ => "IS NOT WHAT WAS SAVED, or cannot be read",
        };
        paint::title("image");
        line("sum", &format!("{} {state}", image.sum));
        if let Some(before) = before {
            line("before", &Digest::of(before.to_string().as_bytes()).to_string());
        }
    }
    paint::title("calls");
    for call in calls {
        anstream::println!("    {call}");
    }
}
