//! What an organization costs that nobody uses.

use std::fs;
use std::time::Duration;

use crate::support::{Process, parlour};
use parlour::client::{Address, Trust, connect};

/// Organizations that are made.
const MADE: usize = 100;

/// Kilobytes that one of them may cost.
const EACH: usize = 200;

/// Kilobytes of memory that a process has.
fn resident(process: &Process) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", process.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Somebody came to each of them and left again, so each has its thread, its state and its tables.
#[tokio::test]
async fn an_organization_that_nobody_uses_costs_little_memory() {
    let home = tempfile::tempdir().unwrap();
    let server = Process::serve(home.path(), "127.0.0.1:0", &[]);
    let address: Address = server.address.to_string().parse().unwrap();
    let come = async |organization: String| {
        let address = Address { organization, ..address.clone() };
        drop(connect(&address, Trust::FirstUse, "test/1").await.unwrap());
    };
    for _ in 0..MADE {
        come(String::new()).await;
    }
    let before = resident(&server);
    for number in 0..MADE {
        let made = parlour(home.path()).args(["org", "create", &format!("org{number}")]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    let made = resident(&server);
    for number in 0..MADE {
        come(format!("org{number}")).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let visited = resident(&server);
    let each = |kilobytes: usize| kilobytes.saturating_sub(before) / MADE;
    println!("{} KB of memory each when made, {} KB when somebody came", each(made), each(visited));
    assert!(each(visited) < EACH, "{} KB each", each(visited));
}
