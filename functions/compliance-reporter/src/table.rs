//! The CSV: one row for each account and control.

use crate::report::{Report, Row};

/// The columns; they stay, and new ones come last.
pub const COLUMNS: [&str; 12] = [
    "as_of",
    "account",
    "account_name",
    "organizational_unit",
    "control",
    "title",
    "severity",
    "status",
    "failed_resources",
    "passed_resources",
    "suppressed_findings",
    "clauses",
];

/// The rows, with a head.
///
/// # Errors
/// Never, as long as memory takes them.
pub fn csv(report: &Report) -> Result<Vec<u8>, String> {
    let mut table = csv::Writer::from_writer(Vec::new());
    let mut write = |cells: &[String]| table.write_record(cells).map_err(|error| error.to_string());
    write(&COLUMNS.map(str::to_owned))?;
    let as_of = report.as_of.to_string();
    for row in &report.posture.rows {
        write(&cells(row, &as_of))?;
    }
    table.into_inner().map_err(|error| error.to_string())
}

fn cells(row: &Row, as_of: &str) -> [String; 12] {
    [
        as_of.to_owned(),
        row.account.id.to_string(),
        harmless(&row.account.name),
        harmless(&row.account.unit),
        row.control.id.to_string(),
        harmless(&row.control.title),
        row.control.severity.map_or_else(String::new, |severity| severity.to_string()),
        row.status.as_str().to_owned(),
        row.failed.to_string(),
        row.passed.to_string(),
        row.suppressed.to_string(),
        row.control.clauses.join("; "),
    ]
}

/// A spreadsheet takes what begins like this for a formula.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use redress_model::AccountId;

    use super::*;
    use crate::facts::{Account, Facts};

    #[test]
    fn a_name_with_quotes_commas_or_lines_is_one_cell_and_a_formula_is_text() {
        let name = "a \"b\", c\nd";
        let account = |id: &str, name: &str| Account {
            id: AccountId::try_from(id).unwrap(),
            name: name.into(),
            unit: Some("/Prod".into()),
            state: None,
        };
        let facts = Facts {
            as_of: Timestamp::UNIX_EPOCH,
            accounts: vec![account("111122223333", name), account("444455556666", "=HYPERLINK(\"http://x\")")],
            ..Facts::default()
        };
        let report = Report::of(&facts);
        let bytes = csv(&report).unwrap();
        let mut table = csv::Reader::from_reader(bytes.as_slice());
        assert_eq!(table.headers().unwrap().iter().collect::<Vec<_>>(), COLUMNS);
        let rows: Vec<_> = table.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), report.posture.totals.all());
        assert_eq!(&rows[0][2], name);
        assert_eq!(&rows[rows.len() - 1][2], "'=HYPERLINK(\"http://x\")");
        assert!(rows.iter().all(|row| &row[7] == "not-assessed"));
    }
}
