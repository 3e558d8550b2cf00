//! Four forms for every bad example of every control: plan, apply, twice, undo.

use std::collections::BTreeSet;

use libtest_mimic::Trial;
use redress_controls::find;
use redress_e2e::{Seen, World};
use redress_remediation::Entry;
use redress_settings::surroundings::READS as AROUND;
use redress_testkit::{
    events::finding,
    stage::{Back, Case, Ending, Place, Staged, cases},
};
use serde_json::{Map, Value as Json, json};

use crate::{AUTO, GUARDED, SHIPPED, trial};

pub(crate) fn trials() -> Vec<Trial> {
    cases()
        .into_iter()
        .flat_map(|case| {
            let name = |form: &str| format!("conformance::{}::{}::{form}", case.control, case.name.replace(' ', "_"));
            [
                trial(name("plan"), move || plan(case)),
                trial(name("apply"), move || apply(case)),
                trial(name("twice"), move || twice(case)),
                trial(name("undo"), move || undo(case)),
            ]
        })
        .collect()
}

/// The most stages that an undo goes back.
const ROUNDS: usize = 20;

/// A staged violation, its finding, and what it looked like.
struct Bad {
    world: &'static World,
    case: Case,
    place: Place<'static>,
    staged: Staged,
    finding: Json,
    before: Json,
    entry: &'static Entry,
}

impl Bad {
    /// Stages the example where everything is allowed.
    async fn stage(case: Case) -> Self {
        let world: &'static World = if case.params.is_some() { &GUARDED } else { &AUTO };
        Self::stage_in(world, case, "").await
    }

    async fn stage_in(world: &'static World, case: Case, terms: &str) -> Self {
        let place = world.place().await;
        if let Some(params) = case.params {
            let params = params.replace("ACCOUNT", place.account.as_str());
            world.rule(&place.account, &format!("{terms}params: {{{}: {params}}}", case.control)).await;
        }
        let staged = case.stage(&place).await;
        let before = staged.observe(&place).await;
        let finding = finding(case.control, &staged);
        Self { world, case, place, staged, finding, before, entry: find(case.control).unwrap() }
    }

    async fn now(&self) -> Json {
        self.staged.observe(&self.place).await
    }

    fn is_told(&self) -> bool {
        self.case.ending == Ending::Told
    }

    /// How it is to end.
    fn assert_ended(&self, seen: &Seen) {
        let expected = match self.case.ending {
            Ending::Fixed => ("remediated", "RESOLVED"),
            Ending::Told | Ending::Prepared => ("needs-person", "NOTIFIED"),
        };
        assert_eq!((seen.outcome.as_str(), seen.workflow.as_str()), expected, "{}", seen.note);
    }
}

/// A dry run changes nothing, and calls nothing that could.
async fn plan(case: Case) {
    let bad =
        if case.params.is_some() { Bad::stage_in(&GUARDED, case, "mode: plan, ").await } else { Bad::stage_in(&SHIPPED, case, "").await };
    bad.world.import(&bad.finding).await;
    let seen = bad.world.answer(&bad.finding, None).await;
    assert_eq!(bad.now().await, bad.before, "a plan changed the resource");
    if bad.is_told() {
        bad.assert_ended(&seen);
        assert!(seen.note.contains("https://docs.aws.amazon.com/securityhub/"), "it is not said where to read on: {}", seen.note);
    } else {
        assert_eq!((seen.outcome.as_str(), seen.workflow.as_str()), ("planned", "NEW"), "{}", seen.note);
    }
    only(&bad, &[]);
}

/// What is wrong is set right, verified, recorded and said, and nothing else in the account is touched; the before-image is what was there.
async fn apply(case: Case) {
    let bad = Bad::stage(case).await;
    let inventory = bad.world.inventory(&bad.place.account);
    bad.world.import(&bad.finding).await;
    let seen = bad.world.follow(&bad.finding, None).await;
    let record = bad.world.record(&seen.run).await;
    assert_eq!(record["controls"], json!([case.control]));
    assert_eq!(record["resource"]["account"], json!(bad.staged.account.as_str()));
    let clauses: Vec<_> = bad.entry.spec.labels().iter().map(ToString::to_string).collect();
    assert_eq!(record["clauses"], json!(clauses), "the record says which clauses it satisfies");
    bad.assert_ended(&seen);
    assert!(seen.note.contains(&seen.run), "{}", seen.note);
    let touched = differences(&inventory, &bad.world.inventory(&bad.place.account));
    if bad.is_told() {
        assert_eq!(bad.now().await, bad.before);
        assert_eq!(touched, Vec::<String>::new(), "who only tells touched something");
        return;
    }
    assert_ne!(bad.now().await, bad.before, "nothing was changed");
    let id = bad.staged.resource.rsplit(['/', ':']).next().unwrap();
    let is_meant = |key: &&String| case.touches.iter().any(|part| if *part == "RESOURCE" { key.contains(id) } else { key.contains(part) });
    let strange: Vec<_> = touched.iter().filter(|key| !is_meant(key)).collect();
    assert!(strange.is_empty(), "something else in the account was touched: {strange:#?}");
    let image = bad.world.image(&seen.run).await;
    assert_eq!(image["run"], record["image"]["run"]);
    assert_ne!(image["before"], image["after"]);
    only(&bad, bad.entry.writes);
}

/// The keys of what is not the same in two inventories.
fn differences(before: &Map<String, Json>, after: &Map<String, Json>) -> Vec<String> {
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    keys.into_iter().filter(|key| before.get(*key) != after.get(*key)).cloned().collect()
}

/// The second time there is nothing to do.
async fn twice(case: Case) {
    let bad = Bad::stage(case).await;
    bad.world.import(&bad.finding).await;
    let first = bad.world.follow(&bad.finding, None).await;
    let after = bad.now().await;
    bad.world.reopen(&bad.finding).await;
    bad.world.import(&again(&bad.finding)).await;
    let second = bad.world.answer(&bad.finding, Some(&first)).await;
    let expected = match case.ending {
        Ending::Fixed => ("compliant", "RESOLVED"),
        Ending::Told | Ending::Prepared => ("needs-person", "NOTIFIED"),
    };
    assert_eq!((second.outcome.as_str(), second.workflow.as_str()), expected, "{}", second.note);
    assert_eq!(bad.now().await, after, "the second run changed something");
}

/// A later evaluation of the same finding.
fn again(finding: &Json) -> Json {
    let mut later = finding.clone();
    later["UpdatedAt"] = json!("2030-01-01T00:00:00Z");
    later
}

/// Undoing brings back what was there, to the letter; or the reason is said why it cannot.
async fn undo(case: Case) {
    let bad = Bad::stage(case).await;
    bad.world.import(&bad.finding).await;
    let mut seen = bad.world.follow(&bad.finding, None).await;
    let after = bad.now().await;
    for _ in 0..ROUNDS {
        bad.world.choose("RedressUndo", &bad.finding);
        seen = bad.world.follow(&bad.finding, Some(&seen)).await;
        if bad.is_told() {
            assert_eq!((seen.outcome.as_str(), seen.workflow.as_str()), ("held", "NOTIFIED"), "{}", seen.note);
            return assert_eq!(bad.now().await, bad.before);
        }
        match case.back {
            // Of work in stages the later ones may come back.
            Back::Refused(_) if bad.entry.staged && seen.outcome == "undone" => continue,
            Back::Refused(why) => {
                assert_eq!(seen.workflow, "NOTIFIED");
                assert!(["failed", "held"].contains(&seen.outcome.as_str()) && seen.note.contains(why), "{}", seen.note);
                assert!(bad.entry.staged || bad.now().await == after, "what cannot be undone was touched");
                return;
            }
            Back::Whole => {}
            Back::ByStages if bad.now().await == bad.before => {}
            Back::ByStages => {
                assert_eq!((seen.outcome.as_str(), seen.workflow.as_str()), ("undone", "NOTIFIED"), "{}", seen.note);
                continue;
            }
        }
        assert_eq!((seen.outcome.as_str(), seen.workflow.as_str()), ("undone", "NOTIFIED"), "{}", seen.note);
        return assert_eq!(bad.now().await, bad.before, "{}", seen.note);
    }
    panic!("it does not come back: {seen:?}");
}

/// Only what the entry declares was called in the member account.
fn only(bad: &Bad, writes: &[redress_remediation::Action]) {
    let declared: Vec<_> = bad.entry.reads.iter().chain(AROUND).chain(writes).map(|action| action.name).collect();
    for action in bad.world.actions_in(&bad.staged) {
        assert!(declared.contains(&action.as_str()) || action == "sts:AssumeRole", "{action} was called and not declared");
    }
}
