//! Addresses by which somebody would have the server reach where they themselves can't: they are refused when a webhook is
//! made, and whatever a name leads to is judged when a message is delivered.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use super::receiver::Receiver;
use crate::support::{TestServer, code, eventually};
use parlour::client::Session;
use parlour::dial::{Client, Found, LookUp};
use parlour::protocol::ErrorCode;
use parlour::protocol::wire;

/// An address of this machine or of a private network in every form in which it is written, and what it is.
const HOSTILE: &[(&str, &str)] = &[
    ("127.0.0.1", "loopback"),
    ("127.1", "loopback"),
    ("2130706433", "loopback"),
    ("0177.0.0.1", "loopback"),
    ("017700000001", "loopback"),
    ("0x7f000001", "loopback"),
    ("0x7f.1", "loopback"),
    ("127.0.0.1.", "loopback"),
    ("%31%32%37.0.0.1", "loopback"),
    ("[::1]", "loopback"),
    ("[::ffff:127.0.0.1]", "loopback"),
    ("[::ffff:7f00:1]", "loopback"),
    ("[::127.0.0.1]", "reserved"),
    ("[64:ff9b::127.0.0.1]", "loopback"),
    ("[64:ff9b::7f00:1]", "loopback"),
    ("[64:ff9b:1::7f00:1]", "translated"),
    ("[2002:7f00:1::]", "6to4"),
    ("0.0.0.0", "this machine"),
    ("0", "this machine"),
    ("[::]", "no address"),
    ("10.0.0.1", "private"),
    ("0xa.1", "private"),
    ("[::ffff:10.0.0.1]", "private"),
    ("[64:ff9b::10.0.0.1]", "private"),
    ("192.168.257", "private"),
    ("[fd00::1]", "private"),
    ("169.254.169.254", "link-local"),
    ("2852039166", "link-local"),
    ("[fe80::1]", "link-local"),
    ("100.100.100.200", "shared"),
    ("224.0.0.1", "multicast"),
    ("255.255.255.255", "broadcast"),
];

fn new(url: String) -> wire::CreateHook {
    wire::CreateHook { url, kinds: vec!["channels".to_owned()], ..Default::default() }
}

#[tokio::test]
async fn hostile_addresses_are_refused_when_a_webhook_is_made_or_changed() {
    let server = TestServer::with(&[("limits.request_burst", "1000")]).await;
    let root = server.log_in("root").await;
    let fine = "https://hooks.example.org/in";
    let id = root.create_hook(new(fine.to_owned())).await.unwrap().id;
    for (host, what) in HOSTILE {
        for port in ["", ":8080"] {
            let url = format!("https://{host}{port}/in");
            let made = root.create_hook(new(url.clone())).await.unwrap_err();
            let edit = wire::EditHook { id, url: Some(url.clone()), ..Default::default() };
            let changed = root.edit_hook(edit).await.unwrap_err();
            for refused in [made, changed] {
                assert_eq!(refused.code(), Some(ErrorCode::Malformed), "{url}: {refused}");
                assert!(refused.to_string().contains(what), "{url}: {refused}");
            }
        }
    }
    // Without encryption nothing is asked where no network is listed, and nobody else's password is sent anywhere.
    for wrong in [
        "http://8.8.8.8/",
        "http://hooks.example.org/",
        "https://a:b@hooks.example.org/",
        "file:///etc/passwd",
    ] {
        assert_eq!(code(root.create_hook(new(wrong.to_owned())).await), ErrorCode::Malformed, "{wrong}");
    }
    let all = root.hooks().await.unwrap();
    assert_eq!(all.iter().map(|hook| hook.url.as_str()).collect::<Vec<_>>(), [fine], "nothing was changed");
}

/// What became of the test of a webhook: the status, and the words where there was no answer.
async fn tried(session: &Session, id: u64) -> (u32, String) {
    let number = session.test_hook(id).await.unwrap();
    eventually("it is tried", async || {
        let found = session.hook_deliveries(id, number + 1, 1).await.unwrap();
        found[0].tries.last().map(|last| (last.status, last.error.clone()))
    })
    .await
}

/// The owner of the machine lists a network no more: what leads there already is refused when it is delivered.
#[tokio::test]
async fn what_was_let_in_is_refused_at_its_delivery_once_its_network_is_not_listed() {
    let all = "127.0.0.0/8, ::1, 10.0.0.0/8, 169.254.0.0/16, 64:ff9b::/96";
    let server = TestServer::with(&[("hooks.networks", all)]).await;
    let (root, receiver) = (server.log_in("root").await, Receiver::start().await);
    let hosts = [
        ("127.0.0.1", "loopback"),
        ("2130706433", "loopback"),
        ("0177.0.0.1", "loopback"),
        ("0x7f.1", "loopback"),
        ("[::ffff:127.0.0.1]", "loopback"),
        ("[64:ff9b::7f00:1]", "loopback"),
        ("[::1]", "loopback"),
        ("10.0.0.1", "private"),
        ("169.254.169.254", "link-local"),
        // A name is judged by where it leads, at each delivery.
        ("localhost", "loopback"),
    ];
    let port = receiver.address.port();
    for (host, _) in hosts {
        root.create_hook(new(format!("http://{host}:{port}/in"))).await.unwrap();
    }
    for id in 1..=4 {
        assert_eq!(tried(&root, id).await.0, 204, "{}", hosts[id as usize - 1].0);
    }
    assert_eq!(receiver.all().len(), 4);
    let directory = server.stop().await;
    let server = TestServer::again_with(directory, &[("hooks.networks", "192.168.0.0/16")]).await;
    let root = server.log_in("root").await;
    for (id, (host, what)) in (1..).zip(hosts) {
        // The first that is tried tells of the restart.
        let (status, error) = eventually("it is tried", async || {
            let found = root.hook_deliveries(id, 0, 0).await.unwrap();
            let last = found.iter().flat_map(|one| &one.tries).find(|one| one.status == 0);
            match last {
                Some(last) => Some((last.status, last.error.clone())),
                None if found.is_empty() => Some(tried(&root, id).await),
                None => None,
            }
        })
        .await;
        assert_eq!(status, 0, "{host}: {error}");
        assert!(error.contains(what) && error.contains("hooks.networks"), "{host}: {error}");
    }
    assert_eq!(receiver.all().len(), 4, "nothing more came");
}

/// Where a name leads: at each look-up to the next of the lists, and then on to the last one. Counts the look-ups.
struct Leads {
    lists: VecDeque<Vec<IpAddr>>,
    asked: usize,
}

#[derive(Default)]
struct Names(Mutex<HashMap<String, Leads>>);

impl Names {
    fn lead(&self, name: &str, lists: &[&[&str]]) {
        let lists = lists.iter().map(|list| list.iter().map(|one| one.parse().unwrap()).collect()).collect();
        self.0.lock().unwrap().insert(name.to_owned(), Leads { lists, asked: 0 });
    }

    fn asked(&self, name: &str) -> usize {
        self.0.lock().unwrap()[name].asked
    }
}

impl LookUp for Names {
    fn look_up(&self, name: &str) -> Found {
        let mut all = self.0.lock().unwrap();
        let found = all.get_mut(name).map(|Leads { lists, asked }| {
            *asked += 1;
            if lists.len() > 1 { lists.pop_front().unwrap() } else { lists[0].clone() }
        });
        Box::pin(async move { found.ok_or_else(|| std::io::Error::other("there is no such name")) })
    }
}

#[tokio::test]
async fn a_name_is_judged_by_all_that_it_leads_to_and_dialled_where_it_was_judged() {
    let receiver = Receiver::start().await;
    let port = receiver.address.port();
    let trap = Receiver::at(format!("127.0.0.2:{port}").parse().unwrap()).await;
    let (names, here, beside) = (Arc::new(Names::default()), "127.0.0.1", "127.0.0.2");
    names.lead("one.test", &[&[here]]);
    names.lead("two.test", &[&[here, beside]]);
    names.lead("the-other-first.test", &[&[beside, here]]);
    names.lead("mapped.test", &[&["::ffff:127.0.0.2"]]);
    names.lead("translated.test", &[&["64:ff9b::7f00:2"]]);
    names.lead("changing.test", &[&[here], &[beside]]);
    names.lead("public-and-private.test", &[&["8.8.8.8", "10.0.0.1"]]);
    let client = Client::with(Arc::clone(&names) as Arc<dyn LookUp>, None);
    let server = TestServer::among(&[("hooks.networks", here)], client).await;
    let root = server.log_in("root").await;
    let make = async |url: String| root.create_hook(new(url)).await.unwrap().id;
    let at = |name: &str| format!("http://{name}:{port}/in");

    assert_eq!(tried(&root, make(at("one.test")).await).await, (204, String::new()));
    for (name, said) in [
        ("two.test", "one of its 2 addresses is enough"),
        ("the-other-first.test", "one of its 2 addresses is enough"),
        ("mapped.test", "::ffff:127.0.0.2, a loopback address"),
        ("translated.test", "64:ff9b::7f00:2, a loopback address"),
    ] {
        let (status, error) = tried(&root, make(at(name)).await).await;
        assert!(status == 0 && error.contains(said), "{name}: {status} {error}");
    }
    let (status, error) = tried(&root, make("https://public-and-private.test/".to_owned()).await).await;
    assert!(status == 0 && error.contains("10.0.0.1, a private address"), "{status} {error}");

    // The second look-up would lead into the trap: there is none between the judgement and the dialling.
    let changing = make(at("changing.test")).await;
    assert_eq!((tried(&root, changing).await.0, names.asked("changing.test")), (204, 1));
    let (status, error) = tried(&root, changing).await;
    assert!(status == 0 && error.contains("leads to 127.0.0.2, a loopback address"), "{status} {error}");
    assert_eq!(names.asked("changing.test"), 2);
    let (status, error) = tried(&root, make(at("unheard-of.test")).await).await;
    assert!(status == 0 && error.contains("no such name"), "{status} {error}");
    assert_eq!((receiver.all().len(), trap.all().len()), (2, 0));
}
