//! The functions of Extism that a plugin finds (`extism:host/env`): memory that is shared with the server, input, output and
//! error, configuration, variables, lines that are written down, and hosts on the network.

use std::collections::BTreeMap;

use serde::Deserialize;
use wasmi::errors::LinkerError;
use wasmi::{Caller, Error, Linker, ValType};

use super::call::Running;
use super::error::CallError;
use super::grant::{ASKS, Grant, HTTP_REQUEST};
use super::host::HttpAsked;
use super::manifest::CONFIG;
use crate::bounds::{MAX_PLUGIN_DATA, MAX_PLUGIN_LINES, MAX_PLUGIN_QUESTION, MAX_PLUGIN_VALUES};

/// The module that they are imported from.
pub(super) const ENV: &str = "extism:host/env";

/// The module that the server's own functions are imported from, which Extism leaves to whoever runs a plugin.
pub(super) const USER: &str = "extism:host/user";

/// What each of those takes and gives: where the question lies, and where the answer.
pub(super) const ASKING: (&[ValType], &[ValType]) = (&[I64], &[I64]);

use ValType::{I32, I64};

/// What they are called, what they take and what they give.
pub(super) const TYPES: &[(&str, &[ValType], &[ValType])] = &[
    ("alloc", &[I64], &[I64]),
    ("config_get", &[I64], &[I64]),
    ("error_get", &[], &[I64]),
    ("error_set", &[I64], &[]),
    ("free", &[I64], &[]),
    ("get_log_level", &[], &[I32]),
    ("http_headers", &[], &[I64]),
    (HTTP_REQUEST, &[I64, I64], &[I64]),
    ("http_status_code", &[], &[I32]),
    ("input_length", &[], &[I64]),
    ("input_load_u64", &[I64], &[I64]),
    ("input_load_u8", &[I64], &[I32]),
    ("input_offset", &[], &[I64]),
    ("length", &[I64], &[I64]),
    ("length_unsafe", &[I64], &[I64]),
    ("load_u64", &[I64], &[I64]),
    ("load_u8", &[I64], &[I32]),
    ("log_debug", &[I64], &[]),
    ("log_error", &[I64], &[]),
    ("log_info", &[I64], &[]),
    ("log_trace", &[I64], &[]),
    ("log_warn", &[I64], &[]),
    ("memory_bytes", &[], &[I64]),
    ("output_set", &[I64, I64], &[]),
    ("reset", &[], &[]),
    ("store_u64", &[I64, I64], &[]),
    ("store_u8", &[I64, I32], &[]),
    ("var_get", &[I64], &[I64]),
    ("var_set", &[I64, I64], &[]),
];

/// What a call of the server's takes of the fuel: at least, for each eight bytes that are moved, and for what is looked up in
/// the database or asked of others.
const COST: (u64, u64, u64) = (20, 1, 5_000);

/// Headers of a request at most.
const HEADERS: usize = 32;

/// The level from which lines are written down, in Extism's numbers: what is said for those who seek errors isn't.
const LEVEL: i32 = 2;

type Asking<'a> = Caller<'a, Running>;

/// Takes fuel for what the server does.
fn charge(caller: &mut Asking<'_>, cost: u64) {
    let left = caller.get_fuel().unwrap_or(0);
    let debt = &mut caller.data_mut().debt;
    *debt = debt.saturating_add(cost.saturating_sub(left));
    // Fuel is always counted, so it can be set.
    let _ = caller.set_fuel(left.saturating_sub(cost));
}

fn charge_bytes(caller: &mut Asking<'_>, bytes: u64) {
    charge(caller, COST.0 + bytes / 8 * COST.1);
}

/// Breaks a call off.
fn stop(caller: &mut Asking<'_>, why: CallError) -> Error {
    let error = Error::new(why.to_string());
    caller.data_mut().stopped = Some(why);
    error
}

fn outside(caller: &mut Asking<'_>) -> Error {
    stop(
        caller,
        CallError::Trap("it reached outside of the memory that it shares with the server".to_owned()),
    )
}

/// Puts bytes where the plugin finds them.
fn put(caller: &mut Asking<'_>, bytes: &[u8]) -> Result<u64, Error> {
    charge_bytes(caller, bytes.len() as u64);
    caller.data_mut().arena.put(bytes).map_err(|_| stop(caller, CallError::Arena))
}

/// Reads the first bytes of a block as text.
fn read_text(caller: &mut Asking<'_>, at: u64, most: usize) -> String {
    let len = caller.data().arena.len(at).min(most as u64);
    charge_bytes(caller, len);
    caller.data().text(at, most)
}

/// Reads the name of a variable.
fn read_name(caller: &mut Asking<'_>, at: u64, function: &str) -> Result<String, Error> {
    let longest = MAX_PLUGIN_VALUES.2;
    charge_bytes(caller, caller.data().arena.len(at).min(longest as u64));
    let block = caller.data().arena.block(at).unwrap_or_default();
    let name = std::str::from_utf8(block).ok().filter(|name| (1..=longest).contains(&name.len()));
    name.map(str::to_owned).ok_or_else(|| {
        let why = format!("a variable's name has 1 to {longest} bytes of text (UTF-8)");
        stop(caller, CallError::Host { function: function.to_owned(), why })
    })
}

/// What a question is written as. What is longer than one may be is no question.
fn question(running: &Running, at: u64) -> Result<&[u8], String> {
    let asked = running.arena.block(at).unwrap_or_default();
    if asked.len() > MAX_PLUGIN_QUESTION {
        return Err(format!("a question has {} KiB at most", MAX_PLUGIN_QUESTION >> 10));
    }
    Ok(asked)
}

/// Has the linker know all of them.
pub(super) fn link(linker: &mut Linker<Running>) -> Result<(), LinkerError> {
    link_memory(linker)?;
    link_data(linker)?;
    link_values(linker)?;
    link_lines(linker)?;
    for (function, grant) in ASKS {
        linker.func_wrap(USER, function, move |mut caller: Asking<'_>, asked: u64| {
            charge(&mut caller, COST.2);
            match ask(caller.data_mut(), function, grant, asked) {
                Ok(answer) => put(&mut caller, &answer),
                Err(why) => Err(stop(&mut caller, why)),
            }
        })?;
    }
    linker.func_wrap(ENV, HTTP_REQUEST, http_request)?;
    linker.func_wrap(ENV, "http_status_code", |caller: Asking<'_>| i32::from(caller.data().status))?;
    // Which headers an answer has isn't kept.
    linker.func_wrap(ENV, "http_headers", |_: Asking<'_>| 0_u64)?;
    Ok(())
}

fn link_memory(linker: &mut Linker<Running>) -> Result<(), LinkerError> {
    linker.func_wrap(ENV, "alloc", |mut caller: Asking<'_>, len: u64| {
        charge_bytes(&mut caller, len);
        caller.data_mut().arena.take(len).map_err(|_| stop(&mut caller, CallError::Arena))
    })?;
    linker.func_wrap(ENV, "free", |mut caller: Asking<'_>, at: u64| {
        charge(&mut caller, COST.0);
        caller.data_mut().arena.give_back(at);
    })?;
    for name in ["length", "length_unsafe"] {
        linker.func_wrap(ENV, name, |mut caller: Asking<'_>, at: u64| {
            charge(&mut caller, COST.0);
            caller.data().arena.len(at)
        })?;
    }
    linker.func_wrap(ENV, "load_u8", |caller: Asking<'_>, at: u64| load_byte(caller, at))?;
    linker.func_wrap(ENV, "load_u64", |caller: Asking<'_>, at: u64| load_word(caller, at))?;
    linker.func_wrap(ENV, "store_u8", |mut caller: Asking<'_>, at: u64, value: u32| {
        let low = value.to_le_bytes()[0];
        store(&mut caller, at, &[low])
    })?;
    linker.func_wrap(ENV, "store_u64", |mut caller: Asking<'_>, at: u64, value: u64| {
        store(&mut caller, at, &value.to_le_bytes())
    })?;
    linker.func_wrap(ENV, "memory_bytes", |caller: Asking<'_>| caller.data().arena.size())?;
    Ok(())
}

fn load_byte(mut caller: Asking<'_>, at: u64) -> Result<u32, Error> {
    charge(&mut caller, COST.0);
    let byte = caller.data().arena.range(at, 1).map(|bytes| u32::from(bytes[0]));
    byte.ok_or_else(|| outside(&mut caller))
}

fn load_word(mut caller: Asking<'_>, at: u64) -> Result<u64, Error> {
    charge(&mut caller, COST.0);
    let word = caller.data().arena.range(at, 8).and_then(|bytes| bytes.try_into().ok());
    word.map(u64::from_le_bytes).ok_or_else(|| outside(&mut caller))
}

fn store(caller: &mut Asking<'_>, at: u64, bytes: &[u8]) -> Result<(), Error> {
    charge(caller, COST.0);
    match caller.data_mut().arena.range_mut(at, bytes.len() as u64) {
        Some(there) => there.copy_from_slice(bytes),
        None => return Err(outside(caller)),
    }
    Ok(())
}

fn link_data(linker: &mut Linker<Running>) -> Result<(), LinkerError> {
    linker.func_wrap(ENV, "input_length", |caller: Asking<'_>| caller.data().input.1)?;
    linker.func_wrap(ENV, "input_offset", |caller: Asking<'_>| caller.data().input.0)?;
    linker.func_wrap(ENV, "input_load_u8", |mut caller: Asking<'_>, at: u64| {
        let at = in_input(&mut caller, at, 1)?;
        load_byte(caller, at)
    })?;
    linker.func_wrap(ENV, "input_load_u64", |mut caller: Asking<'_>, at: u64| {
        let at = in_input(&mut caller, at, 8)?;
        load_word(caller, at)
    })?;
    linker.func_wrap(ENV, "output_set", |mut caller: Asking<'_>, at: u64, len: u64| {
        charge(&mut caller, COST.0);
        if len > MAX_PLUGIN_DATA as u64 {
            return Err(stop(&mut caller, CallError::Output));
        }
        if len > 0 && caller.data().arena.range(at, len).is_none() {
            return Err(outside(&mut caller));
        }
        caller.data_mut().output = (at, len);
        Ok(())
    })?;
    linker.func_wrap(ENV, "error_set", |mut caller: Asking<'_>, at: u64| {
        caller.data_mut().error = at;
    })?;
    linker.func_wrap(ENV, "error_get", |caller: Asking<'_>| caller.data().error)?;
    linker.func_wrap(ENV, "reset", |mut caller: Asking<'_>| {
        let running = caller.data_mut();
        (running.output, running.error) = ((0, 0), 0);
    })?;
    Ok(())
}

/// Where some bytes of the input lie.
fn in_input(caller: &mut Asking<'_>, at: u64, len: u64) -> Result<u64, Error> {
    let (start, all) = caller.data().input;
    match at.checked_add(len).filter(|end| *end <= all) {
        Some(_) => Ok(start + at),
        None => Err(outside(caller)),
    }
}

fn link_values(linker: &mut Linker<Running>) -> Result<(), LinkerError> {
    linker.func_wrap(ENV, "config_get", |mut caller: Asking<'_>, key: u64| {
        let key = read_text(&mut caller, key, CONFIG.1 + 1);
        match caller.data().config.get(&key).cloned() {
            Some(value) => put(&mut caller, value.as_bytes()),
            None => Ok(0),
        }
    })?;
    linker.func_wrap(ENV, "var_get", |mut caller: Asking<'_>, name: u64| {
        charge(&mut caller, COST.2);
        let name = read_name(&mut caller, name, "var_get")?;
        match caller.data_mut().value(&name).map_err(|why| stop(&mut caller, why))? {
            Some(value) => put(&mut caller, &value),
            None => Ok(0),
        }
    })?;
    linker.func_wrap(ENV, "var_set", |mut caller: Asking<'_>, name: u64, value: u64| {
        charge(&mut caller, COST.2);
        let name = read_name(&mut caller, name, "var_set")?;
        let value = caller.data().arena.block(value).map(<[u8]>::to_vec);
        charge_bytes(&mut caller, value.as_ref().map_or(0, Vec::len) as u64);
        caller.data_mut().set_value(name, value).map_err(|why| stop(&mut caller, why))
    })?;
    Ok(())
}

fn link_lines(linker: &mut Linker<Running>) -> Result<(), LinkerError> {
    for (name, level) in [("log_info", "info"), ("log_warn", "warn"), ("log_error", "error")] {
        linker.func_wrap(ENV, name, move |mut caller: Asking<'_>, at: u64| {
            let text = read_text(&mut caller, at, 4 * MAX_PLUGIN_LINES.1);
            caller.data_mut().write_down(level, &text);
        })?;
    }
    for name in ["log_debug", "log_trace"] {
        linker.func_wrap(ENV, name, |mut caller: Asking<'_>, _: u64| charge(&mut caller, COST.0))?;
    }
    linker.func_wrap(ENV, "get_log_level", |_: Asking<'_>| LEVEL)?;
    Ok(())
}

fn ask(
    running: &mut Running,
    function: &'static str,
    grant: &Grant,
    asked: u64,
) -> Result<Vec<u8>, CallError> {
    running.ask()?;
    if !running.has(grant) {
        return Err(CallError::NotGranted { function: function.to_owned(), grant: grant.to_string() });
    }
    let failed = |why| CallError::Host { function: function.to_owned(), why };
    let asked = question(running, asked).map_err(failed)?.to_vec();
    let left = running.left();
    let answer = running.host.ask(function, &asked, left);
    if running.host.is_over() {
        return Err(CallError::Stopping);
    }
    answer.map_err(failed)
}

/// What a plugin asks of a host, as Extism's development kits write it.
#[derive(Deserialize)]
struct Request {
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    method: Option<String>,
}

fn http_request(mut caller: Asking<'_>, request: u64, body: u64) -> Result<u64, Error> {
    charge(&mut caller, COST.2);
    match ask_host(caller.data_mut(), request, body) {
        Ok(body) => put(&mut caller, &body),
        Err(why) => Err(stop(&mut caller, why)),
    }
}

fn ask_host(running: &mut Running, request: u64, body: u64) -> Result<Vec<u8>, CallError> {
    let failed = |why: String| CallError::Host { function: HTTP_REQUEST.to_owned(), why };
    running.ask()?;
    let request: Request = serde_json::from_slice(question(running, request).map_err(failed)?)
        .map_err(|error| failed(format!("its request can't be read: {error}")))?;
    if request.headers.len() > HEADERS {
        return Err(failed(format!("a request has {HEADERS} headers at most")));
    }
    let url = url::Url::parse(&request.url).map_err(|error| failed(format!("{}: {error}", request.url)))?;
    let host = Grant::Http(url.host_str().unwrap_or_default().to_owned());
    if !running.has(&host) {
        return Err(CallError::NotGranted { function: HTTP_REQUEST.to_owned(), grant: host.to_string() });
    }
    let body = running.arena.block(body).unwrap_or_default();
    if body.len() > MAX_PLUGIN_DATA {
        return Err(failed(format!("a request has {} KiB at most", MAX_PLUGIN_DATA >> 10)));
    }
    let asked = HttpAsked {
        url: url.to_string(),
        method: request.method.unwrap_or_else(|| "GET".to_owned()),
        headers: request.headers.into_iter().collect(),
        body: body.to_vec(),
    };
    let left = running.left();
    let answered = running.host.http(asked, left);
    if running.host.is_over() {
        return Err(CallError::Stopping);
    }
    let answered = answered.map_err(failed)?;
    running.status = answered.status;
    Ok(answered.body)
}
