//! Recall and precision of every client as dots with their intervals.

use fingerprint::Client;
use fingerprint::score::ConfusionMatrix;

use super::svg::{Anchor, Svg, TextStyle, Theme, fitted, thousands};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 132.0;
const PANEL: f64 = 250.0;
const BETWEEN: f64 = 164.0;
const TOP: f64 = 122.0;
const ROW: f64 = 36.0;
const INSET: f64 = 20.0;

/// Draws recall on the left and precision on the right, with 95 % intervals and the numbers beside them.
pub fn accuracy_picture(counts: &ConfusionMatrix, title: &str, note: &str, theme: Theme) -> String {
    let clients: Vec<Client> = counts.clients().collect();
    let bottom = TOP + clients.len() as f64 * ROW;
    let description = "Recall and precision of every client with 95 % intervals.";
    let mut svg = Svg::new(WIDTH, bottom + 52.0, theme, title, description);
    let (ink, quiet) = (theme.ink(), theme.ink_2());
    svg.text(INSET, 32.0, title, TextStyle::new(18.0, ink).bold());
    svg.text(INSET, 53.0, &fitted(note, 13.0, WIDTH - 2.0 * INSET), TextStyle::new(13.0, quiet));
    svg.define_marks('l', 5.0, 1.0);
    let second = LEFT + PANEL + BETWEEN;
    panel(&mut svg, LEFT, bottom, "Recall", "of its blocks, so many were named");
    panel(&mut svg, second, bottom, "Precision", "of the blocks named so, so many are its own");
    for (position, &client) in clients.iter().enumerate() {
        let y = TOP + (position as f64 + 0.5) * ROW;
        svg.text(INSET, y + 4.5, client.name(), TextStyle::new(13.5, ink));
        let score = counts.score(client);
        let named = score.true_positives + score.false_positives;
        value(&mut svg, client, (LEFT, y), score.recall(), score.recall_interval(), score.blocks);
        value(&mut svg, client, (second, y), score.precision(), score.precision_interval(), named);
    }
    svg.finish()
}

fn panel(svg: &mut Svg, left: f64, bottom: f64, name: &str, meaning: &str) {
    let theme = svg.theme;
    svg.text(left, TOP - 34.0, name, TextStyle::new(13.5, theme.ink()).bold());
    svg.text(left, TOP - 16.0, meaning, TextStyle::new(12.5, theme.ink_2()));
    for (share, label) in [(0.0, "0"), (0.25, "25"), (0.5, "50"), (0.75, "75"), (1.0, "100 %")] {
        let x = left + share * PANEL;
        svg.line((x, TOP), (x, bottom), theme.line(), 1.0);
        let style = TextStyle::new(12.0, theme.ink_2()).anchored(Anchor::Middle);
        svg.text(x, bottom + 19.0, label, style);
    }
    svg.line((left, bottom), (left + PANEL, bottom), theme.line_strong(), 1.0);
}

fn value(
    svg: &mut Svg,
    client: Client,
    (left, y): (f64, f64),
    share: Option<f64>,
    (low, high): (f64, f64),
    blocks: u64,
) {
    let theme = svg.theme;
    let text_x = left + PANEL + 16.0;
    let Some(share) = share else {
        svg.text(text_x, y + 4.5, "no block", TextStyle::new(12.5, theme.ink_2()));
        return;
    };
    let (from, to) = (left + low * PANEL, left + high * PANEL);
    svg.line((from, y), (to.max(from + 3.0), y), theme.client(client), 2.5);
    svg.place('l', client, left + share * PANEL, y);
    let estimate = format!("{:.0} %", share * 100.0);
    svg.text(text_x, y - 1.0, &estimate, TextStyle::new(13.5, theme.ink()).bold());
    let sure = format!("{:.0}–{:.0}, n = {}", low * 100.0, high * 100.0, thousands(blocks));
    svg.text(text_x, y + 14.0, &sure, TextStyle::new(11.5, theme.ink_2()));
}
