//! The server's process is killed (SIGKILL) again and again while it delivers.

use std::collections::HashMap;

use super::receiver::{Answer, Receiver};
use super::{hook, only};
use crate::support::{PASSWORD, Process, eventually, log_in, parlour};
use parlour::client::{Address, Credentials, Trust, connect};

/// After how many answers the process is killed each time, with one more request under way.
const KILLS: [usize; 6] = [3, 40, 11, 1, 25, 60];

#[tokio::test]
async fn kills_at_any_moment_lose_nothing_and_repeat_only_by_the_same_identifier() {
    let home = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    receiver.answer(Answer::Status(200, ""));
    let serve = || {
        let mut command = parlour(home.path());
        command.env("PARLOUR_HOOKS_NETWORKS", "127.0.0.0/8").env("PARLOUR_LIMITS_REQUEST_BURST", "1000");
        Process::serve_with(command, "127.0.0.1:0", &[])
    };
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    for answers in KILLS {
        let process = serve();
        let address: Address = process.address.to_string().parse().unwrap();
        let root = match &process.claim {
            Some(claim) => {
                let connected = connect(&address, Trust::FirstUse, "test/1").await.unwrap();
                connected.log_in(Credentials::claim(claim, "root", PASSWORD, "test")).await.unwrap()
            }
            None => log_in(&address, "root", PASSWORD).await.unwrap(),
        };
        if asked.is_empty() {
            hook(&root, &receiver, &["channels"]).await;
        }
        for number in 0..=answers {
            let name = format!("Channel {}", asked.len());
            asked.push(name.clone());
            if number < answers {
                root.create_channel(None, &name).await.unwrap();
                answered.push(name);
            } else {
                tokio::select! {
                    biased;
                    _ = root.create_channel(None, &name) => (),
                    () = std::future::ready(()) => (),
                }
            }
        }
        process.kill();
    }
    let process = serve();
    let root = log_in(&process.address.to_string().parse().unwrap(), "root", PASSWORD).await.unwrap();
    eventually("nothing waits", async || (only(&root).await.waiting == 0).then_some(())).await;

    let (mut bodies, mut first) = (HashMap::new(), Vec::new());
    for one in receiver.all() {
        match bodies.insert(one.id().to_owned(), one.body.clone()) {
            None => first.push(one),
            Some(before) => assert_eq!(before, one.body, "the same message came as another one"),
        }
    }
    let data = |word| first.iter().filter(move |one| one.word() == word).map(|one| &one.body["data"]);
    let names: Vec<_> = data("channel-created").map(|data| data["name"].as_str().unwrap()).collect();
    let mut left = asked.iter();
    assert!(names.iter().all(|name| left.any(|asked| asked == name)), "each once and in order: {names:?}");
    let lost: Vec<_> = answered.iter().filter(|name| !names.contains(&name.as_str())).collect();
    assert!(lost.is_empty(), "lost: {lost:?} of {names:?}");
    let numbers: Vec<u64> =
        data("channel-created").map(|data| data["number"].as_str().unwrap().parse().unwrap()).collect();
    assert!(numbers.windows(2).all(|two| two[0] < two[1]), "{numbers:?}");
    let starts: Vec<_> = data("missed").map(|data| data["why"].as_str().unwrap()).collect();
    assert_eq!(starts, ["restart"; KILLS.len()]);
}
