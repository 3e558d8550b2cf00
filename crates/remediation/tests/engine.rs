//! The engine over a setting that fails on command. Every promise about what happens when something goes wrong is a test here.

use std::sync::PoisonError;

use proptest::prelude::*;
use redress_aws::{Begun, Clock, Error, Kind, Ledger, List, Listed};
use redress_model::{Intent, Job, Mode, Outcome, Request, Workflow};
use redress_remediation::{Attempt, Finished};
use redress_testkit::memory::{Bench, DialOn, EVEN, Fault, Mood, NINETY_NINE, TEN, TEN_BY_HAND};

async fn automatic(dial: &DialOn<'_>) -> &'static str {
    word(dial.run(Intent::Automatic, Attempt::More).await)
}

async fn requested(dial: &DialOn<'_>) -> &'static str {
    word(dial.run(Intent::Requested, Attempt::More).await)
}

async fn approved(dial: &DialOn<'_>) -> &'static str {
    word(dial.run(Intent::Approved, Attempt::More).await)
}

async fn shown(dial: &DialOn<'_>) -> &'static str {
    word(dial.run(Intent::Shown, Attempt::More).await)
}

/// How often people were told: at once, or with the next digest.
fn told(bench: &Bench) -> usize {
    lock(&bench.letters).len() + listed(bench, List::Notices).len()
}

fn listed(bench: &Bench, list: List) -> Vec<Listed> {
    lock(&bench.listed).iter().filter(|item| item.list == list).cloned().collect()
}

async fn wait(bench: &Bench, hours: u64) {
    bench.clock.sleep(std::time::Duration::from_secs(hours * 3600)).await;
}

async fn undo(dial: &DialOn<'_>) -> &'static str {
    word(dial.run(Intent::Undo, Attempt::More).await)
}

fn word(finished: Finished) -> &'static str {
    match finished {
        Finished::Done(outcome) => outcome.word(),
        Finished::Again(_) => "again",
        Finished::LeftAlone => "left-alone",
        Finished::GivenUp(_) => "given-up",
    }
}

fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
    assert_eq!(*bench.visits.lock().unwrap(), [["dial:Get", "dial:Tags"]]);
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
    assert_eq!(automatic(&dial).await, "again", "the next try begins with the new value");
    assert_eq!((dial.level(), dial.writes()), (Some(5), 0));
    dial.faults(&[Fault::None, Fault::AfterAnotherHand(6)], &[]);
    assert_eq!(word(dial.run(Intent::Automatic, Attempt::Last).await), "given-up");
    assert_eq!((dial.level(), dial.writes()), (Some(6), 0));
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
    assert_eq!(told(&bench), 1);
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
    assert_eq!((requested(&dial).await, dial.level()), ("needs-approval", Some(3)), "a person is reminded of the other one");
    assert_eq!((approved(&dial).await, dial.level()), ("remediated", Some(10)));
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
    let dial = bench.dial(3);
    assert_eq!(automatic(&dial).await, "remediated");
    let dial = dial.in_mode(Mode::Plan);
    assert_eq!((undo(&dial).await, dial.level()), ("planned", Some(10)));
}

#[tokio::test]
async fn a_delicate_change_needs_a_person_who_was_told_about_this_very_value() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    dial.mood(Mood { ask: Some("people listen to it".into()), ..Mood::default() });
    assert_eq!(approved(&dial).await, "needs-approval", "an approval before the question is no answer to it");
    dial.turn(4);
    assert_eq!(approved(&dial).await, "needs-approval", "the value is another one now");
    dial.mood(Mood { ask: Some("more people listen to it".into()), ..Mood::default() });
    assert_eq!(automatic(&dial).await, "needs-approval", "nobody but a person consents");
    assert_eq!(requested(&dial).await, "needs-approval", "asking for it again is no consent");
    assert_eq!(told(&bench), 2, "the same question is put once, whatever number is in it");
    assert_eq!((approved(&dial).await, dial.level()), ("remediated", Some(10)));
}

#[tokio::test]
async fn the_same_click_is_no_answer_to_its_own_question() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    dial.mood(Mood { ask: Some("people listen to it".into()), ..Mood::default() });
    let click = || Request::of("one click", Some(bench.clock.now()));
    let first = click();
    for delivery in [first.clone(), first, click()] {
        assert_eq!(word(dial.run_for(delivery, Intent::Approved, Attempt::More).await), "needs-approval");
    }
    let earlier = Request::of("another click", Some(bench.clock.now() - jiff::SignedDuration::from_secs(5)));
    assert_eq!(word(dial.run_for(earlier, Intent::Approved, Attempt::More).await), "needs-approval", "it came before the question");
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
    assert_eq!((approved(&dial).await, dial.level()), ("needs-approval", Some(3)));
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
    assert_eq!((approved(&dial).await, dial.level()), ("remediated", Some(99)));
}

#[tokio::test]
async fn a_control_that_tells_never_writes_and_says_it_once() {
    let bench = Bench::default();
    let dial = bench.dial(3).seen_by(&[&TEN_BY_HAND]);
    assert_eq!((automatic(&dial).await, automatic(&dial).await), ("needs-person", "needs-person"));
    assert_eq!(dial.writes(), 0);
    assert!(bench.visits.lock().unwrap().iter().all(|actions| actions == &["dial:Get", "dial:Tags"]));
    assert_eq!(bench.workflow(), Some(Workflow::Notified));
    assert_eq!(told(&bench), 1);
}

#[tokio::test]
async fn a_busy_thing_is_waited_for_and_its_finding_stays_new() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    dial.mood(Mood { wait: Some("it is being painted".into()), ..Mood::default() });
    assert_eq!((automatic(&dial).await, bench.workflow()), ("in-progress", None));
    let wakes = bench.woken.lock().unwrap().clone();
    let again: Job = serde_json::from_str(&bench.listed.lock().unwrap()[0].body).unwrap();
    assert_eq!((wakes.len(), again.rounds, again.intent), (1, 1, Intent::Automatic));
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

#[tokio::test]
async fn in_mode_approve_nothing_is_written_before_a_person_said_yes() {
    let bench = Bench::default();
    let dial = bench.dial(3).in_mode(Mode::Approve);
    assert_eq!((automatic(&dial).await, requested(&dial).await, dial.level()), ("needs-approval", "needs-approval", Some(3)));
    assert!(bench.visits.lock().unwrap().iter().all(|actions| !actions.contains(&"dial:Put")), "there was no permission to write");
    assert_eq!((approved(&dial).await, dial.level()), ("remediated", Some(10)));
    assert_eq!((undo(&dial).await, dial.level()), ("undone", Some(3)));
}

#[tokio::test]
async fn an_approval_that_comes_too_late_is_asked_for_again() {
    let bench = Bench::default();
    let dial = bench.dial(3).in_mode(Mode::Approve);
    assert_eq!(automatic(&dial).await, "needs-approval");
    wait(&bench, 7 * 24).await;
    assert_eq!((approved(&dial).await, dial.level()), ("needs-approval", Some(3)));
    assert_eq!((approved(&dial).await, dial.level()), ("remediated", Some(10)), "the question was put anew");
}

#[tokio::test]
async fn an_answer_counts_though_the_question_was_put_again_meanwhile() {
    let bench = Bench::default();
    let dial = bench.dial(3).in_mode(Mode::Approve);
    assert_eq!(automatic(&dial).await, "needs-approval");
    bench.clock.sleep(std::time::Duration::from_secs(2)).await;
    let answer = Request::of("click", Some(bench.clock.now()));
    bench.clock.sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(
        word(dial.run_for(Request::of("another finding", Some(bench.clock.now())), Intent::Automatic, Attempt::More).await),
        "needs-approval"
    );
    assert_eq!(word(dial.run_for(answer, Intent::Approved, Attempt::More).await), "remediated");
}

#[tokio::test]
async fn who_approved_is_on_record() {
    let bench = Bench::default();
    let dial = bench.dial(3).in_mode(Mode::Approve);
    assert_eq!(automatic(&dial).await, "needs-approval");
    bench.clock.sleep(std::time::Duration::from_secs(1)).await;
    let by = Request { by: Some("ann".into()), ..Request::of("click", Some(bench.clock.now())) };
    assert_eq!(word(dial.run_for(by, Intent::Approved, Attempt::More).await), "remediated");
    let records = bench.records.lock().unwrap();
    let record = records.values().last().unwrap();
    assert_eq!((record.by.as_deref(), record.intent), (Some("ann"), Intent::Approved));
}

#[tokio::test]
async fn who_wants_to_see_a_plan_is_shown_one_and_nothing_can_be_written() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    assert_eq!((shown(&dial).await, dial.level()), ("planned", Some(3)));
    assert_eq!((shown(&dial).await, bench.notes.lock().unwrap().len()), ("planned", 2), "whoever asks is answered");
    assert!(bench.visits.lock().unwrap().iter().all(|actions| !actions.contains(&"dial:Put")));
}

fn on() -> redress_aws::Result<Option<String>> {
    Ok(Some("the kill switch is on".into()))
}

#[tokio::test]
async fn the_kill_switch_stops_everybody_and_what_comes_by_itself_is_tried_later() {
    let bench = Bench::default();
    let undoable = bench.dial(3);
    assert_eq!(automatic(&undoable).await, "remediated");
    set(&bench.switch, [on()].into());
    let dial = bench.dial(3);
    assert_eq!((automatic(&dial).await, requested(&dial).await, approved(&dial).await), ("deferred", "held", "held"));
    assert_eq!((undo(&undoable).await, undoable.level()), ("held", Some(10)));
    assert_eq!((dial.level(), dial.writes()), (Some(3), 0));
    assert_eq!(listed(&bench, List::Later).len(), 1);
    set(&bench.switch, [Ok(None)].into());
    assert_eq!((automatic(&dial).await, dial.level()), ("remediated", Some(10)));
}

#[tokio::test]
async fn a_switch_that_is_thrown_while_the_image_is_saved_still_stops_the_write() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    set(&bench.switch, [Ok(None), on()].into());
    assert_eq!((automatic(&dial).await, dial.level(), dial.writes()), ("deferred", Some(3), 0));
    assert_eq!(listed(&bench, List::Later).len(), 1, "it is tried again");
    set(&bench.switch, [Ok(None), on()].into());
    assert_eq!((requested(&dial).await, dial.writes()), ("held", 0));
}

#[tokio::test]
async fn a_switch_that_cannot_be_read_stops_every_write() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    set(&bench.switch, [Err(Error::new(Kind::Denied, "ssm:GetParameter", "injected"))].into());
    assert_eq!((automatic(&dial).await, dial.writes()), ("deferred", 0));
    assert!(bench.notes.lock().unwrap()[0].note.contains("cannot be read"));
}

const RULE: &str = "version: 1\nrules:\n  - ";

#[tokio::test]
async fn beyond_the_blast_radius_changes_wait_for_the_next_hour() {
    let bench = Bench::default();
    let policy = format!("{RULE}blast_radius: {{changes: 2}}\n");
    let dials: Vec<_> = (0..3).map(|_| bench.dial(3).under(&policy)).collect();
    let mut words = Vec::new();
    for dial in &dials {
        words.push(automatic(dial).await);
    }
    assert_eq!(words, ["remediated", "remediated", "deferred"]);
    let waiting = listed(&bench, List::Later);
    assert!(
        waiting.len() == 1 && waiting[0].at > bench.clock.now() && waiting[0].at <= bench.clock.now() + jiff::SignedDuration::from_hours(1)
    );
    assert_eq!(automatic(&dials[0]).await, "compliant", "what needs no change counts for nothing");
    wait(&bench, 1).await;
    assert_eq!(automatic(&dials[2]).await, "remediated");
}

#[tokio::test]
async fn a_share_of_what_nobody_counts_is_one() {
    let bench = Bench::default();
    let policy = format!("{RULE}blast_radius: {{percent: 50}}\n");
    let dials: Vec<_> = (0..3).map(|_| bench.dial(3).under(&policy)).collect();
    assert_eq!((automatic(&dials[0]).await, automatic(&dials[1]).await), ("remediated", "deferred"));
    set(&bench.population, Some(10));
    assert_eq!(automatic(&dials[2]).await, "remediated");
}

#[tokio::test]
async fn what_does_not_last_is_contested_and_who_undoes_it_is_named() {
    let bench = Bench::default();
    let dial = bench.dial(3).under(&format!("{RULE}contested: {{times: 2, hours: 6}}\n"));
    set(&bench.other_hand, Some("arn:aws:iam::111122223333:role/deploy".into()));
    for _ in 0..2 {
        assert_eq!(automatic(&dial).await, "remediated");
        dial.turn(3);
    }
    assert_eq!((automatic(&dial).await, dial.level()), ("held", Some(3)));
    assert!(bench.notes.lock().unwrap().last().unwrap().note.contains("role/deploy undoes it"));
    wait(&bench, 6).await;
    assert_eq!(automatic(&dial).await, "remediated", "it is long ago");
}

#[tokio::test]
async fn a_person_s_consent_ends_a_quarrel() {
    let bench = Bench::default();
    let dial = bench.dial(3).under(&format!("{RULE}contested: {{times: 1, hours: 6}}\n"));
    assert_eq!(automatic(&dial).await, "remediated");
    dial.turn(3);
    assert_eq!((automatic(&dial).await, approved(&dial).await), ("held", "remediated"));
    dial.turn(3);
    assert_eq!(automatic(&dial).await, "remediated");
}

#[tokio::test]
async fn outside_of_its_window_a_change_waits_on_the_list_and_the_finding_stays_new() {
    let bench = Bench::default();
    // The clock stands at 2027-01-15 08:00:00 UTC, a Friday.
    let window = "change_windows: [{days: [sat], from: '02:00', to: '03:00', zone: UTC}]";
    let dial = bench.dial(3).under(&format!("{RULE}{window}\n"));
    assert_eq!((automatic(&dial).await, dial.level()), ("deferred", Some(3)));
    assert_eq!(bench.workflow(), None);
    for _ in 0..2 {
        assert_eq!(automatic(&dial).await, "deferred", "our own note brings it back");
    }
    assert_eq!(bench.notes.lock().unwrap().len(), 1, "and it is not said again");
    let waiting = listed(&bench, List::Later);
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].at.to_string(), "2027-01-16T02:00:00Z");
    assert!(waiting[0].body.contains(r#""intent":"automatic""#));
    wait(&bench, 18).await;
    assert_eq!((automatic(&dial).await, dial.level()), ("remediated", Some(10)));
}

#[tokio::test]
async fn what_code_owns_is_held_with_the_change_to_make_there() {
    let bench = Bench::default();
    set(&bench.tags, [("ManagedBy".to_owned(), "terraform".to_owned())].into());
    let dial = bench.dial(3);
    assert_eq!((automatic(&dial).await, dial.level()), ("held", Some(3)));
    assert!(bench.notes.lock().unwrap()[0].note.contains("level = right"));
    let dial = dial.under(&format!("{RULE}owned_by_code: change\n"));
    assert_eq!((automatic(&dial).await, dial.level()), ("remediated", Some(10)));
}

#[tokio::test]
async fn nothing_is_changed_where_the_tags_cannot_be_read() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    set(&bench.tags_fail, Some(Kind::Denied));
    assert_eq!((automatic(&dial).await, dial.writes()), ("failed", 0));
    set(&bench.tags_fail, Some(Kind::Throttled));
    assert_eq!((automatic(&dial).await, dial.writes()), ("again", 0));
}

#[tokio::test]
async fn a_rule_about_tags_decides_before_there_is_permission_to_write() {
    let bench = Bench::default();
    let policy = "version: 1\nrules:\n  - mode: plan\n  - for: {tags: {env: dev}}\n    mode: auto\n";
    let dial = bench.dial(3).under(policy);
    assert_eq!((automatic(&dial).await, dial.level()), ("planned", Some(3)));
    assert!(bench.visits.lock().unwrap().iter().all(|actions| !actions.contains(&"dial:Put")));
    set(&bench.tags, [("env".to_owned(), "dev".to_owned())].into());
    let other = bench.dial(3).under(policy);
    assert_eq!((automatic(&other).await, other.level()), ("remediated", Some(10)));
}

#[tokio::test]
async fn an_exemption_by_a_person_counts_until_it_ends() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    assert_eq!(word(dial.run(Intent::Exempted, Attempt::More).await), "exempt");
    assert_eq!((bench.workflow(), bench.visits.lock().unwrap().len()), (Some(Workflow::Notified), 0));
    assert_eq!((automatic(&dial).await, requested(&dial).await, approved(&dial).await), ("exempt", "exempt", "exempt"));
    let ends = listed(&bench, List::Exemptions);
    assert_eq!(ends[0].at.duration_since(bench.clock.now()).as_hours() / 24, 29, "thirty days, less the seconds since");
    wait(&bench, 30 * 24).await;
    assert_eq!((automatic(&dial).await, dial.level()), ("remediated", Some(10)));
}

#[tokio::test]
async fn of_two_controls_of_one_run_the_exempt_one_is_left_alone() {
    let bench = Bench::default();
    let even = bench.dial(3).seen_by(&[&EVEN]);
    assert_eq!(word(even.run(Intent::Exempted, Attempt::More).await), "exempt");
    let both = even.seen_by(&[&EVEN, &TEN]);
    both.turn(9);
    assert_eq!((automatic(&both).await, both.level()), ("remediated", Some(10)));
    let records = bench.records.lock().unwrap();
    assert_eq!(records.values().last().unwrap().controls.len(), 1);
}

#[tokio::test]
async fn the_finding_of_an_exempt_control_is_answered_whatever_becomes_of_the_others() {
    let bench = Bench::default();
    let even = bench.dial(3).seen_by(&[&EVEN]);
    assert_eq!(word(even.run(Intent::Exempted, Attempt::More).await), "exempt");
    let both = even.in_mode(Mode::Approve).seen_by(&[&EVEN, &TEN]).with_jobs(&[&[0], &[0], &[1]]);
    assert_eq!(automatic(&both).await, "needs-approval");
    let exempt = lock(&bench.notes).iter().filter(|note| note.note.contains("left as it is")).count();
    assert_eq!(exempt, 2, "once for the wish, and once for the finding that came with the others");
    assert_eq!(listed(&bench, List::Exemptions).len(), 2, "the same finding twice is looked after once");
}

#[tokio::test]
async fn a_plain_success_is_told_with_the_next_digest_and_announced_once() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    assert_eq!((automatic(&dial).await, automatic(&dial).await, automatic(&dial).await), ("remediated", "compliant", "compliant"));
    assert_eq!((bench.letters.lock().unwrap().len(), listed(&bench, List::Notices).len()), (0, 1));
    assert_eq!(*bench.announced.lock().unwrap(), ["remediated", "compliant"]);
    dial.turn(3);
    assert_eq!(automatic(&dial).await, "remediated");
    assert_eq!(listed(&bench, List::Notices).len(), 2, "the same change, made once more, is news");
    assert!(listed(&bench, List::Notices)[0].body.contains("payments"), "the account's name is in it");
}

#[tokio::test]
async fn what_failed_is_told_at_once() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    dial.faults(&[], &[Fault::Fails(Kind::Denied)]);
    assert_eq!(automatic(&dial).await, "failed");
    assert_eq!((bench.letters.lock().unwrap().len(), listed(&bench, List::Notices).len()), (1, 0));
}

#[tokio::test]
async fn an_approval_answers_only_what_was_asked() {
    let bench = Bench::default();
    let dial = bench.dial(3).in_mode(Mode::Approve);
    assert_eq!(automatic(&dial).await, "needs-approval");
    dial.mood(Mood { ask: Some("people listen to it".into()), ..Mood::default() });
    assert_eq!(approved(&dial).await, "needs-approval", "of that nobody was told");
    assert_eq!(approved(&dial).await, "remediated");
}

#[tokio::test]
async fn an_approval_does_not_lift_the_blast_radius_unasked() {
    let bench = Bench::default();
    let policy = format!("{RULE}{{mode: approve, blast_radius: {{changes: 1}}}}\n");
    let (one, two) = (bench.dial(3).under(&policy), bench.dial(3).under(&policy));
    assert_eq!((automatic(&one).await, automatic(&two).await), ("needs-approval", "needs-approval"));
    assert_eq!((approved(&one).await, approved(&two).await), ("remediated", "needs-approval"));
    assert!(bench.notes.lock().unwrap().last().unwrap().note.contains("blast radius"));
    assert_eq!(approved(&two).await, "remediated", "now it was asked");
}

#[tokio::test]
async fn an_undo_and_an_approval_are_about_the_run_that_they_name() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    assert_eq!(automatic(&dial).await, "remediated");
    let first = *bench.records.lock().unwrap().keys().last().unwrap();
    dial.turn(4);
    assert_eq!(automatic(&dial).await, "remediated");
    let about = |run| Request { about: Some(run), ..Request::of("click", Some(bench.clock.now())) };
    assert_eq!(word(dial.run_for(about(first), Intent::Undo, Attempt::More).await), "held");
    assert_eq!(dial.level(), Some(10));
    let second = *bench.records.lock().unwrap().iter().rfind(|(_, record)| record.image.is_some()).unwrap().0;
    assert_eq!(word(dial.run_for(about(second), Intent::Undo, Attempt::More).await), "undone");
    let asks = bench.dial(3).in_mode(Mode::Approve);
    assert_eq!(automatic(&asks).await, "needs-approval");
    bench.clock.sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(word(asks.run_for(about(first), Intent::Approved, Attempt::More).await), "needs-approval", "that run asked something else");
}

#[tokio::test]
async fn what_the_policy_switches_off_by_a_tag_is_left_alone() {
    let bench = Bench::default();
    let policy = "version: 1\nrules:\n  - for: {tags: {env: prod}}\n    mode: 'off'\n";
    set(&bench.tags, [("env".to_owned(), "prod".to_owned())].into());
    let dial = bench.dial(3).under(policy);
    assert_eq!((automatic(&dial).await, dial.level(), bench.notes.lock().unwrap().len()), ("left-alone", Some(3), 0));
    assert_eq!(requested(&dial).await, "held", "who asks is told");
}

#[tokio::test]
async fn while_the_policy_cannot_be_relied_on_findings_wait_for_its_mending() {
    let bench = Bench::default();
    let mut dial = bench.dial(3);
    dial.terms.mode.value = Mode::Plan;
    dial.terms.closed = Some("it cannot be read".into());
    assert_eq!((automatic(&dial).await, bench.workflow(), listed(&bench, List::Later).len()), ("deferred", None, 1));
    let dial = dial.in_mode(Mode::Auto);
    assert_eq!((automatic(&dial).await, dial.level()), ("remediated", Some(10)));
}

#[tokio::test]
async fn an_urgent_word_that_was_not_taken_comes_with_the_digest() {
    let bench = Bench::default();
    let dial = bench.dial(3);
    set(&bench.hub_fails, Some(Kind::Denied));
    dial.faults(&[], &[Fault::Fails(Kind::Denied)]);
    assert_eq!(automatic(&dial).await, "given-up");
    assert_eq!(bench.letters.lock().unwrap().len(), 1, "people are told though the finding could not be answered");
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
