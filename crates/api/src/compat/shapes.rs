//! The JSON of blockprint's addresses: keys in its order, text with its spaces.

use std::io;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use fingerprint::client::UNCERTAIN;
use fingerprint::{Classification, Client};
use futures::stream;
use serde::ser::{Serialize, SerializeMap, Serializer};
use store::{BlockRow, ClientCounts, LatestBlock};

use crate::error::ApiError;

/// Whether a block is shown with its proposer, which addresses of one validator leave out.
#[derive(Clone, Copy)]
pub(crate) enum Proposer {
    Shown,
    Hidden,
}

/// One block of a list.
pub(crate) struct BlockShape<'a>(pub(crate) &'a BlockRow, pub(crate) Proposer);

impl Serialize for BlockShape<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(row, proposer) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("slot", &row.slot)?;
        if matches!(proposer, Proposer::Shown) {
            map.serialize_entry("proposer_index", &row.proposer_index)?;
        }
        map.serialize_entry("best_guess_single", row.classification.single_name())?;
        map.serialize_entry("best_guess_multi", &row.classification.best_guess_multi)?;
        map.serialize_entry("probability_map", &ProbabilityMap(&row.classification))?;
        map.end()
    }
}

/// The six clients that blockprint has columns for, in order.
struct ProbabilityMap<'a>(&'a Classification);

impl Serialize for ProbabilityMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Client::NAMED.map(|client| (client.name(), self.0.probability(client))))
    }
}

/// The newest block of a validator.
pub(crate) struct LatestShape(pub(crate) LatestBlock);

impl Serialize for LatestShape {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("proposer_index", &self.0.proposer_index)?;
        map.serialize_entry("slot", &self.0.slot)?;
        map.serialize_entry("best_guess_single", self.0.best_guess_single.map_or(UNCERTAIN, Client::name))?;
        map.end()
    }
}

/// Blocks by verdict: "Uncertain", then every client, zeros included.
pub(crate) struct CountsShape(pub(crate) ClientCounts);

impl Serialize for CountsShape {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1 + Client::ALL.len()))?;
        map.serialize_entry(UNCERTAIN, &self.0.uncertain)?;
        for client in Client::ALL {
            map.serialize_entry(client.name(), &self.0.get(client))?;
        }
        map.end()
    }
}

/// Blocks of several validators: index as text, in the order asked for.
pub(crate) struct ByValidator<'a>(pub(crate) Vec<(u64, Vec<&'a BlockRow>)>);

impl Serialize for ByValidator<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(validator, rows)| {
            let rows: Vec<_> = rows.iter().map(|row| BlockShape(row, Proposer::Hidden)).collect();
            (validator.to_string(), rows)
        }))
    }
}

/// blockprint's spaces: `", "` between entries and `": "` after keys.
struct Spaced;

impl serde_json::ser::Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

fn text_of(value: &impl Serialize) -> Result<Vec<u8>, ApiError> {
    let mut text = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, Spaced);
    value.serialize(&mut serializer).map_err(|error| ApiError::Internal(error.to_string()))?;
    Ok(text)
}

fn as_json(body: Body) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}

/// An answer in blockprint's spelling of JSON.
pub(crate) fn respond(value: &impl Serialize) -> Result<Response, ApiError> {
    Ok(as_json(Body::from(text_of(value)?)))
}

/// The one answer that is not JSON, though blockprint calls it so.
pub(crate) fn ok() -> Response {
    as_json(Body::from("OK"))
}

/// A long list, written page by page: memory does not grow with the range. `page` is asked for the part after a
/// cursor; the first part is fetched before the answer begins, so that an error there still becomes a status.
pub(crate) async fn respond_in_pages<T, C, F, Answer>(
    page: F,
    shape: fn(&T) -> Result<Vec<u8>, ApiError>,
) -> Result<Response, ApiError>
where
    T: Send + 'static,
    C: Send + 'static,
    F: Fn(Option<C>) -> Answer + Send + 'static,
    Answer: Future<Output = Result<store::Page<T, C>, store::StoreError>> + Send,
{
    enum Step<C> {
        Next(C),
        End,
    }
    let write = move |items: &[T], mut text: Vec<u8>, mut first: bool| -> Result<Vec<u8>, ApiError> {
        for item in items {
            if !first {
                text.extend_from_slice(b", ");
            }
            first = false;
            text.extend(shape(item)?);
        }
        Ok(text)
    };
    let head = page(None).await?;
    let mut text = write(&head.items, b"[".to_vec(), true)?;
    let Some(next) = head.next else {
        text.push(b']');
        return Ok(as_json(Body::from(text)));
    };
    let rest = stream::try_unfold((page, Some(Step::Next(next))), move |(page, step)| async move {
        match step {
            None => Ok(None),
            Some(Step::End) => Ok(Some((Bytes::from_static(b"]"), (page, None)))),
            Some(Step::Next(cursor)) => {
                let part = page(Some(cursor)).await.map_err(ApiError::from)?;
                let text = write(&part.items, Vec::new(), false)?;
                let step = part.next.map_or(Step::End, Step::Next);
                Ok::<_, ApiError>(Some((Bytes::from(text), (page, Some(step)))))
            }
        }
    });
    let first = stream::once(async move { Ok(Bytes::from(text)) });
    Ok(as_json(Body::from_stream(futures::StreamExt::chain(first, rest))))
}

/// The text of one block of a list over all validators.
pub(crate) fn block_text(row: &BlockRow) -> Result<Vec<u8>, ApiError> {
    text_of(&BlockShape(row, Proposer::Shown))
}

/// The text of one newest block.
pub(crate) fn latest_text(block: &LatestBlock) -> Result<Vec<u8>, ApiError> {
    text_of(&LatestShape(*block))
}
