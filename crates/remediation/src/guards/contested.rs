//! What does not last is contested: the same change, made again and again, is a quarrel with somebody who wants it otherwise.

use super::{ByItself, Contest, Situation, Stop};

pub(super) fn guard(situation: &Situation<'_>) -> Option<Stop> {
    let Contest { times, by } = situation.contest?;
    Some(Stop::ask(format!("contested: it was made {times} times and did not last; {by}"), ByItself::Held))
}

#[cfg(test)]
mod tests {
    use redress_model::Intent;

    use super::*;
    use crate::guards::{clean, stopped};

    #[test]
    fn holds_and_names_who_undoes_it() {
        let contest = Contest { times: 3, by: "arn:aws:iam::1:role/deploy undoes it".into() };
        let stop = |intent| stopped(&Situation { contest: Some(&contest), intent, ..clean() }).unwrap().outcome;
        assert!(stop(Intent::Automatic).sentence().contains("3 times") && stop(Intent::Automatic).sentence().contains("role/deploy"));
        assert_eq!(stop(Intent::Automatic).word(), "held");
        assert_eq!(stop(Intent::Requested).word(), "needs-approval");
    }
}
