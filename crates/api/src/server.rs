//! Serving over a listener, with or without TLS, until told to stop.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::net::TcpListener;
use tower::Layer;
use tower::util::MapRequestLayer;

use crate::router::{measurements, router};
use crate::state::AppState;
use crate::tls::TlsListener;
use crate::{measured, metrics};

/// Serves until `until` is done, then ends streams and lets running requests end. With files for TLS in the settings
/// it speaks TLS; an error is told before anything is served. Measuring begins with the call.
pub fn serve(
    listener: TcpListener,
    state: AppState,
    until: impl Future<Output = ()> + Send + 'static,
) -> impl Future<Output = std::io::Result<()>> + Send {
    let tls = state.settings().tls.clone();
    let router = router(state.clone());
    let measured = state.clone();
    let until = async move {
        until.await;
        state.end_streams();
    };
    async move {
        let _upkeep = metrics::keep_up();
        let measuring = tokio::spawn(measured::keep_measuring(measured));
        let served = match tls {
            None => {
                let service = router.into_make_service_with_connect_info::<SocketAddr>();
                axum::serve(listener, service).with_graceful_shutdown(until).await
            }
            Some(files) => match TlsListener::start(listener, files) {
                Ok(listener) => {
                    let service = known_peers(router).into_make_service_with_connect_info::<TlsPeer>();
                    axum::serve(listener, service).with_graceful_shutdown(until).await
                }
                Err(error) => Err(error),
            },
        };
        measuring.abort();
        served
    }
}

/// Serves `/metrics` and `/health` alone until `until` is done. Measuring begins with the call.
pub fn serve_metrics(
    listener: TcpListener,
    state: AppState,
    until: impl Future<Output = ()> + Send + 'static,
) -> impl Future<Output = std::io::Result<()>> + Send {
    let service = measurements(state).into_make_service();
    async move {
        let _upkeep = metrics::keep_up();
        axum::serve(listener, service).with_graceful_shutdown(until).await
    }
}

/// The other end of a TLS connection.
#[derive(Clone, Copy, Debug)]
struct TlsPeer(SocketAddr);

impl Connected<IncomingStream<'_, TlsListener>> for TlsPeer {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// Tells handlers who asks over TLS in the same way as without it.
fn known_peers(router: Router) -> Router {
    let layer = MapRequestLayer::new(|mut request: axum::extract::Request| {
        if let Some(ConnectInfo(TlsPeer(peer))) = request.extensions().get::<ConnectInfo<TlsPeer>>().copied()
        {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        request
    });
    Router::new().fallback_service(layer.layer(router))
}
