//! compliance-reporter: how the organization stands, as JSON, CSV and one page, each day and on demand.
//!
//! What is known is gathered ([`facts`]), counted ([`report`]) and written ([`table`], [`page`]); only the gathering asks anybody, and nothing
//! is changed. It enters no account: identities are told by Security Hub's controls. What could not be read is said in the report, and never
//! a zero. People get a link by the topic, which works as long as the function's session, and the place where the report stays.

pub mod facts;
mod gather;
mod metrics;
pub mod page;
pub mod report;
pub mod table;

use aws_types::SdkConfig;
use bytes::Bytes;
use facts::Facts;
use gather::{Names, Sources};
use jiff::Timestamp;
use redress_aws::{Channels, Clock, Error, LONGEST_LINK, Post, Result, SystemClock};
use redress_lambda::{Env, EnvError, Function, Message, Topic};
use report::{Incidents, Remediations, Report};
use serde_json::{Value as Json, json};
use tracing::{error, info};

/// The function with its collaborators.
pub struct ComplianceReporter {
    sources: Sources,
    post: Channels,
    clock: SystemClock,
}

impl ComplianceReporter {
    /// The function in its environment.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(env: &Env, sdk: &SdkConfig) -> std::result::Result<Self, EnvError> {
        let topic: Topic = env.parsed("REDRESS_TOPIC_ARN")?;
        let names = Names {
            ledger_table: env.text("REDRESS_LEDGER_TABLE")?,
            reports_bucket: env.text("REDRESS_REPORTS_BUCKET")?,
            policy_bucket: env.text("REDRESS_POLICY_BUCKET")?,
            policy_key: env.optional("REDRESS_POLICY_KEY").unwrap_or_default(),
        };
        Ok(Self {
            sources: Sources::new(sdk, names, &topic.account),
            post: Channels::new(sdk, topic.arn, env.optional("REDRESS_WEBHOOK_PARAMETER")),
            clock: SystemClock,
        })
    }

    /// Makes the report of today, and tells people of it.
    async fn make(&self, deadline: Timestamp) -> Result<Json> {
        let facts: Facts = Box::pin(self.sources.gather(&self.clock, deadline)).await;
        let report = Report::of(&facts);
        drop(facts);
        let page = self.write(&report).await?;
        let link = self.sources.reports().link(&page, LONGEST_LINK).await?;
        metrics::emit(&report);
        let (subject, body) = letter(&report, &link, &format!("s3://{}/{page}", self.sources.reports().bucket()));
        self.post.tell(&subject, &body).await?;
        let totals = &report.posture.totals;
        info!(day = report.day, passed = totals.passed, failed = totals.failed, gaps = report.gaps.len(), "reported");
        Ok(json!({ "bucket": self.sources.reports().bucket(), "page": page, "totals": totals, "gaps": report.gaps }))
    }

    /// Writes the documents under the day and as the latest, and says where the page is.
    async fn write(&self, report: &Report) -> Result<String> {
        let malformed = |why: String| Error::malformed("the report", why);
        let json = serde_json::to_vec(report).map_err(|error| malformed(error.to_string()))?;
        let csv = table::csv(report).map_err(malformed)?;
        let html = page::html(report).into_bytes();
        let documents =
            [("json", "application/json", json), ("csv", "text/csv; charset=utf-8", csv), ("html", "text/html; charset=utf-8", html)];
        for (end, kind, bytes) in documents {
            let bytes = Bytes::from(bytes);
            self.sources.reports().put(&format!("reports/{}/report.{end}", report.day), kind, bytes.clone()).await?;
            self.sources.reports().put(&format!("reports/latest.{end}"), kind, bytes).await?;
        }
        Ok(format!("reports/{}/report.html", report.day))
    }
}

/// What is said of what could not be read.
const UNREAD: &str = "could not be read";

/// What people are told.
fn letter(report: &Report, link: &str, place: &str) -> (String, String) {
    let Report { posture, incidents, iam, remediations, exemptions, trend, gaps, .. } = report;
    let rate = posture.totals.rate.map_or("nothing was assessed".into(), |rate| format!("{rate:.1} % of what was assessed passes"));
    let change = match (trend.rate_change, &trend.since) {
        (Some(change), Some(since)) => format!(" ({change:+.1} since {since})"),
        _ => String::new(),
    };
    let or = |count: Option<usize>, word: &str| count.map_or_else(|| word.to_owned(), |count| count.to_string());
    let fact = |key| or(iam.fact(key).and_then(|fact| fact.failing), "not assessed");
    let incidents = |count: fn(&Incidents) -> usize| or(incidents.as_ref().map(count), UNREAD);
    let remediations = |count: fn(&Remediations) -> usize| or(remediations.as_ref().map(count), UNREAD);
    let missing: Vec<_> = gaps.iter().map(|gap| format!("not complete  {}: {}\n", gap.part, gap.why)).collect();
    let missing = missing.concat();
    let body = format!(
        "{missing}controls      {} passed, {} failed, {} not assessed\nincidents     {} open, {} by the root user\n\
         identities    users without second factor: {}, with old access keys: {}\n\
         remediations  {} done, {} held, {} failed, {} waiting for a person\nexemptions    {} end within 30 days\n\n\
         The page, for as long as the session lasts that made this link (seven days at most, often a few hours):\n{link}\n\n\
         It stays at {place}, beside report.json and report.csv.\n",
        posture.totals.passed,
        posture.totals.failed,
        posture.totals.not_assessed,
        incidents(|all| all.open),
        incidents(|all| all.by_root),
        fact("users_without_mfa"),
        fact("old_access_keys"),
        remediations(|all| all.done),
        remediations(|all| all.held),
        remediations(|all| all.failed),
        remediations(|all| all.waiting),
        or(exemptions.as_ref().map(|all| all.ending), UNREAD),
    );
    (format!("Redress: report of {}: {rate}{change}", report.day), body)
}

impl Function for ComplianceReporter {
    /// Whatever asks for a report, it is the same report; a batch of wishes is one.
    async fn handle(&self, batch: Vec<Message>, deadline: Timestamp) -> Vec<String> {
        let Err(error) = Box::pin(self.make(deadline)).await else { return Vec::new() };
        error!(%error, "comes again");
        metrics::failed(self.clock.now());
        batch.into_iter().map(|message| message.id).collect()
    }

    async fn answer(&self, _request: Json, deadline: Timestamp) -> std::result::Result<Json, String> {
        Box::pin(self.make(deadline)).await.map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_the_figures_and_that_a_link_ends() {
        let gaps = vec![facts::Gap { part: "posture", why: "time was up".into() }];
        let report = Report::of(&Facts { as_of: "2026-11-21T12:00:00Z".parse().unwrap(), gaps, ..Facts::default() });
        let (subject, body) = letter(&report, "https://link", "s3://bucket/page");
        assert_eq!(subject, "Redress: report of 2026-11-21: nothing was assessed");
        for part in ["https://link", "s3://bucket/page", "seven days at most", "not assessed", "time was up", "could not be read open"] {
            assert!(body.contains(part), "{part} is missing in\n{body}");
        }
    }
}
