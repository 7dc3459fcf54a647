//! Progress on standard error: one line rewritten on a terminal, a plain line every 30 s elsewhere.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pipeline::Progress;

use super::say;
use super::table::thousands;

/// How often a line is written where standard error is no terminal.
const PLAIN_INTERVAL: Duration = Duration::from_secs(30);

/// Shows a long job on standard error.
pub(crate) struct Shown {
    bar: Mutex<Option<ProgressBar>>,
    plain: Mutex<Plain>,
    done: AtomicU64,
    terminal: bool,
}

struct Plain {
    what: String,
    unit: String,
    total: Option<u64>,
    last: Instant,
}

impl Shown {
    /// A listener that writes to standard error.
    pub(crate) fn new() -> Self {
        Self {
            bar: Mutex::new(None),
            plain: Mutex::new(Plain {
                what: String::new(),
                unit: String::new(),
                total: None,
                last: Instant::now(),
            }),
            done: AtomicU64::new(0),
            terminal: std::io::stderr().is_terminal(),
        }
    }

    fn bar_for(what: &str, total: Option<u64>, unit: &str) -> ProgressBar {
        let template = match total {
            Some(_) => format!(
                "{{msg}}  {{human_pos}} of {{human_len}} {unit}  {{percent}} %  {{per_sec}}  about {{eta}} left"
            ),
            None => format!("{{msg}}  {{human_pos}} {unit}  {{per_sec}}"),
        };
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(10));
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        bar
    }
}

impl Progress for Shown {
    fn start(&self, what: &str, total: Option<u64>, unit: &str) {
        self.done.store(0, Ordering::Relaxed);
        if self.terminal {
            if let Ok(mut bar) = self.bar.lock() {
                *bar = Some(Self::bar_for(what, total, unit));
            }
        } else if let Ok(mut plain) = self.plain.lock() {
            *plain = Plain { what: what.to_owned(), unit: unit.to_owned(), total, last: Instant::now() };
        }
    }

    fn advance(&self, n: u64) {
        let done = self.done.fetch_add(n, Ordering::Relaxed) + n;
        if self.terminal {
            if let Ok(bar) = self.bar.lock()
                && let Some(bar) = bar.as_ref()
            {
                bar.inc(n);
            }
        } else if let Ok(mut plain) = self.plain.try_lock()
            && plain.last.elapsed() >= PLAIN_INTERVAL
        {
            plain.last = Instant::now();
            let total = plain.total.map(|total| format!(" of {}", thousands(total))).unwrap_or_default();
            say::note(format_args!("{}  {}{total} {}", plain.what, thousands(done), plain.unit));
        }
    }

    fn finish(&self, summary: &str) {
        if let Ok(mut bar) = self.bar.lock()
            && let Some(bar) = bar.take()
        {
            bar.finish_and_clear();
        }
        if !summary.is_empty() {
            say::note(summary);
        }
    }
}

impl store::ImportProgress for Shown {
    fn total(&self, rows: u64) {
        self.start("Importing", Some(rows), "rows");
    }

    fn advance(&self, rows: u64) {
        Progress::advance(self, rows);
    }
}

impl store::CopyProgress for Shown {
    fn total(&self, blocks: u64) {
        self.start("Copying and comparing", Some(blocks), "blocks");
    }

    fn advance(&self, blocks: u64) {
        Progress::advance(self, blocks);
    }
}
