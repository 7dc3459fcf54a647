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
mod credential;
mod dashboard;
mod entities;
mod error;
mod feed;
mod freshness;
mod health;
mod judge;
mod kept;
mod lighthouse;
mod limits;
mod measured;
mod metrics;
mod openapi;
mod openapi_examples;
mod query;
mod rate;
mod router;
mod server;
mod settings;
mod state;
mod tls;
mod v1;

pub use credential::{Credential, CredentialError, PrivateAccess};
pub use entities::{Entities, EntitiesError, Entity};
pub use error::ApiError;
pub use freshness::Freshness;
pub use rate::RateLimit;
pub use router::router;
pub use server::{serve, serve_metrics};
pub use settings::{ChainClock, Cors, GapPolicy, Limits, RewardSettings, Settings};
pub use state::{AppState, Now};
pub use tls::{TlsError, TlsFiles};

/// The JSON description of all addresses, as `/openapi.json` serves it.
pub use openapi::description_json;
