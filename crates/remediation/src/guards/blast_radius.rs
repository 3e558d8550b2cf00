//! At most so many changes of one kind of resource in one account and hour: whatever is wrong with a control, a policy or a flood of findings
//! stays small. What is beyond waits for the next hour.

use super::{Blast, ByItself, Situation, Stop, next_hour};

pub(super) fn guard(situation: &Situation<'_>) -> Option<Stop> {
    let Blast { changes, population } = situation.blast?;
    let limit = |radius: redress_model::policy::BlastRadius| {
        let share = radius.percent.map(|percent| population.map_or(1, |all| (all * u32::from(percent) / 100).max(1)));
        radius.changes.min(share.unwrap_or(u32::MAX))
    };
    let (limit, by) =
        situation.terms.iter().map(|terms| (limit(terms.blast_radius.value), &terms.blast_radius.by)).min_by_key(|(limit, _)| *limit)?;
    let why = format!("blast radius: {limit} changes of this kind are allowed in this account and hour ({by})");
    (changes > limit).then(|| Stop::ask(why, ByItself::PutOff(next_hour(situation.now))))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use redress_model::{
        Mode, Outcome,
        policy::{BlastRadius, Terms},
    };

    use super::*;
    use crate::guards::{clean, stopped};

    fn limited(changes: u32, percent: Option<u8>) -> [Terms; 1] {
        let mut terms = Terms::of(Mode::Auto);
        terms.blast_radius.value = BlastRadius { changes, percent };
        [terms]
    }

    fn passes(changes: u32, percent: Option<u8>, made: u32, population: Option<u32>) -> bool {
        let terms = limited(changes, percent);
        stopped(&Situation { terms: &terms, blast: Some(Blast { changes: made, population }), ..clean() }).is_none()
    }

    #[test]
    fn the_first_limit_that_is_reached_holds() {
        assert!(passes(2, None, 2, None) && !passes(2, None, 3, None));
        assert!(passes(100, Some(10), 5, Some(50)) && !passes(100, Some(10), 6, Some(50)));
        assert!(!passes(5, Some(50), 6, Some(50)));
        assert!(passes(100, Some(10), 1, Some(3)) && !passes(100, Some(10), 2, Some(3)), "always one");
        assert!(passes(100, Some(10), 1, None) && !passes(100, Some(10), 2, None), "a share of what is not known is one");
    }

    #[test]
    fn what_is_beyond_waits_for_the_next_hour() {
        let terms = limited(0, None);
        let now: Timestamp = "2026-11-21T12:34:56Z".parse().unwrap();
        let stop = stopped(&Situation { terms: &terms, blast: Some(Blast { changes: 1, population: None }), now, ..clean() });
        let until: Timestamp = "2026-11-21T13:00:00Z".parse().unwrap();
        assert!(matches!(stop.unwrap().outcome, Outcome::Deferred { until: at, .. } if at == until));
    }
}
