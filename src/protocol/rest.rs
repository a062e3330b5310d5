//! What is asked for over HTTP and answered there: the fields of a request as JSON, and the message that answers it.

use prost::Message as _;
use serde_json::Value;

use super::MAX_REQUEST;
use super::json::{self, JsonError};
use super::operation::Operation;
use super::wire::{self, request, response};

/// The request for an operation, with these fields: an object of JSON.
///
/// Errors say what is wrong with the fields. More than [`MAX_REQUEST`] bytes are [`JsonError::Broken`].
pub fn read_request(operation: &Operation, fields: &Value) -> Result<request::Body, JsonError> {
    let bytes = json::member(operation.number, &json::read(operation.request, fields)?);
    if bytes.len() > MAX_REQUEST {
        return Err(JsonError::Broken);
    }
    wire::Request::decode(&bytes[..])?.body.ok_or(JsonError::Broken)
}

/// What an operation was asked with, as others may see it: without what is secret, and without what isn't known.
pub fn without_secrets(operation: &Operation, fields: &Value) -> Value {
    json::without_secrets(operation.request, fields)
}

/// An answer to an operation as JSON.
pub fn write_answer(operation: &Operation, answer: &response::Body) -> Result<Value, JsonError> {
    let mut bytes = Vec::with_capacity(answer.encoded_len());
    answer.encode(&mut bytes);
    json::write_member(operation.response, &bytes)
}
