//! Outside of the change windows nothing is changed by itself: it waits for the next one.

use jiff::Timestamp;

use super::{ByItself, Situation, Stop};

pub(super) fn guard(situation: &Situation<'_>) -> Option<Stop> {
    let (opens, by) = situation
        .terms
        .iter()
        .filter_map(|terms| Some((terms.opens(situation.now)?, &terms.windows.by)))
        .max_by_key(|(opens, _)| *opens)?;
    Some(if opens == Timestamp::MAX {
        Stop::ask(format!("its change window never opens ({by})"), ByItself::Held)
    } else {
        Stop::ask(format!("outside of the change window ({by})"), ByItself::PutOff(opens))
    })
}

#[cfg(test)]
mod tests {
    use redress_model::{ControlId, Intent, Modes, Outcome, Policy, policy::Case};

    use super::*;
    use crate::guards::{clean, stopped};

    #[test]
    fn waits_for_the_next_window() {
        let text = "version: 1\nrules:\n  - change_windows: [{days: [sun], from: '22:00', to: '23:00', zone: UTC}]\n";
        let modes: Modes = "auto".parse().unwrap();
        let policy = Policy::parse(text, modes, &|_, _| Ok(())).unwrap();
        let (clean, control) = (clean(), ControlId::try_from("S3.5").unwrap());
        let case = Case { control: &control, class: clean.class, resource: clean.resource, place: None, tags: None };
        let terms = [policy.decide(&case, clean.now)];
        let opens: Timestamp = "2026-11-22T22:00:00Z".parse().unwrap();
        let stop = |now, intent| stopped(&Situation { terms: &terms, now, intent, ..clean.clone() }).map(|stopped| stopped.outcome);
        assert!(matches!(stop(clean.now, Intent::Automatic), Some(Outcome::Deferred { until, .. }) if until == opens));
        assert!(matches!(stop(clean.now, Intent::Requested), Some(Outcome::NeedsApproval { .. })));
        assert_eq!(stop(opens, Intent::Automatic), None);
    }
}
