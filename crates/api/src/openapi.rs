//! The description of all addresses: `/openapi.json`, shown at `/docs`.
//!
//! Handlers describe what is their own. What every address has in common is added here: how errors look, which
//! statuses the layers around handlers answer with, who may ask, headers of caches, names of operations, examples.

use std::collections::BTreeSet;

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::response::Response;
use utoipa::openapi::schema::{ArrayItems, Object, Schema, SchemaType, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, Ref, RefOr, ResponseBuilder};
use utoipa::{Number, OpenApi, ToSchema};

use crate::openapi_examples::example;

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
    components(schemas(Problem)),
    tags(
        (name = "v1", description = "Verdicts with probabilities and evidence, shares with intervals, validators, \
                                     entities, reorganisations, gaps, and a live stream."),
        (name = "blockprint", description = "blockprint's addresses and shapes."),
        (name = "lighthouse", description = "Block rewards as Lighthouse gave them until 2025, for programs that read them."),
        (name = "health", description = "For load balancers.")
    )
)]
pub(crate) struct Description;

struct Schemes;

impl utoipa::Modify for Schemes {
    fn modify(&self, openapi: &mut Document) {
        let components = openapi.components.get_or_insert_with(Default::default);
        let http = |scheme| SecurityScheme::Http(Http::new(scheme));
        components.add_security_scheme("bearer", http(HttpAuthScheme::Bearer));
        components.add_security_scheme("basic", http(HttpAuthScheme::Basic));
    }
}

/// Why a request was not answered. One of `error` and `title` is there; `message` on addresses that were Lighthouse's.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described; the answers are made where errors become HTTP")]
pub(crate) struct Problem {
    /// A sentence for people.
    error: Option<String>,
    /// The status in words, where there is nothing more to say.
    title: Option<String>,
    /// The gap that the range touches.
    gap: Option<ProblemGap>,
}

/// Missing slots, both ends included.
#[derive(ToSchema)]
#[expect(dead_code, reason = "as above")]
pub(crate) struct ProblemGap {
    start: u64,
    end: u64,
}

/// The highest slot or index taken.
const MAX_NUMBER: usize = (1 << 40) - 1;

/// What the layers around all handlers may answer.
const COMMON: [(&str, &str); 9] = [
    ("400", "A parameter or the body can't be taken."),
    ("404", "There is nothing of the kind."),
    ("405", "The address does not take the method."),
    ("413", "The body is too large."),
    ("415", "The body is compressed."),
    ("429", "Too many requests from this address; `Retry-After` says when to come back."),
    ("500", "A fault of the server's, which is in its log."),
    ("501", "There is no source of block rewards."),
    (
        "503",
        "Too many requests at once, or the database can't be reached; `Retry-After` says when to come back.",
    ),
];

/// Adds what all addresses have in common.
pub(crate) fn complete(document: &mut Document, private: &BTreeSet<String>) {
    for (path, item) in &mut document.paths.paths {
        let is_v1 = path.starts_with("/api/v1/");
        for (method, operation) in operations(item) {
            operation.operation_id = Some(name(method, path));
            bound_integers(operation);
            bound_body(operation);
            for (status, description) in COMMON {
                let is_apart =
                    (status == "501" && !path.contains("block_rewards") && !path.starts_with("/eth/"))
                        || (matches!(status, "413" | "415") && method == "get");
                if !is_apart {
                    problem(operation, status, description);
                }
            }
            if private.contains(path) {
                problem(operation, "401", "A bearer token or basic authentication is needed.");
                problem(operation, "403", "A page of another site sent the request.");
                let needs = |scheme: &str| SecurityRequirement::new(scheme, [""; 0]);
                operation.security =
                    Some(vec![SecurityRequirement::default(), needs("bearer"), needs("basic")]);
            }
            if is_v1 && !path.ends_with("/stream") {
                problem(operation, "406", "None of the types in `Accept` is one this address has.");
                let unchanged =
                    ResponseBuilder::new().description("The reader has the answer already.").build();
                operation.responses.responses.insert("304".to_owned(), RefOr::T(unchanged));
                if let Some(RefOr::T(response)) = operation.responses.responses.get_mut("200") {
                    cache_headers(response);
                }
            }
            if let Some(example) = example(path)
                && let Some(RefOr::T(response)) = operation.responses.responses.get_mut("200")
                && let Some(RefOr::T(content)) = response.content.get_mut("application/json")
            {
                content.example = Some(example);
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem { get, post, .. } = item;
    let named = |name: &'static str, operation| Option::map(operation, move |operation| (name, operation));
    named("get", get.as_mut()).into_iter().chain(named("post", post.as_mut()))
}

/// `get_api_v1_blocks_id` of `GET /api/v1/blocks/{id}`.
fn name(method: &str, path: &str) -> String {
    let words = path.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    [method].into_iter().chain(words).collect::<Vec<_>>().join("_")
}

/// Numbers without bounds of their own are slots, epochs and indices.
fn bound_integers(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        let RefOr::T(parameter) = parameter else { continue };
        let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema else { continue };
        // A parameter is there or not; no text of it stands for null.
        if let SchemaType::Array(kinds) = &schema.schema_type
            && let Some(kind) = kinds.iter().find(|kind| **kind != Type::Null)
        {
            schema.schema_type = SchemaType::Type(kind.clone());
        }
        if is_integer(schema) {
            schema.minimum.get_or_insert(Number::UInt(0));
            schema.maximum.get_or_insert(Number::UInt(MAX_NUMBER));
        }
    }
}

/// Lists of numbers in bodies are lists of validators.
fn bound_body(operation: &mut Operation) {
    let Some(RefOr::T(body)) = &mut operation.request_body else { return };
    for content in body.content.values_mut() {
        if let RefOr::T(content) = content
            && let Some(RefOr::T(Schema::Array(list))) = &mut content.schema
            && let ArrayItems::RefOrSchema(items) = &mut list.items
            && let RefOr::T(Schema::Object(item)) = items.as_mut()
            && is_integer(item)
        {
            item.minimum.get_or_insert(Number::UInt(0));
            item.maximum.get_or_insert(Number::UInt(MAX_NUMBER));
        }
    }
}

fn is_integer(schema: &Object) -> bool {
    match &schema.schema_type {
        SchemaType::Type(kind) => *kind == Type::Integer,
        SchemaType::Array(kinds) => kinds.contains(&Type::Integer),
        SchemaType::AnyValue => false,
    }
}

/// Describes an error, keeping what the handler says of it.
fn problem(operation: &mut Operation, status: &str, description: &str) {
    let new = || RefOr::T(ResponseBuilder::new().description(description).build());
    let response = operation.responses.responses.entry(status.to_owned()).or_insert_with(new);
    if let RefOr::T(response) = response
        && response.content.is_empty()
    {
        let schema = Ref::from_schema_name("Problem");
        let content = ContentBuilder::new().schema(Some(schema)).build();
        response.content.insert("application/json".to_owned(), RefOr::T(content));
    }
}

fn cache_headers(response: &mut Response) {
    for (name, description) in [
        ("ETag", "The digest of the answer, for `If-None-Match`."),
        (
            "Cache-Control",
            "`immutable` where the answer is about final slots without a gap, else `no-cache`.",
        ),
    ] {
        let schema = Schema::Object(Object::with_type(Type::String));
        let header = HeaderBuilder::new().description(Some(description)).schema(Some(schema)).build();
        response.headers.insert(name.to_owned(), RefOr::T(header));
    }
}

/// The description as JSON, as `/openapi.json` serves it.
pub fn description_json() -> String {
    crate::router::description().to_pretty_json().unwrap_or_default()
}
