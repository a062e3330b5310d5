//! Keys that are seen while another program has the focus, under X11.

use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use parlour::talk::{Chord, GlobalKeys, MOST_KEYS};

use crate::support::keyboard::{Hands, XServer};

fn watch(server: &XServer, keys: &[&str]) -> (GlobalKeys, Receiver<(usize, bool)>) {
    let chords = keys.iter().map(|key| key.parse().unwrap()).collect();
    let (telling, told) = mpsc::channel();
    let keys = GlobalKeys::watch(Some(&server.display), chords, move |place, is_down| {
        let _ = telling.send((place, is_down));
    });
    (keys.unwrap(), told)
}

/// What is told next, within a generous while.
fn next(told: &Receiver<(usize, bool)>) -> Option<(usize, bool)> {
    told.recv_timeout(Duration::from_secs(10)).ok()
}

#[test]
fn keys_are_seen_without_the_focus_and_others_aren_t_told() {
    let server = XServer::start();
    let (keys, told) = watch(&server, &["F8", "ctrl+space", "mouse9"]);
    let hands = Hands::on(&server);
    for keysym in [0x61, 0x62, 0xffbe] {
        hands.key(keysym, true);
        hands.key(keysym, false);
    }
    hands.key(0xffc5, true);
    assert_eq!(next(&told), Some((0, true)));
    hands.key(0xffc5, false);
    assert_eq!(next(&told), Some((0, false)));

    hands.key(0x20, true);
    hands.key(0x20, false);
    hands.key(0xffe4, true);
    hands.key(0x20, true);
    assert_eq!(next(&told), Some((1, true)), "the space before was without ctrl");
    hands.key(0xffe4, false);
    assert_eq!(next(&told), Some((1, false)));
    hands.key(0x20, false);

    hands.button(9, true);
    assert_eq!(next(&told), Some((2, true)));
    hands.button(9, false);
    assert_eq!(next(&told), Some((2, false)));

    drop(keys);
    assert!(told.recv().is_err(), "nothing is told any more");
}

#[test]
fn what_is_held_comes_up_when_the_server_ends() {
    let mut server = XServer::start();
    let (keys, told) = watch(&server, &["F8"]);
    Hands::on(&server).key(0xffc5, true);
    assert_eq!(next(&told), Some((0, true)));
    server.end();
    assert_eq!(next(&told), Some((0, false)));
    drop(keys);
}

#[test]
fn what_can_t_be_watched_is_said() {
    let server = XServer::start();
    let watch = |display: &str, keys: Vec<Chord>| {
        GlobalKeys::watch(Some(display), keys, |_, _| {}).unwrap_err().to_string()
    };
    let missing = watch(&server.display, vec!["F35".parse().unwrap()]);
    assert_eq!(missing, "this keyboard has no key F35; choose another one");
    let many = watch(&server.display, vec!["F8".parse().unwrap(); MOST_KEYS + 1]);
    assert!(many.starts_with("33 keys are chosen"), "{many}");
    let nowhere = watch(":4711", Vec::new());
    assert!(nowhere.contains("can't be reached") && nowhere.contains("parlour ptt"), "{nowhere}");
}
