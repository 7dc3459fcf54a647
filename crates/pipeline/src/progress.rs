//! How a long job tells what it is doing, without knowing who listens.

/// Listens to a long job. Calls come from any thread.
pub trait Progress: Sync {
    /// A part of the job begins: what it does, how many units it has (where known), and what a unit is.
    fn start(&self, what: &str, total: Option<u64>, unit: &str);
    /// So many more units are done.
    fn advance(&self, n: u64);
    /// The part is over; the summary is a sentence.
    fn finish(&self, summary: &str);
}

/// Listens to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn start(&self, _what: &str, _total: Option<u64>, _unit: &str) {}

    fn advance(&self, _n: u64) {}

    fn finish(&self, _summary: &str) {}
}
