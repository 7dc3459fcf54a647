//! The series of a chart: one colour and one shape per client, everywhere.

use fingerprint::Client;

/// What a line or bar stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Series {
    /// A client.
    Client(Client),
    /// Blocks that were not given to a client.
    Unknown,
}

impl Series {
    /// All series in the order of [`Client::ALL`], `Unknown` last.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Client::ALL.into_iter().map(Self::Client).chain([Self::Unknown])
    }

    /// The name as printed.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Client(client) => client.name(),
            Self::Unknown => "Unknown",
        }
    }

    /// The colour, as a token of the style sheet.
    pub(crate) const fn color(self) -> &'static str {
        match self {
            Self::Client(Client::Grandine) => "var(--c-grandine)",
            Self::Client(Client::Lighthouse) => "var(--c-lighthouse)",
            Self::Client(Client::Lodestar) => "var(--c-lodestar)",
            Self::Client(Client::Nimbus) => "var(--c-nimbus)",
            Self::Client(Client::Prysm) => "var(--c-prysm)",
            Self::Client(Client::Teku) => "var(--c-teku)",
            Self::Client(Client::Other) | Self::Unknown => "var(--c-unknown)",
        }
    }

    /// The class of its lines, which are dashed where colours are forced.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Client(Client::Grandine) => "s-grandine",
            Self::Client(Client::Lighthouse) => "s-lighthouse",
            Self::Client(Client::Lodestar) => "s-lodestar",
            Self::Client(Client::Nimbus) => "s-nimbus",
            Self::Client(Client::Prysm) => "s-prysm",
            Self::Client(Client::Teku) => "s-teku",
            Self::Client(Client::Other) | Self::Unknown => "s-unknown",
        }
    }

    /// Whether this is one of the named clients, which stand before `Other` and `Unknown`.
    pub(crate) const fn is_named(self) -> bool {
        !matches!(self, Self::Client(Client::Other) | Self::Unknown)
    }

    /// The mark as a picture of its own, for text and tables; the name stands beside it.
    pub(crate) fn icon(self) -> String {
        format!(
            "<svg class=\"mark\" viewBox=\"0 0 13 13\" aria-hidden=\"true\">{}</svg>",
            mark(self, 6.5, 6.5, 5.0)
        )
    }

    /// Mark and name, which leads to its blocks.
    pub(crate) fn link(self) -> String {
        format!(
            "<span class=\"series\">{}<a href=\"/blocks?client={}\">{}</a></span>",
            self.icon(),
            self.name().to_lowercase(),
            self.name()
        )
    }

    /// Mark and name, kept on one line.
    pub(crate) fn label(self) -> String {
        format!("<span class=\"series\">{}{}</span>", self.icon(), self.name())
    }
}

impl From<Option<Client>> for Series {
    fn from(client: Option<Client>) -> Self {
        client.map_or(Self::Unknown, Self::Client)
    }
}

/// The mark of a series around a point; `radius` is that of the circle, the others are sized to look as heavy.
pub(crate) fn mark(series: Series, x: f64, y: f64, radius: f64) -> String {
    let fill = series.color();
    match series {
        Series::Client(Client::Lighthouse) => {
            format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{fill}\"/>")
        }
        Series::Client(Client::Prysm) => polygon(x, y + radius * 0.2, radius * 1.3, 3, -90.0, fill),
        Series::Client(Client::Nimbus) => polygon(x, y, radius * 1.25, 4, -90.0, fill),
        Series::Client(Client::Teku) => {
            let half = radius * 0.9;
            format!(
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{fill}\"/>",
                x - half,
                y - half,
                half * 2.0,
                half * 2.0
            )
        }
        Series::Client(Client::Lodestar) => polygon(x, y, radius * 1.15, 5, -90.0, fill),
        Series::Client(Client::Grandine) => polygon(x, y, radius * 1.15, 6, 0.0, fill),
        Series::Client(Client::Other) => {
            let reach = radius * 0.8;
            format!(
                "<path d=\"M{:.1} {:.1}L{:.1} {:.1}M{:.1} {:.1}L{:.1} {:.1}\" stroke=\"{fill}\" \
                 stroke-width=\"2\"/>",
                x - reach,
                y - reach,
                x + reach,
                y + reach,
                x + reach,
                y - reach,
                x - reach,
                y + reach
            )
        }
        Series::Unknown => format!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{:.1}\" fill=\"var(--surface)\" stroke=\"{fill}\" \
             stroke-width=\"2\"/>",
            radius - 1.0
        ),
    }
}

fn polygon(x: f64, y: f64, radius: f64, corners: u32, first_degrees: f64, fill: &str) -> String {
    let mut points = String::new();
    for corner in 0..corners {
        let angle = (first_degrees + 360.0 / f64::from(corners) * f64::from(corner)).to_radians();
        if corner > 0 {
            points.push(' ');
        }
        points.push_str(&format!("{:.2},{:.2}", x + radius * angle.cos(), y + radius * angle.sin()));
    }
    format!("<polygon points=\"{points}\" fill=\"{fill}\"/>")
}
