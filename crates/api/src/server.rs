//! Serving over a listener until told to stop.

use tokio::net::TcpListener;

use crate::router::router;
use crate::state::AppState;

/// Serves until `until` is done, then ends streams and lets running requests end.
pub async fn serve(
    listener: TcpListener,
    state: AppState,
    until: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router = router(state.clone());
    let until = async move {
        until.await;
        state.end_streams();
    };
    axum::serve(listener, router).with_graceful_shutdown(until).await
}
