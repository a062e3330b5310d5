//! The sample configuration file, rendered from the table of settings.

use std::fmt::Write;

use super::key::KEYS;

/// A file with every setting at its default, commented out, with its meaning and what it may hold.
pub fn sample() -> String {
    let mut text = String::from(
        "# Parlour's settings. Every line that is commented out shows the default.\n\
         # The environment (PARLOUR_LIMITS_MAX_SESSIONS=50) wins over this file, a flag over both.\n\
         # `parlour config check FILE` checks a file, `parlour config show` shows what is in effect.\n",
    );
    let mut table = "";
    for key in KEYS {
        let (within, name) = key.name.split_once('.').unwrap_or(("", key.name));
        if within != table {
            table = within;
            // Writing to a String can't fail.
            let _ = write!(text, "\n[{table}]\n");
        }
        let _ = write!(
            text,
            "\n# {}\n# {}.\n# {name} = {}\n",
            key.meaning,
            capitalized(&key.kind.to_string()),
            key.default
        );
    }
    text
}

fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}
