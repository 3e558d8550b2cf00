//! What a person undid is not done again by itself: it would be a quarrel between a machine and a person.

use redress_model::{Intent, Outcome};

use super::Situation;

pub(super) fn guard(situation: &Situation<'_>) -> Option<Outcome> {
    let at = situation.undone.filter(|_| situation.intent == Intent::Automatic)?;
    Some(Outcome::Held { why: format!("a person undid this change at {at}; choose Redress remediate to make it again") })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::guards::clean;

    #[test]
    fn a_person_s_undo_holds_until_a_person_asks() {
        let undone = Some(Timestamp::UNIX_EPOCH);
        let word = |intent, undone| guard(&Situation { intent, undone, ..clean() }).map(|outcome| outcome.word());
        assert_eq!(word(Intent::Automatic, undone), Some("held"));
        assert_eq!(word(Intent::Requested, undone), None);
        assert_eq!(word(Intent::Automatic, None), None);
    }
}
