//! What was acknowledged outlives the process and the disk's room.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{self, Process, Talking, channel_id, eventually, hear, log_in};
use parlour::client::Address;
use parlour::endpoint::ask_local;
use parlour::id::Timestamp;
use parlour::protocol::wire::{self, request, response};
use parlour::store::{SEEDED_ORGANIZATION, STORE_FILE, Store};

const KILLS: u64 = 200;
const WORKERS: usize = 6;

/// Has the running server make an invite. Its number, if it was acknowledged.
async fn invite(data: &Path) -> Option<u64> {
    let create = request::Body::CreateInvite(wire::CreateInvite { uses: 1, ..Default::default() });
    match ask_local(data, create).await {
        Ok(response::Body::Invite(invite)) => Some(invite.id),
        _ => None,
    }
}

/// Two hundred times the server is killed while several write: all that was acknowledged is there, and the
/// database is whole.
#[tokio::test]
async fn two_hundred_kills_under_load_lose_nothing() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let (mut acknowledged, mut dice) = (Vec::new(), 0x2545_f491_u64);
    for kill in 0..KILLS {
        let process = Process::serve(home.path(), "127.0.0.1:0", &[]);
        let mut workers = Vec::new();
        for _ in 0..WORKERS {
            let data = data.clone();
            workers.push(tokio::spawn(async move {
                let mut done = Vec::new();
                while let Some(invite) = invite(&data).await {
                    done.push(invite);
                }
                done
            }));
        }
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        tokio::time::sleep(Duration::from_millis(3 + (dice >> 33) % 60)).await;
        process.kill();
        let before = acknowledged.len();
        for worker in workers {
            acknowledged.extend(worker.await.unwrap());
        }
        let store = Store::open(&data.join(STORE_FILE), Timestamp(0)).unwrap();
        // All of them at the end; those of this kill now.
        let first = if kill == KILLS - 1 { 0 } else { before };
        let tokens = store.tokens(SEEDED_ORGANIZATION, None, usize::MAX).unwrap();
        let there: BTreeSet<u64> = tokens.iter().map(|token| token.id.0).collect();
        for invite in &acknowledged[first..] {
            assert!(there.contains(invite), "invite {invite} is lost after kill {kill}");
        }
        if kill % 20 == 19 {
            assert_eq!(store.verify().unwrap(), [], "after kill {kill}");
        }
    }
    println!("{KILLS} kills, {} invites acknowledged, none lost", acknowledged.len());
    assert!(acknowledged.len() as u64 > KILLS, "hardly anything was under way");
}

/// A small disk of its own, unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// None where mounting isn't allowed.
    fn mount(size: &str) -> Option<Self> {
        let place = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "parlour-test"])
            .arg(place.path())
            .output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(place))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// On a full disk changes are refused in words, voice goes on, and changes work again when there is room.
#[tokio::test]
async fn a_full_disk_refuses_changes_and_keeps_voice() {
    let Some(disk) = SmallDisk::mount("3m") else {
        // Mounting needs root, which CI has.
        assert_ne!(rustix::process::geteuid().as_raw(), 0, "root can't mount a tmpfs");
        println!("skipped: this user may not mount a small disk");
        return;
    };
    let home = disk.0.path();
    fs::create_dir(home.join("parlour")).unwrap();
    fs::write(home.join("parlour/parlour.toml"), "[limits]\nrequest_burst = 10000\n").unwrap();
    let process = Process::serve(home, "127.0.0.1:0", &["--demo"]);
    let address: Address = process.address.to_string().parse().unwrap();
    let demo = log_in(&address, "demo", "parlour-demo").await.unwrap();
    let (alice, bob) = (
        log_in(&address, "alice", "parlour-demo").await.unwrap(),
        log_in(&address, "bob", "parlour-demo").await.unwrap(),
    );
    for session in [&alice, &bob] {
        session.join(channel_id(session, "Social")).await.unwrap();
    }
    let mut voice = bob.voice();
    let _talking = Talking::start(&alice);
    assert!(hear(&mut voice).await.is_some());

    // Everything that is left goes to a file, so that soon nothing fits any more.
    let filler = home.join("filler");
    let mut size = 3 * 1024 * 1024;
    while size > 0 && fs::write(&filler, vec![0; size]).is_err() {
        size -= 16 * 1024;
    }
    // A little room, so that some changes still fit.
    fs::OpenOptions::new().write(true).open(&filler).unwrap().set_len(size as u64 - 96 * 1024).unwrap();
    let (mut created, mut refused) = (Vec::new(), None);
    for number in 0..950 {
        match demo.create_channel(None, &format!("channel {number}")).await {
            Ok(channel) => created.push(channel),
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    assert!(!created.is_empty());
    let refused = refused.unwrap().to_string();
    assert!(refused.contains("can't write to its disk"), "{refused}");
    support::drain(&mut voice).await;
    assert!(hear(&mut voice).await.is_some(), "voice goes on");
    let again = demo.create_channel(None, "again").await;
    assert!(again.is_err(), "the disk is still full");

    fs::remove_file(&filler).unwrap();
    let started = Instant::now();
    let recovered = async || demo.create_channel(None, "after").await.ok();
    created.push(eventually("there is room again", recovered).await);
    println!("{} channels until the disk was full; recovered in {:?}", created.len() - 1, started.elapsed());
    support::drain(&mut voice).await;
    assert!(hear(&mut voice).await.is_some());
    process.kill();
    let store = Store::open(&home.join("data").join(STORE_FILE), Timestamp(0)).unwrap();
    assert_eq!(store.verify().unwrap(), []);
    for channel in created {
        assert!(store.channel(channel).unwrap().is_some(), "channel {channel}");
    }
}
