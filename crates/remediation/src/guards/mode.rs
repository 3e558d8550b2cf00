//! Only the mode `auto` changes anything. A control of class T never does.

use redress_model::{Class, Mode, Outcome};

use super::Situation;

pub(super) fn guard(situation: &Situation<'_>) -> Option<Outcome> {
    let changes = situation.changes.to_vec();
    match (situation.mode, situation.class) {
        (Mode::Auto, Class::Automatic | Class::Guarded) => None,
        (Mode::Off, _) => Some(Outcome::Held { why: "the control is switched off".into() }),
        (Mode::Plan, Class::Automatic | Class::Guarded) => Some(Outcome::Planned { changes, asks: situation.asks.to_vec() }),
        (Mode::Tell, _) | (_, Class::Tell) => {
            let asks = situation.asks.iter().map(|ask| format!("mind that {ask}"));
            let steps = asks.chain(changes.iter().map(|change| format!("change {change}"))).collect::<Vec<_>>();
            Some(Outcome::NeedsPerson { steps: steps.join("; ") })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guards::clean;

    #[test]
    fn only_auto_passes() {
        let word = |mode, class| guard(&Situation { mode, class, ..clean() }).map(|outcome| outcome.word());
        assert_eq!(word(Mode::Auto, Class::Automatic), None);
        assert_eq!(word(Mode::Auto, Class::Guarded), None);
        assert_eq!(word(Mode::Auto, Class::Tell), Some("needs-person"));
        assert_eq!(word(Mode::Plan, Class::Automatic), Some("planned"));
        assert_eq!(word(Mode::Plan, Class::Guarded), Some("planned"));
        assert_eq!(word(Mode::Tell, Class::Automatic), Some("needs-person"));
        assert_eq!(word(Mode::Off, Class::Automatic), Some("held"));
    }
}
