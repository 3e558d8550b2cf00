//! Mass operations: one principal that changes many groups at once, told across invocations.

use jiff::SignedDuration;
use redress_aws::{Clock, Marks, Post, Result};
use redress_exposure::{MassOperations, RealTime};
use redress_lambda::{Measure, measure};
use redress_model::{Arn, ControlId, Digest, Intent, Job, Request, Resource};
use serde_json::Value as Json;
use tracing::warn;

use crate::{SgComplianceScanner, change::Work, look::send};

/// Where alerts are remembered: people hear once of a principal within this time.
const ALERTS: &str = "mass-operations";
const QUIET: SignedDuration = SignedDuration::from_mins(15);

impl SgComplianceScanner {
    /// Counts a change for its actor. Beyond the threshold it is measured and told, and where the policy says so the actor is quarantined.
    pub(crate) async fn count_for(&self, work: &Work, real_time: &RealTime) -> Result<()> {
        let MassOperations { enabled, threshold, window_seconds, alert, block_user } = real_time.detection_rules.mass_operations_detected;
        let Some(actor) = work.actor.as_deref().filter(|_| enabled && work.call != "RunInstances") else { return Ok(()) };
        let window = SignedDuration::from_secs(i64::from(window_seconds));
        let deeds = self.sightings.deeds(&format!("deeds#{actor}"), &work.event, work.at, window).await?;
        if deeds <= usize::try_from(threshold).unwrap_or(usize::MAX) {
            return Ok(());
        }
        let now = self.clock.now();
        let told = self.sightings.of(ALERTS, actor).await?;
        if told.get("told").is_some_and(|at| now.duration_since(*at) < QUIET) {
            return Ok(());
        }
        warn!(actor, deeds, account = %work.account, region = %work.region, "a mass operation on security groups");
        measure(Measure::MassOperationsDetected, 1.0, now);
        if block_user {
            self.quarantine(actor, work).await?;
        }
        if alert {
            let subject = format!("Redress: mass operation on security groups in {}", work.account);
            let blocked = if block_user { "\nIts quarantine was asked for (control SecurityGroup.2)." } else { "" };
            let body = format!(
                "{actor}\nchanged security groups {deeds} times within {window_seconds} seconds, the last time in account {} and region {} at {}.{blocked}",
                work.account, work.region, work.at
            );
            self.post.tell(&subject, &body).await?;
        }
        // Last: what failed before is tried again with the next change.
        self.sightings.keep(ALERTS, actor, &Marks::from([("told".into(), now)]), now).await
    }

    async fn quarantine(&self, actor: &str, work: &Work) -> Result<()> {
        let Some(resource) = principal(actor, &self.own_roles) else {
            warn!(actor, "it cannot be quarantined: it is neither a user nor a role, or one of ours");
            return Ok(());
        };
        let control =
            ControlId::try_from("SecurityGroup.2").map_err(|error| redress_aws::Error::malformed("the job", error.to_string()))?;
        let request = Request::of(format!("mass-{}", work.event), Some(work.at));
        let job = Job {
            intent: Intent::Automatic,
            controls: vec![control],
            resource,
            finding: None,
            request,
            params: Json::Null,
            rounds: 0,
            after: None,
        };
        send(&self.jobs, &job, &Digest::of(format!("{actor} {}", work.event).as_bytes())).await
    }
}

/// The user or role behind an ARN, unless it is one of ours.
fn principal(actor: &str, own_roles: &[String]) -> Option<Resource> {
    let arn = Arn::parse(actor).ok().filter(|arn| arn.service == "iam")?;
    let kind = if arn.named("role").is_some() { "AwsIamRole" } else { "AwsIamUser" };
    let path = arn.named("role").or_else(|| arn.named("user"))?;
    let name = path.rsplit('/').next()?;
    if own_roles.iter().any(|role| role == name) {
        return None;
    }
    let partition = redress_model::Partition::try_from(arn.partition).ok()?;
    let account = redress_model::AccountId::try_from(arn.account).ok()?;
    let region = partition.global_region();
    Some(Resource { kind: kind.into(), id: actor.to_owned(), account, region, partition, name: None, path: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(actor: &str) -> Option<Resource> {
        principal(actor, &["RedressMemberRole".to_owned()])
    }

    #[test]
    fn users_and_roles_can_be_quarantined_and_nobody_else_and_never_we() {
        assert_eq!(of("arn:aws:iam::111122223333:user/team/ann").unwrap().kind, "AwsIamUser");
        assert_eq!(of("arn:aws:iam::111122223333:role/deploy").unwrap().region.as_str(), "us-east-1");
        assert_eq!(of("arn:aws:iam::111122223333:root"), None);
        assert_eq!(of("arn:aws:sts::111122223333:federated-user/bob"), None);
        assert_eq!(of("arn:aws:iam::111122223333:role/RedressMemberRole"), None);
    }
}
