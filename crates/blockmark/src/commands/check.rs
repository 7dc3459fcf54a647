//! `blockmark check`: whether the service can run here, thing by thing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use api::{ChainClock, Entities};
use consensus::Root;
use consensus::spec::{FAR_FUTURE_EPOCH, Fork};
use serde::Serialize;
use source::beacon_api::{ApiOptions, BeaconApi, BlockId, NodeNetwork, StateId};
use source::chain_input::ChainInput;
use source::follow::Start;
use store::{OpenMode, Store, StoreError, StoreUrl};

use super::{Context, config, model, runtime};
use crate::cli::RunArgs;
use crate::config::{ServiceConfig, without_secrets};
use crate::failure::{Outcome, hinted, quoted};
use crate::output::say;
use crate::output::table::counted;

/// Below this room a disk counts as full soon: a year of mainnet with evidence takes a few gigabytes.
const LITTLE_BYTES: u64 = 2 << 30;
/// Below this room nothing should be started.
const TOO_LITTLE_BYTES: u64 = 128 << 20;
/// A database server that does not answer at the start is asked again so often.
const SERVER_TRIES: u32 = 30;
/// Between these questions.
const SERVER_PAUSE: Duration = Duration::from_secs(2);
/// A head this many slots behind the clock is late; each further one may be an empty slot.
const LATE_SLOTS: u64 = 8;

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warn,
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Item {
    check: String,
    state: State,
    /// What was found, and what to do about it.
    detail: String,
}

fn item(check: impl Into<String>, state: State, detail: impl ToString) -> Item {
    Item { check: check.into(), state, detail: detail.to_string() }
}

/// Looks at everything and prints it. What fails makes the exit code 1.
pub(crate) fn run(context: &Context, args: &RunArgs) -> Result<Outcome> {
    let layers = config::read(args)?;
    let settings = ServiceConfig::of(&layers, &context.global.data_dir)?;
    let mut items = Vec::new();
    let from = layers.file.as_ref().map_or_else(|| "no file".to_owned(), |file| file.display().to_string());
    items.push(item("settings", State::Ok, from));
    runtime()?.block_on(async {
        nodes(&settings, &mut items).await;
        files(&settings, &mut items);
        database(&settings, &mut items).await;
        if let Some(path) = settings.model.as_deref() {
            items.push(of_model(path));
        }
        if let Some(path) = settings.serve.as_ref().and_then(|serve| serve.entities.as_deref()) {
            items.push(match Entities::read(path) {
                Ok(found) => {
                    item("entities", State::Ok, format!("{}: {}", path.display(), found.list().len()))
                }
                Err(error) => item("entities", State::Fail, error),
            });
        }
        if let Some(address) = settings.metrics {
            items.push(match tokio::net::TcpListener::bind(address).await {
                Ok(_) => item("metrics", State::Ok, format!("{address} is free")),
                Err(error) => item("metrics", State::Warn, format!("{address}: {error}")),
            });
        }
        if let Some(serve) = &settings.serve {
            items.push(match tokio::net::TcpListener::bind(serve.listen).await {
                Ok(_) => item("listen", State::Ok, format!("{} is free", serve.listen)),
                Err(error) => item("listen", State::Warn, format!("{}: {error}", serve.listen)),
            });
        }
    });
    let failed = items.iter().filter(|item| item.state == State::Fail).count();
    if context.global.json {
        say::result_line(serde_json::to_string(&serde_json::json!({ "ok": failed == 0, "checks": items }))?)?;
    } else {
        for Item { check, state, detail } in &items {
            let state = match state {
                State::Ok => "ok  ",
                State::Warn => "warn",
                State::Fail => "FAIL",
            };
            say::result_line(format_args!("{state}  {check:<12} {detail}"))?;
        }
    }
    if failed > 0 {
        return Err(hinted(format!("{failed} of {} checks failed", items.len()), "blockmark config show"));
    }
    Ok(Outcome::Done)
}

/// Looks at disk and database before a start, and logs what it finds. What fails is an error. Nodes are looked at by
/// whoever waits for them, and the model by whoever loads it.
pub(crate) async fn before_start(settings: &ServiceConfig) -> Result<()> {
    wait_for_server(&settings.database).await;
    let mut items = Vec::new();
    database(settings, &mut items).await;
    for Item { check, state, detail } in items {
        match state {
            State::Ok => tracing::info!("Before the start, {check}: {detail}"),
            State::Warn => tracing::warn!("Before the start, {check}: {detail}"),
            State::Fail => return Err(hinted(detail, "blockmark check")),
        }
    }
    Ok(())
}

/// Gives a database server time to start. Whether it answers then is told by whoever opens the database.
async fn wait_for_server(url: &StoreUrl) {
    if url.path().is_some() {
        return;
    }
    for _ in 0..SERVER_TRIES {
        match Store::open(url, OpenMode::ReadOnly).await {
            Err(error @ (StoreError::CannotConnect { .. } | StoreError::Unreachable { .. })) => {
                tracing::warn!(%error, "The database is waited for");
            }
            _ => return,
        }
        tokio::time::sleep(SERVER_PAUSE).await;
    }
}

/// Why the nodes can't be followed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NetworkError {
    /// They don't answer, or not yet.
    #[error(transparent)]
    NoAnswer(#[from] source::beacon_api::ApiError),
    /// They are not of one network.
    #[error("the beacon nodes are of different networks, and network.name says {expected}: {}", each(found))]
    Mixed {
        /// Which network each is of.
        found: Vec<NodeNetwork>,
        /// The network of the settings.
        expected: String,
    },
    /// They are of another network.
    #[error("the beacon node at {node} is of the network {found}, and network.name says {expected}")]
    Another {
        /// The node, or those that answer.
        node: String,
        /// The network of the node.
        found: String,
        /// The network of the settings.
        expected: String,
    },
}

/// One after the other. The root is told where it is what differs.
fn each(nodes: &[NodeNetwork]) -> String {
    let said = nodes.iter().map(|NodeNetwork { node, name, validators_root: root }| {
        let has_twin = nodes.iter().any(|other| other.name == *name && other.validators_root != *root);
        let root = if has_twin { format!(", genesis_validators_root {root}") } else { String::new() };
        format!("the one at {node} is of {name}{root}")
    });
    said.collect::<Vec<_>>().join("; ")
}

impl NetworkError {
    /// As a sentence with a next step.
    pub(crate) fn hinted(self) -> anyhow::Error {
        let hint = match &self {
            Self::NoAnswer(_) | Self::Mixed { .. } => "blockmark check".to_owned(),
            Self::Another { found, .. } => format!("blockmark run --set network.name={}", quoted(found)),
        };
        hinted(self, hint)
    }
}

/// A network as nodes describe it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Network {
    pub(crate) clock: ChainClock,
    /// What tells it from all others.
    pub(crate) genesis_validators_root: Root,
}

/// Asks nodes for their network, which must be the one of the settings.
pub(crate) async fn network(api: &BeaconApi, expected: &str) -> Result<Network, NetworkError> {
    let (spec, _) = api.spec().await?;
    let genesis = api.genesis().await?;
    let networks = if api.names().nth(1).is_some() { api.networks().await } else { Vec::new() };
    let mut identities = networks.iter().map(|node| (&node.name, node.validators_root));
    let first = identities.next();
    if identities.any(|other| Some(other) != first) {
        return Err(NetworkError::Mixed { found: networks, expected: expected.to_owned() });
    }
    let found = &spec.config.config_name;
    if found != expected {
        let answering: Vec<&str> = networks.iter().map(|node| &*node.node).collect();
        let names = if answering.is_empty() { api.names().collect() } else { answering };
        let (node, found) = (names.join(" and "), found.clone());
        return Err(NetworkError::Another { node, found, expected: expected.to_owned() });
    }
    let seconds_per_slot = spec.config.slot_duration_ms.div_ceil(1_000).max(1);
    Ok(Network {
        clock: ChainClock { genesis_time: genesis.time, seconds_per_slot },
        genesis_validators_root: genesis.validators_root,
    })
}

async fn nodes(settings: &ServiceConfig, items: &mut Vec<Item>) {
    for url in &settings.nodes {
        node(settings, url, items).await;
    }
    if settings.nodes.is_empty() {
        items.push(item("node", State::Warn, "no node is named in nodes.urls"));
    }
    let answers = items.iter().any(|item| item.check == "network" && item.state == State::Ok);
    if settings.follow.is_some() && answers {
        items.push(first_state(settings).await);
    }
}

/// The state that following begins with, where the database does not say where it was: whether a node gives one, or that of
/// the settings can be read.
async fn first_state(settings: &ServiceConfig) -> Item {
    const NAME: &str = "checkpoint.state";
    let gives = async |urls: &[String]| match BeaconApi::new(urls, settings.api) {
        Ok(api) => Ok(api.gives_state(StateId::Finalized).await),
        Err(error) => Err(item("state", State::Fail, format!("{NAME}: {error}"))),
    };
    let Some(place) = settings.checkpoint.as_deref() else {
        return match gives(&settings.nodes).await {
            Ok(true) => item("state", State::Ok, "a node gives its finalized state"),
            Ok(false) => {
                let text =
                    format!("no node gives its finalized state; name a file or another node in {NAME}");
                item("state", State::Fail, text)
            }
            Err(item) => item,
        };
    };
    let shown = without_secrets(place);
    if place.starts_with("http://") || place.starts_with("https://") {
        return match gives(&[place.to_owned()]).await {
            Ok(true) => item("state", State::Ok, format!("{shown} gives its finalized state")),
            Ok(false) => {
                item("state", State::Fail, format!("{NAME}: {shown} does not give its finalized state"))
            }
            Err(item) => item,
        };
    }
    let bytes = match Start::read(Path::new(place), settings.api.state_bytes) {
        Ok(Start::State(bytes)) => bytes,
        Ok(_) => return item("state", State::Ok, shown),
        Err(error) => return item("state", State::Fail, format!("{NAME}: {error}")),
    };
    let api = BeaconApi::new(&settings.nodes, settings.api);
    let spec = match api {
        Ok(api) => api.spec().await,
        Err(error) => return item("state", State::Fail, error),
    };
    match spec.map(|(spec, _)| consensus::state::State::decode_any_fork(Arc::new(spec), &bytes)) {
        Ok(Ok(state)) => item("state", State::Ok, format!("{shown}: slot {}", state.slot)),
        Ok(Err(error)) => item("state", State::Fail, format!("{NAME}: \"{shown}\" is no state: {error}")),
        Err(error) => item("state", State::Warn, error),
    }
}

/// Recordings, era files and what TLS needs.
fn files(settings: &ServiceConfig, items: &mut Vec<Item>) {
    let archive = |check: &str, key: &str, path: &Path| match ChainInput::open(path) {
        Ok(_) => item(check, State::Ok, path.display()),
        Err(error) => item(check, State::Fail, format!("{key}: {error}")),
    };
    let sources = settings.backfill.iter().flat_map(|backfill| &backfill.sources);
    let sources = sources.map(|source| source.place.as_str()).filter(|place| !place.contains("://"));
    items.extend(sources.map(|place| archive("source", "backfill.sources", Path::new(place))));
    let Some(serve) = &settings.serve else { return };
    if let Some(path) = serve.recording.as_deref() {
        items.push(archive("recording", "serve.recording", path));
    }
    if let Some(files) = &serve.access.tls {
        items.push(match files.check() {
            Ok(()) => item("tls", State::Ok, files.certificates.display()),
            Err(error) => item("tls", State::Fail, error),
        });
    }
}

/// Node, network and clock.
async fn node(settings: &ServiceConfig, url: &str, items: &mut Vec<Item>) {
    let options = ApiOptions { rounds: 1, ..settings.api };
    let api = match BeaconApi::new([url], options) {
        Ok(api) => api,
        Err(error) => return items.push(item("node", State::Fail, error)),
    };
    let name = api.names().collect::<String>();
    let (version, syncing) = match (api.version().await, api.syncing().await) {
        (Ok(version), Ok(syncing)) => (version, syncing),
        (Err(error), _) | (_, Err(error)) => return items.push(item("node", State::Fail, error)),
    };
    let state = if syncing.is_syncing { State::Warn } else { State::Ok };
    let said = if syncing.is_syncing { "is syncing" } else { "is in sync" };
    items.push(item("node", state, format!("{name}: {version} {said}, head at slot {}", syncing.head_slot)));
    let network = match network(&api, &settings.network).await {
        Ok(network) => network,
        Err(error) => return items.push(item("network", State::Fail, error)),
    };
    items.push(item("network", State::Ok, format!("{name}: {}", settings.network)));
    items.push(forks(&api, &name, network.clock, unix_time()).await);
    items.push(match api.header(BlockId::Head).await {
        Ok(Some(head)) => clock(&name, head.slot.0, network.clock, unix_time()),
        Ok(None) => item("clock", State::Fail, format!("{name} has no head")),
        Err(error) => item("clock", State::Fail, error),
    });
}

/// The next fork that a node plans, and whether there are rules for all of them.
async fn forks(api: &BeaconApi, name: &str, clock: ChainClock, now: u64) -> Item {
    let spec = match api.spec().await {
        Ok((spec, _)) => spec,
        Err(error) => return item("forks", State::Fail, error),
    };
    let epoch = spec.epoch_at(clock.slot_at(now));
    if let Some(fork) = spec.config.unknown_forks.first() {
        let text = format!(
            "{name} plans {} for epoch {}, {} epochs from now, and this version has no rules for it; upgrade before",
            fork.name,
            fork.epoch,
            fork.epoch.saturating_sub(epoch)
        );
        return item("forks", State::Warn, text);
    }
    let planned = Fork::ALL.into_iter().map(|fork| (spec.config.fork_epoch(fork), fork));
    let next = planned.filter(|(at, _)| *at > epoch && *at != FAR_FUTURE_EPOCH).min();
    let said = next.map_or_else(
        || "no other is planned".to_owned(),
        |(at, fork)| format!("{fork} is planned for epoch {at}, {} epochs from now", at - epoch),
    );
    item("forks", State::Ok, format!("{name}: {} holds, {said}", spec.config.fork_at(epoch)))
}

/// Whether the clock of this machine fits the head of a node.
fn clock(name: &str, head: u64, clock: ChainClock, now: u64) -> Item {
    let slot = clock.slot_at(now);
    if head > slot {
        let ahead = head - slot;
        let text =
            format!("{name} has a head {ahead} slots ahead of this machine's clock; set the clock (NTP)");
        return item("clock", State::Fail, text);
    }
    let behind = slot - head;
    if behind > LATE_SLOTS {
        let text = format!(
            "the head of {name} is {behind} slots behind this machine's clock: the node lags, or the clock is wrong"
        );
        return item("clock", State::Warn, text);
    }
    item("clock", State::Ok, format!("{name}: the head is {behind} slots old"))
}

/// The database, and the disk it lies on.
async fn database(settings: &ServiceConfig, items: &mut Vec<Item>) {
    let url = &settings.database;
    if let Some(path) = url.path() {
        items.push(disk(&nearest_folder(path)));
        if !path.exists() {
            let text = format!("{url} is not there yet and will be made");
            return items.push(item("database", State::Ok, text));
        }
    }
    items.push(match look_into(url).await {
        Ok(text) => item("database", State::Ok, text),
        Err(error @ StoreError::OlderSchema { .. }) => item("database", State::Warn, error),
        // An empty file is what a process leaves that was killed while it made the database.
        Err(StoreError::NoTables { .. } | StoreError::Missing { .. }) => {
            item("database", State::Ok, format!("{url} has no tables yet; they will be made"))
        }
        Err(error) => item("database", State::Fail, error),
    });
}

async fn look_into(url: &StoreUrl) -> Result<String, StoreError> {
    let store = Store::open(url, OpenMode::ReadOnly).await?;
    let (status, gaps) = (store.sync_status().await?, store.gaps().await?);
    store.close().await?;
    let gaps = counted(gaps.len() as u64, "gap");
    Ok(format!("{url}: newest slot {}, {gaps}", status.greatest_block_slot))
}

/// The folder of a file. One that is not there yet is made; until then its nearest parent tells about room and rights.
fn nearest_folder(path: &Path) -> PathBuf {
    let folders = path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
    folders.into_iter().find(|folder| folder.exists()).unwrap_or(Path::new(".")).to_owned()
}

/// Room and the right to write.
fn disk(folder: &Path) -> Item {
    let shown = folder.display();
    if let Err(error) = tempfile::tempfile_in(folder) {
        return item("disk", State::Fail, format!("{shown} can't be written to: {error}"));
    }
    let free = match free_bytes(folder) {
        Ok(free) => free,
        Err(error) => {
            return item("disk", State::Warn, format!("the room in {shown} can't be told: {error}"));
        }
    };
    let said = format!("{shown} has {:.1} GB of room", free as f64 / 1e9);
    if free < TOO_LITTLE_BYTES {
        item("disk", State::Fail, format!("{said}; make room"))
    } else if free < LITTLE_BYTES {
        item("disk", State::Warn, format!("{said}; that will not last"))
    } else {
        item("disk", State::Ok, said)
    }
}

#[cfg(unix)]
fn free_bytes(folder: &Path) -> std::io::Result<u64> {
    let data = rustix::fs::statvfs(folder)?;
    Ok(data.f_bavail.saturating_mul(data.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_folder: &Path) -> std::io::Result<u64> {
    Err(std::io::ErrorKind::Unsupported.into())
}

fn of_model(path: &Path) -> Item {
    if path.is_dir() {
        return match model::open_range(path, &pipeline::Silent) {
            Ok((models, bad)) if bad.is_empty() => {
                item("model", State::Ok, format!("{}: {} models", path.display(), models.ranges().len()))
            }
            Ok((_, bad)) => item("model", State::Fail, format!("{} files can't be used", bad.len())),
            Err(error) => item("model", State::Fail, error),
        };
    }
    match model::open(path) {
        Ok(model) => item("model", State::Ok, format!("{}: {}", path.display(), model.name("model"))),
        Err(error) => item("model", State::Fail, error),
    }
}

/// The time of this machine's clock, in seconds since 1970.
pub(crate) fn unix_time() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_judged_by_the_head() {
        let at = |head: u64, now: u64| {
            clock("node", head, ChainClock { genesis_time: 1_000, seconds_per_slot: 12 }, now).state
        };
        assert_eq!(at(10, 1_000 + 12 * 10), State::Ok);
        assert_eq!(at(10, 1_000 + 12 * 18), State::Ok);
        assert_eq!(at(10, 1_000 + 12 * 19), State::Warn);
        assert_eq!(at(11, 1_000 + 12 * 11 - 1), State::Fail);
    }
}
