//! What a person undid is not done again by itself: it would be a quarrel between a machine and a person.

use super::{ByItself, Situation, Stop};

pub(super) fn guard(situation: &Situation<'_>) -> Option<Stop> {
    let at = situation.undone?;
    Some(Stop::ask(format!("a person undid this change at {}", at.strftime("%Y-%m-%d %H:%M UTC")), ByItself::Held))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use redress_model::Intent;

    use super::*;
    use crate::guards::{clean, stopped};

    #[test]
    fn a_person_s_undo_holds_until_a_person_consents() {
        let undone = Some(Timestamp::UNIX_EPOCH);
        let word = |intent, undone, is_consent| {
            stopped(&Situation { intent, is_consent, undone, ..clean() }).map(|stopped| stopped.outcome.word())
        };
        assert_eq!(word(Intent::Automatic, undone, false), Some("held"));
        assert_eq!(word(Intent::Requested, undone, false), Some("needs-approval"));
        assert_eq!(word(Intent::Approved, undone, true), None);
        assert_eq!(word(Intent::Automatic, None, false), None);
    }
}
