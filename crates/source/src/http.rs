//! What every request to a node shares: addresses that hide passwords, reasons, and the node's own words.

use std::cell::RefCell;
use std::fmt;
use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response, Url};

/// How the program names itself.
pub(crate) const USER_AGENT: &str = concat!("blockmark/", env!("CARGO_PKG_VERSION"));
/// How much of a node's own words an error repeats.
const MESSAGE_CHARS: usize = 300;
/// How much of a refusal is read to find those words.
const MESSAGE_BYTES: usize = 64 * 1024;

/// The URL of a node. Printed without user, password and query.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address(Url);

impl Address {
    /// Reads a URL such as `http://localhost:5052` or `https://user:password@host/path`. An error is a reason.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let url = Url::parse(url).map_err(|error| format!("of its form: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("it begins neither with http:// nor with https://".to_owned());
        }
        Ok(Self(url))
    }

    /// The URL of a path below the node's, without `/` at its start.
    pub(crate) fn join(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path.split('/'));
        }
        url
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut url = self.0.clone();
        // Can't fail for http and https, the only schemes that get here.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_query(None);
        url.set_fragment(None);
        f.write_str(url.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

tokio::task_local! {
    /// Where the request of this task was redirected to last.
    static REDIRECTED: RefCell<Option<String>>;
}

/// Follows redirects as usual, and lets [`send`] know where they lead.
pub(crate) fn redirects() -> Policy {
    let usual = Policy::default();
    Policy::custom(move |attempt| {
        let origin = attempt.url().origin().ascii_serialization();
        // Outside of `send` nobody wants to know.
        let _ = REDIRECTED.try_with(|place| place.replace(Some(shortened(&origin))));
        usual.redirect(attempt)
    })
}

/// Why a request got no answer.
#[derive(Debug)]
pub(crate) struct SendError {
    pub(crate) error: reqwest::Error,
    /// The address that was asked last, if the node redirected there: scheme, host and port.
    pub(crate) redirected: Option<String>,
}

/// Sends a request of a client that follows [`redirects`].
pub(crate) async fn send(request: RequestBuilder) -> Result<Response, SendError> {
    let sent = async {
        let failed = |error| SendError { error, redirected: REDIRECTED.with(RefCell::take) };
        request.send().await.map_err(failed)
    };
    REDIRECTED.scope(RefCell::default(), sent).await
}

/// A number from 0 up to 1, another one each time.
pub(crate) fn random() -> f64 {
    use std::hash::{BuildHasher, Hasher};
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    (random >> 11) as f64 / (1u64 << 53) as f64
}

/// A factor between a half and one and a half, so that requests which failed together do not return together.
pub(crate) fn jitter(random: f64) -> f64 {
    0.5 + random.clamp(0.0, 1.0)
}

/// The innermost reason of an error. The outer ones repeat the URL, with its password.
pub(crate) fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if std::ptr::addr_eq(cause, error as &dyn std::error::Error) {
        return if error.is_builder() { "no client can be made" } else { "the answer is broken" }.to_owned();
    }
    cause.to_string()
}

/// How long a node asks to be left alone.
pub(crate) fn asked_wait(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// What a node says of a refusal: the `message` of a Beacon API error, or the start of the text.
pub(crate) async fn own_words(response: &mut Response) -> String {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > MESSAGE_BYTES {
            break;
        }
    }
    let value: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
    let message = value.as_ref().and_then(|value| value.get("message")?.as_str());
    let text = message.map_or_else(|| String::from_utf8_lossy(&body).into_owned(), str::to_owned);
    shortened(&text)
}

/// A text on one line, without control characters, not too long.
pub(crate) fn shortened(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut words: String =
        text.chars().filter(|character| !character.is_control()).take(MESSAGE_CHARS).collect();
    if words.is_empty() {
        words.push_str("without a word");
    } else if words.len() < text.len() {
        words.push('…');
    }
    words
}
