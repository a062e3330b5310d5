//! What each operation costs the control thread at its dearest: everything that a client writes is as long, and as hard to read,
//! as a request holds. That is the thread's own time on a processor, as the kernel counts it, not a time by the clock; beside it
//! the same request with empty texts and short lists, since what it costs by the size of the server isn't in the client's bytes.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use parlour::id::ChannelId;
use parlour::permission::Permissions;
use parlour::protocol::MAX_REQUEST;
use parlour::protocol::json::{Kind, Message};
use parlour::protocol::operation::{ALL, Group, Operation, Who};
use parlour::protocol::wire::{self, request};
use prost::encoding::{WireType, encode_key, encode_varint};

use super::{Address, Session, log_in};

/// What the bytes of a client may cost at most.
const LIMIT: Duration = Duration::from_micros(300);

/// The answer to what isn't refused.
const DONE: &str = "done";

/// How often each is asked for.
const TIMES: u32 = 20;

/// Identifiers from here on are those of roles and channels that [`furnish`] made.
const FIRST: u64 = 50;

/// Bytes of a request's strings, so that the whole of it is let in.
const ROOM: usize = MAX_REQUEST - 4_096;

/// What a client's texts are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filling {
    /// No texts, and lists of one.
    Nothing,
    /// One text that fills the request, of a character that becomes eighteen.
    Longest,
    /// As many texts as there is room for, each as long as a name may be, and of characters that look like others.
    Names,
    /// The same of short names, of which there are more.
    Words,
}

/// Roles and channels whose names aren't ASCII, as many as there may be roles.
pub(super) async fn furnish(root: &Session) {
    for number in 0..240 {
        root.create_role(&name(number), 1, 0, Permissions::NONE).await.unwrap();
    }
    for number in 0..500 {
        root.create_channel(Some(ChannelId(1)), &name(number)).await.unwrap();
    }
}

/// A name as long as one may be, of letters each of which can be taken for another one.
fn name(number: usize) -> String {
    let mut name = format!("{number} ");
    name.extend("оресхау".chars().cycle().take(30));
    name
}

fn text(filling: Filling, number: usize) -> String {
    match filling {
        Filling::Nothing => String::new(),
        Filling::Longest => "\u{fdfa}".repeat(ROOM / 3),
        Filling::Names => name(number),
        Filling::Words => format!("и{number}"),
    }
}

/// A message in which every field is there; of a choice the one of this number.
fn message(of: &Message, filling: Filling, choice: usize, depth: usize, room: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let choices: Vec<_> = of.fields.iter().filter(|field| !field.choice.is_empty()).collect();
    let chosen = choices.get(choice % choices.len().max(1)).map(|field| field.number);
    let there: Vec<_> =
        of.fields.iter().filter(|field| field.choice.is_empty() || Some(field.number) == chosen).collect();
    let texts = there
        .iter()
        .filter(|field| matches!(field.kind, Kind::Text | Kind::Bytes | Kind::Message(_)))
        .count();
    let share = room / texts.max(1);
    for field in there {
        let mut written = 0;
        for number in 1.. {
            let mut value = Vec::new();
            let wire = match field.kind {
                Kind::Text | Kind::Bytes => {
                    let mut text = text(filling, number);
                    // With its tag and its length it is no longer than its share.
                    let most = share.saturating_sub(8).min(text.len());
                    text.truncate((0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0));
                    encode_varint(text.len() as u64, &mut value);
                    value.extend_from_slice(text.as_bytes());
                    WireType::LengthDelimited
                }
                Kind::Message(inner) if depth < 4 => {
                    let room = if field.is_list { share.min(600) } else { share };
                    let inner = message(inner, filling, choice, depth + 1, room);
                    encode_varint(inner.len() as u64, &mut value);
                    value.extend_from_slice(&inner);
                    WireType::LengthDelimited
                }
                Kind::Message(_) => break,
                Kind::Bool => {
                    encode_varint(1, &mut value);
                    WireType::Varint
                }
                Kind::Word(words) => {
                    encode_varint(words.last().map_or(0, |(number, _)| u64::from(*number)), &mut value);
                    WireType::Varint
                }
                Kind::Number32 | Kind::Number64 | Kind::Signed32 | Kind::Time | Kind::Permissions => {
                    // Of what is there, but for channels with others below them, whose number isn't of the client's writing.
                    encode_varint(FIRST + (number + field.number as usize) as u64, &mut value);
                    WireType::Varint
                }
            };
            if written + value.len() + 2 > share.max(16) {
                break;
            }
            encode_key(field.number, wire, &mut bytes);
            bytes.extend_from_slice(&value);
            written += value.len() + 2;
            if !field.is_list || filling == Filling::Nothing {
                break;
            }
        }
    }
    bytes
}

fn request(operation: &Operation, filling: Filling, choice: usize) -> Vec<u8> {
    let inner = message(operation.request, filling, choice, 0, ROOM);
    let mut body = Vec::new();
    encode_key(operation.number, WireType::LengthDelimited, &mut body);
    encode_varint(inner.len() as u64, &mut body);
    body.extend_from_slice(&inner);
    let mut bytes = Vec::new();
    encode_varint(body.len() as u64, &mut bytes);
    bytes.extend_from_slice(&body);
    bytes
}

/// How long the control thread of this process has run on a processor.
fn control_time() -> Duration {
    let is_control =
        |task: &PathBuf| fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim() == "control");
    let mut tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    let times = fs::read_to_string(tasks.find(is_control).unwrap().join("schedstat")).unwrap();
    Duration::from_nanos(times.split(' ').next().unwrap().parse().unwrap())
}

/// What one request costs, and how it was answered.
async fn cost(session: &mut Session, address: &Address, bytes: &[u8]) -> (Duration, String) {
    let mut costs = Vec::new();
    let mut answer = String::new();
    for _ in 0..TIMES {
        if session.request(request::Body::Ping(wire::Ping {})).await.is_err() {
            *session = log_in(address, "root").await;
        }
        let before = control_time();
        answer = match session.request_bytes(bytes).await {
            Ok(_) => DONE.to_owned(),
            Err(error) => error.to_string(),
        };
        costs.push(control_time().saturating_sub(before));
    }
    costs.sort();
    (costs[costs.len() / 2], answer)
}

/// Asks for everything, and tells what costs most.
pub(super) async fn report(address: &Address) {
    let mut session = log_in(address, "root").await;
    let mut all = Vec::new();
    let asked = ALL.iter().filter(|operation| operation.group != Group::Entry && operation.who != Who::Owner);
    for operation in asked {
        let choices = operation.request.fields.iter().filter(|field| !field.choice.is_empty()).count().max(1);
        for choice in 0..choices {
            let short = request(operation, Filling::Nothing, choice);
            let (nothing, refusal) = cost(&mut session, address, &short).await;
            for filling in [Filling::Longest, Filling::Names, Filling::Words] {
                let long = request(operation, filling, choice);
                let (spent, answer) = cost(&mut session, address, &long).await;
                // What a change costs goes by the size of the organization: one that is made isn't compared with one that isn't.
                if (answer == DONE) == (refusal == DONE) {
                    all.push((spent.saturating_sub(nothing), nothing, operation.name, filling, answer));
                }
            }
        }
    }
    all.sort_by_key(|(more, ..)| std::cmp::Reverse(*more));
    println!(
        "{:<34} {:>9} {:>9}  of {} µs",
        "control thread, µs of processor",
        "empty",
        "more",
        LIMIT.as_micros()
    );
    for (more, nothing, name, filling, answer) in all.iter().take(15) {
        let (short, more) = (nothing.as_secs_f64() * 1e6, more.as_secs_f64() * 1e6);
        println!("{name:<34} {short:>9.1} {more:>9.1}  {filling:?}: {answer:.70}");
    }
    let (more, _, name, ..) = &all[0];
    println!(
        "{{\"bench\":\"requests\",\"case\":\"dearest\",\"operation\":\"{name}\",\"more_us\":{:.1},\"limit_us\":{}}}",
        more.as_secs_f64() * 1e6,
        LIMIT.as_micros()
    );
    assert!(*more <= LIMIT, "{name} costs others too much");
}
