//! What S3.22 and S3.23 have in common: one selector of one trail for the events of all buckets' objects.

use redress_remediation::Want;
use redress_settings::cloudtrail::{Field, Selector, Trail, Trails, TrailsFacts};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What people may adjust.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ObjectEventsParams {
    /// Whether the events of the bucket with the trail's log files are recorded too: every delivery is one then.
    pub include_log_bucket: bool,
}

/// The selector that is ours, by its name.
const NAME: &str = "Objects of all buckets";

fn selector(reads: bool, writes: bool, left_out: Option<&str>) -> Selector {
    let kind = match (reads, writes) {
        (true, false) => Some(Field::equals("readOnly", "true")),
        (false, true) => Some(Field::equals("readOnly", "false")),
        (true, true) | (false, false) => None,
    };
    let left_out = left_out.map(|prefix| Field::new("resources.ARN", "not-starts-with", prefix));
    let always = [Field::equals("eventCategory", "Data"), Field::equals("resources.type", "AWS::S3::Object")];
    Selector { name: NAME.into(), fields: always.into_iter().chain(kind).chain(left_out).collect() }
}

/// Reads (`true`) or writes are to be recorded by some trail.
pub(super) fn want(value: &Trails, facts: &TrailsFacts, params: &ObjectEventsParams, reads: bool) -> Want<Trails> {
    let works = |trail: &Trail| trail.logging && trail.multi_region;
    if value.trails.values().any(|trail| works(trail) && trail.selectors.objects(reads)) {
        return Want::Keep;
    }
    // The trail that has our selector already, or else the first.
    let own = value.trails.iter().filter(|(arn, trail)| works(trail) && !facts.foreign.contains(arn));
    let has_ours = |trail: &Trail| trail.selectors.selectors.iter().any(|one| one.name == NAME);
    let Some((arn, was)) = own.max_by_key(|(_, trail)| has_ours(trail)) else {
        return Want::Tell("no multi-region trail of this account records: that is CloudTrail.1; an organization's trail gets its data events in the account that owns it.".into());
    };
    // A trail that is yet to be made has the bucket that is made with it.
    let made = Some(&facts.log_bucket).filter(|_| *arn == facts.ours);
    let bucket = facts.buckets.get(arn).or(made).filter(|_| !params.include_log_bucket);
    let left_out = bucket.map(|bucket| format!("arn:{}:s3:::{bucket}/", facts.partition));
    let mut trail = was.clone();
    let others = has_ours(was) && was.selectors.objects(!reads);
    trail.selectors.selectors.retain(|one| one.name != NAME);
    let (all_reads, all_writes) = (reads || others, !reads || others);
    trail.selectors.selectors.push(selector(all_reads, all_writes, left_out.as_deref()));
    trail.selectors.basic.clear();
    let mut to = value.clone();
    to.trails.insert(arn.clone(), trail);
    let why = "data events cost for each event (0.10 dollars per 100,000 in most regions), and busy buckets have many".to_owned();
    Want::Ask { to, why }
}

#[cfg(test)]
pub(super) mod tests {
    use redress_settings::cloudtrail::Selectors;

    use super::*;

    const MAIN: &str = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main";

    pub(in super::super) fn trails() -> Trails {
        let management = Selector { name: String::new(), fields: [Field::equals("eventCategory", "Management")].into() };
        let selectors = Selectors { selectors: vec![management], basic: vec![] };
        Trails { trails: [(MAIN.to_owned(), Trail { logging: true, multi_region: true, global_events: true, selectors })].into() }
    }

    pub(in super::super) fn facts() -> TrailsFacts {
        TrailsFacts { buckets: [(MAIN.to_owned(), "logs".to_owned())].into(), partition: "aws".into(), ..TrailsFacts::default() }
    }

    fn asked(value: &Trails, facts: &TrailsFacts, reads: bool) -> Trails {
        match want(value, facts, &ObjectEventsParams::default(), reads) {
            Want::Ask { to, .. } => to,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_kinds_become_one_selector_of_one_trail_without_the_log_bucket() {
        let writes = asked(&trails(), &facts(), false);
        let both = asked(&writes, &facts(), true);
        let selectors = &both.trails[MAIN].selectors;
        assert_eq!((selectors.selectors.len(), selectors.objects(true), selectors.objects(false)), (2, true, true));
        let left_out = Field::new("resources.ARN", "not-starts-with", "arn:aws:s3:::logs/");
        assert!(selectors.selectors[1].fields.contains(&left_out));
        assert!(selectors.management(true), "what the trail recorded stays");
        assert_eq!(want(&both, &facts(), &ObjectEventsParams::default(), false), Want::Keep);
    }

    #[test]
    fn data_events_always_need_approval_because_they_cost() {
        assert!(matches!(want(&trails(), &facts(), &ObjectEventsParams::default(), true), Want::Ask { why, .. } if why.contains("cost")));
    }

    #[test]
    fn the_organization_s_trail_and_one_that_is_stopped_are_not_taken() {
        let foreign = TrailsFacts { foreign: vec![MAIN.into()], ..facts() };
        assert!(matches!(want(&trails(), &foreign, &ObjectEventsParams::default(), true), Want::Tell(_)));
        let mut stopped = trails();
        stopped.trails.get_mut(MAIN).unwrap().logging = false;
        assert!(matches!(want(&stopped, &facts(), &ObjectEventsParams::default(), true), Want::Tell(_)));
    }
}
