//! `blockmark serve`: API and dashboard over a database.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use api::{AppState, ChainClock, Credential, PrivateAccess, Settings};
use fingerprint::classifier::Model;
use store::{OpenMode, Store};
use tokio::net::TcpListener;

use super::db::{open, path_of, register};
use super::{Context, model, runtime};
use crate::cli::ServeArgs;
use crate::failure::{Outcome, hinted, usage};

/// Serves until Ctrl-C or a termination signal.
pub(crate) fn run(context: &Context, args: &ServeArgs) -> Result<Outcome> {
    let loaded = args.model.as_deref().map(model::open).transpose()?.map(Arc::new);
    let mut credentials = Vec::new();
    if let Some(token) = &args.token {
        credentials.push(Credential::bearer(token));
    }
    if let Some(pair) = &args.basic_auth {
        let (name, password) = pair
            .split_once(':')
            .ok_or_else(|| usage("--basic-auth needs a name and a password", "--basic-auth NAME:PASSWORD"))?;
        credentials.push(Credential::basic(name, password));
    }
    let private =
        if args.open { PrivateAccess::Open } else { PrivateAccess::for_listener(args.listen, credentials) };
    if matches!(private, PrivateAccess::Closed) {
        eprintln!("note: private addresses are closed: give --token or --basic-auth to open them to some.");
    }
    let settings = Settings {
        private,
        network: args.network.clone(),
        clock: (args.network == "mainnet").then_some(ChainClock::MAINNET),
        ..Settings::default()
    };
    runtime()?.block_on(async {
        let listener = bind(args.listen).await?;
        let mode = if loaded.is_some() { OpenMode::Create } else { OpenMode::Existing };
        let store = open(&path_of(context, &args.db), mode).await?;
        if let Some(model) = &loaded {
            register(&store, model, "model").await?;
        }
        serve(listener, store, loaded, settings).await
    })?;
    Ok(Outcome::Done)
}

/// Takes the address, or says who has it.
pub(crate) async fn bind(listen: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(listen).await.map_err(|error| {
        let next = SocketAddr::new(listen.ip(), listen.port().saturating_add(1));
        match error.kind() {
            std::io::ErrorKind::AddrInUse => hinted(
                format!("port {} is in use by another program, so the dashboard can't start", listen.port()),
                format!("another port: --listen {next} with serve, --port {} with demo", next.port()),
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
    let address = listener.local_addr()?;
    let router = api::router(AppState::new(store.clone(), model, settings));
    eprintln!("Dashboard: http://{address}/   API: http://{address}/docs   Stop with Ctrl-C.");
    axum::serve(listener, router).with_graceful_shutdown(stopped()).await.context("the server stopped")?;
    store.close().await?;
    eprintln!("Stopped.");
    Ok(())
}

async fn stopped() {
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
