//! `/api/v1`: verdicts with probabilities and evidence, shares over time, validators, entities, reorganisations, gaps,
//! models, and a live stream.
//!
//! Clients are written in lower case, an unknown one is null; shares are fractions; roots are `0x…`. Lists come as
//! JSON, CSV and Parquet. Every answer has an ETag; what is final may be kept for ever.

mod answer;
mod blocks;
mod confusion;
pub(crate) mod cursor;
mod entities;
mod gaps;
mod models;
mod range;
mod reorgs;
mod shapes;
mod shares;
mod stream;
mod sync;
mod table;
mod validators;

pub(crate) use answer::{Validity, not_modified};
pub(crate) use blocks::find;
pub(crate) use range::validity_of;
pub(crate) use shares::{Labels, matrices, missing};

use axum::middleware::from_fn;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

/// Addresses that are open to everybody.
pub(crate) fn public() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(shares::shares))
        .routes(routes!(entities::list))
        .routes(routes!(entities::one))
        .routes(routes!(reorgs::list))
        .routes(routes!(reorgs::orphans))
        .routes(routes!(reorgs::missed))
        .routes(routes!(gaps::gaps))
        .routes(routes!(sync::sync))
        .routes(routes!(models::models))
        .route_layer(from_fn(answer::conditional))
}

/// Addresses about single blocks and validators.
pub(crate) fn private() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(blocks::list))
        .routes(routes!(blocks::block))
        .routes(routes!(validators::list))
        .routes(routes!(validators::history))
        .routes(routes!(validators::blocks))
        .routes(routes!(validators::affinity))
        .routes(routes!(confusion::confusion))
        .routes(routes!(stream::stream))
        .route_layer(from_fn(answer::conditional_private))
}
