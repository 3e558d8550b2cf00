//! Where the facts come from. A part that cannot be read is told as a gap, and ends nothing.

use std::{collections::BTreeMap, time::Duration};

use aws_types::SdkConfig;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use redress_aws::{
    Answer, Clock, ControlFindings, DynamoLedger, Error, Ledger, List, Listed, Member, Organizations, PolicyFile, Reports, Result,
    Standing, Verdicts,
};
use redress_model::{AccountId, Job, Modes, Policy, policy};
use serde_json::Value as Json;

use crate::{
    facts::{Account, Earlier, Exemption, Facts, Gap, Incident, Run, Seen},
    report::{INCIDENT_DAYS, WINDOW_DAYS, day},
};

/// The sources.
#[derive(Debug)]
pub(crate) struct Sources {
    findings: ControlFindings,
    ledger: DynamoLedger,
    organizations: Organizations,
    policy: PolicyFile,
    reports: Reports,
}

/// What the sources are called.
pub(crate) struct Names {
    pub(crate) ledger_table: String,
    pub(crate) reports_bucket: String,
    pub(crate) policy_bucket: String,
    /// Empty where there is none.
    pub(crate) policy_key: String,
}

/// Security Hub takes three calls a second.
const PACE: Duration = Duration::from_millis(340);
/// The rest takes no longer.
const REST: SignedDuration = SignedDuration::from_mins(4);
/// Objects that are read at once.
const AT_ONCE: usize = 16;
/// Organizations answers few at once.
const PLACES_AT_ONCE: usize = 4;
/// Earlier reports that a trend is made of.
const EARLIER: usize = 30;
/// Exemptions are looked for so far ahead.
const AHEAD: SignedDuration = SignedDuration::from_hours(10 * 366 * 24);
/// Where the sweeper remembers which exemptions of the policy it told.
const OF_POLICY: &str = "policy#";

impl Sources {
    pub(crate) fn new(sdk: &SdkConfig, names: Names, owner: &AccountId) -> Self {
        let Names { ledger_table, reports_bucket, policy_bucket, policy_key } = names;
        Self {
            findings: ControlFindings::new(sdk),
            ledger: DynamoLedger::new(sdk, ledger_table),
            organizations: Organizations::new(sdk),
            // Exemptions are all that is read of it.
            policy: PolicyFile::new(sdk, policy_bucket, policy_key, owner.clone(), Modes::default()),
            reports: Reports::new(sdk, reports_bucket, owner.clone()),
        }
    }

    pub(crate) fn reports(&self) -> &Reports {
        &self.reports
    }

    /// Everything, as far as it can be read until `deadline`.
    pub(crate) async fn gather(&self, clock: &dyn Clock, deadline: Timestamp) -> Facts {
        // What is read is not exact to a fraction of a second.
        let as_of = Timestamp::from_second(clock.now().as_second()).unwrap_or_else(|_| clock.now());
        let mut gaps = Gaps::default();
        let accounts = self.accounts(as_of, &mut gaps).await;
        let policy = self.policy.read(&|_, _| Ok(())).await;
        let (runs, exemptions) = (self.runs(as_of).await, self.exemptions(&policy, as_of).await);
        let (incidents, earlier) = (self.incidents(as_of, &mut gaps).await, self.earlier(as_of).await);
        let mut facts = Facts {
            as_of,
            runs: gaps.part("remediations", runs.map(Some)),
            exemptions: gaps.part("exemptions", exemptions.map(Some)),
            incidents: gaps.part("incidents", incidents.map(Some)),
            accounts: gaps.part("accounts", accounts),
            earlier: gaps.part("trend", earlier),
            security_groups: gaps.part("security groups", self.reports.read("security-groups/latest.json").await),
            baseline: gaps.part("baseline", self.reports.read("baseline/latest.json").await),
            onboarding: gaps.part("onboarding", self.reports.read("onboarding/latest.json").await),
            ..Facts::default()
        };
        let page = |standing, token| -> Answer<'_, Verdicts> { Box::pin(self.findings.page(standing, token)) };
        if let Some(why) = findings(&page, &mut facts.seen, clock, deadline).await {
            gaps.tell("posture", why);
        }
        if let Some(trouble) = policy.trouble() {
            gaps.tell("exemptions", format!("the policy cannot be read: {trouble}"));
        }
        facts.gaps = gaps.0;
        facts
    }

    async fn accounts(&self, now: Timestamp, gaps: &mut Gaps) -> Result<Vec<Account>> {
        let place = |member: Member| async move {
            let unit = if member.state.is_none() { self.organizations.unit(&member.id, now).await.map(Some) } else { Ok(None) };
            (member, unit)
        };
        let members = self.organizations.members().await?;
        let placed: Vec<_> = stream::iter(members).map(place).buffered(PLACES_AT_ONCE).collect().await;
        let unplaced = placed.iter().filter_map(|(_, unit)| unit.as_ref().err());
        gaps.some("accounts", "the organizational unit of", unplaced);
        let account = |(Member { id, name, state }, unit): (Member, Result<Option<String>>)| Account {
            unit: unit.unwrap_or_default(),
            id,
            name,
            state,
        };
        Ok(placed.into_iter().map(account).collect())
    }

    /// Day by day, so that no more than a day's records are in memory.
    async fn runs(&self, now: Timestamp) -> Result<Vec<Run>> {
        let mut runs: Vec<Run> = Vec::new();
        for ago in (0..WINDOW_DAYS).rev() {
            let at = now - SignedDuration::from_hours(24 * ago);
            let midnight: Timestamp = format!("{}T00:00:00Z", day(at)).parse().unwrap_or(at);
            runs.extend(self.ledger.recent(midnight, at).await?.into_iter().map(Run::from));
        }
        runs.sort_by_key(|run| run.ended);
        Ok(runs)
    }

    async fn exemptions(&self, policy: &Policy, now: Timestamp) -> Result<Vec<Exemption>> {
        let mut all: Vec<Exemption> = policy.exemptions().map(|(line, exemption)| of_policy(line, exemption)).collect();
        let listed = self.ledger.due(List::Exemptions, now + AHEAD).await?;
        let recorded: Vec<_> = listed.iter().filter(|item| !item.key.starts_with(OF_POLICY)).filter_map(on_record).collect();
        // What an exemption of the policy left as it is stands on record too.
        let is_known = |one: &Exemption| all.iter().any(|other| one.reason.contains(&policy::grounds(&other.reason, &other.approved_by)));
        let recorded: Vec<_> = latest(recorded.into_iter().filter(|one| !is_known(one))).collect();
        all.extend(recorded);
        Ok(all)
    }

    async fn incidents(&self, now: Timestamp, gaps: &mut Gaps) -> Result<Vec<Incident>> {
        let since = day(now - SignedDuration::from_hours(24 * INCIDENT_DAYS));
        let mut all = Vec::new();
        for folder in self.reports.folders("incidents/").await? {
            let day = last_part(&folder);
            if day < since.as_str() {
                continue;
            }
            let read = |one: String| async move {
                let record = self.reports.read::<Json>(&format!("{one}incident.json")).await?;
                Ok::<_, Error>(Incident::of(day, last_part(&one), &record.unwrap_or_default()))
            };
            all.extend(stream::iter(self.reports.folders(&folder).await?).map(read).buffered(AT_ONCE).collect::<Vec<_>>().await);
        }
        gaps.some("incidents", "the record of", all.iter().filter_map(|one| one.as_ref().err()));
        Ok(all.into_iter().flatten().collect())
    }

    async fn earlier(&self, now: Timestamp) -> Result<Vec<Earlier>> {
        let today = format!("reports/{}/", day(now));
        let mut folders: Vec<_> = self.reports.folders("reports/").await?.into_iter().filter(|folder| *folder < today).collect();
        folders.sort_unstable();
        let last = folders.split_off(folders.len().saturating_sub(EARLIER));
        let read = |folder: String| async move { self.reports.read(&format!("{folder}report.json")).await };
        let reports: Vec<Option<Earlier>> = stream::iter(last).map(read).buffered(AT_ONCE).try_collect().await?;
        Ok(reports.into_iter().flatten().collect())
    }
}

/// Where findings come from: those that say something, page by page.
type Pages<'a> = &'a (dyn Fn(Standing, Option<String>) -> Answer<'a, Verdicts> + Sync);

/// Reads findings page by page, and says why not all were read. What fails comes first: nothing is said to pass that may fail.
async fn findings(pages: Pages<'_>, seen: &mut Seen, clock: &dyn Clock, deadline: Timestamp) -> Option<String> {
    for standing in [Standing::Failed, Standing::Unknown, Standing::Passed] {
        let mut token = None;
        loop {
            let asked = clock.now();
            if deadline.duration_since(asked) < REST {
                return Some(format!("time was up after {} findings, of which what fails was read first", seen.read));
            }
            let page = match pages(standing, token).await {
                Ok(page) => page,
                Err(error) => return Some(format!("{error}, after {} findings, of which what fails was read first", seen.read)),
            };
            seen.leave_out(page.left_out);
            page.verdicts.into_iter().for_each(|verdict| seen.take(verdict));
            let spent = Duration::try_from(clock.now().duration_since(asked)).unwrap_or_default();
            clock.sleep(PACE.saturating_sub(spent)).await;
            token = page.next;
            if token.is_none() {
                break;
            }
        }
    }
    None
}

/// The name of a folder: what stands between its last two slashes.
fn last_part(folder: &str) -> &str {
    folder.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

#[derive(Debug, Default)]
struct Gaps(Vec<Gap>);

impl Gaps {
    fn tell(&mut self, part: &'static str, why: String) {
        tracing::error!(part, why, "not read in full");
        self.0.push(Gap { part, why });
    }

    /// Tells that some of what a part is made of could not be read, how many and the first reason.
    fn some<'a>(&mut self, part: &'static str, what: &str, errors: impl Iterator<Item = &'a Error>) {
        let errors: Vec<_> = errors.collect();
        if let Some(first) = errors.first() {
            self.tell(part, format!("{what} {} could not be read: {first}", errors.len()));
        }
    }

    fn part<T: Default>(&mut self, part: &'static str, read: Result<T>) -> T {
        read.unwrap_or_else(|error| {
            self.tell(part, error.to_string());
            T::default()
        })
    }
}

/// An exemption stands on record once for each finding, and again when it is renewed: of each what ends last.
fn latest(recorded: impl Iterator<Item = Exemption>) -> impl Iterator<Item = Exemption> {
    let mut latest: BTreeMap<(Vec<String>, String), Exemption> = BTreeMap::new();
    for one in recorded {
        let key = (one.controls.clone(), one.scope.clone());
        if latest.get(&key).is_none_or(|known| known.until < one.until) {
            latest.insert(key, one);
        }
    }
    latest.into_values()
}

fn of_policy(line: u64, exemption: &policy::Exemption) -> Exemption {
    let policy::Scope { accounts, ou, regions, resources, organization, tags, .. } = &exemption.scope;
    let texts = |texts: &[policy::Pattern]| texts.iter().map(|pattern| pattern.as_str().to_owned()).collect::<Vec<_>>();
    let accounts: Vec<_> = accounts.iter().map(ToString::to_string).collect();
    let parts =
        [organization.iter().cloned().collect(), ou.clone(), accounts, texts(regions), texts(resources), tags.keys().cloned().collect()];
    let scope: Vec<String> = parts.concat();
    let rule = exemption.rule.as_ref().map_or_else(String::new, |rule| format!(": {rule}"));
    let scope = if scope.is_empty() { "everywhere".to_owned() } else { scope.join(", ") };
    Exemption {
        source: "policy",
        controls: exemption.controls.iter().cloned().map(String::from).collect(),
        scope: format!("{scope}{rule} (line {line})"),
        reason: exemption.reason.clone(),
        owner: exemption.owner.clone(),
        approved_by: exemption.approved_by.clone(),
        until: exemption.ends(),
    }
}

fn on_record(item: &Listed) -> Option<Exemption> {
    let mut body: Json = serde_json::from_str(&item.body).ok()?;
    let why = body.get("why").and_then(Json::as_str).unwrap_or_default().to_owned();
    let job: Job = serde_json::from_value(body.get_mut("job")?.take()).ok()?;
    Some(Exemption {
        source: "record",
        controls: job.controls.iter().map(ToString::to_string).collect(),
        scope: format!("{} in {}", job.resource.id, job.resource.account),
        reason: why,
        owner: String::new(),
        approved_by: job.request.by.unwrap_or_default(),
        until: item.at,
    })
}

#[cfg(test)]
mod tests {
    use redress_aws::{Kind, SystemClock, Verdict};
    use redress_model::ControlId;
    use serde_json::json;

    use super::*;

    /// A page with one finding about a bucket of its own, in a way that everybody passes, fails or cannot be told.
    fn page(standing: Standing, next: Option<&str>) -> Verdicts {
        let verdict = Verdict {
            account: AccountId::try_from("111122223333").unwrap(),
            control: ControlId::try_from("S3.8").unwrap(),
            title: String::new(),
            severity: None,
            standing,
            is_suppressed: false,
            resource: format!("{standing:?} {next:?}"),
            standards: Vec::new(),
        };
        Verdicts { verdicts: vec![verdict], left_out: 1, next: next.map(str::to_owned) }
    }

    /// What is counted as passed and as failed, and why not all was read, where asking for `refused` fails.
    async fn read(refused: Option<Standing>, left: SignedDuration) -> (usize, usize, Option<String>) {
        let pages = |standing: Standing, token: Option<String>| -> Answer<'_, Verdicts> {
            Box::pin(async move {
                match (refused == Some(standing), standing, token) {
                    (true, ..) => Err(Error::new(Kind::Denied, "securityhub:GetFindings", "no")),
                    (_, Standing::Failed, None) => Ok(page(standing, Some("2"))),
                    _ => Ok(page(standing, None)),
                }
            })
        };
        let mut seen = Seen::default();
        let why = findings(&pages, &mut seen, &SystemClock, SystemClock.now() + REST + left).await;
        let count = |of: fn(&crate::facts::Cell) -> usize| seen.cells.values().map(of).sum::<usize>();
        (count(|cell| cell.passed.len()), count(|cell| cell.failed.len()), why)
    }

    #[tokio::test]
    async fn nothing_is_said_to_pass_where_what_fails_was_not_read() {
        let hour = SignedDuration::from_hours(1);
        assert_eq!(read(None, hour).await, (1, 2, None), "all pages of all");
        for refused in [Standing::Failed, Standing::Unknown] {
            let (passed, _, why) = read(Some(refused), hour).await;
            assert!(passed == 0 && why.is_some_and(|why| why.contains("GetFindings denied")), "{refused:?}");
        }
        let (passed, failed, why) = read(Some(Standing::Passed), hour).await;
        assert!((passed, failed) == (0, 2) && why.is_some());
        // Time for one page, and for none.
        let (passed, failed, why) = read(None, SignedDuration::from_millis(300)).await;
        assert!((passed, failed) == (0, 1) && why.is_some_and(|why| why.contains("time was up after 1 findings")));
        assert_eq!(read(None, SignedDuration::from_secs(-1)).await.1, 0);
    }

    #[test]
    fn an_exemption_of_the_policy_says_where_why_and_until_when() {
        let text = "version: 1\nexemptions:\n  - controls: [S3.*]\n    for: {accounts: ['111122223333']}\n    reason: migration\n    owner: web\n    approved_by: ann\n    until: 2026-12-01\n";
        let policy = Policy::parse(text, Modes::default(), &|_, _| Ok(())).unwrap();
        let (line, exemption) = policy.exemptions().next().unwrap();
        let read = of_policy(line, exemption);
        assert_eq!((read.controls.as_slice(), read.scope.as_str()), (["S3.*".to_owned()].as_slice(), "111122223333 (line 3)"));
        assert_eq!(read.until.to_string(), "2026-12-02T00:00:00Z");
    }

    #[test]
    fn an_exemption_on_record_names_its_resource() {
        let job = json!({"intent": "automatic", "controls": ["S3.5"], "request": {"event": "e", "at": null},
            "resource": {"kind": "AwsS3Bucket", "id": "arn:aws:s3:::b", "account": "111122223333", "region": "us-east-1", "partition": "aws"}});
        let body = json!({"job": job, "why": "exempt until then"}).to_string();
        let item = Listed { list: List::Exemptions, at: Timestamp::UNIX_EPOCH, key: "k".into(), body };
        let read = on_record(&item).unwrap();
        assert_eq!((read.scope.as_str(), read.reason.as_str()), ("arn:aws:s3:::b in 111122223333", "exempt until then"));
        assert_eq!(on_record(&Listed { body: "{}".into(), ..item }), None);
        let later = Exemption { until: Timestamp::MAX, ..read.clone() };
        assert_eq!(latest([later.clone(), read].into_iter()).collect::<Vec<_>>(), [later], "renewed, and of two findings");
    }
}
