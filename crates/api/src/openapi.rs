//! The description of all addresses: `/openapi.json`, shown at `/docs`.

use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

/// The frame of the description; the paths come from the handlers.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Blockmark",
        description = "Which consensus client built a block. Addresses tagged `blockprint` keep blockprint's shapes; \
                       those tagged `v1` are new. Addresses about single blocks and validators, and the one that \
                       stores verdicts, may need a bearer token or basic authentication."
    ),
    modifiers(&Schemes),
    tags(
        (name = "v1", description = "Verdicts with probabilities and evidence, shares with intervals."),
        (name = "blockprint", description = "blockprint's addresses and shapes."),
        (name = "lighthouse", description = "Block rewards as Lighthouse gave them until 2025, for programs that read them."),
        (name = "health", description = "For load balancers.")
    )
)]
pub(crate) struct Description;

struct Schemes;

impl utoipa::Modify for Schemes {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_with(Default::default);
        let http = |scheme| SecurityScheme::Http(Http::new(scheme));
        components.add_security_scheme("bearer", http(HttpAuthScheme::Bearer));
        components.add_security_scheme("basic", http(HttpAuthScheme::Basic));
    }
}

/// The description as JSON, as `/openapi.json` serves it.
pub fn description_json() -> String {
    crate::router::description().to_pretty_json().unwrap_or_default()
}
