//! Why nodes gave no answer that can be used.

use std::time::Duration;

use crate::http::shortened;

/// Why something could not be had from any node. Nodes are named without user and password.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// A URL is none.
    #[error("the URL of the beacon node can't be used, because {reason}")]
    Url {
        /// What is wrong with it.
        reason: String,
    },
    /// No node is named.
    #[error("no beacon node is named; give at least one URL")]
    NoNodes,
    /// A node gave no answer, or one that can't be used.
    #[error("{asked} can't be had from the beacon node at {node}: {problem}{}{}", after(*attempts), others_said(others))]
    Node {
        /// What was asked for.
        asked: String,
        /// The node that was asked last.
        node: String,
        /// What went wrong.
        problem: Box<ApiProblem>,
        /// How often it was asked.
        attempts: u32,
        /// What went wrong with the other nodes.
        others: Vec<(String, ApiProblem)>,
    },
}

impl ApiError {
    /// What went wrong with the node that was asked last.
    pub fn problem(&self) -> Option<&ApiProblem> {
        match self {
            Self::Node { problem, .. } => Some(problem),
            Self::Url { .. } | Self::NoNodes => None,
        }
    }
}

fn after(attempts: u32) -> String {
    if attempts > 1 { format!(" (asked {attempts} times)") } else { String::new() }
}

fn others_said(others: &[(String, ApiProblem)]) -> String {
    others.iter().map(|(node, problem)| format!("; nor from the one at {node}: {problem}")).collect()
}

/// What went wrong with one node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiProblem {
    /// No connection.
    #[error("it can't be reached, because {reason}")]
    Unreachable {
        /// Why.
        reason: String,
    },
    /// The connection broke in the middle of the answer.
    #[error("it broke off its answer, because {reason}")]
    BrokenOff {
        /// Why.
        reason: String,
    },
    /// Nothing came in time.
    #[error("nothing, or no whole answer, came for {} s", timeout.as_secs_f32())]
    Timeout {
        /// The limit.
        timeout: Duration,
    },
    /// It failed, and may do better later.
    #[error("it failed with status {status}: {message}")]
    Failed {
        /// The status.
        status: u16,
        /// Its own words.
        message: String,
        /// How long it asks to be left alone.
        wait: Option<Duration>,
    },
    /// It refuses; asking again will not help.
    #[error("it refused with status {status}: {message}")]
    Refused {
        /// The status.
        status: u16,
        /// Its own words.
        message: String,
    },
    /// It wants a user and password, or others.
    #[error("it wants other credentials (status {status}); give them in the URL as user:password@")]
    Unauthorized {
        /// The status.
        status: u16,
    },
    /// It does not have it: the thing itself or the address.
    #[error("it has no such thing: {message}")]
    Absent {
        /// Its own words.
        message: String,
    },
    /// The answer is larger than is taken.
    #[error("its answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The answer ends in the middle.
    #[error("its answer ends in the middle: {reason}")]
    CutShort {
        /// What is missing.
        reason: String,
    },
    /// The answer is not what the address gives.
    #[error("its answer can't be read: {reason}")]
    Unreadable {
        /// What is wrong, with the field.
        reason: String,
    },
    /// The answer is well-formed, and is not the answer to the question.
    #[error("its answer is wrong{}: {field} is {found}, where {expected} was expected", at_slot(*slot))]
    Wrong {
        /// The slot that it is about.
        slot: Option<u64>,
        /// The field.
        field: &'static str,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
}

fn at_slot(slot: Option<u64>) -> String {
    slot.map_or_else(String::new, |slot| format!(" for slot {slot}"))
}

/// What to do after a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The same node may do better later; it is not well.
    Later,
    /// The node is well, its answer final; another one may have a better one.
    Elsewhere,
}

impl ApiProblem {
    pub(super) fn next(&self) -> Next {
        match self {
            Self::Unreachable { .. }
            | Self::BrokenOff { .. }
            | Self::Timeout { .. }
            | Self::Failed { .. }
            | Self::CutShort { .. } => Next::Later,
            Self::Refused { .. }
            | Self::Unauthorized { .. }
            | Self::Absent { .. }
            | Self::TooLarge { .. }
            | Self::Unreadable { .. }
            | Self::Wrong { .. } => Next::Elsewhere,
        }
    }

    pub(super) fn wait(&self) -> Option<Duration> {
        match self {
            Self::Failed { wait, .. } => *wait,
            _ => None,
        }
    }

    pub(super) fn unreadable(reason: impl ToString) -> Self {
        Self::Unreadable { reason: shortened(&reason.to_string()) }
    }

    pub(super) fn wrong(
        slot: Option<u64>,
        field: &'static str,
        expected: impl ToString,
        found: impl ToString,
    ) -> Self {
        Self::Wrong { slot, field, expected: expected.to_string(), found: shortened(&found.to_string()) }
    }
}
