//! Plugins as they are meant.

mod harm;
mod loading;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::kernel::{ENV, TYPES};
use super::*;
use crate::bounds::{MAX_PLUGIN_ASKS, MAX_PLUGIN_LINES, MAX_PLUGIN_QUESTION};

/// No call here takes more of the processor, whatever it does: how long that lasts depends on what else the machine does.
const LONGEST: Duration = Duration::from_secs(20);

/// The processor time of this thread.
fn worked() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap()
}

/// What a plugin keeps, and what it asked of the network.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Keeps>>);

/// The variables, and what was asked.
type Keeps = (BTreeMap<String, Vec<u8>>, Vec<HttpAsked>);

impl Host for Kept {
    fn value(&mut self, name: &str) -> Result<Option<Vec<u8>>, String> {
        Ok(self.0.lock().unwrap().0.get(name).cloned())
    }

    fn keep(&mut self, values: Vec<(String, Option<Vec<u8>>)>) -> Result<(), String> {
        let kept = &mut self.0.lock().unwrap().0;
        for (name, value) in values {
            match value {
                Some(value) => kept.insert(name, value),
                None => kept.remove(&name),
            };
        }
        Ok(())
    }

    fn ask(&mut self, function: &'static str, asked: &[u8], _: Duration) -> Result<Vec<u8>, String> {
        Ok([function.as_bytes(), b": ", asked].concat())
    }

    fn http(&mut self, asked: HttpAsked, _: Duration) -> Result<Answered, String> {
        self.0.lock().unwrap().1.push(asked);
        Ok(Answered { status: 201, body: b"made".to_vec() })
    }
}

/// What every module here imports, so that a body may call it.
fn imports() -> String {
    let words = |name: &str, types: &[wasmi::ValType]| {
        let types: Vec<_> = types.iter().map(|ty| format!("{ty:?}").to_lowercase()).collect();
        if types.is_empty() { String::new() } else { format!(" ({name} {})", types.join(" ")) }
    };
    let one = |(name, params, results): &(&str, &[wasmi::ValType], &[wasmi::ValType])| {
        format!(
            "(import \"{ENV}\" \"{name}\" (func ${name}{}{}))\n",
            words("param", params),
            words("result", results)
        )
    };
    TYPES.iter().map(one).collect()
}

fn manifest(more: &str) -> Manifest {
    Manifest::read(&format!(
        "name = \"test\"\nfunctions = [\"run\"]\ngrants = [\"kv\", \"http:a.example\"]\n{more}"
    ))
    .unwrap()
}

fn module(body: &str, more: &str) -> Module {
    let text = format!("(module {}{body})", imports());
    let code = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    Module::load(&code, &manifest(more)).unwrap()
}

/// Calls `run` of a module with this body, with all that its manifest asks for.
fn call(body: &str, input: &[u8]) -> Outcome {
    call_with(&module(body, ""), input, &Kept::default())
}

fn call_with(module: &Module, input: &[u8], kept: &Kept) -> Outcome {
    let grants = manifest("").grants.into();
    let began = worked();
    let outcome = module.call("run", input, grants, Box::new(kept.clone()), None);
    let took = worked().saturating_sub(began);
    assert!(took < LONGEST, "{took:?}: {outcome:?}");
    outcome
}

/// Why a function of these instructions comes to nothing.
fn refused(instructions: &str) -> CallError {
    let body = format!("(memory 1) (func (export \"run\") (result i32) {instructions})");
    call(&body, b"input").result.unwrap_err()
}

/// Text in the shared memory: leaves where it lies on the stack. Eight bytes at most.
fn text(words: &str) -> String {
    let stores = words.bytes().enumerate().map(|(at, byte)| {
        format!("(call $store_u8 (i64.add (local.get $at) (i64.const {at})) (i32.const {byte}))")
    });
    let stores: String = stores.collect();
    format!("(local.set $at (call $alloc (i64.const {}))) {stores} (local.get $at)", words.len())
}

#[test]
fn a_plugin_is_given_something_and_gives_something() {
    let echo = "(func (export \"run\") (result i32)
        (call $output_set (call $input_offset) (call $input_length)) (i32.const 0))";
    let outcome = call(echo, b"hello");
    assert_eq!(outcome.result, Ok(b"hello".to_vec()));
    assert!(outcome.fuel > 0 && outcome.fuel < 10_000, "{outcome:?}");
    assert_eq!(call(echo, b"").result, Ok(vec![]));
    // However little it may do, it does that.
    for fuel in [100_000, 9_999_999, 10_000_001] {
        let little = module(echo, &format!("[quotas]\nfuel = {fuel}"));
        assert_eq!(call_with(&little, b"hello", &Kept::default()).result, Ok(b"hello".to_vec()));
    }
    // Byte by byte, and eight at once.
    let copy = "(func (export \"run\") (local $at i64) (local $to i64)
        (local.set $to (call $alloc (call $input_length)))
        (call $store_u64 (local.get $to) (call $input_load_u64 (i64.const 0)))
        (call $store_u8 (i64.add (local.get $to) (i64.const 8)) (call $input_load_u8 (i64.const 8)))
        (call $output_set (local.get $to) (call $length (local.get $to))))";
    assert_eq!(call(copy, b"ninebytes").result, Ok(b"ninebytes".to_vec()));
}

#[test]
fn what_a_plugin_says_itself_is_its_answer_and_no_failure() {
    let body = format!(
        "(func (export \"run\") (result i32) (local $at i64) (call $error_set {}) (i32.const 1))",
        text("no name")
    );
    let error = call(&body, b"").result.unwrap_err();
    assert_eq!((error.is_failure(), error), (false, CallError::Said("no name".to_owned())));
    let body = "(func (export \"run\") (result i32) (call $error_set (call $input_offset)) (i32.const 1))";
    let long = [&b"\x1b[2J\xe2\x80\xae"[..], &vec![b'x'; 600_000]].concat();
    let CallError::Said(said) = call(body, &long).result.unwrap_err() else { panic!("it said so") };
    assert!(said.chars().count() == MAX_PLUGIN_LINES.1 && said.starts_with(" [2J x"), "{said}");
}

#[test]
fn a_variable_outlasts_the_call_only_where_that_was_granted_and_the_call_came_to_its_end() {
    // Adds a byte to a variable, and gives what it has.
    let body = format!(
        "(func (export \"run\") (result i32) (local $at i64) (local $name i64) (local $old i64) (local $new i64)
        (local.set $name (block (result i64) {}))
        (local.set $old (call $var_get (local.get $name)))
        (local.set $new (call $alloc (i64.add (call $length (local.get $old)) (i64.const 1))))
        (call $var_set (local.get $name) (local.get $new))
        (call $output_set (local.get $new) (call $length (local.get $new)))
        (i32.wrap_i64 (call $input_length)))",
        text("count")
    );
    let (module, kept) = (module(&body, ""), Kept::default());
    let length = |outcome: Outcome| outcome.result.unwrap().len();
    assert_eq!((0..3).map(|_| length(call_with(&module, b"", &kept))).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(call_with(&module, b"fails", &kept).result.is_err());
    assert_eq!(length(call_with(&module, b"", &kept)), 4);
    let without = |_| module.call("run", b"", Arc::from([]), Box::new(kept.clone()), None);
    assert_eq!((0..2).map(without).map(length).collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn a_plugin_reads_its_configuration_and_has_lines_written_down() {
    let body = format!(
        "(func (export \"run\") (result i32) (local $at i64) (local $value i64)
        (local.set $value (call $config_get (block (result i64) {})))
        (call $log_warn (local.get $value)) (call $log_debug (local.get $value))
        (call $output_set (local.get $value) (call $length (local.get $value)))
        (i32.wrap_i64 (call $config_get (call $input_offset))))",
        text("word")
    );
    let outcome = call_with(&module(&body, "[config]\nword = \"hel\\nlo\""), b"other", &Kept::default());
    assert_eq!(outcome.result, Ok(b"hel\nlo".to_vec()));
    assert_eq!(outcome.lines, [Line { level: "warn", text: "hel lo".to_owned() }]);
}

#[test]
fn a_plugin_asks_the_hosts_that_it_was_granted() {
    let body = "(func (export \"run\") (result i32) (local $at i64)
        (local.set $at (call $http_request (call $input_offset) (call $input_offset)))
        (call $output_set (local.get $at) (call $length (local.get $at)))
        (i32.sub (call $http_status_code) (i32.const 201)))";
    let (module, kept) = (module(body, ""), Kept::default());
    let request = br#"{"url": "https://a.example/x", "method": "POST", "headers": {"a": "b"}}"#;
    assert_eq!(call_with(&module, request, &kept).result, Ok(b"made".to_vec()));
    let asked = kept.0.lock().unwrap().1.clone();
    assert_eq!((asked.len(), asked[0].url.as_str()), (1, "https://a.example/x"));
    assert_eq!((asked[0].method.as_str(), asked[0].body.as_slice()), ("POST", &request[..]));
    for (asks, words) in [
        (r#"{"url": "https://b.example/x"}"#, "needs the grant `http:b.example`"),
        (r#"{"url": "https://a.example.evil/"}"#, "needs the grant `http:a.example.evil`"),
        (r#"{"url": "https://a.example@b.example/"}"#, "needs the grant `http:b.example`"),
        (r#"{"url": "no"}"#, "which failed"),
        ("not JSON", "can't be read"),
    ] {
        let error = call_with(&module, asks.as_bytes(), &kept).result.unwrap_err();
        assert!(error.is_failure() && error.to_string().contains(words), "{asks}: {error}");
    }
    assert_eq!(kept.0.lock().unwrap().1.len(), 1);
}

#[test]
fn what_a_plugin_asks_of_a_host_is_bounded() {
    let body = "(func (export \"run\") (local $at i64)
        (local.set $at (call $http_request (call $input_offset) (call $alloc (i64.const 1)))))";
    let (module, kept) = (module(body, ""), Kept::default());
    let headers: BTreeMap<_, _> = (0..33).map(|number| (format!("a{number}"), "x")).collect();
    let many = serde_json::json!({ "url": "https://a.example/", "headers": headers }).to_string();
    let long =
        serde_json::json!({ "url": "https://a.example/", "x": "x".repeat(MAX_PLUGIN_QUESTION) }).to_string();
    for (asks, words) in [(many, "32 headers at most"), (long, "a question has 64 KiB at most")] {
        let error = call_with(&module, asks.as_bytes(), &kept).result.unwrap_err();
        assert!(error.is_failure() && error.to_string().contains(words), "{error}");
    }
    let body = "(func (export \"run\")
        (drop (call $http_request (call $input_offset) (call $alloc (i64.const 1048577)))))";
    let error =
        call_with(&self::module(body, ""), br#"{"url": "https://a.example/"}"#, &kept).result.unwrap_err();
    assert!(error.to_string().contains("a request has 1024 KiB at most"), "{error}");
    assert!(kept.0.lock().unwrap().1.is_empty());
}

/// Takes what was granted back, or breaks off what runs.
struct Takes(bool);

impl Host for Takes {
    fn is_over(&self) -> bool {
        !self.0
    }

    fn still_has(&self, _: &Grant) -> bool {
        false
    }

    fn value(&mut self, _: &str) -> Result<Option<Vec<u8>>, String> {
        panic!("it wasn't granted")
    }

    fn keep(&mut self, _: Vec<(String, Option<Vec<u8>>)>) -> Result<(), String> {
        panic!("it wasn't granted")
    }

    fn ask(&mut self, _: &'static str, _: &[u8], _: Duration) -> Result<Vec<u8>, String> {
        panic!("it wasn't granted")
    }

    fn http(&mut self, _: HttpAsked, _: Duration) -> Result<Answered, String> {
        panic!("it wasn't granted")
    }
}

#[test]
fn what_is_taken_from_a_plugin_is_gone_while_it_runs_and_so_is_all_when_the_server_stops() {
    let run = |body: &str, host: Takes, input: &[u8]| {
        module(body, "").call("run", input, manifest("").grants.into(), Box::new(host), None).result
    };
    let http = "(func (export \"run\") (drop (call $http_request (call $input_offset) (i64.const 0))))";
    let error = run(http, Takes(true), br#"{"url": "https://a.example/"}"#).unwrap_err();
    assert!(matches!(error, CallError::NotGranted { .. }), "{error}");
    let vars = "(func (export \"run\") (drop (call $var_get (call $input_offset)))
        (call $var_set (call $input_offset) (call $input_offset)))";
    assert_eq!(run(vars, Takes(true), b"a"), Ok(vec![]));
    let error = run("(func (export \"run\") (loop $on (br $on)))", Takes(false), b"").unwrap_err();
    assert_eq!((error.is_failure(), error), (false, CallError::Stopping));
}

#[test]
fn a_plugin_asks_the_server_for_what_it_was_granted() {
    let text = |name: &str| {
        format!(
            "(module {} (import \"extism:host/user\" \"{name}\" (func $ask (param i64) (result i64)))
            (func (export \"run\") (local $answer i64) (local.set $answer (call $ask (call $input_offset)))
            (call $output_set (local.get $answer) (call $length (local.get $answer)))))",
            imports()
        )
    };
    for (name, grant) in super::grant::ASKS {
        let code = wat::parse_str(text(name)).unwrap();
        let asks = format!("name = \"a\"\nfunctions = [\"run\"]\ngrants = [\"http:a\", \"{grant}\"]");
        let manifest = Manifest::read(&asks).unwrap();
        let module = Module::load(&code, &manifest).unwrap();
        let run = |grants: Vec<Grant>| {
            module.call("run", b"{}", grants.into(), Box::new(Kept::default()), None).result
        };
        assert_eq!(run(vec![grant.clone()]), Ok(format!("{name}: {{}}").into_bytes()));
        let again = wat::parse_str(text(name).replace(
            "(local.set $answer",
            "(loop $on (drop (call $ask (i64.const 0))) (br $on)) (local.set $answer",
        ));
        let again = Module::load(&again.unwrap(), &manifest).unwrap();
        let asked = again.call("run", b"{}", vec![grant.clone()].into(), Box::new(Kept::default()), None);
        assert_eq!(asked.result, Err(CallError::Asks));
        assert!(asked.fuel >= 5_000 * u64::from(MAX_PLUGIN_ASKS), "{}", asked.fuel);
        let error = run(vec![Grant::Kv]).unwrap_err();
        assert!(error.is_failure() && error.to_string().contains(&grant.to_string()), "{error}");
        let without = Manifest::read("name = \"a\"\nfunctions = [\"run\"]\ngrants = [\"http:a\"]").unwrap();
        let error = Module::load(&code, &without).unwrap_err();
        assert!(error.to_string().contains(&format!("ask for the grant `{grant}`")), "{error}");
    }
    let unknown = wat::parse_str(text("db_drop")).unwrap();
    let error = Module::load(&unknown, &manifest("")).unwrap_err();
    assert!(error.to_string().contains("extism:host/user.db_drop, which isn't there"), "{error}");
}

#[test]
fn a_trap_is_told_in_words() {
    for (instructions, words) in [
        ("(unreachable)", "unreachable"),
        ("(i32.div_s (i32.const 1) (i32.const 0))", "zero"),
        ("(i32.load (i32.const -8))", "out of bounds"),
    ] {
        let error = refused(instructions);
        assert!(error.is_failure() && error.to_string().contains(words), "{instructions}: {error}");
    }
}
