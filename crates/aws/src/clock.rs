//! Time and chance, passed in so that tests can hold them.

use std::time::{Duration, SystemTime};

use futures::future::BoxFuture;
use jiff::Timestamp;
use redress_model::RunId;

/// Where time and fresh run ids come from.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// Waits.
    fn sleep(&self, time: Duration) -> BoxFuture<'_, ()>;

    /// A run id that nobody else has.
    fn new_run(&self) -> RunId;
}

/// The real one.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the real clock is read")]
    fn now(&self) -> Timestamp {
        Timestamp::try_from(SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(time))
    }

    #[expect(clippy::disallowed_methods, reason = "the one place where chance is asked for")]
    fn new_run(&self) -> RunId {
        let mut entropy = [0; 10];
        entropy.iter_mut().zip(uuid::Uuid::new_v4().into_bytes()).for_each(|(to, from)| *to = from);
        RunId::new(self.now(), entropy)
    }
}
