//! All addresses put together, with what surrounds them.

use std::collections::BTreeSet;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate as _, SizeAbove};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

use crate::error::ApiError;
use crate::openapi::Description;
use crate::state::AppState;
use crate::{auth, compat, dashboard, health, kept, lighthouse, limits, metrics, openapi, rate, v1};

/// Bytes from which on an answer is compressed.
const COMPRESSED_FROM: u64 = 2_048;

fn described(private: OpenApiRouter<AppState>) -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Description::openapi())
        .merge(compat::public())
        .merge(v1::public())
        .merge(private)
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
}

fn private() -> OpenApiRouter<AppState> {
    compat::private().merge(v1::private()).merge(lighthouse::routes())
}

/// The description of all addresses.
pub(crate) fn description() -> utoipa::openapi::OpenApi {
    let mut description = described(private()).to_openapi();
    openapi::complete(&mut description, &private_paths());
    description
}

/// The addresses that are not open to everybody.
fn private_paths() -> BTreeSet<String> {
    private().to_openapi().paths.paths.into_keys().collect()
}

/// Everything that is served.
pub fn router(state: AppState) -> Router {
    metrics::install();
    // A packer takes hundreds of kilobytes of memory, which small answers do not repay.
    let compression = CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(DefaultPredicate::new().and(SizeAbove::new(COMPRESSED_FROM)));
    let body_limit = state.settings().limits.classify_body_bytes;
    let guarded = private().route_layer(from_fn_with_state(state.clone(), auth::require));
    let (routes, mut description) = described(guarded).split_for_parts();
    openapi::complete(&mut description, &private_paths());
    routes
        .route("/metrics", get(metrics::render))
        .merge(dashboard::routes())
        .merge(SwaggerUi::new("/docs").url("/openapi.json", description))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(body_limit))
        .layer(compression)
        .layer(from_fn_with_state(state.clone(), kept::keep))
        .layer(from_fn_with_state(state.clone(), limits::bound))
        .layer(from_fn_with_state(state.clone(), rate::limit))
        .layer(limits::cors(&state.settings().cors))
        .layer(CatchPanicLayer::custom(limits::after_panic))
        .layer(from_fn_with_state(state.clone(), dashboard::as_pages))
        .layer(from_fn(limits::headers))
        .layer(from_fn(limits::measure))
        .with_state(state)
}

/// Metrics and health alone.
pub(crate) fn measurements(state: AppState) -> Router {
    metrics::install();
    Router::new()
        .route("/metrics", get(metrics::render))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .fallback(async || ApiError::NotFound)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(state.clone(), limits::bound))
        .layer(CatchPanicLayer::custom(limits::after_panic))
        .layer(from_fn(limits::headers))
        .layer(from_fn(limits::measure))
        .with_state(state)
}

async fn not_found(state: axum::extract::State<AppState>, request: Request) -> Response {
    if dashboard::accepts_html(request.headers()) {
        return dashboard::not_found(&state, "There is nothing at this address.").await;
    }
    ApiError::NotFound.into_response()
}

async fn method_not_allowed() -> ApiError {
    ApiError::MethodNotAllowed
}
