//! `blockmark serve`: API and dashboard over a database.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use api::{
    AppState, ChainClock, Cors, Credential, Entities, GapPolicy, PrivateAccess, RateLimit, RewardSettings,
    Settings, TlsFiles,
};
use fingerprint::classifier::Model;
use source::StopSwitch;
use source::beacon_api::{ApiOptions, BeaconApi};
use source::chain_input::ChainInput;
use source::follow::{Driver, FollowOptions, Start};
use store::{OpenMode, Store, StoreError};
use tokio::net::TcpListener;

use super::db::{open, url_of};
use super::{Context, model, runtime};
use crate::cli::{AccessArgs, Gaps, ServeArgs};
use crate::failure::{Outcome, hinted, quoted, usage};
use crate::output::say;

/// Serves until Ctrl-C or a termination signal.
pub(crate) fn run(context: &Context, args: &ServeArgs) -> Result<Outcome> {
    let loaded = args.model.as_deref().map(model::open).transpose()?.map(Arc::new);
    let access = Access::of(&args.access, args.listen)?;
    if matches!(access.private, PrivateAccess::Closed) {
        say::note("note: private addresses are closed: give --token or --basic-auth to open them to some.");
    }
    let (rewards, driver) = rewards(args)?;
    let settings = Settings {
        private: access.private,
        rate: access.rate,
        trusted_proxies: args.access.trusted_proxies.clone(),
        cors: access.cors,
        tls: access.tls,
        entities: Arc::new(access.entities),
        rewards,
        gaps: match args.gaps {
            Gaps::Strict => GapPolicy::Refuse,
            Gaps::Partial => GapPolicy::Partial,
        },
        network: args.network.clone(),
        clock: ChainClock::named(&args.network),
        ..Settings::default()
    };
    runtime()?.block_on(async {
        let listener = bind(args.listen, "the dashboard", |next| again(args, next)).await?;
        // Block rewards need nothing in the database.
        let may_be_new = loaded.is_some() || settings.rewards.is_on();
        let mode = if may_be_new { OpenMode::Create } else { OpenMode::Existing };
        let url = url_of(context, &args.db)?;
        let store = match open(&url, mode).await {
            // Answers need no more than reading.
            Err(error) if matches!(error.downcast_ref(), Some(StoreError::NotWritable { .. })) => {
                tracing::warn!(%error, "It is served as it is");
                open(&url, OpenMode::ReadOnly).await?
            }
            opened => {
                let store = opened?;
                if let Some(model) = &loaded {
                    pipeline::register_model(&store, model, "model").await?;
                }
                store
            }
        };
        match driver {
            Some(driver) => follow_and_serve(driver, listener, store, loaded, settings).await,
            None => serve(listener, store, loaded, settings).await,
        }
    })?;
    Ok(Outcome::Done)
}

/// The flags about access, checked.
struct Access {
    private: PrivateAccess,
    rate: Option<RateLimit>,
    cors: Cors,
    tls: Option<TlsFiles>,
    entities: Entities,
}

impl Access {
    fn of(args: &AccessArgs, listen: SocketAddr) -> Result<Self> {
        let refused = |flag: &str, error: &dyn std::fmt::Display| {
            usage(format!("{flag}: {error}"), "blockmark help serve")
        };
        let mut credentials = match &args.token {
            Some(tokens) => Credential::tokens(tokens).map_err(|error| refused("--token", &error))?,
            None => Vec::new(),
        };
        if let Some(users) = &args.basic_auth {
            credentials.extend(Credential::users(users).map_err(|error| refused("--basic-auth", &error))?);
        }
        let private =
            if args.open { PrivateAccess::Open } else { PrivateAccess::for_listener(listen, credentials) };
        let tls = args.tls_cert.clone().zip(args.tls_key.clone());
        Ok(Self {
            private,
            rate: args
                .rate_limit
                .map(|per_minute| RateLimit { per_minute, burst: args.rate_burst.unwrap_or(per_minute) }),
            cors: args.cors.parse().map_err(|error: String| refused("--cors", &error))?,
            tls: tls.map(|(certificates, key)| TlsFiles { certificates, key }),
            entities: match &args.entities {
                Some(path) => Entities::read(path)?,
                None => Entities::default(),
            },
        })
    }
}

/// Where block rewards come from, and what keeps it up with the nodes.
fn rewards(args: &ServeArgs) -> Result<(RewardSettings, Option<Driver>)> {
    let archive = args.recording.as_deref().map(ChainInput::open).transpose()?;
    let mut settings = RewardSettings { follower: None, archive, scale: args.scale };
    if args.beacon_node.is_empty() {
        return Ok((settings, None));
    }
    let api = BeaconApi::new(&args.beacon_node, ApiOptions::default())?;
    let start = match args.checkpoint.as_deref() {
        None => Start::Finalized,
        Some(url) if url.starts_with("http://") || url.starts_with("https://") => {
            Start::Node(BeaconApi::new([url], ApiOptions::default())?)
        }
        Some(path) => Start::read(Path::new(path), api.options().state_bytes).map_err(anyhow::Error::msg)?,
    };
    let (follower, driver) = Driver::new(api, start, FollowOptions::default());
    settings.follower = Some(follower);
    Ok((settings, Some(driver)))
}

/// The same command on another address, without what is secret.
fn again(args: &ServeArgs, listen: SocketAddr) -> String {
    let path = |flag: &str, path: &Option<PathBuf>| {
        path.as_ref().map(|path| format!(" {flag} {}", quoted(path.display()))).unwrap_or_default()
    };
    let (db, model) = (path("--db", &args.db.db), path("--model", &args.model));
    format!("blockmark serve --listen {listen}{db}{model}")
}

/// Takes the address for what is named; where another program has it, `again` is the command line with the next one.
pub(crate) async fn bind(
    listen: SocketAddr,
    what: &str,
    again: impl FnOnce(SocketAddr) -> String,
) -> Result<TcpListener> {
    TcpListener::bind(listen).await.map_err(|error| {
        let next = SocketAddr::new(listen.ip(), listen.port().checked_add(1).unwrap_or(8000));
        match error.kind() {
            std::io::ErrorKind::AddrInUse => hinted(
                format!("port {} is in use by another program, so {what} can't start", listen.port()),
                again(next),
            ),
            _ => anyhow::Error::new(error).context(format!("can't listen on {listen}")),
        }
    })
}

/// Serves until Ctrl-C or a termination signal, then lets running requests end.
pub(crate) async fn serve(
    listener: TcpListener,
    store: Store,
    model: Option<Arc<Model>>,
    settings: Settings,
) -> Result<()> {
    serve_until(stopped(), listener, store, model, settings).await
}

/// As [`serve`], while a chain is followed. Streams of events end with it.
async fn follow_and_serve(
    driver: Driver,
    listener: TcpListener,
    store: Store,
    model: Option<Arc<Model>>,
    settings: Settings,
) -> Result<()> {
    let stop = StopSwitch::default();
    let mut following = tokio::spawn(driver.run(stop.clone()));
    let (ended, end) = tokio::sync::oneshot::channel();
    let until = async move {
        let result = tokio::select! {
            () = stopped() => {
                stop.stop();
                following.await
            }
            result = &mut following => result,
        };
        // Whoever would hear it is the caller, below.
        let _ = ended.send(result);
    };
    serve_until(until, listener, store, model, settings).await?;
    end.await?.context("following ended")?.context("the chain can't be followed")
}

async fn serve_until(
    until: impl Future<Output = ()> + Send + 'static,
    listener: TcpListener,
    store: Store,
    model: Option<Arc<Model>>,
    settings: Settings,
) -> Result<()> {
    // Looked at before it is said that there is a server.
    settings.tls.as_ref().map(TlsFiles::check).transpose()?;
    let address = listener.local_addr()?;
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    let state = AppState::new(store.clone(), model, settings);
    say::note(format_args!(
        "Dashboard: {scheme}://{address}/   API: {scheme}://{address}/docs   Stop with Ctrl-C."
    ));
    api::serve(listener, state, until).await.context("the server stopped")?;
    store.close().await?;
    say::note("Stopped.");
    Ok(())
}

/// Waits for Ctrl-C or a termination signal.
pub(crate) async fn stopped() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                tokio::select! { _ = interrupt => {}, _ = terminate.recv() => {} }
            }
            Err(_) => {
                let _ = interrupt.await;
            }
        }
    }
    #[cfg(not(unix))]
    let _ = interrupt.await;
}
