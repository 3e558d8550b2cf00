//! The controls and their documentation.

use comfy_table::Cell;
use redress_controls::{all, find};
use redress_model::{ControlId, Label};
use redress_remediation::Entry;
use serde::Serialize;

use crate::{
    Done, Ended, Failure,
    paint::{self, Printer},
};

/// The reference of all controls; each has a section of its own.
const REFERENCE: &str = include_str!("../../controls/README.md");

#[derive(Serialize)]
struct Row {
    id: &'static str,
    class: &'static str,
    severity: String,
    title: &'static str,
    standards: Vec<String>,
    resources: &'static [&'static str],
    prowler: &'static [&'static str],
    config_rules: &'static [&'static str],
    reads: Vec<&'static str>,
    writes: Vec<&'static str>,
}

fn row(entry: &Entry) -> Row {
    let spec = entry.spec;
    let names = |actions: &[redress_remediation::Action]| actions.iter().map(|action| action.name).collect();
    Row {
        id: spec.id,
        class: spec.class.letter(),
        severity: spec.severity.to_string(),
        title: spec.title,
        standards: spec.labels().iter().map(Label::to_string).collect(),
        resources: spec.resources,
        prowler: spec.prowler,
        config_rules: spec.config_rules,
        reads: names(entry.reads),
        writes: names(entry.writes),
    }
}

pub(crate) fn controls(printer: Printer) -> Done {
    let mut rows: Vec<_> = all().map(row).collect();
    let number = |id: &str| id.split_once('.').and_then(|(_, number)| number.parse::<u32>().ok());
    rows.sort_by_key(|row| (row.id.split('.').next(), number(row.id)));
    printer.rows(&rows, &["control", "class", "severity", "the good state", "standards"], |row| {
        vec![Cell::new(row.id), Cell::new(row.class), Cell::new(&row.severity), Cell::new(row.title), Cell::new(row.standards.join(", "))]
    });
    Ok(Ended::Well)
}

pub(crate) fn control(printer: Printer, id: &ControlId) -> Done {
    let unknown = || Failure::new(format!("`{id}` is no control that Redress knows: see redress controls"));
    let entry = find(id.as_str()).ok_or_else(unknown)?;
    if printer.json {
        paint::value(&row(entry));
        return Ok(Ended::Well);
    }
    let (_, section) = REFERENCE.split_once(&format!("\n## {id}\n")).ok_or_else(unknown)?;
    let section = section.split("\n## ").next().unwrap_or(section);
    paint::title(&format!("{id}: {}", entry.spec.title));
    // What is bold in the document is bold here; links are left to the page.
    for line in section.lines().skip(1) {
        match line.strip_prefix("**").and_then(|line| line.strip_suffix("**")) {
            Some(heading) => paint::title(heading.trim_end_matches('.')),
            None => anstream::println!("{line}"),
        }
    }
    anstream::println!("\n{}", entry.spec.link());
    Ok(Ended::Well)
}
