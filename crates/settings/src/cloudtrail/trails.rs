//! The trails of an account, wherever they are at home, and what they record.

use std::collections::BTreeMap;

use redress_aws::Called;
use redress_model::{Arn, Region};
use redress_remediation::{Account, Action, Error, Kind, Result, Setting, Undo};
use serde::{Deserialize, Serialize};

use super::{ALL_TRAILS, GET_SELECTORS, GET_TRAIL, PUT_SELECTORS, Selectors, TRAILS, UPDATE_TRAIL, read_selectors, write_selectors};
use crate::{found, gated, incomplete, s3::log_bucket};

const DESCRIBE: &str = "cloudtrail:DescribeTrails";
const LIST: &str = "cloudtrail:ListTrails";
const STATUS: &str = "cloudtrail:GetTrailStatus";
const CREATE: &str = "cloudtrail:CreateTrail";
const DELETE: &str = "cloudtrail:DeleteTrail";
const START: &str = "cloudtrail:StartLogging";
const STOP: &str = "cloudtrail:StopLogging";
const OURS: &str = "arn:${AWS::Partition}:cloudtrail:*:${AWS::AccountId}:trail/redress";

/// The name of the trail that Redress makes.
const NAME: &str = "redress";

/// All trails of an account, and that of its organization.
///
/// Trails are changed in their home region only. A trail that is missing is made with a bucket of its own, which stays when the trail goes.
/// See <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-concepts.html>.
#[derive(Debug, Clone, Copy)]
pub struct AccountTrails;

/// One trail, as far as it can be changed here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trail {
    /// Whether it records now.
    pub logging: bool,
    /// Whether it records the events of all regions.
    pub multi_region: bool,
    /// Whether it records the events of global services.
    pub global_events: bool,
    /// Which events it records.
    pub selectors: Selectors,
}

/// The value: trails by their ARN.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Trails {
    /// The trails.
    pub trails: BTreeMap<String, Trail>,
}

/// What else is to be known of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TrailsFacts {
    /// The ARN that the trail has or would have that Redress makes.
    pub ours: String,
    /// Trails that belong to the organization, and are not to be changed here.
    pub foreign: Vec<String>,
    /// The bucket of each trail.
    pub buckets: BTreeMap<String, String>,
    /// The bucket of a trail that is yet to be made.
    pub log_bucket: String,
    /// The partition.
    pub partition: String,
}

/// The home region of a trail.
fn home(arn: &str) -> Result<Region> {
    let region = Arn::parse(arn).ok().and_then(|arn| Region::try_from(arn.region).ok());
    region.ok_or_else(|| Error::malformed(LIST, format!("`{arn}` is not the ARN of a trail")))
}

impl AccountTrails {
    async fn change(account: &Account, arn: &str, from: &Trail, to: &Trail) -> Result<()> {
        let client = account.in_region(&home(arn)?).client(gated!(aws_sdk_cloudtrail));
        if (from.multi_region, from.global_events) != (to.multi_region, to.global_events) {
            let call = client.update_trail().name(arn).is_multi_region_trail(to.multi_region);
            call.include_global_service_events(to.global_events).send().await.called(UPDATE_TRAIL)?;
        }
        if from.selectors != to.selectors {
            write_selectors(&client, arn, &to.selectors).await?;
        }
        match (from.logging, to.logging) {
            (false, true) => client.start_logging().name(arn).send().await.called(START).map(|_| ()),
            (true, false) => client.stop_logging().name(arn).send().await.called(STOP).map(|_| ()),
            (true, true) | (false, false) => Ok(()),
        }
    }

    async fn create(account: &Account, to: &Trail) -> Result<()> {
        let bucket = log_bucket::ensure(account).await?;
        let client = account.client(gated!(aws_sdk_cloudtrail));
        let call = client.create_trail().name(NAME).s3_bucket_name(bucket).is_multi_region_trail(to.multi_region);
        let call = call.include_global_service_events(to.global_events).enable_log_file_validation(true);
        let made = call.send().await.called(CREATE)?;
        let arn = made.trail_arn.ok_or_else(|| incomplete(CREATE, "ARN"))?;
        // A new trail records all management events.
        let fresh = read_selectors(&client, &arn).await?;
        Self::change(account, &arn, &Trail { logging: false, selectors: fresh, ..to.clone() }, to).await
    }
}

impl Setting for AccountTrails {
    type Value = Trails;
    type Facts = TrailsFacts;

    const NAME: &'static str = "cloudtrail.account_trails";
    const READS: &'static [Action] = &[
        Action::anywhere(LIST),
        Action::anywhere(DESCRIBE),
        Action::on(GET_TRAIL, ALL_TRAILS),
        Action::on(STATUS, ALL_TRAILS),
        Action::on(GET_SELECTORS, ALL_TRAILS),
    ];
    const WRITES: &'static [Action] = &[
        Action::on(UPDATE_TRAIL, TRAILS),
        Action::on(PUT_SELECTORS, TRAILS),
        Action::on(START, TRAILS),
        Action::on(STOP, TRAILS),
        Action::on(CREATE, OURS),
        Action::on(DELETE, OURS),
        log_bucket::WRITES[0],
        log_bucket::WRITES[1],
        log_bucket::WRITES[2],
        log_bucket::WRITES[3],
        log_bucket::WRITES[4],
        log_bucket::WRITES[5],
    ];

    async fn get(&self, account: &Account) -> Result<Option<(Trails, TrailsFacts)>> {
        let client = account.client(gated!(aws_sdk_cloudtrail));
        let (partition, id, region) = (account.partition(), account.id(), account.region());
        let mut facts = TrailsFacts {
            ours: format!("arn:{partition}:cloudtrail:{region}:{id}:trail/{NAME}"),
            log_bucket: log_bucket::name(account),
            partition: partition.to_string(),
            ..TrailsFacts::default()
        };
        let mut arns = Vec::new();
        let mut pages = client.list_trails().into_paginator().send();
        while let Some(page) = pages.next().await {
            arns.extend(page.called(LIST)?.trails().iter().filter_map(|trail| trail.trail_arn().map(str::to_owned)));
        }
        // The organization's trail is shown to members in this way only.
        let shown = client.describe_trails().include_shadow_trails(true).send().await.called(DESCRIBE)?;
        arns.extend(shown.trail_list().iter().filter_map(|trail| trail.trail_arn().map(str::to_owned)));
        arns.sort_unstable();
        arns.dedup();
        let mut value = Trails::default();
        for arn in arns {
            let client = account.in_region(&home(&arn)?).client(gated!(aws_sdk_cloudtrail));
            let answer = found(client.get_trail().name(&arn).send().await.called(GET_TRAIL))?;
            let Some(trail) = answer.and_then(|answer| answer.trail) else { continue };
            let is_foreign = trail.is_organization_trail() == Some(true) || !arn.contains(&format!(":{id}:"));
            if is_foreign {
                facts.foreign.push(arn.clone());
            }
            // Members may see the organization's trail and not be told what it records; a trail that was never told otherwise records all
            // management events.
            let hidden = |error: &Error| is_foreign && matches!(error.kind, Kind::NotFound | Kind::Denied);
            let logging = match client.get_trail_status().name(&arn).send().await.called(STATUS) {
                Ok(status) => status.is_logging.unwrap_or(false),
                Err(error) if hidden(&error) => false,
                Err(error) => return Err(error),
            };
            let selectors = match read_selectors(&client, &arn).await {
                Ok(selectors) => selectors,
                Err(error) if hidden(&error) && trail.has_custom_event_selectors() == Some(false) => Selectors::all_management(),
                Err(error) if hidden(&error) => Selectors::default(),
                Err(error) => return Err(error),
            };
            facts.buckets.extend(trail.s3_bucket_name().map(|bucket| (arn.clone(), bucket.to_owned())));
            let trail = Trail {
                logging,
                multi_region: trail.is_multi_region_trail().unwrap_or(false),
                global_events: trail.include_global_service_events().unwrap_or(false),
                selectors,
            };
            value.trails.insert(arn, trail);
        }
        Ok(Some((value, facts)))
    }

    async fn put(&self, account: &Account, from: &Trails, to: &Trails) -> Result<()> {
        for (arn, trail) in &to.trails {
            match from.trails.get(arn) {
                Some(was) => Self::change(account, arn, was, trail).await?,
                None if arn.ends_with(&format!("/{NAME}")) => Self::create(account, trail).await?,
                None => return Err(Error::new(Kind::Rejected, CREATE, format!("{arn} is gone, and is not ours to make"))),
            }
        }
        for arn in from.trails.keys().filter(|arn| !to.trails.contains_key(*arn)) {
            let client = account.in_region(&home(arn)?).client(gated!(aws_sdk_cloudtrail));
            client.delete_trail().name(arn).send().await.called(DELETE)?;
        }
        Ok(())
    }

    fn undo(from: &Trails, to: &Trails) -> Undo {
        let made = to.trails.keys().any(|arn| !from.trails.contains_key(arn));
        if made { Undo::Partly("the log bucket stays, with its logs") } else { Undo::Exact }
    }

    fn is_ours(from: &Trails, to: &Trails, live: &Trails) -> bool {
        live.trails.iter().all(|(arn, trail)| {
            let (was, is) = (from.trails.get(arn), to.trails.get(arn));
            // A trail is changed in several calls; what one of them left is made of the two.
            let of = |part: &dyn Fn(&Trail) -> bool| [was, is].into_iter().flatten().any(part);
            of(&|one| one.logging == trail.logging)
                && of(&|one| one.multi_region == trail.multi_region)
                && (was.is_none() || of(&|one| one.selectors == trail.selectors))
        })
    }

    fn changes(from: &Trails, to: &Trails) -> Vec<String> {
        let mut lines = Vec::new();
        for (arn, trail) in &to.trails {
            let name = arn.rsplit('/').next().unwrap_or(arn);
            let Some(was) = from.trails.get(arn) else {
                lines.push(format!(
                    "+ multi-region trail {name} with log file validation, and a private bucket for it; the first copy of management events is free of \
                     charge, storage is not"
                ));
                continue;
            };
            let mut line = |what: &str, was: bool, is: bool| {
                if was != is {
                    lines.push(format!("trail {name}: {what} {was} -> {is}"));
                }
            };
            line("logging", was.logging, trail.logging);
            line("multi-region", was.multi_region, trail.multi_region);
            line("global service events", was.global_events, trail.global_events);
            for (what, reads) in [("management events, reads", true), ("management events, writes", false)] {
                line(what, was.selectors.management(reads), trail.selectors.management(reads));
            }
            for (what, reads) in [("data events of objects, reads", true), ("data events of objects, writes", false)] {
                line(what, was.selectors.objects(reads), trail.selectors.objects(reads));
            }
            if was.selectors.selectors != trail.selectors.selectors && !was.selectors.basic.is_empty() && !is_basic(&trail.selectors) {
                lines.push(format!("trail {name}: basic selectors become the advanced ones that mean the same"));
            }
        }
        lines.extend(from.trails.keys().filter(|arn| !to.trails.contains_key(*arn)).map(|arn| format!("- {arn}")));
        lines
    }
}

fn is_basic(selectors: &Selectors) -> bool {
    !selectors.basic.is_empty()
}
