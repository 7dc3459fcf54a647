//! The pages, rendered by the server and readable without script.

mod agreement;
mod assets;
mod attestations;
mod block;
mod blocks;
mod broken_rules;
mod charts;
mod confusion_table;
mod drift;
mod embed;
mod entities;
mod entity;
mod epochs;
mod errors;
mod find;
mod format;
mod headline;
mod history;
mod latest;
mod method;
mod model;
mod names;
mod overview;
mod page;
mod period;
mod reliability;
mod reorgs;
mod rows;
mod shares;
mod slots;
mod sync;
mod time_axis;
mod validator;
mod validators;
mod wall;
mod why;

use axum::Router;
use axum::routing::get;

pub(crate) use errors::{accepts_html, as_pages, not_found};
pub(crate) use method::TakenFor;

use crate::state::AppState;

/// The pages and what they load.
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/", get(overview::overview))
        .route("/latest", get(overview::latest))
        .route("/blocks", get(blocks::blocks))
        .route("/block/{id}", get(block::block))
        .route("/validators", get(validators::validators))
        .route("/validators/{index}", get(validator::validator))
        .route("/entities", get(entities::entities))
        .route("/entities/{slug}", get(entity::entity))
        .route("/reorgs", get(reorgs::reorgs))
        .route("/model", get(model::model))
        .route("/model/features/{name}", get(model::feature))
        .route("/sync", get(sync::sync))
        .route("/wall", get(wall::wall))
        .route("/find", get(find::find))
        .route("/embed/{file}", get(embed::embed))
        .route("/assets/style.css", get(assets::style))
        .route("/assets/theme.js", get(assets::theme))
        .route("/assets/live.js", get(assets::live))
        .route("/assets/time.js", get(assets::time))
        .route("/assets/uplot.js", get(assets::plot))
        .route("/assets/uplot.css", get(assets::plot_style))
        .route("/assets/favicon.svg", get(assets::icon))
}
