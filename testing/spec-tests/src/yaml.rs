//! Reads YAML into the values of JSON.
//!
//! The tests write numbers of up to 256 bits. One that fits 64 bits becomes a number, a larger one stays a text of
//! digits; nothing goes through floating point. Anchors, tags and several documents are not used and are refused.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// Nested lists and mappings at most.
const MAX_DEPTH: usize = 64;

/// YAML that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the YAML of a test: {0}")]
pub struct YamlError(String);

/// A list or mapping that is not finished.
enum Open {
    List(Vec<Value>),
    Mapping(Map<String, Value>, Option<String>),
}

impl Open {
    fn add(&mut self, value: Value) -> Result<(), YamlError> {
        match self {
            Self::List(items) => items.push(value),
            Self::Mapping(fields, key) => match key.take() {
                Some(key) => {
                    if fields.contains_key(&key) {
                        return Err(YamlError(format!("the key {key:?} is there twice")));
                    }
                    fields.insert(key, value);
                }
                None => *key = Some(key_text(value)?),
            },
        }
        Ok(())
    }

    fn finish(self) -> Value {
        match self {
            Self::List(items) => Value::Array(items),
            Self::Mapping(fields, _) => Value::Object(fields),
        }
    }
}

/// Reads one document. Nothing at all is null.
pub fn parse(text: &str) -> Result<Value, YamlError> {
    let mut open: Vec<Open> = Vec::new();
    let mut document = None;
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|error| YamlError(error.to_string()))?;
        let value = match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => continue,
            Event::DocumentStart(_) if document.is_none() => continue,
            Event::DocumentStart(_) => return Err(YamlError("more than one document".to_owned())),
            Event::Alias(_) => return Err(YamlError("an alias".to_owned())),
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => return Err(YamlError("a tag".to_owned())),
            Event::Scalar(text, ScalarStyle::Plain, ..) => plain(&text),
            Event::Scalar(text, ..) => Value::String(text.into_owned()),
            Event::SequenceStart(..) | Event::MappingStart(..) if open.len() >= MAX_DEPTH => {
                return Err(YamlError(format!("more than {MAX_DEPTH} levels")));
            }
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Mapping(Map::new(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(done) => done.finish(),
                None => return Err(YamlError("an end without its start".to_owned())),
            },
        };
        match open.last_mut() {
            Some(parent) => parent.add(value)?,
            None => document = Some(value),
        }
    }
    Ok(document.unwrap_or(Value::Null))
}

/// A key as the text it was written as.
fn key_text(key: Value) -> Result<String, YamlError> {
    match key {
        Value::String(key) => Ok(key),
        Value::Number(key) => Ok(key.to_string()),
        Value::Bool(key) => Ok(key.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(YamlError("a key that is no text".to_owned()))
        }
    }
}

/// What a scalar without quotation marks stands for.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => match text.parse::<i64>() {
            Ok(number) if number < 0 => number.into(),
            _ if text.starts_with('+') => text.into(),
            _ => text.parse::<u64>().map_or_else(|_| text.into(), Value::from),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_of_any_size_keep_their_digits() {
        let largest = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
        let text =
            format!("a: 18446744073709551615\nb: {largest}\nc: '7'\nd: -1\ne: 0x0102\nf: [1, true, null]\n");
        assert_eq!(
            parse(&text),
            Ok(json!({
                "a": u64::MAX, "b": largest, "c": "7", "d": -1, "e": "0x0102", "f": [1, true, null],
            }))
        );
    }

    #[test]
    fn a_document_may_be_one_value_or_nothing() {
        assert_eq!(parse("false\n...\n"), Ok(json!(false)));
        assert_eq!(parse("5\n...\n"), Ok(json!(5)));
        assert_eq!(parse("'0x03'\n"), Ok(json!("0x03")));
        assert_eq!(parse(""), Ok(Value::Null));
        assert_eq!(
            parse("{blocks_count: 2, bls_setting: 1}"),
            Ok(json!({"blocks_count": 2, "bls_setting": 1}))
        );
    }

    #[test]
    fn what_the_tests_do_not_use_is_refused() {
        for text in ["- &a 1\n- *a", "!!str 1", "--- 1\n--- 2", "a: 1\na: 2", "[1", &"[".repeat(100)] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
