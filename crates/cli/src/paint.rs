//! What the terminal shows: tables, diffs and colours; JSON where that was asked for.

use std::io::IsTerminal as _;

use anstyle::{AnsiColor, Style};
use comfy_table::{Cell, Color, ColumnConstraint, ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use redress_model::Outcome;
use serde::Serialize;

use crate::Failure;

/// Where a command prints. Colours are left out by `anstream` where they cannot be shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    /// Whether to print JSON.
    pub(crate) json: bool,
}

const RED: Style = AnsiColor::Red.on_default();
const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// Below so many columns a table is broken into letters.
const NARROW: u16 = 60;

impl Printer {
    /// A table, or the rows as JSON.
    pub(crate) fn rows<T: Serialize>(self, rows: &[T], header: &[&str], cells: impl Fn(&T) -> Vec<Cell>) {
        if self.json {
            return value(&rows);
        }
        let mut table = Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic).set_header(header);
        // Where nobody looks, and where there is no room, lines are not broken.
        if !std::io::stdout().is_terminal() || table.width().is_none_or(|width| width < NARROW) {
            table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        }
        // A run id is there to be copied.
        if let Some(column) = header.iter().position(|name| *name == "run").and_then(|index| table.column_mut(index)) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        for row in rows {
            table.add_row(cells(row));
        }
        anstream::println!("{table}");
    }

    pub(crate) fn hint(self, text: &str) {
        if !self.json {
            anstream::eprintln!("{DIM}{text}{DIM:#}");
        }
    }

    /// A bar over many findings, on a terminal only.
    pub(crate) fn progress(self, length: usize) -> ProgressBar {
        if self.json || length < 2 || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(u64::try_from(length).unwrap_or(0));
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}");
        bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    }
}

/// The value as JSON.
pub(crate) fn value<T: Serialize>(value: &T) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => anstream::println!("{text}"),
        Err(error) => anstream::eprintln!("error: {error}"),
    }
}

pub(crate) fn failure(failure: &Failure) {
    anstream::eprintln!("{RED}error:{RED:#} {failure}");
}

pub(crate) fn title(text: &str) {
    anstream::println!("{BOLD}{text}{BOLD:#}");
}

/// The lines of a change, as a diff is read: what goes, what comes, what becomes what.
pub(crate) fn changes(changes: &[String]) {
    for change in changes {
        let (head, rest) = change.split_once(": ").filter(|(_, rest)| rest.starts_with(['-', '+'])).unwrap_or(("", change.as_str()));
        let head = if head.is_empty() { String::new() } else { format!("{head}: ") };
        if let Some(gone) = rest.strip_prefix("- ") {
            anstream::println!("    {RED}- {head}{gone}{RED:#}");
        } else if let Some(new) = rest.strip_prefix("+ ") {
            anstream::println!("    {GREEN}+ {head}{new}{GREEN:#}");
        } else if let Some((before, after)) = change.split_once(" -> ") {
            anstream::println!("    {YELLOW}~{YELLOW:#} {before} {DIM}->{DIM:#} {GREEN}{after}{GREEN:#}");
        } else {
            anstream::println!("    {YELLOW}~{YELLOW:#} {change}");
        }
    }
}

/// The word of an outcome, in its colour.
pub(crate) fn word(outcome: &Outcome) -> Cell {
    let color = match outcome {
        Outcome::Remediated { .. } | Outcome::Compliant | Outcome::Undone { .. } => Color::Green,
        Outcome::Failed { .. } | Outcome::PutBack { .. } => Color::Red,
        Outcome::Absent | Outcome::InProgress { .. } => Color::Grey,
        Outcome::Planned { .. }
        | Outcome::Held { .. }
        | Outcome::Deferred { .. }
        | Outcome::Exempt { .. }
        | Outcome::NeedsApproval { .. }
        | Outcome::NeedsPerson { .. } => Color::Yellow,
    };
    colored(outcome.word(), color)
}

/// A coloured cell, where colours can be shown.
pub(crate) fn colored(text: impl ToString, color: Color) -> Cell {
    let cell = Cell::new(text.to_string());
    if std::io::stdout().is_terminal() { cell.fg(color) } else { cell }
}

/// The style of an outcome's word in running text.
pub(crate) fn style(outcome: &Outcome) -> Style {
    match outcome {
        Outcome::Remediated { .. } | Outcome::Compliant | Outcome::Undone { .. } => GREEN,
        Outcome::Failed { .. } | Outcome::PutBack { .. } => RED,
        _ => YELLOW,
    }
}
