//! Failures as sentences for the person at the keyboard, and the exit codes.

use std::fmt::Display;
use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All done.
    Done,
    /// Done, but some inputs were bad and were listed.
    SomeBad,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::SomeBad => Self::from(3),
        }
    }
}

/// An error with a next step.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Hinted {
    /// What could not be done.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: String,
    /// Whether it was the command line that was wrong.
    pub(crate) usage: Usage,
}

/// Whether the command line was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usage {
    /// It was right; the work failed.
    Right,
    /// It was wrong: exit code 2.
    Wrong,
}

/// An error with a next step.
pub(crate) fn hinted(message: impl Display, hint: impl Display) -> anyhow::Error {
    Hinted { message: message.to_string(), hint: hint.to_string(), usage: Usage::Right }.into()
}

/// A wrong command line.
pub(crate) fn usage(message: impl Display, hint: impl Display) -> anyhow::Error {
    Hinted { message: message.to_string(), hint: hint.to_string(), usage: Usage::Wrong }.into()
}

/// Writes the error to standard error, as JSON if the result would have been, and names the exit code.
pub(crate) fn report(error: &anyhow::Error, json: bool) -> ExitCode {
    let hinted = error.chain().find_map(|cause| cause.downcast_ref::<Hinted>());
    let mut message = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if message.is_empty() {
            message = text;
        } else if !message.contains(&text) {
            message = format!("{}, because {text}", message.trim_end_matches('.'));
        }
    }
    if json {
        let body = serde_json::json!({
            "error": { "code": "failed", "message": message, "hint": hinted.map(|hinted| hinted.hint.as_str()) }
        });
        eprintln!("{body}");
    } else {
        eprintln!("error: {message}");
        if let Some(hinted) = hinted {
            eprintln!("  try: {}", hinted.hint);
        }
    }
    match hinted.map(|hinted| hinted.usage) {
        Some(Usage::Wrong) => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}

/// Lists inputs that were bad, the first ten, on standard error.
pub(crate) fn list_bad(bad: &[String], of: u64, what: &str) -> Outcome {
    if bad.is_empty() {
        return Outcome::Done;
    }
    let verb = if bad.len() == 1 { "was" } else { "were" };
    eprintln!("{} of {of} {what} {verb} bad:", bad.len());
    for line in bad.iter().take(10) {
        eprintln!("  {line}");
    }
    if bad.len() > 10 {
        eprintln!("  … and {} more", bad.len() - 10);
    }
    Outcome::SomeBad
}
