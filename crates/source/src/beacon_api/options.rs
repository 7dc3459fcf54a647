//! How patient to be with nodes, and where time and chance come from.

use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::future::BoxFuture;

/// How patient to be, and how much to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiOptions {
    /// For a connection to stand.
    pub connect_timeout: Duration,
    /// For an answer to begin and between its parts. A node may rebuild an old state before it says a word.
    pub read_timeout: Duration,
    /// For the whole of a small answer, from the question on. A node that stalls or drips is given up then.
    pub small_time: Duration,
    /// For the whole of a block, or of a list that grows with the validators.
    pub list_time: Duration,
    /// For the whole of a state.
    pub state_time: Duration,
    /// How often all nodes are asked at most, the first time included.
    pub rounds: u32,
    /// The pause before the second round; it doubles each time, and is shortened or lengthened at random.
    pub first_pause: Duration,
    /// The longest pause, also where a node asks for a longer one.
    pub longest_pause: Duration,
    /// How long a node that failed is asked last; it doubles with each failure in a row.
    pub first_rest: Duration,
    /// The longest such time.
    pub longest_rest: Duration,
    /// Bytes of a small answer: one that does not grow with the validators.
    pub small_bytes: u64,
    /// Bytes of a block, in SSZ or JSON. Nodes pass on none larger than 10 MiB of SSZ.
    pub block_bytes: u64,
    /// Bytes of a state in SSZ. One of mainnet has about 300 MB.
    pub state_bytes: u64,
    /// Bytes of an answer that grows with the validators and is JSON: validators, committees, a state without SSZ.
    pub list_bytes: u64,
}

impl Default for ApiOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(120),
            small_time: Duration::from_secs(15),
            list_time: Duration::from_secs(300),
            state_time: Duration::from_secs(3_600),
            rounds: 6,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
            first_rest: Duration::from_secs(5),
            longest_rest: Duration::from_secs(120),
            small_bytes: 4 << 20,
            block_bytes: 64 << 20,
            state_bytes: 2 << 30,
            list_bytes: 1 << 30,
        }
    }
}

/// Time and chance. Tests pass their own.
pub trait Pacing: fmt::Debug + Send + Sync {
    /// Time since some moment that stays the same.
    fn now(&self) -> Duration;

    /// Milliseconds since 1970.
    fn unix_ms(&self) -> u64;

    /// Waits.
    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()>;

    /// A number from 0 up to 1.
    fn random(&self) -> f64;
}

/// The time of the system and chance that nobody foresees.
#[derive(Clone, Copy, Debug)]
pub struct SystemPacing(Instant);

impl Default for SystemPacing {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Pacing for SystemPacing {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn unix_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }

    fn random(&self) -> f64 {
        crate::http::random()
    }
}

/// Doubles a time for each failure after the first, up to a longest.
pub(super) fn doubled(first: Duration, failures: u32, longest: Duration) -> Duration {
    first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(longest)
}
