//! Resources that carry a tag which the policy protects are not changed.

use redress_model::Intent;

use super::{Situation, Stop};

pub(super) fn guard(situation: &Situation<'_>) -> Option<Stop> {
    if situation.intent == Intent::Undo {
        return None;
    }
    let tag = situation.terms.iter().find_map(|terms| terms.protection(situation.tags))?;
    Some(Stop::held(format!("it carries the protected tag {tag}")))
}

#[cfg(test)]
mod tests {
    use redress_model::{
        ControlId, Modes, Policy,
        policy::{Case, Tags},
    };

    use super::*;
    use crate::guards::{clean, stopped};

    #[test]
    fn holds_what_carries_the_tag_and_nothing_else() {
        let modes: Modes = "auto".parse().unwrap();
        let policy = Policy::parse("version: 1\nrules:\n  - protected_tags: {tier: gold}\n", modes, &|_, _| Ok(())).unwrap();
        let (clean, control) = (clean(), ControlId::try_from("S3.5").unwrap());
        let case = Case { control: &control, class: clean.class, resource: clean.resource, place: None, tags: None };
        let terms = [policy.decide(&case, clean.now)];
        let word = |tags: &Tags| stopped(&Situation { terms: &terms, tags, ..clean.clone() }).map(|stopped| stopped.outcome.sentence());
        assert!(word(&Tags::from([("tier".into(), "gold".into())])).unwrap().contains("tier=gold, policy line 3"));
        assert_eq!(word(&Tags::from([("tier".into(), "silver".into())])), None);
    }
}
