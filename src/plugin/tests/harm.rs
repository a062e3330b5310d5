//! Plugins as whoever means harm would write them: each call ends within its bounds.

use super::*;
use crate::bounds::{MAX_PLUGIN_ASKS, MAX_PLUGIN_DATA, MAX_PLUGIN_DEPTH, MAX_PLUGIN_LINES};

#[test]
fn a_plugin_that_never_ends_is_ended_by_its_fuel_or_by_the_time() {
    let error = refused("(loop $on (br $on)) (unreachable)");
    assert!(matches!(error, CallError::Fuel(_) | CallError::Slow(_)), "{error}");
    let forever = "(func (export \"run\") (loop $on (br $on)))";
    let slow = module(forever, "[quotas]\nms = 50\nfuel = 1000000000");
    let outcome = call_with(&slow, b"", &Kept::default());
    assert_eq!(outcome.result, Err(CallError::Slow(50)));
    let little = module(forever, "[quotas]\nms = 10000\nfuel = 1000");
    assert_eq!(call_with(&little, b"", &Kept::default()).result, Err(CallError::Fuel(1000)));
    // What runs before anything is called.
    let start =
        module("(func $s (loop $on (br $on))) (start $s) (func (export \"run\"))", "[quotas]\nms = 10000");
    let error = call_with(&start, b"", &Kept::default()).result.unwrap_err();
    assert!(matches!(error, CallError::Fuel(_)), "{error}");
    let first = module("(func (export \"_initialize\") (loop $on (br $on))) (func (export \"run\"))", "");
    let error = call_with(&first, b"", &Kept::default()).result.unwrap_err();
    assert!(matches!(error, CallError::Fuel(_) | CallError::Slow(_)), "{error}");
}

#[test]
fn only_what_the_manifest_names_is_called_and_given_no_more_than_may_be() {
    let both = module("(func (export \"run\")) (func (export \"other\"))", "");
    let asked = |name: &str, input: &[u8]| {
        both.call(name, input, Arc::from([]), Box::new(Kept::default()), None).result
    };
    assert_eq!(asked("other", b""), Err(CallError::NoFunction("other".to_owned())));
    assert_eq!(asked("run", &vec![0; MAX_PLUGIN_DATA]), Ok(vec![]));
    assert_eq!(asked("run", &vec![0; MAX_PLUGIN_DATA + 1]), Err(CallError::Input));
}

#[test]
fn a_caller_may_wait_less_long_than_a_plugin_may_take() {
    let slow = module("(func (export \"run\") (loop $on (br $on)))", "[quotas]\nfuel = 1000000000");
    let grants = Arc::from([]);
    let longest = Some(Duration::from_millis(20));
    let outcome = slow.call("run", b"", grants, Box::new(Kept::default()), longest);
    assert_eq!(outcome.result, Err(CallError::Slow(20)));
}

#[test]
fn memory_grows_to_its_quota_and_no_further() {
    // Grows until it can't, and gives how many pages there are.
    let body = "(memory 1) (func (export \"run\") (result i32)
        (block $full (loop $on (br_if $full (i32.lt_s (memory.grow (i32.const 1)) (i32.const 0))) (br $on)))
        (memory.size))";
    let error = call(body, b"").result.unwrap_err();
    assert_eq!(error, CallError::Said("status 256".to_owned()));
    let small = module(body, "[quotas]\nmemory_kib = 128");
    let error = call_with(&small, b"", &Kept::default()).result.unwrap_err();
    assert_eq!(error, CallError::Said("status 2".to_owned()));
    let much = module("(memory 300) (func (export \"run\"))", "");
    let error = call_with(&much, b"", &Kept::default()).result.unwrap_err();
    assert!(error.is_failure(), "{error}");
    let filled = refused(
        "(loop $on (memory.fill (i32.const 0) (i32.const 7) (i32.const 65536)) (br $on)) (unreachable)",
    );
    assert!(matches!(filled, CallError::Fuel(_) | CallError::Slow(_)), "{filled}");
    // By hundreds, so that it ends: the most there may be.
    let tables = "(table $t 1 funcref) (func (export \"run\") (result i32)
        (block $full (loop $on (br_if $full (i32.lt_s (table.grow $t (ref.null func) (i32.const 100)) (i32.const 0))) (br $on)))
        (table.size $t))";
    assert_eq!(call(tables, b"").result, Err(CallError::Said("status 9901".to_owned())));
    let many = |count| format!("{} (func (export \"run\"))", "(table 1 funcref)".repeat(count));
    assert_eq!(call(&many(8), b"").result, Ok(vec![]));
    assert!(call(&many(9), b"").result.unwrap_err().is_failure());
    let table = "(table $t 1 funcref) (func (export \"run\") (result i32)
        (table.grow $t (ref.null func) (i32.const 100000000)))";
    assert_eq!(call(table, b"").result, Err(CallError::Said("status -1".to_owned())));
}

#[test]
fn recursion_ends_at_its_depth() {
    let body = "(func $f (param i64) (result i64) (i64.add (i64.const 1) (call $f (local.get 0))))
        (func (export \"run\") (drop (call $f (i64.const 0))))";
    let error = call(body, b"").result.unwrap_err();
    assert!(matches!(&error, CallError::Trap(_)), "{error}");
    // A depth, with as much on the stack at each step: either is bounded by itself.
    let sinks = |depth: u64, much: usize| {
        let body = format!(
            "(func $f (param i64) (local {}) (if (i64.ne (local.get 0) (i64.const 0))
                (then (call $f (i64.sub (local.get 0) (i64.const 1))))))
            (func (export \"run\") (call $f (call $input_load_u64 (i64.const 0))))",
            "i64 ".repeat(much)
        );
        call(&body, &depth.to_le_bytes()).result
    };
    assert_eq!(sinks(MAX_PLUGIN_DEPTH as u64 - 10, 1), Ok(vec![]));
    assert!(matches!(sinks(MAX_PLUGIN_DEPTH as u64 + 10, 1), Err(CallError::Trap(_))));
    assert_eq!(sinks(100, 1_000), Ok(vec![]));
    assert!(matches!(sinks(300, 1_000), Err(CallError::Trap(_))));
}

#[test]
fn what_it_gives_and_shares_is_bounded() {
    let much = "(call $output_set (i64.const 64) (i64.const 1048577)) (i32.const 0)";
    assert_eq!(refused(much), CallError::Output);
    let huge = "(call $output_set (i64.const 64) (i64.const -1)) (i32.const 0)";
    assert_eq!(refused(huge), CallError::Output);
    let outside = "(call $output_set (i64.const 1000000) (i64.const 1000)) (i32.const 0)";
    assert!(matches!(refused(outside), CallError::Trap(_)));
    assert_eq!(refused("(drop (call $alloc (i64.const -1))) (i32.const 0)"), CallError::Arena);
    let fills = "(loop $on (drop (call $alloc (i64.const 65536))) (br $on)) (unreachable)";
    assert_eq!(refused(fills), CallError::Arena);
    for reach in [
        "(drop (call $load_u8 (i64.const -1)))",
        "(drop (call $load_u64 (i64.const 9000000)))",
        "(call $store_u64 (i64.const -4) (i64.const 1))",
        "(drop (call $input_load_u64 (i64.const 0)))",
        "(drop (call $input_load_u8 (i64.const -1)))",
    ] {
        let error = refused(&format!("{reach} (i32.const 0)"));
        assert!(error.to_string().contains("outside"), "{reach}: {error}");
    }
    // Nothing begins there.
    for nothing in ["(call $free (i64.const 12345))", "(drop (call $length (i64.const -1)))"] {
        let body = format!("(func (export \"run\") {nothing})");
        assert_eq!(call(&body, b"").result, Ok(vec![]));
    }
}

#[test]
fn whoever_calls_the_server_in_a_loop_pays_for_it() {
    for (turns, instructions) in [
        ("alloc", "(call $free (call $alloc (i64.const 1000000)))"),
        ("length", "(drop (call $length (i64.const 64)))"),
        ("var_get", "(drop (call $var_get (call $input_offset)))"),
        ("var_set", "(call $var_set (call $input_offset) (call $input_offset))"),
        ("log", "(call $log_info (call $input_offset))"),
        ("config", "(drop (call $config_get (call $input_offset)))"),
        ("output", "(call $output_set (call $input_offset) (call $input_length))"),
    ] {
        let error = refused(&format!("(loop $on {instructions} (br $on)) (unreachable)"));
        assert!(matches!(error, CallError::Fuel(_) | CallError::Slow(_)), "{turns}: {error}");
    }
    // What one turn of fifty takes at least, however much that is at once.
    let (text, asked) = (vec![b'x'; 800], br#"{"url": "https://a.example/"}"#);
    let costs: [(&str, &[u8], u64); 12] = [
        ("(call $free (call $alloc (i64.const 3000000)))", b"", 375_000),
        ("(call $free (i64.const 64))", b"", 20),
        ("(drop (call $length (i64.const 64)))", b"", 20),
        ("(drop (call $load_u8 (i64.const 64)))", &text, 20),
        ("(call $store_u64 (i64.const 64) (i64.const 1))", &text, 20),
        ("(drop (call $input_load_u8 (i64.const 0)))", &text, 20),
        ("(call $output_set (call $input_offset) (call $input_length))", &text, 20),
        ("(drop (call $var_get (call $input_offset)))", b"a", 5_000),
        ("(call $var_set (call $input_offset) (call $input_offset))", b"a", 5_000),
        ("(call $log_info (call $input_offset))", &text, 120),
        ("(drop (call $config_get (call $input_offset)))", &text, 120),
        ("(drop (call $http_request (call $input_offset) (i64.const 0)))", asked, 5_000),
    ];
    for (instructions, input, cost) in costs {
        let body = format!(
            "(func (export \"run\") (local $i i32) (loop $on {instructions}
            (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $on (i32.lt_u (local.get $i) (i32.const 50)))))"
        );
        let much = module(&body, "[quotas]\nfuel = 1000000000\nms = 10000");
        let outcome = call_with(&much, input, &Kept::default());
        assert!(outcome.result.is_ok(), "{instructions}: {:?}", outcome.result);
        assert!(outcome.fuel >= 50 * cost, "{instructions}: {}", outcome.fuel);
    }
    let body = "(func (export \"run\") (loop $on
        (drop (call $http_request (call $input_offset) (i64.const 0))) (br $on)))";
    let kept = Kept::default();
    let outcome = call_with(&module(body, ""), br#"{"url": "https://a.example/"}"#, &kept);
    assert_eq!(outcome.result, Err(CallError::Asks));
    assert_eq!(kept.0.lock().unwrap().1.len(), MAX_PLUGIN_ASKS as usize);
    let log = "(func (export \"run\") (local $i i32) (loop $on (call $log_info (call $input_offset))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $on (i32.lt_u (local.get $i) (i32.const 1000)))))";
    let outcome = call(log, &vec![b'x'; 2_000]);
    assert_eq!((outcome.lines.len(), outcome.lines[0].text.len()), (MAX_PLUGIN_LINES.2, MAX_PLUGIN_LINES.1));
}

#[test]
fn what_a_plugin_keeps_is_bounded() {
    let body = format!(
        "(func (export \"run\") (result i32) (local $at i64)
        (call $var_set (block (result i64) {}) (call $input_offset))
        (call $var_set (block (result i64) {}) (call $input_offset)) (i32.const 0))",
        text("a"),
        text("b")
    );
    let (module, kept) = (module(&body, ""), Kept::default());
    assert_eq!(call_with(&module, &vec![1; 400 << 10], &kept).result, Ok(vec![]));
    let error = call_with(&module, &vec![1; 600 << 10], &kept).result.unwrap_err();
    assert!(error.to_string().contains("1024 KiB together"), "{error}");
    assert_eq!(kept.0.lock().unwrap().0["b"].len(), 400 << 10);
    // However small they are.
    let many = "(func (export \"run\") (local $name i64) (local $i i64)
        (local.set $name (call $alloc (i64.const 2)))
        (loop $on
            (call $store_u8 (local.get $name) (i32.wrap_i64 (i64.add (i64.and (local.get $i) (i64.const 63)) (i64.const 64))))
            (call $store_u8 (i64.add (local.get $name) (i64.const 1))
                (i32.wrap_i64 (i64.add (i64.shr_u (local.get $i) (i64.const 6)) (i64.const 64))))
            (call $var_set (local.get $name) (local.get $name))
            (local.set $i (i64.add (local.get $i) (i64.const 1)))
            (br_if $on (i64.lt_u (local.get $i) (call $input_load_u64 (i64.const 0))))))";
    assert_eq!(call(many, &1_024_u64.to_le_bytes()).result, Ok(vec![]));
    let error = call(many, &1_025_u64.to_le_bytes()).result.unwrap_err();
    assert!(error.to_string().contains("there are 1024 variables at most"), "{error}");
    let long = "(func (export \"run\") (call $var_set (call $input_offset) (call $input_offset)))";
    assert!(call(long, &[b'n'; 129]).result.unwrap_err().to_string().contains("name has 1 to"));
    // Two names that are no text would be one.
    assert!(call(long, &[0xff]).result.unwrap_err().to_string().contains("bytes of text"));
    let unnamed = "(func (export \"run\") (call $var_set (i64.const 0) (call $input_offset)))";
    assert!(call(unnamed, b"x").result.unwrap_err().to_string().contains("name has 1 to"));
}
