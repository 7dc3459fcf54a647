//! How much of the chain is kept in memory.

/// What a view keeps at most. With a million validators a block and what it paid take about a megabyte, a state that
/// shares nothing about 20 MB beside the columns that hardly change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViewLimits {
    /// Blocks that are not final. When there are more, because the chain does not finalize, old blocks of the head's
    /// chain count as final, and side branches are forgotten.
    pub blocks: usize,
    /// Final blocks whose rewards stay known.
    pub history: usize,
    /// Blocks that wait for their parent.
    pub waiting: usize,
    /// States beside that of the anchor.
    pub states: usize,
    /// Slots without a block between a block and its parent.
    pub empty_slots: u64,
}

impl Default for ViewLimits {
    fn default() -> Self {
        Self { blocks: 1024, history: 256, waiting: 128, states: 14, empty_slots: 8192 }
    }
}
