//! Shapes, marks and text of a picture as SVG, in the visual system of the dashboard.

use std::fmt::Write as _;

use fingerprint::Client;

/// The ground a picture is drawn for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark ink on white.
    #[default]
    Light,
    /// Light ink on near black.
    Dark,
}

impl Theme {
    pub(crate) const fn surface(self) -> &'static str {
        self.pick("#FFFFFF", "#161B23")
    }

    pub(crate) const fn ink(self) -> &'static str {
        self.pick("#14181F", "#EEF1F5")
    }

    pub(crate) const fn ink_2(self) -> &'static str {
        self.pick("#4D5663", "#A9B3C0")
    }

    pub(crate) const fn line(self) -> &'static str {
        self.pick("#E1E5EA", "#2A323E")
    }

    pub(crate) const fn line_strong(self) -> &'static str {
        self.pick("#7F8793", "#6C7684")
    }

    /// How solid the marks of a scatter are; dark colours on a dark ground need more.
    pub(crate) const fn mark_opacity(self) -> f64 {
        match self {
            Self::Light => 0.72,
            Self::Dark => 0.85,
        }
    }

    pub(crate) const fn client(self, client: Client) -> &'static str {
        match self {
            Self::Light => client.color_light(),
            Self::Dark => client.color_dark(),
        }
    }

    const fn pick(self, light: &'static str, dark: &'static str) -> &'static str {
        match self {
            Self::Light => light,
            Self::Dark => dark,
        }
    }
}

/// Where text stands relative to its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// How heavy text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    Regular,
    Bold,
}

/// How text is set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TextStyle {
    pub(crate) size: f64,
    pub(crate) weight: Weight,
    pub(crate) anchor: Anchor,
    pub(crate) fill: &'static str,
}

impl TextStyle {
    pub(crate) const fn new(size: f64, fill: &'static str) -> Self {
        Self { size, weight: Weight::Regular, anchor: Anchor::Start, fill }
    }

    pub(crate) const fn bold(self) -> Self {
        Self { weight: Weight::Bold, ..self }
    }

    pub(crate) const fn anchored(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }
}

/// A picture under construction.
pub(crate) struct Svg {
    body: String,
    width: f64,
    height: f64,
    pub(crate) theme: Theme,
}

impl Svg {
    /// An empty picture with a name and a description for those who can't see it.
    pub(crate) fn new(width: f64, height: f64, theme: Theme, title: &str, description: &str) -> Self {
        let mut svg = Self { body: String::new(), width, height, theme };
        svg.push(format_args!("<title>{}</title>\n<desc>{}</desc>\n", escape(title), escape(description)));
        svg.rectangle(0.0, 0.0, width, height, theme.surface());
        svg
    }

    pub(crate) fn push(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = self.body.write_fmt(text);
    }

    pub(crate) fn rectangle(&mut self, x: f64, y: f64, width: f64, height: f64, fill: &str) {
        self.push(format_args!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{fill}\"/>\n",
            Short(x),
            Short(y),
            Short(width),
            Short(height)
        ));
    }

    pub(crate) fn outline(&mut self, x: f64, y: f64, width: f64, height: f64, stroke: &str, thickness: f64) {
        self.push(format_args!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"{stroke}\" \
             stroke-width=\"{thickness}\"/>\n",
            Short(x),
            Short(y),
            Short(width),
            Short(height)
        ));
    }

    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: &str, thickness: f64) {
        self.push(format_args!(
            "<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" stroke=\"{stroke}\" stroke-width=\"{thickness}\"/>\n",
            Short(from.0),
            Short(from.1),
            Short(to.0),
            Short(to.1)
        ));
    }

    pub(crate) fn text(&mut self, x: f64, y: f64, content: &str, style: TextStyle) {
        let anchor = match style.anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let weight = match style.weight {
            Weight::Regular => "",
            Weight::Bold => " font-weight=\"600\"",
        };
        self.push(format_args!(
            "<text x=\"{}\" y=\"{}\" font-size=\"{}\" fill=\"{}\"{anchor}{weight}>{}</text>\n",
            Short(x),
            Short(y),
            style.size,
            style.fill,
            escape(content)
        ));
    }

    /// Defines the mark of every client once, to be placed with [`Svg::place`].
    pub(crate) fn define_marks(&mut self, id: char, radius: f64, opacity: f64) {
        self.push(format_args!("<defs>\n"));
        for client in Client::ALL {
            let color = self.theme.client(client);
            let index = client.index();
            let shape = mark(client, radius, color);
            self.push(format_args!("<g id=\"{id}{index}\" opacity=\"{opacity}\">{shape}</g>\n"));
        }
        self.push(format_args!("</defs>\n"));
    }

    /// Places a mark that [`Svg::define_marks`] defined.
    pub(crate) fn place(&mut self, id: char, client: Client, x: f64, y: f64) {
        let index = client.index();
        self.push(format_args!("<use href=\"#{id}{index}\" x=\"{}\" y=\"{}\"/>\n", Short(x), Short(y)));
    }

    /// The finished file.
    pub(crate) fn finish(self) -> String {
        let (width, height) = (self.width, self.height);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\" font-family=\"Inter, system-ui, -apple-system, \
             'Segoe UI', Roboto, 'Noto Sans', sans-serif\">\n{}</svg>\n",
            self.body
        )
    }
}

/// The mark of a client around the origin; the factors make all look equally heavy.
fn mark(client: Client, radius: f64, color: &str) -> String {
    match client {
        Client::Lighthouse => format!("<circle r=\"{radius}\" fill=\"{color}\"/>"),
        Client::Teku => {
            let side = 1.8 * radius;
            let from = -side / 2.0;
            format!(
                "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{color}\"/>",
                Short(from),
                Short(from),
                Short(side),
                Short(side)
            )
        }
        Client::Prysm => polygon(3, 1.3 * radius, -90.0, color),
        Client::Nimbus => polygon(4, 1.25 * radius, -90.0, color),
        Client::Lodestar => polygon(5, 1.15 * radius, -90.0, color),
        Client::Grandine => polygon(6, 1.15 * radius, 0.0, color),
        Client::Other => {
            let arm = 0.9 * radius;
            format!(
                "<path d=\"M{0} {0}L{1} {1}M{0} {1}L{1} {0}\" stroke=\"{color}\" stroke-width=\"{2}\" fill=\"none\"/>",
                Short(-arm),
                Short(arm),
                Short(0.45 * radius)
            )
        }
    }
}

fn polygon(corners: u8, radius: f64, from_degrees: f64, color: &str) -> String {
    let points: Vec<String> = (0..corners)
        .map(|corner| {
            let angle = (from_degrees + 360.0 * f64::from(corner) / f64::from(corners)).to_radians();
            format!("{},{}", Short(radius * angle.cos()), Short(radius * angle.sin()))
        })
        .collect();
    format!("<polygon points=\"{}\" fill=\"{color}\"/>", points.join(" "))
}

/// A coordinate with at most one tenth of a pixel, without a trailing ".0".
struct Short(f64);

impl std::fmt::Display for Short {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tenths = (self.0 * 10.0).round();
        if !tenths.is_finite() {
            return f.write_str("0");
        }
        if tenths % 10.0 == 0.0 {
            write!(f, "{}", tenths / 10.0 + 0.0)
        } else {
            write!(f, "{:.1}", tenths / 10.0)
        }
    }
}

/// Text as XML takes it: no markup, no control characters.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            control if control.is_control() => {}
            other => out.push(other),
        }
    }
    out
}

/// The room a text takes at most, by an average of 0.56 of its size per character.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    0.56 * size * text.chars().count() as f64
}

/// The text cut at a word so that it fits, with an ellipsis where something was cut.
pub(crate) fn fitted(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for word in text.split(' ') {
        let longer = if kept.is_empty() { word.to_owned() } else { format!("{kept} {word}") };
        if text_width(&longer, size) + size > width {
            break;
        }
        kept = longer;
    }
    kept.truncate(kept.trim_end_matches([',', ';', ':', '.']).len());
    format!("{kept} …")
}

/// A whole number with commas between thousands.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_numbers_are_short() {
        assert_eq!(escape("a<b & \"c\"\u{0}"), "a&lt;b &amp; &quot;c&quot;");
        assert_eq!(Short(12.04).to_string(), "12");
        assert_eq!(Short(-0.02).to_string(), "0");
        assert_eq!(Short(3.25).to_string(), "3.3");
        assert_eq!(Short(f64::NAN).to_string(), "0");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(thousands(999), "999");
    }

    #[test]
    fn long_text_is_cut_at_a_word() {
        assert_eq!(fitted("short", 12.0, 100.0), "short");
        assert_eq!(fitted("share of redundant, boosted", 12.0, 150.0), "share of redundant …");
    }
}
