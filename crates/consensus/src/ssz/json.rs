//! The JSON of the Beacon API: integers as decimal strings, bytes as hexadecimal strings.

use std::fmt;

use serde_json::Value;

use super::{Bytes, SszError, Uint256};
use crate::primitives::Root;
use crate::spec::Shape;

/// A value with a JSON form in the Beacon API.
pub trait Json: Sized {
    /// The JSON form.
    fn to_json(&self, shape: &Shape<'_>) -> Value;

    /// Reads the JSON form. Integers may be numbers or strings.
    fn from_json(value: &Value, shape: &Shape<'_>) -> Result<Self, JsonError>;
}

/// JSON that is not the value it should be, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    path: String,
    reason: String,
}

impl JsonError {
    /// Something else was there than expected.
    pub fn expected(what: &str, found: &Value) -> Self {
        let found = match found {
            Value::Null => "null".to_owned(),
            Value::Bool(value) => format!("{value}"),
            Value::Number(number) => format!("the number {number}"),
            Value::String(text) if text.len() <= 80 => format!("{text:?}"),
            Value::String(text) => format!("a text of {} bytes", text.len()),
            Value::Array(items) => format!("an array of {}", items.len()),
            Value::Object(fields) => format!("an object of {} fields", fields.len()),
        };
        Self { path: String::new(), reason: format!("expected {what}, found {found}") }
    }

    /// A field that is not there.
    pub fn missing(field: &'static str) -> Self {
        Self { path: field.to_owned(), reason: "the field is missing".to_owned() }
    }

    /// The error inside a named field.
    #[must_use]
    pub fn in_field(mut self, field: &'static str) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{field}{dot}{}", self.path);
        self
    }

    /// The error inside an element of an array.
    #[must_use]
    pub fn in_item(mut self, index: usize) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("[{index}]{dot}{}", self.path);
        self
    }
}

impl From<SszError> for JsonError {
    fn from(error: SszError) -> Self {
        Self { path: String::new(), reason: error.to_string() }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for JsonError {}

/// `0x` and hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 + bytes.len() * 2);
    text.push_str("0x");
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            text.push(DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0') as char);
        }
    }
    text
}

/// The bytes of `0x` and hexadecimal digits.
pub(super) fn hex_bytes(value: &Value) -> Result<Vec<u8>, JsonError> {
    let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    value
        .as_str()
        .and_then(|text| text.strip_prefix("0x"))
        .filter(|digits| digits.len().is_multiple_of(2))
        .and_then(|digits| {
            digits
                .as_bytes()
                .chunks_exact(2)
                .map(|pair| match pair {
                    [high, low] => Some((digit(*high)? << 4) | digit(*low)?),
                    _ => None,
                })
                .collect()
        })
        .ok_or_else(|| JsonError::expected("0x and hexadecimal digits", value))
}

macro_rules! unsigned {
    ($($name:ty)*) => {$(
        impl Json for $name {
            fn to_json(&self, _: &Shape<'_>) -> Value {
                self.to_string().into()
            }

            fn from_json(value: &Value, _: &Shape<'_>) -> Result<Self, JsonError> {
                match value {
                    Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
                    Value::Number(number) => number.as_u64().and_then(|number| number.try_into().ok()),
                    _ => None,
                }
                .ok_or_else(|| JsonError::expected(concat!("an integer (", stringify!($name), ")"), value))
            }
        }
    )*};
}

unsigned!(u8 u16 u32 u64 u128);

impl Json for bool {
    fn to_json(&self, _: &Shape<'_>) -> Value {
        (*self).into()
    }

    fn from_json(value: &Value, _: &Shape<'_>) -> Result<Self, JsonError> {
        match value {
            Value::Bool(value) => Ok(*value),
            Value::String(text) if text == "true" => Ok(true),
            Value::String(text) if text == "false" => Ok(false),
            _ => Err(JsonError::expected("true or false", value)),
        }
    }
}

impl Json for Root {
    fn to_json(&self, _: &Shape<'_>) -> Value {
        hex(&self.0).into()
    }

    fn from_json(value: &Value, shape: &Shape<'_>) -> Result<Self, JsonError> {
        Bytes::<32>::from_json(value, shape).map(|bytes| Self(bytes.0))
    }
}

impl<const N: usize> Json for Bytes<N> {
    fn to_json(&self, _: &Shape<'_>) -> Value {
        hex(&self.0).into()
    }

    fn from_json(value: &Value, _: &Shape<'_>) -> Result<Self, JsonError> {
        let bytes = hex_bytes(value)?;
        bytes
            .try_into()
            .map(Self)
            .map_err(|_| JsonError::expected(&format!("{N} bytes in hexadecimal"), value))
    }
}

impl Json for Uint256 {
    fn to_json(&self, _: &Shape<'_>) -> Value {
        self.to_string().into()
    }

    fn from_json(value: &Value, _: &Shape<'_>) -> Result<Self, JsonError> {
        value
            .as_str()
            .and_then(Self::from_decimal)
            .or_else(|| value.as_u64().and_then(|number| Self::from_decimal(&number.to_string())))
            .ok_or_else(|| JsonError::expected("an integer of 256 bits", value))
    }
}
