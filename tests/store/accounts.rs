//! Use cases about accounts, each one write: done whole, or refused and nothing is changed.

use std::net::IpAddr;

use parlour::auth::{StoredPassword, TokenHash};
use parlour::id::{Fingerprint, SessionId, UserId};
use parlour::permission::Permissions;
use parlour::store::write::*;
use parlour::store::*;

use crate::fixture::*;

fn password(salt: u8) -> StoredPassword {
    StoredPassword { salt: [salt; 16], ..StoredPassword::decoy() }
}

fn device_key(user: UserId, number: u8, session: SessionId) -> DeviceKey {
    DeviceKey {
        user,
        fingerprint: Fingerprint([number; 32]),
        public: [number; 32],
        name: "laptop".to_owned(),
        created: NOW,
        address: None,
        session: Some(session),
    }
}

fn mail(to: &str, code: u8) -> CodeEmail {
    let (to, subject, text) = (to.to_owned(), "subject".to_owned(), "text".to_owned());
    CodeEmail { code: TokenHash([code; 32]), mail: NewEmail { to, subject, text, expires: later(60) } }
}

fn new_key(user: UserId, prefix: &str) -> NewApiKey {
    let (prefix, name, hash) = (prefix.to_owned(), "bot".to_owned(), TokenHash([1; 32]));
    NewApiKey { user, prefix, hash, name, scopes: Permissions::TEXT, expires: None }
}

impl Fixture {
    /// Everything that is kept, in lines.
    fn content(&self) -> String {
        let mut lines = Vec::new();
        self.export(&mut lines, NOW).unwrap();
        String::from_utf8(lines).unwrap()
    }

    /// Runs what must be refused, and holds it to change nothing.
    fn refused<T: Send + std::fmt::Debug + 'static, E: Send + std::fmt::Debug + 'static>(
        &self,
        write: Write<T, E>,
    ) -> E {
        let before = self.content();
        let Err(Failed::Refused(error)) = self.write(write) else { panic!("it isn't refused") };
        assert_eq!(self.content(), before);
        error
    }

    /// An account with two devices that have keys, and an API key.
    fn busy_account(&self) -> (User, Session, Session, ApiKey) {
        let user = self.add_user("alice");
        let one = self.add_session(user.id, 1, later(60));
        let other = self.add_session(user.id, 2, later(60));
        self.write(register_device_key(device_key(user.id, 1, one.id))).unwrap();
        self.write(register_device_key(device_key(user.id, 2, other.id))).unwrap();
        let key = self.write(create_api_key(new_key(user.id, "prl_1"))).unwrap();
        (user, one, other, key)
    }

    fn reset_code(&self, user: UserId, code: u8) {
        let purpose = Purpose::PasswordReset;
        self.write(create_token(NewToken { purpose, user: Some(user), ..invite(code, 1) })).unwrap();
    }
}

#[test]
fn a_reset_closes_every_way_in() {
    let store = Fixture::new();
    let (alice, one, other, key) = store.busy_account();
    store.reset_code(alice.id, 5);
    store.reset_code(alice.id, 6);
    let reset = |code: u8, keep| reset_password(TokenHash([code; 32]), password(9), keep);
    assert_eq!(store.refused(reset(7, false)), ResetPasswordError::Invalid);
    let set = store.write(reset(5, false)).unwrap();
    assert_eq!(set.ended.sessions, [one.id, other.id]);
    assert_eq!(set.ended.device_keys, [Fingerprint([1; 32]), Fingerprint([2; 32])]);
    assert_eq!(set.ended.api_keys, [key.id]);
    assert_eq!(store.user(alice.id).unwrap().unwrap().password, Some(password(9)));
    assert_eq!(store.sessions_of(alice.id, None, 9).unwrap(), []);
    assert_eq!(store.device_keys_of(alice.id).unwrap(), []);
    assert_eq!(store.api_keys_of(alice.id, None, 9).unwrap(), []);
    assert_eq!(store.refused(reset(5, false)), ResetPasswordError::Invalid, "used");
    assert_eq!(store.refused(reset(6, false)), ResetPasswordError::Invalid, "of before the reset");
    let by_user = AuditFilter { subject: Some(SubjectKind::User), ..AuditFilter::default() };
    let last = &store.audit(HOME, &by_user, None, 1).unwrap()[0];
    assert_eq!((last.verb, last.after.as_str()), (Verb::Change, r#"{"password":"(not shown)"}"#));

    let kept = store.write(create_api_key(new_key(alice.id, "prl_2"))).unwrap();
    store.reset_code(alice.id, 8);
    assert_eq!(store.write(reset(8, true)).unwrap().ended, Ended::default());
    assert_eq!(store.api_keys_of(alice.id, None, 9).unwrap(), [kept]);
}

#[test]
fn of_two_changes_of_a_password_one_is_refused() {
    let store = Fixture::new();
    let (alice, one, other, key) = store.busy_account();
    let change = |salt| {
        let (user, session) = (alice.id, Some(one.id));
        let (old, new) = (alice.password.clone(), password(salt));
        change_password(PasswordChange { user, old, new, session, keep_api_keys: false })
    };
    let set = store.write(change(8)).unwrap();
    assert_eq!((set.ended.sessions, set.ended.api_keys), (vec![other.id], vec![key.id]));
    assert_eq!(set.ended.device_keys, [Fingerprint([2; 32])]);
    assert_eq!(store.sessions_of(alice.id, None, 9).unwrap(), std::slice::from_ref(&one));
    assert_eq!(store.refused(change(9)), ChangePasswordError::Changed);
    assert_eq!(store.user(alice.id).unwrap().unwrap().password, Some(password(8)));
    let set = store.write(set_password(alice.id, None, true)).unwrap();
    assert_eq!((set.user.password, set.ended.sessions.len()), (None, 1));
    assert_eq!(store.refused(set_password(UserId(99), None, true)), SetPasswordError::NoSuchUser);
}

#[test]
fn a_device_goes_with_its_key() {
    let store = Fixture::new();
    let (alice, one, other, key) = store.busy_account();
    let ended = store.write(end_device(alice.id, one.id)).unwrap();
    assert_eq!((ended.sessions, ended.device_keys), (vec![one.id], vec![Fingerprint([1; 32])]));
    assert_eq!(store.refused(end_device(alice.id, one.id)), EndSessionError::NoSuchSession);
    let third = store.add_session(alice.id, 3, later(60));
    let ended = store.write(end_other_devices(alice.id, other.id)).unwrap();
    assert_eq!((ended.sessions, ended.device_keys), (vec![third.id], vec![]));
    assert_eq!(store.device_keys_of(alice.id).unwrap().len(), 1);
    assert_eq!(store.api_keys_of(alice.id, None, 9).unwrap(), [key]);
}

#[test]
fn what_was_withdrawn_begins_no_session() {
    let store = Fixture::new();
    let (alice, one, ..) = store.busy_account();
    let begin = |token: u8, proof| {
        let session = store.new_session(alice.id, token, later(60));
        begin_session(NewSession { session, client: "test".to_owned(), proof })
    };
    let by_password = |factor| Proof::Password { stored: StoredPassword::decoy(), factor };
    let wrong = Proof::Password { stored: password(9), factor: None };
    assert_eq!(store.refused(begin(10, wrong)), BeginSessionError::Outdated);
    let unknown = Proof::DeviceKey(Fingerprint([77; 32]));
    assert_eq!(store.refused(begin(10, unknown)), BeginSessionError::Outdated);
    let begun = store.write(begin(10, Proof::DeviceKey(Fingerprint([1; 32])))).unwrap();
    let key = store.device_key(alice.id, Fingerprint([1; 32])).unwrap().unwrap();
    assert_eq!(key.session, Some(begun.session.id));
    let device = store.device(alice.id, begun.session.id).unwrap().unwrap();
    assert_eq!((device.key, device.client.as_str()), (Some(Fingerprint([1; 32])), "test"));
    assert!(store.session(alice.id, one.id, NOW).unwrap().is_some());

    store.write(begin_second_factor(alice.id, vec![1])).unwrap();
    store.write(begin_second_factor(alice.id, vec![2])).unwrap();
    let codes = vec![TokenHash([8; 32]), TokenHash([9; 32])];
    let confirm = |secret: u8| confirm_second_factor(alice.id, vec![secret], 5, codes.clone());
    assert_eq!(store.refused(confirm(1)), SecondFactorError::Changed);
    store.write(confirm(2)).unwrap();
    let step = |step| by_password(Some(FactorProof::Step(step)));
    let recovery = |code: u8| by_password(Some(FactorProof::Recovery(TokenHash([code; 32]))));
    assert_eq!(store.refused(begin(11, by_password(None))), BeginSessionError::Outdated);
    let used = BeginSessionError::Factor(SecondFactorError::Used);
    assert_eq!(store.refused(begin(11, step(5))), used);
    store.write(begin(11, step(6))).unwrap();
    assert_eq!(store.refused(begin(12, step(6))), used);
    store.write(begin(12, recovery(8))).unwrap();
    let wrong = BeginSessionError::Factor(SecondFactorError::Wrong);
    assert_eq!(store.refused(begin(13, recovery(8))), wrong);

    let remove = |proof| remove_second_factor(alice.id, proof);
    assert_eq!(store.refused(remove(RemovalProof::Unconfirmed)), SecondFactorError::Changed);
    assert_eq!(store.refused(remove(RemovalProof::Password(password(9)))), SecondFactorError::Changed);
    let stale = RemovalProof::Factor(FactorProof::Step(6));
    assert_eq!(store.refused(remove(stale)), SecondFactorError::Used);
    store.write(remove(RemovalProof::Factor(FactorProof::Recovery(TokenHash([9; 32]))))).unwrap();
    assert_eq!(store.second_factor(alice.id).unwrap(), None);
}

#[test]
fn an_account_by_an_invite_has_its_roles_and_a_session() {
    let store = Fixture::new();
    store.write(create_token(invite(1, 1))).unwrap();
    let taken = store.add_user("bob");
    let enter = |name: &str, token: u8| {
        let session = store.new_session(UserId(0), token, later(60));
        let session = move |user| NewSession::unproven(Session { user, ..session.clone() });
        let new = NewUser { roles: invite(1, 1).roles, ..new_user(name) };
        register(Entry::Invite(TokenHash([1; 32])), new, session)
    };
    let bob = store.add_session(taken.id, 9, later(60));
    assert_eq!(store.refused(enter("bob", 2)), RegisterError::User(CreateUserError::NameTaken));
    let token_taken = RegisterError::Session(BeginSessionError::TokenTaken);
    assert_eq!(store.refused(enter("carol", 9)), token_taken, "{bob:?} has it");
    let (carol, session) = store.write(enter("carol", 3)).unwrap();
    assert_eq!(carol.grants.iter().map(|grant| grant.role).collect::<Vec<_>>(), invite(1, 1).roles);
    assert_eq!(store.sessions_of(carol.id, None, 9).unwrap(), [session]);
    assert_eq!(store.refused(enter("dave", 4)), RegisterError::InviteInvalid);
}

#[test]
fn invites_end_with_the_rights_of_whoever_made_them() {
    let store = Fixture::new();
    let (alice, bob) = (store.add_user("alice"), store.add_user("bob"));
    let make = |maker: &User, code: u8| {
        let new = NewToken { user: Some(maker.id), ..invite(0, 1) };
        store.write(create_invite(new, move |_| TokenHash([code; 32]))).unwrap()
    };
    let good = |code: u8| store.token(Purpose::Invite, &TokenHash([code; 32]), NOW).unwrap().is_some();
    for (maker, code) in [(&alice, 1), (&alice, 2), (&bob, 3)] {
        assert_eq!(make(maker, code).user, Some(maker.id));
    }
    let ended = store.write(set_password(alice.id, None, true)).unwrap().ended;
    assert_eq!((ended.invites.len(), good(1), good(2), good(3)), (2, false, false, true));
    let disable = |disabled| UserEdit { disabled: Some(disabled), ..UserEdit::default() };
    store.write(edit_user(bob.id, disable(true))).unwrap();
    assert!(!good(3));
    // Somebody who comes at the same moment doesn't come in either.
    let asked = NewToken { user: Some(bob.id), ..invite(4, 1) };
    store.write(create_token(asked)).unwrap();
    let session = store.new_session(UserId(0), 5, later(60));
    let session = move |user| NewSession::unproven(Session { user, ..session.clone() });
    let enter = register(Entry::Invite(TokenHash([4; 32])), new_user("carol"), session);
    assert_eq!(store.refused(enter), RegisterError::InviteInvalid);
    for code in 10..10 + MAX_INVITES as u8 {
        make(&alice, code);
    }
    let new = NewToken { user: Some(alice.id), ..invite(0, 1) };
    assert_eq!(store.refused(create_invite(new, |_| TokenHash([9; 32]))), CreateTokenError::TooMany);
}

#[test]
fn a_code_and_its_email_are_written_together() {
    let store = Fixture::new();
    let (alice, bob) = (store.add_user("alice"), store.add_user("bob"));
    let reset = |to: &str, code| request_reset(alice.id, mail(to, code));
    let unproven = store.refused(reset("alice@example.org", 1));
    assert_eq!(unproven, RequestResetError::NoSuchAddress);
    // Whoever only claims an address keeps it until another one proves it, who doesn't have it before that.
    let set = store.write(set_email(alice.id, Some(mail("bob@example.org", 2)))).unwrap();
    assert_eq!(set.user, store.user(alice.id).unwrap().unwrap());
    assert_eq!(store.user(bob.id).unwrap(), Some(bob.clone()));
    assert_eq!(store.refused(verify_email(bob.id, TokenHash([2; 32]))), VerifyEmailError::Invalid);
    let proven = store.write(verify_email(alice.id, TokenHash([2; 32]))).unwrap();
    assert_eq!((proven.email.as_deref(), proven.email_verified), (Some("bob@example.org"), true));
    assert_eq!(store.user(bob.id).unwrap().unwrap().email, None);
    // Of one that is proven, the code is kept and sent nowhere.
    let taken = store.write(set_email(bob.id, Some(mail("BOB@example.org", 3)))).unwrap();
    assert_eq!((taken.mail, taken.user.email), (None, None));
    assert_eq!(store.refused(verify_email(bob.id, TokenHash([3; 32]))), VerifyEmailError::Invalid);
    let number = store.write(reset("bob@example.org", 4)).unwrap();
    assert_eq!(store.refused(reset("bob@example.org", 4)), RequestResetError::TokenTaken);
    let outbox: Vec<_> = store.outbox(0, 9).unwrap().into_iter().map(|mail| mail.number).collect();
    assert_eq!(outbox, [set.mail.unwrap(), number]);
    assert!(store.token(Purpose::PasswordReset, &TokenHash([4; 32]), NOW).unwrap().is_some());
    let gone = store.write(set_email(alice.id, None)).unwrap();
    assert_eq!((gone.user.email, gone.mail), (None, None));
}

#[test]
fn a_ban_ends_the_sessions_of_whom_it_keeps_out() {
    let store = Fixture::new();
    let (alice, one, other, _) = store.busy_account();
    let subject = BanSubject::User(alice.id);
    let new = NewBan { organization: HOME, subject, reason: String::new(), until: None };
    let banned = store.write(ban(new)).unwrap();
    assert_eq!(banned.ended, [one.id, other.id]);
    let elsewhere = store.organization_named("club", Limits::default()).id;
    assert_eq!(store.refused(lift_ban(elsewhere, banned.ban.id)), LiftBanError::NoSuchBan);
    let by_range = BanSubject::Address { network: IpAddr::from([192, 0, 2, 0]), prefix: 24 };
    let new = NewBan { organization: HOME, subject: by_range, reason: String::new(), until: None };
    assert_eq!(store.write(ban(new)).unwrap().ended, []);
}

#[test]
fn an_account_has_so_many_api_keys_and_revokes_its_own() {
    let store = Fixture::new();
    let (alice, bob) = (store.add_user("alice"), store.add_user("bob"));
    for number in 0..MAX_API_KEYS {
        store.write(create_api_key(new_key(alice.id, &format!("prl_{number}")))).unwrap();
    }
    let more = create_api_key(new_key(alice.id, "prl_more"));
    assert_eq!(store.refused(more), CreateApiKeyError::TooMany);
    let key = store.api_keys_of(alice.id, None, 1).unwrap()[0].id;
    assert_eq!(store.refused(revoke_api_key(bob.id, key)), RevokeApiKeyError::NoSuchKey);
    store.write(revoke_api_key(alice.id, key)).unwrap();
    store.write(create_token(invite(1, 1))).unwrap();
    let token = store.tokens(HOME, None, 1).unwrap()[0].id;
    let other = revoke_token(HOME, Purpose::PasswordReset, token);
    assert_eq!(store.refused(other), RevokeTokenError::NoSuchToken);
}

/// Whoever reads what is sent to an address that was given up doesn't get in by it.
#[test]
fn codes_that_were_sent_to_an_address_end_with_it() {
    let store = Fixture::new();
    let user = store.write(create_user(new_user("alice"))).unwrap().id;
    let good = |purpose, code: u8| store.token(purpose, &TokenHash([code; 32]), NOW).unwrap().is_some();
    let proven = |to: &str, code| {
        store.write(set_email(user, Some(mail(to, code)))).unwrap();
        store.write(verify_email(user, TokenHash([code; 32]))).unwrap();
    };
    proven("old@example.org", 1);
    store.write(request_reset(user, mail("old@example.org", 2))).unwrap();
    // The same address once more changes nothing.
    store.write(set_email(user, Some(mail("old@example.org", 3)))).unwrap();
    assert!(good(Purpose::PasswordReset, 2) && good(Purpose::EmailVerification, 3));
    store.write(set_email(user, Some(mail("new@example.org", 4)))).unwrap();
    assert!(
        good(Purpose::PasswordReset, 2),
        "the address of before is the account's until another one is proven"
    );
    assert!(!good(Purpose::EmailVerification, 3) && good(Purpose::EmailVerification, 4));
    store.write(verify_email(user, TokenHash([4; 32]))).unwrap();
    assert!(!good(Purpose::PasswordReset, 2));
    let refused = store.refused(reset_password(TokenHash([2; 32]), StoredPassword::decoy(), true));
    assert_eq!(refused, ResetPasswordError::Invalid);

    store.write(request_reset(user, mail("new@example.org", 5))).unwrap();
    store.write(set_email(user, None)).unwrap();
    assert!(!good(Purpose::PasswordReset, 5), "removed");

    proven("third@example.org", 6);
    store.write(request_reset(user, mail("third@example.org", 7))).unwrap();
    let edit = UserEdit { email: Some(Some("fourth@example.org".to_owned())), ..UserEdit::default() };
    store.write(edit_user(user, edit)).unwrap();
    assert!(!good(Purpose::PasswordReset, 7), "changed by the owner");

    // An address that another account only claims, and loses.
    proven("fifth@example.org", 8);
    let edit = UserEdit { email: Some(Some("bob@example.org".to_owned())), ..UserEdit::default() };
    store.write(edit_user(user, edit)).unwrap();
    store.write(set_email(user, Some(mail("bob@example.org", 9)))).unwrap();
    let bob = store.write(create_user(NewUser { email: None, ..new_user("bob") })).unwrap().id;
    store.write(set_email(bob, Some(mail("bob@example.org", 10)))).unwrap();
    assert!(good(Purpose::EmailVerification, 9) && good(Purpose::EmailVerification, 10));
    store.write(verify_email(bob, TokenHash([10; 32]))).unwrap();
    assert!(!good(Purpose::EmailVerification, 9));
}

#[test]
fn a_log_in_at_another_server_leads_to_one_account_until_it_or_the_account_goes() {
    let store = Fixture::new();
    let (alice, bob) = (store.add_user("alice"), store.add_user("bob"));
    let (hers, his) = (store.add_session(alice.id, 1, later(60)), store.add_session(bob.id, 2, later(60)));
    let new = |subject: &str| NewLink {
        issuer: "https://id.example".to_owned(),
        subject: subject.to_owned(),
        name: "anna".to_owned(),
    };
    let leads = |subject: &str| {
        let found = store.linked_log_in(HOME, "https://id.example", subject).unwrap();
        found.map(|link| link.user)
    };
    let link = store.write(link_log_in(alice.id, hers.id, new("one"))).unwrap();
    assert_eq!((leads("one"), leads("two")), (Some(alice.id), None));
    assert_eq!(store.refused(link_log_in(alice.id, hers.id, new("one"))), LinkError::Taken);
    assert_eq!(store.refused(link_log_in(bob.id, his.id, new("one"))), LinkError::Taken);
    assert_eq!(store.refused(link_log_in(bob.id, hers.id, new("two"))), LinkError::Outdated);
    for number in 1..parlour::bounds::MAX_LINKED_LOG_INS {
        store.write(link_log_in(alice.id, hers.id, new(&number.to_string()))).unwrap();
    }
    assert_eq!(store.refused(link_log_in(alice.id, hers.id, new("two"))), LinkError::TooMany);
    assert_eq!(store.refused(unlink_log_in(bob.id, link.id())), UnlinkError::NoSuchLink);
    store.write(unlink_log_in(alice.id, link.id())).unwrap();
    assert_eq!((leads("one"), leads("1")), (None, Some(alice.id)));
    store.write(delete_user(alice.id)).unwrap();
    assert_eq!(leads("1"), None);
    store.write(link_log_in(bob.id, his.id, new("1"))).unwrap();
    assert_eq!(leads("1"), Some(bob.id));
    assert_eq!(store.verify().unwrap(), []);
}
