//! What a program may that was given little: nothing at all, or to see. Every operation and every way of following is tried.

mod events;

use crate::operations::request_for;
use crate::support::{TestServer, channel_id, code, with};
use parlour::client::{Credentials, Session};
use parlour::control::{Actor, Origin, Way};
use parlour::feed::{Event, Filter, Kind};
use parlour::id::{ApiKeyId, UserId};
use parlour::permission::Permissions;
use parlour::protocol::ErrorCode;
use parlour::protocol::operation::{self, Who};
use parlour::protocol::wire::{self, request, response};

/// The account of a session as a program acts for it that was given this; and its key.
async fn program(session: &Session, ceiling: Permissions) -> (Actor, String) {
    let made = session.create_api_key("program", ceiling, None).await.unwrap();
    let origin = Origin { way: Way::Key(ApiKeyId(made.id)), address: None };
    (Actor::Account { user: UserId(session.logged_in().user), ceiling, origin }, made.key)
}

/// What an operation asks about whoever asks.
fn about_oneself(name: &str) -> Option<request::Body> {
    use request::Body;
    let (element, value) = (|| "bot.own".to_owned(), || "1".to_owned());
    Some(match name {
        "list_elements" => {
            let on = Some(wire::list_elements::On::User(String::new()));
            Body::ListElements(wire::ListElements { on })
        }
        "get_element" => {
            let on = Some(wire::get_element::On::User("root".to_owned()));
            Body::GetElement(wire::GetElement { on, name: element() })
        }
        "set_element" => {
            let on = Some(wire::set_element::On::User(String::new()));
            Body::SetElement(wire::SetElement { on, name: element(), value: value(), version: None })
        }
        "remove_element" => {
            let on = Some(wire::remove_element::On::User("root".to_owned()));
            Body::RemoveElement(wire::RemoveElement { on, name: element(), version: None })
        }
        "get_profile" => Body::GetProfile(wire::GetProfile { whose: None }),
        "why" => Body::Why(wire::Why { permissions: 1, ..wire::Why::default() }),
        _ => return None,
    })
}

#[tokio::test]
async fn a_program_that_was_given_nothing_is_told_nothing_and_one_that_sees_changes_nothing() {
    let server = TestServer::start().await;
    let (root, handle) = (server.log_in("root").await, server.server.handle());
    let general = channel_id(&root, "General");
    root.join(general).await.unwrap();
    root.set_element(parlour::client::On::Own, "bot.own", "1", None).await.unwrap();
    let (nothing, _) = program(&root, Permissions::NONE).await;
    let (writes, _) = program(&root, Permissions::TEXT).await;
    let (sees, _) = program(&root, Permissions::VIEW).await;
    let ask = async |actor, body| handle.request(actor, body).await.map_err(|refused| refused.code());
    let is_refusal =
        |code| matches!(code, ErrorCode::Forbidden | ErrorCode::NoSuchChannel | ErrorCode::Unexpected);
    let mut told = Vec::new();
    for one in operation::ALL {
        let usual = request_for(one.name, general.0, root.id().0, "root");
        for body in [Some(usual), about_oneself(one.name)].into_iter().flatten() {
            for actor in [nothing, writes] {
                match ask(actor, body.clone()).await {
                    // It answers that it is there.
                    Ok(response::Body::Pong(_)) => (),
                    Ok(answer) => panic!("{} {body:?}: {answer:?}", one.name),
                    Err(code) => assert!(is_refusal(code), "{} {body:?}: {code:?}", one.name),
                }
            }
            match ask(sees, body.clone()).await {
                Ok(answer) => {
                    assert!(!one.writes && one.who == Who::Anybody, "{} {body:?}: {answer:?}", one.name);
                    told.push(one.name);
                }
                Err(code) => assert!(is_refusal(code) || !one.writes, "{} {body:?}: {code:?}", one.name),
            }
        }
    }
    for name in ["list", "list_roles", "get_channel", "list_elements", "get_element", "get_profile", "why"] {
        assert!(told.contains(&name), "{name}: {told:?}");
    }
    assert_eq!(root.element(parlour::client::On::Own, "bot.own").await.unwrap().value, "1");
    // Whoever may write texts keeps elements, too.
    let (keeps, _) = program(&root, Permissions::VIEW.union(Permissions::TEXT)).await;
    ask(keeps, about_oneself("set_element").unwrap()).await.unwrap();
    ask(keeps, about_oneself("remove_element").unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_key_that_sees_nothing_neither_comes_in_nor_follows() {
    let server = TestServer::start().await;
    let (root, handle) = (server.log_in("root").await, server.server.handle());
    for ceiling in [Permissions::NONE, Permissions::TEXT.union(Permissions::MANAGE_USERS)] {
        let (actor, key) = program(&root, ceiling).await;
        let came = with(&server, Credentials::api_key(&key)).await;
        assert!(came.as_ref().is_err_and(|error| error.to_string().contains("view")), "{came:?}");
        assert_eq!(code(came), ErrorCode::Forbidden);
        let follows = handle.subscribe(actor, None, Filter::default()).await;
        assert_eq!(follows.unwrap_err().code(), ErrorCode::Forbidden);
    }
    assert_eq!(root.list().await.unwrap().members.len(), 1);
}

#[tokio::test]
async fn private_texts_are_told_to_programs_that_were_given_to_write_some() {
    let server = TestServer::start().await;
    let (root, bob) = (server.log_in("root").await, server.log_in("bob").await);
    let handle = server.server.handle();
    let texts = || Filter { kinds: vec![Kind::Texts] };
    let (sees, _) = program(&root, Permissions::VIEW).await;
    let (writes, _) = program(&root, Permissions::VIEW.union(Permissions::TEXT)).await;
    let mut few = handle.subscribe(sees, None, texts()).await.unwrap();
    let mut all = handle.subscribe(writes, None, texts()).await.unwrap();
    bob.text_session(root.id(), "for root alone").await.unwrap();
    root.text_session(bob.id(), "and for bob").await.unwrap();
    let said = |one: &Event| match one {
        Event::TextSent { text, .. } => text.clone(),
        other => panic!("{other:?}"),
    };
    let told: Vec<_> = std::iter::from_fn(|| all.try_next()).map(|one| said(&one.event)).collect();
    assert_eq!(told, ["for root alone", "and for bob"]);
    assert!(few.try_next().is_none());
    // Nor are they told to whoever comes back to what was.
    let first = all.first();
    let mut again = handle.subscribe(sees, Some(first), texts()).await.unwrap();
    assert!(again.try_next().is_none());
}
