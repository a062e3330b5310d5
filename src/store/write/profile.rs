//! What people show of themselves, and what follows them from device to device.

use serde_json::{Map, Value, json};
use thiserror::Error;

use super::super::error::Stop;
use super::super::index::IndexKey;
use super::super::open::Open;
use super::super::record::{Profile, SubjectKind, User, Verb};
use super::super::table::organization_of;
use super::Write;
use super::device::is_server_s;
use super::looks::{forget_shown, imitates, keep_shown};
use crate::bounds::{
    ElementError, MAX_ABOUT, MAX_PICTURE, MAX_PREFERENCE, MAX_PREFERENCES, OutOfBounds, check_element_name,
    check_text,
};
use crate::id::UserId;
use crate::name::{NameError, check_user_name};

/// What changes about a profile; what is `None` stays, and what is empty is there no more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileEdit {
    /// The name to show.
    pub display_name: Option<String>,
    /// The text.
    pub about: Option<String>,
    /// The picture, which was made fit to be served.
    pub picture: Option<Vec<u8>>,
}

impl ProfileEdit {
    /// Nothing is shown any more.
    pub fn nothing() -> Self {
        Self { display_name: Some(String::new()), about: Some(String::new()), picture: Some(Vec::new()) }
    }
}

/// Why a profile can't be changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EditProfileError {
    /// There is no such account.
    #[error("there is no such user")]
    NoSuchUser,
    /// The name to show is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// It is another account's, or looks like it, or like what another one shows.
    #[error("this name is another account's, or looks like it; choose one that nobody confuses with it")]
    Imitates,
    /// The text is too long.
    #[error("a text about oneself has at most {MAX_ABOUT} characters")]
    TooLong,
    /// The text has characters that nobody writes.
    #[error(transparent)]
    OutOfBounds(#[from] OutOfBounds),
    /// The picture is too large.
    #[error("a picture has at most {} KiB; make it smaller", MAX_PICTURE / 1024)]
    PictureTooLarge,
}

/// A profile changes. Answers with it; one that shows nothing has no row.
pub fn edit_profile(user: UserId, edit: ProfileEdit) -> Write<Profile, EditProfileError> {
    let kept_picture = edit.picture.as_deref().map(Profile::picture_of);
    Write::new(move |open| {
        let account: User = open.require(user.0, EditProfileError::NoSuchUser)?;
        let old: Option<Profile> = open.get(user.0)?;
        let mut new = old.clone().unwrap_or_else(|| Profile::empty(user));
        if let Some(name) = &edit.display_name {
            new.display_name = display_name(open, &account, name)?;
        }
        if let Some(about) = &edit.about {
            if about.chars().count() > MAX_ABOUT {
                return Err(Stop::Refused(EditProfileError::TooLong));
            }
            check_text(about).map_err(|error| Stop::Refused(error.into()))?;
            new.bio.clone_from(about);
        }
        if edit.picture.as_ref().is_some_and(|file| file.len() > MAX_PICTURE) {
            return Err(Stop::Refused(EditProfileError::PictureTooLarge));
        }
        if let Some(picture) = &kept_picture {
            new.avatar.clone_from(picture);
        }
        let kept = Some(&new).filter(|new| **new != Profile::empty(user));
        if old.as_ref() == kept {
            return Ok(new);
        }
        forget_shown(open, user)?;
        // Nothing of it is in the index.
        let _ = open.put_unaudited(old.as_ref(), kept)?;
        keep_shown(open, &new)?;
        let (before, after) = difference(old.as_ref(), kept);
        let verb = match (&old, kept) {
            (None, _) => Verb::Create,
            (_, None) => Verb::Delete,
            _ => Verb::Change,
        };
        open.audit(account.organization, verb, SubjectKind::Profile, user.0, before, after)?;
        Ok(new)
    })
}

/// A name to show, as it is kept. It follows the rules of names, and is nobody else's.
fn display_name(open: &Open<'_>, account: &User, name: &str) -> Result<String, Stop<EditProfileError>> {
    if name.is_empty() {
        return Ok(String::new());
    }
    let name = check_user_name(name).map_err(|error| Stop::Refused(error.into()))?;
    let holder = open.find(IndexKey::user_name(account.organization, &name))?;
    let is_another_s = holder.is_some_and(|holder| holder != account.id.0);
    if is_another_s || imitates(open, account.organization, &name, Some(account.id))? {
        return Err(Stop::Refused(EditProfileError::Imitates));
    }
    Ok(name)
}

/// What the audit trail shows of two profiles: the fields that differ, and of a picture the first half of its hash.
fn difference(old: Option<&Profile>, new: Option<&Profile>) -> (String, String) {
    let facts = |profile: Option<&Profile>| -> Map<String, Value> {
        let Some(profile) = profile else { return Map::new() };
        let picture = profile.picture();
        let picture =
            picture.map(|(hash, _)| data_encoding::HEXLOWER.encode(&hash[..16])).unwrap_or_default();
        let all = [("display_name", &profile.display_name), ("about", &profile.bio), ("picture", &picture)];
        let said = all.into_iter().filter(|(_, text)| !text.is_empty());
        said.map(|(name, text)| (name.to_owned(), json!(text))).collect()
    };
    let (mut before, mut after) = (facts(old), facts(new));
    let same: Vec<_> = before.keys().filter(|name| before.get(*name) == after.get(*name)).cloned().collect();
    for name in same {
        before.remove(&name);
        after.remove(&name);
    }
    let text = |facts: Map<String, Value>| {
        if facts.is_empty() { String::new() } else { Value::Object(facts).to_string() }
    };
    (text(before), text(after))
}

/// Why something of one's own can't be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PutPreferenceError {
    /// There is no such account.
    #[error("there is no such user")]
    NoSuchUser,
    /// The name isn't one.
    #[error(transparent)]
    Name(#[from] ElementError),
    /// The name is for what the server itself keeps of an account.
    #[error("names that begin with `account.` are the server's own; choose another")]
    Reserved,
    /// The value is too long.
    #[error("a preference has at most {MAX_PREFERENCE} bytes")]
    TooLong,
    /// There are as many as there can be.
    #[error("an account has at most {MAX_PREFERENCES} preferences; take one away first")]
    TooMany,
}

/// An account keeps this under a name from now on; nothing, where the value is empty. Nobody else is told of it, so the audit
/// trail isn't either. Answers whether it is another one than before.
pub fn put_preference(user: UserId, name: String, value: String) -> Write<bool, PutPreferenceError> {
    use PutPreferenceError::{NoSuchUser, Reserved, TooLong, TooMany};
    Write::new(move |open| {
        check_element_name(&name).map_err(|error| Stop::Refused(error.into()))?;
        if is_server_s(&name) {
            return Err(Stop::Refused(Reserved));
        }
        if value.len() > MAX_PREFERENCE {
            return Err(Stop::Refused(TooLong));
        }
        let _: User = open.require(user.0, NoSuchUser)?;
        let organization = organization_of(user.0);
        let key = (organization.0, user.0, name.as_str());
        let settings = &mut open.tables.settings;
        if value.is_empty() {
            return Ok(settings.remove(key)?.is_some());
        }
        if settings.get(key)?.is_none() {
            let theirs = (organization.0, user.0, "")..(organization.0, user.0 + 1, "");
            let mut count = 0;
            for row in settings.range(theirs)? {
                count += usize::from(!is_server_s(row?.0.value().2));
            }
            if count >= MAX_PREFERENCES {
                return Err(Stop::Refused(TooMany));
            }
        }
        let before = settings.insert(key, value.as_str())?.map(|old| old.value().to_owned());
        Ok(before.as_deref() != Some(value.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;

    use super::*;
    use crate::id::Timestamp;
    use crate::store::write::{
        CreateUserError, EditUserError, NOTICE, NewUser, UserEdit, create_user, delete_user, edit_user,
        put_setting, take_notice,
    };
    use crate::store::{AuditFilter, By, Failed, SEEDED_ORGANIZATION as HOME, Setting, Store};

    const BY: fn() -> By = || By::server(Timestamp(1));

    fn create(store: &Store, name: &str) -> Result<UserId, Failed<CreateUserError>> {
        let (email, password) = (None, None);
        let new = NewUser { organization: HOME, name: name.to_owned(), email, password, roles: vec![] };
        store.run(BY(), create_user(new)).map(|user| user.id)
    }

    fn show(store: &Store, user: UserId, name: &str) -> Result<Profile, Failed<EditProfileError>> {
        let edit = ProfileEdit { display_name: Some(name.to_owned()), ..ProfileEdit::default() };
        store.run(BY(), edit_profile(user, edit))
    }

    #[test]
    fn nobody_shows_a_name_that_is_or_looks_like_somebody_else_s() {
        let store = Store::open_on(InMemoryBackend::new(), Timestamp(1)).unwrap();
        let (alice, bob) = (create(&store, "alice").unwrap(), create(&store, "bob").unwrap());
        let refused = Failed::Refused(EditProfileError::Imitates);
        // The account's, in another case; with a Cyrillic letter; and one that looks like it.
        for name in ["bob", "BOB", "b\u{43e}b"] {
            assert_eq!(show(&store, alice, name).unwrap_err(), refused, "{name}");
        }
        // One's own may be shown otherwise.
        assert_eq!(show(&store, alice, "Alice").unwrap().display_name, "Alice");
        assert_eq!(show(&store, alice, "Wonder").unwrap().display_name, "Wonder");
        for name in ["Wonder", "wonder", "W\u{43e}nder"] {
            assert_eq!(show(&store, bob, name).unwrap_err(), refused, "{name}");
        }
        // Nor is an account made, or renamed, to be what another one shows.
        for name in ["wonder", "w\u{43e}nder"] {
            assert_eq!(
                create(&store, name).unwrap_err(),
                Failed::Refused(CreateUserError::Imitates),
                "{name}"
            );
            let edit = UserEdit { name: Some(name.to_owned()), ..UserEdit::default() };
            let renamed = store.run(BY(), edit_user(bob, edit)).unwrap_err();
            assert_eq!(renamed, Failed::Refused(EditUserError::Imitates), "{name}");
            assert!(store.has_name_like(HOME, name).unwrap());
        }
        // An export has what is shown, and what it looks like is kept again when it is loaded.
        let directory = tempfile::tempdir().unwrap();
        let (path, mut lines) = (directory.path().join("again.redb"), Vec::new());
        store.export(&mut lines, Timestamp(2)).unwrap();
        Store::import(&path, &mut lines.as_slice(), Timestamp(3)).unwrap();
        assert!(Store::open(&path, Timestamp(4)).unwrap().has_name_like(HOME, "w\u{43e}nder").unwrap());
        let odd = show(&store, bob, "a@b").unwrap_err();
        assert!(matches!(odd, Failed::Refused(EditProfileError::Name(_))), "{odd:?}");
        assert_eq!(store.verify().unwrap(), []);
        // What is shown no more is free.
        show(&store, alice, "").unwrap();
        assert_eq!(store.profile(alice).unwrap(), None);
        show(&store, bob, "Wonder").unwrap();
        store.run(BY(), delete_user(bob)).unwrap();
        create(&store, "wonder").unwrap();
        assert_eq!(store.verify().unwrap(), []);
    }

    #[test]
    fn what_a_profile_shows_is_bounded_and_its_changes_are_in_the_trail() {
        let store = Store::open_on(InMemoryBackend::new(), Timestamp(1)).unwrap();
        let alice = create(&store, "alice").unwrap();
        let edit = |edit: ProfileEdit| store.run(BY(), edit_profile(alice, edit));
        let about = |text: &str| ProfileEdit { about: Some(text.to_owned()), ..ProfileEdit::default() };
        let picture = |bytes: Vec<u8>| ProfileEdit { picture: Some(bytes), ..ProfileEdit::default() };
        let too_long = edit(about(&"é".repeat(MAX_ABOUT + 1))).unwrap_err();
        assert_eq!(too_long, Failed::Refused(EditProfileError::TooLong));
        let odd = edit(about("a\x1b[2J")).unwrap_err();
        assert_eq!(odd, Failed::Refused(EditProfileError::OutOfBounds(OutOfBounds::Control)));
        let large = edit(picture(vec![0; MAX_PICTURE + 1])).unwrap_err();
        assert_eq!(large, Failed::Refused(EditProfileError::PictureTooLarge));
        edit(about(&"é".repeat(MAX_ABOUT))).unwrap();
        edit(about("sings")).unwrap();
        edit(picture(vec![1; MAX_PICTURE])).unwrap();
        edit(picture(vec![2; 9])).unwrap();
        edit(picture(vec![2; 9])).unwrap();
        edit(ProfileEdit::nothing()).unwrap();
        let filter = AuditFilter { subject: Some(SubjectKind::Profile), ..AuditFilter::default() };
        let trail = store.audit(HOME, &filter, None, 99).unwrap();
        let verbs: Vec<_> = trail.iter().rev().map(|entry| entry.verb).collect();
        assert_eq!(verbs, [Verb::Create, Verb::Change, Verb::Change, Verb::Change, Verb::Delete]);
        assert!(trail[1].before.contains("picture") && trail[1].before != trail[1].after, "{trail:?}");
        assert!(trail[0].before.contains("sings") && trail[0].after.is_empty(), "{trail:?}");
    }

    #[test]
    fn what_follows_a_person_is_bounded_and_goes_with_the_account() {
        let store = Store::open_on(InMemoryBackend::new(), Timestamp(1)).unwrap();
        let (alice, bob) = (create(&store, "alice").unwrap(), create(&store, "bob").unwrap());
        let put = |user, name: &str, value: &str| {
            store.run(BY(), put_preference(user, name.to_owned(), value.to_owned()))
        };
        assert!(put(alice, "page.theme", "dark").unwrap() && put(bob, "page.theme", "light").unwrap());
        assert!(!put(alice, "page.theme", "dark").unwrap());
        for number in 1..MAX_PREFERENCES {
            put(alice, &format!("p{number}"), "1").unwrap();
        }
        assert_eq!(put(alice, "more", "1").unwrap_err(), Failed::Refused(PutPreferenceError::TooMany));
        assert!(put(alice, "page.theme", "light").unwrap());
        assert!(put(alice, "page.theme", "").unwrap() && !put(alice, "page.theme", "").unwrap());
        put(alice, "more", &"x".repeat(MAX_PREFERENCE)).unwrap();
        let long = put(alice, "more", &"x".repeat(MAX_PREFERENCE + 1)).unwrap_err();
        assert_eq!(long, Failed::Refused(PutPreferenceError::TooLong));
        // What the server itself keeps there is neither written nor counted.
        let notice = |value: &str| Setting {
            organization: HOME,
            user: Some(alice),
            name: NOTICE.to_owned(),
            value: value.to_owned(),
        };
        store.run(BY(), put_setting(notice("it was used from two places"))).unwrap();
        for (name, value) in [(NOTICE, ""), (NOTICE, "1"), ("account.other", "1")] {
            assert_eq!(put(alice, name, value).unwrap_err(), Failed::Refused(PutPreferenceError::Reserved));
        }
        put(alice, "p1", "").unwrap();
        put(alice, "p1", "1").unwrap();
        assert_eq!(store.run(BY(), take_notice(alice)).unwrap(), Some(notice("it was used from two places")));
        let odd = put(alice, "No Name", "1").unwrap_err();
        assert_eq!(odd, Failed::Refused(PutPreferenceError::Name(ElementError::Name)));
        assert_eq!(put(UserId(99), "a", "1").unwrap_err(), Failed::Refused(PutPreferenceError::NoSuchUser));
        store.run(BY(), delete_user(alice)).unwrap();
        assert_eq!(store.settings(HOME, Some(alice)).unwrap(), []);
        assert_eq!(store.settings(HOME, Some(bob)).unwrap().len(), 1);
        assert_eq!(store.verify().unwrap(), []);
    }
}
