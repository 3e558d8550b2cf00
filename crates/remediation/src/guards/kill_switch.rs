//! The kill switch stops every write at once, whoever wants it, an undo too. What comes by itself is tried again later.

use redress_model::{Intent, Outcome};

use super::{Situation, Stop, next_hour};

pub(super) fn guard(situation: &Situation<'_>) -> Option<Stop> {
    let why = situation.switch?.to_owned();
    Some(Stop::Hold(match situation.intent {
        Intent::Automatic => Outcome::Deferred { why, until: next_hour(situation.now) },
        Intent::Shown | Intent::Requested | Intent::Approved | Intent::Exempted | Intent::Undo | Intent::Passed => Outcome::Held { why },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guards::{clean, stopped};

    #[test]
    fn nobody_gets_past_it() {
        let word =
            |intent| stopped(&Situation { intent, is_consent: true, switch: Some("on"), ..clean() }).map(|stopped| stopped.outcome.word());
        assert_eq!(word(Intent::Automatic), Some("deferred"));
        for intent in [Intent::Requested, Intent::Approved, Intent::Undo] {
            assert_eq!(word(intent), Some("held"), "{intent:?}");
        }
    }
}
