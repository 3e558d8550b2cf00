//! # Risk
//! What was done in a region without a trail cannot be found out any more.
//!
//! # Remedy
//! A trail of the organization, or any multi-region trail that records management events, satisfies it. Otherwise a trail of the account is
//! repaired first: it is started, made multi-region, and records all management events, reads and writes. Only where there is none the
//! trail `redress` is made, with log file validation and a bucket of its own: private, encrypted, over TLS only, to which CloudTrail
//! delivers in the name of that trail only.
//!
//! # Impact
//! The first copy of management events is free of charge, further ones cost, and storage costs; where another trail records already, or
//! events of KMS or the RDS data API were left out, the change needs approval.
//!
//! # Undo
//! Exact for a trail that was repaired. One that was made is deleted again; its bucket stays, with the logs.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::cloudtrail::{AccountTrails, Selector, Selectors, Trail, Trails, TrailsFacts};

/// CloudTrail.1
pub struct MultiRegionTrail;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<MultiRegionTrail>();

fn records_all(trail: &Trail) -> bool {
    trail.selectors.management(true) && trail.selectors.management(false)
}

impl Control for MultiRegionTrail {
    const SPEC: Spec = Spec {
        id: "CloudTrail.1",
        title: "A multi-region trail records all management events",
        severity: Severity::High,
        class: Class::Guarded,
        scope: Scope::Global,
        resources: &["AwsAccount"],
        prowler: &["cloudtrail_multi_region_enabled"],
        config_rules: &["multi-region-cloudtrail-enabled"],
        in_code: InCode { cloudformation: "IsMultiRegionTrail: true, IsLogging: true", terraform: "is_multi_region_trail = true" },
    };
    type Setting = AccountTrails;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<AccountTrails> {
        crate::of_account(resource, AccountTrails)
    }

    fn want(value: &Trails, facts: &TrailsFacts, _params: &()) -> Want<Trails> {
        let good = |trail: &Trail| trail.logging && trail.multi_region && records_all(trail);
        if value.trails.values().any(good) {
            return Want::Keep;
        }
        // The organization's trail is to be mended by its owner; a second one beside it would be paid for twice.
        if let Some(arn) = facts.foreign.first() {
            return Want::Tell(format!(
                "the organization's trail {arn} does not record all management events of all regions: in the account that owns it, aws cloudtrail \
                 start-logging, update-trail --is-multi-region-trail, put-event-selectors."
            ));
        }
        let rank = |trail: &Trail| (trail.multi_region, trail.logging, records_all(trail));
        let Some((arn, was)) = value.trails.iter().max_by_key(|(_, trail)| rank(trail)) else {
            let selectors = Selectors::all_management();
            let trail = Trail { logging: true, multi_region: true, global_events: true, selectors };
            return Want::Set(Trails { trails: [(facts.ours.clone(), trail)].into() });
        };
        let mut to = value.clone();
        let mut asks = Vec::new();
        let mut mended = Trail { logging: true, multi_region: true, global_events: true, ..was.clone() };
        if !records_all(was) {
            let is_management = |one: &Selector| one.equal("eventCategory").is_some_and(|values| values.contains("Management"));
            if was.selectors.selectors.iter().any(|one| is_management(one) && one.asks("eventSource")) {
                asks.push("events of some sources were left out on purpose, and recording them costs");
            }
            mended.selectors.selectors.retain(|one| !is_management(one));
            mended.selectors.selectors.extend(Selectors::all_management().selectors);
        }
        if value.trails.values().filter(|trail| trail.logging).count() > usize::from(was.logging) {
            asks.push("another trail records already, and a second copy of management events costs");
        }
        to.trails.insert(arn.clone(), mended);
        if asks.is_empty() { Want::Set(to) } else { Want::Ask { to, why: asks.join("; ") } }
    }
}

#[cfg(test)]
mod tests {
    use redress_settings::cloudtrail::Field;

    use super::*;

    const MAIN: &str = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main";

    fn trail(logging: bool, multi_region: bool) -> Trail {
        Trail { logging, multi_region, global_events: true, selectors: Selectors::all_management() }
    }

    fn want(trails: &[(&str, Trail)], foreign: &[&str]) -> Want<Trails> {
        let trails = trails.iter().map(|(arn, trail)| ((*arn).to_owned(), trail.clone())).collect();
        let facts = TrailsFacts {
            ours: "arn:aws:cloudtrail:us-east-1:111122223333:trail/redress".into(),
            foreign: foreign.iter().map(|arn| (*arn).to_owned()).collect(),
            ..TrailsFacts::default()
        };
        MultiRegionTrail::want(&Trails { trails }, &facts, &())
    }

    #[test]
    fn the_organization_s_trail_satisfies_it_and_no_second_one_is_made() {
        let arn = "arn:aws:cloudtrail:us-east-1:999999999999:trail/org";
        assert_eq!(want(&[(arn, trail(true, true))], &[arn]), Want::Keep);
        assert!(matches!(want(&[(arn, trail(false, true))], &[arn]), Want::Tell(steps) if steps.contains(arn)));
    }

    #[test]
    fn a_trail_that_exists_is_repaired_before_one_is_made() {
        let Want::Set(to) = want(&[(MAIN, trail(false, false))], &[]) else { panic!("nothing is set") };
        assert_eq!(to.trails, [(MAIN.to_owned(), trail(true, true))].into());
    }

    #[test]
    fn where_there_is_none_one_is_made() {
        let Want::Set(to) = want(&[], &[]) else { panic!("nothing is set") };
        assert_eq!(to.trails.keys().collect::<Vec<_>>(), ["arn:aws:cloudtrail:us-east-1:111122223333:trail/redress"]);
    }

    #[test]
    fn what_costs_is_asked() {
        let mut quiet = trail(true, true);
        quiet.selectors.selectors[0].fields.insert(Field::new("eventSource", "not-equals", "kms.amazonaws.com"));
        assert!(matches!(want(&[(MAIN, quiet)], &[]), Want::Ask { why, .. } if why.contains("left out on purpose")));
        let second = "arn:aws:cloudtrail:us-east-1:111122223333:trail/second";
        assert!(
            matches!(want(&[(MAIN, trail(false, true)), (second, trail(true, false))], &[]), Want::Ask { why, .. } if why.contains("second copy"))
        );
    }

    #[test]
    fn data_events_that_were_recorded_still_are() {
        let objects = Selector { name: "objects".into(), fields: [Field::equals("eventCategory", "Data")].into() };
        let mut only_data = trail(true, true);
        only_data.selectors.selectors = vec![objects.clone()];
        let Want::Set(to) = want(&[(MAIN, only_data)], &[]) else { panic!("nothing is set") };
        assert_eq!(to.trails[MAIN].selectors.selectors, [vec![objects], Selectors::all_management().selectors].concat());
    }
}
