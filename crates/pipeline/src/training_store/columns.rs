//! The plain columns of a training set on disk, before they mean features of this version.

use consensus::Root;
use fingerprint::Client;

/// A column of few distinct words: the words, and which of them each row holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WordColumn {
    words: Vec<String>,
    rows: Vec<u16>,
}

impl WordColumn {
    /// A column of one word repeated.
    pub(crate) fn constant(word: &str, rows: usize) -> Self {
        Self { words: vec![word.to_owned()], rows: vec![0; rows] }
    }

    /// Appends a row.
    pub(crate) fn push(&mut self, word: &str) {
        let index = self.index_of(word);
        self.rows.push(index);
    }

    /// Appends the rows of another column; each distinct word is looked up once.
    fn extend_from(&mut self, other: &Self) {
        let indices: Vec<u16> = other.words.iter().map(|word| self.index_of(word)).collect();
        self.rows.extend(other.rows.iter().map(|&row| indices.get(usize::from(row)).copied().unwrap_or(0)));
    }

    /// The position of a word, a new one for an unknown word. The last of [`MAX_WORDS`] is "other": the column is a
    /// note, not an identity.
    fn index_of(&mut self, word: &str) -> u16 {
        let known = self.words.iter().position(|known| known == word);
        let index = known.unwrap_or_else(|| {
            if self.words.len() >= MAX_WORDS {
                return MAX_WORDS - 1;
            }
            self.words.push(if self.words.len() + 1 == MAX_WORDS { "other" } else { word }.to_owned());
            self.words.len() - 1
        });
        u16::try_from(index).unwrap_or(u16::MAX)
    }

    /// The word of a row.
    pub(crate) fn get(&self, row: usize) -> &str {
        self.rows.get(row).and_then(|&index| self.words.get(usize::from(index))).map_or("", String::as_str)
    }

    /// Appends the word of the last row once more.
    pub(crate) fn repeat_last(&mut self) {
        self.rows.extend(self.rows.last().copied());
    }

    /// The distinct words.
    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }

    /// Per row, the position of its word.
    pub(crate) fn rows(&self) -> &[u16] {
        &self.rows
    }

    fn permuted(&self, order: &[usize]) -> Self {
        let rows = order.iter().filter_map(|&row| self.rows.get(row).copied()).collect();
        Self { words: self.words.clone(), rows }
    }
}

/// The most distinct words a [`WordColumn`] tells apart: client generations are a few hundred.
const MAX_WORDS: usize = 4096;

/// Where a row's label comes from, and what else is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Provenance {
    /// What gave the label: "graffiti", "folder" or "unknown".
    pub(crate) label_source: WordColumn,
    /// The fork the slot belongs to, or "unknown".
    pub(crate) fork: WordColumn,
    /// The client's version up to the minor number as the graffiti states it, or "unknown".
    pub(crate) client_generation: WordColumn,
}

impl Provenance {
    /// Nothing is known of any row.
    pub(crate) fn unknown(rows: usize) -> Self {
        let unknown = WordColumn::constant("unknown", rows);
        Self { label_source: unknown.clone(), fork: unknown.clone(), client_generation: unknown }
    }
}

/// A column of numbers with its name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NamedColumn {
    pub(crate) name: String,
    pub(crate) values: Vec<f64>,
}

impl NamedColumn {
    /// Whether every block has a value.
    pub(crate) fn is_complete(&self) -> bool {
        !self.values.iter().any(|value| value.is_nan())
    }
}

/// A training set as columns; all have the same number of rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Columns {
    pub(crate) block_roots: Vec<Root>,
    pub(crate) slots: Vec<u64>,
    pub(crate) labels: Vec<Client>,
    pub(crate) provenance: Provenance,
    pub(crate) features: Vec<NamedColumn>,
}

impl Columns {
    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.block_roots.len()
    }

    /// Appends the rows of another set with the same feature columns.
    pub(crate) fn append(&mut self, other: Self) {
        if self.features.is_empty() {
            *self = other;
            return;
        }
        self.block_roots.extend(other.block_roots);
        self.slots.extend(other.slots);
        self.labels.extend(other.labels);
        for (column, more) in self.features.iter_mut().zip(other.features) {
            column.values.extend(more.values);
        }
        self.provenance.label_source.extend_from(&other.provenance.label_source);
        self.provenance.fork.extend_from(&other.provenance.fork);
        self.provenance.client_generation.extend_from(&other.provenance.client_generation);
    }

    /// Leaves out the rows that lack a value of one of the named features; returns how many.
    pub(crate) fn keep_complete_rows(&mut self, features: &[String]) -> usize {
        let checked: Vec<&NamedColumn> =
            self.features.iter().filter(|column| features.contains(&column.name)).collect();
        let whole = |row: &usize| {
            checked.iter().all(|column| column.values.get(*row).is_none_or(|value| !value.is_nan()))
        };
        let rows: Vec<usize> = (0..self.len()).filter(whole).collect();
        let left_out = self.len() - rows.len();
        if left_out > 0 {
            self.permute(&rows);
        }
        left_out
    }

    /// The given rows in the given order.
    fn permute(&mut self, order: &[usize]) {
        self.block_roots = permuted(&self.block_roots, order);
        self.slots = permuted(&self.slots, order);
        self.labels = permuted(&self.labels, order);
        for column in &mut self.features {
            column.values = permuted(&column.values, order);
        }
        self.provenance = Provenance {
            label_source: self.provenance.label_source.permuted(order),
            fork: self.provenance.fork.permuted(order),
            client_generation: self.provenance.client_generation.permuted(order),
        };
    }

    /// Sorts by label and block root and keeps one row per root; returns how many repeated rows went.
    pub(crate) fn canonicalise(&mut self) -> usize {
        let key = |row: &usize| {
            let label = self.labels.get(*row).copied().map_or(usize::MAX, Client::index);
            (label, self.block_roots.get(*row).copied().unwrap_or_default(), self.slots.get(*row).copied())
        };
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_cached_key(key);
        // Rows that agree in all of these are one block read twice, or contradict each other: then the values decide
        // which one stays, not the order of reading.
        let values = |row: usize| {
            self.features.iter().map(move |column| column.values.get(row).map(|value| value.to_bits()))
        };
        for same in order.chunk_by_mut(|a, b| key(a) == key(b)).filter(|same| same.len() > 1) {
            same.sort_by(|a, b| values(*a).cmp(values(*b)));
        }
        let before = order.len();
        order.dedup_by_key(|row| self.block_roots.get(*row).copied());
        let repeated = before - order.len();
        if repeated == 0 && order.iter().copied().eq(0..before) {
            return 0;
        }
        self.permute(&order);
        repeated
    }
}

fn permuted<T: Copy>(values: &[T], order: &[usize]) -> Vec<T> {
    order.iter().filter_map(|&row| values.get(row).copied()).collect()
}
