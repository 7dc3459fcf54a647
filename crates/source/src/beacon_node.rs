//! Asks a Beacon API node for block rewards: with time limits, bounded answers and retries.

use std::path::Path;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use consensus::Slot;
use reqwest::header::{ACCEPT, CONTENT_LENGTH};
use reqwest::{Client, Response, StatusCode};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use crate::http::{Address, USER_AGENT, asked_wait, jitter, own_words, random, root_cause};

/// How patient to be with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeOptions {
    /// For the connection to stand.
    pub connect_timeout: Duration,
    /// For the answer to begin and between its parts. A node replays all blocks of a range before it
    /// says the first word, so this is minutes.
    pub read_timeout: Duration,
    /// How often a request is made at most, the first time included.
    pub attempts: u32,
    /// The pause before the second attempt; it doubles each time, and is shortened or lengthened at random.
    pub first_pause: Duration,
    /// The longest pause, also where the node asks for a longer one.
    pub longest_pause: Duration,
    /// The largest answer kept in memory.
    pub memory_bytes: u64,
    /// The largest answer written to a file.
    pub file_bytes: u64,
}

impl Default for NodeOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(600),
            attempts: 6,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
            memory_bytes: 512 << 20,
            file_bytes: 2 << 30,
        }
    }
}

/// Why a node gave no block rewards. The node is named without user and password.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The URL is none.
    #[error("the URL of the beacon node can't be used, because {reason}")]
    Url {
        /// What is wrong with it.
        reason: String,
    },
    /// No connection, or it broke, each time.
    #[error("the beacon node at {node} can't be reached, because {reason} (tried {attempts} times)")]
    Unreachable {
        /// The node.
        node: String,
        /// The last reason.
        reason: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// The connection broke in the middle of the answer, each time.
    #[error("the beacon node at {node} broke off its answer, because {reason} (tried {attempts} times)")]
    BrokenOff {
        /// The node.
        node: String,
        /// The last reason.
        reason: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// It did not answer in time.
    #[error("the beacon node at {node} did not answer within {} s (tried {attempts} times)", timeout.as_secs_f32())]
    Timeout {
        /// The node.
        node: String,
        /// The limit that was passed.
        timeout: Duration,
        /// How often it was tried.
        attempts: u32,
    },
    /// It refuses the request; asking again will not help.
    #[error("the beacon node at {node} refused slots {start} to {end} with status {status}: {message}")]
    Refused {
        /// The node.
        node: String,
        /// First slot asked for.
        start: Slot,
        /// Last slot asked for.
        end: Slot,
        /// The status.
        status: u16,
        /// The node's own words.
        message: String,
    },
    /// It wants a user and password, or others.
    #[error(
        "the beacon node at {node} wants other credentials (status {status}); give them in the URL as user:password@"
    )]
    Unauthorized {
        /// The node.
        node: String,
        /// The status.
        status: u16,
    },
    /// It does not know the address.
    #[error(
        "the beacon node at {node} has no /lighthouse/analysis/block_rewards: only Lighthouse has it, and it was removed from Lighthouse in 2026; use a Lighthouse of 2025 or older"
    )]
    NoSuchEndpoint {
        /// The node.
        node: String,
    },
    /// It failed, each time.
    #[error(
        "the beacon node at {node} failed on slots {start} to {end} with status {status}: {message} (tried {attempts} times)"
    )]
    Failed {
        /// The node.
        node: String,
        /// First slot asked for.
        start: Slot,
        /// Last slot asked for.
        end: Slot,
        /// The last status.
        status: u16,
        /// The node's own words.
        message: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// The answer is larger than is taken.
    #[error(
        "the answer of the beacon node at {node} for slots {start} to {end} is larger than {limit} bytes; ask for fewer slots at once"
    )]
    TooLarge {
        /// The node.
        node: String,
        /// First slot asked for.
        start: Slot,
        /// Last slot asked for.
        end: Slot,
        /// The limit in bytes.
        limit: u64,
    },
    /// The answer could not be written to its file.
    #[error("\"{path}\" can't be written, because {error}")]
    Write {
        /// The file.
        path: String,
        /// The system's reason.
        error: std::io::Error,
    },
}

impl NodeError {
    /// Whether no other range of slots will fare better.
    pub fn concerns_the_node(&self) -> bool {
        matches!(
            self,
            Self::Url { .. }
                | Self::Unreachable { .. }
                | Self::Unauthorized { .. }
                | Self::NoSuchEndpoint { .. }
                | Self::Write { .. }
        )
    }
}

/// A failed attempt that another one will follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// First slot asked for.
    pub start: Slot,
    /// Last slot asked for.
    pub end: Slot,
    /// The attempt that failed, from 1.
    pub attempt: u32,
    /// Why.
    pub reason: String,
    /// How long until the next.
    pub pause: Duration,
}

/// A Beacon API node. Copies share their connections.
#[derive(Clone, Debug)]
pub struct BeaconNode {
    client: Client,
    /// With credentials: never printed.
    address: Address,
    name: String,
    options: NodeOptions,
}

/// What an attempt came to.
enum Trouble {
    /// Another attempt may help. The pause the node asks for, if it does.
    Again {
        error: NodeError,
        wait: Option<Duration>,
    },
    Final(NodeError),
}

/// Where an answer goes.
enum Sink<'a> {
    Memory(BytesMut),
    File { file: File, path: &'a Path },
}

impl BeaconNode {
    /// A node at a URL such as `http://localhost:5052` or `https://user:password@host/path`.
    pub fn new(url: &str, options: NodeOptions) -> Result<Self, NodeError> {
        let bad = |reason: &str| NodeError::Url { reason: reason.to_owned() };
        let address = Address::parse(url).map_err(|reason| bad(&reason))?;
        let name = address.to_string();
        let client = Client::builder()
            .connect_timeout(options.connect_timeout)
            .read_timeout(options.read_timeout)
            .user_agent(USER_AGENT)
            .build()
            .map_err(|error| bad(&root_cause(&error)))?;
        Ok(Self { client, address, name, options })
    }

    /// The URL as it may be printed: without user and password.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How patient this node is treated.
    pub fn options(&self) -> &NodeOptions {
        &self.options
    }

    /// The block rewards of all blocks in a range of slots, both ends included, as the node's JSON.
    pub async fn block_rewards(&self, start: Slot, end: Slot) -> Result<Bytes, NodeError> {
        let on_retry = |_: &Retry| ();
        match self.with_retries(start, end, None, &on_retry).await? {
            Sink::Memory(bytes) => Ok(bytes.freeze()),
            Sink::File { .. } => Ok(Bytes::new()),
        }
    }

    /// Whether it answers for one slot, asked once. Waits: not for an async task.
    pub fn has_block_rewards(&self, slot: Slot) -> bool {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.is_ok_and(|runtime| runtime.block_on(self.attempt(slot, slot, None, 1)).is_ok())
    }

    /// As [`Self::block_rewards`], but into a file, which is made or overwritten. `on_retry` hears of
    /// attempts that failed.
    pub async fn block_rewards_to_file(
        &self,
        start: Slot,
        end: Slot,
        path: &Path,
        on_retry: &(dyn Fn(&Retry) + Sync),
    ) -> Result<(), NodeError> {
        let sink = self.with_retries(start, end, Some(path), on_retry).await?;
        if let Sink::File { mut file, path } = sink {
            let synced = async {
                file.flush().await?;
                file.sync_all().await
            };
            synced.await.map_err(|error| write_error(path, error))?;
        }
        Ok(())
    }

    async fn with_retries<'a>(
        &self,
        start: Slot,
        end: Slot,
        path: Option<&'a Path>,
        on_retry: &(dyn Fn(&Retry) + Sync),
    ) -> Result<Sink<'a>, NodeError> {
        let mut attempt = 1;
        loop {
            let (error, wait) = match self.attempt(start, end, path, attempt).await {
                Ok(sink) => return Ok(sink),
                Err(Trouble::Final(error)) => return Err(error),
                Err(Trouble::Again { error, wait }) => (error, wait),
            };
            if attempt >= self.options.attempts {
                return Err(error);
            }
            let pause = self.pause(attempt, wait);
            on_retry(&Retry { start, end, attempt, reason: error.to_string(), pause });
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    /// The pause after a failed attempt: doubling, between half and one and a half of it, at random.
    pub(crate) fn pause(&self, attempt: u32, asked: Option<Duration>) -> Duration {
        let doubled = self.options.first_pause.saturating_mul(1 << attempt.saturating_sub(1).min(16));
        let pause = doubled.min(self.options.longest_pause).mul_f64(jitter(random()));
        pause.max(asked.unwrap_or_default()).min(self.options.longest_pause)
    }

    async fn attempt<'a>(
        &self,
        start: Slot,
        end: Slot,
        path: Option<&'a Path>,
        attempt: u32,
    ) -> Result<Sink<'a>, Trouble> {
        let mut url = self.address.join("lighthouse/analysis/block_rewards");
        url.query_pairs_mut()
            .append_pair("start_slot", &start.to_string())
            .append_pair("end_slot", &end.to_string())
            .append_pair("include_attestations", "true");
        let request = self.client.get(url).header(ACCEPT, "application/json");
        let response = request.send().await.map_err(|error| self.transport(&error, attempt))?;
        if response.status() != StatusCode::OK {
            return Err(self.refusal(response, start, end, attempt).await);
        }
        self.body(response, start, end, path, attempt).await
    }

    async fn body<'a>(
        &self,
        mut response: Response,
        start: Slot,
        end: Slot,
        path: Option<&'a Path>,
        attempt: u32,
    ) -> Result<Sink<'a>, Trouble> {
        let limit = if path.is_some() { self.options.file_bytes } else { self.options.memory_bytes };
        let too_large = || Trouble::Final(NodeError::TooLarge { node: self.name.clone(), start, end, limit });
        let stated =
            response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if stated.is_some_and(|length: u64| length > limit) {
            return Err(too_large());
        }
        let mut sink = match path {
            None => Sink::Memory(BytesMut::new()),
            Some(path) => {
                let created = File::create(path).await;
                let file = created.map_err(|error| Trouble::Final(write_error(path, error)))?;
                Sink::File { file, path }
            }
        };
        let mut length = 0u64;
        while let Some(chunk) = response.chunk().await.map_err(|error| self.transport(&error, attempt))? {
            length += chunk.len() as u64;
            if length > limit {
                return Err(too_large());
            }
            match &mut sink {
                Sink::Memory(bytes) => bytes.extend_from_slice(&chunk),
                Sink::File { file, path } => {
                    file.write_all(&chunk).await.map_err(|error| Trouble::Final(write_error(path, error)))?;
                }
            }
        }
        Ok(sink)
    }

    /// No answer, or half of one.
    fn transport(&self, error: &reqwest::Error, attempts: u32) -> Trouble {
        let node = self.name.clone();
        let error = if error.is_timeout() {
            let limit =
                if error.is_connect() { self.options.connect_timeout } else { self.options.read_timeout };
            NodeError::Timeout { node, timeout: limit, attempts }
        } else if !error.is_connect() {
            NodeError::BrokenOff { node, reason: root_cause(error), attempts }
        } else {
            NodeError::Unreachable { node, reason: root_cause(error), attempts }
        };
        Trouble::Again { error, wait: None }
    }

    /// An answer that is no block rewards.
    async fn refusal(&self, mut response: Response, start: Slot, end: Slot, attempts: u32) -> Trouble {
        let status = response.status();
        let wait = asked_wait(&response);
        let node = self.name.clone();
        let message = own_words(&mut response).await;
        let code = status.as_u16();
        let wants_patience = status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED;
        match status {
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
                Trouble::Final(NodeError::NoSuchEndpoint { node })
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Trouble::Final(NodeError::Unauthorized { node, status: code })
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Trouble::Again {
                error: NodeError::Failed { node, start, end, status: code, message, attempts },
                wait,
            },
            _ if wants_patience => Trouble::Again {
                error: NodeError::Failed { node, start, end, status: code, message, attempts },
                wait,
            },
            _ => Trouble::Final(NodeError::Refused { node, start, end, status: code, message }),
        }
    }
}

fn write_error(path: &Path, error: std::io::Error) -> NodeError {
    NodeError::Write { path: path.display().to_string(), error }
}
