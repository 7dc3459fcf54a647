//! The client table: blocks, share, 95 % interval and a bar with the one-third line.

use std::fmt::Write as _;

use fingerprint::Client;
use pipeline::ClientCounts;
use serde::Serialize;

use super::style::{Characters, Style};
use super::table::thousands;

/// Where the bar begins.
const BAR_COLUMN: usize = 49;

/// Columns of the bar that stand for 100 %.
const BAR_FULL: f64 = 40.0;

/// One line of the client table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Share {
    /// The client in small letters, or "unknown".
    pub(crate) client: String,
    /// Blocks given to it.
    pub(crate) blocks: u64,
    /// Share of all blocks; null when there are none.
    pub(crate) share: Option<f64>,
    /// Lower end of the 95 % interval (Wilson).
    pub(crate) share_low: Option<f64>,
    /// Upper end of the 95 % interval (Wilson).
    pub(crate) share_high: Option<f64>,
    /// All blocks.
    pub(crate) n: u64,
    /// How it was made: verdicts as given.
    pub(crate) method: &'static str,
    #[serde(skip)]
    name: Option<Client>,
}

/// Counts per client as shares, largest first, Other and Unknown last.
pub(crate) fn shares(counts: &ClientCounts) -> Vec<Share> {
    let (n, unknown) = (counts.total(), counts.uncertain);
    let counts = &counts.clients;
    let share = |name: Option<Client>, blocks: u64| {
        let interval = (n > 0).then(|| fingerprint::score::wilson(blocks, n));
        Share {
            client: name.map_or("unknown".to_owned(), |client| client.name().to_lowercase()),
            blocks,
            share: (n > 0).then(|| blocks as f64 / n as f64),
            share_low: interval.map(|(low, _)| low),
            share_high: interval.map(|(_, high)| high),
            n,
            method: "counted",
            name,
        }
    };
    let mut named: Vec<Share> =
        Client::NAMED.into_iter().map(|client| share(Some(client), counts[client.index()])).collect();
    named.sort_by_key(|line| std::cmp::Reverse(line.blocks));
    let other = counts[Client::Other.index()];
    if other > 0 {
        named.push(share(Some(Client::Other), other));
    }
    named.push(share(None, unknown));
    named
}

/// The table of the verdicts, and the sentence under it.
pub(crate) fn table(style: Style, counts: &ClientCounts) -> String {
    let shares = shares(counts);
    format!("{}\n{}\n", render(style, &shares), verdict(&shares))
}

/// The table as text.
fn render(style: Style, shares: &[Share]) -> String {
    let third = (BAR_FULL / 3.0).round() as usize;
    let mut out = String::from("  Client       Blocks  Share %   95 % interval\n");
    let _ = writeln!(out, "{}", style.rule(72));
    for line in shares {
        let (share, low, high) =
            (line.share.unwrap_or(0.0), line.share_low.unwrap_or(0.0), line.share_high.unwrap_or(0.0));
        let numbers = if line.n == 0 {
            format!("{:>7}  {:>12}", "–", "–")
        } else {
            let dash = if style.characters == Characters::Unicode { '–' } else { '-' };
            format!("{:>7.1}  {:>5.1}{dash}{:>4.1}  ", share * 100.0, low * 100.0, high * 100.0)
        };
        let name = line.name.map_or("Unknown", Client::name);
        let _ = writeln!(
            out,
            "{} {:<11}{:>8}  {}     {}",
            style.mark(line.name),
            name,
            thousands(line.blocks),
            numbers,
            bar(style, line.name, share, third)
        );
    }
    let threshold = if style.characters == Characters::Unicode { '┊' } else { '|' };
    let _ = writeln!(out, "{:>width$}{threshold} 1/3", "", width = BAR_COLUMN + third);
    out
}

fn bar(style: Style, client: Option<Client>, share: f64, third: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let length = share * BAR_FULL;
    let whole = length.floor() as usize;
    let text = match style.characters {
        Characters::Ascii => "#".repeat(length.round() as usize),
        Characters::Unicode => {
            let eighth = ((length - length.floor()) * 8.0).floor() as usize;
            format!("{}{}", "█".repeat(whole), EIGHTHS.get(eighth).copied().unwrap_or(""))
        }
    };
    let drawn = text.chars().count();
    let mut line = style.paint(client, &text);
    if drawn <= third {
        line.push_str(&" ".repeat(third - drawn));
        line.push(if style.characters == Characters::Unicode { '┊' } else { '|' });
    }
    line
}

/// The sentence under the table; its words follow the interval, not the value.
fn verdict(shares: &[Share]) -> String {
    let Some(first) = shares.iter().find(|line| line.name.is_some()) else {
        return String::new();
    };
    let n = first.n;
    let (Some(low), Some(high), Some(client)) = (first.share_low, first.share_high, first.name) else {
        return "No blocks, so there is nothing to count.".to_owned();
    };
    let blocks = if n == 1 { "1 block is".to_owned() } else { format!("{} blocks are", thousands(n)) };
    if n < 200 {
        return format!("{blocks} too few to say whether a client is above one third.");
    }
    if low > 2.0 / 3.0 {
        format!("{client} built more than two thirds of these blocks.")
    } else if low > 1.0 / 3.0 {
        format!("{client} built more than one third of these blocks.")
    } else if high >= 1.0 / 3.0 {
        format!("{client} is too close to one third to call.")
    } else {
        "No client built more than one third of these blocks.".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::style::ColorDepth;

    #[test]
    fn the_table_has_a_line_per_client_and_the_third() {
        let style = Style { color: ColorDepth::None, characters: Characters::Unicode };
        let lines = shares(&ClientCounts { clients: [1, 27, 2, 6, 0, 18, 5], uncertain: 2 });
        let text = render(style, &lines);
        assert!(text.contains("● Lighthouse       27     44.3   32.5–56.7       █"), "{text}");
        let third = |line: &str| line.chars().position(|c| c == '┊');
        let columns: Vec<_> = text.lines().filter_map(third).collect();
        assert!(columns.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
        assert!(verdict(&lines).contains("too few"));
    }

    #[test]
    fn words_follow_the_interval() {
        let words = |clients: [u64; 7]| verdict(&shares(&ClientCounts { clients, uncertain: 0 }));
        assert!(words([0, 900, 0, 0, 0, 100, 0]).contains("two thirds"));
        assert!(words([0, 500, 0, 0, 0, 500, 0]).contains("more than one third"));
        assert!(words([250, 330, 210, 210, 0, 0, 0]).contains("too close"));
        assert!(words([2000, 2000, 2000, 2000, 0, 2000, 0]).starts_with("No client"));
        assert!(words([0; 7]).starts_with("No blocks"));
    }
}
