//! The server's process is killed (SIGKILL) at every step of a run: what is inside is there exactly once, what is outside was asked
//! by one key, and what is to be undone is undone whole.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::*;
use crate::hook::receiver::Answer;
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

struct Home(tempfile::TempDir);

impl Home {
    fn serve(&self) -> Process {
        let mut command = parlour(self.0.path());
        command.env("PARLOUR_HOOKS_NETWORKS", "127.0.0.0/8").env("PARLOUR_LIMITS_REQUEST_BURST", "1000");
        Process::serve_with(command, "127.0.0.1:0", &[])
    }
}

/// The first administrator of a new server.
async fn first(process: &Process) -> Session {
    let address: Address = process.address.to_string().parse().unwrap();
    let connected = connect(&address, Trust::FirstUse, "test/1").await.unwrap();
    let claim = process.claim.clone().unwrap();
    connected.log_in(Credentials::claim(&claim, "root", PASSWORD, "test")).await.unwrap()
}

async fn root(process: &Process) -> Session {
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
