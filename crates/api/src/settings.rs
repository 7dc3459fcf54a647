//! What an operator decides: who may read what, limits, and the chain whose clock the pages follow.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use consensus::rewards::Scale;
use source::chain_input::ChainInput;
use source::follow::Follower;

use crate::entities::Entities;

/// Everything the router is told beside the database and the model.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who may use the private addresses.
    pub private: PrivateAccess,
    /// What a blockprint address answers when its range touches a gap.
    pub gaps: GapPolicy,
    /// Bounds on requests.
    pub limits: Limits,
    /// The network's name, as shown in the header.
    pub network: String,
    /// What the loaded model is called, before the digits of its digest.
    pub model_name: String,
    /// The chain's clock; `None` for recorded data that nobody follows live.
    pub clock: Option<ChainClock>,
    /// Where block rewards come from.
    pub rewards: RewardSettings,
    /// Names of validators.
    pub entities: Arc<Entities>,
}

/// Where `/lighthouse/analysis/block_rewards` and the `block_reward` events get their answers. With neither source
/// they are turned off.
#[derive(Clone, Debug, Default)]
pub struct RewardSettings {
    /// A chain that is followed.
    pub follower: Option<Follower>,
    /// A stretch of the same chain on disk, replayed where the follower does not reach back.
    pub archive: Option<ChainInput>,
    /// How rewards are scaled.
    pub scale: Scale,
}

impl RewardSettings {
    /// Whether there is a source.
    pub fn is_on(&self) -> bool {
        self.follower.is_some() || self.archive.is_some()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            private: PrivateAccess::Open,
            gaps: GapPolicy::Refuse,
            limits: Limits::default(),
            network: "mainnet".to_owned(),
            model_name: "model".to_owned(),
            clock: None,
            rewards: RewardSettings::default(),
            entities: Arc::default(),
        }
    }
}

/// What a range that touches a gap is answered with, unless the request says `partial=true` or `partial=false`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GapPolicy {
    /// 404 and the gap.
    #[default]
    Refuse,
    /// What is there, as blockprint did: for old consumers that can't add a parameter.
    Partial,
}

/// Bounds on requests, so that none takes the service down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest body of a classify request. A block is about 57 kB; 2048 of them are 120 MB.
    pub classify_body_bytes: usize,
    /// Most blocks in one classify request.
    pub classify_blocks: usize,
    /// Largest body of a list of validators.
    pub validators_body_bytes: usize,
    /// Most validators in one request.
    pub validators: usize,
    /// How long a request may take until its answer begins.
    pub request_timeout: Duration,
    /// Requests answered at the same time; more get 503.
    pub requests_in_flight: usize,
    /// Classify requests whose body is read and judged at the same time; more wait.
    pub classify_in_flight: usize,
    /// Most slots of one request for block rewards. A block of mainnet is about half a megabyte of JSON.
    pub reward_slots: u64,
    /// Most blocks posted in one request for their rewards.
    pub reward_blocks: usize,
    /// Largest body of posted blocks.
    pub reward_body_bytes: usize,
    /// Requests for block rewards that are worked on at the same time; more wait.
    pub rewards_in_flight: usize,
    /// Streams of events at the same time; more get 503.
    pub event_streams: usize,
    /// Events that wait for a reader of a stream; more are dropped, and it is told how many.
    pub event_queue: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            classify_body_bytes: 256 << 20,
            classify_blocks: 4_096,
            validators_body_bytes: 1 << 20,
            validators: 10_000,
            request_timeout: Duration::from_secs(60),
            requests_in_flight: 512,
            classify_in_flight: 4,
            reward_slots: 8_192,
            reward_blocks: 128,
            reward_body_bytes: 16 << 20,
            rewards_in_flight: 2,
            event_streams: 64,
            event_queue: 32,
        }
    }
}

/// When slots happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainClock {
    /// Unix time of slot 0.
    pub genesis_time: u64,
    /// Length of a slot.
    pub seconds_per_slot: u64,
}

impl ChainClock {
    /// Ethereum mainnet.
    pub const MAINNET: Self = Self { genesis_time: 1_606_824_023, seconds_per_slot: 12 };

    /// The clock of a chain that is followed; nothing before there is a state.
    pub(crate) fn of_followed(follower: &Follower) -> Option<Self> {
        follower.view(|view| Self {
            genesis_time: view.genesis_time(),
            seconds_per_slot: view.spec().config.slot_duration_ms.div_ceil(1_000),
        })
    }

    /// Unix time of the start of a slot.
    pub fn start_of(&self, slot: u64) -> u64 {
        self.genesis_time.saturating_add(slot.saturating_mul(self.seconds_per_slot))
    }

    /// The slot of a Unix time; 0 before genesis.
    pub fn slot_at(&self, unix: u64) -> u64 {
        unix.saturating_sub(self.genesis_time) / self.seconds_per_slot.max(1)
    }
}

/// Who may use the private addresses (single blocks and validators, and storing verdicts).
#[derive(Clone, Debug)]
pub enum PrivateAccess {
    /// Everybody. Only for servers that listen on loopback.
    Open,
    /// Those who present one of the credentials.
    Guarded(Vec<Credential>),
    /// Nobody, because no credential is configured and the server can be reached from outside.
    Closed,
}

impl PrivateAccess {
    /// The rule: with credentials they are needed; without, private addresses are open on loopback and closed
    /// elsewhere.
    pub fn for_listener(listen: SocketAddr, credentials: Vec<Credential>) -> Self {
        if !credentials.is_empty() {
            Self::Guarded(credentials)
        } else if listen.ip().is_loopback() {
            Self::Open
        } else {
            Self::Closed
        }
    }
}

/// A secret that opens the private addresses. Only its digest is kept.
#[derive(Clone)]
pub struct Credential(blake3::Hash);

impl Credential {
    /// A bearer token.
    pub fn bearer(token: &str) -> Self {
        Self(digest("bearer", token.as_bytes()))
    }

    /// A name and password for basic authentication.
    pub fn basic(name: &str, password: &str) -> Self {
        Self(digest("basic", format!("{name}:{password}").as_bytes()))
    }

    pub(crate) fn basic_pair(pair: &[u8]) -> Self {
        Self(digest("basic", pair))
    }

    /// Whether both stand for the same secret. Takes the same time wherever they differ.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(hidden)")
    }
}

fn digest(scheme: &str, secret: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(scheme.as_bytes()).update(b"\0").update(secret);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_open_on_loopback_only() {
        let loopback: SocketAddr = ([127, 0, 0, 1], 8000).into();
        let outside: SocketAddr = ([0, 0, 0, 0], 8000).into();
        assert!(matches!(PrivateAccess::for_listener(loopback, vec![]), PrivateAccess::Open));
        assert!(matches!(PrivateAccess::for_listener(outside, vec![]), PrivateAccess::Closed));
        let guarded = PrivateAccess::for_listener(loopback, vec![Credential::bearer("secret")]);
        assert!(matches!(guarded, PrivateAccess::Guarded(_)));
        assert!(!format!("{guarded:?}").contains("secret"));
    }

    #[test]
    fn credentials_of_different_schemes_differ() {
        assert!(Credential::basic("a", "b").matches(&Credential::basic_pair(b"a:b")));
        assert!(!Credential::bearer("a:b").matches(&Credential::basic("a", "b")));
    }

    #[test]
    fn the_clock_of_mainnet() {
        assert_eq!(ChainClock::MAINNET.start_of(0), 1_606_824_023);
        assert_eq!(ChainClock::MAINNET.slot_at(1_606_824_023 + 25), 2);
        assert_eq!(ChainClock::MAINNET.slot_at(0), 0);
    }
}
