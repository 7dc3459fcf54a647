//! Confusion as a picture for other pages; pages of our own have a table.

use fingerprint::Client;
use fingerprint::score::ConfusionMatrix;

use super::{Anchor, Layout, Series, Svg};

/// The step of the ramp for a part of a row: 0 below half a percent, 5 from 80 % on.
pub(crate) fn ramp_step(part: f64) -> usize {
    [0.005, 0.02, 0.10, 0.40, 0.80].iter().filter(|limit| part >= **limit).count()
}

/// Two letters, for narrow columns.
pub(crate) const fn short_name(verdict: Option<Client>) -> &'static str {
    match verdict {
        Some(Client::Grandine) => "GR",
        Some(Client::Lighthouse) => "LH",
        Some(Client::Lodestar) => "LS",
        Some(Client::Nimbus) => "NB",
        Some(Client::Other) => "OT",
        Some(Client::Prysm) => "PR",
        Some(Client::Teku) => "TK",
        None => "?",
    }
}

const ROW_HEIGHT: f64 = 34.0;
const LEFT: f64 = 96.0;
const HEAD: f64 = 26.0;

/// Rows are true clients, columns verdicts, cells percent of their row.
pub(crate) fn confusion(id: &str, layout: Layout, matrix: &ConfusionMatrix, description: &str) -> String {
    let width = layout.width();
    let clients: Vec<Client> = matrix.clients().collect();
    let verdicts: Vec<Option<Client>> = clients.iter().copied().map(Some).chain([None]).collect();
    let truths: Vec<Client> =
        clients.iter().copied().filter(|client| matrix.score(*client).blocks > 0).collect();
    let height = HEAD + ROW_HEIGHT * truths.len() as f64 + 2.0;
    let cell = (width - LEFT - 56.0) / verdicts.len().max(1) as f64;
    let mut svg = Svg::open(id, layout.class(), width, height, "Confusion of clients", description);
    for (verdict, at) in verdicts.iter().zip(0u32..) {
        let x = LEFT + cell * (f64::from(at) + 0.5);
        let name = if cell >= 84.0 { Series::from(*verdict).name() } else { short_name(*verdict) };
        svg.label("t2", x, HEAD - 9.0, 12.0, Anchor::Middle, name);
    }
    svg.label("t2", width, HEAD - 9.0, 12.0, Anchor::End, "n");
    for (truth, row) in truths.iter().zip(0u32..) {
        let y = HEAD + ROW_HEIGHT * f64::from(row);
        let n = matrix.score(*truth).blocks;
        svg.label("", LEFT - 10.0, y + 21.0, 13.5, Anchor::End, truth.name());
        for (verdict, column) in verdicts.iter().zip(0u32..) {
            let x = LEFT + cell * f64::from(column);
            let part = matrix.count(*truth, *verdict) as f64 / n.max(1) as f64;
            let step = ramp_step(part);
            svg.rect(&format!("r{step}"), None, [x + 1.0, y + 1.0, cell - 2.0, ROW_HEIGHT - 2.0], 0.0);
            let is_right = *verdict == Some(*truth);
            if is_right {
                svg.rect("right", None, [x + 2.0, y + 2.0, cell - 4.0, ROW_HEIGHT - 4.0], 0.0);
            }
            let text =
                if part < 0.005 { "·".to_owned() } else { percent_text(part, is_right && part < 1.0) };
            let class = if is_right { format!("b x{step}") } else { format!("x{step}") };
            svg.label(&class, x + cell / 2.0, y + 21.0, 13.0, Anchor::Middle, &text);
        }
        svg.label("t2", width, y + 21.0, 12.0, Anchor::End, &crate::dashboard::format::count(n));
    }
    svg.close()
}

/// Percent with one decimal; a part that only rounds to all of it stays below.
pub(crate) fn percent_text(part: f64, is_estimate: bool) -> String {
    let text = format!("{:.1}", part * 100.0);
    match text.as_str() {
        "100.0" if is_estimate => ">\u{a0}99.9".to_owned(),
        "100.0" => "100".to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ramp_is_cut_where_its_legend_says() {
        let steps = [0.0, 0.004, 0.005, 0.02, 0.1, 0.4, 0.8, 1.0].map(ramp_step);
        assert_eq!(steps, [0, 0, 1, 2, 3, 4, 5, 5]);
    }

    #[test]
    fn a_part_is_never_rounded_up_to_all() {
        assert_eq!(percent_text(0.9996, true), ">\u{a0}99.9");
        assert_eq!(percent_text(0.5, true), "50.0");
    }
}
