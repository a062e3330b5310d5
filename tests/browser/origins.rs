//! Pages of other origins, in a real browser: what an allowed one does by its token, and that another one does nothing.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use crate::stage::{PASSWORD, Stage, run};
use crate::support::{Process, as_profile, parlour};
use serde_json::json;

/// A site of somebody else's: it answers everything with an empty page, for as long as the test runs.
fn site() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // A browser opens connections ahead of their time, and says nothing on some of them.
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 4_096]);
                let page = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 15\r\nconnection: close\r\n\r\n<!doctype html>";
                let _ = stream.write_all(page.as_bytes());
            });
        }
    });
    address
}

#[test]
fn a_page_that_is_allowed_asks_by_its_token_and_another_one_gets_nothing() {
    let home = Stage::enter();
    let (club, evil) = (site(), site());
    let club = format!("http://{club}");
    // The same machine by another name is another origin.
    let evil = format!("http://localhost:{}", evil.port());
    let mut server = parlour(home.path());
    server.env("PARLOUR_WEB_API_ORIGINS", &club);
    let process = Process::serve_with(server, "127.0.0.1:0", &[]);
    let boss = format!("parlour://boss@{}", process.address);
    let claim = ["claim", &process.claim.clone().unwrap(), &boss, "--password-stdin"];
    as_profile(home.path(), "boss", &claim, PASSWORD);
    let add = ["oauth", "client", "add", "Club", "--redirect", "http://127.0.0.1/cb", "--public"];
    let made = as_profile(home.path(), "boss", &add, "");
    let client = made[0]["client"].to_string();
    let variables =
        [("SERVER", process.address.to_string()), ("CLUB", club), ("EVIL", evil), ("CLIENT", client)];
    let result = run("origins.mjs", &variables, |word| panic!("{word}"));
    println!("{result:#}");
    let allowed = &result["club"];
    assert_eq!((&allowed["me"]["status"], &allowed["me"]["body"]["name"]), (&json!(200), &json!("boss")));
    assert_eq!(
        (&allowed["nobody"]["status"], &allowed["nobody"]["body"]["code"]),
        (&json!(401), &json!("unexpected"))
    );
    // There are no cookies, so nothing is ever asked by what a browser keeps.
    assert_eq!(allowed["withCookies"], "TypeError");
    assert_eq!((&allowed["made"]["status"], &allowed["changed"]["status"]), (&json!(201), &json!(204)));
    assert_eq!((&allowed["stale"]["status"], &allowed["simple"]["status"]), (&json!(412), &json!(401)));
    assert_eq!((&allowed["token"]["status"], &allowed["userinfo"]["status"]), (&json!(401), &json!(401)));
    assert_eq!(allowed["events"], "ready");
    let other = &result["evil"];
    for what in ["me", "nobody", "withCookies", "made", "simple", "token", "userinfo"] {
        assert_eq!(other[what], "TypeError", "{what}");
    }
    assert_eq!(other["events"], "error");
    for (who, told) in [("club", allowed), ("evil", other)] {
        assert_eq!(
            (&told["metadata"]["status"], &told["keys"]["status"]),
            (&json!(200), &json!(200)),
            "{who}"
        );
    }
    let channels = as_profile(home.path(), "boss", &["channels"], "");
    let said = serde_json::to_string(&channels).unwrap();
    assert!(said.contains("by 127.0.0.1") && !said.contains("by localhost"), "{said}");
    assert_eq!(result["who"]["preferred_username"], "boss");
}
