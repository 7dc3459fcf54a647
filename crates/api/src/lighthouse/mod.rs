//! The addresses of block rewards that Lighthouse had: ranges, posted blocks, events. Shapes and errors are its own.
//!
//! Sources: sigp/lighthouse `beacon_node/http_api`, as described by its users; the Beacon API for events and errors.

mod error;
mod events;
mod posted;
mod range;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

/// All of them. They speak of single blocks, so they are private.
pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(range::range, posted::posted)).routes(routes!(events::events))
}
