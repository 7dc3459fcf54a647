//! Bodies of requests: bounded, and described when they are wrong.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use serde_json::Value;

use crate::error::ApiError;

/// A body that arrived whole and is not too large.
pub(crate) fn within(body: Result<Bytes, BytesRejection>, limit: usize) -> Result<Bytes, ApiError> {
    let too_large = || ApiError::TooLarge(format!("the body is larger than {limit} bytes"));
    match body {
        Ok(body) if body.len() > limit => Err(too_large()),
        Ok(body) => Ok(body),
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(too_large()),
        Err(rejection) => {
            Err(ApiError::BadParameter(format!("the body could not be read: {}", rejection.body_text())))
        }
    }
}

/// What is wrong with a text that is not JSON.
pub(crate) fn json_fault(error: &serde_json::Error) -> String {
    error.to_string()
}

/// What a JSON value is, in words.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
