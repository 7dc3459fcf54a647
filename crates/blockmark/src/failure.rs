//! Failures as sentences for the person at the keyboard, and the exit codes.

use std::fmt::Display;
use std::process::ExitCode;

use pipeline::BadInput;
use serde_json::json;

use crate::output::say;

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
    message: String,
    /// What to do about it: a command line that the program takes.
    hint: String,
    /// Whether it was the command line that was wrong.
    usage: Usage,
}

/// Whether the command line was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Usage {
    /// It was right; the work failed.
    Right,
    /// It was wrong: exit code 2.
    Wrong,
}

/// An error with a command line that helps.
pub(crate) fn hinted(message: impl Display, hint: impl Display) -> anyhow::Error {
    Hinted { message: message.to_string(), hint: hint.to_string(), usage: Usage::Right }.into()
}

/// A wrong command line, with a better one.
pub(crate) fn usage(message: impl Display, hint: impl Display) -> anyhow::Error {
    Hinted { message: message.to_string(), hint: hint.to_string(), usage: Usage::Wrong }.into()
}

/// A word of a command line as a shell takes it.
pub(crate) fn quoted(word: impl Display) -> String {
    let word = word.to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
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
    if error.chain().any(is_full_disk) {
        message =
            format!("{}; free some space, then run the same command again", message.trim_end_matches('.'));
    }
    let code = match hinted.map(|hinted| hinted.usage) {
        Some(Usage::Wrong) => Code::Usage,
        _ => Code::Failed,
    };
    print(code, &message, hinted.map(|hinted| hinted.hint.as_str()), json)
}

/// Whether the system said that there is no room. Some errors carry that as text only.
fn is_full_disk(cause: &(dyn std::error::Error + 'static)) -> bool {
    let kind = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    kind == Some(std::io::ErrorKind::StorageFull) || cause.to_string().contains("No space left on device")
}

/// Reports words that are no command line. Help and version, which arrive the same way, are printed.
pub(crate) fn report_words(error: &clap::Error, json: bool) -> ExitCode {
    if !error.use_stderr() || !json {
        // As with help: where it can't be written, nobody is there to be told.
        let _ = error.print();
        return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
    }
    let text = error.render().to_string();
    let words = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
    print(Code::Usage, &words.split_whitespace().collect::<Vec<_>>().join(" "), Some("blockmark help"), json)
}

#[derive(Clone, Copy)]
enum Code {
    Failed,
    Usage,
}

fn print(code: Code, message: &str, hint: Option<&str>, json: bool) -> ExitCode {
    let (name, exit) = match code {
        Code::Failed => ("failed", 1),
        Code::Usage => ("usage", 2),
    };
    if json {
        say::note(json!({ "error": { "code": name, "message": message, "hint": hint } }));
    } else {
        say::note(format_args!("error: {message}"));
        if let Some(hint) = hint {
            say::note(format_args!("  try: {hint}"));
        }
    }
    ExitCode::from(exit)
}

/// Lists inputs that were bad on standard error: as text the first ten, as JSON all of them in one line.
pub(crate) fn list_bad(bad: &[BadInput], good: u64, what: &str, json: bool) -> Outcome {
    if bad.is_empty() {
        return Outcome::Done;
    }
    let of = good + bad.len() as u64;
    if json {
        say::note(json!({ "bad_inputs": { "count": bad.len(), "of": of, "inputs": bad } }));
        return Outcome::SomeBad;
    }
    let verb = if bad.len() == 1 { "was" } else { "were" };
    say::note(format_args!("{} of {of} {what} {verb} bad:", bad.len()));
    for line in bad.iter().take(10) {
        say::note(format_args!("  {line}"));
    }
    if bad.len() > 10 {
        say::note(format_args!("  … and {} more", bad.len() - 10));
    }
    Outcome::SomeBad
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_cut_or_read_them() {
        assert_eq!(quoted("data/a-b_c.bmm"), "data/a-b_c.bmm");
        assert_eq!(quoted("my data"), "'my data'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
