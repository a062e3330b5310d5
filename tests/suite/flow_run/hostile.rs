//! Flows that are made to take much, beside people who talk: each costs its bound, on the thread that does runs, and whoever asks for
//! something meanwhile is answered.

use std::collections::BTreeMap;
use std::time::Duration;

use super::killed::{Home, first, root};
use super::*;
use crate::support::drain;

/// Runs that are at work at once: as many as those of one account are.
const RUNS: usize = 8;

/// Frames of 20 ms that somebody talks meanwhile.
const FRAMES: usize = 150;

const HEAD: &str = "[workflow]\nname = \"NAME\"\n[[triggers]]\non = \"hand\"\n";

/// What is tried, and what its runs say in the end.
const HOSTILE: [(&str, &str, &str); 5] = [
    // A long list of large outputs, each worked out with much effort.
    (
        "loop",
        "[[steps]]\neach = \"range(1000)\"\ndo = \"value\"\nwith = { value = \"{% for a in range(900) %}{{ a }}xxxxxxxxxx{% endfor %}\" }\n",
        "1024 KiB",
    ),
    (
        "nested",
        "[[steps]]\neach = \"range(40)\"\nmay_fail = true\ndo = \"value\"\nwith = { value = \"{% for a in range(1000) %}{% for b in range(1000) %}{% for c in range(1000) %}x{% endfor %}{% endfor %}{% endfor %}\" }\n",
        "",
    ),
    ("long", "[[steps]]\neach = \"range(1001)\"\ndo = \"value\"\nwith = { value = 1 }\n", "1000"),
    (
        "large",
        "[[steps]]\ndo = \"value\"\nwith = { value = \"{% for a in range(1000) %}{{ 'x' | replace('x', 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy') }}{% endfor %}\" }\n",
        "64 KiB",
    ),
    (
        "many",
        "[[steps]]\nname = \"one\"\neach = \"range(300)\"\ndo = \"value\"\nwith = { value = 1 }\n[[steps]]\neach = \"range(300)\"\ndo = \"value\"\nwith = { value = \"{{ steps.one.output | sum }}\" }\n",
        "",
    ),
];

/// Processor time of each thread of a process, in milliseconds, by the threads' names (proc(5)).
fn processor_times(process: u32) -> BTreeMap<String, f64> {
    let mut times = BTreeMap::new();
    for task in std::fs::read_dir(format!("/proc/{process}/task")).unwrap() {
        let Ok(stat) = std::fs::read_to_string(task.unwrap().path().join("stat")) else { continue };
        let name = stat.split_once('(').unwrap().1.rsplit_once(')').unwrap().0.to_owned();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        // User and system time, in ticks of 10 ms.
        let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
        let name = name.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
        *times.entry(name).or_default() += ticks * 10.0;
    }
    times
}

#[tokio::test]
async fn flows_that_are_made_to_take_much_cost_their_bound_and_keep_nobody_waiting() {
    let home = Home(tempfile::tempdir().unwrap());
    let process = home.serve();
    let owner = first(&process).await;
    let (talker, listener) = (root(&process).await, root(&process).await);
    let tea = owner.create_channel(None, "Tea").await.unwrap();
    for session in [&talker, &listener] {
        comes(session, "Tea").await;
        session.join(tea).await.unwrap();
    }
    for (name, steps, _) in HOSTILE {
        add(&owner, &(HEAD.replace("NAME", name) + steps), &[]).await;
    }
    let before = processor_times(process.child.id());
    let mut runs = Vec::new();
    for (name, ..) in HOSTILE.iter().cycle().take(RUNS) {
        runs.push((*name, owner.run_flow(name, vec![]).await.unwrap()));
    }
    // Somebody talks, and somebody asks for something again and again, while they are at work.
    let mut voice = listener.voice();
    let talk = async {
        let mut speaker = talker.speaker();
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        for _ in 0..FRAMES {
            tick.tick().await;
            speaker.send(&[1; 80]);
        }
    };
    let ask = async {
        for number in 0..FRAMES {
            talker.set_self(Some(number % 2 == 0 && number + 1 < FRAMES), None).await.unwrap();
            talker.set_self(Some(false), None).await.unwrap();
        }
        let all = owner.flow_runs(wire::ListRuns { limit: 100, ..Default::default() }).await.unwrap();
        all.iter().filter(|run| run.ended_ms == 0).count()
    };
    let (going_on, ()) = tokio::join!(ask, talk);
    let heard = drain(&mut voice).await.len();
    for (name, run) in runs {
        let run = eventually_ends(&owner, run).await;
        let (_, _, why) = HOSTILE.iter().find(|one| one.0 == name).unwrap();
        if why.is_empty() {
            assert_eq!((run.state(), run.error.as_str()), (FlowRunState::Completed, ""), "{name}");
        } else {
            assert_eq!(run.state(), FlowRunState::Failed, "{name}");
            assert!(run.error.contains(why), "{name}: {}", run.error);
        }
        let bytes: usize = run.steps.iter().map(|step| step.input.len() + step.output.len()).sum();
        assert!(bytes <= 2 * 1_024 * 1_024, "{name} keeps {bytes} bytes");
    }
    let mut took = processor_times(process.child.id());
    for (thread, time) in &mut took {
        *time -= before.get(thread).copied().unwrap_or(0.0);
    }
    let all: f64 = took.values().sum();
    let share = |thread: &str| took.get(thread).copied().unwrap_or(0.0) / all;
    println!(
        "{going_on} of {RUNS} went on after {} requests; {heard} of {FRAMES} frames; ms by thread {took:?}",
        2 * FRAMES
    );
    // Two thirds at least, on a machine that others share.
    assert!(heard * 3 >= FRAMES * 2, "{heard} of {FRAMES} frames were heard");
    assert!(going_on > 0, "the requests were answered before the runs had ended");
    assert!(share("control") < 0.2, "the control thread took {:.2} of {took:?}", share("control"));
    process.kill();
}

/// A run when it has ended, which may take a while.
async fn eventually_ends(session: &Session, run: u64) -> wire::FlowRun {
    crate::support::eventually_within(Duration::from_secs(180), &format!("run {run} ends"), async || {
        let now = session.flow_run(run).await.unwrap();
        (now.ended_ms > 0).then_some(now)
    })
    .await
}
