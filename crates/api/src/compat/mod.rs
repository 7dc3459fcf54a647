//! blockprint's addresses: the same shapes, with its faults mended. `docs/compatibility.md` lists the differences.

mod blocks;
mod classify;
mod confusion;
mod counts;
mod params;
mod shapes;
mod sync;
mod validators;

pub(crate) use params::number;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

/// Addresses that are open to everybody.
pub(crate) fn public() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(counts::one_epoch))
        .routes(routes!(counts::epochs))
        .routes(routes!(sync::status))
        .routes(routes!(sync::gaps))
}

/// Addresses about single blocks and validators, and those that work on posted blocks.
pub(crate) fn private() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(classify::classify))
        .routes(routes!(classify::classify_no_store))
        .routes(routes!(validators::blocks))
        .routes(routes!(validators::blocks_since))
        .routes(routes!(validators::bulk))
        .routes(routes!(validators::bulk_since))
        .routes(routes!(validators::latest))
        .routes(routes!(blocks::open_range))
        .routes(routes!(blocks::range))
        .routes(routes!(confusion::confusion))
}
