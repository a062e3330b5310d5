//! The table of operations, as the page has it, and the type of each one's answer.

use std::fmt::Write as _;

use super::codes::camel;
use crate::operations::Operation;

/// A module with the table, by the name of the request's member.
pub(super) fn module(operations: &[Operation]) -> String {
    let mut text = String::from(
        "// Generated from the options in protocol.proto: what there is to say of each operation, by its request's name.\n\
         export const operations = /** @type {const} */ ({\n",
    );
    for one in operations {
        let _ = writeln!(
            text,
            "  {name}: {{ group: \"{group}\", who: \"{who}\", permission: \"{permission}\", on: \"{on}\", answer: \"{answer}\", \
             writes: {writes}, connected: {connected}, conditional: {conditional} }},",
            name = camel(&one.name),
            group = one.group,
            who = one.who,
            permission = camel(&one.needs),
            on = camel(&one.on),
            answer = camel(&one.answer),
            writes = one.writes,
            connected = one.connected,
            conditional = one.conditional,
        );
    }
    text.push_str("});\n");
    text
}

/// What answers each request, beside the types of the messages.
pub(super) fn answers(operations: &[Operation]) -> String {
    let mut text = String::from("\n/** What answers each request. */\nexport type Answers = {\n");
    for one in operations {
        let _ = writeln!(text, "  {}: ResponseBody[\"{}\"];", camel(&one.name), camel(&one.answer));
    }
    text.push_str("};\n");
    text
}
