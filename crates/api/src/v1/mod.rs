//! `/api/v1`: verdicts with probabilities and evidence, shares with intervals, sync, models.
//!
//! Clients are written in lower case, an unknown one is null; shares are fractions; roots are `0x…`.

mod blocks;
mod confusion;
mod models;
mod shapes;
mod shares;
mod sync;
mod validators;

pub(crate) use blocks::find;
pub(crate) use shares::missing;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

/// Addresses that are open to everybody.
pub(crate) fn public() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(shares::shares))
        .routes(routes!(sync::sync))
        .routes(routes!(models::models))
}

/// Addresses about single blocks and validators.
pub(crate) fn private() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(blocks::block))
        .routes(routes!(validators::blocks))
        .routes(routes!(validators::affinity))
        .routes(routes!(confusion::confusion))
}
