//! E-mails: an address is proven, a forgotten password is replaced, and a real SMTP server takes them.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::{self, PASSWORD, TestServer, code, eventually, log_in, with};
use parlour::client::{Address, Connected, Credentials, DeviceSecret, Ended, Session, Trust, connect};
use parlour::protocol::wire::{self, request, response};
use parlour::protocol::{CloseCode, ErrorCode};

const NEW: &str = "seven small red boats";

/// The e-mails in the outbox, the oldest first.
async fn outbox(server: &TestServer) -> Vec<serde_json::Value> {
    let home = server.directory.path().to_owned();
    // The server runs on this thread, and has to answer meanwhile.
    let ask = move || {
        let mut outbox = support::parlour(&home);
        outbox.args(["--json", "admin", "outbox", "--data-dir"]).arg(&home).output().unwrap().stdout
    };
    let text = String::from_utf8(tokio::task::spawn_blocking(ask).await.unwrap()).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines.filter(|line| line["to"].is_string()).collect()
}

/// The code in an e-mail: five groups of four.
pub(crate) fn code_in(text: &str) -> String {
    let is_code = |word: &&str| word.len() == 24 && word.split('-').all(|group| group.len() == 4);
    text.split_whitespace().find(is_code).unwrap().to_owned()
}

async fn visitor(server: &TestServer) -> Connected {
    connect(&server.address(), Trust::FirstUse, "test/1").await.unwrap()
}

/// The reset's e-mail is written behind the answer.
pub(crate) async fn mails(server: &TestServer, count: usize) -> Vec<serde_json::Value> {
    let all = async || Some(outbox(server).await).filter(|all| all.len() >= count);
    eventually("an e-mail comes", all).await
}

#[tokio::test]
async fn an_address_is_proven_and_a_forgotten_password_replaced() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.log_in("alice").await, server.log_in("bob").await);
    assert_eq!(code(alice.set_email("a@example.org", "not the password").await), ErrorCode::LogInFailed);
    for bad in ["alice", "a@b", "a@b.cd\r\nBcc: x@y.zz", "a b@c.de"] {
        assert_eq!(code(alice.set_email(bad, PASSWORD).await), ErrorCode::EmailInvalid, "{bad}");
    }
    alice.set_email("a@example.org", PASSWORD).await.unwrap();
    let account = alice.account().await.unwrap();
    assert_eq!((account.email.as_str(), account.email_pending.as_str()), ("", "a@example.org"));
    // An address that isn't proven gets no e-mail that opens an account.
    visitor(&server).await.request_reset("a@example.org").await.unwrap();
    let mail = mails(&server, 1).await;
    assert_eq!((mail.len(), mail[0]["to"].as_str()), (1, Some("a@example.org")));
    let proof = code_in(mail[0]["text"].as_str().unwrap());
    assert_eq!(code(bob.verify_email(&proof).await), ErrorCode::CodeInvalid, "it is alice's");
    assert_eq!(code(visitor(&server).await.reset_password(&proof, NEW, false).await), ErrorCode::CodeInvalid);
    alice.verify_email(&proof).await.unwrap();
    assert_eq!(code(alice.verify_email(&proof).await), ErrorCode::CodeInvalid, "once");
    let account = alice.account().await.unwrap();
    assert_eq!(
        (account.email.as_str(), account.email_verified, account.email_pending.as_str()),
        ("a@example.org", true, "")
    );

    let key = DeviceSecret::random().unwrap();
    alice.register_key(&key, "laptop").await.unwrap();
    for address in ["nobody@example.org", "a@example.org"] {
        visitor(&server).await.request_reset(address).await.unwrap();
    }
    let reset = code_in(mails(&server, 2).await[1]["text"].as_str().unwrap());
    assert_eq!(outbox(&server).await.len(), 2, "nobody gets no e-mail");
    assert_eq!(
        code(visitor(&server).await.reset_password(&reset, "alice-alice", false).await),
        ErrorCode::PasswordInvalid
    );
    visitor(&server).await.reset_password(&reset, NEW, false).await.unwrap();
    assert_eq!(alice.closed().await, Ended::ByServer(CloseCode::LoggedOut));
    assert_eq!(code(log_in(&server.address(), "alice", PASSWORD).await), ErrorCode::LogInFailed);
    let user = alice.logged_in().user;
    assert_eq!(code(with(&server, Credentials::key(user, &key)).await), ErrorCode::LogInFailed);
    assert_eq!(
        code(with(&server, Credentials::token(&alice.logged_in().token)).await),
        ErrorCode::TokenInvalid
    );
    log_in(&server.address(), "alice", NEW).await.unwrap();
    assert_eq!(
        code(visitor(&server).await.reset_password(&reset, NEW, false).await),
        ErrorCode::CodeInvalid,
        "once"
    );
}

/// What somebody's account has as its address.
async fn address_of(asker: &Session, name: &str) -> String {
    let show = request::Body::ShowUser(wire::ShowUser { name: name.to_owned() });
    match asker.request(show).await.unwrap() {
        response::Body::User(user) => user.email,
        other => panic!("{other:?}"),
    }
}

/// Another's address, a free one and one that somebody only claims look alike to whoever asks for them, and nobody loses
/// theirs by being asked for it.
#[tokio::test]
async fn whoever_sets_an_address_learns_of_nobody_s_and_takes_nobody_s() {
    let server = TestServer::start().await;
    let (root, alice, bob) =
        (server.log_in("root").await, server.log_in("alice").await, server.log_in("bob").await);
    alice.set_email("alice@example.org", PASSWORD).await.unwrap();
    alice.verify_email(&code_in(mails(&server, 1).await[0]["text"].as_str().unwrap())).await.unwrap();
    let email = Some("carol@example.org".to_owned());
    let edit = wire::EditUser { name: "carol".to_owned(), rename: None, email };
    root.request(request::Body::EditUser(edit)).await.unwrap();
    for (asked, letters) in [("Alice@example.org", 1), ("carol@example.org", 2), ("free@example.org", 3)] {
        bob.set_email(asked, PASSWORD).await.unwrap();
        let seen = bob.account().await.unwrap();
        assert_eq!((seen.email.as_str(), seen.email_verified), ("", false), "{asked}");
        assert_eq!(seen.email_pending, asked);
        assert_eq!(outbox(&server).await.len(), letters, "{asked}: nobody else gets an e-mail");
    }
    assert_eq!(address_of(&root, "carol").await, "carol@example.org");
    assert_eq!(alice.account().await.unwrap().email, "alice@example.org");
    // A code is good until the next one; whoever shows it has proven the address, and has it then.
    let sent = outbox(&server).await;
    let old = code_in(sent[1]["text"].as_str().unwrap());
    assert_eq!(code(bob.verify_email(&old).await), ErrorCode::CodeInvalid);
    bob.set_email("carol@example.org", PASSWORD).await.unwrap();
    let proof = code_in(mails(&server, 4).await[3]["text"].as_str().unwrap());
    bob.verify_email(&proof).await.unwrap();
    assert_eq!(address_of(&root, "carol").await, "");
    let seen = bob.account().await.unwrap();
    assert_eq!((seen.email.as_str(), seen.email_verified), ("carol@example.org", true));
}

#[tokio::test]
async fn one_account_writes_to_few_strangers() {
    let server = TestServer::start().await;
    let alice = server.log_in("alice").await;
    let mut outcomes = Vec::new();
    for number in 0..7 {
        outcomes
            .push(alice.set_email(&format!("{number}@example.org"), PASSWORD).await.map_err(|e| e.code()));
    }
    assert!(outcomes[..5].iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(outcomes[5], Err(Some(ErrorCode::RateLimited)), "{outcomes:?}");
    assert_eq!(outbox(&server).await.len(), 5);
}

#[tokio::test]
async fn emails_to_one_address_are_few_and_nobody_is_locked_out_by_them() {
    let server = TestServer::start().await;
    let mut outcomes = Vec::new();
    for _ in 0..7 {
        outcomes
            .push(visitor(&server).await.request_reset("a@example.org").await.map_err(|error| error.code()));
    }
    assert!(outcomes[..5].iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(outcomes[6], Err(Some(ErrorCode::RateLimited)), "{outcomes:?}");
    server.log_in("alice").await;
}

/// The same address may have an account in each organization of a server.
#[tokio::test]
async fn an_email_is_about_one_organization() {
    let server = TestServer::with(&[("mail.page", "https://voice.example.org:4848/")]).await;
    let create = wire::CreateOrganization { tag: "raid".to_owned(), name: "The Raid".to_owned() };
    let create = request::Body::CreateOrganization(create);
    let made = server.server.organizations().operate(create.into()).await.unwrap();
    let response::Body::OrganizationMade(made) = made else { panic!("{made:?}") };
    let address = Address { organization: "raid".to_owned(), ..server.address() };
    let raid = async || connect(&address, Trust::FirstUse, "test/1").await.unwrap();
    let claim = Credentials::claim(&made.claim.unwrap().code, "alice", PASSWORD, "test");
    let raider = raid().await.log_in(claim).await.unwrap();
    for (number, (session, page, name)) in [
        (server.log_in("alice").await, "voice.example.org:4848/v/", "Parlour"),
        (raider, "voice.example.org:4848/+raid/v/", "The Raid"),
    ]
    .into_iter()
    .enumerate()
    {
        session.set_email("a@example.org", PASSWORD).await.unwrap();
        let mail = &mails(&server, number + 1).await[number];
        let (subject, text) = (mail["subject"].as_str().unwrap(), mail["text"].as_str().unwrap());
        let proof = code_in(text);
        assert!(
            subject.starts_with(&format!("{name}: ")) && text.contains(&format!(" to {name} ")),
            "{text}"
        );
        assert!(text.contains(&format!("Open https://{page}{proof}, ")), "{text}");
        session.verify_email(&proof).await.unwrap();
    }
    raid().await.request_reset("a@example.org").await.unwrap();
    let mail = &mails(&server, 3).await[2];
    let text = mail["text"].as_str().unwrap();
    let reset = code_in(text);
    assert!(text.contains(" at The Raid:"), "{text}");
    assert!(text.contains(&format!("Open https://voice.example.org:4848/+raid/r/{reset}, ")), "{text}");
    // The command asks for the code, which isn't for the list of processes.
    let command = "on a terminal: parlour reset --server parlour://voice.example.org:4848/+raid\n";
    assert!(text.contains(command), "{text}");
    // In the other one it opens nothing.
    let elsewhere = visitor(&server).await.reset_password(&reset, NEW, false).await;
    assert_eq!(code(elsewhere), ErrorCode::CodeInvalid);
    raid().await.reset_password(&reset, NEW, false).await.unwrap();
    raid().await.log_in(Credentials::password("alice", NEW, "test")).await.unwrap();
    assert_eq!(code(log_in(&server.address(), "alice", NEW).await), ErrorCode::LogInFailed);
    server.log_in("alice").await;
}

/// An independent SMTP server on loopback, which prints what it gets.
struct Smtp(Child, std::net::SocketAddr);

impl Smtp {
    fn start() -> Self {
        let target = Path::new(env!("CARGO_BIN_EXE_parlour")).ancestors().nth(2).unwrap();
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut child = Command::new(target.join("python/bin/python"));
        child.args([
            "-u",
            "-m",
            "aiosmtpd",
            "-n",
            "-l",
            &address.to_string(),
            "-c",
            "aiosmtpd.handlers.Debugging",
            "stdout",
        ]);
        let child = child.stdout(Stdio::piped()).spawn();
        let child = child.unwrap_or_else(|error| panic!("`make setup-python` installs aiosmtpd: {error}"));
        Self(child, address)
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_real_smtp_server_takes_the_email() {
    let mut smtp = Smtp::start();
    let at = smtp.1.to_string();
    let server = TestServer::with(&[
        ("mail.server", at.as_str()),
        ("mail.security", "none"),
        ("mail.from", "Parlour <voice@example.org>"),
        ("mail.page", "https://voice.example.org:4848/"),
    ])
    .await;
    let alice = server.log_in("alice").await;
    assert!(alice.welcome().sends_emails, "whoever asks is told that e-mails are sent");
    alice.set_email("alice@example.org", PASSWORD).await.unwrap();
    let out = smtp.0.stdout.take().unwrap();
    let read = tokio::task::spawn_blocking(move || {
        let mut mail = String::new();
        for line in BufReader::new(out).lines() {
            let line = line.unwrap();
            mail.push_str(&line);
            mail.push('\n');
            if line.contains("END MESSAGE") {
                break;
            }
        }
        mail
    });
    let mail = tokio::time::timeout(Duration::from_secs(30), read).await.unwrap().unwrap();
    for part in [
        "From: Parlour <voice@example.org>",
        "To: alice@example.org",
        "Subject: Parlour: Is this address yours?",
    ] {
        assert!(mail.contains(part), "{mail}");
    }
    let code = code_in(&mail);
    assert!(mail.replace("=\n", "").contains(&format!("https://voice.example.org:4848/v/{code}")), "{mail}");
    // What was sent waits no more.
    eventually("what was sent is gone", async || outbox(&server).await.is_empty().then_some(())).await;
}

#[test]
fn settings_that_can_t_work_are_said_at_the_start() {
    let home = tempfile::tempdir().unwrap();
    for (settings, said) in [
        (vec![("PARLOUR_MAIL_SERVER", "mail.example.org")], "mail.from"),
        (
            vec![("PARLOUR_MAIL_SERVER", "mail.example.org"), ("PARLOUR_MAIL_SECURITY", "none")],
            "in the clear",
        ),
        (vec![("PARLOUR_MAIL_SERVER", "mail.example.org:x"), ("PARLOUR_MAIL_FROM", "a@b.cd")], "no port"),
        (
            vec![("PARLOUR_MAIL_SERVER", "mail.example.org"), ("PARLOUR_MAIL_FROM", "nobody")],
            "no e-mail address",
        ),
    ] {
        let mut serve = support::parlour(home.path());
        let output = serve.args(["serve", "--listen", "127.0.0.1:0"]).envs(settings).output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && words.contains(said), "{words}");
    }
}
