//! `blockmark run`: follows the chain, fills what is missing, serves both, until it is told to stop.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use api::{AppState, ChainClock, Entities, PrivateAccess, RewardSettings, Settings, TlsFiles};
use fingerprint::classifier::Model;
use pipeline::service::{ChainJudge, HealPolicy, Healer, Recorder, Retention, retain};
use pipeline::{ModelByRange, Silent, register_model};
use source::StopSwitch;
use source::beacon_api::{ApiOptions, BeaconApi};
use source::chain_input::ChainInput;
use source::follow::{Driver, FollowError, Follower, Start};
use store::{OpenMode, Store, StoreError};
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;

use super::check::{self, Network, NetworkError};
use super::db::open;
use super::serve::{bind, stopped};
use super::{Context, config, model, runtime};
use crate::cli::{LogFormat, RunArgs};
use crate::config::{Serve, ServiceConfig, without_secrets};
use crate::failure::Outcome;
use crate::output::say;

/// Nodes that don't answer are asked again after so long.
const ASK_AGAIN: Duration = Duration::from_secs(4);
/// That nodes don't answer is told again after so long, if the reason stays the same.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// Runs until Ctrl-C or a termination signal.
pub(crate) fn run(context: &Context, args: &RunArgs) -> Result<Outcome> {
    let layers = config::read(args)?;
    let settings = ServiceConfig::of(&layers, &context.global.data_dir)?;
    if settings.follow.is_none() && settings.backfill.is_none() && settings.serve.is_none() {
        return Err(anyhow!(
            "follow.enabled, backfill.enabled and serve.enabled are all off; there is nothing to run"
        ));
    }
    let tell = |text: String| match context.global.log_format {
        LogFormat::Text => say::note(text),
        LogFormat::Json => tracing::info!("{text}"),
    };
    let models = settings.model.as_deref().map(models).transpose()?;
    let runtime = runtime()?;
    let result = runtime.block_on(async {
        let stop = StopSwitch::default();
        let nodes = Nodes::of(&settings)?;
        nodes.ask_once().await?;
        let driver = driver(&settings)?;
        let listener = match &settings.serve {
            Some(serve) => {
                let again = |next| format!("blockmark run --listen {next}");
                Some(bind(serve.listen, "the dashboard", again).await?)
            }
            None => None,
        };
        let metrics = match settings.metrics {
            Some(address) => {
                let again = |next| format!("blockmark run --set metrics.listen={next}");
                Some(bind(address, "telling metrics", again).await?)
            }
            None => None,
        };
        check::before_start(&settings).await?;
        let store = open(&settings.database, OpenMode::Create).await?;
        for range in models.iter().flat_map(|models| models.ranges()) {
            let prefix = range.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("model");
            register_model(&store, &range.model, prefix).await?;
        }
        let parts = Parts {
            settings: &settings,
            store: &store,
            models: models.as_ref(),
            stop: &stop,
            nodes: Arc::new(nodes),
            tell: &tell,
        };
        parts.work(driver, listener, metrics).await?;
        store.close().await?;
        tell("Stopped.".to_owned());
        Ok(Outcome::Done)
    });
    // A thread that still replays blocks does not hold up the end.
    runtime.shutdown_background();
    result
}

/// The nodes, and what they are known to be.
struct Nodes {
    api: Option<BeaconApi>,
    network: String,
    known: OnceCell<Network>,
    /// Why they don't answer, as it was told last, and when.
    told: Mutex<Option<(String, Instant)>>,
}

impl Nodes {
    fn of(settings: &ServiceConfig) -> Result<Self> {
        let api = (!settings.nodes.is_empty())
            .then(|| BeaconApi::new(&settings.nodes, ApiOptions { rounds: 1, ..settings.api }));
        Ok(Self {
            api: api.transpose()?,
            network: settings.network.clone(),
            known: OnceCell::new(),
            told: Mutex::default(),
        })
    }

    /// Refuses nodes of another network. Nodes that don't answer yet are waited for later.
    async fn ask_once(&self) -> Result<()> {
        let Some(api) = &self.api else { return Ok(()) };
        match self.known.get_or_try_init(|| check::network(api, &self.network)).await {
            Err(NetworkError::NoAnswer(error)) => {
                self.tell(error.to_string());
                Ok(())
            }
            Err(error @ (NetworkError::Another { .. } | NetworkError::Mixed { .. })) => Err(error.hinted()),
            Ok(_) => Ok(()),
        }
    }

    /// Logs why no node answers. Several parts wait for them; one line a minute is enough.
    fn tell(&self, reason: String) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = told.as_ref().is_none_or(|(last, at)| *last != reason || at.elapsed() >= TELL_AGAIN);
        if is_news {
            tracing::warn!(error = reason, "No beacon node answers yet");
            *told = Some((reason, Instant::now()));
        }
    }

    /// Waits until nodes of the right network answer, which must be the network of the database. Nothing where it was
    /// stopped before.
    async fn wait(&self, store: &Store, stop: &StopSwitch) -> Result<Option<ChainClock>> {
        loop {
            if let Some(clock) = self.clock() {
                let claimed = match self.known.get() {
                    Some(network) => store.claim_network(network.genesis_validators_root).await,
                    None => Ok(()),
                };
                match claimed {
                    Ok(()) => return Ok(Some(clock)),
                    Err(error @ StoreError::OtherNetwork { .. }) => return Err(error.into()),
                    Err(error) => tracing::warn!(%error, "The database is waited for"),
                }
            }
            let asked = async {
                tokio::time::sleep(ASK_AGAIN).await;
                self.ask_once().await
            };
            tokio::select! {
                asked = asked => asked?,
                // A node that is slow does not hold up the end.
                () = stop.stopped() => return Ok(None),
            }
        }
    }

    /// The clock as nodes tell it. Without nodes it is the one that the name of the network tells, or that of mainnet.
    fn clock(&self) -> Option<ChainClock> {
        let without =
            || self.api.is_none().then(|| ChainClock::named(&self.network).unwrap_or(ChainClock::MAINNET));
        self.known.get().map(|network| network.clock).or_else(without)
    }
}

fn models(path: &Path) -> Result<Arc<ModelByRange>> {
    if path.is_dir() {
        let (models, bad) = model::open_range(path, &Silent)?;
        if let Some(first) = bad.first() {
            return Err(anyhow!("a model of {} can't be used: {first}", path.display()));
        }
        return Ok(Arc::new(models));
    }
    Ok(Arc::new(ModelByRange::single(model::open(path)?, path)))
}

fn driver(settings: &ServiceConfig) -> Result<Option<(Follower, Driver)>> {
    let Some(options) = settings.follow else { return Ok(None) };
    let api = BeaconApi::new(&settings.nodes, settings.api)?;
    let start = match settings.checkpoint.as_deref() {
        None => Start::Finalized,
        Some(url) if url.starts_with("http://") || url.starts_with("https://") => {
            Start::Node(BeaconApi::new([url], settings.api)?)
        }
        Some(path) => Start::read(Path::new(path), settings.api.state_bytes).map_err(anyhow::Error::msg)?,
    };
    Ok(Some(Driver::new(api, start, options)))
}

/// An error that may be one of the state to begin with, which the settings name.
fn of_state(error: FollowError, checkpoint: Option<&str>) -> anyhow::Error {
    let is_of_state = matches!(
        error,
        FollowError::State(_) | FollowError::Network { .. } | FollowError::NotCanonical { .. }
    );
    let named = checkpoint.filter(|_| is_of_state).map(without_secrets);
    let error = anyhow::Error::new(error);
    match named {
        Some(place) => error.context(format!("checkpoint.state names {place:?}, which does not serve")),
        None => error,
    }
}

/// What the parts share.
struct Parts<'a> {
    settings: &'a ServiceConfig,
    store: &'a Store,
    models: Option<&'a Arc<ModelByRange>>,
    stop: &'a StopSwitch,
    nodes: Arc<Nodes>,
    /// Tells the person who started it.
    tell: &'a dyn Fn(String),
}

impl Parts<'_> {
    /// Runs all parts that are on until the first of them fails, or a signal comes.
    async fn work(
        &self,
        driver: Option<(Follower, Driver)>,
        listener: Option<TcpListener>,
        metrics: Option<TcpListener>,
    ) -> Result<()> {
        let judge = self.models.map(|models| ChainJudge::new(Arc::clone(models), self.settings.evidence));
        let follower = driver.as_ref().map(|(follower, _)| follower.clone());
        let mut tasks: Vec<(&'static str, JoinHandle<Result<()>>)> = Vec::new();
        // First of all, because the router is where measurements begin.
        if self.settings.retention != Retention::Forever {
            tasks.push(("giving up old features", self.retain()));
        }
        if let (Some(serve), Some(listener)) = (&self.settings.serve, listener) {
            tasks.push(("serving", self.serve(serve, listener, follower.clone())?));
        }
        if let Some(listener) = metrics {
            tasks.push(("telling metrics", self.measure(listener, follower.clone())));
        }
        if let (Some(follower), Some(judge)) = (follower, judge.clone()) {
            let recorder = Recorder::new(follower, self.store.clone(), judge).run(self.stop.clone());
            tasks.push(("recording", tokio::spawn(async { Ok(recorder.await?) })));
        }
        if let Some(judge) = judge {
            tasks.extend(self.fill(judge));
        }
        if let Some((_, driver)) = driver {
            let (nodes, stop, store) = (Arc::clone(&self.nodes), self.stop.clone(), self.store.clone());
            let checkpoint = self.settings.checkpoint.clone();
            let following = async move {
                match nodes.wait(&store, &stop).await? {
                    Some(_) => driver.run(stop).await.map_err(|error| of_state(error, checkpoint.as_deref())),
                    None => Ok(()),
                }
            };
            tasks.push(("following the chain", tokio::spawn(following)));
        }
        let failed = self.until_stopped(&mut tasks).await;
        self.stop.stop();
        let end = async {
            let mut result = Ok(());
            for (what, task) in tasks {
                let ended = task.await.map_err(anyhow::Error::new).and_then(|ended| ended);
                result = result.and(ended.with_context(|| format!("{what} ended with an error")));
            }
            result
        };
        let ended = tokio::time::timeout(self.settings.grace, end).await;
        match (failed, ended) {
            (Some((_, Err(error))), _) => Err(error),
            // What made it end is what another part says, if one does.
            (Some((what, Ok(()))), ended) => {
                ended.unwrap_or(Ok(()))?;
                Err(anyhow!("{what} ended by itself"))
            }
            (None, Ok(result)) => result,
            (None, Err(_)) => {
                tracing::warn!("Parts that did not end in time are given up; what is stored is whole");
                Ok(())
            }
        }
    }

    /// Waits for a signal, or for a part that ends by itself, which none should.
    async fn until_stopped(
        &self,
        tasks: &mut Vec<(&'static str, JoinHandle<Result<()>>)>,
    ) -> Option<(&'static str, Result<()>)> {
        let first = futures::future::select_all(tasks.iter_mut().map(|(_, task)| task));
        let (ended, index) = tokio::select! {
            () = stopped() => return None,
            (ended, index, _) = first => (ended, index),
        };
        let (what, _) = tasks.remove(index);
        let result = ended.map_err(anyhow::Error::new).and_then(|ended| ended);
        Some((what, result.with_context(|| format!("{what} ended with an error"))))
    }

    /// Fills gaps once the network is known.
    fn fill(&self, judge: ChainJudge) -> Option<(&'static str, JoinHandle<Result<()>>)> {
        let backfill = self.settings.backfill.clone()?;
        let (store, nodes, stop) = (self.store.clone(), Arc::clone(&self.nodes), self.stop.clone());
        let filling = async move {
            let Some(clock) = nodes.wait(&store, &stop).await? else { return Ok(()) };
            let policy = HealPolicy { seconds_per_slot: clock.seconds_per_slot, ..backfill.policy };
            let now = Arc::new(check::unix_time);
            Healer::new(store, judge, backfill.sources, policy, now).run(stop).await;
            Ok(())
        };
        Some(("filling gaps", tokio::spawn(filling)))
    }

    /// Gives up old features once the network is known.
    fn retain(&self) -> JoinHandle<Result<()>> {
        let (store, nodes, stop) = (self.store.clone(), Arc::clone(&self.nodes), self.stop.clone());
        let retention = self.settings.retention;
        tokio::spawn(async move {
            let Some(clock) = nodes.wait(&store, &stop).await? else { return Ok(()) };
            let clock = (clock.genesis_time, clock.seconds_per_slot);
            retain(store, retention, clock, Arc::new(check::unix_time), stop).await;
            Ok(())
        })
    }

    fn newest_model(&self) -> Option<Arc<Model>> {
        self.models.and_then(|models| models.ranges().last()).map(|range| Arc::new(range.model.clone()))
    }

    /// Metrics and health alone.
    fn measure(&self, listener: TcpListener, follower: Option<Follower>) -> JoinHandle<Result<()>> {
        let settings = Settings {
            rewards: RewardSettings { follower, ..RewardSettings::default() },
            network: self.settings.network.clone(),
            clock: self.nodes.clock().or_else(|| ChainClock::named(&self.settings.network)),
            ..Settings::default()
        };
        let state = AppState::new(self.store.clone(), self.newest_model(), settings);
        if let Ok(address) = listener.local_addr() {
            (self.tell)(format!("Metrics: http://{address}/metrics"));
        }
        let stop = self.stop.clone();
        let serving = api::serve_metrics(listener, state, async move { stop.stopped().await });
        tokio::spawn(async { serving.await.context("the server of metrics stopped") })
    }

    fn serve(
        &self,
        serve: &Serve,
        listener: TcpListener,
        follower: Option<Follower>,
    ) -> Result<JoinHandle<Result<()>>> {
        if matches!(serve.access.private, PrivateAccess::Closed) {
            tracing::warn!(
                "Private addresses are closed: set serve.token or serve.basic_auth to open them to some"
            );
        }
        // Looked at before it is said that there is a server.
        serve.access.tls.as_ref().map(TlsFiles::check).transpose()?;
        let entities = serve.entities.as_deref().map(Entities::read).transpose()?.unwrap_or_default();
        let archive = serve.recording.as_deref().map(ChainInput::open).transpose()?;
        // Posted blocks are judged by the newest model.
        let model = self.newest_model();
        let settings = Settings {
            rewards: RewardSettings { follower, archive, scale: serve.scale },
            network: self.settings.network.clone(),
            clock: self.nodes.clock().or_else(|| ChainClock::named(&self.settings.network)),
            entities: Arc::new(entities),
            ..serve.access.clone()
        };
        let scheme = if settings.tls.is_some() { "https" } else { "http" };
        let address = listener.local_addr()?;
        let state = AppState::new(self.store.clone(), model, settings);
        (self.tell)(format!(
            "Dashboard: {scheme}://{address}/   API: {scheme}://{address}/docs   Stop with Ctrl-C."
        ));
        let stop = self.stop.clone();
        let serving = api::serve(listener, state, async move { stop.stopped().await });
        Ok(tokio::spawn(async { serving.await.context("the server stopped") }))
    }
}
