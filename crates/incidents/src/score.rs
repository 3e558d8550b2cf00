//! How bad a deed looks, from 0 to 100, with a reason for every point. The same deed, habits, lists and policy have the same score; whatever is
//! added to a deed that is worse never lowers it.

use serde::{Deserialize, Serialize};

use crate::{ActorKind, Deed, Habits, Kind, Policy, ThreatLists, Worse};

/// How bad a deed looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    /// From 0 to 100.
    pub total: u8,
    /// The points among them that are about who did it, and not about what was done.
    pub of_actor: u8,
    /// Why.
    pub reasons: Vec<Reason>,
}

/// A reason for points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// How many.
    pub points: u8,
    /// For what.
    pub why: String,
    /// Whether it is about who did it.
    pub of_actor: bool,
}

struct Sum(Vec<Reason>);

impl Sum {
    fn add(&mut self, is: bool, points: u8, why: impl FnOnce() -> String) {
        if is && points > 0 {
            self.0.push(Reason { points, why: why(), of_actor: false });
        }
    }

    fn of_actor(&mut self, is: bool, points: u8, why: impl FnOnce() -> String) {
        if is && points > 0 {
            self.0.push(Reason { points, why: why(), of_actor: true });
        }
    }
}

/// Scores a deed of an actor with these habits.
pub fn score(deed: &Deed, habits: &Habits, lists: &ThreatLists, policy: &Policy) -> Score {
    let weights = &policy.weights;
    let mut sum = Sum(Vec::new());
    let (points, _) = policy.points(&deed.action);
    match (deed.kind, &deed.error) {
        (Kind::Finding { severity }, _) => {
            // GuardDuty's severities go to 10.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what fits")]
            let degrees = severity.clamp(0.0, 10.0).round() as u8;
            sum.add(true, weights.severity.saturating_mul(degrees), || {
                format!("GuardDuty calls it {} with severity {severity}", deed.action)
            });
        }
        (_, Some(error)) => {
            let part = u16::from(points) * u16::from(weights.failed_percent) / 100;
            sum.add(true, u8::try_from(part).unwrap_or(u8::MAX), || format!("{}, which failed: {error}", deed.action));
        }
        (_, None) => sum.add(true, points, || deed.action.clone()),
    }
    sum.add(deed.worse.contains(&Worse::Public), weights.public, || "it opens something to everybody".into());
    sum.add(deed.worse.contains(&Worse::Administrator), weights.administrator, || "it gives power over everything".into());
    sum.add(policy.is_sensitive(&[deed.target.name(), deed.account.as_str()]), weights.sensitive, || "its target is sensitive".into());
    sum.of_actor(deed.actor.kind == ActorKind::Root, weights.root, || "root did it".into());
    let is_bare = matches!(deed.kind, Kind::SignIn { mfa: false });
    // Roles sign in through their identity provider, which asks for the second factor.
    sum.of_actor(is_bare && deed.actor.kind != ActorKind::Role, weights.no_mfa, || "a sign-in without a second factor".into());
    let list = deed.from.and_then(|address| lists.naming(address));
    sum.of_actor(list.is_some(), weights.listed, || format!("from an address on the list {}", list.unwrap_or_default()));
    if !matches!(deed.kind, Kind::Finding { .. }) && deed.actor.kind != ActorKind::Service {
        habitual(&mut sum, deed, habits, policy);
    }
    let total = |reasons: &mut dyn Iterator<Item = &Reason>| reasons.map(|reason| u16::from(reason.points)).sum::<u16>().min(100);
    let (all, of_actor) = (total(&mut sum.0.iter()), total(&mut sum.0.iter().filter(|reason| reason.of_actor)));
    Score { total: u8::try_from(all).unwrap_or(100), of_actor: u8::try_from(of_actor).unwrap_or(100), reasons: sum.0 }
}

/// What is new of the actor. Of one of whom nothing is known everything is: that counts once, and little.
fn habitual(sum: &mut Sum, deed: &Deed, habits: &Habits, policy: &Policy) {
    let weights = &policy.weights;
    if habits.is_stranger(deed.at) {
        return sum.of_actor(true, weights.stranger, || "nothing is known of the actor yet".into());
    }
    let is_new = |name: &str| !habits.knows(name, deed.at);
    sum.of_actor(is_new(&Habits::action(deed)), weights.new_action, || format!("the actor's first {}", deed.action));
    sum.of_actor(is_new(&Habits::region(deed)), weights.new_region, || format!("the actor's first in {}", deed.region));
    let network = Habits::network(deed);
    sum.of_actor(network.as_deref().is_some_and(is_new), weights.new_network, || {
        format!("the actor's first from {}", network.as_deref().unwrap_or_default())
    });
    sum.of_actor(is_new(&Habits::hour(deed)), weights.new_hours, || "the actor's first at this time of the day".into());
}
