//! What the control itself finds delicate, and what cannot be undone, needs a person who was told what they are consenting to.

use super::{ByItself, Situation, Stop};
use crate::Undo;

pub(super) fn guard(situation: &Situation<'_>) -> Option<Stop> {
    let never = match situation.undo {
        Undo::Never(why) => Some(format!("it cannot be undone: {why}")),
        Undo::Exact | Undo::Partly(_) => None,
    };
    let reasons: Vec<_> = situation.asks.iter().cloned().chain(never).collect();
    (!reasons.is_empty()).then(|| Stop::ask(reasons.join("; "), ByItself::Asked))
}

#[cfg(test)]
mod tests {
    use redress_model::Outcome;

    use super::*;
    use crate::guards::{clean, stopped};

    #[test]
    fn what_cannot_be_undone_needs_approval() {
        let never = stopped(&Situation { undo: Undo::Never("the key is gone"), ..clean() }).unwrap();
        assert!(never.question.is_some());
        assert!(matches!(never.outcome, Outcome::NeedsApproval { why, .. } if why.contains("the key is gone")));
        assert_eq!(stopped(&Situation { undo: Undo::Partly("its age"), ..clean() }), None);
    }
}
