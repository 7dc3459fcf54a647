//! The settings as the service takes them: parsed, and checked against each other.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Result, anyhow};
use api::{Credential, GapPolicy, PrivateAccess, RateLimit, Settings, TlsFiles};
use consensus::rewards::Scale;
use pipeline::Evidence;
use pipeline::service::{HealPolicy, HealSource, History, Retention};
use source::beacon_api::{ApiOptions, BeaconApi};
use source::follow::FollowOptions;
use source::{NodeChoices, Via};
use store::StoreUrl;

use super::layers::Config;
use super::value::without_secrets;

/// More chunks at the same time than any machine has memory for.
const MOST_WORKERS: usize = 64;

/// What `blockmark run` and `blockmark check` work with.
#[derive(Clone, Debug)]
pub(crate) struct ServiceConfig {
    pub(crate) network: String,
    pub(crate) nodes: Vec<String>,
    pub(crate) api: ApiOptions,
    pub(crate) follow: Option<FollowOptions>,
    pub(crate) checkpoint: Option<String>,
    pub(crate) database: StoreUrl,
    pub(crate) model: Option<PathBuf>,
    pub(crate) evidence: Evidence,
    pub(crate) retention: Retention,
    pub(crate) backfill: Option<Backfill>,
    pub(crate) serve: Option<Serve>,
    /// Where metrics and health are told beside that.
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) grace: Duration,
}

/// How gaps are filled.
#[derive(Clone, Debug)]
pub(crate) struct Backfill {
    pub(crate) sources: Vec<HealSource>,
    pub(crate) policy: HealPolicy,
}

/// How it is served.
#[derive(Clone, Debug)]
pub(crate) struct Serve {
    pub(crate) listen: SocketAddr,
    pub(crate) scale: Scale,
    pub(crate) recording: Option<PathBuf>,
    pub(crate) entities: Option<PathBuf>,
    /// What else the router is told.
    pub(crate) access: Settings,
}

impl ServiceConfig {
    /// Parses the settings. `data_dir` is where the database is unless it is named.
    pub(crate) fn of(config: &Config, data_dir: &std::path::Path) -> Result<Self> {
        let nodes = config.list("nodes.urls").to_vec();
        let attempts = u32::try_from(config.number("nodes.attempts")).unwrap_or(u32::MAX);
        let parallel = usize::try_from(config.number("nodes.parallel")).unwrap_or(usize::MAX).min(64);
        let poll = Duration::from_secs(config.number("nodes.poll_seconds"));
        let follows = config.is_on("follow.enabled");
        let fills = config.is_on("backfill.enabled");
        if nodes.is_empty() && follows {
            return Err(anyhow!(
                "{} names no node, and the chain is to be followed",
                config.said("nodes.urls")
            ));
        }
        for url in &nodes {
            BeaconApi::new([url], ApiOptions::default()).map_err(|error| {
                anyhow!("{}: {:?}: {error}", config.said("nodes.urls"), without_secrets(url))
            })?;
        }
        let model = config.text("model.path").map(PathBuf::from);
        if model.is_none() && (follows || fills) {
            return Err(anyhow!(
                "{} is not set, and blocks are to be judged; name a model file",
                config.said("model.path")
            ));
        }
        let via: Via = parse(config, "backfill.via")?;
        let choices =
            |others: Vec<String>| NodeChoices { via, others, attempts, parallel, ..NodeChoices::default() };
        let named = config.list("backfill.sources");
        let sources = match (named, nodes.split_first()) {
            ([], Some((first, others))) => {
                vec![HealSource { place: first.clone(), choices: choices(others.to_vec()) }]
            }
            (named, _) => {
                let source =
                    |place: &String| HealSource { place: place.clone(), choices: choices(Vec::new()) };
                named.iter().map(source).collect()
            }
        };
        let policy = HealPolicy {
            history: parse::<History>(config, "backfill.history")?,
            chunk_slots: config.number("backfill.chunk_slots"),
            workers: usize::try_from(config.number("backfill.workers"))
                .unwrap_or(usize::MAX)
                .min(MOST_WORKERS),
            lease_seconds: config.number("backfill.lease_seconds"),
            ..HealPolicy::default()
        };
        let serve = config.is_on("serve.enabled").then(|| serve(config)).transpose()?;
        let metrics = config.text("metrics.listen").map(|_| address(config, "metrics.listen")).transpose()?;
        if let (Some(serve), Some(metrics)) = (&serve, metrics)
            && serve.listen == metrics
            && metrics.port() != 0
        {
            return Err(anyhow!(
                "{} is the address of {}, which has /metrics and /health too; name another, or none",
                config.said("metrics.listen"),
                config.said("serve.listen")
            ));
        }
        let evidence = if config.is_on("model.evidence") { Evidence::Store } else { Evidence::Omit };
        Ok(Self {
            network: config.text("network.name").unwrap_or("mainnet").to_owned(),
            nodes,
            api: ApiOptions { rounds: attempts, ..ApiOptions::default() },
            follow: follows.then(|| FollowOptions { poll, parallel, ..FollowOptions::default() }),
            checkpoint: config.text("checkpoint.state").map(str::to_owned),
            database: match config.text("database.url") {
                Some(_) => parse(config, "database.url")?,
                None => StoreUrl::from(data_dir.join("blockmark.sqlite")),
            },
            model,
            evidence,
            retention: parse(config, "retention.evidence")?,
            backfill: fills.then_some(Backfill { sources, policy }),
            serve,
            metrics,
            grace: Duration::from_secs(config.number("stop.grace_seconds")),
        })
    }
}

fn serve(config: &Config) -> Result<Serve> {
    let listen = address(config, "serve.listen")?;
    let refused = |key: &str, error: api::CredentialError| anyhow!("{}: {error}", config.said(key));
    let mut credentials = match config.text("serve.token") {
        Some(tokens) => Credential::tokens(tokens).map_err(|error| refused("serve.token", error))?,
        None => Vec::new(),
    };
    if let Some(users) = config.text("serve.basic_auth") {
        credentials.extend(Credential::users(users).map_err(|error| refused("serve.basic_auth", error))?);
    }
    let private = if config.is_on("serve.open") {
        PrivateAccess::Open
    } else {
        PrivateAccess::for_listener(listen, credentials)
    };
    let tls = match (config.text("serve.tls_certificates"), config.text("serve.tls_key")) {
        (Some(certificates), Some(key)) => {
            Some(TlsFiles { certificates: PathBuf::from(certificates), key: PathBuf::from(key) })
        }
        (None, None) => None,
        (Some(_), None) => {
            return Err(anyhow!("{}: the certificate needs a key", config.said("serve.tls_key")));
        }
        (None, Some(_)) => {
            return Err(anyhow!("{}: the key needs a certificate", config.said("serve.tls_certificates")));
        }
    };
    let number = |key: &str| NonZeroU32::new(u32::try_from(config.number(key)).unwrap_or(u32::MAX));
    let rate = number("serve.rate_limit")
        .map(|per_minute| RateLimit { per_minute, burst: number("serve.rate_burst").unwrap_or(per_minute) });
    let proxy = |text: &String| {
        text.parse::<IpAddr>().map_err(|_| {
            let said = config.said("serve.trusted_proxies");
            anyhow!("{said}: {text:?} is no IP address; each proxy is written as one, such as 10.0.0.1")
        })
    };
    let trusted_proxies = config.list("serve.trusted_proxies").iter().map(proxy).collect::<Result<_>>()?;
    let gaps = match config.text("serve.gaps") {
        Some("strict") | None => GapPolicy::Refuse,
        Some("partial") => GapPolicy::Partial,
        Some(_) => return Err(anyhow!("{}: expected strict or partial", config.said("serve.gaps"))),
    };
    let cors = parse(config, "serve.cors")?;
    Ok(Serve {
        listen,
        scale: parse(config, "serve.scale")?,
        recording: config.text("serve.recording").map(PathBuf::from),
        entities: config.text("serve.entities").map(PathBuf::from),
        access: Settings { private, gaps, rate, trusted_proxies, cors, tls, ..Settings::default() },
    })
}

/// An address to listen on.
fn address(config: &Config, key: &str) -> Result<SocketAddr> {
    let text = config.text(key).unwrap_or_default();
    text.parse().map_err(|_| {
        anyhow!("{}: {text:?} is no address to listen on; one is written 127.0.0.1:8000", config.said(key))
    })
}

fn parse<T: FromStr<Err: std::fmt::Display>>(config: &Config, key: &str) -> Result<T> {
    let text = config.text(key).unwrap_or_default();
    text.parse().map_err(|error| anyhow!("{}: {error}", config.said(key)))
}
