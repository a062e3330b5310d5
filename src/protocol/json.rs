//! Messages as JSON, for programs that ask over HTTP: by tables that the build makes of `protocol.proto`, so that what is
//! said there of a message is said of its JSON, too.
//!
//! It is the JSON of Protocol Buffers (its guide's "JSON format": names in `camelCase`, 64-bit numbers as strings), but for what people
//! read and write: a set of permissions is the list of their words, a time is RFC 3339 or `null`, and a value of an enumeration
//! is its word. Bytes are base 64 for URLs (RFC 4648, section 5). What has a default is always written; what may be absent is
//! written where it is there.

use bytes::Buf;
use data_encoding::{BASE64, BASE64URL_NOPAD};
use prost::encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::id::Timestamp;
use crate::permission::Permissions;

/// A message of `protocol.proto`.
pub struct Message {
    /// What it is called there.
    pub name: &'static str,
    /// Its fields, in the order of the file.
    pub fields: &'static [Field],
}

// A message may hold itself, so it is known by its name.
impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Message {}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({})", self.name)
    }
}

/// A field of a message.
#[expect(clippy::struct_excessive_bools, reason = "each says something of its own, as the schema does")]
#[derive(Debug)]
pub struct Field {
    /// Its number on the wire.
    pub number: u32,
    /// Its name in JSON.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether there may be any number of them.
    pub is_list: bool,
    /// Whether it may be absent.
    pub is_optional: bool,
    /// Whether nobody is to see what it holds but whom it is sent to.
    pub is_hidden: bool,
    /// Whether that is a secret, such as a password, rather than for some people alone.
    pub is_secret: bool,
    /// The choice of which it is one; empty for none.
    pub choice: &'static str,
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// Bytes.
    Bytes,
    /// `true` or `false`.
    Bool,
    /// A number of 32 bits.
    Number32,
    /// A number of 64 bits: an identifier, a size, a duration in milliseconds.
    Number64,
    /// A number of 32 bits with a sign.
    Signed32,
    /// A time, in milliseconds since the Unix epoch; 0 is none.
    Time,
    /// A set of permissions.
    Permissions,
    /// An enumeration: its values and their words.
    Word(&'static [(u32, &'static str)]),
    /// A message.
    Message(&'static Message),
}

impl Field {
    /// The value of a text from an address, of which there may be several for a list. What doesn't fit stays a text, so
    /// that reading it says what is wrong.
    pub fn from_texts(&self, texts: &[String]) -> Value {
        let one = |text: &String| match self.kind {
            Kind::Bool => text.parse().map_or_else(|_| text.as_str().into(), Value::Bool),
            Kind::Number32 => text.parse::<u32>().map_or_else(|_| text.as_str().into(), Value::from),
            Kind::Signed32 => text.parse::<i32>().map_or_else(|_| text.as_str().into(), Value::from),
            _ => text.as_str().into(),
        };
        match (self.kind, texts) {
            (Kind::Permissions, _) => texts.iter().flat_map(|text| text.split(',')).map(str::trim).collect(),
            (_, [text]) if !self.is_list => one(text),
            _ => texts.iter().map(one).collect(),
        }
    }

    /// What it is said to be where a value isn't that.
    fn wanted(&self) -> &'static str {
        match self.kind {
            Kind::Text => "a text",
            Kind::Bytes => "bytes in base 64 for URLs (RFC 4648, section 5)",
            Kind::Bool => "true or false",
            Kind::Number32 => "a number from 0 to 4294967295",
            Kind::Number64 => "a number from 0 to 18446744073709551615, in quotation marks",
            Kind::Signed32 => "a number from -2147483648 to 2147483647",
            Kind::Time => "a time like \"2026-01-31T12:00:00Z\" (RFC 3339), or null for none",
            Kind::Permissions => "a list of the words of permissions, such as [\"view\", \"join\"]",
            Kind::Word(_) => "one of the words of its enumeration",
            Kind::Message(_) => "an object",
        }
    }

    /// What JSON has where the wire has nothing; nothing for what may be absent.
    fn default(&self) -> Option<Value> {
        if self.is_list {
            return Some(Value::Array(Vec::new()));
        }
        if self.is_optional {
            return None;
        }
        match self.kind {
            Kind::Text | Kind::Bytes => Some("".into()),
            Kind::Message(_) => None,
            kind => written(kind, 0),
        }
    }
}

/// Why JSON is no message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JsonError {
    /// Something else stands in its place.
    #[error("{name} must be an object of JSON")]
    NoObject {
        /// What was to be an object.
        name: &'static str,
    },
    /// A field isn't known.
    #[error("there is no field `{field}` in {name}; it has {known}")]
    Unknown {
        /// The message.
        name: &'static str,
        /// What was given; the first 64 characters.
        field: String,
        /// What it has.
        known: String,
    },
    /// A value doesn't fit its field.
    #[error("`{field}` must be {wanted}")]
    Value {
        /// The field.
        field: &'static str,
        /// What it takes.
        wanted: &'static str,
    },
    /// A word is none of those that there are.
    #[error("`{field}` has the word \"{word}\"; those that there are: {known}")]
    Word {
        /// The field.
        field: &'static str,
        /// What was given; the first 64 characters.
        word: String,
        /// What there is.
        known: String,
    },
    /// Two of a choice are there.
    #[error("only one of `{first}` and `{second}` can be given")]
    Choice {
        /// One of them.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// The bytes of a message can't be read.
    #[error("the message can't be read: {0}")]
    Wire(#[from] prost::DecodeError),
    /// The bytes of a message end too early, or have what no message of ours has.
    #[error("the message isn't whole")]
    Broken,
}

/// The bytes of a message that is given as JSON.
pub fn read(message: &'static Message, value: &Value) -> Result<Vec<u8>, JsonError> {
    let Value::Object(object) = value else { return Err(JsonError::NoObject { name: message.name }) };
    let mut bytes = Vec::new();
    let mut chosen: Vec<&Field> = Vec::new();
    for (name, value) in object {
        let field = message.fields.iter().find(|field| field.name == name);
        let field = field.ok_or_else(|| unknown(message, name))?;
        if value.is_null() && matches!(field.kind, Kind::Time) {
            continue;
        }
        if !field.choice.is_empty() {
            if let Some(other) = chosen.iter().find(|other| other.choice == field.choice) {
                return Err(JsonError::Choice { first: other.name, second: field.name });
            }
            chosen.push(field);
        }
        match value {
            Value::Array(values) if field.is_list && !matches!(field.kind, Kind::Permissions) => {
                for value in values {
                    read_value(field, value, &mut bytes)?;
                }
            }
            _ if field.is_list => return Err(JsonError::Value { field: field.name, wanted: "a list" }),
            value => read_value(field, value, &mut bytes)?,
        }
    }
    Ok(bytes)
}

/// What stands for a value that nobody is to see, or that can't be read.
const HIDDEN: &str = "(hidden)";

/// A message that is given as JSON, as others may see it. Of a field that isn't known nobody knows whether it is secret.
pub fn without_secrets(message: &'static Message, value: &Value) -> Value {
    let Value::Object(object) = value else { return HIDDEN.into() };
    let shown = |(name, value): (&String, &Value)| {
        let field = message.fields.iter().find(|field| field.name == name)?;
        let one = |value: &Value| match (field.kind, value) {
            _ if field.is_hidden => HIDDEN.into(),
            (Kind::Message(message), value) => without_secrets(message, value),
            (Kind::Permissions, Value::Array(words)) if words.iter().all(Value::is_string) => value.clone(),
            (_, Value::Object(_) | Value::Array(_)) => HIDDEN.into(),
            (_, value) => value.clone(),
        };
        let value = match value {
            Value::Array(values) if field.is_list => values.iter().map(one).collect(),
            value => one(value),
        };
        Some((name.clone(), value))
    };
    Value::Object(object.iter().filter_map(shown).collect())
}

/// The texts that a message holds, given as JSON, of which each is a secret.
pub fn secrets_of(message: &'static Message, value: &Value) -> Vec<String> {
    let Value::Object(object) = value else { return Vec::new() };
    let mut secrets = Vec::new();
    for (name, value) in object {
        let Some(field) = message.fields.iter().find(|field| field.name == name) else { continue };
        let values = if let Value::Array(values) = value { &values[..] } else { std::slice::from_ref(value) };
        for value in values {
            match (field.kind, value) {
                (_, Value::String(text)) if field.is_secret && !text.is_empty() => secrets.push(text.clone()),
                (Kind::Message(message), value) => secrets.extend(secrets_of(message, value)),
                _ => (),
            }
        }
    }
    secrets
}

fn unknown(message: &Message, field: &str) -> JsonError {
    let known: Vec<_> = message.fields.iter().map(|field| format!("`{}`", field.name)).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    JsonError::Unknown { name: message.name, field: field.chars().take(64).collect(), known }
}

fn read_value(field: &Field, value: &Value, bytes: &mut Vec<u8>) -> Result<(), JsonError> {
    let wrong = || JsonError::Value { field: field.name, wanted: field.wanted() };
    let number = match (field.kind, value) {
        (Kind::Text, Value::String(text)) => {
            put(field.number, text.as_bytes(), bytes);
            return Ok(());
        }
        (Kind::Bytes, Value::String(text)) => {
            let held = BASE64URL_NOPAD.decode(text.as_bytes()).or_else(|_| BASE64.decode(text.as_bytes()));
            put(field.number, &held.map_err(|_| wrong())?, bytes);
            return Ok(());
        }
        (Kind::Message(message), value) => {
            put(field.number, &read(message, value)?, bytes);
            return Ok(());
        }
        (Kind::Bool, Value::Bool(on)) => u64::from(*on),
        (Kind::Number32, Value::Number(number)) => {
            number.as_u64().and_then(|number| u32::try_from(number).ok()).ok_or_else(wrong)?.into()
        }
        (Kind::Signed32, Value::Number(number)) => {
            let number = number.as_i64().and_then(|number| i32::try_from(number).ok()).ok_or_else(wrong)?;
            // A number that is near zero is short, whatever its sign (Protocol Buffers, "Encoding").
            u64::from(((number << 1) ^ (number >> 31)).cast_unsigned())
        }
        // A number without quotation marks may have been rounded by whoever wrote it.
        (Kind::Number64, Value::String(text)) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            text.parse().map_err(|_| wrong())?
        }
        (Kind::Time, Value::String(text)) => text.parse::<Timestamp>().map_err(|_| wrong())?.0,
        (Kind::Permissions, Value::Array(words)) => permissions(field, words)?.bits(),
        (Kind::Word(words), Value::String(word)) => {
            let found = words.iter().find(|(_, known)| known == word);
            let known = || words.iter().map(|(_, known)| *known).collect::<Vec<_>>();
            found.ok_or_else(|| no_word(field, word, &known()))?.0.into()
        }
        _ => return Err(wrong()),
    };
    encode_key(field.number, WireType::Varint, bytes);
    encode_varint(number, bytes);
    Ok(())
}

fn permissions(field: &Field, words: &[Value]) -> Result<Permissions, JsonError> {
    let one = |value: &Value| {
        let word = value.as_str().ok_or(JsonError::Value { field: field.name, wanted: field.wanted() })?;
        let found = Permissions::NAMED.iter().find(|(_, known)| *known == word);
        let known = || Permissions::NAMED.iter().map(|(_, known)| *known).collect::<Vec<_>>();
        let (permission, _) = found.ok_or_else(|| no_word(field, word, &known()))?;
        Ok::<_, JsonError>(*permission)
    };
    words.iter().try_fold(Permissions::NONE, |all, value| Ok(all.union(one(value)?)))
}

fn no_word(field: &Field, word: &str, known: &[&str]) -> JsonError {
    JsonError::Word { field: field.name, word: word.chars().take(64).collect(), known: known.join(", ") }
}

/// Appends what has a length.
fn put(number: u32, held: &[u8], bytes: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, bytes);
    encode_varint(held.len() as u64, bytes);
    bytes.extend_from_slice(held);
}

/// A member of a message of one choice, such as the body of a request.
pub fn member(number: u32, held: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(held.len() + 8);
    put(number, held, &mut bytes);
    bytes
}

/// The member of a message of one choice, of which that is all, as JSON.
pub fn write_member(message: &'static Message, bytes: &[u8]) -> Result<Value, JsonError> {
    let mut bytes = bytes;
    decode_key(&mut bytes)?;
    let length = usize::try_from(decode_varint(&mut bytes)?).map_err(|_| JsonError::Broken)?;
    write(message, bytes.get(..length).ok_or(JsonError::Broken)?)
}

/// The bytes of a message as JSON. What this version doesn't know is left out.
pub fn write(message: &'static Message, bytes: &[u8]) -> Result<Value, JsonError> {
    let mut bytes = bytes;
    let defaults = message.fields.iter().filter_map(|field| Some((field.name.to_owned(), field.default()?)));
    let mut object: Map<String, Value> = defaults.collect();
    while bytes.has_remaining() {
        let (number, wire) = decode_key(&mut bytes)?;
        let mut held: &[u8] = &[];
        let mut value = 0;
        match wire {
            WireType::Varint => value = decode_varint(&mut bytes)?,
            WireType::LengthDelimited => {
                let length = usize::try_from(decode_varint(&mut bytes)?).map_err(|_| JsonError::Broken)?;
                (held, bytes) = bytes.split_at_checked(length).ok_or(JsonError::Broken)?;
            }
            _ => return Err(JsonError::Broken),
        }
        let Some(field) = message.fields.iter().find(|field| field.number == number) else { continue };
        let mut found = Vec::new();
        match (field.kind, wire) {
            (Kind::Text, WireType::LengthDelimited) => found.push(String::from_utf8_lossy(held).into()),
            (Kind::Bytes, WireType::LengthDelimited) => found.push(BASE64URL_NOPAD.encode(held).into()),
            (Kind::Message(message), WireType::LengthDelimited) => found.push(write(message, held)?),
            // Numbers of a list are packed.
            (kind, WireType::LengthDelimited) => {
                while held.has_remaining() {
                    found.extend(written(kind, decode_varint(&mut held)?));
                }
            }
            (kind, _) => found.extend(written(kind, value)),
        }
        match object.get_mut(field.name) {
            Some(Value::Array(list)) if field.is_list => list.append(&mut found),
            _ => object.extend(found.pop().map(|value| (field.name.to_owned(), value))),
        }
    }
    Ok(object.into())
}

/// A number of the wire; nothing for what isn't one there.
fn written(kind: Kind, number: u64) -> Option<Value> {
    Some(match kind {
        Kind::Bool => (number != 0).into(),
        Kind::Number32 => number.into(),
        Kind::Number64 => number.to_string().into(),
        Kind::Signed32 => {
            let half = i32::try_from(number >> 1).ok()?;
            (if number & 1 == 0 { half } else { !half }).into()
        }
        Kind::Time if number == 0 => Value::Null,
        Kind::Time => Timestamp(number).to_string().into(),
        Kind::Permissions => {
            let has = |(one, _): &&(Permissions, &str)| Permissions::from_bits(number).contains(*one);
            Permissions::NAMED.iter().filter(has).map(|(_, word)| *word).collect()
        }
        // One of a later version has no word yet.
        Kind::Word(words) => match words.iter().find(|(value, _)| u64::from(*value) == number) {
            Some((_, word)) => (*word).into(),
            None => number.into(),
        },
        Kind::Text | Kind::Bytes | Kind::Message(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use serde_json::json;

    use super::*;
    use crate::protocol::operation;
    use crate::protocol::wire;

    fn of(name: &str) -> &'static Message {
        let operation = operation::named(name).unwrap();
        operation.request
    }

    #[test]
    fn a_message_is_written_for_people_and_read_back() {
        let create = wire::CreateChannel {
            parent: 1 << 60,
            name: "Tea".to_owned(),
            position: -3,
            temporary_ms: Some(60_000),
            voice: Some(wire::VoicePolicy { bitrate: 24_000, ..Default::default() }),
            ..Default::default()
        };
        let text = write(of("create_channel"), &create.encode_to_vec()).unwrap();
        let wanted = json!({
            "parent": "1152921504606846976", "name": "Tea", "description": "", "position": -3, "password": "",
            "userLimit": 0, "temporaryMs": "60000", "voice": { "bitrate": 24_000, "frameMs": 0, "lastSpeakers": 0 },
        });
        assert_eq!(text, wanted);
        let bytes = read(of("create_channel"), &text).unwrap();
        assert_eq!(wire::CreateChannel::decode(&bytes[..]).unwrap(), create);

        let role = wire::CreateRole {
            name: "Host".to_owned(),
            rank: 3,
            colour: 0,
            allow: Permissions::VIEW.union(Permissions::CREATE_CHANNEL).bits(),
        };
        let text = write(of("create_role"), &role.encode_to_vec()).unwrap();
        assert_eq!(text["allow"], json!(["view", "create channel"]));
        let bytes = read(of("create_role"), &text).unwrap();
        assert_eq!(wire::CreateRole::decode(&bytes[..]).unwrap(), role);
    }

    #[test]
    fn times_are_times_and_none_is_null() {
        let asked = wire::ReadAudit { since_ms: 1_760_000_000_123, ..Default::default() };
        let text = write(of("read_audit"), &asked.encode_to_vec()).unwrap();
        assert_eq!((&text["since"], &text["until"]), (&json!("2025-10-09T08:53:20.123Z"), &Value::Null));
        let bytes = read(of("read_audit"), &text).unwrap();
        assert_eq!(wire::ReadAudit::decode(&bytes[..]).unwrap(), asked);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let refused = |name: &str, value: Value| read(of(name), &value).unwrap_err().to_string();
        let unknown = refused("remove_channel", json!({ "chanel": "1" }));
        assert_eq!(unknown, "there is no field `chanel` in RemoveChannel; it has `channel`");
        assert!(refused("remove_channel", json!({ "channel": 1 })).starts_with("`channel` must be a number"));
        assert!(refused("remove_channel", json!([1])).ends_with("must be an object of JSON"));
        let word = refused("create_role", json!({ "allow": ["fly"] }));
        assert!(word.starts_with("`allow` has the word \"fly\"; those that there are: view, "), "{word}");
        let both = refused("set_overwrite", json!({ "role": "1", "user": "eve" }));
        assert_eq!(both, "only one of `role` and `user` can be given");
        assert!(refused("create_invite", json!({ "roles": "Member" })).ends_with("must be a list"));
    }

    #[test]
    fn bytes_that_are_no_message_are_refused() {
        for bytes in [&[8][..], &[10, 200], &[13, 1, 2, 3, 4], &[255; 20]] {
            assert!(write(of("create_channel"), bytes).is_err(), "{bytes:?}");
        }
    }
}
