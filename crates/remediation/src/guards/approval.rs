//! Delicate or irreversible changes need a person who was told what they are consenting to: a request counts as approval only where it is
//! another event than the one that led to the question, later than the question was on the finding, and about the same value.

use redress_model::{Intent, Outcome};

use super::Situation;
use crate::Undo;

/// The question that a change puts to people, if it puts one.
pub fn question(asks: &[String], undo: Undo, changes: &[String]) -> Option<Outcome> {
    let never = match undo {
        Undo::Never(why) => Some(format!("cannot be undone: {why}")),
        Undo::Exact | Undo::Partly(_) => None,
    };
    let reasons: Vec<_> = asks.iter().cloned().chain(never).collect();
    (!reasons.is_empty()).then(|| Outcome::NeedsApproval { why: reasons.join("; "), changes: changes.to_vec() })
}

pub(super) fn guard(situation: &Situation<'_>) -> Option<Outcome> {
    match situation.intent {
        Intent::Undo => None,
        Intent::Requested if situation.asked_before => None,
        Intent::Requested | Intent::Automatic => question(situation.asks, situation.undo, situation.changes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guards::clean;

    #[test]
    fn consent_counts_only_after_the_question() {
        let asks = [String::from("serves a website")];
        let word = |intent, asked_before| guard(&Situation { asks: &asks, intent, asked_before, ..clean() }).map(|outcome| outcome.word());
        assert_eq!(word(Intent::Automatic, false), Some("needs-approval"));
        assert_eq!(word(Intent::Automatic, true), Some("needs-approval"));
        assert_eq!(word(Intent::Requested, false), Some("needs-approval"));
        assert_eq!(word(Intent::Requested, true), None);
    }

    #[test]
    fn what_cannot_be_undone_needs_approval() {
        let never = Situation { undo: Undo::Never("the key is gone"), ..clean() };
        assert!(matches!(guard(&never), Some(Outcome::NeedsApproval { why, .. }) if why.contains("the key is gone")));
        assert_eq!(guard(&clean()), None);
    }
}
