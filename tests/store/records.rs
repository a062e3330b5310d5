//! The store at its public interface: each operation, what it answers and why it is refused.

use std::net::IpAddr;

use crate::fixture::*;
use parlour::auth::{StoredPassword, TokenHash};
use parlour::bounds::MAX_PICTURE;
use parlour::id::{ChannelId, OrganizationId, RoleId, Timestamp, UserId};
use parlour::permission::{Overwrite, Permissions, Subject};
use parlour::store::write::{self, *};
use parlour::store::*;

#[test]
fn organizations_are_created_changed_and_deleted() {
    let store = Fixture::new();
    let club = store.organization_named("club", Limits::default());
    assert_eq!(store.organization(club.id).unwrap().unwrap(), club);
    assert_eq!(store.organization_by_tag("CLUB").unwrap().unwrap().id, club.id);
    let again = NewOrganization {
        tag: "Club".to_owned(),
        name: String::new(),
        limits: Limits::default(),
        claim: None,
    };
    let refused = store.write(create_organization(again)).unwrap_err();
    assert_eq!(refused, Failed::Refused(CreateOrganizationError::TagTaken));
    let edit = OrganizationEdit { name: Some("The club".to_owned()), ..OrganizationEdit::default() };
    assert_eq!(store.write(edit_organization(club.id, edit)).unwrap().name, "The club");
    let alice = store.add_user("alice");
    let owner = OrganizationEdit { owner: Some(Some(alice.id)), ..OrganizationEdit::default() };
    let refused = store.write(edit_organization(club.id, owner.clone())).unwrap_err();
    assert_eq!(refused, Failed::Refused(EditOrganizationError::NoSuchUser));
    store.write(edit_organization(HOME, owner)).unwrap();
    let refused = store.write(delete_user(alice.id)).unwrap_err();
    assert_eq!(refused, Failed::Refused(DeleteUserError::Owner));
    let first = store.organizations(None, 1).unwrap();
    let second = store.organizations(Some(first[0].id), 10).unwrap();
    assert_eq!((first[0].id, second.len(), second[0].id), (HOME, 1, club.id));
    // Each has roles and channels of its own from the beginning.
    assert_eq!(store.roles(club.id, None, 100).unwrap().len(), 6);
    assert_eq!(store.channels(club.id, None, 100).unwrap().len(), 5);
    store.write(delete_organization(club.id)).unwrap();
    assert_eq!(store.organization(club.id).unwrap(), None);
    let refused = store.write(delete_organization(HOME)).unwrap_err();
    assert_eq!(refused, Failed::Refused(DeleteOrganizationError::Serving));
}

#[test]
fn an_organization_of_ten_thousand_rows_goes_without_a_trace() {
    let store = Fixture::new();
    let club = store.organization_named("club", Limits::default());
    let role = store.role_by_name(club.id, "member").unwrap().unwrap().id;
    // A channel has so many overwrites at most, so there are some more channels than there were.
    for number in 0..10 {
        store.write(create_channel(Channel::new(club.id, None, format!("place {number}")))).unwrap();
    }
    let channels = store.channels(club.id, None, 99).unwrap();
    let mut users = Vec::new();
    for round in 0..20 {
        let mut writes: Vec<(By, Write<(), Rejected>)> = Vec::new();
        for number in 0..125 {
            let name = format!("user{round}-{number}");
            let new = NewUser { organization: club.id, roles: vec![role], ..new_user(&name) };
            writes.push((By::server(NOW), create_user(new).erased()));
        }
        assert!(store.write(write::all(writes)).unwrap().iter().all(Result::is_ok));
        users = store.users(club.id, None, usize::MAX).unwrap();
    }
    assert_eq!((users.len(), store.user_count(club.id).unwrap()), (2_500, 2_500));
    for (index, user) in users.iter().enumerate() {
        let mut token = [0; 32];
        token[..8].copy_from_slice(&(index as u64).to_be_bytes());
        let row = Session {
            id: store.new_session_id(),
            user: user.id,
            token: TokenHash(token),
            created: NOW,
            expires: later(10),
            device: String::new(),
            address: None,
        };
        let profile = ProfileEdit {
            display_name: Some(format!("A{index}")),
            about: Some("B".to_owned()),
            picture: Some(vec![1; 10]),
        };
        let subject = Subject::User(user.id);
        let overwrite = Overwrite {
            channel: channels[index % channels.len()].id,
            subject,
            allow: Permissions::TEXT,
            deny: Permissions::NONE,
            reach: parlour::permission::Reach::Both,
        };
        store
            .submit(By::server(NOW), begin_session(NewSession::unproven(row)), |done| drop(done.unwrap()))
            .unwrap();
        store.submit(By::server(NOW), edit_profile(user.id, profile), |done| drop(done.unwrap())).unwrap();
        store.submit(By::server(NOW), put_overwrite(overwrite), |done| done.unwrap()).unwrap();
        let favourite = set_favourite(user.id, channels[1].id, true);
        store.submit(By::server(NOW), favourite, |done| done.unwrap()).unwrap();
    }
    store
        .write(create_token(NewToken { organization: club.id, channel: None, roles: vec![], ..invite(9, 1) }))
        .unwrap();
    let rows_before = store.stats().unwrap().tables;
    let deleted = store.write(delete_organization(club.id)).unwrap();
    assert_eq!((deleted.users, deleted.sessions, deleted.channels), (2_500, 2_500, 15));
    let rows: std::collections::HashMap<_, _> =
        store.stats().unwrap().tables.into_iter().map(|table| (table.name, table.rows)).collect();
    let had: u64 = rows_before.iter().map(|table| table.rows).sum();
    assert!(had > 10_000, "{had}");
    for empty in
        ["users", "profiles", "sessions", "user_sessions", "overwrites", "favourites", "seen", "tokens"]
    {
        assert_eq!(rows[empty], 0, "{empty}");
    }
    assert_eq!(rows["organizations"], 1);
}

#[test]
fn users_are_found_by_everything_that_names_them() {
    let store = Fixture::new();
    let zoe = store.add_user("Zoë");
    for name in ["zoë", "ZOË", "Zoe\u{308}"] {
        assert_eq!(store.user_by_name(HOME, name).unwrap().unwrap().id, zoe.id, "{name}");
    }
    assert_eq!(store.user_by_email(HOME, "ZOË@EXAMPLE.org").unwrap().unwrap(), zoe);
    let refused = store.write(create_user(new_user("ZOË"))).unwrap_err();
    assert_eq!(refused, Failed::Refused(CreateUserError::NameTaken));
    let other = NewUser { name: "zoe2".to_owned(), ..new_user("Zoë") };
    let refused = store.write(create_user(other)).unwrap_err();
    assert_eq!(refused, Failed::Refused(CreateUserError::EmailTaken));
    let no_role = NewUser { roles: vec![RoleId(99)], ..new_user("ann") };
    assert_eq!(store.write(create_user(no_role)).unwrap_err(), Failed::Refused(CreateUserError::NoSuchRole));
    let nowhere = NewUser { organization: OrganizationId(77), ..new_user("ann") };
    let refused = store.write(create_user(nowhere)).unwrap_err();
    assert_eq!(refused, Failed::Refused(CreateUserError::NoSuchOrganization));
    // The same name in another organization is somebody else.
    let club = store.organization_named("club", Limits::default());
    let member = store.role_by_name(club.id, "Member").unwrap().unwrap().id;
    let there = NewUser { organization: club.id, roles: vec![member], ..new_user("Zoë") };
    let there = store.write(create_user(there)).unwrap();
    assert_ne!(there.id, zoe.id);
    assert_eq!(store.user_by_name(club.id, "zoë").unwrap().unwrap(), there);
    assert_eq!((store.user_count(HOME).unwrap(), store.user_count(club.id).unwrap()), (1, 1));
    for name in ["ann", "ben", "cid"] {
        store.add_user(name);
    }
    let first = store.users(HOME, None, 3).unwrap();
    let rest = store.users(HOME, Some(first[2].id), 3).unwrap();
    let names: Vec<_> = first.iter().chain(&rest).map(|user| user.name.as_str()).collect();
    assert_eq!(names, ["Zoë", "ann", "ben", "cid"]);
}

#[test]
fn accounts_change_within_their_rules() {
    let store = Fixture::new();
    let (alice, _) = (store.add_user("alice"), store.add_user("bob"));
    let rename = |name: &str| UserEdit { name: Some(name.to_owned()), ..UserEdit::default() };
    let refused = store.write(edit_user(alice.id, rename("BOB"))).unwrap_err();
    assert_eq!(refused, Failed::Refused(EditUserError::NameTaken));
    store.write(edit_user(alice.id, rename("Alicia"))).unwrap();
    assert_eq!(store.user_by_name(HOME, "alice").unwrap(), None);
    assert_eq!(store.user_by_name(HOME, "alicia").unwrap().unwrap().id, alice.id);
    let address = |email: &str| UserEdit { email: Some(Some(email.to_owned())), ..UserEdit::default() };
    let refused = store.write(edit_user(alice.id, address("Bob@Example.org"))).unwrap_err();
    assert_eq!(refused, Failed::Refused(EditUserError::EmailTaken));
    let proof = |hash: u8| NewToken {
        purpose: Purpose::EmailVerification,
        user: Some(alice.id),
        email: Some("alice@example.org".to_owned()),
        ..invite(hash, 1)
    };
    store.write(create_token(proof(1))).unwrap();
    store.write(create_token(proof(2))).unwrap();
    assert!(store.write(verify_email(alice.id, TokenHash([1; 32]))).unwrap().email_verified);
    let changed = store.write(edit_user(alice.id, address("new@example.org"))).unwrap();
    assert!(!changed.email_verified, "another address has to be verified anew");
    let refused = store.write(verify_email(alice.id, TokenHash([2; 32]))).unwrap_err();
    assert_eq!(refused, Failed::Refused(VerifyEmailError::Invalid));
    let password = StoredPassword { salt: [9; 16], ..StoredPassword::decoy() };
    let edit = UserEdit { password: Some(Some(password.clone())), ..UserEdit::default() };
    store.write(edit_user(alice.id, edit)).unwrap();
    assert_eq!(store.user(alice.id).unwrap().unwrap().password, Some(password));

    let large = |picture: Vec<u8>| {
        edit_profile(alice.id, ProfileEdit { picture: Some(picture), ..ProfileEdit::default() })
    };
    let refused = store.write(large(vec![0; MAX_PICTURE + 1])).unwrap_err();
    assert_eq!(refused, Failed::Refused(EditProfileError::PictureTooLarge));
    store.write(large(vec![7; MAX_PICTURE])).unwrap();
    let profile = store.profile(alice.id).unwrap().unwrap();
    assert_eq!(profile.picture().unwrap().1.len(), MAX_PICTURE);
}

#[test]
fn an_account_goes_with_all_that_is_theirs() {
    let store = Fixture::new();
    let (alice, bob) = (store.add_user("alice"), store.add_user("bob"));
    let session = store.add_session(alice.id, 1, later(10));
    store.touch(Seen::Session(alice.id, session.id), later(2));
    let disable = UserEdit { disabled: Some(true), ..UserEdit::default() };
    store.write(edit_user(alice.id, disable)).unwrap();
    assert_eq!(store.session_by_token(&TokenHash([1; 32]), NOW).unwrap(), None);
    let again = Session { id: store.new_session_id(), ..session.clone() };
    let refused = store.write(begin_session(NewSession::unproven(again))).unwrap_err();
    assert_eq!(refused, Failed::Refused(BeginSessionError::Disabled));
    let enable = UserEdit { disabled: Some(false), ..UserEdit::default() };
    store.write(edit_user(alice.id, enable)).unwrap();

    store.add_session(alice.id, 2, later(10));
    store.write(set_favourite(alice.id, ChannelId(1), true)).unwrap();
    let setting = Setting {
        organization: HOME,
        user: Some(alice.id),
        name: "theme".to_owned(),
        value: "dark".to_owned(),
    };
    store.write(put_setting(setting)).unwrap();
    store.write(create_token(NewToken { user: Some(alice.id), ..invite(3, 1) })).unwrap();
    let key = NewApiKey {
        user: alice.id,
        prefix: "prl_1".into(),
        hash: TokenHash([4; 32]),
        name: "bot".into(),
        scopes: Permissions::TEXT,
        expires: None,
    };
    store.write(create_api_key(key)).unwrap();
    let subject = BanSubject::User(alice.id);
    store.write(ban(NewBan { organization: HOME, subject, reason: String::new(), until: None })).unwrap();
    let overwrite = Overwrite {
        channel: ChannelId(1),
        subject: Subject::User(alice.id),
        allow: Permissions::NONE,
        deny: Permissions::SPEAK,
        reach: parlour::permission::Reach::Both,
    };
    store.write(put_overwrite(overwrite)).unwrap();
    store.write(delete_user(alice.id)).unwrap();
    assert_eq!(store.write(delete_user(alice.id)).unwrap_err(), Failed::Refused(DeleteUserError::NoSuchUser));
    assert_eq!(store.user(alice.id).unwrap(), None);
    assert_eq!(store.profile(alice.id).unwrap(), None);
    assert_eq!(store.sessions_of(alice.id, None, 9).unwrap(), []);
    assert_eq!(store.tokens(HOME, None, 9).unwrap(), []);
    assert_eq!(store.api_key("prl_1", NOW).unwrap(), None);
    assert_eq!(store.bans(HOME, None, 9).unwrap(), []);
    assert_eq!(store.overwrites(HOME, None, 9).unwrap(), []);
    assert_eq!(store.settings(HOME, Some(alice.id)).unwrap(), []);
    assert_eq!(store.favourites(alice.id).unwrap(), []);
    assert_eq!(store.user_count(HOME).unwrap(), 1);
    let of_alice = |entry: &AuditEntry| entry.subject == SubjectKind::User && entry.subject_id == alice.id.0;
    let trail = store.audit(HOME, &AuditFilter::default(), None, 1_000).unwrap();
    assert!(trail.iter().filter(|entry| of_alice(entry)).count() >= 4, "the audit trail stays");
    assert_eq!(store.user_by_name(HOME, "bob").unwrap().unwrap(), bob);
    // The freed name is another's, and the identifier is not given again.
    assert!(store.add_user("alice").id.0 > bob.id.0);
}

#[test]
fn limits_are_enforced_where_they_are_reached() {
    let store = Fixture::new();
    let limits = Limits { users: 2, channels: 6, sessions_per_user: 2, audit_days: 1, sessions: 3 };
    let edit = OrganizationEdit { limits: Some(limits), ..OrganizationEdit::default() };
    store.write(edit_organization(HOME, edit)).unwrap();
    let (alice, _) = (store.add_user("alice"), store.add_user("bob"));
    let refused = store.write(create_user(new_user("carol"))).unwrap_err();
    assert_eq!(refused, Failed::Refused(CreateUserError::Full(2)));
    store.add_channel("sixth", None).unwrap();
    assert_eq!(store.add_channel("seventh", None).unwrap_err(), Failed::Refused(PutChannelError::Full(6)));
    let first = store.add_session(alice.id, 1, later(10));
    store.add_session(alice.id, 2, later(10));
    store.add_session(alice.id, 3, later(10));
    assert_eq!(store.session(alice.id, first.id, NOW).unwrap(), None);
    assert_eq!(store.sessions_of(alice.id, None, 9).unwrap().len(), 2);
    store.write(delete_user(alice.id)).unwrap();
    store.add_user("carol");
}

impl Fixture {
    fn valid(&self, token: u8, now: Timestamp) -> Option<Session> {
        self.session_by_token(&TokenHash([token; 32]), now).unwrap()
    }
}

#[test]
fn sessions_live_until_they_end() {
    let store = Fixture::new();
    let (alice, bob) = (store.add_user("alice"), store.add_user("bob"));
    let session = store.add_session(alice.id, 1, later(10));
    assert_eq!(store.valid(1, later(9)).unwrap(), session);
    assert_eq!(store.valid(1, later(10)), None);
    assert_eq!(store.session(alice.id, session.id, later(10)).unwrap(), None);
    assert_eq!(store.last_seen(Seen::LogIn(alice.id)).unwrap(), Some(NOW));
    let twin = Session { id: store.new_session_id(), user: bob.id, ..session.clone() };
    let refused = store.write(begin_session(NewSession::unproven(twin))).unwrap_err();
    assert_eq!(refused, Failed::Refused(BeginSessionError::TokenTaken));
    let fresh = refresh_session(alice.id, session.id, TokenHash([2; 32]), later(20));
    assert_eq!(store.write(fresh).unwrap().expires, later(20));
    assert_eq!(store.valid(1, NOW), None, "the old token is good no more");
    assert_eq!(store.valid(2, later(15)).unwrap().id, session.id);
    let late = refresh_session(alice.id, session.id, TokenHash([3; 32]), later(90));
    assert_eq!(store.at(later(20), late).unwrap_err(), Failed::Refused(RefreshSessionError::Ended));
    store.touch(Seen::Session(alice.id, session.id), later(3));
    store.touch(Seen::Session(alice.id, session.id), later(2));
    assert_eq!(store.last_seen(Seen::Session(alice.id, session.id)).unwrap(), Some(later(3)));
    for token in 10..15 {
        store.add_session(alice.id, token, later(u64::from(token)));
    }
    let page = store.sessions_of(alice.id, None, 2).unwrap();
    assert_eq!(page[0].device, "laptop");
    assert_eq!(page[0].address, Some(IpAddr::from([192, 0, 2, 7])));
    assert_eq!(store.sessions_of(alice.id, Some(page[1].id), 9).unwrap().len(), 4);
    store.add_session(bob.id, 30, later(100));
    // In chunks of two, to the end.
    let (mut place, mut swept) = (None, 0);
    loop {
        let (count, next) = store.at(later(12), sweep_sessions(place, 2)).unwrap();
        swept += count;
        place = next;
        if place.is_none() {
            break;
        }
    }
    assert_eq!((swept, store.sessions_of(alice.id, None, 9).unwrap().len()), (3, 3));
    let kept = store.sessions_of(alice.id, None, 1).unwrap()[0].id;
    assert_eq!(store.write(end_sessions_of(alice.id, Some(kept))).unwrap().len(), 2);
    store.write(end_session(alice.id, kept)).unwrap();
    let refused = store.write(end_session(alice.id, kept)).unwrap_err();
    assert_eq!(refused, Failed::Refused(EndSessionError::NoSuchSession));
    assert_eq!(store.last_seen(Seen::Session(alice.id, session.id)).unwrap(), None);
    assert!(store.valid(30, NOW).is_some(), "another's session is untouched");
}

#[test]
fn what_was_seen_is_there_after_a_restart() {
    let mut store = Fixture::new();
    let alice = store.add_user("alice");
    let session = store.add_session(alice.id, 1, later(10));
    store.touch(Seen::Session(alice.id, session.id), later(3));
    store.reopen();
    assert_eq!(store.last_seen(Seen::Session(alice.id, session.id)).unwrap(), Some(later(3)));
}

#[test]
fn settings_and_favourites_are_kept() {
    let store = Fixture::new();
    let alice = store.add_user("alice");
    let put = |user, value: &str| {
        let setting = Setting { organization: HOME, user, name: "theme".to_owned(), value: value.to_owned() };
        store.write(put_setting(setting))
    };
    put(None, "light").unwrap();
    put(Some(alice.id), "dark").unwrap();
    put(Some(alice.id), "darker").unwrap();
    assert_eq!(put(Some(UserId(99)), "x").unwrap_err(), Failed::Refused(SettingError::NoSuchUser));
    assert_eq!(put(None, &"x".repeat(MAX_SETTING)).unwrap_err(), Failed::Refused(SettingError::TooLong));
    let value =
        |user| store.settings(HOME, user).unwrap().into_iter().map(|set| set.value).collect::<Vec<_>>();
    assert_eq!((value(None), value(Some(alice.id))), (vec!["light".to_owned()], vec!["darker".to_owned()]));
    put(Some(alice.id), "").unwrap();
    assert_eq!(value(Some(alice.id)), [] as [String; 0]);
    store.write(set_favourite(alice.id, ChannelId(2), true)).unwrap();
    store.write(set_favourite(alice.id, ChannelId(2), true)).unwrap();
    store.write(set_favourite(alice.id, ChannelId(4), true)).unwrap();
    store.write(set_favourite(alice.id, ChannelId(2), false)).unwrap();
    let left: Vec<_> = store.favourites(alice.id).unwrap().iter().map(|one| one.channel.0).collect();
    assert_eq!(left, [4]);
    let refused = store.write(set_favourite(alice.id, ChannelId(99), true)).unwrap_err();
    assert_eq!(refused, Failed::Refused(FavouriteError::NoSuchChannel));
}

#[test]
fn the_audit_trail_says_who_changed_what_and_no_secret() {
    let store = Fixture::new();
    let alice = store.add_user("alice");
    let by_alice = By::new(Author::User(alice.id), Some(IpAddr::from([192, 0, 2, 7])), later(60));
    let rename = UserEdit {
        name: Some("alicia".to_owned()),
        password: Some(Some(StoredPassword { salt: [42; 16], ..StoredPassword::decoy() })),
        ..UserEdit::default()
    };
    let secret = r#"{"password":"(not shown)"}"#;
    store.run(by_alice, edit_user(alice.id, rename)).unwrap();
    store.add_session(alice.id, 77, later(100));
    let all = store.audit(HOME, &AuditFilter::default(), None, 1_000).unwrap();
    assert!(all.windows(2).all(|pair| pair[0].number == pair[1].number + 1), "newest first");
    // A new password is said, and not which.
    assert_eq!(
        (all[1].verb, all[1].subject, all[1].before.as_str()),
        (Verb::Change, SubjectKind::User, secret)
    );
    assert_eq!((all[1].author, all[1].after.as_str()), (by_alice.author, secret));
    let changed = &all[2];
    assert_eq!((changed.author, changed.from, changed.at), (by_alice.author, by_alice.from, later(60)));
    assert_eq!(
        (changed.verb, changed.subject, changed.subject_id),
        (Verb::Change, SubjectKind::User, alice.id.0)
    );
    assert_eq!(changed.before, r#"{"name":"alice"}"#);
    assert_eq!(changed.after, r#"{"name":"alicia"}"#);
    let text = format!("{all:?}");
    for secret in ["KioqKio", "TU1NTU", "argon2id"] {
        assert!(!text.contains(secret), "{secret} is in the trail");
    }
    let only = |filter: AuditFilter| store.audit(HOME, &filter, None, 1_000).unwrap().len();
    assert_eq!(only(AuditFilter { author: Some(by_alice.author), ..AuditFilter::default() }), 2);
    assert_eq!(only(AuditFilter { since: Some(later(60)), ..AuditFilter::default() }), 2);
    assert_eq!(only(AuditFilter { until: Some(NOW), ..AuditFilter::default() }), 0);
    let sessions = AuditFilter {
        subject: Some(SubjectKind::Session),
        verb: Some(Verb::Create),
        ..AuditFilter::default()
    };
    assert_eq!(only(sessions), 1);
    let page = store.audit(HOME, &AuditFilter::default(), None, 2).unwrap();
    let next = store.audit(HOME, &AuditFilter::default(), Some(page[1].number), 2).unwrap();
    assert_eq!(next[0].number, page[1].number - 1);
}

#[test]
fn retention_keeps_the_trail_provable() {
    let mut store = Fixture::new();
    let day = 24 * 60 * 60;
    store.add_user("old");
    store.at(later(400 * day), create_user(new_user("new"))).unwrap();
    let before = store.audit(HOME, &AuditFilter::default(), None, 1_000).unwrap().len() as u64;
    assert_eq!(store.at(later(400 * day), prune_audit(HOME, 3)).unwrap(), 3);
    assert_eq!(store.verify().unwrap(), []);
    let mut removed = 3;
    loop {
        match store.at(later(400 * day), prune_audit(HOME, 100)).unwrap() {
            0 => break,
            count => removed += count,
        }
    }
    let left = store.audit(HOME, &AuditFilter::default(), None, 1_000).unwrap();
    assert_eq!(removed, before - 1, "all but what is from today");
    assert_eq!(left.iter().filter(|entry| entry.verb == Verb::Prune).count(), 2);
    store.reopen();
    assert_eq!(store.verify().unwrap(), []);
}

#[test]
fn runs_of_maintenance_are_kept_for_ninety_days() {
    let store = Fixture::new();
    let job = |started| Job {
        id: parlour::id::JobId(0),
        kind: JobKind::Backup,
        state: JobState::Queued,
        progress: 0,
        steps: Vec::new(),
        started,
        finished: None,
        error: None,
    };
    let first = store.write(put_job(job(NOW))).unwrap();
    let done = Job { state: JobState::Done, progress: 120, finished: Some(later(3)), ..first.clone() };
    assert_eq!(store.write(put_job(done)).unwrap().progress, 100);
    let day = 24 * 60 * 60;
    let second = store.write(put_job(job(later(80 * day)))).unwrap();
    let ids = |store: &Store| store.jobs(None, 9).unwrap().iter().map(|job| job.id).collect::<Vec<_>>();
    assert_eq!(ids(&store), [second.id, first.id]);
    assert_eq!(store.jobs(Some(second.id), 9).unwrap()[0].state, JobState::Done);
    assert_eq!(store.at(later(91 * day), sweep_jobs()).unwrap(), 1);
    assert_eq!(ids(&store), [second.id]);
}
