//! Places in lists, as they stand in addresses.

use store::{BlockCursor, Seek};

use crate::error::ApiError;

/// The place in a list of blocks that a cursor stands for.
pub(crate) fn seek(cursor: Option<&str>) -> Result<Seek, ApiError> {
    let Some(text) = cursor else { return Ok(Seek::Newest) };
    let place = |digits: &str| -> Option<BlockCursor> {
        let number = digits_of(digits, 19)?.min(i64::MAX.unsigned_abs());
        number.to_string().parse().ok()
    };
    let found = match text.split_once('-') {
        Some(("older", digits)) => place(digits).map(Seek::Before),
        Some(("newer", digits)) => place(digits).map(Seek::After),
        _ => None,
    };
    found.ok_or_else(|| refused(text))
}

fn refused(text: &str) -> ApiError {
    let shown: String = text.chars().take(40).collect();
    ApiError::BadParameter(format!("cursor {shown:?} is not one that this server gave"))
}

fn digits_of(text: &str, most: usize) -> Option<u64> {
    let fits = (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok())?
}

/// The number after which a list by numbers goes on.
pub(crate) fn after(cursor: Option<&str>) -> Result<Option<u64>, ApiError> {
    let Some(text) = cursor else { return Ok(None) };
    let number = text.strip_prefix("after-").and_then(|digits| digits_of(digits, 12));
    number.map(Some).ok_or_else(|| refused(text))
}

/// The cursor after a number.
pub(crate) fn after_text(number: u64) -> String {
    format!("after-{number}")
}

/// The cursor of older items.
pub(crate) fn older(cursor: Option<BlockCursor>) -> Option<String> {
    cursor.map(|place| format!("older-{place}")).filter(|text| !text.contains("--"))
}

/// The cursor of newer items.
pub(crate) fn newer(cursor: Option<BlockCursor>) -> Option<String> {
    cursor.map(|place| format!("newer-{place}")).filter(|text| !text.contains("--"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back() {
        let place: BlockCursor = "123".parse().unwrap();
        assert_eq!(seek(older(Some(place)).as_deref()).unwrap(), Seek::Before(place));
        assert_eq!(seek(newer(Some(place)).as_deref()).unwrap(), Seek::After(place));
        assert_eq!(seek(None).unwrap(), Seek::Newest);
        assert!(seek(Some("older-9999999999999999999")).is_ok());
        assert_eq!(after(Some(&after_text(7))).unwrap(), Some(7));
        assert!(after(Some("after-")).is_err());
        for text in ["", "older", "older-", "older--5", "older-x", "later-5", "older-12345678901234567890"] {
            assert!(seek(Some(text)).is_err(), "{text}");
        }
    }
}
