//! Error and close codes, permissions, and the protocol's enumerations, as the page has them.

use std::fmt::Write as _;

use protox::prost_reflect::{EnumDescriptor, FileDescriptor};

use crate::code::{CloseCode, ErrorCode};
use crate::permission::Permissions;

/// A module with a table for each of them, by name.
pub(super) fn module(file: &FileDescriptor) -> String {
    let mut text = String::from(
        "// Generated: codes, permissions and enumerations of the protocol, by name. docs/protocol.md says what they mean.\n",
    );
    let errors = ErrorCode::ALL.iter().map(|code| (camel(code.name()), code.number().to_string()));
    table(&mut text, "ErrorCode", "Why a request was refused.", errors);
    let closes = CloseCode::ALL.iter().map(|code| (camel(code.name()), code.number().to_string()));
    table(&mut text, "CloseCode", "Why a connection was closed.", closes);
    let permissions =
        Permissions::NAMED.iter().map(|(permission, word)| (camel(word), format!("{}n", permission.bits())));
    table(&mut text, "Permission", "The bit of each permission.", permissions);
    for kind in file.enums() {
        table(&mut text, kind.name(), "Of protocol.proto.", values(&kind));
    }
    text
}

/// The values of an enumeration without its name before each: `REACH_BELOW` of `Reach` is `below`.
fn values(kind: &EnumDescriptor) -> impl Iterator<Item = (String, String)> {
    let mut prefix = String::new();
    for letter in kind.name().chars() {
        if letter.is_uppercase() && !prefix.is_empty() {
            prefix.push('_');
        }
        prefix.push(letter.to_ascii_uppercase());
    }
    prefix.push('_');
    let values: Vec<_> = kind.values().collect();
    values.into_iter().map(move |value| {
        let name = value.name().strip_prefix(&prefix).unwrap_or(value.name());
        (camel(&name.to_ascii_lowercase()), value.number().to_string())
    })
}

fn table(text: &mut String, name: &str, about: &str, rows: impl Iterator<Item = (String, String)>) {
    let _ = writeln!(text, "\n/** {about} */\nexport const {name} = /** @type {{const}} */ ({{");
    for (key, value) in rows {
        let _ = writeln!(text, "  {key}: {value},");
    }
    text.push_str("});\n");
}

/// Words joined by their capitals: `mute others` is `muteOthers`.
pub(super) fn camel(words: &str) -> String {
    let mut parts = words.split([' ', '-', '_']);
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        name.extend(part.chars().take(1).map(|letter| letter.to_ascii_uppercase()));
        name.extend(part.chars().skip(1));
    }
    name
}
