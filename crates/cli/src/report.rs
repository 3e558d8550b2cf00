//! How the organization stands, from a terminal: the deployed suite reports, and its report is shown.

use std::time::Duration;

use comfy_table::Cell;
use jiff::{SignedDuration, Timestamp};
use redress_aws::{Clock as _, Deployment, LONGEST_LINK, Reports, SystemClock, ask, caller};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::{
    Done, Ended, Failure,
    paint::{self, Printer},
    site::{not_deployed, sdk},
};

/// The latest report.
const LATEST: &str = "reports/latest.json";

/// The reporter reads every finding of a large organization in less; it is cut off then.
const PATIENCE: SignedDuration = SignedDuration::from_mins(16);

/// It is looked for so often.
const PAUSE: Duration = Duration::from_secs(3);

/// A report, as far as it is shown here.
#[derive(Debug, Deserialize)]
struct Shown {
    day: String,
    as_of: Timestamp,
    gaps: Vec<Gap>,
    posture: Posture,
}

#[derive(Debug, Deserialize)]
struct Gap {
    part: String,
    why: String,
}

#[derive(Debug, Deserialize)]
struct Posture {
    standards: Vec<Standard>,
}

/// A standard, as the report counts it.
#[derive(Debug, Serialize, Deserialize)]
struct Standard {
    title: String,
    passed: usize,
    failed: usize,
    not_assessed: usize,
    rate: Option<f64>,
}

pub(crate) async fn run(printer: Printer, latest: bool) -> Done {
    let sdk = sdk().await;
    let caller = caller(&sdk).await?;
    let deployment = Deployment::find(&sdk).await.map_err(|error| not_deployed(&error))?;
    let reports = Reports::new(&sdk, deployment.reports_bucket.clone(), caller.account);
    let last = read(&reports).await?;
    let (report, shown) = if latest {
        last.ok_or_else(|| Failure::new("there is no report yet: redress report asks for one"))?
    } else {
        ask(&sdk, "Manual Report", &json!({ "requested_by": caller.arn })).await?;
        made_after(printer, &reports, last.map(|(_, shown)| shown.as_of)).await?
    };
    // What could not be read is for somebody to look at.
    let ended = if shown.gaps.is_empty() { Ended::Well } else { Ended::WithSomethingToDo };
    if printer.json {
        paint::value(&report);
        return Ok(ended);
    }
    printer.rows(&shown.posture.standards, &["standard", "passed", "failed", "not assessed", "rate"], |standard| {
        let rate = standard.rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.1} %"));
        let Standard { title, passed, failed, not_assessed, .. } = standard;
        vec![Cell::new(title), Cell::new(passed), Cell::new(failed), Cell::new(not_assessed), Cell::new(rate)]
    });
    let count = |pointer: &str| report.pointer(pointer).and_then(Json::as_u64).map_or_else(|| "-".to_owned(), |count| count.to_string());
    printer.hint(&format!(
        "incidents: {} open, {} contained; remediations: {} done, {} held, {} failed; exemptions that end within 30 days: {}",
        count("/incidents/open"),
        count("/incidents/contained"),
        count("/remediations/done"),
        count("/remediations/held"),
        count("/remediations/failed"),
        count("/exemptions/ending"),
    ));
    for Gap { part, why } in &shown.gaps {
        printer.hint(&format!("not complete: {part}: {why}"));
    }
    let page = format!("reports/{}/report.html", shown.day);
    let link = reports.link(&page, LONGEST_LINK).await?;
    printer
        .hint(&format!("s3://{}/{page}, and for whoever has this link, as long as your session lasts:\n{link}", deployment.reports_bucket));
    Ok(ended)
}

async fn read(reports: &Reports) -> Result<Option<(Json, Shown)>, Failure> {
    let report: Option<Json> = reports.read(LATEST).await?;
    let shown = |report: Json| Ok((report.clone(), serde_json::from_value(report)?));
    report.map(shown).transpose().map_err(|error: serde_json::Error| Failure::new(format!("{LATEST}: {error}")))
}

/// The report that comes after that of `last`: our clock may be another than the reporter's.
async fn made_after(printer: Printer, reports: &Reports, last: Option<Timestamp>) -> Result<(Json, Shown), Failure> {
    printer.hint("asked; a large organization takes minutes");
    let asked = SystemClock.now();
    while SystemClock.now().duration_since(asked) < PATIENCE {
        SystemClock.sleep(PAUSE).await;
        if let Some(made) = read(reports).await?.filter(|(_, shown)| last.is_none_or(|last| shown.as_of > last)) {
            return Ok(made);
        }
    }
    Err(Failure::new("no report came: see the log of ComplianceReporter and docs/runbooks.md, or the one before with --latest"))
}
