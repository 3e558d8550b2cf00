//! What people are told of a run, and how it reads.

use std::{collections::BTreeMap, fmt::Write as _};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AccountId, Arn, ControlId, Region, RunId, Severity, job::FindingKey};

/// What people are told of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The run.
    pub run: RunId,
    /// When it ended.
    pub at: Timestamp,
    /// The account.
    pub account: AccountId,
    /// What people call it, where that is known.
    pub account_name: Option<String>,
    /// The region.
    pub region: Region,
    /// The resource.
    pub resource: String,
    /// The controls.
    pub controls: Vec<ControlId>,
    /// The highest severity of the controls.
    pub severity: Severity,
    /// The outcome's word.
    pub outcome: String,
    /// The outcome's sentence.
    pub sentence: String,
    /// The finding, for its link.
    pub finding: Option<FindingKey>,
    /// Whether it can be undone.
    pub can_undo: bool,
}

/// Subject and body of a message with these notices, grouped by account; none at all makes no message.
pub fn letter(notices: &[Notice]) -> Option<(String, String)> {
    let first = notices.first()?;
    let subject = match notices {
        [one] => format!("Redress: {} in {}: {}", show(&one.controls), named(one), one.outcome),
        many => {
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            for notice in many {
                *counts.entry(notice.outcome.as_str()).or_default() += 1;
            }
            let counts: Vec<_> = counts.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
            let accounts: std::collections::BTreeSet<_> = many.iter().map(|notice| &notice.account).collect();
            let of = if accounts.len() == 1 { named(first) } else { format!("{} accounts", accounts.len()) };
            format!("Redress: {} in {of}", counts.join(", "))
        }
    };
    let mut accounts: BTreeMap<&AccountId, Vec<&Notice>> = BTreeMap::new();
    for notice in notices {
        accounts.entry(&notice.account).or_default().push(notice);
    }
    let mut body = String::new();
    for notices in accounts.values() {
        if let Some(first) = notices.first() {
            let _ = writeln!(body, "Account {}", named(first));
        }
        for notice in notices {
            body.push_str(&paragraph(notice));
        }
        body.push('\n');
    }
    Some((subject, body.trim_end().to_owned() + "\n"))
}

fn paragraph(notice: &Notice) -> String {
    let Notice { run, region, resource, controls, severity, outcome, sentence, .. } = notice;
    let mut text = format!(
        "\n  {outcome}  {} ({severity})\n  resource  {resource}\n  region    {region}\n  at        {}\n  {sentence}\n",
        show(controls),
        notice.at.strftime("%Y-%m-%d %H:%M:%S UTC")
    );
    if let Some(link) = notice.finding.as_ref().and_then(link) {
        let _ = writeln!(text, "  finding   {link}");
    }
    let _ = writeln!(text, "  show      redress show {run} --deployment");
    if notice.can_undo {
        let _ = writeln!(text, "  undo      redress undo {run} --deployment");
    }
    text
}

fn named(notice: &Notice) -> String {
    match notice.account_name.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => format!("{} ({name})", notice.account),
        None => notice.account.to_string(),
    }
}

fn show(controls: &[ControlId]) -> String {
    controls.iter().map(ControlId::as_str).collect::<Vec<_>>().join("+")
}

/// The finding in Security Hub's console, in the region that its product names.
pub fn link(finding: &FindingKey) -> Option<String> {
    let arn = Arn::parse(&finding.product).ok().filter(|arn| !arn.region.is_empty())?;
    let domain = match arn.partition {
        "aws-cn" => "console.amazonaws.cn",
        "aws-us-gov" => "console.amazonaws-us-gov.com",
        "aws" => "console.aws.amazon.com",
        _ => return None,
    };
    let region = arn.region;
    if finding.ocsf_account.is_some() {
        return Some(format!("https://{region}.{domain}/securityhub/v2/home?region={region}#/findings"));
    }
    // The console takes its search encoded twice.
    let id = finding.id.replace('%', "%25").replace(':', "%253A").replace('/', "%252F");
    Some(format!(
        "https://{region}.{domain}/securityhub/home?region={region}#/findings?search=Id%3D%255Coperator%255C%253AEQUALS%255C%253A{id}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(account: &str, outcome: &str, name: Option<&str>) -> Notice {
        Notice {
            run: RunId::new(Timestamp::UNIX_EPOCH, [1; 10]),
            at: Timestamp::UNIX_EPOCH,
            account: AccountId::try_from(account).unwrap(),
            account_name: name.map(str::to_owned),
            region: Region::try_from("eu-central-1").unwrap(),
            resource: "arn:aws:s3:::logs".into(),
            controls: vec![ControlId::try_from("S3.5").unwrap()],
            severity: Severity::Medium,
            outcome: outcome.into(),
            sentence: "changed and verified: + Deny".into(),
            finding: Some(FindingKey::asff("arn:aws:securityhub:x/1", "arn:aws:securityhub:eu-central-1::product/aws/securityhub")),
            can_undo: outcome == "remediated",
        }
    }

    #[test]
    fn one_notice_says_who_what_where_and_how_to_undo_it() {
        let one = notice("111122223333", "remediated", Some("payments"));
        let (subject, body) = letter(&[one]).unwrap();
        assert_eq!(subject, "Redress: S3.5 in 111122223333 (payments): remediated");
        for part in ["payments", "arn:aws:s3:::logs", "+ Deny", "eu-central-1.console.aws.amazon.com", "redress undo "] {
            assert!(body.contains(part), "{part} is missing in\n{body}");
        }
    }

    #[test]
    fn many_notices_are_counted_and_grouped_by_account() {
        let all = [notice("111122223333", "held", None), notice("111122223333", "remediated", None), notice("444455556666", "held", None)];
        let (subject, body) = letter(&all).unwrap();
        assert_eq!(subject, "Redress: 2 held, 1 remediated in 2 accounts");
        assert_eq!(body.matches("Account ").count(), 2);
        assert_eq!(body.matches("redress undo").count(), 1);
        assert_eq!(letter(&[]), None);
    }
}
