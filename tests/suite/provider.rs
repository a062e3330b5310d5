//! People log in by another server: by one that shares nothing with this one, and by one that lies.

mod invite;
mod lab;
mod lies;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use data_encoding::BASE64;
use parlour::client::{Credentials, RequestError};
use parlour::control::Actor;
use parlour::protocol::ErrorCode;
use parlour::protocol::wire::{self, request, response};
use serde_json::{Value, json};

use crate::plugin::code::says;
use crate::plugin::install;
use crate::support::{PASSWORD, TestServer, log_in as by_password, with};
use lab::{Away, Lab, log_in, send};

const CREATES: &str = ", create_accounts = true";

/// A server whose people log in by a lab.
async fn server_of(lab: &Lab, more: &str) -> TestServer {
    TestServer::with(&[("log_in.providers", &format!("[{}]", lab.setting("lab", more)))]).await
}

async fn ask(server: &TestServer, body: request::Body) -> response::Body {
    server.server.handle().request(Actor::Operator, body).await.unwrap()
}

async fn user(server: &TestServer, name: &str) -> wire::User {
    let body = request::Body::ShowUser(wire::ShowUser { name: name.to_owned() });
    let response::Body::User(user) = ask(server, body).await else { panic!("a user") };
    user
}

async fn users(server: &TestServer) -> Vec<String> {
    let response::Body::Users(found) =
        ask(server, request::Body::ListUsers(wire::ListUsers::default())).await
    else {
        panic!("users")
    };
    found.users.into_iter().map(|user| user.name).collect()
}

fn by_token(token: impl AsRef<[u8]>) -> Credentials {
    Credentials::token(token.as_ref())
}

#[tokio::test]
async fn the_first_log_in_makes_an_account_and_the_next_ones_come_to_it() {
    let lab = Lab::start().await;
    let roles = ", groups_claim = \"realm.groups\", roles = { crew = \"Service\", heads = \"Owner\", gone = \"Nothing\" }";
    let server = server_of(&lab, &format!("{CREATES}{roles}")).await;
    let told = |groups: &[&str]| {
        json!({
            "preferred_username": "dora", "email": "dora@example.org", "email_verified": true, "realm": { "groups": groups },
        })
    };
    let shown = log_in(&server, &lab, "sub-1", told(&["crew", "heads"])).await;
    assert_eq!(shown.status, 200, "{shown:?}");
    assert!(shown.header("cache-control").unwrap().contains("no-store"));
    let session = with(&server, by_token(shown.token().unwrap())).await.unwrap();
    assert_eq!(session.logged_in().name, "dora");
    let dora = user(&server, "dora").await;
    assert_eq!((dora.email.as_str(), dora.email_verified), ("dora@example.org", true));
    // No group makes an owner.
    assert_eq!(dora.roles, ["Member", "Service"]);
    // The same subject comes to the same account, whatever it is called by now, and has the roles of its groups.
    let again = json!({ "preferred_username": "alice", "realm": { "groups": [] } });
    let shown = log_in(&server, &lab, "sub-1", again).await;
    let session = with(&server, by_token(shown.token().unwrap())).await.unwrap();
    assert_eq!((session.logged_in().name.as_str(), session.logged_in().user), ("dora", dora.user));
    assert_eq!(user(&server, "dora").await.roles, ["Member"]);
    log_in(&server, &lab, "sub-1", told(&["crew"])).await.token().unwrap();
    assert_eq!(user(&server, "dora").await.roles.len(), 2);
    // Another subject of the same name and the same address is somebody else.
    let shown = log_in(&server, &lab, "sub-2", told(&[])).await;
    let session = with(&server, by_token(shown.token().unwrap())).await.unwrap();
    assert_eq!(session.logged_in().name, "dora-2");
    assert_eq!(user(&server, "dora-2").await.email, "");
    // The trail says how each came.
    let list = wire::ReadAudit { subject: "linked-log-in".to_owned(), ..Default::default() };
    let response::Body::AuditTrail(trail) = ask(&server, request::Body::ReadAudit(list)).await else {
        panic!("a trail")
    };
    assert_eq!(trail.entries.len(), 2);
    assert!(trail.entries.iter().all(|entry| entry.after.contains("sub-")), "{trail:?}");
}

#[tokio::test]
async fn whoever_has_no_account_gets_none_unless_the_settings_say_so_and_links_theirs_when_logged_in() {
    let lab = Lab::start().await;
    let server = server_of(&lab, "").await;
    let before = users(&server).await;
    // Neither the name nor the address of an account is a proof.
    let told = json!({ "preferred_username": "alice", "email": "alice@example.org", "email_verified": true });
    let shown = log_in(&server, &lab, "alice-there", told.clone()).await;
    assert_eq!((shown.status, shown.token()), (403, None));
    assert!(shown.problem().starts_with("No account here is linked with this log-in"), "{shown:?}");
    assert_eq!(users(&server).await, before);
    // Whoever is logged in links it.
    let alice = server.log_in("alice").await;
    let token = BASE64.encode(&alice.logged_in().token);
    let link = |headers: &'static str, token: String| {
        let body =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("session", &token).finish();
        let server = &server;
        async move {
            let form = "Content-Type: application/x-www-form-urlencoded\r\n";
            send(server, "POST", "/oidc/lab/start", &format!("{form}{headers}"), &body).await
        }
    };
    let foreign = link("Origin: https://evil.example\r\n", token.clone()).await;
    assert_eq!((foreign.status, foreign.header("set-cookie")), (403, None));
    assert_eq!(link("", BASE64.encode(b"nothing")).await.status, 403);
    let begun = link("", token.clone()).await;
    let location: Value = serde_json::from_str(&begun.body).unwrap();
    let cookie = begun.header("set-cookie").unwrap();
    let location = location["location"].as_str().unwrap();
    // She shows there who she is, whoever is logged in there in her browser.
    assert!(location.ends_with("&prompt=login&max_age=0"), "{location}");
    let away = Away::of(&lab, "lab", location, &cookie);
    away.is(&lab, &server, "alice-there", told.clone());
    // One that says that she didn't links nothing.
    lab.say(|says| says.claims["auth_time"] = json!(says.claims["iat"].as_u64().unwrap() - 3_600));
    let refused = away.come_back(&server, "").await;
    assert!(refused.problem().contains("didn't have you log in anew"), "{refused:?}");
    let begun = link("", token.clone()).await;
    let location: Value = serde_json::from_str(&begun.body).unwrap();
    let cookie = begun.header("set-cookie").unwrap();
    let away = Away::of(&lab, "lab", location["location"].as_str().unwrap(), &cookie);
    away.is(&lab, &server, "alice-there", told.clone());
    // Nor does one that doesn't say when she did.
    lab.say(|says| {
        says.claims.as_object_mut().unwrap().remove("auth_time");
    });
    let refused = away.come_back(&server, "").await;
    assert!(refused.problem().contains("doesn't say when you logged in there"), "{refused:?}");
    assert!(alice.linked_log_ins().await.unwrap().is_empty());
    let begun = link("", token.clone()).await;
    let location: Value = serde_json::from_str(&begun.body).unwrap();
    let cookie = begun.header("set-cookie").unwrap();
    let away = Away::of(&lab, "lab", location["location"].as_str().unwrap(), &cookie);
    away.is(&lab, &server, "alice-there", told.clone());
    let linked = away.come_back(&server, "").await;
    assert_eq!((linked.status, linked.token()), (200, None), "{linked:?}");
    let list = alice.linked_log_ins().await.unwrap();
    assert_eq!((list.len(), list[0].provider.as_str(), list[0].name.as_str()), (1, "The Lab", "alice"));
    // From now on she comes by it.
    let shown = log_in(&server, &lab, "alice-there", told.clone()).await;
    let session = with(&server, by_token(shown.token().unwrap())).await.unwrap();
    assert_eq!(session.logged_in().user, alice.logged_in().user);
    // It is nobody else's then.
    let bob = server.log_in("bob").await;
    let begun = link("", BASE64.encode(&bob.logged_in().token)).await;
    let location: Value = serde_json::from_str(&begun.body).unwrap();
    let cookie = begun.header("set-cookie").unwrap();
    let away = Away::of(&lab, "lab", location["location"].as_str().unwrap(), &cookie);
    away.is(&lab, &server, "alice-there", told.clone());
    let taken = away.come_back(&server, "").await;
    assert!(taken.problem().contains("leads to an account here already"), "{taken:?}");
    // Unlinked, it leads nowhere again.
    alice.remove_linked_log_in(list[0].id).await.unwrap();
    assert_eq!(alice.remove_linked_log_in(list[0].id).await.unwrap_err().code(), Some(ErrorCode::NotFound));
    assert_eq!(log_in(&server, &lab, "alice-there", told).await.status, 403);
}

/// A role that somebody gave for a time lasts while the group gives it.
#[tokio::test]
async fn a_role_of_a_group_lasts_though_it_was_given_for_a_time() {
    let lab = Lab::start().await;
    let roles = format!("{CREATES}, groups_claim = \"groups\", roles = {{ crew = \"Service\" }}");
    let providers = format!("[{}]", lab.setting("lab", &roles));
    let (server, turned) = TestServer::turned(&[("log_in.providers", &providers)]).await;
    let told = || json!({ "name": "Dora", "groups": ["crew"] });
    log_in(&server, &lab, "sub-1", json!({ "name": "Dora" })).await.token().unwrap();
    let response::Body::Roles(all) = ask(&server, request::Body::ListRoles(wire::ListRoles {})).await else {
        panic!("roles")
    };
    let role = all.roles.iter().find(|role| role.name == "Service").unwrap().id;
    let grant = wire::GrantRole { user: "Dora".to_owned(), role, life_ms: 60_000 };
    ask(&server, request::Body::GrantRole(grant)).await;
    log_in(&server, &lab, "sub-1", told()).await.token().unwrap();
    turned.advance(Duration::from_secs(120));
    assert_eq!(user(&server, "Dora").await.roles, ["Member", "Service"]);
    log_in(&server, &lab, "sub-1", json!({ "name": "Dora", "groups": [] })).await.token().unwrap();
    assert_eq!(user(&server, "Dora").await.roles, ["Member"]);
}

/// Each end of a log-in asks the provider something, so one address doesn't begin and end as many as it likes.
#[tokio::test]
async fn an_address_begins_and_ends_so_many_log_ins() {
    let lab = Lab::start().await;
    let providers = format!("[{}]", lab.setting("lab", CREATES));
    let (server, turned) =
        TestServer::turned(&[("log_in.providers", &providers), ("limits.address_connects", "10000")]).await;
    let wrong = Away::go(&server, &lab, "lab").await;
    let path = format!("/oidc/lab/callback?code=guessed&state={}", wrong.state);
    let refused = send(&server, "GET", &path, &format!("Cookie: {}\r\n", wrong.cookie), "").await;
    assert!(refused.status == 403 && refused.problem().contains("doesn't know the code"), "{refused:?}");
    let asked = lab.asked("/token");
    // Whoever never went takes nobody's turn.
    for _ in 0..150 {
        let path = "/oidc/lab/callback?code=guessed&state=guessed";
        assert_eq!(send(&server, "GET", path, "", "").await.status, 403);
    }
    let away = Away::go(&server, &lab, "lab").await;
    for _ in 3..100 {
        assert_eq!(send(&server, "GET", "/oidc/lab/start", "", "").await.status, 303);
    }
    away.is(&lab, &server, "sub-1", json!({ "name": "Dora" }));
    let often = away.come_back(&server, "").await;
    assert_eq!((often.status, often.token()), (429, None), "{often:?}");
    assert!(often.problem().contains("try again in 1 s"), "{often:?}");
    assert_eq!(often.header("retry-after").as_deref(), Some("1"), "{often:?}");
    assert_eq!(lab.asked("/token"), asked);
    turned.advance(Duration::from_secs(10));
    away.come_back(&server, "").await.token().unwrap();
}

#[tokio::test]
async fn another_password_ends_what_was_linked_and_the_only_way_in_stays() {
    let lab = Lab::start().await;
    let server = server_of(&lab, CREATES).await;
    let shown = log_in(&server, &lab, "sub-1", json!({ "name": "Dora" })).await;
    let dora = with(&server, by_token(shown.token().unwrap())).await.unwrap();
    let only = dora.linked_log_ins().await.unwrap();
    assert_eq!(dora.remove_linked_log_in(only[0].id).await.unwrap_err().code(), Some(ErrorCode::Malformed));
    let set = wire::SetUserPassword {
        name: "Dora".to_owned(),
        password: PASSWORD.to_owned(),
        ..Default::default()
    };
    let response::Body::PasswordChanged(ended) = ask(&server, request::Body::SetUserPassword(set)).await
    else {
        panic!("changed")
    };
    assert_eq!(ended.linked_log_ins, 1);
    let dora = server.log_in("Dora").await;
    assert!(dora.linked_log_ins().await.unwrap().is_empty());
    // Somebody who comes by it gets another account, and not hers.
    let shown = log_in(&server, &lab, "sub-1", json!({ "name": "Dora" })).await;
    let other = with(&server, by_token(shown.token().unwrap())).await.unwrap();
    assert_eq!(other.logged_in().name, "Dora-2");
}

#[tokio::test]
async fn whoever_is_disabled_or_banned_is_kept_out_by_a_provider_too() {
    let lab = Lab::start().await;
    let server = server_of(&lab, CREATES).await;
    let told = || json!({ "name": "Dora" });
    log_in(&server, &lab, "sub-1", told()).await.token().unwrap();
    let set = |disabled| {
        request::Body::SetUserDisabled(wire::SetUserDisabled { name: "Dora".to_owned(), disabled })
    };
    ask(&server, set(true)).await;
    let shown = log_in(&server, &lab, "sub-1", told()).await;
    assert_eq!((shown.status, shown.token()), (403, None));
    assert!(shown.problem().contains("is disabled"), "{shown:?}");
    ask(&server, set(false)).await;
    let subject = Some(wire::create_ban::Subject::User("Dora".to_owned()));
    let ban = wire::CreateBan { subject, ..Default::default() };
    ask(&server, request::Body::CreateBan(ban)).await;
    let shown = log_in(&server, &lab, "sub-1", told()).await;
    assert_eq!((shown.status, shown.token()), (403, None));
    assert!(shown.problem().contains("banned"), "{shown:?}");
    assert_eq!(users(&server).await.iter().filter(|name| name.starts_with("Dora")).count(), 1);
}

#[tokio::test]
async fn where_passwords_are_for_owners_everybody_else_comes_by_a_provider() {
    let lab = Lab::start().await;
    let providers = format!("[{}]", lab.setting("lab", CREATES));
    let flags = [("log_in.providers", providers.as_str()), ("log_in.passwords", "owners")];
    let server = TestServer::with(&flags).await;
    let code = async |name: &str, password: &str| {
        by_password(&server.address(), name, password)
            .await
            .map(drop)
            .map_err(|error: RequestError| error.code().unwrap())
    };
    assert_eq!(code("root", PASSWORD).await, Ok(()));
    assert_eq!(code("alice", PASSWORD).await, Err(ErrorCode::PasswordRefused));
    // Who doesn't know the password learns nothing.
    for (name, password) in [("alice", "wrong"), ("nobody", PASSWORD), ("root", "wrong")] {
        assert_eq!(code(name, password).await, Err(ErrorCode::LogInFailed), "{name}");
    }
    log_in(&server, &lab, "sub-1", json!({ "name": "Dora" })).await.token().unwrap();
    let greeting = send(&server, "GET", "/parlour.json", "", "").await;
    let greeting: Value = serde_json::from_str(&greeting.body).unwrap();
    assert_eq!(greeting["passwords"], false);
    assert_eq!(greeting["providers"], json!([{ "id": "lab", "name": "The Lab", "icon": false }]));
}

#[tokio::test]
async fn while_a_provider_is_away_those_who_are_in_stay_in() {
    let lab = Lab::start().await;
    let providers = format!("[{}]", lab.setting("lab", CREATES));
    let (server, turned) = TestServer::turned(&[("log_in.providers", &providers)]).await;
    lab.say(|says| says.is_down = true);
    let refused = send(&server, "GET", "/oidc/lab/start", "", "").await;
    assert_eq!(refused.status, 502);
    assert!(refused.problem().starts_with("The Lab: 127.0.0.1 can't be reached"), "{refused:?}");
    // It isn't asked again at once, however many want to log in.
    for _ in 0..3 {
        assert_eq!(send(&server, "GET", "/oidc/lab/start", "", "").await.status, 502);
    }
    assert_eq!(lab.asked("/.well-known/openid-configuration"), 1);
    turned.advance(Duration::from_secs(5));
    lab.say(|says| says.is_down = false);
    let shown = log_in(&server, &lab, "sub-1", json!({ "name": "Dora" })).await;
    let dora = with(&server, by_token(shown.token().unwrap())).await.unwrap();
    lab.say(|says| says.is_down = true);
    turned.advance(Duration::from_secs(2 * 60 * 60));
    let token = dora.logged_in().token.to_vec();
    assert_eq!(dora.account().await.unwrap().name, "Dora");
    drop(dora);
    let dora = with(&server, by_token(token)).await.unwrap();
    assert_eq!(dora.account().await.unwrap().name, "Dora");
    server.log_in("alice").await;
    // What was known of it goes on; only the code can't be exchanged.
    let away = Away::go(&server, &lab, "lab").await;
    let back = away.come_back(&server, "").await;
    assert_eq!((back.status, back.token()), (502, None));
    lab.say(|says| says.is_down = false);
    log_in(&server, &lab, "sub-1", json!({ "name": "Dora" })).await.token().unwrap();
}

/// `oidc-provider`, a certified provider of others, with a browser that logs in there.
#[tokio::test]
async fn people_log_in_by_a_provider_of_others() {
    let target = Path::new(env!("CARGO_BIN_EXE_parlour")).ancestors().nth(2).unwrap();
    let mut node = Command::new("node");
    node.arg("provider.mjs").current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/independent"));
    node.env("BROWSER_MODULES", target.join("browser")).env("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    let mut node = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(node.stdout.take().unwrap()).lines();
    let issuer = said.next().expect("needs what `make setup-browser` installs").unwrap();
    let setting = |id: &str, client: &str, more: &str| {
        format!("{{ id = \"{id}\", issuer = \"{issuer}\", client_id = \"{client}\"{more} }}")
    };
    let confidential = format!(
        ", client_secret = \"a secret of the test\", groups_claim = \"groups\", roles = {{ crew = \"Service\" }}, scopes = [\"openid\", \"profile\", \"email\", \"groups\"]{CREATES}"
    );
    let providers = [
        setting("basic", "basic", &confidential),
        setting("post", "post", &confidential),
        setting("public", "public", CREATES),
        setting("eddsa", "eddsa", CREATES),
        setting("pss", "pss", CREATES),
    ];
    let server = TestServer::with(&[("log_in.providers", &format!("[{}]", providers.join(", ")))]).await;
    writeln!(node.stdin.take().unwrap(), "https://{}", server.server.addresses()[0]).unwrap();
    let told = tokio::task::spawn_blocking(move || said.next().unwrap().unwrap()).await.unwrap();
    node.wait().unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    for (provider, name) in
        [("basic", "anna"), ("post", "anna"), ("public", "anna"), ("eddsa", "anna"), ("pss", "anna")]
    {
        assert_eq!(told[provider]["name"], name, "{told}");
        let token = BASE64.decode(told[provider]["token"].as_str().unwrap().as_bytes()).unwrap();
        let session = with(&server, by_token(token)).await.unwrap();
        assert_eq!(session.logged_in().name, name);
    }
    assert_eq!(told["cancelled"]["token"], Value::Null);
    assert!(told["cancelled"]["problem"].as_str().unwrap().contains("access_denied"), "{told}");
    assert_eq!(user(&server, "anna").await.roles.len(), 2);
}

#[tokio::test]
async fn whoever_a_plugin_refuses_gets_no_account_by_a_provider() {
    let lab = Lab::start().await;
    let server = server_of(&lab, CREATES).await;
    let root = server.log_in("root").await;
    let manifest = "name = \"gate\"\nfunctions = [\"run\"]\n[hooks]\nlog_in = \"run\"";
    install(&root, &says(r#"{"allow": false, "reason": "closed today"}"#), manifest, &[]).await.unwrap();
    let before = users(&server).await;
    let told = json!({ "preferred_username": "dora" });
    let shown = log_in(&server, &lab, "sub-1", told.clone()).await;
    assert_eq!((shown.status, shown.token()), (403, None), "{shown:?}");
    assert_eq!(users(&server).await, before);
    // Nothing of it is left: they come in as a newcomer once nobody refuses them.
    install(&root, &says(r#"{"allow": true}"#), manifest, &[]).await.unwrap();
    let shown = log_in(&server, &lab, "sub-1", told.clone()).await;
    assert_eq!(with(&server, by_token(shown.token().unwrap())).await.unwrap().logged_in().name, "dora");
    // Whoever has one by then isn't let in either, and keeps what there is.
    install(&root, &says(r#"{"allow": false, "reason": "closed today"}"#), manifest, &[]).await.unwrap();
    assert_eq!(log_in(&server, &lab, "sub-1", told).await.token(), None);
    assert_eq!(user(&server, "dora").await.name, "dora");
}
