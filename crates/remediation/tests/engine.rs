//! The engine over a setting that fails on command. Every promise about what happens when something goes wrong is a test here.

use std::sync::PoisonError;

use proptest::prelude::*;
use redress_aws::{Begun, Clock, Kind, Ledger};
use redress_model::{Intent, Mode, Outcome, Request, Workflow};
use redress_remediation::{Attempt, Finished};
use redress_testkit::memory::{Bench, DialOn, EVEN, Fault, Mood, NINETY_NINE, TEN, TEN_BY_HAND};

async fn automatic(dial: &DialOn<'_>) -> &'static str {
    word(dial.run(Intent::Automatic, Attempt::More).await)
}

async fn requested(dial: &DialOn<'_>) -> &'static str {
    word(dial.run(Intent::Requested, Attempt::More).await)
}

async fn undo(dial: &DialOn<'_>) -> &'static str {
    word(dial.run(Intent::Undo, Attempt::More).await)
}

fn word(finished: Finished) -> &'static str {
    match finished {
        Finished::Done(outcome) => outcome.word(),
        Finished::Again(_) => "again",
        Finished::GivenUp(_) => "given-up",
    }
}

fn set<T>(fault: &std::sync::Mutex<T>, value: T) {
    *fault.lock().unwrap_or_else(PoisonError::into_inner) = value;
}

#[tokio::test]
async fn a_change_is_saved_made_verified_recorded_and_said() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    assert_eq!(automatic(&dial).await, "remediated");
    assert_eq!(dial.level(), Some(10));
    assert_eq!(bench.workflow(), Some(Workflow::Resolved));
    let records = bench.records.lock().unwrap();
    let record = records.values().next().unwrap();
    assert!(record.image.is_some() && record.left.is_some());
    assert_eq!(record.outcome, Outcome::Remediated { changes: vec!["level: 3 -> 10".into()] });
}

#[tokio::test]
async fn the_second_run_finds_nothing_to_do() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    assert_eq!((automatic(&dial).await, automatic(&dial).await), ("remediated", "compliant"));
    assert_eq!(dial.writes(), 1);
}

#[tokio::test]
async fn plan_mode_has_no_permission_to_write_and_leaves_the_finding_new() {
    let bench = Bench::default();
    let dial = bench.dial(3).in_mode(Mode::Plan);
    assert_eq!(automatic(&dial).await, "planned");
    assert_eq!((dial.level(), dial.writes()), (Some(3), 0));
    assert_eq!(*bench.visits.lock().unwrap(), [["dial:Get"]]);
    assert_eq!(bench.workflow(), None);
    assert_eq!(requested(&dial).await, "planned", "a request does not lift the mode");
}

#[tokio::test]
async fn what_leaves_a_finding_new_is_said_once_because_our_note_is_an_event() {
    let bench = Bench::default();
    let dial = bench.dial(3).in_mode(Mode::Plan);
    for _ in 0..3 {
        assert_eq!(automatic(&dial).await, "planned");
    }
    assert_eq!(bench.notes.lock().unwrap().len(), 1);
    dial.turn(4);
    assert_eq!(automatic(&dial).await, "planned");
    assert_eq!(bench.notes.lock().unwrap().len(), 2, "another plan is news");
}

#[tokio::test]
async fn nothing_is_changed_when_the_image_is_not_saved() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    for (kind, finished) in [(Kind::Denied, "failed"), (Kind::Unreachable, "again")] {
        set(&bench.vault_fails, Some(kind));
        assert_eq!(automatic(&dial).await, finished);
        assert_eq!((dial.level(), dial.writes()), (Some(3), 0));
    }
}

#[tokio::test]
async fn nothing_is_changed_when_the_ledger_cannot_be_written() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    set(&bench.ledger_fails, Some(Kind::Denied));
    assert_eq!(automatic(&dial).await, "again");
    assert_eq!((dial.level(), dial.writes()), (Some(3), 0));
}

#[tokio::test]
async fn nothing_is_written_over_a_change_of_another_hand() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    dial.faults(&[Fault::None, Fault::AfterAnotherHand(5)], &[]);
    assert_eq!(automatic(&dial).await, "held");
    assert_eq!((dial.level(), dial.writes()), (Some(5), 0));
    assert_eq!(bench.workflow(), Some(Workflow::Notified));
}

#[tokio::test]
async fn a_write_that_fails_half_way_is_put_back() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    dial.faults(&[], &[Fault::FailsAfterDoing(Kind::Rejected)]);
    assert_eq!(automatic(&dial).await, "put-back");
    assert_eq!(dial.level(), Some(3));
}

#[tokio::test]
async fn a_write_that_is_refused_changes_nothing_and_says_so() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    dial.faults(&[], &[Fault::Fails(Kind::Denied)]);
    let Finished::Done(Outcome::Failed { why }) = dial.run(Intent::Automatic, Attempt::More).await else {
        unreachable!("it is not retried")
    };
    assert!(why.contains("dial:Put denied"), "{why}");
    assert_eq!(dial.level(), Some(3));
}

#[tokio::test]
async fn a_write_that_did_nothing_is_never_called_done() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    dial.faults(&[], &[Fault::Lies]);
    assert_eq!(automatic(&dial).await, "failed", "neither done nor put back");
    assert_eq!(bench.workflow(), Some(Workflow::Notified));
}

#[tokio::test]
async fn a_change_that_shows_late_can_still_be_undone() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    dial.faults(&[], &[Fault::Lies]);
    assert_eq!(automatic(&dial).await, "failed");
    dial.turn(10);
    assert_eq!((undo(&dial).await, dial.level()), ("undone", Some(3)));
}

#[tokio::test]
async fn a_change_of_another_hand_is_never_put_back() {
    let bench = Bench::default();
    let during_write = bench.dial(3);
    during_write.faults(&[Fault::None, Fault::None, Fault::AfterAnotherHand(7)], &[Fault::Fails(Kind::Conflict)]);
    assert_eq!((automatic(&during_write).await, during_write.level()), ("failed", Some(7)));
    let during_verification = bench.dial(3);
    during_verification.faults(&[Fault::None, Fault::None, Fault::AfterAnotherHand(7)], &[]);
    assert_eq!((automatic(&during_verification).await, during_verification.level()), ("failed", Some(7)));
}

#[tokio::test]
async fn the_change_of_a_run_that_was_cut_off_goes_on_record_with_the_next() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    set(&bench.finish_fails, Some(Kind::Throttled));
    assert_eq!((automatic(&dial).await, dial.level()), ("again", Some(10)));
    set(&bench.finish_fails, None);
    bench.clock.sleep(std::time::Duration::from_mins(2)).await;
    assert_eq!(automatic(&dial).await, "compliant");
    assert_eq!((undo(&dial).await, dial.level()), ("undone", Some(3)));
}

#[tokio::test]
async fn no_run_begins_when_there_is_no_time_to_end_it() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    let dial = dial.with_seconds_left(30);
    assert_eq!((automatic(&dial).await, dial.level()), ("again", Some(3)));
}

#[tokio::test]
async fn a_throttled_write_comes_again_and_nothing_was_changed() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    dial.faults(&[], &[Fault::Fails(Kind::Throttled)]);
    assert_eq!(automatic(&dial).await, "again");
    assert_eq!(dial.level(), Some(3));
    assert_eq!(automatic(&dial).await, "remediated");
}

#[tokio::test]
async fn the_last_try_tells_people_and_goes_to_the_dead_letters() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    dial.faults(&[Fault::Fails(Kind::Throttled)], &[]);
    let Finished::GivenUp(Outcome::Failed { why }) = dial.run(Intent::Automatic, Attempt::Last).await else {
        unreachable!("it is the last")
    };
    assert!(why.contains("throttled"), "{why}");
    assert_eq!(bench.workflow(), Some(Workflow::Notified));
    assert_eq!(bench.letters.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_read_again_is_not_called_done_and_can_still_be_undone() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    let never = [Fault::Fails(Kind::Throttled); 6];
    dial.faults(&[&[Fault::None, Fault::None], &never[..]].concat(), &[]);
    assert_eq!(automatic(&dial).await, "failed");
    assert_ne!(bench.workflow(), Some(Workflow::Resolved));
    assert_eq!((dial.level(), undo(&dial).await, dial.level()), (Some(10), "undone", Some(3)));
}

#[tokio::test]
async fn slow_consistency_is_waited_for() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    let slow = [Fault::None, Fault::None, Fault::Fails(Kind::Unreachable), Fault::AfterAnotherHand(3), Fault::AfterAnotherHand(10)];
    dial.faults(&slow, &[]);
    assert_eq!(automatic(&dial).await, "remediated");
}

#[tokio::test]
async fn a_lock_that_another_run_holds_is_respected_until_its_time() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    let now = bench.clock.now();
    let other = bench.clock.new_run();
    let until = now + jiff::SignedDuration::from_secs(30);
    assert!(matches!(bench.begin(&dial.lane(), other, now, until).await, Ok(Begun::Free { .. })));
    assert_eq!((automatic(&dial).await, dial.writes()), ("again", 0));
    bench.clock.sleep(std::time::Duration::from_secs(31)).await;
    assert_eq!(automatic(&dial).await, "remediated");
}

#[tokio::test]
async fn what_is_gone_is_absent() {
    let bench = Bench::default();
    for (gets, level) in [(vec![Fault::Gone], None), (vec![Fault::None, Fault::Gone], None)] {
        let dial = bench.dial(3);
        dial.faults(&gets, &[]);
        assert_eq!((automatic(&dial).await, dial.level()), ("absent", level));
    }
}

#[tokio::test]
async fn undo_brings_back_what_was() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    assert_eq!(automatic(&dial).await, "remediated");
    assert_eq!((undo(&dial).await, dial.level()), ("undone", Some(3)));
    assert_eq!(undo(&dial).await, "held", "there is nothing left to undo");
}

#[tokio::test]
async fn what_a_person_undid_is_not_done_again_by_itself() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    assert_eq!((automatic(&dial).await, undo(&dial).await), ("remediated", "undone"));
    assert_eq!((automatic(&dial).await, dial.level()), ("held", Some(3)));
    assert_eq!((requested(&dial).await, dial.level()), ("remediated", Some(10)));
}

#[tokio::test]
async fn undo_is_refused_where_the_value_drifted() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    assert_eq!(automatic(&dial).await, "remediated");
    dial.turn(12);
    assert_eq!((undo(&dial).await, dial.level()), ("held", Some(12)));
}

#[tokio::test]
async fn undo_writes_nothing_in_plan_mode() {
    let bench = Bench::default();
    let mut dial = bench.dial(3);
    assert_eq!(automatic(&dial).await, "remediated");
    dial.mode = Mode::Plan;
    assert_eq!((undo(&dial).await, dial.level()), ("planned", Some(10)));
}

#[tokio::test]
async fn a_delicate_change_needs_a_person_who_was_told_about_this_very_value() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    dial.mood(Mood { ask: Some("people listen to it".into()), ..Mood::default() });
    assert_eq!(requested(&dial).await, "needs-approval", "a request before the question is no answer to it");
    dial.turn(4);
    assert_eq!(requested(&dial).await, "needs-approval", "the value is another one now");
    dial.mood(Mood { ask: Some("more people listen to it".into()), ..Mood::default() });
    assert_eq!(automatic(&dial).await, "needs-approval", "nobody but a person consents");
    assert_eq!((requested(&dial).await, dial.level()), ("remediated", Some(10)));
    assert_eq!(bench.letters.lock().unwrap().len(), 2, "the same question is put once, whatever number is in it");
}

#[tokio::test]
async fn the_same_click_is_no_answer_to_its_own_question() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    dial.mood(Mood { ask: Some("people listen to it".into()), ..Mood::default() });
    let click = || Request { event: "one click".into(), at: Some(bench.clock.now()) };
    let first = click();
    for delivery in [first.clone(), first, click()] {
        assert_eq!(word(dial.run_for(delivery, Intent::Requested, Attempt::More).await), "needs-approval");
    }
    let earlier = Request { event: "another click".into(), at: Some(bench.clock.now() - jiff::SignedDuration::from_secs(5)) };
    assert_eq!(word(dial.run_for(earlier, Intent::Requested, Attempt::More).await), "needs-approval", "it came before the question");
    assert_eq!(dial.level(), Some(3));
}

#[tokio::test]
async fn a_question_that_nobody_could_read_was_not_asked() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    dial.mood(Mood { ask: Some("people listen to it".into()), ..Mood::default() });
    set(&bench.hub_fails, Some(Kind::Throttled));
    assert_eq!(requested(&dial).await, "again");
    set(&bench.hub_fails, None);
    bench.clock.sleep(std::time::Duration::from_mins(2)).await;
    assert_eq!((requested(&dial).await, dial.level()), ("needs-approval", Some(3)));
}

#[tokio::test]
async fn the_last_try_tells_people_even_without_the_lock() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    set(&bench.ledger_fails, Some(Kind::Throttled));
    assert_eq!(word(dial.run(Intent::Automatic, Attempt::Last).await), "given-up");
    assert_eq!(bench.workflow(), Some(Workflow::Notified));
    assert_eq!(dial.writes(), 0);
}

#[tokio::test]
async fn a_plan_says_what_would_be_asked() {
    let bench = Bench::default();
    let dial = bench.dial(3).in_mode(Mode::Plan);
    dial.mood(Mood { ask: Some("people listen to it".into()), ..Mood::default() });
    assert_eq!(automatic(&dial).await, "planned");
    assert!(bench.notes.lock().unwrap()[0].note.contains("people listen to it"));
}

#[tokio::test]
async fn undoing_a_shared_run_answers_all_its_controls() {
    let bench = Bench::default();
    let both = bench.dial(3).seen_by(&[&EVEN, &TEN]);
    assert_eq!(automatic(&both).await, "remediated");
    let one = both.seen_by(&[&TEN]);
    assert_eq!((undo(&one).await, one.level()), ("undone", Some(3)));
    let other = one.seen_by(&[&EVEN]);
    assert_eq!(automatic(&other).await, "held", "the other control knows that a person undid it");
}

#[tokio::test]
async fn what_cannot_be_undone_needs_approval() {
    let bench = Bench::default();
    let dial = bench.dial(3).seen_by(&[&NINETY_NINE]);
    assert_eq!((automatic(&dial).await, dial.level()), ("needs-approval", Some(3)));
    assert_eq!((requested(&dial).await, dial.level()), ("remediated", Some(99)));
}

#[tokio::test]
async fn a_control_that_tells_never_writes_and_says_it_once() {
    let bench = Bench::default();
    let dial = bench.dial(3).seen_by(&[&TEN_BY_HAND]);
    assert_eq!((automatic(&dial).await, automatic(&dial).await), ("needs-person", "needs-person"));
    assert_eq!(dial.writes(), 0);
    assert!(bench.visits.lock().unwrap().iter().all(|actions| actions == &["dial:Get"]));
    assert_eq!(bench.workflow(), Some(Workflow::Notified));
    assert_eq!(bench.letters.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_busy_thing_is_waited_for_and_its_finding_stays_new() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    dial.mood(Mood { wait: Some("it is being painted".into()), ..Mood::default() });
    assert_eq!(automatic(&dial).await, "again");
    assert_eq!(word(dial.run(Intent::Automatic, Attempt::Last).await), "in-progress");
    assert_eq!(bench.workflow(), None);
    dial.mood(Mood::default());
    assert_eq!(automatic(&dial).await, "remediated");
}

#[tokio::test]
async fn controls_of_one_setting_are_written_at_once() {
    let bench = Bench::default();
    let dial = bench.dial(3).seen_by(&[&EVEN, &TEN]);
    assert_eq!((automatic(&dial).await, dial.level(), dial.writes()), ("remediated", Some(10), 1));
    let records = bench.records.lock().unwrap();
    assert_eq!(records.values().next().unwrap().controls.len(), 2);
}

#[tokio::test]
async fn a_closed_account_is_an_outcome_that_names_the_role() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    set(&bench.closed, true);
    let Finished::Done(Outcome::Failed { why }) = dial.run(Intent::Automatic, Attempt::More).await else {
        unreachable!("it is not retried")
    };
    assert!(why.contains("sts:AssumeRole denied") && why.contains("111122223333"), "{why}");
    assert_eq!(bench.workflow(), Some(Workflow::Notified));
}

#[tokio::test]
async fn a_change_that_could_not_be_reported_is_found_compliant_and_resolved_later() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    set(&bench.hub_fails, Some(Kind::Throttled));
    assert_eq!((automatic(&dial).await, dial.level()), ("again", Some(10)));
    set(&bench.hub_fails, None);
    assert_eq!(automatic(&dial).await, "compliant");
    assert_eq!(bench.workflow(), Some(Workflow::Resolved));
    assert_eq!((undo(&dial).await, dial.level()), ("undone", Some(3)), "the change is on record all the same");
}

fn any_fault() -> impl Strategy<Value = Fault> {
    let kind = prop_oneof![Just(Kind::Throttled), Just(Kind::Denied), Just(Kind::Conflict), Just(Kind::Rejected), Just(Kind::Unreachable)];
    prop_oneof![
        4 => Just(Fault::None),
        2 => kind.clone().prop_map(Fault::Fails),
        2 => kind.prop_map(Fault::FailsAfterDoing),
        1 => Just(Fault::Lies),
    ]
}

proptest! {
    /// Whatever fails, the dial stands where it stood or where it should, and only what was read is resolved.
    #[test]
    fn every_failure_ends_in_an_honest_outcome(
        level in -20_i64..20,
        on_get in prop::collection::vec(any_fault(), 0..12),
        on_put in prop::collection::vec(any_fault(), 0..4),
        tries in 1_usize..4,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::default();
            let dial = bench.dial(level);
            dial.faults(&on_get, &on_put);
            for _ in 0..tries {
                let attempt = automatic(&dial).await;
                let now = dial.level().unwrap();
                prop_assert!(now == level || now == 10.max(level), "{now}");
                if matches!(attempt, "remediated" | "compliant") {
                    prop_assert!(now >= 10);
                }
                if bench.workflow() == Some(Workflow::Resolved) {
                    prop_assert!(now >= 10, "resolved at {now}");
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn apply_and_undo_is_the_original(level in -1000_i64..10) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::default();
            let dial = bench.dial(level);
            prop_assert_eq!((automatic(&dial).await, undo(&dial).await), ("remediated", "undone"));
            prop_assert_eq!(dial.level(), Some(level));
            Ok(())
        })?;
    }
}
