//! The timer: wakes the suite at a time, for work that was put off or goes on from stage to stage.
//!
//! A one-shot schedule of EventBridge Scheduler per minute, whatever is due in it: the schedule's name is its minute, so that a second wish for
//! the same minute finds the first. It sends the sweeper what it is about, and is deleted when it has run. Where none could be made the
//! sweeper's own schedule comes a little later.

use aws_sdk_scheduler::types::{ActionAfterCompletion, DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, Target};
use aws_types::SdkConfig;
use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use serde_json::json;

use crate::{Answer, Called, Error, Kind};

/// Who wakes the suite.
pub trait Timer: Send + Sync {
    /// Wakes the suite at that time, or within the minute after it.
    ///
    /// # Errors
    /// When nothing was set.
    fn wake(&self, at: Timestamp) -> Answer<'_, ()>;

    /// Whether what is put off, or goes on, is to be listed for the suite: who comes again by itself wants no second one.
    fn lists(&self) -> bool {
        true
    }
}

/// The pace of sweeps, which come again by themselves.
#[derive(Debug, Clone, Copy, Default)]
pub struct OwnPace;

impl Timer for OwnPace {
    fn wake(&self, _at: Timestamp) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn lists(&self) -> bool {
        false
    }
}

/// One-shots of EventBridge Scheduler, in a group of their own.
///
/// See <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>.
#[derive(Debug, Clone)]
pub struct OneShots {
    client: aws_sdk_scheduler::Client,
    group: String,
    target: WakeTarget,
}

/// What is woken, and in whose name.
#[derive(Debug, Clone)]
pub struct WakeTarget {
    /// The queue of the sweeper, an ARN.
    pub queue: String,
    /// Where what cannot be delivered goes, an ARN.
    pub dead_letters: String,
    /// The role that Scheduler takes, an ARN.
    pub role: String,
}

impl OneShots {
    /// One-shots in the group `group`.
    pub fn new(sdk: &SdkConfig, group: String, target: WakeTarget) -> Self {
        Self { client: aws_sdk_scheduler::Client::new(sdk), group, target }
    }
}

const ACTION: &str = "scheduler:CreateSchedule";

/// Scheduler takes whole seconds, and keeps its minute: the next full one is certainly not too early.
fn minute(at: Timestamp) -> Timestamp {
    at.round(TimestampRound::new().smallest(Unit::Minute).mode(RoundMode::Ceil)).unwrap_or(at)
}

impl Timer for OneShots {
    fn wake(&self, at: Timestamp) -> Answer<'_, ()> {
        Box::pin(async move {
            let malformed = |error: aws_smithy_types::error::operation::BuildError| Error::malformed(ACTION, error.to_string());
            let at = minute(at);
            let WakeTarget { queue, dead_letters, role } = &self.target;
            let target = Target::builder()
                .arn(queue)
                .role_arn(role)
                .input(json!({ "due": at }).to_string())
                .dead_letter_config(DeadLetterConfig::builder().arn(dead_letters).build())
                .retry_policy(RetryPolicy::builder().maximum_event_age_in_seconds(3600).maximum_retry_attempts(20).build())
                .build()
                .map_err(malformed)?;
            let exact = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().map_err(malformed)?;
            let call = self.client.create_schedule().group_name(&self.group).name(format!("wake-{}", at.strftime("%Y%m%dT%H%M")));
            let call = call.schedule_expression(format!("at({})", at.strftime("%Y-%m-%dT%H:%M:%S"))).flexible_time_window(exact);
            let made = call.target(target).action_after_completion(ActionAfterCompletion::Delete).send().await.called(ACTION);
            match made {
                // Somebody has the same wish.
                Err(error) if error.kind == Kind::Conflict => Ok(()),
                made => made.map(|_| ()),
            }
        })
    }
}

/// No timer, for who has no deployment.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTimer;

impl Timer for NoTimer {
    fn wake(&self, _at: Timestamp) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minute_is_never_before_the_time() {
        for (at, expected) in [("2026-11-21T12:00:00Z", "2026-11-21T12:00:00Z"), ("2026-11-21T12:00:00.1Z", "2026-11-21T12:01:00Z")] {
            assert_eq!(minute(at.parse().unwrap()), expected.parse().unwrap());
        }
    }
}
