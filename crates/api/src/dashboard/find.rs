//! `/find`: slot, epoch, root, validator or graffiti. One hit leads there, several are listed, none is said.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use consensus::primitives::SLOTS_PER_EPOCH;
use consensus::{Slot, ValidatorIndex};
use serde::Deserialize;
use store::{BlockFilter, BlockRow, Seek};

use super::errors;
use super::format;
use super::latest::block_href;
use super::page::{self, Frame, Section};
use super::shares::Extent;
use crate::auth;
use crate::error::ApiError;
use crate::query::Params;
use crate::state::AppState;

/// Digits of a root that are looked for: four bytes.
const FEWEST_DIGITS: usize = 8;
/// Places that are listed of a kind.
const MOST_HITS: usize = 20;
/// Longest question looked at.
const MAX_CHARACTERS: usize = 200;

/// The parameters of the page.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    q: Option<String>,
    theme: Option<String>,
}

#[derive(Template)]
#[template(path = "find.html")]
struct FindPage {
    frame: Frame,
    headline: String,
    text: String,
    hits: Vec<Hit>,
}

struct Hit {
    href: String,
    what: &'static str,
    name: String,
}

/// The page, or the way to what was found.
pub(super) async fn find(
    State(state): State<AppState>,
    headers: HeaderMap,
    query: Result<Params<Query>, ApiError>,
) -> Response {
    match query {
        Ok(Params(query)) => match build(&state, &headers, &query).await {
            Ok(Found::One(href)) => Redirect::to(&href).into_response(),
            Ok(Found::Page(page)) => page::render(
                if page.hits.is_empty() && !page.frame.sought.is_empty() {
                    StatusCode::NOT_FOUND
                } else {
                    StatusCode::OK
                },
                &*page,
            ),
            Err(error) => errors::failure(&state, error).await,
        },
        Err(error) => errors::failure(&state, error).await,
    }
}

enum Found {
    One(String),
    Page(Box<FindPage>),
}

async fn build(state: &AppState, headers: &HeaderMap, query: &Query) -> Result<Found, ApiError> {
    let theme = page::theme_of(query.theme.as_deref())?;
    let text = query.q.as_deref().unwrap_or_default().trim();
    if text.chars().count() > MAX_CHARACTERS {
        return Err(ApiError::BadParameter(format!("q is longer than {MAX_CHARACTERS} characters")));
    }
    let extent = Extent::read(state).await?;
    let mut frame = Frame::new(state, Section::Other, extent.newest.0, theme)
        .await
        .titled("Search", "Search for slots, epochs, roots, validators and graffiti.");
    frame.sought = text.to_owned();
    if text.is_empty() {
        return Ok(Found::Page(Box::new(FindPage {
            frame,
            headline: "Search".to_owned(),
            text:
                "A slot (12345678), an epoch (e:385802), a block root from 4 bytes (0x8f3c1a90), a validator \
                   (v:412233), an entity, or words of a graffiti."
                    .to_owned(),
            hits: Vec::new(),
        })));
    }
    let access = &state.settings().private;
    if !auth::is_allowed(access, headers) {
        return Err(auth::refusal(access));
    }
    let mut hits = hits(state, text).await?;
    if hits.len() == 1 {
        return Ok(Found::One(hits.remove(0).href));
    }
    let known = if extent.has_blocks {
        format!("slots {} to {}", format::count(extent.first), format::count(extent.newest.0))
    } else {
        "no slots yet".to_owned()
    };
    let (headline, text) = if hits.is_empty() {
        (
            format!("Nothing for “{}”.", format::visible(text)),
            format!(
                "Blockmark knows {known}, validators by index, block roots from 4 bytes, {}, and graffiti of the newest \
                 blocks.",
                match state.entities().list().len() {
                    1 => "1 entity".to_owned(),
                    entities => format!("{} entities", format::count(entities as u64)),
                }
            ),
        )
    } else {
        (
            format!("{} for “{}”", format::counted(hits.len() as u64, "place"), format::visible(text)),
            String::new(),
        )
    };
    Ok(Found::Page(Box::new(FindPage { frame, headline, text, hits })))
}

async fn hits(state: &AppState, text: &str) -> Result<Vec<Hit>, ApiError> {
    let store = state.store();
    let digits = text.replace([',', '\u{a0}', ' '], "");
    if let Some(epoch) = digits.strip_prefix("e:").and_then(|digits| digits.parse::<u64>().ok()) {
        let first = epoch.saturating_mul(SLOTS_PER_EPOCH);
        let last = first.saturating_add(SLOTS_PER_EPOCH - 1);
        return Ok(vec![Hit {
            href: format!("/blocks?slots={first}..{last}"),
            what: "Epoch",
            name: format::count(epoch),
        }]);
    }
    let validator = |index: u64| Hit {
        href: format!("/validators/{index}"),
        what: "Validator",
        name: format::count(index),
    };
    if let Some(index) = digits.strip_prefix("v:").and_then(|digits| digits.parse::<u64>().ok()) {
        return Ok(vec![validator(index)]);
    }
    let mut hits = Vec::new();
    if let Ok(number) = digits.parse::<u64>() {
        if !store.blocks_at_slot(Slot(number)).await?.is_empty() {
            hits.push(Hit { href: format!("/block/{number}"), what: "Slot", name: format::count(number) });
        }
        if !store.validator_blocks(ValidatorIndex(number), Slot(0)).await?.is_empty() {
            hits.push(validator(number));
        }
        return Ok(hits);
    }
    if let Some(root) = digits.strip_prefix("0x").filter(|root| root.len() >= FEWEST_DIGITS) {
        let is_root = root.len() <= 64 && root.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_root {
            let found = store.blocks_by_root_prefix(&root.to_ascii_lowercase(), MOST_HITS).await?;
            return Ok(found.iter().map(block).collect());
        }
    }
    let folded = text.to_lowercase();
    for entity in state.entities().list() {
        if hits.len() < MOST_HITS && (entity.slug == folded || entity.name.to_lowercase().contains(&folded)) {
            hits.push(Hit {
                href: format!("/entities/{}", entity.slug),
                what: "Entity",
                name: format::visible(&entity.name),
            });
        }
    }
    let signed = BlockFilter { graffiti: Some(text.to_owned()), ..BlockFilter::default() };
    let found = store.search_blocks(&signed, Seek::Newest, 1).await?;
    if let Some(newest) = found.items.first() {
        let from = format!("..{}", newest.slot);
        hits.push(Hit {
            href: format::address("/blocks", &[("graffiti", text), ("slots", &from)]),
            what: "Graffiti",
            name: format!("newest in slot {}", format::count(newest.slot.0)),
        });
    }
    Ok(hits)
}

fn block(row: &BlockRow) -> Hit {
    Hit { href: block_href(row), what: "Block", name: row.block_root.to_string() }
}
