//! Programs that act for an account by themselves: who registers one, where its person sees it, and what ends it.

use parlour::permission::Permissions;
use serde_json::json;

use super::*;

/// A program that acts for an account by itself, and asks nobody.
fn robot(account: &str) -> wire::CreateOauthClient {
    let (name, scope) = ("Robot".to_owned(), "view kick".to_owned());
    wire::CreateOauthClient { name, scope, account: account.to_owned(), ..Default::default() }
}

/// A token of its own, with its secret alone.
async fn own_token(server: &TestServer, program: &Program) -> Answer {
    post(server, "/oauth/token", &program.basic(), "grant_type=client_credentials").await
}

async fn acts(server: &TestServer, program: &Program) -> bool {
    own_token(server, program).await.status == 200
}

async fn grants(session: &parlour::client::Session) -> Vec<wire::OauthGrant> {
    let list = request::Body::ListOauthGrants(wire::ListOauthGrants {});
    let response::Body::OauthGrants(held) = session.request(list).await.unwrap() else { panic!("grants") };
    held.grants
}

#[tokio::test]
async fn a_program_that_acts_by_itself_is_registered_by_a_person_and_outlasts_no_token() {
    let (server, turned) = TestServer::turned(&[]).await;
    let (handle, from) = (server.server.handle(), "127.0.0.1".parse().unwrap());
    let root = server.log_in("root").await;
    let ask = async |token: &str, create: wire::CreateOauthClient| {
        let actor = handle.bearer(token, from).map_err(|refused| refused.code())?;
        let asked = handle.request(actor, request::Body::CreateOauthClient(create)).await;
        asked.map(drop).map_err(|refused| refused.code())
    };
    // By a key, by another program that somebody allowed to look after the organization, and by one that acts by itself.
    let key = root.create_api_key("all", Permissions::ALL, None).await.unwrap().key;
    let scope = "openid view manage-organization".to_owned();
    let redirect_uris = vec![REDIRECT.to_owned()];
    let asks =
        wire::CreateOauthClient { name: "Forge".to_owned(), scope, redirect_uris, ..Default::default() };
    let forge = register_as(&server, asks.clone(), "127.0.0.1").await;
    let query = forge.query(&[("scope", &asks.scope)]);
    let allowed = forge.decide(&server, &query, "root", PASSWORD).await.sent("code").unwrap();
    let allowed = forge.exchange(&server, &allowed, VERIFIER).await.text("access_token");
    let acting = wire::CreateOauthClient { account: "root".to_owned(), ..asks.clone() };
    let acting = register_as(&server, acting, "127.0.0.1").await;
    let acting = own_token(&server, &acting).await.text("access_token");
    for token in [&key, &allowed, &acting] {
        assert_eq!(ask(token, robot("root")).await, Err(ErrorCode::Forbidden));
        // One that asks people, each of whom decides, is registered as before.
        assert_eq!(ask(token, asks.clone()).await, Ok(()));
    }
    // By an access token, once the log-in is some minutes old.
    let (mut person, _) = crate::rest::Program::log_in(server.server.addresses()[0], "root").await;
    let create = json!({ "name": "Robot", "scope": "view", "account": "root" });
    assert!(person.post("/oauth/clients", create.clone()).await.status.is_success());
    turned.advance(Duration::from_secs(300));
    assert_eq!(person.post("/oauth/clients", create).await.code(), "log-in-anew");
    // Whoever is connected by what lasts, for themselves.
    root.request(request::Body::CreateOauthClient(robot("root"))).await.unwrap();
    let other = root.request(request::Body::CreateOauthClient(robot("alice"))).await;
    assert_eq!(crate::support::code(other), ErrorCode::Forbidden);
}

#[tokio::test]
async fn what_acts_by_itself_is_seen_by_its_person_and_ends_with_the_password_unless_keys_stay() {
    let server = TestServer::start().await;
    let alice = server.log_in("alice").await;
    let alone = register_as(&server, robot("alice"), "127.0.0.1").await;
    let both = wire::CreateOauthClient { account: "alice".to_owned(), ..Default::default() };
    let both = register(&server, both).await;
    let seen = || async {
        let rows = grants(&alice).await.into_iter();
        rows.map(|one| (one.id.to_string(), one.scope, one.by_itself)).collect::<Vec<_>>()
    };
    let row = |program: &Program, scope: &str, itself| (program.id.clone(), scope.to_owned(), itself);
    let mut expected = vec![row(&alone, "view kick", true), row(&both, "view kick", true)];
    let mut found = seen().await;
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    // What is allowed besides is in the same row.
    let given = both.tokens(&server, "alice").await.text("access_token");
    assert!(
        seen().await.contains(&row(&both, "openid offline_access view kick", true)),
        "{:?}",
        seen().await
    );
    let (second, third) = ("a quite different sentence", "yet another one, and long");
    let kept = alice.change_password(PASSWORD, second, true).await.unwrap();
    assert_eq!(kept.programs, 1, "what was allowed");
    assert!(!both.is_active(&server, &given).await);
    assert!(acts(&server, &alone).await && acts(&server, &both).await);
    let token = own_token(&server, &both).await.text("access_token");
    let ended = alice.change_password(second, third, false).await.unwrap();
    assert_eq!((ended.programs, seen().await), (2, vec![]));
    assert!(!both.is_active(&server, &token).await);
    assert_eq!(own_token(&server, &alone).await.text("error"), "invalid_client");
    assert_eq!(own_token(&server, &both).await.text("error"), "unauthorized_client");
    // Others log in by it as before.
    both.tokens(&server, "bob").await;
    let root = server.log_in("root").await;
    let read = wire::ReadAudit { by: "alice".to_owned(), ..Default::default() };
    let trail = root.audit_trail(read).await.unwrap();
    let of_programs = trail.iter().filter(|entry| entry.subject.ends_with("auth-client"));
    let mut verbs: Vec<_> = of_programs.map(|entry| entry.verb.as_str()).collect();
    verbs.sort_unstable();
    assert_eq!(verbs, ["change", "delete"], "{trail:?}");
}

#[tokio::test]
async fn what_acts_by_itself_ends_by_its_person_s_word_and_with_the_account() {
    let server = TestServer::start().await;
    let (root, bob) = (server.log_in("root").await, server.log_in("bob").await);
    let of_bob = register_as(&server, robot("bob"), "127.0.0.1").await;
    let token = own_token(&server, &of_bob).await.text("access_token");
    let id = of_bob.id.parse().unwrap();
    let take_back = || request::Body::RevokeOauthGrant(wire::RevokeOauthGrant { id });
    assert_eq!(
        crate::support::code(server.log_in("alice").await.request(take_back()).await),
        ErrorCode::NotFound
    );
    assert!(acts(&server, &of_bob).await, "it isn't hers to take back");
    bob.request(take_back()).await.unwrap();
    assert!(!acts(&server, &of_bob).await && grants(&bob).await.is_empty());
    let handle = server.server.handle();
    assert!(handle.bearer(&token, "127.0.0.1".parse().unwrap()).is_err());
    assert_eq!(crate::support::code(bob.request(take_back()).await), ErrorCode::NotFound);

    let both = wire::CreateOauthClient { account: "carol".to_owned(), ..Default::default() };
    let of_carol = register(&server, both).await;
    root.set_user_disabled("carol", true).await.unwrap();
    assert!(!acts(&server, &of_carol).await);
    root.set_user_disabled("carol", false).await.unwrap();
    assert!(acts(&server, &of_carol).await);
    let delete = wire::DeleteUser { name: "carol".to_owned() };
    root.request(request::Body::DeleteUser(delete)).await.unwrap();
    assert!(!acts(&server, &of_carol).await);
    let list = request::Body::ListOauthClients(wire::ListOauthClients {});
    let response::Body::OauthClients(left) = root.request(list).await.unwrap() else { panic!("clients") };
    let names: Vec<_> = left.clients.iter().map(|one| (one.name.as_str(), one.account.as_str())).collect();
    assert_eq!(names, [("Forge", "")]);
}

#[tokio::test]
async fn invites_that_a_key_or_a_program_made_end_with_it_and_others_stay() {
    // Whoever shows so many invites would have to wait.
    let server = TestServer::with(&[("limits.address_tries", "100"), ("limits.account_tries", "100")]).await;
    let (handle, root) = (server.server.handle(), server.log_in("root").await);
    let create = || wire::CreateInvite { uses: 9, ..wire::CreateInvite::default() };
    let make = async |token: &str| {
        let actor = handle.bearer(token, "127.0.0.1".parse().unwrap()).unwrap();
        let made = handle.request(actor, request::Body::CreateInvite(create())).await.unwrap();
        let response::Body::Invite(invite) = made else { panic!("{made:?}") };
        invite.code
    };
    let opens = async |code: &str| {
        let credentials =
            parlour::client::Credentials::register(code, "root", "a new one, quite long", "test");
        // The name is taken, so a good one isn't used up.
        crate::support::code(crate::support::with(&server, credentials).await) == ErrorCode::NameTaken
    };
    // Whoever invites gives a role, and has all that it has.
    let scopes = Permissions::ALL.without(Permissions::ADMINISTER);
    let words = Permissions::NAMED.iter().filter(|(one, _)| scopes.contains(*one));
    let scope = words.map(|(_, word)| word.replace(' ', "-")).collect::<Vec<_>>().join(" ");
    let key = root.create_api_key("inviter", scopes, None).await.unwrap();
    let of = |name: &str| wire::CreateOauthClient {
        name: name.to_owned(),
        scope: scope.clone(),
        account: "root".to_owned(),
        ..Default::default()
    };
    let own = root.create_invite(create()).await.unwrap().code;
    let by_key = [make(&key.key).await, make(&key.key).await];
    let mut by_program = Vec::new();
    for name in ["Forgotten", "Revoked"] {
        let program = register_as(&server, of(name), "127.0.0.1").await;
        let token = own_token(&server, &program).await.text("access_token");
        by_program.push((program.id.parse().unwrap(), make(&token).await));
    }
    let (forgotten, revoked) = (&by_program[0], &by_program[1]);
    for code in [&own, &by_key[0], &by_key[1], &forgotten.1, &revoked.1] {
        assert!(opens(code).await, "{code}");
    }
    root.revoke_api_key(key.id).await.unwrap();
    assert!(!opens(&by_key[0]).await && !opens(&by_key[1]).await && opens(&forgotten.1).await);
    let forget = wire::RevokeOauthGrant { id: forgotten.0 };
    root.request(request::Body::RevokeOauthGrant(forget)).await.unwrap();
    assert!(!opens(&forgotten.1).await && opens(&revoked.1).await);
    let revoke = wire::RevokeOauthClient { id: revoked.0 };
    root.request(request::Body::RevokeOauthClient(revoke)).await.unwrap();
    assert!(!opens(&revoked.1).await && opens(&own).await);
}
