//! How long what people write may be, as the page has it.

use std::fmt::Write as _;

use super::codes::camel;
use crate::limit::LIMITS;

/// A module with each of them by its name.
pub(super) fn module() -> String {
    let mut text = String::from(
        "// Generated: what the server holds people to. src/bounds/limit.rs says what each counts.\n\
         export const Bound = /** @type {const} */ ({\n",
    );
    for (name, limit) in LIMITS {
        let _ = writeln!(text, "  {}: {limit},", camel(&name.to_ascii_lowercase()));
    }
    text.push_str("});\n");
    text
}
