//! What generated blocks write into their graffiti.

use fingerprint::Client;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// How blocks sign themselves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GraffitiHabit {
    /// No block names its client.
    Unsigned,
    /// This share of the blocks names its client, half by name and version, half by version codes.
    Signed {
        /// From 0 to 1.
        share: f64,
    },
}

const EXECUTION_CODES: [&str; 6] = ["GE", "NM", "BU", "EG", "RH", "EJ"];

pub(crate) fn write(habit: GraffitiHabit, client: Client, number: usize, rng: &mut ChaCha8Rng) -> String {
    let share = match habit {
        GraffitiHabit::Unsigned => 0.0,
        GraffitiHabit::Signed { share } if share.is_finite() => share.clamp(0.0, 1.0),
        GraffitiHabit::Signed { .. } => 0.0,
    };
    let signs = rng.random_bool(share);
    let by_code = rng.random_bool(0.5);
    let commits: (u16, u16) = rng.random();
    let execution = EXECUTION_CODES.get(rng.random_range(0..EXECUTION_CODES.len())).copied().unwrap_or("GE");
    let Some((name, code)) = signature(client).filter(|_| signs) else {
        return format!("generated {number}");
    };
    if by_code {
        format!("{execution}{:04x}{code}{:04x}", commits.0, commits.1)
    } else {
        format!("{name} generated {number}")
    }
}

fn signature(client: Client) -> Option<(&'static str, &'static str)> {
    Some(match client {
        Client::Grandine => ("Grandine/1.1.4", "GR"),
        Client::Lighthouse => ("Lighthouse/v7.1.0", "LH"),
        Client::Lodestar => ("Lodestar-v1.34", "LS"),
        Client::Nimbus => ("Nimbus/v25.9.0", "NB"),
        Client::Prysm => ("Prysm/v6.0.4", "PM"),
        Client::Teku => ("teku/v25.9.1", "TK"),
        Client::Other => return None,
    })
}
