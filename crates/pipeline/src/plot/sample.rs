//! Which rows a picture shows: at most so many per client, the same ones every time.

use fingerprint::Client;

/// The rows of a picture, and how many there were to choose from.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// Rows to draw, clients mixed, so that none covers the others.
    pub(crate) rows: Vec<usize>,
    /// All rows per client, in the order of [`Client::ALL`].
    pub(crate) totals: [u64; Client::ALL.len()],
    /// The most rows drawn per client.
    pub(crate) per_client: usize,
}

impl Sample {
    /// Chooses by a hash of the row's identity, so that neither order nor other rows matter.
    pub(crate) fn choose(labels: &[Client], identity: impl Fn(usize) -> u64, per_client: usize) -> Self {
        let mut totals = [0; Client::ALL.len()];
        let mut ranked: Vec<Vec<(u64, usize)>> = vec![Vec::new(); Client::ALL.len()];
        for (row, label) in labels.iter().enumerate() {
            if let (Some(total), Some(ranks)) = (totals.get_mut(label.index()), ranked.get_mut(label.index()))
            {
                *total += 1;
                ranks.push((mixed(identity(row)), row));
            }
        }
        let mut chosen: Vec<(u64, usize)> = Vec::new();
        for mut ranks in ranked {
            if ranks.len() > per_client && per_client > 0 {
                ranks.select_nth_unstable(per_client - 1);
            }
            ranks.truncate(per_client);
            chosen.extend(ranks.into_iter().map(|(rank, row)| (mixed(rank), row)));
        }
        chosen.sort_unstable();
        Self { rows: chosen.into_iter().map(|(_, row)| row).collect(), totals, per_client }
    }

    /// All rows there were.
    pub(crate) fn total(&self) -> u64 {
        self.totals.iter().sum()
    }
}

/// A number that looks random for every other number (the finaliser of SplitMix64).
pub(crate) const fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

/// A number from −1 to 1 that follows from another.
pub(crate) fn wobble(number: u64) -> f64 {
    (mixed(number) >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_rows_are_chosen_and_no_client_has_more_than_its_share() {
        let labels: Vec<Client> = (0..1000).map(|row| Client::ALL[row % 3]).collect();
        let sample = Sample::choose(&labels, |row| row as u64, 50);
        assert_eq!(sample.rows.len(), 150);
        assert_eq!(sample.total(), 1000);
        assert_eq!(sample.rows, Sample::choose(&labels, |row| row as u64, 50).rows);
        assert!((0..100).map(wobble).all(|value| (-1.0..=1.0).contains(&value)));
    }
}
