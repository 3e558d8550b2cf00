//! Looking at groups: what is found becomes findings in the account that they are about, and jobs.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use redress_aws::{Accounts, Clock, IMPORTS, Marks, OwnFinding, Post, Queue, Result, Visit, import};
use redress_exposure::{Found, Policy, Rules, Severity, Step, Violation, reach::Reach};
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
}

/// Sends a job into the lane of its resource.
pub(crate) async fn send(jobs: &Queue, job: &Job, once: &Digest) -> Result<()> {
    let body = serde_json::to_string(job).map_err(|error| redress_aws::Error::malformed("the job", error.to_string()))?;
    jobs.send_in_order(&body, job.lane().as_str(), once.as_str()).await
}

impl SgComplianceScanner {
    /// Looks at the groups of a change, and at who made it.
    pub(crate) async fn look_at_change(&self, work: &Work, deadline: Timestamp) -> Result<()> {
        let policy = self.policy().await?;
        let here = policy.of_account(work.account.as_str());
        let real_time = here.real_time();
        if !real_time.enabled {
            info!("real-time scanning is switched off");
            return Ok(());
        }
        let is_new = work.call == "CreateSecurityGroup";
        let rules = &real_time.detection_rules;
        let detection = if is_new { &rules.new_security_group_created } else { &rules.risky_rule_added };
        if detection.immediate_scan {
            for group in &work.groups {
                let at = At { account: &work.account, region: &work.region, group: Some(group) };
                let looked = self.look(at, &policy, Why::Change(work), deadline).await?;
                self.tell_of_critical(&looked, work).await?;
            }
            let now = self.clock.now();
            let took = now.duration_since(work.at).as_secs_f64().max(0.0);
            measure(Measure::RealTimeScanDuration, took, now);
            if took > f64::from(detection.scan_within_seconds) {
                warn!(took, goal = detection.scan_within_seconds, call = work.call, "the change was looked at late");
            }
        }
        self.count_for(work, real_time).await
    }

    /// People hear at once of what is critical and was not known.
    async fn tell_of_critical(&self, looked: &Looked, work: &Work) -> Result<()> {
        let now = self.clock.now();
        let critical: Vec<&Told> = looked.violations.iter().filter(|one| one.severity == Severity::Critical && one.is_new).collect();
        let Some(first) = critical.first() else { return Ok(()) };
        let number = u32::try_from(critical.len()).unwrap_or(u32::MAX);
        measure(Measure::CriticalViolationsFound, f64::from(number), now);
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
        self.post.tell(&subject, &body).await
    }

    /// A job about a group ended: it is looked at again, so that its findings pass or fail.
    pub(crate) async fn look_again(&self, record: &Record, deadline: Timestamp) -> Result<()> {
        let now = self.clock.now();
        if let Outcome::Remediated { changes } = &record.outcome {
            let rules = changes.iter().any(|line| line.contains(" in: ") || line.contains(" out: "));
            let locked = changes.iter().any(|line| line.contains("COMPLIANCE_STATUS=LOCKED_DOWN"));
            if rules {
                measure(Measure::RemediationActions, 1.0, now);
            }
            if locked {
                measure(Measure::EmergencyRemediationsPerformed, 1.0, now);
            }
        }
        let Some(group) = record.resource.arn().and_then(|arn| arn.named("security-group").map(str::to_owned)) else { return Ok(()) };
        let policy = self.policy().await?;
        let at = At { account: &record.resource.account, region: &record.resource.region, group: Some(&group) };
        self.look(at, &policy, Why::Ended(record), deadline).await.map(|_| ())
    }

    /// Looks at one group, or at all of a region.
    pub(crate) async fn look(&self, at: At<'_>, policy: &Policy, why: Why<'_>, deadline: Timestamp) -> Result<Looked> {
        let now = self.clock.now();
        let rules = policy.of_account(at.account.as_str());
        let actions = READS.iter().map(|action| action.name).chain([IMPORTS]).collect();
        let run = self.clock.new_run();
        let visit = Visit { account: at.account, region: at.region, partition: &self.partition, run, now, actions };
        let account = self.org.enter(visit).await?;
        let seen = survey(&account, at.group).await?;
        let found = rules.look(&seen, now);
        let place = format!("security-groups#{}#{}", at.account, at.region);
        let mut known = match at.group {
            Some(group) => BTreeMap::from([(group.to_owned(), self.sightings.of(&place, group).await?)]),
            None => self.sightings.at(&place).await?,
        };
        let mut looked = Looked { groups: seen.groups.len(), rules: seen.rules(), ..Looked::default() };
        let mut findings = Vec::new();
        let mut jobs = Vec::new();
        let mut marks = Vec::new();
        // What the end of a job leaves is not asked for again at once: who put it back, or undid it, would never be done.
        let sends_jobs = !matches!(why, Why::Ended(_));
        for one in &found {
            let before = known.remove(&one.group).unwrap_or_default();
            let after: Marks = one
                .violations
                .iter()
                .map(|(violation, ..)| violation.rule_id.clone())
                .map(|id| {
                    let since = before.get(&id).copied().unwrap_or(now);
                    (id, since)
                })
                .collect();
            looked.exempt += one.exempt.len();
            looked.unresolved.extend(one.unresolved.iter().filter(|list| !looked.unresolved.contains(list)).cloned().collect::<Vec<_>>());
            let steps: BTreeMap<String, Step> =
                one.violations.iter().map(|found| (found.0.rule_id.clone(), step(&rules, found, &after, why, now))).collect();
            let about = Group { at, scanner: self, found: one, now };
            for (violation, severity, _) in &one.violations {
                let since = after.get(&violation.rule_id).copied().unwrap_or(now);
                let step = steps.get(&violation.rule_id).copied().unwrap_or_default();
                let finding = about.failed(violation, *severity, since);
                if step >= Step::Tag && sends_jobs {
                    jobs.push(about.job(Some(&finding), &steps, why)?);
                }
                findings.push(finding);
                looked.violations.push(Told {
                    group: one.group.clone(),
                    name: one.name.clone(),
                    rule_id: violation.rule_id.clone(),
                    severity: *severity,
                    reach: one.reach,
                    step,
                    since,
                    is_new: !before.contains_key(&violation.rule_id),
                    why: violation.why().to_owned(),
                    offences: violation.offences.iter().map(|offence| format!("{} ({})", offence.rule, offence.services)).collect(),
                });
            }
            // Its tags are no longer true.
            if one.is_called_wrong && sends_jobs {
                jobs.push(about.job(None, &steps, why)?);
            }
            let exempt = one.exempt.iter().filter(|exempt| before.contains_key(&exempt.violation.rule_id));
            findings.extend(exempt.map(|exempt| about.exempt(exempt)));
            let gone =
                before.keys().filter(|id| !after.contains_key(*id) && one.exempt.iter().all(|exempt| exempt.violation.rule_id != **id));
            findings.extend(gone.map(|id| about.passed(id, before.get(id).copied().unwrap_or(now))));
            if before != after {
                marks.push((one.group.clone(), after));
            }
        }
        // What is left was known to be wrong, and is not any more, or is gone.
        for (group, before) in known.into_iter().filter(|(_, before)| !before.is_empty()) {
            let fine = Found {
                name: seen.groups.get(&group).map(|group| group.name.clone()).unwrap_or_default(),
                group: group.clone(),
                reach: Reach::default(),
                violations: Vec::new(),
                exempt: Vec::new(),
                unresolved: Vec::new(),
                is_called_wrong: false,
            };
            let about = Group { at, scanner: self, found: &fine, now };
            findings.extend(before.iter().map(|(id, since)| about.passed(id, *since)));
            marks.push((group, Marks::new()));
        }
        match import(&account, &findings).await {
            Ok(()) => {}
            // The hub may be off in a region: that is told, and what is wrong is set right all the same.
            Err(error) if error.is_retryable() && now < deadline => return Err(error),
            Err(error) => {
                warn!(account = %at.account, region = %at.region, %error, "the findings are not in Security Hub");
                looked.not_imported = Some(error.to_string());
            }
        }
        looked.jobs = jobs.len();
        for (job, once) in &jobs {
            send(&self.jobs, job, once).await?;
        }
        // Last: what was not sent is new again next time.
        for (group, after) in marks {
            self.sightings.keep(&place, &group, &after, now).await?;
        }
        info!(account = %at.account, region = %at.region, group = at.group, groups = looked.groups, violations = looked.violations.len(), jobs = looked.jobs, "looked");
        Ok(looked)
    }
}

/// How far enforcement goes now: within its grace a violation is tagged at most, and what a change brought may be acted upon at once.
fn step(rules: &Rules, (violation, severity, step): &(Violation, Severity, Step), since: &Marks, why: Why<'_>, now: Timestamp) -> Step {
    let grace = SignedDuration::from_hours(i64::from(rules.grace_hours(*severity)));
    let is_new = since.get(&violation.rule_id).is_none_or(|since| now.duration_since(*since) < grace);
    let step = if is_new && !grace.is_zero() { (*step).min(Step::Tag) } else { *step };
    let Why::Change(work) = why else { return step };
    let detected = &rules.real_time().detection_rules;
    let detection = if work.call == "CreateSecurityGroup" { &detected.new_security_group_created } else { &detected.risky_rule_added };
    if detection.auto_remediate_critical && violation.severity == Severity::Critical {
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
            has_passed: true,
            not_judged: None,
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
        OwnFinding { title, has_passed: false, not_judged: Some(why), ..self.finding(rule, self.now) }
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
            has_passed: false,
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
