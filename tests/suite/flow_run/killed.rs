//! The server's process is killed (SIGKILL) at every step of a run: what is inside is there exactly once, what is outside was asked
//! by one key, and what is to be undone is undone whole.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::*;
use crate::hook::receiver::Answer;
use crate::plugin::{install, zig};
use crate::support::{PASSWORD, Process, log_in, parlour};
use parlour::client::{Address, Credentials, Trust, connect};

const BANS: usize = 8;

/// Bans of addresses, each of which would be there twice if it were done twice, with a question to somebody else's server between.
fn source(name: &str, url: &str, last: &str) -> String {
    let mut text = format!("[workflow]\nname = \"{name}\"\n[[triggers]]\non = \"hand\"\n");
    for number in 0..BANS {
        write!(
            text,
            "[[steps]]\nname = \"ban_{number}\"\ndo = \"create_ban\"\nwith = {{ network = \"192.0.2.{number}\", reason = \"{name}\" }}\nundo = {{ do = \"lift_ban\", with = {{ id = \"{{{{ output.id }}}}\" }} }}\n"
        )
        .unwrap();
        write!(
            text,
            "[[steps]]\nname = \"tell_{number}\"\ndo = \"call-webhook\"\nwith = {{ url = \"{url}\", body = {{ type = \"{name}-{number}\" }} }}\nundo = {{ do = \"call-webhook\", with = {{ url = \"{url}\", body = {{ type = \"undo-{number}\" }} }} }}\n"
        )
        .unwrap();
    }
    text + last
}

pub(super) struct Home(pub(super) tempfile::TempDir);

impl Home {
    pub(super) fn serve(&self) -> Process {
        let mut command = parlour(self.0.path());
        command.env("PARLOUR_HOOKS_NETWORKS", "127.0.0.0/8").env("PARLOUR_LIMITS_REQUEST_BURST", "1000");
        Process::serve_with(command, "127.0.0.1:0", &[])
    }
}

/// The first administrator of a new server.
pub(super) async fn first(process: &Process) -> Session {
    let address: Address = process.address.to_string().parse().unwrap();
    let connected = connect(&address, Trust::FirstUse, "test/1").await.unwrap();
    let claim = process.claim.clone().unwrap();
    connected.log_in(Credentials::claim(&claim, "root", PASSWORD, "test")).await.unwrap()
}

pub(super) async fn root(process: &Process) -> Session {
    log_in(&process.address.to_string().parse().unwrap(), "root", PASSWORD).await.unwrap()
}

async fn bans(session: &Session, reason: &str) -> usize {
    session.bans().await.unwrap().iter().filter(|ban| ban.reason == reason).count()
}

/// Kills the process at each question that comes, until so many different ones came.
async fn kill_again_and_again(
    home: &Home,
    process: Process,
    receiver: &Receiver,
    (run, questions): (u64, usize),
) -> (Process, Session, wire::FlowRun) {
    let mut process = process;
    loop {
        let at = receiver.count() + 1;
        let different = || receiver.words().into_iter().collect::<BTreeSet<_>>().len();
        while receiver.count() < at && different() < questions {
            tokio::task::yield_now().await;
        }
        let is_last = different() == questions;
        process.kill();
        process = home.serve();
        if is_last {
            let session = root(&process).await;
            let over = ended(&session, run).await;
            return (process, session, over);
        }
    }
}

#[tokio::test]
async fn kills_at_every_step_do_nothing_twice_and_leave_nothing_out() {
    let home = Home(tempfile::tempdir().unwrap());
    let receiver = Receiver::start().await;
    receiver.answer(Answer::Status(200, ""));
    let process = home.serve();
    let session = first(&process).await;
    add(&session, &source("all", &receiver.url(), ""), &[]).await;
    let run = session.run_flow("all", vec![]).await.unwrap();
    drop(session);
    let (process, session, run) = kill_again_and_again(&home, process, &receiver, (run, BANS)).await;
    assert_eq!((run.state(), run.error.as_str()), (FlowRunState::Completed, ""), "{run:?}");
    assert_eq!(bans(&session, "all").await, BANS, "each is there once");
    // What a step made is known, even where the server ended before it could be answered.
    for number in 0..BANS {
        assert!(output(&run, &format!("ban_{number}"))["id"].is_string(), "{run:?}");
    }
    let (mut ids, mut words) = (BTreeSet::new(), BTreeSet::new());
    for one in receiver.all() {
        ids.insert(one.id().to_owned());
        words.insert(one.word().to_owned());
    }
    assert_eq!((ids.len(), words.len()), (BANS, BANS), "each was asked by one key");
    process.kill();
}

#[tokio::test]
async fn kills_while_it_is_undone_leave_nothing_of_it() {
    let home = Home(tempfile::tempdir().unwrap());
    let receiver = Receiver::start().await;
    receiver.answer(Answer::Status(200, ""));
    let process = home.serve();
    let session = first(&process).await;
    let last = "[[steps]]\nname = \"last\"\ndo = \"fail\"\nwith = { reason = \"no\" }\n";
    add(&session, &source("back", &receiver.url(), last), &[]).await;
    let run = session.run_flow("back", vec![]).await.unwrap();
    drop(session);
    let (process, session, run) = kill_again_and_again(&home, process, &receiver, (run, 2 * BANS)).await;
    assert_eq!(run.state(), FlowRunState::RolledBack, "{run:?}");
    assert_eq!(bans(&session, "back").await, 0);
    let undone: BTreeSet<_> =
        run.steps.iter().filter(|step| step.undoes > 0).map(|step| step.undoes).collect();
    assert_eq!(undone.len(), 2 * BANS, "each is undone");
    assert_eq!(run.steps.iter().filter(|step| step.undoes > 0).count(), 2 * BANS, "by one step");
    let ids: BTreeSet<_> =
        receiver.all().iter().map(|one| (one.word().to_owned(), one.id().to_owned())).collect();
    assert_eq!(ids.len(), 2 * BANS, "each was asked by one key, there and back");
    process.kill();
}

/// Tells somebody else's server, by the key of its step.
const TELLS: &str = r#"
const std = @import("std");
extern "extism:host/env" fn input_length() u64;
extern "extism:host/env" fn input_load_u8(at: u64) u8;
extern "extism:host/env" fn alloc(length: u64) u64;
extern "extism:host/env" fn store_u8(at: u64, byte: u8) void;
extern "extism:host/env" fn http_request(request: u64, body: u64) u64;

var memory: [64 * 1024]u8 = undefined;
var arena = std.heap.FixedBufferAllocator.init(&memory);

const Input = struct { key: []const u8, with: struct { url: []const u8, type: []const u8 } };

fn put(value: anytype) u64 {
    const text = std.json.Stringify.valueAlloc(arena.allocator(), value, .{}) catch return 0;
    const at = alloc(text.len);
    for (text, 0..) |byte, index| store_u8(at + index, byte);
    return at;
}

export fn tell() i32 {
    const bytes = arena.allocator().alloc(u8, @intCast(input_length())) catch return 1;
    for (bytes, 0..) |*byte, index| byte.* = input_load_u8(index);
    const options = std.json.ParseOptions{ .ignore_unknown_fields = true };
    const asked = std.json.parseFromSliceLeaky(Input, arena.allocator(), bytes, options) catch return 2;
    const headers = .{ .@"webhook-id" = asked.key, .@"content-type" = "application/json" };
    const request = put(.{ .url = asked.with.url, .method = "POST", .headers = headers });
    _ = http_request(request, put(.{ .type = asked.with.type }));
    return 0;
}
"#;

#[tokio::test]
async fn a_plugin_that_is_killed_with_the_server_is_called_again_with_the_same_key() {
    let home = Home(tempfile::tempdir().unwrap());
    let receiver = Receiver::start().await;
    receiver.answer(Answer::Status(200, ""));
    let code = tokio::task::spawn_blocking(|| zig(TELLS)).await.unwrap();
    let process = home.serve();
    let session = first(&process).await;
    let grants = ["flow.step", "http:127.0.0.1"];
    let manifest =
        format!("name = \"tells\"\nfunctions = [\"tell\"]\ngrants = {}\n[quotas]\nms = 10000", json!(grants));
    install(&session, &code, &manifest, &grants).await.unwrap();
    let mut source = "[workflow]\nname = \"plugins\"\n[[triggers]]\non = \"hand\"\n".to_owned();
    for number in 0..BANS {
        write!(
            source,
            "[[steps]]\nname = \"tell_{number}\"\ndo = \"plugin.tells.tell\"\nwith = {{ url = \"{}\", type = \"plugin-{number}\" }}\n",
            receiver.url()
        )
        .unwrap();
    }
    add(&session, &source, &[]).await;
    let run = session.run_flow("plugins", vec![]).await.unwrap();
    drop(session);
    let (process, _, run) = kill_again_and_again(&home, process, &receiver, (run, BANS)).await;
    assert_eq!((run.state(), run.error.as_str()), (FlowRunState::Completed, ""), "{run:?}");
    let ids: BTreeSet<_> =
        receiver.all().iter().map(|one| (one.word().to_owned(), one.id().to_owned())).collect();
    assert_eq!(ids.len(), BANS, "each was told by one key");
    process.kill();
}
