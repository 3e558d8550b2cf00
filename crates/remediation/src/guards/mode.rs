//! Only the modes `auto` and `approve` change anything, and a control of class T never does.

use redress_model::{Class, Intent, Mode, Outcome};

use super::{ByItself, Situation, Stop, next_hour};

pub(super) fn guard(situation: &Situation<'_>) -> Option<Stop> {
    let changes = situation.changes.to_vec();
    match (situation.mode(), situation.class) {
        (Mode::Auto, Class::Automatic | Class::Guarded) => None,
        (Mode::Approve, Class::Automatic | Class::Guarded) if situation.intent == Intent::Undo => None,
        (Mode::Approve, Class::Automatic | Class::Guarded) => Some(Stop::ask("the mode is approve", ByItself::Asked)),
        (Mode::Off, _) => Some(Stop::held("the control is switched off")),
        (Mode::Plan, Class::Automatic | Class::Guarded) => {
            let closed = situation.terms.iter().find_map(|terms| terms.closed.clone());
            let planned = if changes.is_empty() { String::new() } else { format!(". Planned: {}", changes.join("; ")) };
            let why = closed.map(|why| format!("{why}; only plans are made{planned}"));
            Some(Stop::Hold(match (why, situation.intent) {
                (None, _) | (Some(_), Intent::Shown) => Outcome::Planned { changes, asks: Vec::new() },
                // Once the policy is mended it is worked on.
                (Some(why), Intent::Automatic) => Outcome::Deferred { why, until: next_hour(situation.now) },
                (Some(why), _) => Outcome::Held { why },
            }))
        }
        (Mode::Tell, _) | (_, Class::Tell) => {
            let asks = situation.asks.iter().map(|ask| format!("mind that {ask}"));
            let steps = asks.chain(changes.iter().map(|change| format!("change {change}"))).collect::<Vec<_>>();
            Some(Stop::Hold(Outcome::NeedsPerson { steps: steps.join("; "), link: String::new(), changes: Vec::new() }))
        }
    }
}

#[cfg(test)]
mod tests {
    use redress_model::policy::Terms;

    use super::*;
    use crate::guards::{Stopped, clean, stopped};

    fn word(mode: Mode, class: Class, intent: Intent) -> Option<&'static str> {
        stopped(&Situation { terms: &[Terms::of(mode)], class, intent, ..clean() }).map(|stopped| stopped.outcome.word())
    }

    #[test]
    fn only_auto_passes_by_itself() {
        let word = |mode, class| word(mode, class, Intent::Automatic);
        assert_eq!(word(Mode::Auto, Class::Automatic), None);
        assert_eq!(word(Mode::Auto, Class::Guarded), None);
        assert_eq!(word(Mode::Auto, Class::Tell), Some("needs-person"));
        assert_eq!(word(Mode::Approve, Class::Automatic), Some("needs-approval"));
        assert_eq!(word(Mode::Approve, Class::Tell), Some("needs-person"));
        assert_eq!(word(Mode::Plan, Class::Automatic), Some("planned"));
        assert_eq!(word(Mode::Plan, Class::Guarded), Some("planned"));
        assert_eq!(word(Mode::Tell, Class::Automatic), Some("needs-person"));
        assert_eq!(word(Mode::Off, Class::Automatic), Some("held"));
    }

    #[test]
    fn who_wants_to_see_a_plan_gets_one_and_no_more() {
        assert_eq!(word(Mode::Auto, Class::Automatic, Intent::Shown), Some("planned"));
        assert_eq!(word(Mode::Approve, Class::Automatic, Intent::Shown), Some("planned"));
    }

    #[test]
    fn undoing_needs_no_second_person_where_changes_need_one() {
        assert_eq!(word(Mode::Approve, Class::Automatic, Intent::Undo), None);
        assert_eq!(word(Mode::Plan, Class::Automatic, Intent::Undo), Some("planned"));
    }

    #[test]
    fn a_policy_that_cannot_be_relied_on_says_so() {
        let mut terms = Terms::of(Mode::Plan);
        terms.closed = Some("the policy is broken".into());
        let terms = [terms];
        let stop = |intent| stopped(&Situation { terms: &terms, intent, ..clean() });
        let later = stop(Intent::Automatic);
        assert!(matches!(later, Some(Stopped { outcome: Outcome::Deferred { why, .. }, .. }) if why.contains("the policy is broken")));
        assert!(matches!(stop(Intent::Approved), Some(Stopped { outcome: Outcome::Held { .. }, .. })));
    }
}
