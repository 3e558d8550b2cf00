//! What the terminal shows.

use comfy_table::{Cell, Color, ContentArrangement, Table, presets::UTF8_HORIZONTAL_ONLY};
use indicatif::{ProgressBar, ProgressStyle};

use super::{Evidence, Row};

/// The next thing that happens.
pub(super) fn step(text: &str) {
    println!("- {text}");
}

/// How many findings have been answered.
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn of(count: usize) -> Self {
        let bar = ProgressBar::new(count as u64);
        if let Ok(style) = ProgressStyle::with_template("  {bar:30} {pos}/{len} {msg}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    pub(super) fn answered(&self, control: &str, outcome: &str) {
        self.0.inc(1);
        self.0.set_message(format!("{control} {outcome}"));
        if self.0.is_hidden() {
            println!("  {}/{} {control} {outcome}", self.0.position(), self.0.length().unwrap_or_default());
        }
    }

    pub(super) fn done(&self) {
        self.0.finish_and_clear();
    }
}

/// A line for each finding.
pub(super) fn table(evidence: &Evidence) {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    if table.width().is_none() {
        table.set_width(150);
    }
    let mut header = vec!["finding", "before -> after", "outcome", "ms", "live state"];
    let verdicts = evidence.verdicts.as_ref();
    if verdicts.is_some() {
        header.push("verdict");
    }
    table.set_header(header);
    let line = |row: &Row, verdict: Option<String>| {
        let color = if row.kept_promise { Color::Green } else { Color::Red };
        let finding = format!("{} {}\n{} {}", row.control, short(&row.resource), row.account, row.region);
        let mut cells = vec![
            Cell::new(finding),
            Cell::new(&row.changes),
            Cell::new(way(row)).fg(color),
            Cell::new(row.milliseconds),
            Cell::new(&row.proof).fg(color),
        ];
        cells.extend(verdict.map(Cell::new));
        cells
    };
    for row in &evidence.rows {
        table.add_row(line(row, verdicts.map(|verdicts| verdicts.of_control(row.control))));
    }
    table.add_row(line(&evidence.undone, verdicts.map(|_| String::new())));
    println!("{table}");
}

/// The outcomes of all runs; many of the same are counted.
pub(super) fn way(row: &Row) -> String {
    let mut words: Vec<(&str, usize)> = Vec::new();
    for word in &row.way {
        match words.last_mut() {
            Some((last, times)) if last == word => *times += 1,
            _ => words.push((word, 1)),
        }
    }
    let words = words.iter().map(|(word, times)| if *times == 1 { (*word).to_owned() } else { format!("{word} x{times}") });
    words.collect::<Vec<_>>().join(", ")
}

/// The last part of an id.
fn short(id: &str) -> &str {
    id.rsplit(['/', ':']).next().unwrap_or(id)
}
