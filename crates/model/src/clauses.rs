//! Which clauses of which standards a control satisfies: one table for all, `clauses.csv` beside this crate's sources.
//!
//! Its columns are the standards, its rows the controls, and several clauses of one standard are separated by semicolons. The table follows
//! the "related requirements" of AWS's pages on the controls, such as <https://docs.aws.amazon.com/securityhub/latest/userguide/iam-controls.html>.

use std::sync::LazyLock;

use crate::{Label, Standard};

const TABLE: &str = include_str!("../clauses.csv");

static ROWS: LazyLock<Vec<(&str, Vec<Label>)>> = LazyLock::new(|| rows(TABLE));

/// The clauses of a control, in the order of the table's columns; none for a control that the table does not know.
pub fn clauses(control: &str) -> &'static [Label] {
    ROWS.iter().find(|(id, _)| *id == control).map_or(&[], |(_, labels)| labels)
}

/// The control that a clause is about, where the standard has one control for it.
pub fn control_by(standard: Standard, clause: &str) -> Option<&'static str> {
    let mut all = ROWS.iter().filter(|(_, labels)| labels.iter().any(|label| label.standard == standard && label.clause == clause));
    all.next().map(|(id, _)| *id)
}

/// The controls of the table, in its order.
pub fn controls() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|(id, _)| *id)
}

fn rows(table: &'static str) -> Vec<(&'static str, Vec<Label>)> {
    let mut lines = table.lines();
    let head = lines.next().unwrap_or_default().split(',').skip(1);
    let standards: Vec<_> = head.map(|title| Standard::ALL.into_iter().find(|standard| standard.title() == title)).collect();
    let row = |line: &'static str| {
        let (control, cells) = line.split_once(',')?;
        let labels = standards.iter().zip(cells.split(',')).flat_map(|(standard, cell)| {
            let clauses = cell.split(';').map(str::trim).filter(|clause| !clause.is_empty());
            clauses.filter_map(|clause| Some(Label { standard: (*standard)?, clause }))
        });
        Some((control, labels.collect()))
    };
    lines.filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_cell_of_the_table_is_read() {
        let lines: Vec<Vec<&str>> = TABLE.lines().map(|line| line.split(',').collect()).collect();
        let head: Vec<_> = lines[0][1..].to_vec();
        assert_eq!(head, Standard::ALL.map(Standard::title), "the columns are the standards");
        for line in &lines[1..] {
            assert_eq!(line.len(), head.len() + 1, "{line:?}");
            let cells = line[1..].iter().flat_map(|cell| cell.split(';')).filter(|clause| !clause.trim().is_empty()).count();
            assert_eq!(clauses(line[0]).len(), cells, "{}", line[0]);
            assert!(!line[1..].concat().contains('"'), "cells are not quoted: {line:?}");
        }
        let ids: BTreeSet<_> = controls().collect();
        assert_eq!(ids.len(), lines.len() - 1, "a control has one row");
    }

    #[test]
    fn a_clause_of_a_benchmark_leads_to_one_control() {
        // Findings without a control id name a clause of one of these.
        for standard in [Standard::Cis12, Standard::Cis14, Standard::Cis30, Standard::Cis50, Standard::Pci321] {
            for (control, labels) in ROWS.iter() {
                for label in labels.iter().filter(|label| label.standard == standard) {
                    let also = ROWS.iter().filter(|(_, labels)| labels.contains(label)).map(|(id, _)| *id).collect::<Vec<_>>();
                    assert!(also.len() == 1 || SHARED.contains(&label.clause), "{control} {label}: {also:?}");
                }
            }
        }
    }

    /// Clauses that Security Hub checks by more than one control; findings of these standards always name the control.
    const SHARED: &[&str] = &["2.3.1", "2.2.4"];
}
