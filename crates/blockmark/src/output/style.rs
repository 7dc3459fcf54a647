//! Colours and marks of the terminal: only when the stream is a terminal, or when asked for.

use std::io::IsTerminal;

use fingerprint::Client;

use crate::cli::ColorChoice;

/// How to write to standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    /// Which colours the terminal understands.
    pub(crate) color: ColorDepth,
    /// Which characters it can show.
    pub(crate) characters: Characters,
}

/// Which colours a terminal understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColorDepth {
    /// No colour.
    None,
    /// The 256 colour cube.
    Palette256,
    /// 24 bits.
    TrueColor,
}

/// Which characters a terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Characters {
    /// UTF-8.
    Unicode,
    /// ASCII alone.
    Ascii,
}

impl Style {
    /// Reads the choice and the environment (`NO_COLOR`, `CLICOLOR_FORCE`, `TERM`, `COLORTERM`, locale).
    pub(crate) fn detect(choice: ColorChoice) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is = |name: &str, wanted: &str| std::env::var(name).is_ok_and(|value| value == wanted);
        let wanted = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto if set("NO_COLOR") || is("TERM", "dumb") => false,
            ColorChoice::Auto => {
                std::io::stdout().is_terminal() || (set("CLICOLOR_FORCE") && !is("CLICOLOR_FORCE", "0"))
            }
        };
        let depth = if is("COLORTERM", "truecolor") || is("COLORTERM", "24bit") {
            ColorDepth::TrueColor
        } else {
            ColorDepth::Palette256
        };
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
            .unwrap_or_default()
            .to_lowercase();
        let ascii = matches!(locale.as_str(), "c" | "posix") || is("TERM", "dumb");
        Self {
            color: if wanted { depth } else { ColorDepth::None },
            characters: if ascii { Characters::Ascii } else { Characters::Unicode },
        }
    }

    /// The mark of a client, or of Unknown.
    pub(crate) fn mark(self, client: Option<Client>) -> String {
        let mark = match (self.characters, client) {
            (Characters::Unicode, Some(client)) => client.mark(),
            (Characters::Unicode, None) => '○',
            (Characters::Ascii, Some(client)) => client.ascii_mark(),
            (Characters::Ascii, None) => '?',
        };
        self.paint(client, &mark.to_string())
    }

    /// A text in a client's colour.
    pub(crate) fn paint(self, client: Option<Client>, text: &str) -> String {
        let hex = client.map_or("#8A93A0", Client::color_dark);
        let channel = |from: usize| {
            hex.get(from..from + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok()).unwrap_or(0)
        };
        let (red, green, blue) = (channel(1), channel(3), channel(5));
        match self.color {
            ColorDepth::None => text.to_owned(),
            ColorDepth::TrueColor => format!("\x1b[38;2;{red};{green};{blue}m{text}\x1b[0m"),
            ColorDepth::Palette256 => {
                let level = |value: u8| (u16::from(value) * 5 + 127) / 255;
                let index = 16 + 36 * level(red) + 6 * level(green) + level(blue);
                format!("\x1b[38;5;{index}m{text}\x1b[0m")
            }
        }
    }

    /// The rule under a table's head.
    pub(crate) fn rule(self, width: usize) -> String {
        match self.characters {
            Characters::Unicode => "─".repeat(width),
            Characters::Ascii => "-".repeat(width),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colour_nothing_but_the_text_is_written() {
        let plain = Style { color: ColorDepth::None, characters: Characters::Unicode };
        assert_eq!(plain.mark(Some(Client::Teku)), "■");
        let ascii = Style { color: ColorDepth::None, characters: Characters::Ascii };
        assert_eq!(ascii.mark(None), "?");
        let full = Style { color: ColorDepth::TrueColor, characters: Characters::Unicode };
        assert_eq!(full.mark(Some(Client::Lighthouse)), "\x1b[38;2;125;87;194m●\x1b[0m");
    }
}
