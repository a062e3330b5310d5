//! Programs of others that log people in by the server, and act for them: with others' libraries, and what becomes of what
//! they were given.

mod acting;
mod assistant;
mod consent;
mod device;
mod ends;
mod profile;
mod recipe;
mod refused;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use parlour::auth::oauth::{AHEAD, LIFE};
use parlour::control::Actor;
use parlour::protocol::ErrorCode;
use parlour::protocol::wire::{self, request, response};
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;
use url::form_urlencoded::Serializer;

use crate::support::{PASSWORD, TestServer, as_profile, parlour};
use crate::web::https;

const REDIRECT: &str = "https://forge.example/callback";
const SCOPE: &str = "openid profile email groups offline_access view kick";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// A program that is registered.
struct Program {
    issuer: String,
    id: String,
    secret: String,
}

/// What an endpoint answered.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    fn text(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_default().to_owned()
    }

    fn location(&self) -> Option<Url> {
        let line = self.head.lines().find_map(|line| line.strip_prefix("location: "));
        line.map(|line| line.parse().unwrap())
    }

    /// A parameter of the address that somebody is sent to.
    fn sent(&self, name: &str) -> Option<String> {
        let location = self.location()?;
        location.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

async fn send(server: &TestServer, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    send_to(server, "127.0.0.1", method, path, headers, body).await
}

/// The same by a name of this machine, which the server is known by then.
async fn send_to(
    server: &TestServer,
    host: &str,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> Answer {
    let address = server.server.addresses()[0];
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}:{}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        address.port(),
        body.len()
    );
    let answer = https(address, &request).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

async fn get(server: &TestServer, path: &str) -> Answer {
    send(server, "GET", path, "", "").await
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

async fn post(server: &TestServer, path: &str, headers: &str, body: &str) -> Answer {
    send(server, "POST", path, &format!("{FORM}{headers}"), body).await
}

async fn register(server: &TestServer, create: wire::CreateOauthClient) -> Program {
    let create = wire::CreateOauthClient {
        name: "Forge".to_owned(),
        redirect_uris: vec![REDIRECT.to_owned()],
        logout_uris: vec![format!("{REDIRECT}/bye")],
        scope: SCOPE.to_owned(),
        ..create
    };
    register_as(server, create, "127.0.0.1").await
}

/// Registers a program that knows the server by a name of this machine.
async fn register_as(server: &TestServer, create: wire::CreateOauthClient, host: &str) -> Program {
    let answer = server.server.handle().request(Actor::Operator, request::Body::CreateOauthClient(create));
    let response::Body::OauthClientMade(made) = answer.await.unwrap() else { panic!("made") };
    let issuer = format!("https://{host}:{}", server.server.addresses()[0].port());
    Program { issuer, id: made.id.to_string(), secret: made.secret }
}

async fn forge(server: &TestServer) -> Program {
    register(server, wire::CreateOauthClient::default()).await
}

impl Program {
    /// Its request, with changes: what is empty goes.
    fn query(&self, changes: &[(&str, &str)]) -> String {
        let challenge = BASE64URL_NOPAD.encode(&Sha256::digest(VERIFIER));
        let mut pairs = vec![
            ("client_id", self.id.as_str()),
            ("response_type", "code"),
            ("redirect_uri", REDIRECT),
            ("scope", "openid offline_access view"),
            ("state", "s-1"),
            ("nonce", "n-1"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in changes {
            pairs.retain(|(known, _)| known != name);
            if !value.is_empty() {
                pairs.push((name, value));
            }
        }
        encoded(&pairs)
    }

    async fn decide(&self, server: &TestServer, query: &str, name: &str, password: &str) -> Answer {
        let body =
            encoded(&[("query", query), ("name", name), ("password", password), ("decision", "allow")]);
        post(server, "/oauth/authorize", "", &body).await
    }

    /// A code that somebody allowed.
    async fn code(&self, server: &TestServer, name: &str) -> String {
        let answer = self.decide(server, &self.query(&[]), name, PASSWORD).await;
        answer.sent("code").unwrap_or_else(|| panic!("{answer:?}"))
    }

    fn basic(&self) -> String {
        let words = format!("{}:{}", self.id, self.secret);
        format!("Authorization: Basic {}\r\n", BASE64.encode(words.as_bytes()))
    }

    async fn exchange(&self, server: &TestServer, code: &str, verifier: &str) -> Answer {
        let grant = ("grant_type", "authorization_code");
        let pairs = [grant, ("code", code), ("redirect_uri", REDIRECT), ("code_verifier", verifier)];
        post(server, "/oauth/token", &self.basic(), &encoded(&pairs)).await
    }

    async fn tokens(&self, server: &TestServer, name: &str) -> Answer {
        let answer = self.exchange(server, &self.code(server, name).await, VERIFIER).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer
    }

    async fn refresh(&self, server: &TestServer, token: &str) -> Answer {
        let pairs = [("grant_type", "refresh_token"), ("refresh_token", token)];
        post(server, "/oauth/token", &self.basic(), &encoded(&pairs)).await
    }

    async fn is_active(&self, server: &TestServer, token: &str) -> bool {
        let answer = post(server, "/oauth/introspect", &self.basic(), &encoded(&[("token", token)])).await;
        answer.json()["active"].as_bool().unwrap()
    }
}

/// The access token of a program that somebody allowed to see, and nothing else.
pub(crate) async fn token_to_see(server: &TestServer, name: &str) -> String {
    token_for(server, name, "openid offline_access view").await
}

/// The access token of a new program that somebody allowed what these scopes name.
pub(crate) async fn token_for(server: &TestServer, name: &str, scope: &str) -> String {
    let program = forge(server).await;
    let allowed = program.decide(server, &program.query(&[("scope", scope)]), name, PASSWORD).await;
    let code = allowed.sent("code").unwrap_or_else(|| panic!("{allowed:?}"));
    program.exchange(server, &code, VERIFIER).await.text("access_token")
}

async fn userinfo(server: &TestServer, token: &str) -> Answer {
    send(server, "GET", "/oauth/userinfo", &format!("Authorization: Bearer {token}\r\n"), "").await
}

/// The claims of a token, unchecked.
fn claims(token: &str) -> Value {
    let middle = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(middle.as_bytes()).unwrap()).unwrap()
}

/// Runs another's library against the server.
async fn outside(
    mut command: Command,
    server: &TestServer,
    program: &Program,
    more: &[(&str, &str)],
) -> Value {
    let target = Path::new(env!("CARGO_BIN_EXE_parlour")).ancestors().nth(2).unwrap();
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/independent"));
    command.env("BROWSER_MODULES", target.join("browser")).env("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    command.env("ISSUER", format!("https://{}", server.server.addresses()[0]));
    command.env("CLIENT", &program.id).env("SECRET", &program.secret).env("REDIRECT", REDIRECT);
    command.env("NAME", "alice").env("PASSWORD", PASSWORD).envs(more.iter().copied());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let (said, complaint) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(
        output.status.success(),
        "needs what `make setup-browser setup-python` installs: {said}{complaint}"
    );
    serde_json::from_str(&said).unwrap()
}

#[tokio::test]
async fn a_service_logs_people_in_by_openid_client() {
    let server = TestServer::start().await;
    let account = "alice".to_owned();
    let program = register(&server, wire::CreateOauthClient { account, ..Default::default() }).await;
    let algorithm = "EdDSA".to_owned();
    let public = wire::CreateOauthClient { public: true, algorithm, ..Default::default() };
    let public = register(&server, public).await;
    assert!(public.secret.is_empty());
    let mut node = Command::new("node");
    node.arg("openid.mjs");
    let told = outside(node, &server, &program, &[("PUBLIC", &public.id)]).await;
    let user = server.log_in("alice").await.logged_in().user.to_string();
    for kind in ["basic", "post"] {
        let claims = &told[kind]["claims"];
        assert_eq!(
            (claims["sub"].as_str(), claims["preferred_username"].as_str()),
            (Some(user.as_str()), Some("alice"))
        );
        assert_eq!(claims["groups"], serde_json::json!(["Member"]));
        assert_eq!(claims["iss"].as_str(), Some(program.issuer.as_str()));
        assert_eq!(told[kind]["scope"], "openid profile email groups offline_access");
    }
    assert_eq!(told["userinfo"]["name"], "alice");
    assert_eq!((&told["rotated"], &told["lostAnswer"]), (&true.into(), &true.into()));
    assert_eq!(
        (&told["introspected"]["active"], &told["introspected"]["username"]),
        (&true.into(), &"alice".into())
    );
    assert_eq!(
        (&told["afterRevocation"], &told["refreshAfterRevocation"]),
        (&false.into(), &"invalid_grant".into())
    );
    assert_eq!(told["byItself"], "view");
    assert_ne!(told["mixUp"], "done");
    assert_eq!(told["injected"], "invalid_grant");
    assert_eq!(told["loggedOut"], format!("{REDIRECT}/bye?state=away"));
    assert_eq!(told["afterLogOut"], false);
    assert_eq!(told["public"]["sub"].as_str(), Some(user.as_str()));
    assert_eq!(told["public"]["preferred_username"], Value::Null);
}

#[tokio::test]
async fn a_service_logs_people_in_by_authlib_and_a_resource_checks_its_tokens() {
    let server = TestServer::start().await;
    let resource = "https://files.example";
    let resources = vec![resource.to_owned()];
    let program = register(&server, wire::CreateOauthClient { resources, ..Default::default() }).await;
    let target = Path::new(env!("CARGO_BIN_EXE_parlour")).ancestors().nth(2).unwrap();
    let mut python = Command::new(target.join("python/bin/python"));
    python.arg("oauth.py");
    let told = outside(python, &server, &program, &[("RESOURCE", resource)]).await;
    assert_eq!((told["typ"].as_str(), told["client"].as_str()), (Some("at+jwt"), Some(program.id.as_str())));
    assert_eq!(told["aud"], serde_json::json!([resource, format!("{}/oauth/userinfo", program.issuer)]));
    assert_eq!((&told["nonce"], &told["name"]), (&"n-1".into(), &"alice".into()));
    assert_eq!(told["userinfo"]["preferred_username"], "alice");
    assert_eq!(
        (&told["rotated"], &told["revoked"], &told["afterwards"]),
        (&true.into(), &200.into(), &401.into())
    );
}

#[tokio::test]
async fn a_refresh_token_is_answered_once_more_for_ten_seconds_and_then_ends_what_was_given() {
    let (server, turned) = TestServer::turned(&[]).await;
    let program = forge(&server).await;
    let given = program.tokens(&server, "alice").await;
    let first = given.text("refresh_token");
    let second = program.refresh(&server, &first).await;
    turned.advance(Duration::from_secs(9));
    let again = program.refresh(&server, &first).await;
    assert_eq!(again.text("refresh_token"), second.text("refresh_token"));
    let other = program.tokens(&server, "alice").await;
    turned.advance(Duration::from_secs(2));
    let reused = program.refresh(&server, &first).await;
    assert_eq!((reused.status, reused.text("error").as_str()), (400, "invalid_grant"));
    let ended = program.refresh(&server, &second.text("refresh_token")).await;
    assert_eq!(ended.text("error"), "invalid_grant");
    for token in [&given, &second, &again] {
        assert!(!program.is_active(&server, &token.text("access_token")).await);
    }
    assert_eq!(
        program.refresh(&server, &other.text("refresh_token")).await.status,
        200,
        "it is another family"
    );
}

#[tokio::test]
async fn of_two_exchanges_of_a_code_one_is_answered() {
    let server = TestServer::start().await;
    let program = forge(&server).await;
    for _ in 0..4 {
        let code = program.code(&server, "alice").await;
        let (one, other) = tokio::join!(
            program.exchange(&server, &code, VERIFIER),
            program.exchange(&server, &code, VERIFIER)
        );
        let mut both = [one.status, other.status];
        both.sort_unstable();
        assert_eq!(both, [200, 400]);
    }
    // Whoever has the code without its verifier ends what was given for it.
    let code = program.code(&server, "alice").await;
    let given = program.exchange(&server, &code, VERIFIER).await;
    assert!(program.is_active(&server, &given.text("access_token")).await);
    let stolen = program.exchange(&server, &code, &"x".repeat(43)).await;
    assert_eq!(stolen.text("error"), "invalid_grant");
    assert!(!program.is_active(&server, &given.text("access_token")).await);
}

#[tokio::test]
async fn the_next_key_is_shown_before_it_signs_and_tokens_of_the_former_one_live_on() {
    let (server, turned) = TestServer::turned(&[("oauth.access_minutes", "1440")]).await;
    let program = forge(&server).await;
    let kid = |token: &str| {
        let head = token.split('.').next().unwrap();
        let head: Value = serde_json::from_slice(&BASE64URL_NOPAD.decode(head.as_bytes()).unwrap()).unwrap();
        head["kid"].as_str().unwrap().to_owned()
    };
    let shown = async || {
        let keys = get(&server, "/oauth/jwks.json").await.json();
        let keys = keys["keys"].as_array().unwrap().clone();
        keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let before = program.tokens(&server, "alice").await.text("access_token");
    assert_eq!(shown().await.len(), 2, "one of each algorithm");
    turned.advance(LIFE.saturating_sub(AHEAD));
    let ahead = shown().await;
    assert_eq!(ahead.len(), 4);
    turned.advance(AHEAD.saturating_sub(Duration::from_secs(60)));
    let last = program.tokens(&server, "alice").await.text("access_token");
    assert_eq!(kid(&last), kid(&before));
    turned.advance(Duration::from_secs(120));
    let next = program.tokens(&server, "alice").await.text("access_token");
    assert!(kid(&next) != kid(&last) && ahead.contains(&kid(&next)));
    assert_eq!(userinfo(&server, &last).await.status, 200);
    assert_eq!(userinfo(&server, &next).await.status, 200);
}

/// Any program on somebody's machine can listen where one came back to that keeps no secret.
#[tokio::test]
async fn what_nothing_proves_to_be_the_program_that_was_allowed_is_asked_for_each_time() {
    let server = TestServer::start().await;
    let local = "http://127.0.0.1/cb";
    let redirect_uris = vec![REDIRECT.to_owned(), local.to_owned()];
    let create = wire::CreateOauthClient {
        name: "Forge".to_owned(),
        redirect_uris,
        scope: SCOPE.to_owned(),
        ..Default::default()
    };
    let public = wire::CreateOauthClient { public: true, ..create.clone() };
    let (public, confidential) =
        (register_as(&server, public, "127.0.0.1").await, register_as(&server, create, "127.0.0.1").await);
    let token = BASE64.encode(&server.log_in("alice").await.logged_in().token);
    let decide = async |program: &Program, redirect: &str, decision: &str| {
        let query = program.query(&[("redirect_uri", redirect)]);
        let body = encoded(&[("query", &query), ("session", &token), ("decision", decision)]);
        post(&server, "/oauth/authorize", "", &body).await
    };
    let elsewhere = "http://127.0.0.1:49152/cb";
    for (program, redirect, is_proven) in [
        (&public, elsewhere, false),
        (&public, local, false),
        (&public, REDIRECT, true),
        (&confidential, elsewhere, true),
        (&confidential, REDIRECT, true),
    ] {
        assert!(decide(program, redirect, "allow").await.sent("code").is_some(), "{redirect}");
        let query = program.query(&[("redirect_uri", redirect)]);
        let shown = get(&server, &format!("/oauth/authorize?{query}")).await;
        let tries = format!("data-silent=\"{}\"", if is_proven { "yes" } else { "no" });
        assert!(shown.body.contains(&tries) && shown.body.contains("data-session=\"yes\""), "{redirect}");
        let silent = decide(program, redirect, "silent").await;
        assert_eq!(
            (silent.status, silent.sent("code").is_some()),
            (if is_proven { 303 } else { 200 }, is_proven),
            "{redirect}"
        );
    }
}

/// A program does what its scopes name, what the person may at that moment, and nothing that is the person's own.
#[tokio::test]
async fn a_program_does_for_somebody_what_they_allowed_and_may_themselves() {
    let server = TestServer::start().await;
    let resource = "https://files.example".to_owned();
    let resources = vec![resource.clone()];
    let program = register(&server, wire::CreateOauthClient { resources, ..Default::default() }).await;
    let (handle, from) = (server.server.handle(), "127.0.0.1".parse().unwrap());
    let root = server.log_in("root").await;
    let ask = async |token: &str, body: request::Body| {
        let actor = handle.bearer(token, from).map_err(|refused| refused.code())?;
        handle.request(actor, body).await.map_err(|refused| refused.code())
    };
    let token = async |name: &str, changes: &[(&str, &str)]| {
        let answer = program.decide(&server, &program.query(changes), name, PASSWORD).await;
        let given = program.exchange(&server, &answer.sent("code").unwrap(), VERIFIER).await;
        given.text("access_token")
    };
    let list = || request::Body::List(wire::List::default());
    let kick = || request::Body::Kick(wire::Kick { session: root.id().0, reason: String::new() });
    let create =
        || request::Body::CreateUser(wire::CreateUser { name: "new".to_owned(), ..Default::default() });
    let reader = token("root", &[("scope", "openid view")]).await;
    let response::Body::Listing(seen) = ask(&reader, list()).await.unwrap() else { panic!("listing") };
    assert!(!seen.snapshot.unwrap().channels.is_empty());
    for (body, code) in [
        (kick(), ErrorCode::Forbidden),
        (create(), ErrorCode::Forbidden),
        (request::Body::GetAccount(wire::GetAccount {}), ErrorCode::Forbidden),
        (request::Body::ListOauthGrants(wire::ListOauthGrants {}), ErrorCode::Forbidden),
        (request::Body::CreateApiKey(wire::CreateApiKey::default()), ErrorCode::Forbidden),
        (request::Body::Leave(wire::Leave {}), ErrorCode::Unexpected),
    ] {
        assert_eq!(ask(&reader, body).await.unwrap_err(), code);
    }
    // It never may more than the person.
    let kicker = token("alice", &[("scope", "view kick")]).await;
    assert_eq!(ask(&kicker, kick()).await.unwrap_err(), ErrorCode::Forbidden);
    let grant = wire::GrantRole { user: "alice".to_owned(), role: 1, life_ms: 0 };
    root.request(request::Body::GrantRole(grant.clone())).await.unwrap();
    let bob = server.log_in("bob").await;
    let kick_bob = || request::Body::Kick(wire::Kick { session: bob.id().0, reason: String::new() });
    ask(&kicker, kick_bob()).await.unwrap();
    let revoke = wire::RevokeRole { user: grant.user, role: 1 };
    root.request(request::Body::RevokeRole(revoke)).await.unwrap();
    let carol = server.log_in("carol").await;
    let kick_carol = request::Body::Kick(wire::Kick { session: carol.id().0, reason: String::new() });
    assert_eq!(ask(&kicker, kick_carol).await.unwrap_err(), ErrorCode::Forbidden);
    // What is for another resource, what identifies, and what ended, is nothing here.
    let elsewhere = token("root", &[("scope", "view"), ("resource", &resource)]).await;
    let given = program.tokens(&server, "root").await;
    for nothing in [&elsewhere, &given.text("id_token"), &given.text("refresh_token"), &format!("{reader}x")]
    {
        assert_eq!(ask(nothing, list()).await.unwrap_err(), ErrorCode::TokenInvalid);
    }
    let revoke = wire::RevokeOauthGrant { id: program.id.parse().unwrap() };
    root.request(request::Body::RevokeOauthGrant(revoke)).await.unwrap();
    assert_eq!(ask(&reader, list()).await.unwrap_err(), ErrorCode::TokenInvalid);
}

#[test]
fn the_machine_s_owner_registers_programs_by_the_command() {
    let home = tempfile::tempdir().unwrap();
    assert!(parlour(home.path()).args(["db", "init"]).output().unwrap().status.success());
    let run = |args: &[&str]| as_profile(home.path(), "profile", &[&["oauth"], args].concat(), "");
    let made = run(&["client", "add", "Forge", "--redirect", REDIRECT, "--scope", "openid,profile"]);
    assert!(made[0]["secret"].as_str().unwrap().starts_with("prs_"), "{made:?}");
    let listed = run(&["client", "list"]);
    assert_eq!((&listed[0]["client"], &listed[0]["redirects"]), (&made[0]["client"], &REDIRECT.into()));
    let refused = run(&["client", "add", "Forge", "--redirect", "http://forge.example/cb"]);
    assert!(refused[0].to_string().contains("https://"), "{refused:?}");
    let revoked = run(&["client", "revoke", &made[0]["client"].to_string()]);
    assert_eq!(revoked[0]["revoked"], made[0]["client"]);
    assert!(run(&["client", "list"]).is_empty());
}
