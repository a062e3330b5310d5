//! Settings, what an organization says to whoever comes, what moderators laid upon somebody and keep of them, and favourites.

use serde_json::json;
use thiserror::Error;

use super::super::error::{ReadError, Stop};
use super::super::open::Open;
use super::super::record::{
    Note, Organization, OrganizationSettings, Restraint, Setting, SubjectKind, User, Verb,
};
use super::super::row::Record;
use super::super::table::organization_of;
use super::Write;
use super::rows::is_channel_of;
use crate::bounds::{OutOfBounds, check_text};
use crate::id::{ChannelId, UserId};

/// Bytes of a setting's name and value together at most.
pub const MAX_SETTING: usize = 16 * 1024;

/// Favourites of one user at most.
pub const MAX_FAVOURITES: usize = 100;

/// Why a setting can't be put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SettingError {
    /// The organization doesn't exist.
    #[error("there is no such organization")]
    NoSuchOrganization,
    /// The user doesn't exist there.
    #[error("there is no such user")]
    NoSuchUser,
    /// It is too long.
    #[error("a setting has at most {MAX_SETTING} bytes")]
    TooLong,
}

/// A setting has this value from now on; an empty one takes it away.
pub fn put_setting(setting: Setting) -> Write<(), SettingError> {
    Write::new(move |open| {
        let Setting { organization, user, name, value } = setting.clone();
        if name.len() + value.len() > MAX_SETTING {
            return Err(Stop::Refused(SettingError::TooLong));
        }
        let _: Organization = open.require(organization.0, SettingError::NoSuchOrganization)?;
        if let Some(user) = user {
            let user: User = open.require(user.0, SettingError::NoSuchUser)?;
            if user.organization != organization {
                return Err(Stop::Refused(SettingError::NoSuchUser));
            }
        }
        let whose = user.map_or(0, u64::from);
        let key = (organization.0, whose, name.as_str());
        let settings = &mut open.tables.settings;
        let before = if value.is_empty() {
            settings.remove(key)?.map(|old| old.value().to_owned())
        } else {
            settings.insert(key, value.as_str())?.map(|old| old.value().to_owned())
        };
        let before = before.unwrap_or_default();
        if before == value {
            return Ok(());
        }
        let verb = match (before.is_empty(), value.is_empty()) {
            (true, _) => Verb::Create,
            (_, true) => Verb::Delete,
            _ => Verb::Change,
        };
        let words = |value: String| {
            if value.is_empty() { value } else { json!({ name.as_str(): value }).to_string() }
        };
        open.audit(organization, verb, SubjectKind::Setting, whose, words(before), words(value))?;
        Ok(())
    })
}

/// Why what an organization says to whoever comes can't be put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PutOrganizationSettingsError {
    /// The organization doesn't exist.
    #[error("there is no such organization")]
    NoSuchOrganization,
    /// A channel isn't one of the organization's.
    #[error("there is no such channel")]
    NoSuchChannel,
    /// The welcome is too long.
    #[error("a welcome has at most {MAX_SETTING} bytes")]
    TooLong,
}

/// What everybody meets who comes to an organization is this from now on.
pub fn put_organization_settings(settings: OrganizationSettings) -> Write<(), PutOrganizationSettingsError> {
    use PutOrganizationSettingsError::{NoSuchChannel, NoSuchOrganization, TooLong};
    Write::new(move |open| {
        let organization = settings.organization;
        if settings.welcome.len() > MAX_SETTING {
            return Err(Stop::Refused(TooLong));
        }
        let _: Organization = open.require(organization.0, NoSuchOrganization)?;
        for channel in settings.default_channel.into_iter().chain(settings.afk_channel) {
            if !is_channel_of(open, channel, organization)? {
                return Err(Stop::Refused(NoSuchChannel));
            }
        }
        let old: Option<OrganizationSettings> = open.get(organization.0)?;
        replace(open, old.as_ref(), &settings)?;
        Ok(())
    })
}

/// Puts an organization's settings in place of others; those that say nothing have no row.
pub(super) fn replace(
    open: &mut Open<'_>,
    old: Option<&OrganizationSettings>,
    new: &OrganizationSettings,
) -> Result<(), ReadError> {
    let new = Some(new).filter(|new| **new != OrganizationSettings::new(new.organization));
    // They have nothing that must be unique.
    let _ = open.put(old, new)?;
    Ok(())
}

/// Why nothing can be laid upon somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PutRestraintError {
    /// There is no such user in the organization.
    #[error("there is no such user")]
    NoSuchUser,
}

/// This is laid upon a user from now on; nothing, where the restraint says nothing.
pub fn put_restraint(restraint: Restraint) -> Write<(), PutRestraintError> {
    Write::new(move |open| {
        let Restraint { organization, user, muted, deafened } = restraint;
        let user: User = open.require(user.0, PutRestraintError::NoSuchUser)?;
        if user.organization != organization {
            return Err(Stop::Refused(PutRestraintError::NoSuchUser));
        }
        let old: Option<Restraint> = open.get(restraint.key())?;
        // It has nothing that must be unique.
        let _ = open.put(old.as_ref(), Some(&restraint).filter(|_| muted || deafened))?;
        Ok(())
    })
}

/// Characters of a note at most.
pub const MAX_NOTE: usize = 1_000;

/// Why a note can't be put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PutNoteError {
    /// There is no such user in the organization.
    #[error("there is no such user")]
    NoSuchUser,
    /// It is too long.
    #[error("a note has at most {MAX_NOTE} characters")]
    TooLong,
    /// It has characters that nobody writes.
    #[error(transparent)]
    OutOfBounds(#[from] OutOfBounds),
}

/// This is what moderators keep of a user from now on; nothing, where the note says nothing.
pub fn put_note(note: Note) -> Write<(), PutNoteError> {
    Write::new(move |open| {
        if note.text.chars().count() > MAX_NOTE {
            return Err(Stop::Refused(PutNoteError::TooLong));
        }
        check_text(&note.text).map_err(|error| Stop::Refused(error.into()))?;
        let user: User = open.require(note.user.0, PutNoteError::NoSuchUser)?;
        if user.organization != note.organization {
            return Err(Stop::Refused(PutNoteError::NoSuchUser));
        }
        let old: Option<Note> = open.get(note.key())?;
        let new = Some(&note).filter(|note| !note.text.is_empty());
        if old.as_ref() == new {
            return Ok(());
        }
        // It has nothing that must be unique.
        let _ = open.put_unaudited(old.as_ref(), new)?;
        let shown =
            |note: bool| if note { json!({ "text": "(not shown)" }).to_string() } else { String::new() };
        let verb = match (&old, new) {
            (None, _) => Verb::Create,
            (_, None) => Verb::Delete,
            _ => Verb::Change,
        };
        let (before, after) = (shown(old.is_some()), shown(new.is_some()));
        open.audit(user.organization, verb, SubjectKind::Note, user.id.0, before, after)?;
        Ok(())
    })
}

/// Why a favourite can't be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FavouriteError {
    /// There is no such user.
    #[error("there is no such user")]
    NoSuchUser,
    /// There is no such channel.
    #[error("there is no such channel")]
    NoSuchChannel,
    /// The user has as many as there can be.
    #[error("there can be {MAX_FAVOURITES} favourites; take one away first")]
    TooMany,
}

/// A channel becomes a user's favourite, or is it no more.
pub fn set_favourite(user: UserId, channel: ChannelId, is_one: bool) -> Write<(), FavouriteError> {
    Write::new(move |open| {
        let owner: User = open.require(user.0, FavouriteError::NoSuchUser)?;
        if !is_channel_of(open, channel, organization_of(user.0))? {
            return Err(Stop::Refused(FavouriteError::NoSuchChannel));
        }
        let key = (user.0, channel.0);
        let was_one = open.tables.favourites.get(key)?.is_some();
        if was_one == is_one {
            return Ok(());
        }
        if is_one {
            let held = open.tables.favourites.range((user.0, 0)..=(user.0, u64::MAX))?.count();
            if held >= MAX_FAVOURITES {
                return Err(Stop::Refused(FavouriteError::TooMany));
            }
            open.tables.favourites.insert(key, open.by.at.0)?;
        } else {
            open.tables.favourites.remove(key)?;
        }
        let (verb, words) =
            (if is_one { Verb::Create } else { Verb::Delete }, json!({ "channel": channel }).to_string());
        let (before, after) = if is_one { (String::new(), words) } else { (words, String::new()) };
        open.audit(owner.organization, verb, SubjectKind::Favourite, user.0, before, after)?;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;

    use super::*;
    use crate::id::Timestamp;
    use crate::store::write::{NewUser, create_user, delete_user};
    use crate::store::{AuditFilter, By, Failed, SEEDED_ORGANIZATION as HOME, Store};

    #[test]
    fn a_note_is_kept_told_in_the_trail_without_its_text_and_goes_with_its_user() {
        let store = Store::open_on(InMemoryBackend::new(), Timestamp(1)).unwrap();
        let by = By::server(Timestamp(1));
        let (name, email, password) = ("alice".to_owned(), None, None);
        let new = NewUser { organization: HOME, name, email, password, roles: vec![] };
        let user = store.run(by, create_user(new)).unwrap().id;
        let put = |user, text: &str| put_note(Note { organization: HOME, user, text: text.to_owned() });
        let too_long = store.run(by, put(user, &"é".repeat(MAX_NOTE + 1))).unwrap_err();
        assert_eq!(too_long, Failed::Refused(PutNoteError::TooLong));
        let odd = store.run(by, put(user, "a\x1b[2J")).unwrap_err();
        assert_eq!(odd, Failed::Refused(PutNoteError::OutOfBounds(OutOfBounds::Control)));
        store.run(by, put(user, &"é".repeat(MAX_NOTE))).unwrap();
        let nobody = store.run(by, put(UserId(99), "x")).unwrap_err();
        assert_eq!(nobody, Failed::Refused(PutNoteError::NoSuchUser));
        for text in ["shouts", "shouts a lot", "", "is well again"] {
            store.run(by, put(user, text)).unwrap();
            store.run(by, put(user, text)).unwrap();
            let kept = store.note(user).unwrap().map(|note| note.text).unwrap_or_default();
            assert_eq!(kept, text);
        }
        let filter = AuditFilter { subject: Some(SubjectKind::Note), ..AuditFilter::default() };
        let trail = store.audit(HOME, &filter, None, 99).unwrap();
        let verbs: Vec<_> = trail.iter().rev().map(|entry| entry.verb).collect();
        assert_eq!(verbs, [Verb::Create, Verb::Change, Verb::Change, Verb::Delete, Verb::Create]);
        assert!(trail.iter().all(|entry| !format!("{entry:?}").contains("shouts")), "{trail:?}");
        assert_eq!(store.verify().unwrap(), []);
        store.run(by, delete_user(user)).unwrap();
        assert_eq!(store.note(user).unwrap(), None);
        assert_eq!(store.verify().unwrap(), []);
    }
}
