//! HTTP: blockprint's addresses, `/api/v1`, OpenAPI, dashboard, metrics.
//!
//! ```text
//! request ─▶ limits ─▶ auth ─▶ compat │ v1 │ dashboard ─▶ store
//!                          │     └▶ judge ─▶ fingerprint
//!                          └─▶ lighthouse ─▶ source::follow
//! ```
//!
//! [`router`] is the whole service; [`AppState`] holds what it works on, [`Settings`] what an operator decides.

mod auth;
mod body;
mod compat;
mod dashboard;
mod entities;
mod error;
mod feed;
mod freshness;
mod health;
mod judge;
mod lighthouse;
mod limits;
mod metrics;
mod openapi;
mod openapi_examples;
mod query;
mod router;
mod server;
mod settings;
mod state;
mod v1;

pub use entities::{Entities, EntitiesError, Entity};
pub use error::ApiError;
pub use freshness::Freshness;
pub use router::router;
pub use server::serve;
pub use settings::{ChainClock, Credential, GapPolicy, Limits, PrivateAccess, RewardSettings, Settings};
pub use state::{AppState, Now};

/// The JSON description of all addresses, as `/openapi.json` serves it.
pub use openapi::description_json;
