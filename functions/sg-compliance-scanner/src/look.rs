//! Looking at groups: what is found becomes findings in the account that they are about, and jobs.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use redress_aws::{Accounts, Clock, IMPORTS, Marks, OwnFinding, OwnVerdict, Post, Queue, Result, Visit, import};
use redress_exposure::{Detection, Found, Policy, RealTime, Rules, Severity, Step, Violation, reach::Reach};
use redress_lambda::{Measure, measure};
use redress_model::{
    AccountId, ControlId, Digest, Intent, Job, Outcome, Record, Region, Request, Resource,
    finding::{OUR_GENERATOR, SECURITY_GROUP},
};
use redress_settings::ec2::survey::{READS, survey};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::{info, warn};

use crate::{SgComplianceScanner, change::Work};

/// What made us look.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Why<'a> {
    /// A sweep of everything.
    Sweep(&'a str),
    /// A change.
    Change(&'a Work),
    /// A job ended.
    Ended(&'a Record),
}

/// Where to look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) account: &'a AccountId,
    pub(crate) region: &'a Region,
    /// One group, or all.
    pub(crate) group: Option<&'a str>,
}

/// A violation, as reports tell it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) rule_id: String,
    /// The severity that counts, with what nobody has weighed.
    pub(crate) severity: Severity,
    pub(crate) reach: Reach,
    /// How far enforcement goes now.
    pub(crate) step: Step,
    pub(crate) since: Timestamp,
    /// Whether it was not known before.
    pub(crate) is_new: bool,
    pub(crate) why: String,
    /// The offending rules of the group, with what of them offends.
    pub(crate) offences: Vec<String>,
}

/// What was found somewhere.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Looked {
    pub(crate) groups: usize,
    pub(crate) rules: usize,
    pub(crate) violations: Vec<Told>,
    pub(crate) exempt: usize,
    /// Prefix lists that could not be looked into.
    pub(crate) unresolved: Vec<String>,
    /// How many jobs were sent.
    pub(crate) jobs: usize,
    /// Why findings are not in Security Hub, if they are not.
    pub(crate) not_imported: Option<String>,
    /// What is to be remembered.
    #[serde(skip)]
    changes: Vec<Change>,
}

/// Sends a job into the lane of its resource.
pub(crate) async fn send(jobs: &Queue, job: &Job, once: &Digest) -> Result<()> {
    let body = serde_json::to_string(job).map_err(|error| redress_aws::Error::malformed("the job", error.to_string()))?;
    jobs.send_in_order(&body, job.lane().as_str(), once.as_str()).await
}

/// What is to be remembered of a group once everything else is done.
#[derive(Debug, Clone, PartialEq)]
struct Change {
    group: String,
    before: Marks,
    after: Marks,
}

impl Looked {
    /// The critical violations that were not known before.
    pub(crate) fn new_critical(&self) -> impl Iterator<Item = &Told> {
        self.violations.iter().filter(|one| one.severity == Severity::Critical && one.is_new)
    }
}

fn place(at: At<'_>) -> String {
    format!("security-groups#{}#{}", at.account, at.region)
}

impl SgComplianceScanner {
    /// Looks at who made a change, and at its groups.
    pub(crate) async fn look_at_change(&self, work: &Work) -> Result<()> {
        let policy = self.policy().await?;
        let here = policy.of_account(work.account.as_str());
        let real_time = here.real_time();
        if !real_time.enabled {
            info!("real-time scanning is switched off");
            return Ok(());
        }
        // First: who works in masses is counted even where nothing can be looked at.
        self.count_for(work, real_time).await?;
        let detection = detection(real_time, work);
        if !detection.immediate_scan {
            return Ok(());
        }
        for group in &work.groups {
            let at = At { account: &work.account, region: &work.region, group: Some(group) };
            let looked = self.look(at, &policy, Why::Change(work)).await?;
            self.tell_of_critical(&looked, work).await?;
            self.remember(at, &looked).await?;
        }
        let now = self.clock.now();
        let took = now.duration_since(work.at).as_secs_f64().max(0.0);
        measure(Measure::RealTimeScanDuration, took, now);
        if took > f64::from(detection.scan_within_seconds) {
            warn!(took, goal = detection.scan_within_seconds, call = work.call, "the change was looked at late");
        }
        Ok(())
    }

    /// People hear at once of what is critical and was not known.
    async fn tell_of_critical(&self, looked: &Looked, work: &Work) -> Result<()> {
        let critical: Vec<&Told> = looked.new_critical().collect();
        let Some(first) = critical.first() else { return Ok(()) };
        let subject = format!("Redress: {} lets in what it must not, in {}", first.group, work.account);
        let line = |one: &&Told| format!("{} ({}): {}\n  {}", one.rule_id, one.severity.as_str(), one.why, one.offences.join("\n  "));
        let by = work.actor.as_deref().unwrap_or("somebody");
        let lines: Vec<String> = critical.iter().map(line).collect();
        let body = format!(
            "Security group {} ({}) in account {} and region {}, changed by {by} at {}.\n\n{}\n",
            first.group,
            first.name,
            work.account,
            work.region,
            work.at,
            lines.join("\n")
        );
        self.post.tell(&subject, &body).await?;
        let number = u32::try_from(critical.len()).unwrap_or(u32::MAX);
        measure(Measure::CriticalViolationsFound, f64::from(number), self.clock.now());
        Ok(())
    }

    /// A job about a group ended: it is looked at again, so that its findings pass or fail.
    pub(crate) async fn look_again(&self, record: &Record) -> Result<()> {
        let now = self.clock.now();
        if let Outcome::Remediated { changes } = &record.outcome {
            if changes.iter().any(|line| line.contains(" in: ") || line.contains(" out: ")) {
                measure(Measure::RemediationActions, 1.0, now);
            }
            if changes.iter().any(|line| line.contains("COMPLIANCE_STATUS=LOCKED_DOWN")) {
                measure(Measure::EmergencyRemediationsPerformed, 1.0, now);
            }
        }
        let Some(group) = record.resource.arn().and_then(|arn| arn.named("security-group").map(str::to_owned)) else { return Ok(()) };
        let policy = self.policy().await?;
        let at = At { account: &record.resource.account, region: &record.resource.region, group: Some(&group) };
        let looked = self.look(at, &policy, Why::Ended(record)).await?;
        self.remember(at, &looked).await
    }

    /// Looks at one group, or at all of a region. What was seen is to be remembered only when all that follows from it is done.
    pub(crate) async fn look(&self, at: At<'_>, policy: &Policy, why: Why<'_>) -> Result<Looked> {
        let now = self.clock.now();
        let rules = policy.of_account(at.account.as_str());
        let actions = READS.iter().map(|action| action.name).chain([IMPORTS]).collect();
        let run = self.clock.new_run();
        let visit = Visit { account: at.account, region: at.region, partition: &self.partition, run, now, actions };
        let account = self.org.enter(visit).await?;
        let seen = survey(&account, at.group).await?;
        let mut known = match at.group {
            Some(group) => BTreeMap::from([(group.to_owned(), self.sightings.of(&place(at), group).await?)]),
            None => self.sightings.at(&place(at)).await?,
        };
        let mut looked = Looked { groups: seen.groups.len(), rules: seen.rules(), ..Looked::default() };
        let (mut findings, mut jobs) = (Vec::new(), Vec::new());
        for found in &rules.look(&seen, now) {
            let before = known.remove(&found.group).unwrap_or_default();
            let about = Group { at, scanner: self, found, now };
            let change = about.judge(&rules, before, why, &mut looked, &mut findings, &mut jobs)?;
            looked.changes.push(change);
        }
        // What is left was known to be wrong, and is not any more, or is gone.
        for (group, before) in known.into_iter().filter(|(_, before)| !before.is_empty()) {
            let name = seen.groups.get(&group).map(|group| group.name.clone()).unwrap_or_default();
            let fine = Found { group: group.clone(), name, ..Found::default() };
            let about = Group { at, scanner: self, found: &fine, now };
            findings.extend(before.iter().map(|(id, since)| about.passed(id, *since)));
            looked.changes.push(Change { group, before, after: Marks::new() });
        }
        // The hub may be off in a region: that is told, and what is wrong is set right all the same.
        let left = import(&account, &findings).await;
        if let Some(first) = left.first() {
            warn!(account = %at.account, region = %at.region, count = left.len(), why = first.why, "findings are not in Security Hub");
            looked.not_imported = Some(format!("{} of {}: {}", left.len(), findings.len(), first.why));
        }
        let is_left = |id: &str| left.iter().any(|one| one.id == id);
        // What is not there says PASSED, or FAILED, the next time: nothing of it is forgotten.
        for change in &mut looked.changes {
            let of_group = format!("/{}/", change.group);
            if left.iter().any(|one| one.id.contains(&of_group)) {
                let before = change.before.clone();
                change.after.extend(before);
            }
        }
        looked.jobs = jobs.len();
        for (job, once) in jobs {
            let finding = job.finding.clone().filter(|finding| !is_left(&finding.id));
            send(&self.jobs, &Job { finding, ..job }, &once).await?;
        }
        info!(account = %at.account, region = %at.region, group = at.group, groups = looked.groups, violations = looked.violations.len(), jobs = looked.jobs, "looked");
        Ok(looked)
    }

    /// Remembers what was seen: what was not told or sent before this is new again next time.
    pub(crate) async fn remember(&self, at: At<'_>, looked: &Looked) -> Result<()> {
        let now = self.clock.now();
        for Change { group, after, .. } in looked.changes.iter().filter(|change| change.before != change.after) {
            self.sightings.keep(&place(at), group, after, now).await?;
        }
        Ok(())
    }
}

/// What the policy has done about a change of this kind.
fn detection<'a>(real_time: &'a RealTime, work: &Work) -> &'a Detection {
    let rules = &real_time.detection_rules;
    if work.call == "CreateSecurityGroup" { &rules.new_security_group_created } else { &rules.risky_rule_added }
}

/// How far enforcement goes now: within its grace a violation is tagged at most, and what a change brought may be acted upon at once.
fn step(rules: &Rules, (violation, severity, step): &(Violation, Severity, Step), since: &Marks, why: Why<'_>, now: Timestamp) -> Step {
    let grace = SignedDuration::from_hours(i64::from(rules.grace_hours(*severity)));
    let since = since.get(&violation.rule_id).copied().unwrap_or(now);
    let step = if !grace.is_zero() && now.duration_since(since) < grace { (*step).min(Step::Tag) } else { *step };
    let Why::Change(work) = why else { return step };
    // What was there before is none of this change's doing, and calls that only describe or take away bring nothing.
    let brings = ["CreateSecurityGroup", "AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress", "ModifySecurityGroupRules"];
    let is_brought = since >= work.at && brings.contains(&work.call.as_str());
    if is_brought && detection(rules.real_time(), work).auto_remediate_critical && *severity == Severity::Critical {
        return step.max(rules.real_time().emergency_action);
    }
    step
}

/// A group, and what is said about it.
struct Group<'a> {
    at: At<'a>,
    scanner: &'a SgComplianceScanner,
    found: &'a Found,
    now: Timestamp,
}

impl Group<'_> {
    /// What is to be said, done and remembered of the group.
    fn judge(
        &self,
        rules: &Rules,
        before: Marks,
        why: Why<'_>,
        looked: &mut Looked,
        findings: &mut Vec<OwnFinding>,
        jobs: &mut Vec<(Job, Digest)>,
    ) -> Result<Change> {
        let Found { group, name, reach, violations, exempt, unresolved, is_miscalled } = self.found;
        // What the end of a job leaves is not asked for again at once: who put it back, or undid it, would never be done.
        let sends_jobs = !matches!(why, Why::Ended(_));
        let ids = violations.iter().map(|(violation, ..)| &violation.rule_id).chain(exempt.iter().map(|one| &one.violation.rule_id));
        let mut after: Marks = ids.map(|id| (id.clone(), before.get(id).copied().unwrap_or(self.now))).collect();
        let steps: BTreeMap<String, Step> =
            violations.iter().map(|found| (found.0.rule_id.clone(), step(rules, found, &after, why, self.now))).collect();
        for (violation, severity, _) in violations {
            let since = after.get(&violation.rule_id).copied().unwrap_or(self.now);
            let step = steps.get(&violation.rule_id).copied().unwrap_or_default();
            let finding = self.failed(violation, *severity, since);
            if step >= Step::Tag && sends_jobs {
                jobs.push(self.job(Some(&finding), &steps, why)?);
            }
            findings.push(finding);
            looked.violations.push(Told {
                group: group.clone(),
                name: name.clone(),
                rule_id: violation.rule_id.clone(),
                severity: *severity,
                reach: *reach,
                step,
                since,
                is_new: !before.contains_key(&violation.rule_id),
                why: violation.why().to_owned(),
                offences: violation.offences.iter().map(|offence| format!("{} ({})", offence.rule, offence.services)).collect(),
            });
        }
        // Its tags are no longer true.
        if *is_miscalled && sends_jobs && steps.values().all(|step| *step < Step::Tag) {
            jobs.push(self.job(None, &steps, why)?);
        }
        findings.extend(exempt.iter().map(|one| self.exempt(one)));
        looked.exempt += exempt.len();
        for list in unresolved {
            if !looked.unresolved.contains(list) {
                looked.unresolved.push(list.clone());
            }
        }
        let gone: Vec<(String, Timestamp)> =
            before.iter().filter(|(id, _)| !after.contains_key(*id)).map(|(id, since)| (id.clone(), *since)).collect();
        for (id, since) in gone {
            if unresolved.is_empty() {
                findings.push(self.passed(&id, since));
            } else {
                // It may be as wrong as before, behind a list that nobody could look into.
                let why = format!("Prefix lists that its rules name cannot be looked into: {}.", unresolved.join(", "));
                findings.push(OwnFinding { verdict: OwnVerdict::NotJudged(why), ..self.finding(&id, since) });
                after.insert(id, since);
            }
        }
        Ok(Change { group: group.clone(), before, after })
    }

    fn resource(&self) -> Resource {
        let (account, region, partition) = (self.at.account.clone(), self.at.region.clone(), self.scanner.partition.clone());
        let id = format!("arn:{partition}:ec2:{region}:{account}:security-group/{}", self.found.group);
        Resource { kind: "AwsEc2SecurityGroup".into(), id, account, region, partition, name: None, path: None }
    }

    fn finding(&self, rule: &str, since: Timestamp) -> OwnFinding {
        let At { account, region, .. } = self.at;
        let Found { group, name, .. } = self.found;
        OwnFinding {
            id: format!("redress/security-groups/{region}/{account}/{group}/{rule}"),
            generator: format!("{OUR_GENERATOR}{rule}"),
            title: format!("Security group {group} complies with {rule}"),
            description: format!("Security group {group} ({name}) complies with the policy's rule {rule}."),
            severity: "INFORMATIONAL",
            remedy: "Nothing is to be done.".into(),
            resource: self.resource(),
            verdict: OwnVerdict::Passed,
            since,
            at: self.now,
        }
    }

    fn passed(&self, rule: &str, since: Timestamp) -> OwnFinding {
        self.finding(rule, since)
    }

    fn exempt(&self, exempt: &redress_exposure::Exempt) -> OwnFinding {
        let until = exempt.until.map_or_else(|| "without an end".to_owned(), |end| format!("until {end}"));
        let why = format!("It is exempt {until}: {} (allowed by {}).", exempt.reason, exempt.by);
        let rule = &exempt.violation.rule_id;
        let title = format!("Security group {} is exempt from {rule}", self.found.group);
        OwnFinding { title, verdict: OwnVerdict::NotJudged(why), ..self.finding(rule, self.now) }
    }

    fn failed(&self, violation: &Violation, severity: Severity, since: Timestamp) -> OwnFinding {
        let Found { group, name, reach, .. } = self.found;
        let offences: Vec<String> = violation.offences.iter().map(|offence| format!("{} ({})", offence.rule, offence.services)).collect();
        let description = format!(
            "{} In security group {group} ({name}), {} rules offend {}: {}. {}.",
            violation.why(),
            violation.direction,
            violation.rule_id,
            offences.join("; "),
            capital(reach.told()),
        );
        OwnFinding {
            title: format!("Security group {group} violates {}", violation.rule_id),
            description,
            severity: match severity {
                Severity::Info => "INFORMATIONAL",
                Severity::Low => "LOW",
                Severity::Medium => "MEDIUM",
                Severity::High => "HIGH",
                Severity::Critical => "CRITICAL",
            },
            remedy: "Take what offends out of the rules, or have Redress do it: choose the custom action Redress remediate.".into(),
            verdict: OwnVerdict::Failed,
            ..self.finding(&violation.rule_id, since)
        }
    }

    /// The job for a finding, and what makes it one job however often it is sent.
    fn job(&self, finding: Option<&OwnFinding>, steps: &BTreeMap<String, Step>, why: Why<'_>) -> Result<(Job, Digest)> {
        let control = ControlId::try_from(SECURITY_GROUP).map_err(|error| redress_aws::Error::malformed("the job", error.to_string()))?;
        let (event, at) = match why {
            Why::Sweep(sweep) => (format!("sweep-{sweep}"), None),
            Why::Change(work) => (work.event.clone(), Some(work.at)),
            Why::Ended(record) => (format!("after-{}", record.run), Some(record.ended)),
        };
        let resource = self.resource();
        let once = format!("{event} {} {}", resource.id, finding.map_or("", |finding| finding.id.as_str()));
        let job = Job {
            intent: Intent::Automatic,
            controls: vec![control],
            resource,
            finding: finding.map(OwnFinding::key),
            request: Request::of(event, at),
            params: json!({ "enforce": steps }),
            rounds: 0,
            after: None,
        };
        Ok((job, Digest::of(once.as_bytes())))
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
