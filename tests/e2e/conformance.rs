//! Four forms for every bad example of every control: plan, apply, twice, undo.

use libtest_mimic::Trial;
use redress_controls::find;
use redress_e2e::{Seen, World};
use redress_model::Class;
use redress_remediation::Entry;
use redress_settings::surroundings::READS as AROUND;
use redress_testkit::{
    events::finding,
    stage::{Case, Place, Staged, cases},
};
use serde_json::{Value as Json, json};

use crate::{AUTO, SHIPPED, trial};

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

/// A staged violation, its finding, and what it looked like.
struct Bad {
    place: Place<'static>,
    staged: Staged,
    finding: Json,
    before: Json,
    entry: &'static Entry,
}

impl Bad {
    async fn stage(world: &'static World, case: Case) -> Self {
        let place = world.place().await;
        let staged = case.stage(&place).await;
        let before = staged.observe(&place).await;
        let finding = finding(case.control, &staged);
        Self { place, staged, finding, before, entry: find(case.control).unwrap() }
    }

    async fn now(&self) -> Json {
        self.staged.observe(&self.place).await
    }

    fn is_tell(&self) -> bool {
        self.entry.spec.class == Class::Tell
    }
}

/// A dry run changes nothing, and calls nothing that could.
async fn plan(case: Case) {
    let bad = Bad::stage(&SHIPPED, case).await;
    SHIPPED.import(&bad.finding).await;
    let seen = SHIPPED.answer(&bad.finding, None).await;
    assert_eq!(bad.now().await, bad.before, "a plan changed the resource");
    if bad.is_tell() {
        assert_eq!((seen.outcome.as_str(), seen.workflow.as_str()), ("needs-person", "NOTIFIED"));
    } else {
        assert_eq!((seen.outcome.as_str(), seen.workflow.as_str()), ("planned", "NEW"), "{}", seen.note);
    }
    only(&SHIPPED, &bad, &[]);
}

/// What is wrong is set right, verified, recorded and said; the before-image is what was there.
async fn apply(case: Case) {
    let bad = Bad::stage(&AUTO, case).await;
    AUTO.import(&bad.finding).await;
    let seen = AUTO.answer(&bad.finding, None).await;
    let record = AUTO.record(&seen.run).await;
    assert_eq!(record["controls"], json!([case.control]));
    assert_eq!(record["resource"]["account"], json!(bad.staged.account.as_str()));
    if bad.is_tell() {
        assert_eq!((seen.outcome.as_str(), seen.workflow.as_str()), ("needs-person", "NOTIFIED"));
        assert_eq!(bad.now().await, bad.before);
        return;
    }
    assert_eq!((seen.outcome.as_str(), seen.workflow.as_str()), ("remediated", "RESOLVED"), "{}", seen.note);
    assert_ne!(bad.now().await, bad.before, "nothing was changed");
    assert!(seen.note.contains(&seen.run), "{}", seen.note);
    let image = AUTO.image(&seen.run).await;
    assert_eq!(image["run"], record["image"]["run"]);
    assert_ne!(image["before"], image["after"]);
    only(&AUTO, &bad, bad.entry.writes);
}

/// The second time there is nothing to do.
async fn twice(case: Case) {
    let bad = Bad::stage(&AUTO, case).await;
    AUTO.import(&bad.finding).await;
    let first = AUTO.answer(&bad.finding, None).await;
    let after = bad.now().await;
    AUTO.reopen(&bad.finding).await;
    AUTO.import(&again(&bad.finding)).await;
    let second = AUTO.answer(&bad.finding, Some(&first)).await;
    let expected = if bad.is_tell() { ("needs-person", "NOTIFIED") } else { ("compliant", "RESOLVED") };
    assert_eq!((second.outcome.as_str(), second.workflow.as_str()), expected, "{}", second.note);
    assert_eq!(bad.now().await, after, "the second run changed something");
}

/// A later evaluation of the same finding.
fn again(finding: &Json) -> Json {
    let mut later = finding.clone();
    later["UpdatedAt"] = json!("2030-01-01T00:00:00Z");
    later
}

/// Undoing brings back what was there, to the letter.
async fn undo(case: Case) {
    let bad = Bad::stage(&AUTO, case).await;
    AUTO.import(&bad.finding).await;
    let first = AUTO.answer(&bad.finding, None).await;
    AUTO.choose("RedressUndo", &bad.finding);
    let second: Seen = AUTO.answer(&bad.finding, Some(&first)).await;
    assert_eq!(bad.now().await, bad.before, "{}", second.note);
    let expected = if bad.is_tell() { "held" } else { "undone" };
    assert_eq!((second.outcome.as_str(), second.workflow.as_str()), (expected, "NOTIFIED"), "{}", second.note);
}

/// Only what the entry declares was called in the member account.
fn only(world: &World, bad: &Bad, writes: &[redress_remediation::Action]) {
    let declared: Vec<_> = bad.entry.reads.iter().chain(AROUND).chain(writes).map(|action| action.name).collect();
    for action in world.actions_in(&bad.staged) {
        assert!(declared.contains(&action.as_str()) || action == "sts:AssumeRole", "{action} was called and not declared");
    }
}
