//! Work of several stages: one a run, resumed by itself, asked where it must be, safe when it is cut off.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::time::Duration;

use redress_aws::{Clock, Kind};
use redress_model::{Intent, Outcome, Workflow};
use redress_remediation::{Attempt, Finished};
use redress_testkit::memory::{Bench, DialOn, Fault, Mood, UPSTAIRS};

async fn run(stairs: &DialOn<'_>, intent: Intent) -> &'static str {
    word(stairs.run(intent, Attempt::More).await)
}

async fn again(stairs: &DialOn<'_>) -> &'static str {
    word(stairs.again().await)
}

fn word(finished: Finished) -> &'static str {
    match finished {
        Finished::Done(outcome) => outcome.word(),
        Finished::Again(_) => "again",
        Finished::LeftAlone => "left alone",
        Finished::GivenUp(_) => "given up",
    }
}

fn stairs(bench: &Bench) -> DialOn<'_> {
    bench.dial(0).seen_by(&[&UPSTAIRS])
}

/// Asked, approved, and begun.
async fn begun(stairs: &DialOn<'_>) {
    assert_eq!((run(stairs, Intent::Automatic).await, stairs.level()), ("needs-approval", Some(0)));
    assert_eq!((run(stairs, Intent::Approved).await, stairs.level()), ("in-progress", Some(1)));
}

#[tokio::test]
async fn it_goes_up_a_stage_a_run_and_wakes_itself_until_it_asks_again() {
    let bench = Bench::default();
    let stairs = stairs(&bench);
    begun(&stairs).await;
    assert_eq!(bench.workflow(), Some(Workflow::Notified), "what is half done is not resolved");
    for level in [2, 3] {
        assert_eq!((again(&stairs).await, stairs.level()), ("in-progress", Some(level)));
    }
    assert_eq!(bench.woken.lock().unwrap().len(), 3);
    assert_eq!((again(&stairs).await, stairs.level()), ("needs-approval", Some(3)), "the yes to the first question is none to the second");
    assert_eq!((run(&stairs, Intent::Approved).await, stairs.level()), ("remediated", Some(4)));
    assert_eq!((bench.workflow(), run(&stairs, Intent::Automatic).await), (Some(Workflow::Resolved), "compliant"));
}

#[tokio::test]
async fn where_every_change_needs_approval_one_yes_carries_to_the_next_question() {
    let bench = Bench::default();
    let stairs = stairs(&bench).in_mode(redress_model::Mode::Approve);
    begun(&stairs).await;
    assert_eq!((again(&stairs).await, again(&stairs).await, stairs.level()), ("in-progress", "in-progress", Some(3)));
    assert_eq!(again(&stairs).await, "needs-approval");
}

#[tokio::test]
async fn what_is_not_ready_is_waited_for_longer_each_time() {
    let bench = Bench::default();
    let stairs = stairs(&bench);
    begun(&stairs).await;
    stairs.mood(Mood { wait: Some("the paint is wet".into()), ..Mood::default() });
    assert_eq!((again(&stairs).await, stairs.level(), bench.workflow()), ("in-progress", Some(1), None));
    stairs.mood(Mood::default());
    assert_eq!((again(&stairs).await, stairs.level()), ("in-progress", Some(2)));
}

#[tokio::test]
async fn a_run_that_dies_after_its_write_is_continued_by_the_next() {
    let bench = Bench::default();
    let stairs = stairs(&bench);
    begun(&stairs).await;
    *bench.finish_fails.lock().unwrap() = Some(Kind::Unreachable);
    assert_eq!((again(&stairs).await, stairs.level()), ("again", Some(2)), "the stage was made, and nobody could write it down");
    *bench.finish_fails.lock().unwrap() = None;
    bench.clock.sleep(Duration::from_mins(2)).await;
    assert_eq!((again(&stairs).await, stairs.level()), ("in-progress", Some(3)), "no stage is made twice, and none is left out");
}

#[tokio::test]
async fn a_stage_that_fails_is_not_called_made_and_can_be_tried_again() {
    let bench = Bench::default();
    let stairs = stairs(&bench);
    begun(&stairs).await;
    stairs.faults(&[], &[Fault::Fails(Kind::Throttled)]);
    assert_eq!((again(&stairs).await, stairs.level()), ("again", Some(1)));
    assert_eq!((again(&stairs).await, stairs.level()), ("in-progress", Some(2)));
}

#[tokio::test]
async fn a_second_finding_starts_nothing_of_its_own() {
    let bench = Bench::default();
    let stairs = stairs(&bench);
    begun(&stairs).await;
    stairs.mood(Mood { wait: Some("the paint is wet".into()), ..Mood::default() });
    assert_eq!((run(&stairs, Intent::Automatic).await, stairs.level(), stairs.writes()), ("in-progress", Some(1), 1));
}

#[tokio::test]
async fn an_undo_goes_down_a_stage_and_never_leaves_anybody_between_two_floors() {
    let bench = Bench::default();
    let stairs = stairs(&bench);
    begun(&stairs).await;
    for _ in 0..2 {
        again(&stairs).await;
    }
    assert_eq!((run(&stairs, Intent::Undo).await, stairs.level()), ("in-progress", Some(2)), "nobody rests there");
    assert_eq!((again(&stairs).await, stairs.level()), ("undone", Some(1)));
    assert_eq!((run(&stairs, Intent::Undo).await, stairs.level()), ("undone", Some(0)));
    assert_eq!(run(&stairs, Intent::Undo).await, "held");
    assert_eq!(run(&stairs, Intent::Automatic).await, "held", "what a person undid is not begun by itself");
}

#[tokio::test]
async fn an_undo_that_does_not_show_yet_has_undone_nothing_and_goes_on() {
    let bench = Bench::default();
    let stairs = stairs(&bench);
    begun(&stairs).await;
    stairs.mood(Mood { wait: Some("the stairs are moving".into()), ..Mood::default() });
    stairs.faults(&[], &[Fault::Lies]);
    assert_eq!((run(&stairs, Intent::Undo).await, stairs.level()), ("in-progress", Some(1)));
    assert_eq!((again(&stairs).await, stairs.level()), ("undone", Some(0)));
}

#[tokio::test]
async fn a_finding_that_has_passed_closes_what_was_open_and_changes_nothing() {
    let bench = Bench::default();
    let stairs = stairs(&bench);
    assert_eq!(run(&stairs, Intent::Automatic).await, "needs-approval");
    assert_eq!((run(&stairs, Intent::Passed).await, stairs.level()), ("left alone", Some(0)), "the live resource does not agree");
    stairs.turn(4);
    assert_eq!(bench.listed.lock().unwrap().len(), 1, "people are yet to be told of the question");
    assert_eq!((run(&stairs, Intent::Passed).await, bench.workflow()), ("compliant", Some(Workflow::Resolved)));
    assert_eq!(bench.listed.lock().unwrap().len(), 0, "and are not told of it any more");
    assert_eq!(stairs.writes(), 0);
    stairs.turn(0);
    let letters = bench.listed.lock().unwrap().len();
    assert_eq!(run(&stairs, Intent::Automatic).await, "needs-approval");
    assert!(bench.listed.lock().unwrap().len() > letters, "what fails anew is news again");
}

#[test]
fn work_that_goes_on_is_never_resolved() {
    let going = |changes: Vec<String>| Outcome::InProgress { why: "w".into(), changes, next: jiff::Timestamp::UNIX_EPOCH };
    assert_eq!((going(vec![]).workflow(), going(vec!["c".into()]).workflow()), (None, Some(Workflow::Notified)));
}
