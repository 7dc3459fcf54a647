//! The table of consensus clients: the order, names, marks and colours used everywhere.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A consensus client, in the lexicographic order that every list, map and column keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Client {
    /// Grandine.
    Grandine,
    /// Lighthouse.
    Lighthouse,
    /// Lodestar.
    Lodestar,
    /// Nimbus.
    Nimbus,
    /// Several clients that were grouped, or one outside the list.
    Other,
    /// Prysm.
    Prysm,
    /// Teku.
    Teku,
}

/// The name for "no single client": no probability map, or none or too many candidates.
pub const UNCERTAIN: &str = "Uncertain";

impl Client {
    /// All clients, in order.
    pub const ALL: [Self; 7] = [
        Self::Grandine,
        Self::Lighthouse,
        Self::Lodestar,
        Self::Nimbus,
        Self::Other,
        Self::Prysm,
        Self::Teku,
    ];

    /// The clients that blockprint's interfaces give a probability for: all but [`Client::Other`].
    pub const NAMED: [Self; 6] =
        [Self::Grandine, Self::Lighthouse, Self::Lodestar, Self::Nimbus, Self::Prysm, Self::Teku];

    /// The name as printed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Grandine => "Grandine",
            Self::Lighthouse => "Lighthouse",
            Self::Lodestar => "Lodestar",
            Self::Nimbus => "Nimbus",
            Self::Other => "Other",
            Self::Prysm => "Prysm",
            Self::Teku => "Teku",
        }
    }

    /// The position in [`Client::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The client at a position of [`Client::ALL`].
    pub fn from_index(index: usize) -> Option<Self> {
        Self::ALL.get(index).copied()
    }

    /// The mark beside the name on pages and in terminals that know Unicode.
    pub const fn mark(self) -> char {
        match self {
            Self::Grandine => '⬢',
            Self::Lighthouse => '●',
            Self::Lodestar => '⬟',
            Self::Nimbus => '◆',
            Self::Other => '×',
            Self::Prysm => '▲',
            Self::Teku => '■',
        }
    }

    /// The mark in terminals without Unicode.
    pub const fn ascii_mark(self) -> char {
        match self {
            Self::Grandine => 'h',
            Self::Lighthouse => 'o',
            Self::Lodestar => 'p',
            Self::Nimbus => '*',
            Self::Other => 'x',
            Self::Prysm => '^',
            Self::Teku => '#',
        }
    }

    /// The colour on a light ground, `#RRGGBB`.
    pub const fn color_light(self) -> &'static str {
        match self {
            Self::Grandine => "#126749",
            Self::Lighthouse => "#591B8D",
            Self::Lodestar => "#CC4673",
            Self::Nimbus => "#AB8437",
            Self::Other => "#868D97",
            Self::Prysm => "#3B7CBD",
            Self::Teku => "#6E2804",
        }
    }

    /// The colour on a dark ground, `#RRGGBB`.
    pub const fn color_dark(self) -> &'static str {
        match self {
            Self::Grandine => "#77F1C7",
            Self::Lighthouse => "#7D57C2",
            Self::Lodestar => "#B04A69",
            Self::Nimbus => "#FBD347",
            Self::Other => "#8A93A0",
            Self::Prysm => "#58A5F8",
            Self::Teku => "#DA7D54",
        }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a text is not a client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a client; known are Grandine, Lighthouse, Lodestar, Nimbus, Other, Prysm and Teku")]
pub struct UnknownClient(pub String);

impl FromStr for Client {
    type Err = UnknownClient;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|client| client.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownClient(text.to_owned()))
    }
}

/// A set of clients, kept in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ClientSet(u8);

impl ClientSet {
    /// No client.
    pub const EMPTY: Self = Self(0);

    /// Whether the client is in the set.
    pub const fn contains(self, client: Client) -> bool {
        self.0 & (1 << client as u8) != 0
    }

    /// The set with the client in it.
    #[must_use]
    pub const fn with(self, client: Client) -> Self {
        Self(self.0 | (1 << client as u8))
    }

    /// Clients in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether the set has no client.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The clients, in order.
    pub fn iter(self) -> impl Iterator<Item = Client> {
        Client::ALL.into_iter().filter(move |client| self.contains(*client))
    }
}

impl FromIterator<Client> for ClientSet {
    fn from_iter<I: IntoIterator<Item = Client>>(clients: I) -> Self {
        clients.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl Serialize for ClientSet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for ClientSet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<Client>::deserialize(deserializer).map(|clients| clients.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_lexicographic_and_indices_agree() {
        assert!(Client::ALL.windows(2).all(|pair| pair[0].name() < pair[1].name()));
        for (index, client) in Client::ALL.into_iter().enumerate() {
            assert_eq!(client.index(), index);
            assert_eq!(Client::from_index(index), Some(client));
            assert_eq!(client.name().to_lowercase().parse(), Ok(client));
        }
        assert!("Erigon".parse::<Client>().is_err());
    }

    #[test]
    fn sets_keep_the_order() {
        let set: ClientSet = [Client::Teku, Client::Grandine].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [Client::Grandine, Client::Teku]);
        assert!(!set.contains(Client::Prysm));
    }
}
