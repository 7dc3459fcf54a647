//! What an operator decides: who may read what, limits, and the chain whose clock the pages follow.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use consensus::rewards::Scale;
use source::chain_input::ChainInput;
use source::follow::Follower;

use crate::credential::PrivateAccess;
use crate::entities::Entities;
use crate::rate::RateLimit;
use crate::tls::TlsFiles;

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
    /// How often one address may ask; as often as it likes where there is none.
    pub rate: Option<RateLimit>,
    /// Proxies of ours, which say in `X-Forwarded-For` for whom they ask.
    pub trusted_proxies: Vec<IpAddr>,
    /// Pages of which other sites may read answers.
    pub cors: Cors,
    /// Certificate and key; served without TLS where there are none.
    pub tls: Option<TlsFiles>,
}

/// Pages of which other sites may read answers of the API in their readers' browsers. Credentials of browsers are never
/// sent along.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cors {
    /// None.
    #[default]
    Off,
    /// All.
    Any,
    /// These origins, such as `https://example.org`.
    Origins(Vec<String>),
}

impl std::str::FromStr for Cors {
    type Err = String;

    /// `off`, `any`, or origins with commas.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" | "" => return Ok(Self::Off),
            "any" | "*" => return Ok(Self::Any),
            _ => {}
        }
        let origin = |text: &str| {
            let text = text.trim();
            let rest = text.strip_prefix("https://").or(text.strip_prefix("http://")).unwrap_or_default();
            let is_origin = !rest.is_empty()
                && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
            if is_origin {
                Ok(text.to_owned())
            } else {
                Err(format!("{text:?} is no origin; one is written https://example.org"))
            }
        };
        text.split(',').map(origin).collect::<Result<_, _>>().map(Self::Origins)
    }
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
            rate: None,
            trusted_proxies: Vec::new(),
            cors: Cors::Off,
            tls: None,
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
    /// Bytes of answers that are kept for those who ask the same within a second; 0 for none.
    pub kept_bytes: usize,
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
            kept_bytes: 16 << 20,
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

    /// The clock of a network that everybody knows.
    pub fn named(network: &str) -> Option<Self> {
        let (genesis_time, seconds_per_slot) = match network {
            "mainnet" => return Some(Self::MAINNET),
            "sepolia" => (1_655_733_600, 12),
            "holesky" => (1_695_902_400, 12),
            "hoodi" => (1_742_213_400, 12),
            "gnosis" => (1_638_993_340, 5),
            "chiado" => (1_665_396_300, 5),
            _ => return None,
        };
        Some(Self { genesis_time, seconds_per_slot })
    }

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

    /// How long after the start of a slot a Unix time in milliseconds is, in milliseconds; negative before it.
    pub(crate) fn late_ms(&self, slot: u64, unix_ms: u64) -> i64 {
        let since = i128::from(unix_ms) - i128::from(self.start_of(slot)) * 1_000;
        i64::try_from(since).unwrap_or(if since < 0 { i64::MIN } else { i64::MAX })
    }

    /// The slot of a Unix time; 0 before genesis.
    pub fn slot_at(&self, unix: u64) -> u64 {
        unix.saturating_sub(self.genesis_time) / self.seconds_per_slot.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_of_networks_are_those_of_their_rules() {
        use consensus::spec::Network;
        for network in [Network::Hoodi, Network::Sepolia] {
            let config = network.spec().config;
            let clock = ChainClock::named(network.name()).unwrap();
            assert_eq!(clock.genesis_time, config.min_genesis_time + config.genesis_delay, "{network:?}");
            assert_eq!(clock.seconds_per_slot * 1_000, config.slot_duration_ms, "{network:?}");
        }
        assert_eq!(ChainClock::named("mainnet"), Some(ChainClock::MAINNET));
        assert_eq!(ChainClock::named("devnet-7"), None);
    }

    #[test]
    fn origins_are_checked() {
        assert_eq!("any".parse(), Ok(Cors::Any));
        let two = Cors::Origins(vec!["https://a.example".to_owned(), "http://b.example:80".to_owned()]);
        assert_eq!("https://a.example, http://b.example:80".parse(), Ok(two));
        for text in ["example.org", "https://", "https://a.example/path", "https://a b"] {
            assert!(text.parse::<Cors>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_clock_of_mainnet() {
        assert_eq!(ChainClock::MAINNET.start_of(0), 1_606_824_023);
        assert_eq!(ChainClock::MAINNET.slot_at(1_606_824_023 + 25), 2);
        assert_eq!(ChainClock::MAINNET.slot_at(0), 0);
    }
}
