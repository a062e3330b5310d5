//! Code of plugins for tests, put together from what they are to do.

use std::fmt::Write as _;

/// What is asked by a function of the server's: which one, and how. Where nothing is said it is asked what the plugin is given.
pub(crate) type Asked<'a> = (&'a str, &'a str);

/// A plugin whose function `run` asks the server these questions, one after the other, and gives the last answer.
pub(crate) fn asks(questions: &[Asked<'_>]) -> Vec<u8> {
    let (mut imports, mut data, mut calls, mut end) = (String::new(), String::new(), String::new(), 0);
    let mut names: Vec<_> = questions.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let (module, param) =
            if name == "http_request" { ("extism:host/env", "i64 i64") } else { ("extism:host/user", "i64") };
        writeln!(imports, "(import \"{module}\" \"{name}\" (func ${name} (param {param}) (result i64)))")
            .unwrap();
    }
    for (name, text) in questions {
        let asked = if text.is_empty() {
            "(call $input)".to_owned()
        } else {
            format!("(call $put (i32.const {end}) (i32.const {}))", text.len())
        };
        // What is asked is sent as well.
        let body = if *name == "http_request" { "(call $input)" } else { "" };
        writeln!(calls, "(local.set $answer (call ${name} {asked} {body}))").unwrap();
        writeln!(data, "(data (i32.const {end}) \"{}\")", escaped(text)).unwrap();
        end += text.len();
    }
    build(&imports, &data, &calls)
}

/// A plugin whose function `run` gives this.
pub(crate) fn says(text: &str) -> Vec<u8> {
    let data = format!("(data (i32.const 0) \"{}\")", escaped(text));
    let put = format!("(local.set $answer (call $put (i32.const 0) (i32.const {})))", text.len());
    build("", &data, &put)
}

fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        write!(escaped, "\\{byte:02x}").unwrap();
        escaped
    })
}

fn build(imports: &str, data: &str, calls: &str) -> Vec<u8> {
    let text = format!(
        "(module
        (import \"extism:host/env\" \"alloc\" (func $alloc (param i64) (result i64)))
        (import \"extism:host/env\" \"store_u8\" (func $store (param i64 i32)))
        (import \"extism:host/env\" \"length\" (func $length (param i64) (result i64)))
        (import \"extism:host/env\" \"output_set\" (func $set (param i64 i64)))
        (import \"extism:host/env\" \"input_offset\" (func $input (result i64)))
        {imports}
        (memory 2) {data}
        (func $put (param $from i32) (param $len i32) (result i64) (local $at i64) (local $i i32)
            (local.set $at (call $alloc (i64.extend_i32_u (local.get $len))))
            (loop $on
                (call $store
                    (i64.add (local.get $at) (i64.extend_i32_u (local.get $i)))
                    (i32.load8_u (i32.add (local.get $from) (local.get $i))))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $on (i32.lt_u (local.get $i) (local.get $len))))
            (local.get $at))
        (func (export \"run\") (local $answer i64)
            {calls}
            (call $set (local.get $answer) (call $length (local.get $answer)))))"
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}
