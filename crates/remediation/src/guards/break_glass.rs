//! Break-glass principals, and whatever else the policy says must never be touched.

use redress_model::Intent;

use super::{Situation, Stop};

pub(super) fn guard(situation: &Situation<'_>) -> Option<Stop> {
    if situation.intent == Intent::Undo {
        return None;
    }
    let glass = situation.terms.iter().find_map(|terms| terms.glass(situation.resource))?;
    Some(Stop::held(format!("it is never touched: break-glass {glass}")))
}

#[cfg(test)]
mod tests {
    use redress_model::{ControlId, Mode, Modes, Policy, policy::Case};

    use super::*;
    use crate::guards::{clean, stopped};

    #[test]
    fn not_even_with_consent() {
        let modes: Modes = Mode::Auto.to_string().parse().unwrap();
        let policy = Policy::parse("version: 1\nrules:\n  - break_glass: ['arn:aws:s3:::lo*']\n", modes, &|_, _| Ok(())).unwrap();
        let (clean, control) = (clean(), ControlId::try_from("S3.5").unwrap());
        let case = Case { control: &control, class: clean.class, resource: clean.resource, place: None, tags: None };
        let terms = [policy.decide(&case, clean.now)];
        for intent in [Intent::Automatic, Intent::Approved] {
            let stopped = stopped(&Situation { terms: &terms, intent, is_consent: true, ..clean.clone() }).unwrap();
            assert_eq!((stopped.outcome.word(), stopped.question), ("held", None));
        }
    }
}
