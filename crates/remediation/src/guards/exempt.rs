//! What somebody decided to leave as it is for a time is left as it is.

use redress_model::{Intent, Outcome};

use super::{Situation, Stop};

pub(super) fn guard(situation: &Situation<'_>) -> Option<Stop> {
    if matches!(situation.intent, Intent::Undo) {
        return None;
    }
    let of_policy = situation.terms.iter().filter_map(|terms| terms.exemption.as_ref()).map(|exemption| &exemption.value);
    let of_person = situation.exempted.filter(|exempted| exempted.until > situation.now);
    let longest = of_policy.chain(of_person).max_by_key(|exempted| exempted.until)?;
    Some(Stop::Hold(Outcome::Exempt { why: longest.to_string(), until: longest.until, changes: Vec::new() }))
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use redress_model::policy::Exempted;

    use super::*;
    use crate::guards::{clean, stopped};

    #[test]
    fn a_person_s_exemption_counts_until_it_ends() {
        let until = |until: Timestamp| Exempted { until, reason: "migration".into(), approved_by: "ann".into() };
        let word = |exempted: &Exempted, intent| {
            stopped(&Situation { exempted: Some(exempted), intent, ..clean() }).map(|stopped| stopped.outcome.word())
        };
        let open = until(clean().now + SignedDuration::from_secs(1));
        for intent in [Intent::Automatic, Intent::Requested, Intent::Approved] {
            assert_eq!(word(&open, intent), Some("exempt"), "{intent:?}");
        }
        assert_eq!(word(&open, Intent::Undo), None);
        assert_eq!(word(&until(clean().now), Intent::Automatic), None, "an expired one no longer counts");
    }
}
