//! The content of a column as it was when last hashed.

use std::sync::{Arc, Weak};

/// A copy of a column, and the memory that it was copied from.
///
/// The memory is held weakly. That is enough to know it again, since a write to it moves the column elsewhere, and it
/// lets the writer go on without copying the column. A copy of our own, in turn, never has to be made anew.
pub(super) struct Mirror<T> {
    memory: Weak<Vec<T>>,
    /// The content.
    pub(super) items: Vec<T>,
}

impl<T> Default for Mirror<T> {
    fn default() -> Self {
        Self { memory: Weak::new(), items: Vec::new() }
    }
}

impl<T> Mirror<T> {
    /// Whether a column is the very memory that was copied, and so is unchanged.
    pub(super) fn is_of(&self, column: &Arc<Vec<T>>) -> bool {
        std::ptr::eq(Weak::as_ptr(&self.memory), Arc::as_ptr(column))
    }

    /// Says that the copy is now that of a column.
    pub(super) fn set_memory(&mut self, column: &Arc<Vec<T>>) {
        self.memory = Arc::downgrade(column);
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        self.items.capacity() * size_of::<T>()
    }
}
