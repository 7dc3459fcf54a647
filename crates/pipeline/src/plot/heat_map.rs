//! The confusion matrix as a picture: rows are what a block was, columns what it was taken for.

use fingerprint::Client;
use fingerprint::score::ConfusionMatrix;

use super::svg::{Anchor, Svg, TextStyle, Theme, thousands};

/// A step of the ramp: from this percent of the row on, ground and text colour.
struct Step {
    from: f64,
    light: (&'static str, &'static str),
    dark: (&'static str, &'static str),
}

const RAMP: [Step; 6] = [
    Step { from: 0.0, light: ("#F4F7FB", "#14181F"), dark: ("#1A212B", "#EEF1F5") },
    Step { from: 0.5, light: ("#DCE8F6", "#14181F"), dark: ("#1E2F45", "#EEF1F5") },
    Step { from: 2.0, light: ("#B4CFEC", "#14181F"), dark: ("#254A70", "#EEF1F5") },
    Step { from: 10.0, light: ("#7FAEDD", "#14181F"), dark: ("#3270A6", "#EEF1F5") },
    Step { from: 40.0, light: ("#3874B3", "#FFFFFF"), dark: ("#5C9FDB", "#14181F") },
    Step { from: 80.0, light: ("#174F8F", "#FFFFFF"), dark: ("#A6D0F7", "#14181F") },
];

const CELL_WIDTH: f64 = 84.0;
const CELL_HEIGHT: f64 = 46.0;
const LEFT: f64 = 148.0;
const TOP: f64 = 128.0;
const INSET: f64 = 20.0;
const COUNT_WIDTH: f64 = 96.0;

/// Draws the matrix with a percentage in every cell and the number of blocks of every row.
pub fn heat_map(counts: &ConfusionMatrix, title: &str, note: &str, theme: Theme) -> String {
    let columns: Vec<Option<Client>> = counts.clients().map(Some).chain([None]).collect();
    let clients: Vec<Client> = counts.clients().filter(|client| counts.score(*client).blocks > 0).collect();
    let width = (LEFT + columns.len() as f64 * CELL_WIDTH + COUNT_WIDTH + INSET).max(620.0);
    let height = TOP + clients.len() as f64 * CELL_HEIGHT + 74.0;
    let mut svg = Svg::new(width, height, theme, title, &description(counts, &clients));
    let (ink, quiet) = (theme.ink(), theme.ink_2());
    svg.text(INSET, 32.0, title, TextStyle::new(18.0, ink).bold());
    svg.text(INSET, 53.0, note, TextStyle::new(13.0, quiet));
    svg.text(LEFT, 84.0, "Verdict →", TextStyle::new(13.0, quiet));
    svg.text(INSET, TOP - 12.0, "True client ↓", TextStyle::new(13.0, quiet));
    svg.define_marks('l', 5.0, 1.0);

    let head = TextStyle::new(13.0, ink).anchored(Anchor::Middle);
    for (position, column) in columns.iter().enumerate() {
        let x = LEFT + position as f64 * CELL_WIDTH + CELL_WIDTH / 2.0;
        svg.text(x, TOP - 12.0, column.map_or("Unknown", Client::name), head);
    }
    let count_x = LEFT + columns.len() as f64 * CELL_WIDTH + COUNT_WIDTH - 12.0;
    svg.text(count_x, TOP - 12.0, "n", TextStyle::new(13.0, quiet).anchored(Anchor::End));

    for (position, &client) in clients.iter().enumerate() {
        let y = TOP + position as f64 * CELL_HEIGHT;
        let middle = y + CELL_HEIGHT / 2.0 + 4.5;
        svg.place('l', client, INSET + 6.0, middle - 4.5);
        svg.text(INSET + 20.0, middle, client.name(), TextStyle::new(13.5, ink));
        let total = counts.score(client).blocks;
        for (index, column) in columns.iter().enumerate() {
            let x = LEFT + index as f64 * CELL_WIDTH;
            let percent = percent(counts.count(client, *column), total);
            cell_picture(&mut svg, x, y, percent, *column == Some(client));
        }
        svg.text(count_x, middle, &thousands(total), TextStyle::new(13.5, ink).anchored(Anchor::End));
    }
    scale(&mut svg, LEFT, TOP + clients.len() as f64 * CELL_HEIGHT + 26.0);
    svg.finish()
}

fn cell_picture(svg: &mut Svg, x: f64, y: f64, percent: Option<f64>, is_right: bool) {
    let theme = svg.theme;
    let (ground, ink) = colors(percent.unwrap_or(0.0), theme);
    svg.rectangle(x + 1.0, y + 1.0, CELL_WIDTH - 2.0, CELL_HEIGHT - 2.0, ground);
    let written = match percent {
        None => "–".to_owned(),
        Some(percent) if percent < 0.5 => "·".to_owned(),
        Some(percent) if percent < 10.0 => format!("{percent:.1}"),
        Some(percent) => format!("{percent:.0}"),
    };
    let mut style = TextStyle::new(14.0, ink).anchored(Anchor::Middle);
    if is_right {
        style = style.bold();
    }
    svg.text(x + CELL_WIDTH / 2.0, y + CELL_HEIGHT / 2.0 + 5.0, &written, style);
    if is_right {
        svg.outline(x + 2.0, y + 2.0, CELL_WIDTH - 4.0, CELL_HEIGHT - 4.0, theme.ink(), 2.0);
    }
}

/// The six steps with their limits.
fn scale(svg: &mut Svg, x: f64, y: f64) {
    let theme = svg.theme;
    let width = 56.0;
    svg.text(INSET, y + 11.0, "% of row", TextStyle::new(12.0, theme.ink_2()));
    for (position, step) in RAMP.iter().enumerate() {
        let at = x + position as f64 * width;
        let (ground, _) = colors(step.from, theme);
        svg.rectangle(at, y, width - 2.0, 14.0, ground);
        svg.text(at, y + 30.0, &format!("{}", step.from), TextStyle::new(12.0, theme.ink_2()));
    }
    let end = x + RAMP.len() as f64 * width;
    svg.text(end - 2.0, y + 30.0, "100", TextStyle::new(12.0, theme.ink_2()).anchored(Anchor::End));
}

fn colors(percent: f64, theme: Theme) -> (&'static str, &'static str) {
    let [first, ..] = &RAMP;
    let step = RAMP.iter().rev().find(|step| percent >= step.from).unwrap_or(first);
    match theme {
        Theme::Light => step.light,
        Theme::Dark => step.dark,
    }
}

fn percent(count: u64, total: u64) -> Option<f64> {
    (total > 0).then(|| count as f64 / total as f64 * 100.0)
}

fn description(counts: &ConfusionMatrix, clients: &[Client]) -> String {
    let rows: Vec<String> = clients
        .iter()
        .filter_map(|&client| {
            let total = counts.score(client).blocks;
            let share = percent(counts.count(client, Some(client)), total)?;
            Some(format!("{client}: {share:.0} % of {} blocks named rightly", thousands(total)))
        })
        .collect();
    format!("Confusion matrix. {}.", rows.join("; "))
}
