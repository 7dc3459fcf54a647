//! Asks one node after the other until one gives an answer that can be used.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName};
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;

use super::error::{ApiError, ApiProblem, Next};
use super::health::NodeHealth;
use super::options::{ApiOptions, Pacing, doubled};
use crate::http::{Address, SendError, USER_AGENT, asked_wait, jitter, own_words, redirects, root_cause};

/// The header that tells the fork of a block or state.
pub(super) const CONSENSUS_VERSION: HeaderName = HeaderName::from_static("eth-consensus-version");
const SSZ: &str = "application/octet-stream";
const JSON: &str = "application/json";
const SSZ_BEFORE_JSON: &str = "application/octet-stream;q=1.0,application/json;q=0.9";
/// How much of an answer that is no JSON is shown.
const SHOWN_CHARS: usize = 40;
/// Answers from this size on are read where they hold up nobody.
const LARGE_BYTES: usize = 128 << 10;

/// One node.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) client: Client,
    /// Without a limit on silence: for events.
    pub(super) stream: Client,
    pub(super) address: Address,
    pub(super) name: Arc<str>,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Node {
    pub(super) fn new(url: &str, options: &ApiOptions) -> Result<Self, ApiError> {
        let address = Address::parse(url).map_err(|reason| ApiError::Url { reason })?;
        let builder = || {
            let builder = Client::builder().connect_timeout(options.connect_timeout);
            builder.user_agent(USER_AGENT).redirect(redirects())
        };
        let failed = |error: reqwest::Error| ApiError::Url { reason: root_cause(&error) };
        let client = builder().read_timeout(options.read_timeout).build().map_err(failed)?;
        let stream = builder().build().map_err(failed)?;
        Ok(Self { client, stream, name: address.to_string().into(), address })
    }
}

/// Which forms of an answer are asked for. Both are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    /// SSZ, or JSON where a node has none.
    Ssz,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// What it is about, in a sentence.
    pub(super) asked: String,
    /// The path below the node's URL.
    pub(super) path: String,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) form: Form,
    /// Bytes of SSZ at most.
    pub(super) ssz_limit: u64,
    /// Bytes of JSON at most.
    pub(super) json_limit: u64,
    /// For the whole of the answer.
    pub(super) time: Duration,
}

impl Question {
    /// A question with a small JSON answer.
    pub(super) fn small(asked: impl Into<String>, path: impl Into<String>, options: &ApiOptions) -> Self {
        Self {
            asked: asked.into(),
            path: path.into(),
            query: Vec::new(),
            form: Form::Json,
            ssz_limit: options.small_bytes,
            json_limit: options.small_bytes,
            time: options.small_time,
        }
    }
}

/// What a node answered.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) node: Arc<str>,
    pub(super) is_ssz: bool,
    /// The fork that the header names.
    pub(super) version: Option<String>,
    pub(super) body: Bytes,
}

impl Answer {
    /// The JSON, or what is wrong with it.
    pub(super) fn json(&self) -> Result<Value, ApiProblem> {
        serde_json::from_slice(&self.body).map_err(|error| json_problem(&error, &self.body))
    }
}

/// What is wrong with JSON that can't be read. An error page of a proxy is told from JSON with a mistake in it.
pub(super) fn json_problem(error: &serde_json::Error, body: &[u8]) -> ApiProblem {
    let start = body.trim_ascii_start();
    if error.is_syntax() && !start.starts_with(b"{") && !start.starts_with(b"[") {
        let found = looks(start);
        ApiProblem::unreadable(format!("it is not JSON, but {found}; is the URL that of a Beacon API?"))
    } else {
        cut_or_wrong(error)
    }
}

/// What is wrong with what ought to be JSON and may have been cut short.
pub(super) fn cut_or_wrong(error: &serde_json::Error) -> ApiProblem {
    if error.is_eof() {
        ApiProblem::CutShort { reason: error.to_string() }
    } else {
        ApiProblem::unreadable(error)
    }
}

/// What a text looks like that is no JSON.
fn looks(start: &[u8]) -> String {
    let is_html = [&b"<!doctype html"[..], b"<html"]
        .iter()
        .any(|tag| start.get(..tag.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(tag)));
    if is_html {
        return "an HTML page".to_owned();
    }
    let start = String::from_utf8_lossy(start.get(..4 * SHOWN_CHARS).unwrap_or(start));
    let shown: String = start.chars().take(SHOWN_CHARS).collect();
    let more = if shown.len() < start.len() { "…" } else { "" };
    format!("begins with {shown:?}{more}")
}

/// The nodes and what is known of them.
#[derive(Debug)]
pub(super) struct Nodes {
    pub(super) list: Vec<Node>,
    pub(super) options: ApiOptions,
    pub(super) pacing: Arc<dyn Pacing>,
    pub(super) health: NodeHealth,
}

/// What became of a question.
pub(super) enum Outcome<T> {
    Found(T),
    /// The nodes that answer do not have it.
    Absent(ApiError),
}

impl Nodes {
    /// Asks until a node gives an answer that `read` takes. One that does not have it is an error.
    pub(super) async fn ask<T, F>(&self, question: &Question, read: F) -> Result<T, ApiError>
    where
        F: Fn(&Answer) -> Result<T, ApiProblem> + Clone + Send + 'static,
        T: Send + 'static,
    {
        match self.find(question, read).await? {
            Outcome::Found(value) => Ok(value),
            Outcome::Absent(error) => Err(error),
        }
    }

    /// As [`Self::ask`]; that no node has it is an answer too.
    pub(super) async fn find<T, F>(&self, question: &Question, read: F) -> Result<Outcome<T>, ApiError>
    where
        F: Fn(&Answer) -> Result<T, ApiProblem> + Clone + Send + 'static,
        T: Send + 'static,
    {
        let mut problems: Vec<Option<ApiProblem>> = vec![None; self.list.len()];
        let mut last = 0;
        let mut round = 1;
        loop {
            let mut wait = None;
            for index in self.health.order(self.pacing.now()) {
                let final_answer = problems.get(index).and_then(Option::as_ref);
                if final_answer.is_some_and(|problem| problem.next() == Next::Elsewhere) {
                    continue;
                }
                let Some(node) = self.list.get(index) else { continue };
                let problem = match self.ask_one(node, question, read.clone()).await {
                    Ok(value) => {
                        self.health.well(index, self.pacing.now());
                        return Ok(Outcome::Found(value));
                    }
                    Err(problem) => problem,
                };
                tracing::debug!(node = &*node.name, asked = question.asked, %problem, round, "A node gave no answer");
                self.take_note(index, &problem);
                wait = wait.max(problem.wait());
                last = index;
                if let Some(known) = problems.get_mut(index) {
                    *known = Some(problem);
                }
            }
            let absent =
                problems.iter().flatten().any(|problem| matches!(problem, ApiProblem::Absent { .. }));
            let all_final = problems.iter().flatten().all(|problem| problem.next() == Next::Elsewhere);
            if absent || all_final || round >= self.options.rounds {
                let error = self.error(question, problems, last, round);
                return if absent { Ok(Outcome::Absent(error)) } else { Err(error) };
            }
            self.pacing.sleep(self.pause(round, wait)).await;
            round += 1;
        }
    }

    /// Takes note of what one node answered.
    pub(super) fn note<T>(&self, index: usize, answer: &Result<T, ApiProblem>) {
        match answer {
            Ok(_) => self.health.well(index, self.pacing.now()),
            Err(problem) => self.take_note(index, problem),
        }
    }

    fn take_note(&self, index: usize, problem: &ApiProblem) {
        match problem {
            ApiProblem::Absent { .. } | ApiProblem::Refused { .. } | ApiProblem::TooLarge { .. } => {
                self.health.well(index, self.pacing.now());
            }
            _ => self.health.failed(index, self.pacing.now(), &self.options),
        }
    }

    /// The pause after a round: doubling, between half and one and a half of it, at random.
    pub(super) fn pause(&self, round: u32, asked: Option<Duration>) -> Duration {
        let longest = self.options.longest_pause;
        let pause = doubled(self.options.first_pause, round, longest).mul_f64(jitter(self.pacing.random()));
        pause.max(asked.unwrap_or_default()).min(longest)
    }

    fn error(
        &self,
        question: &Question,
        mut problems: Vec<Option<ApiProblem>>,
        last: usize,
        attempts: u32,
    ) -> ApiError {
        let name = |index: usize| self.list.get(index).map_or_else(String::new, |node| node.name.to_string());
        let Some(problem) = problems.get_mut(last).and_then(Option::take) else { return ApiError::NoNodes };
        let others = problems.into_iter().enumerate();
        let others = others.filter_map(|(index, problem)| Some((name(index), problem?))).collect();
        let problem = Box::new(problem);
        ApiError::Node { asked: question.asked.clone(), node: name(last), problem, attempts, others }
    }

    /// Asks one node once.
    pub(super) async fn ask_one<T, F>(
        &self,
        node: &Node,
        question: &Question,
        read: F,
    ) -> Result<T, ApiProblem>
    where
        F: Fn(&Answer) -> Result<T, ApiProblem> + Send + 'static,
        T: Send + 'static,
    {
        let late = |_| ApiProblem::Timeout { timeout: question.time };
        let answer =
            tokio::time::timeout(question.time, self.answer(node, question)).await.map_err(late)??;
        if answer.body.len() < LARGE_BYTES {
            return read(&answer);
        }
        let done = tokio::task::spawn_blocking(move || read(&answer)).await;
        done.unwrap_or_else(|error| {
            Err(ApiProblem::unreadable(format!("it could not be read through: {error}")))
        })
    }

    async fn answer(&self, node: &Node, question: &Question) -> Result<Answer, ApiProblem> {
        let mut response = self.send(node, question, question.form).await?;
        let unwanted = [StatusCode::NOT_ACCEPTABLE, StatusCode::UNSUPPORTED_MEDIA_TYPE];
        if question.form == Form::Ssz && unwanted.contains(&response.status()) {
            response = self.send(node, question, Form::Json).await?;
        }
        if response.status() != StatusCode::OK {
            return Err(refusal(&mut response).await);
        }
        let stated = content_is_ssz(response.headers());
        let version = header_text(response.headers(), CONSENSUS_VERSION);
        let limit = match stated {
            Some(true) => question.ssz_limit,
            Some(false) => question.json_limit,
            None => question.ssz_limit.max(question.json_limit),
        };
        let body = self.body(response, limit).await?;
        // Where nothing is said, JSON tells itself.
        let is_ssz = stated.unwrap_or_else(|| !body.trim_ascii_start().starts_with(b"{\""));
        Ok(Answer { node: Arc::clone(&node.name), is_ssz, version, body })
    }

    pub(super) async fn send(
        &self,
        node: &Node,
        question: &Question,
        form: Form,
    ) -> Result<Response, ApiProblem> {
        let mut url = node.address.join(&question.path);
        if !question.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&question.query);
        }
        let accept = match form {
            Form::Json => JSON,
            Form::Ssz => SSZ_BEFORE_JSON,
        };
        let sent = crate::http::send(node.client.get(url).header(ACCEPT, accept)).await;
        sent.map_err(|error| self.unsent(&error))
    }

    async fn body(&self, mut response: Response, limit: u64) -> Result<Bytes, ApiProblem> {
        let stated =
            header_text(response.headers(), CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
        if stated.is_some_and(|length| length > limit) {
            return Err(ApiProblem::TooLarge { limit });
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.transport(&error))? {
            if (body.len() + chunk.len()) as u64 > limit {
                return Err(ApiProblem::TooLarge { limit });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    /// Why a request got no answer. Where the node redirects to another address that is dead, that one is named.
    pub(super) fn unsent(&self, failure: &SendError) -> ApiProblem {
        let SendError { error, redirected } = failure;
        let Some(address) = redirected.as_ref().filter(|_| error.is_connect()) else {
            return self.transport(error);
        };
        let why = match self.transport(error) {
            ApiProblem::Unreachable { reason } => reason,
            problem => problem.to_string(),
        };
        let reason = format!("it redirects to {address}, where nobody answers: {why}");
        ApiProblem::Unreachable { reason }
    }

    pub(super) fn transport(&self, error: &reqwest::Error) -> ApiProblem {
        if error.is_timeout() {
            let ApiOptions { connect_timeout, read_timeout, .. } = self.options;
            let timeout = if error.is_connect() { connect_timeout } else { read_timeout };
            return ApiProblem::Timeout { timeout };
        }
        let reason = root_cause(error);
        if error.is_connect() { ApiProblem::Unreachable { reason } } else { ApiProblem::BrokenOff { reason } }
    }
}

/// What an answer that is none means.
pub(super) async fn refusal(response: &mut Response) -> ApiProblem {
    let status = response.status();
    let wait = asked_wait(response);
    let message = own_words(response).await;
    let code = status.as_u16();
    match status {
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
            ApiProblem::Absent { message }
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ApiProblem::Unauthorized { status: code },
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
            ApiProblem::Failed { status: code, message, wait }
        }
        _ if status.is_server_error() => ApiProblem::Failed { status: code, message, wait },
        _ => ApiProblem::Refused { status: code, message },
    }
}

fn header_text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.trim().to_owned())
}

/// Whether the content is said to be SSZ, if anything is said.
fn content_is_ssz(headers: &HeaderMap) -> Option<bool> {
    let stated = header_text(headers, CONTENT_TYPE)?.to_ascii_lowercase();
    let kind = stated.split(';').next()?.trim();
    match kind {
        SSZ => Some(true),
        // A page is no block, whatever was asked for; to read it as JSON tells so.
        _ if kind == JSON || kind.starts_with("text/") => Some(false),
        _ => None,
    }
}
