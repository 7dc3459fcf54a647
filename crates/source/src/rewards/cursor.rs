//! A small JSON scanner over bytes: every value is looked at once, nothing is kept that is not asked for.

use std::borrow::Cow;

use super::error::{Fault, Reason};

pub(super) type Scan<T> = Result<T, Box<Fault>>;

/// Nesting inside values that are skipped. Block rewards have five levels.
const MAX_DEPTH: usize = 64;
/// How much of a value an error shows.
const SHOWN_CHARS: usize = 40;

const INTEGER: &str = "a non-negative integer";

#[derive(Debug)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub(super) fn set_position(&mut self, position: usize) {
        self.position = position;
    }

    /// The next byte that is not white space, not taken.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let Some(&byte) = self.bytes.get(self.position) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.position += 1;
        }
        None
    }

    /// Takes the next byte that is not white space if it is the given one.
    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.position += usize::from(found);
        found
    }

    fn demand(&mut self, byte: u8, expected: &'static str) -> Scan<()> {
        if self.take(byte) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    /// Nothing but white space may follow.
    pub(super) fn end(&mut self) -> Scan<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.unexpected("the end of the text")),
        }
    }

    /// A syntax error at the next byte, or "cut short" at the end.
    #[cold]
    pub(super) fn unexpected(&mut self, expected: &'static str) -> Box<Fault> {
        match self.peek() {
            None => Fault::new(Reason::CutShort),
            Some(_) => {
                let rest = self.bytes.get(self.position..).unwrap_or_default();
                let found = shown(rest.get(..rest.len().min(12)).unwrap_or_default());
                Fault::new(Reason::Syntax { at: self.position, expected, found })
            }
        }
    }

    /// A value of the wrong kind stands here.
    #[cold]
    pub(super) fn mismatch(&mut self, expected: &'static str) -> Box<Fault> {
        let start = match self.peek() {
            None => return Fault::new(Reason::CutShort),
            Some(_) => self.position,
        };
        let rest = self.bytes.get(start..).unwrap_or_default();
        let found = match rest.first() {
            Some(b'{') => "an object".to_owned(),
            Some(b'[') => "an array".to_owned(),
            Some(b'"') => {
                if let Err(fault) = self.skip_string() {
                    return fault;
                }
                shown(self.bytes.get(start..self.position).unwrap_or_default())
            }
            _ => {
                let length = rest
                    .iter()
                    .position(|byte| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t'));
                match length {
                    None => return Fault::new(Reason::CutShort),
                    Some(0) => return self.unexpected("a value"),
                    Some(length) => shown(rest.get(..length).unwrap_or_default()),
                }
            }
        };
        Fault::new(Reason::Expected { expected, found })
    }

    /// Walks an object. `visit` gets each key and must take its value.
    #[inline]
    pub(super) fn object(&mut self, mut visit: impl FnMut(&mut Self, &[u8]) -> Scan<()>) -> Scan<()> {
        if !self.take(b'{') {
            return Err(self.mismatch("an object"));
        }
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a key"));
            }
            let key = self.text()?;
            self.demand(b':', "a colon")?;
            visit(self, &key)?;
            if self.take(b',') {
                continue;
            }
            return self.demand(b'}', "a comma or the end of the object");
        }
    }

    /// Walks an array. `visit` gets each position and must take the value.
    #[inline]
    pub(super) fn array(&mut self, mut visit: impl FnMut(&mut Self, usize) -> Scan<()>) -> Scan<()> {
        if !self.take(b'[') {
            return Err(self.mismatch("an array"));
        }
        if self.take(b']') {
            return Ok(());
        }
        for index in 0.. {
            visit(self, index)?;
            if !self.take(b',') {
                break;
            }
        }
        self.demand(b']', "a comma or the end of the array")
    }

    /// Takes `null` if it stands here.
    pub(super) fn take_null(&mut self) -> bool {
        if self.peek() != Some(b'n') {
            return false;
        }
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let found = rest.starts_with(b"null") && !rest.get(4).is_some_and(u8::is_ascii_alphanumeric);
        self.position += if found { 4 } else { 0 };
        found
    }

    /// A JSON integer of 64 bits, not negative.
    #[inline]
    pub(super) fn integer(&mut self) -> Scan<u64> {
        self.peek();
        let start = self.position;
        match self.digits() {
            Some(value) if self.ends_integer(start) => Ok(value),
            _ => {
                self.position = start;
                Err(self.mismatch(INTEGER))
            }
        }
    }

    /// An integer, bare or as a decimal string.
    #[inline]
    pub(super) fn quoted_integer(&mut self) -> Scan<u64> {
        if self.peek() != Some(b'"') {
            return self.integer();
        }
        let start = self.position;
        self.position += 1;
        match self.digits() {
            Some(value) if self.bytes.get(self.position) == Some(&b'"') => {
                self.position += 1;
                Ok(value)
            }
            _ => {
                self.position = start;
                Err(self.mismatch(INTEGER))
            }
        }
    }

    /// Whether the digits since `start` are a whole JSON integer: no leading zero, no fraction, no exponent.
    #[inline]
    fn ends_integer(&self, start: usize) -> bool {
        let leading_zero = self.bytes.get(start) == Some(&b'0') && self.position > start + 1;
        let goes_on = self
            .bytes
            .get(self.position)
            .is_some_and(|byte| !matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t'));
        !leading_zero && !goes_on
    }

    #[inline]
    fn eight(&self, position: usize) -> Option<u64> {
        let bytes = self.bytes.get(position..)?.first_chunk::<8>()?;
        Some(u64::from_le_bytes(*bytes))
    }

    /// Takes the usual entries of a reward map, `"123456": 1029, ` or without the two spaces, as long as
    /// they follow each other, and shows each to `visit`. Stops, before the entry, at the first of another
    /// form or where `visit` says so. True if the map ended with the last entry.
    #[inline]
    pub(super) fn plain_entries(&mut self, visit: impl FnMut(u64, u64) -> bool) -> bool {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        // Spaced as the first entry is: to know it beforehand makes the next entry's place known sooner.
        let colon = rest.iter().take(10).position(|byte| *byte == b':').unwrap_or_default();
        match rest.get(colon + 1) {
            Some(b' ') => self.entries_spaced::<1>(visit),
            _ => self.entries_spaced::<0>(visit),
        }
    }

    #[inline(always)]
    fn entries_spaced<const SPACES: usize>(&mut self, mut visit: impl FnMut(u64, u64) -> bool) -> bool {
        let bytes = self.bytes;
        let mut position = self.position;
        // Enough for the longest usual entry, so that one check serves the whole of it.
        while let Some(window) = bytes.get(position..).and_then(|rest| rest.first_chunk::<32>()) {
            let at = |place: usize| window.get(place).copied().unwrap_or_default();
            let spaced = |place: usize| SPACES == 0 || at(place) == b' ';
            let Some((key, key_digits)) = few_digits(window, 1) else { break };
            let colon = 1 + key_digits;
            if at(0) != b'"' || at(colon) != b'"' || at(colon + 1) != b':' || !spaced(colon + 2) {
                break;
            }
            let number = colon + 2 + SPACES;
            let Some((value, digits)) = few_digits(window, number) else { break };
            let after = number + digits;
            if at(number) == b'0' && digits > 1 {
                break;
            }
            let last = at(after) == b'}';
            if !last && (at(after) != b',' || !spaced(after + 1)) {
                break;
            }
            if !visit(key, value) {
                break;
            }
            if last {
                self.position = position + after + 1;
                return true;
            }
            position += after + 1 + SPACES;
        }
        self.position = position;
        false
    }

    /// Decimal digits; none if there is no digit or the number is too large.
    #[inline]
    fn digits(&mut self) -> Option<u64> {
        let start = self.position;
        let mut value = 0u64;
        while let Some(digit) = self.bytes.get(self.position).map(|byte| byte.wrapping_sub(b'0')) {
            if digit > 9 {
                break;
            }
            value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
            self.position += 1;
        }
        (self.position > start).then_some(value)
    }

    /// A string's content, borrowed where it has no escapes. Bytes are valid UTF-8.
    pub(super) fn text(&mut self) -> Scan<Cow<'a, [u8]>> {
        if self.peek() != Some(b'"') {
            return Err(self.mismatch("a string"));
        }
        let start = self.position + 1;
        let escapes = self.skip_string()?;
        let raw = self.bytes.get(start..self.position - 1).unwrap_or_default();
        if !escapes {
            return Ok(Cow::Borrowed(raw));
        }
        match unescape(raw) {
            Some(text) => Ok(Cow::Owned(text)),
            None => {
                self.position = start - 1;
                Err(self.unexpected("a string without broken escapes"))
            }
        }
    }

    /// Takes a string; true if it has escapes.
    fn skip_string(&mut self) -> Scan<bool> {
        let start = self.position;
        let mut escapes = false;
        let mut ascii = true;
        let mut position = start + 1;
        loop {
            while self.eight(position).is_some_and(is_plain) {
                position += 8;
            }
            match self.bytes.get(position) {
                None => return Err(Fault::new(Reason::CutShort)),
                Some(b'"') => break,
                Some(b'\\') => {
                    escapes = true;
                    match self.bytes.get(position + 1) {
                        None => return Err(Fault::new(Reason::CutShort)),
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' | b'u') => position += 2,
                        Some(_) => {
                            self.position = position;
                            return Err(self.unexpected("an escape that JSON knows"));
                        }
                    }
                }
                Some(0..0x20) => {
                    self.position = position;
                    let found = shown(self.bytes.get(position..=position).unwrap_or_default());
                    let expected = "a string without bare control characters";
                    return Err(Fault::new(Reason::Syntax { at: position, expected, found }));
                }
                Some(byte) => {
                    ascii &= byte.is_ascii();
                    position += 1;
                }
            }
        }
        let raw = self.bytes.get(start..position).unwrap_or_default();
        if !ascii && std::str::from_utf8(raw).is_err() {
            self.position = start;
            return Err(self.unexpected("a string in UTF-8"));
        }
        self.position = position + 1;
        Ok(escapes)
    }

    /// Takes any value and forgets it.
    pub(super) fn skip_value(&mut self) -> Scan<()> {
        self.skip_nested(0)
    }

    fn skip_nested(&mut self, depth: usize) -> Scan<()> {
        if depth > MAX_DEPTH {
            return Err(Fault::new(Reason::TooDeep { limit: MAX_DEPTH }));
        }
        match self.peek() {
            Some(b'{') => self.object(|cursor, _| cursor.skip_nested(depth + 1)),
            Some(b'[') => self.array(|cursor, _| cursor.skip_nested(depth + 1)),
            Some(b'"') => self.skip_string().map(drop),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            Some(b'-' | b'0'..=b'9') => self.skip_number(),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn word(&mut self, word: &'static [u8]) -> Scan<()> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        if rest.starts_with(word) {
            self.position += word.len();
            Ok(())
        } else if word.starts_with(rest) {
            Err(Fault::new(Reason::CutShort))
        } else {
            Err(self.unexpected("a value"))
        }
    }

    fn skip_number(&mut self) -> Scan<()> {
        let start = self.position;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let length = rest
            .iter()
            .position(|byte| !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
            .unwrap_or(rest.len());
        if is_number(rest.get(..length).unwrap_or_default()) {
            self.position += length;
            return Ok(());
        }
        if length == rest.len() {
            Err(Fault::new(Reason::CutShort))
        } else {
            Err(self.unexpected("a number"))
        }
    }
}

/// One to seven digits at `position`, all at once; none if there is another number of them.
#[inline(always)]
fn few_digits(window: &[u8; 32], position: usize) -> Option<(u64, usize)> {
    let text = u64::from_le_bytes(*window.get(position..)?.first_chunk::<8>()?) ^ (ONES * 0x30);
    let others = (text.wrapping_add(ONES * 0x76) | text) & HIGH_BITS;
    let count = others.trailing_zeros() / 8;
    if count == 0 || count == 8 {
        return None;
    }
    // Digits move to the end, zeros before them; then pairs, quads and all eight are joined.
    let digits = text << (64 - 8 * count);
    let pairs = (digits.wrapping_mul(10) + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let quads = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    let value = (quads.wrapping_mul(10_000) + (quads >> 32)) & 0xffff_ffff;
    Some((value, count as usize))
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = ONES * 0x80;

/// Whether eight bytes are ASCII without quote, backslash or control character.
#[inline]
fn is_plain(text: u64) -> bool {
    let below = |limit: u64, text: u64| text.wrapping_sub(ONES * limit) & !text;
    let quote = below(1, text ^ (ONES * u64::from(b'"')));
    let backslash = below(1, text ^ (ONES * u64::from(b'\\')));
    (below(0x20, text) | quote | backslash | text) & HIGH_BITS == 0
}

/// The JSON grammar of numbers.
fn is_number(text: &[u8]) -> bool {
    fn digits(text: &[u8]) -> usize {
        text.iter().take_while(|byte| byte.is_ascii_digit()).count()
    }
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(text);
    if whole == 0 || (whole > 1 && text.first() == Some(&b'0')) {
        return false;
    }
    let mut rest = text.get(whole..).unwrap_or_default();
    if let Some(fraction) = rest.strip_prefix(b".") {
        let length = digits(fraction);
        if length == 0 {
            return false;
        }
        rest = fraction.get(length..).unwrap_or_default();
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = match exponent {
            [b'+' | b'-', unsigned @ ..] => unsigned,
            unsigned => unsigned,
        };
        let length = digits(exponent);
        return length > 0 && length == exponent.len();
    }
    rest.is_empty()
}

/// A piece of the text for an error: shortened, control characters made visible.
#[cold]
pub(super) fn shown(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw.get(..raw.len().min(4 * SHOWN_CHARS)).unwrap_or_default());
    let mut shown = String::new();
    let mut characters = text.chars();
    for character in characters.by_ref().take(SHOWN_CHARS) {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    if characters.next().is_some() || raw.len() > 4 * SHOWN_CHARS {
        shown.push('…');
    }
    shown
}

/// Resolves escapes; none if one is broken or half of a pair.
fn unescape(raw: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            text.push(byte);
            continue;
        }
        let (&kind, after) = rest.split_first()?;
        rest = after;
        match kind {
            b'b' => text.push(8),
            b'f' => text.push(12),
            b'n' => text.push(b'\n'),
            b'r' => text.push(b'\r'),
            b't' => text.push(b'\t'),
            b'u' => {
                let high = hex4(rest)?;
                rest = rest.get(4..)?;
                let code = if (0xD800..0xDC00).contains(&high) {
                    let low = hex4(rest.strip_prefix(b"\\u")?)?;
                    rest = rest.get(6..)?;
                    (0xDC00..0xE000)
                        .contains(&low)
                        .then(|| 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))?
                } else {
                    high
                };
                let mut utf8 = [0; 4];
                text.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut utf8).as_bytes());
            }
            other => text.push(other),
        }
    }
    Some(text)
}

fn hex4(text: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(text.get(..4)?).ok()?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, 16).ok()
}
