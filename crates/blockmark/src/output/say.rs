//! Writing to standard output and standard error without falling over when nobody takes it.

use std::fmt::Display;
use std::io::{self, Write as _};

use anyhow::{Context as _, Result};

use super::table::thousands;

/// Writes a part of the result, as it is. An error if it can't be written.
pub(crate) fn result(text: impl Display) -> Result<()> {
    let mut out = io::stdout().lock();
    write!(out, "{text}").and_then(|()| out.flush()).context("the result can't be written")
}

/// Writes a line of the result.
pub(crate) fn result_line(text: impl Display) -> Result<()> {
    result(format_args!("{text}\n"))
}

/// Writes a line on standard error. There is nobody to tell if that fails.
pub(crate) fn note(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Says how many blocks came more than once, if any did.
pub(crate) fn repeated(blocks: u64) {
    match blocks {
        0 => {}
        1 => note("note: 1 block came more than once and counts once."),
        blocks => {
            note(format_args!("note: {} blocks came more than once and count once.", thousands(blocks)))
        }
    }
}
