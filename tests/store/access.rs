//! Tokens, claims, keys and bans: what opens the door and what keeps it shut.

use std::net::IpAddr;
use std::sync::Barrier;

use crate::fixture::*;
use parlour::auth::TokenHash;
use parlour::id::{ChannelId, Fingerprint, RoleId, UserId};
use parlour::permission::Permissions;
use parlour::store::write::*;
use parlour::store::*;

#[test]
fn tokens_work_as_often_as_they_say() {
    let store = Fixture::new();
    let token = store.write(create_token(invite(1, 2))).unwrap();
    let refused = store.write(create_token(invite(1, 2))).unwrap_err();
    assert_eq!(refused, Failed::Refused(CreateTokenError::TokenTaken));
    let take = |hash: u8| take_token(Purpose::Invite, TokenHash([hash; 32]));
    let invalid = Failed::Refused(TakeTokenError::Invalid);
    let other = take_token(Purpose::PasswordReset, TokenHash([1; 32]));
    assert_eq!(store.write(other).unwrap_err(), invalid, "for something else");
    assert_eq!(store.at(later(10), take(1)).unwrap_err(), invalid, "expired");
    assert_eq!(store.write(take(2)).unwrap_err(), invalid, "unknown");
    assert_eq!(store.write(take(1)).unwrap(), token);
    assert_eq!(store.write(take(1)).unwrap().uses, 1);
    assert_eq!(store.write(take(1)).unwrap_err(), invalid, "used up");
    let token = store.write(create_token(invite(3, 1))).unwrap();
    store.write(revoke_token(HOME, Purpose::Invite, token.id)).unwrap();
    assert_eq!(store.write(take(3)).unwrap_err(), invalid, "revoked");
    assert_eq!(
        store.write(revoke_token(HOME, Purpose::Invite, token.id)).unwrap_err(),
        Failed::Refused(RevokeTokenError::NoSuchToken)
    );
    store.write(create_token(invite(4, 1))).unwrap();
    store.write(create_token(NewToken { expires: later(99), ..invite(5, 1) })).unwrap();
    assert_eq!(store.at(later(10), sweep_tokens()).unwrap(), 1);
    assert_eq!(store.tokens(HOME, None, 9).unwrap().len(), 1);
    for (token, error) in [
        (NewToken { channel: Some(ChannelId(99)), ..invite(6, 1) }, CreateTokenError::NoSuchChannel),
        (NewToken { roles: vec![RoleId(99)], ..invite(6, 1) }, CreateTokenError::NoSuchRole),
        (NewToken { user: Some(UserId(99)), ..invite(6, 1) }, CreateTokenError::NoSuchUser),
    ] {
        assert_eq!(store.write(create_token(token)).unwrap_err(), Failed::Refused(error));
    }
}

#[test]
fn a_claim_makes_one_administrator() {
    let store = Fixture::new();
    let claim = |hash: u8| Claim { hash: TokenHash([hash; 32]), expires: later(10) };
    store.write(set_claim(HOME, &claim(1))).unwrap();
    store.write(set_claim(HOME, &claim(2))).unwrap();
    assert_eq!(store.claim(HOME).unwrap(), Some(claim(2)));
    let admin = |name: &str| NewUser { roles: vec![OWNER], ..new_user(name) };
    let redeem = |hash: u8, name: &str| {
        let session = store.new_session(UserId(0), hash, later(10));
        let session = move |user| NewSession::unproven(Session { user, ..session.clone() });
        register(Entry::Claim(TokenHash([hash; 32])), admin(name), session)
    };
    assert_eq!(store.write(redeem(1, "root")).unwrap_err(), Failed::Refused(RegisterError::ClaimInvalid));
    store.add_user("taken");
    let refused = store.write(redeem(2, "taken")).unwrap_err();
    assert_eq!(refused, Failed::Refused(RegisterError::User(CreateUserError::NameTaken)));
    assert!(store.claim(HOME).unwrap().is_some(), "a refusal doesn't use it up");
    store.write(redeem(2, "root")).unwrap();
    assert_eq!(store.write(redeem(2, "again")).unwrap_err(), Failed::Refused(RegisterError::ClaimInvalid));
    assert_eq!((store.claim(HOME).unwrap(), store.has_administrator(HOME).unwrap()), (None, true));
}

/// Of several that do the same at once, one wins.
fn winners<E: Send + 'static, T: Send + 'static>(
    store: &Store,
    write: impl Fn() -> Write<T, E> + Sync,
) -> usize {
    let together = Barrier::new(16);
    std::thread::scope(|scope| {
        let racer = || {
            together.wait();
            usize::from(store.run(By::server(NOW), write()).is_ok())
        };
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(racer)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

#[test]
fn of_several_at_once_one_wins() {
    let store = Fixture::new();
    assert_eq!(winners(&store, || create_user(new_user("twin"))), 1);
    assert_eq!(winners(&store, || create_channel(new_channel("Twin", None))), 1);
    store.write(create_token(invite(1, 1))).unwrap();
    assert_eq!(winners(&store, || take_token(Purpose::Invite, TokenHash([1; 32]))), 1);
    store.write(create_token(invite(2, 5))).unwrap();
    assert_eq!(winners(&store, || take_token(Purpose::Invite, TokenHash([2; 32]))), 5);
    let limits = Limits { users: 4, ..Limits::default() };
    let edit = OrganizationEdit { limits: Some(limits), ..OrganizationEdit::default() };
    store.write(edit_organization(HOME, edit)).unwrap();
    let next = std::sync::atomic::AtomicU32::new(0);
    let number = || next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(winners(&store, || create_user(new_user(&format!("user{}", number())))), 3);
}

#[test]
fn keys_open_until_they_are_revoked() {
    let store = Fixture::new();
    let (alice, bob) = (store.add_user("alice"), store.add_user("bob"));
    let new = |user, prefix: &str, expires| NewApiKey {
        user,
        prefix: prefix.to_owned(),
        hash: TokenHash([1; 32]),
        name: "bot".to_owned(),
        scopes: Permissions::TEXT,
        expires,
    };
    let key = store.write(create_api_key(new(alice.id, "prl_a", Some(later(5))))).unwrap();
    let refused = store.write(create_api_key(new(bob.id, "prl_a", None))).unwrap_err();
    assert_eq!(refused, Failed::Refused(CreateApiKeyError::PrefixTaken));
    store.write(create_api_key(new(bob.id, "prl_b", None))).unwrap();
    assert_eq!(store.api_key("prl_a", later(4)).unwrap(), Some(key.clone()));
    assert_eq!(store.api_key("prl_a", later(5)).unwrap(), None);
    store.touch(Seen::ApiKey(alice.id, key.id), later(1));
    assert_eq!(store.last_seen(Seen::ApiKey(alice.id, key.id)).unwrap(), Some(later(1)));
    assert_eq!(store.api_keys_of(alice.id, None, 9).unwrap(), std::slice::from_ref(&key));
    assert_eq!(
        store.write(revoke_api_key(bob.id, key.id)).unwrap_err(),
        Failed::Refused(RevokeApiKeyError::NoSuchKey),
        "it is alice's"
    );
    store.write(revoke_api_key(alice.id, key.id)).unwrap();
    assert_eq!(
        store.write(revoke_api_key(alice.id, key.id)).unwrap_err(),
        Failed::Refused(RevokeApiKeyError::NoSuchKey)
    );
    assert_eq!(store.api_keys_of(alice.id, None, 9).unwrap(), []);
}

#[test]
fn bans_keep_out_until_they_are_over() {
    let store = Fixture::new();
    let alice = store.add_user("alice");
    let new = |subject, until| NewBan { organization: HOME, subject, reason: "noise".to_owned(), until };
    let range = |network: [u8; 4], prefix| BanSubject::Address { network: IpAddr::from(network), prefix };
    let refused = store.write(ban(new(range([192, 0, 2, 0], 33), None))).unwrap_err();
    assert_eq!(refused, Failed::Refused(BanError::NoSuchRange));
    let refused = store.write(ban(new(BanSubject::User(UserId(99)), None))).unwrap_err();
    assert_eq!(refused, Failed::Refused(BanError::NoSuchUser));
    let by_range = store.write(ban(new(range([192, 0, 2, 0], 24), Some(later(5))))).unwrap().ban;
    let by_user = store.write(ban(new(BanSubject::User(alice.id), None))).unwrap().ban;
    let certificate = Fingerprint([3; 32]);
    store.write(ban(new(BanSubject::Certificate(certificate), None))).unwrap();
    let from = |last: u8| Some(IpAddr::from([192, 0, 2, last]));
    let id = |user, address, certificate, now| {
        let bans = store.bans(HOME, None, 9).unwrap();
        ban_on(&bans, user, address, certificate, now).map(|ban| ban.id)
    };
    assert_eq!(id(None, from(200), None, NOW), Some(by_range.id));
    assert_eq!(id(None, from(200), None, later(5)), None);
    assert_eq!(id(Some(alice.id), None, None, later(500)), Some(by_user.id));
    assert!(id(None, None, Some(certificate), NOW).is_some());
    assert_eq!(id(None, Some(IpAddr::from([198, 51, 100, 1])), None, NOW), None);
    store.write(lift_ban(HOME, by_user.id)).unwrap();
    assert_eq!(
        store.write(lift_ban(HOME, by_user.id)).unwrap_err(),
        Failed::Refused(LiftBanError::NoSuchBan)
    );
    assert_eq!(id(Some(alice.id), None, None, NOW), None);
    assert_eq!(store.bans(HOME, None, 9).unwrap().len(), 2);
}
