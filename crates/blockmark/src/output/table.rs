//! Plain tables: two spaces between columns, numbers right, one head line with a rule under it.

use super::style::Style;

/// On which side a column's text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Writes a table without colour; cells are measured in characters.
pub(crate) fn render(style: Style, head: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|(name, _)| name.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for ((cell, width), (_, align)) in cells.zip(&widths).zip(head) {
            if !text.is_empty() {
                text.push_str("  ");
            }
            match align {
                Align::Left => text.push_str(&format!("{cell:<width$}")),
                Align::Right => text.push_str(&format!("{cell:>width$}")),
            }
        }
        let mut text = text.trim_end().to_owned();
        text.push('\n');
        text
    };
    let total = widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
    let mut out = line(&mut head.iter().map(|(name, _)| *name));
    out.push_str(&style.rule(total));
    out.push('\n');
    for row in rows {
        out.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    out
}

/// So many of something, as in `1 gap` and `2 gaps`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(number))
}

/// A whole number with commas between thousands.
pub(crate) fn thousands(value: u64) -> String {
    let digits = value.to_string();
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
    use crate::output::style::{Characters, ColorDepth};

    #[test]
    fn numbers_stand_right_and_no_line_ends_in_blanks() {
        let style = Style { color: ColorDepth::None, characters: Characters::Ascii };
        let text = render(
            style,
            &[("Name", Align::Left), ("n", Align::Right)],
            &[vec!["a".into(), "10".into()], vec!["bcdef".into(), "7".into()]],
        );
        assert_eq!(text, "Name    n\n---------\na      10\nbcdef   7\n");
    }

    #[test]
    fn thousands_are_separated() {
        assert_eq!([0, 999, 1_000, 12_345_678].map(thousands), ["0", "999", "1,000", "12,345,678"]);
    }
}
