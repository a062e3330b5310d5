//! What is loaded and what is refused, and that whatever was loaded ends.

use super::*;
use crate::bounds::MAX_PLUGIN_BYTES;

#[test]
fn what_is_no_plugin_is_refused_in_words() {
    let said = |code: &[u8]| Module::load(code, &manifest("")).unwrap_err().to_string();
    let text = |text: &str| wat::parse_str(text).unwrap();
    assert!(said(b"export fn greet() i32 {").contains("give what the compiler made of the source"));
    let cut = said(b"\0asm\x01\0\0\0\x01\x7f");
    assert!(cut.contains("isn't valid WebAssembly") && !cut.contains('\n'), "{cut}");
    assert!(said(b"").contains("isn't valid WebAssembly"));
    assert!(said(b"\0asm\x01\0\0\0").contains("doesn't export"));
    assert!(said(&vec![0; MAX_PLUGIN_BYTES + 1]).contains("4 MiB"));
    let wasi = r#"(module (import "wasi_snapshot_preview1" "fd_write" (func)) (func (export "run")))"#;
    assert!(said(&text(wasi)).contains("without WASI"));
    let abort = r#"(module (import "env" "abort" (func)) (func (export "run")))"#;
    assert!(said(&text(abort)).contains("--use abort="));
    let typed = format!(r#"(module (import "{ENV}" "alloc" (func)) (func (export "run")))"#);
    assert!(said(&text(&typed)).contains("another type"));
    let memory = format!(r#"(module (import "{ENV}" "alloc" (memory 1)) (func (export "run")))"#);
    assert!(said(&text(&memory)).contains("another type"));
    let one_more =
        |one: &str, count: usize| text(&format!("(module {} (func (export \"run\")))", one.repeat(count)));
    assert!(said(&one_more("(memory 1)", 2)).contains("memories"));
    assert!(said(&one_more("(func)", 10_001)).contains("beyond what a plugin may have"));
    assert!(said(&one_more("(global i32 (i32.const 0))", 1_001)).contains("beyond what a plugin may have"));
    let takes = r#"(module (func (export "run") (param i32)))"#;
    assert!(said(&text(takes)).contains("takes or gives something"));
    let asks = format!("(module {} (func (export \"run\")))", imports());
    let none = Manifest::read("name = \"test\"\nfunctions = [\"run\"]").unwrap();
    let error = Module::load(&text(&asks), &none).unwrap_err().to_string();
    assert!(error.contains("ask for the grant `http:HOST`"), "{error}");
}

#[test]
fn every_function_that_is_told_of_is_there() {
    assert_eq!(call("(func (export \"run\"))", b"").result, Ok(vec![]));
    assert!(TYPES.is_sorted_by_key(|(name, ..)| *name));
}

#[test]
fn a_module_with_bytes_changed_is_refused_or_ends() {
    let code = wat::parse_str(format!(
        "(module {} (memory 1) (table 2 funcref) (global $g (mut i32) (i32.const 5)) (elem (i32.const 0) $f)
        (data (i32.const 0) \"hello\")
        (func $f (result i32) (i32.add (global.get $g) (i32.load (i32.const 0))))
        (func (export \"run\") (result i32)
            (call $output_set (call $input_offset) (call $input_length))
            (call_indirect (result i32) (i32.const 0))))",
        imports()
    ));
    let (code, manifest) = (code.unwrap(), manifest("[quotas]\nms = 100\nfuel = 100000"));
    let whole = Module::load(&code, &manifest).unwrap();
    let outcome = whole.call("run", b"x", Arc::from([]), Box::new(Kept::default()), None);
    // It runs to its end, which isn't by its fuel: five, and what \"hell\" is as a number.
    assert!(matches!(outcome.result, Err(CallError::Said(_))), "{outcome:?}");
    let (mut loaded, mut seed) = (0, 0x2545_f491_4f6c_dd1d_u64);
    for _ in 0..5_000 {
        let mut changed = code.clone();
        for _ in 0..=(seed % 3) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let at = usize::try_from(seed % code.len() as u64).unwrap();
            changed[at] = seed.to_le_bytes()[7];
        }
        if let Ok(module) = Module::load(&changed, &manifest) {
            loaded += 1;
            let began = worked();
            let outcome = module.call("run", b"x", Arc::from([]), Box::new(Kept::default()), None);
            assert!(worked().saturating_sub(began) < LONGEST, "{outcome:?}");
        }
    }
    assert!(loaded > 100, "{loaded}");
}

#[test]
fn a_code_section_that_counts_no_function_and_has_bytes_is_refused() {
    let manifest = Manifest::read("name = \"empty\"\nfunctions = [\"run\"]").unwrap();
    // By its size it has two thousand bytes, and it ends after four. A number may be written longer than it has to be.
    for count in [&[0][..], &[0x80, 0x00]] {
        let module = [b"\0asm\x01\0\0\0\x0a\xd0\x0f", count, &[0; 4]].concat();
        let refused = Module::load(&module, &manifest);
        assert!(
            matches!(&refused, Err(LoadError::Invalid(why)) if why.contains("no function")),
            "{refused:?}"
        );
    }
}
