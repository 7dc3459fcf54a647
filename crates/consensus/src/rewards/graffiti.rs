//! Graffiti as text, the way Lighthouse shows it.

use unicode_general_category::{GeneralCategory, get_general_category};

/// The graffiti without control characters, formatting characters and code points without meaning. Bytes that are
/// no UTF-8 become U+FFFD.
pub fn graffiti_text(graffiti: &[u8; 32]) -> String {
    let mut kept = Vec::with_capacity(graffiti.len());
    for chunk in graffiti.utf8_chunks() {
        for character in chunk.valid().chars().filter(|character| !is_other(*character)) {
            let mut buffer = [0; 4];
            kept.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
        }
        kept.extend_from_slice(chunk.invalid());
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// Whether a character is of the Unicode category C.
fn is_other(character: char) -> bool {
    matches!(
        get_general_category(character),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::PrivateUse
            | GeneralCategory::Surrogate
            | GeneralCategory::Unassigned
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        let mut graffiti = [0; 32];
        for (to, from) in graffiti.iter_mut().zip(bytes) {
            *to = *from;
        }
        graffiti_text(&graffiti)
    }

    #[test]
    fn padding_and_control_characters_go_and_broken_bytes_show() {
        assert_eq!(text(b"Lighthouse/v5.3.0\n\x07"), "Lighthouse/v5.3.0");
        assert_eq!(text("gr\u{200b}affi\u{e000}ti \u{1f600}".as_bytes()), "graffiti \u{1f600}");
        assert_eq!(text(b"a\xffb"), "a\u{fffd}b");
        assert_eq!(text(b""), "");
    }

    #[test]
    fn bytes_that_become_a_character_once_what_is_between_them_goes_are_one() {
        assert_eq!(text(b"\xe2\x82\x00\xac"), "\u{20ac}");
    }
}
