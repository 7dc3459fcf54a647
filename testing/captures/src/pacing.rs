//! Time that passes only when it is waited for, or when a test says so.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use source::beacon_api::{ApiOptions, Pacing};
use tokio::sync::Notify;

/// Sleeps of this length last until [`TestPacing::fall_silent`].
pub const SILENCE: Duration = Duration::from_secs(77);

/// Time and chance for tests: no pause takes time, chance is always in the middle.
#[derive(Debug, Default)]
pub struct TestPacing {
    now: Mutex<Duration>,
    slept: Mutex<Vec<Duration>>,
    silence: Arc<Notify>,
}

impl TestPacing {
    /// The pauses so far.
    pub fn slept(&self) -> Vec<Duration> {
        self.slept.lock().expect("no panic").clone()
    }

    /// Lets time pass.
    pub fn advance(&self, time: Duration) {
        *self.now.lock().expect("no panic") += time;
    }

    /// Ends a sleep of [`SILENCE`].
    pub fn fall_silent(&self) {
        self.silence.notify_one();
    }
}

impl Pacing for TestPacing {
    fn now(&self) -> Duration {
        *self.now.lock().expect("no panic")
    }

    fn unix_ms(&self) -> u64 {
        u64::try_from(self.now().as_millis()).expect("few milliseconds")
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        if time == SILENCE {
            let silence = Arc::clone(&self.silence);
            return Box::pin(async move { silence.notified().await });
        }
        if time == READ_TIMEOUT {
            return Box::pin(std::future::pending());
        }
        self.slept.lock().expect("no panic").push(time);
        self.advance(time);
        Box::pin(std::future::ready(()))
    }

    fn random(&self) -> f64 {
        0.5
    }
}

/// Longer than any pause. A sleep of this length never ends: answers do come.
const READ_TIMEOUT: Duration = Duration::from_secs(31);

/// Options for nodes on this machine.
pub fn options() -> ApiOptions {
    ApiOptions { read_timeout: READ_TIMEOUT, rounds: 3, ..ApiOptions::default() }
}
