//! What programs keep on channels, accounts and recordings.

use serde_json::{Value, json};
use thiserror::Error;

use super::super::error::{ReadError, Stop};
use super::super::open::Open;
use super::super::record::{Channel, Element, ElementUse, SubjectKind, User, Verb, element_key, place_key};
use super::super::row::Record;
use super::super::table::organization_of;
use super::Write;
use crate::bounds::{
    ElementError, MAX_ELEMENT_BYTES, MAX_ELEMENTS, MAX_ELEMENTS_OF_ONE, check_element_name,
    check_element_value,
};
use crate::id::{ChannelId, ElementPlace, OrganizationId, RecordingId};

/// An element as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewElement {
    /// Whose.
    pub organization: OrganizationId,
    /// What it is on.
    pub on: ElementPlace,
    /// Its name there.
    pub name: String,
    /// JSON.
    pub value: String,
}

/// Why an element can't be set or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PutElementError {
    /// The channel isn't there.
    #[error("there is no such channel")]
    NoSuchChannel,
    /// The account isn't there.
    #[error("there is no such user")]
    NoSuchUser,
    /// There is no element of this name.
    #[error("there is no element of this name here; list those that there are")]
    NoSuchElement,
    /// It isn't the version that was asked for.
    #[error("somebody else has changed this meanwhile: it has version {0} now; read it and try again")]
    Changed(u64),
    /// It has a name that isn't one, or a value that isn't one.
    #[error(transparent)]
    Unfit(#[from] ElementError),
    /// There are as many on this as there can be.
    #[error(
        "there can be {MAX_ELEMENTS_OF_ONE} elements on one channel, account or recording; remove one first"
    )]
    TooMany,
    /// The organization has as many as it may.
    #[error(
        "an organization has at most {MAX_ELEMENTS} elements of {} MiB together; remove some first",
        MAX_ELEMENT_BYTES >> 20
    )]
    Quota,
}

/// An element is this from now on, if it has the version that is expected: 0 for none that is there, `None` for whatever.
/// Answers with it.
pub fn put_element(new: NewElement, expected: Option<u64>) -> Write<Element, PutElementError> {
    use PutElementError::{Quota, TooMany};
    Write::new(move |open| {
        let NewElement { organization, on, name, value } = new.clone();
        check_element_name(&name).and_then(|()| check_element_value(&value)).map_err(refused)?;
        is_there(open, organization, on)?;
        let old = element(open, organization, on, &name)?;
        check_version(old.as_ref(), expected)?;
        let before = element_use(open, organization)?;
        let last = before.last + 1;
        let element = Element { organization, on, name, value, version: last, changed: open.by.at };
        let gone = old.as_ref().map_or(0, Element::bytes);
        let bytes = before.bytes.saturating_sub(gone) + element.bytes();
        let count = before.count + u64::from(old.is_none());
        let is_more = element.bytes() > gone;
        if (old.is_none() && count > MAX_ELEMENTS) || (is_more && bytes > MAX_ELEMENT_BYTES) {
            return Err(Stop::Refused(Quota));
        }
        if old.is_none()
            && open.tables.elements.range(keys_of(organization, on))?.count() >= MAX_ELEMENTS_OF_ONE
        {
            return Err(Stop::Refused(TooMany));
        }
        // It has nothing that must be unique beside its key.
        let _ = open.put_unaudited(old.as_ref(), Some(&element))?;
        let used = ElementUse { organization, count, bytes, last };
        let _ = open.put_unaudited(Some(&before), Some(&used))?;
        let verb = if old.is_some() { Verb::Change } else { Verb::Create };
        note(open, verb, old.as_ref(), Some(&element))?;
        Ok(element)
    })
}

/// An element goes, if it has the version that is expected; `None` for whatever.
pub fn remove_element(
    organization: OrganizationId,
    on: ElementPlace,
    name: String,
    expected: Option<u64>,
) -> Write<(), PutElementError> {
    Write::new(move |open| {
        let old = element(open, organization, on, &name)?;
        let old = old.ok_or(Stop::Refused(PutElementError::NoSuchElement))?;
        check_version(Some(&old), expected)?;
        let _ = open.put_unaudited(Some(&old), None)?;
        count_out(open, organization, 1, old.bytes())?;
        note(open, Verb::Delete, Some(&old), None)?;
        Ok(())
    })
}

/// What is kept on a recording goes with it; the audit trail tells of the recording.
pub fn forget_recording(
    organization: OrganizationId,
    channel: ChannelId,
    recording: RecordingId,
    said: Value,
) -> Write<(), std::convert::Infallible> {
    Write::new(move |open| {
        remove_elements_of(open, organization, ElementPlace::Recording(recording))?;
        let said = said.to_string();
        open.audit(organization, Verb::Delete, SubjectKind::Recording, channel.0, String::new(), said)?;
        Ok(())
    })
}

/// What is kept on recordings that aren't there any more goes.
pub fn keep_recordings(
    organization: OrganizationId,
    there: Vec<RecordingId>,
) -> Write<u64, std::convert::Infallible> {
    Write::new(move |open| {
        let mut going = Vec::new();
        for row in open.tables.elements.range(on_recordings(organization))? {
            let (key, _) = row?;
            let recording = RecordingId(key.value().2);
            if !there.contains(&recording) && going.last() != Some(&recording) {
                going.push(recording);
            }
        }
        for recording in &going {
            remove_elements_of(open, organization, ElementPlace::Recording(*recording))?;
        }
        Ok(going.len() as u64)
    })
}

/// What is kept on something goes with it, without a word in the audit trail.
pub(super) fn remove_elements_of(
    open: &mut Open<'_>,
    organization: OrganizationId,
    on: ElementPlace,
) -> Result<(), ReadError> {
    let (mut count, mut bytes) = (0, 0);
    for row in open.tables.elements.range(keys_of(organization, on))? {
        count += 1;
        bytes += Element::decode(row?.1.value())?.bytes();
    }
    if count > 0 {
        open.tables.elements.retain_in(keys_of(organization, on), |_, _| false)?;
        count_out(open, organization, count, bytes)?;
    }
    Ok(())
}

/// The keys of the elements on something.
pub(in crate::store) fn keys_of(
    organization: OrganizationId,
    on: ElementPlace,
) -> std::ops::RangeInclusive<(u64, u8, u64, u64)> {
    let (kind, id) = place_key(on);
    (organization.0, kind, id, 0)..=(organization.0, kind, id, u64::MAX)
}

/// The keys of the elements on recordings.
pub(in crate::store) fn on_recordings(
    organization: OrganizationId,
) -> std::ops::RangeInclusive<(u64, u8, u64, u64)> {
    let recording = |id| *keys_of(organization, ElementPlace::Recording(RecordingId(id))).start();
    let (first, last) = (recording(0), recording(u64::MAX));
    first..=(last.0, last.1, last.2, u64::MAX)
}

fn refused(error: ElementError) -> Stop<PutElementError> {
    Stop::Refused(error.into())
}

/// Whether what an element is to be on is there, as far as the database has it: recordings are files.
fn is_there(
    open: &mut Open<'_>,
    organization: OrganizationId,
    on: ElementPlace,
) -> Result<(), Stop<PutElementError>> {
    match on {
        ElementPlace::Channel(channel) => {
            let absent = PutElementError::NoSuchChannel;
            let _: Channel = open.require(channel.0, absent)?;
            if organization_of(channel.0) == organization { Ok(()) } else { Err(Stop::Refused(absent)) }
        }
        ElementPlace::User(user) => {
            let absent = PutElementError::NoSuchUser;
            let _: User = open.require(user.0, absent)?;
            if organization_of(user.0) == organization { Ok(()) } else { Err(Stop::Refused(absent)) }
        }
        ElementPlace::Recording(_) => Ok(()),
    }
}

/// The element of a name. Another one whose name has the same eight bytes isn't it.
fn element(
    open: &mut Open<'_>,
    organization: OrganizationId,
    on: ElementPlace,
    name: &str,
) -> Result<Option<Element>, ReadError> {
    let found: Option<Element> = open.get(element_key(organization, on, name))?;
    Ok(found.filter(|found| found.name == name))
}

fn check_version(old: Option<&Element>, expected: Option<u64>) -> Result<(), Stop<PutElementError>> {
    let version = old.map_or(0, |old| old.version);
    match expected {
        Some(expected) if expected != version => Err(Stop::Refused(PutElementError::Changed(version))),
        Some(_) | None => Ok(()),
    }
}

fn element_use(open: &mut Open<'_>, organization: OrganizationId) -> Result<ElementUse, ReadError> {
    let none = ElementUse { organization, count: 0, bytes: 0, last: 0 };
    Ok(open.get(organization.0)?.unwrap_or(none))
}

fn count_out(
    open: &mut Open<'_>,
    organization: OrganizationId,
    count: u64,
    bytes: u64,
) -> Result<(), ReadError> {
    let before = element_use(open, organization)?;
    let count = before.count.saturating_sub(count);
    let used = ElementUse { count, bytes: before.bytes.saturating_sub(bytes), ..before };
    // It has nothing that must be unique.
    let _ = open.put_unaudited(Some(&before), Some(&used))?;
    Ok(())
}

/// Says in the audit trail what was done to an element. What programs keep is shown to whoever may see what it is on, and
/// not to everybody who reads the trail.
fn note(
    open: &mut Open<'_>,
    verb: Verb,
    old: Option<&Element>,
    new: Option<&Element>,
) -> Result<(), ReadError> {
    let Some(either) = new.or(old) else { return Ok(()) };
    let (organization, (_, id)) = (either.organization, place_key(either.on));
    let words = |element: Option<&Element>| {
        let words =
            |one: &Element| json!({ "on": one.on, "name": one.name, "version": one.version }).to_string();
        element.map_or_else(String::new, words)
    };
    open.audit(organization, verb, SubjectKind::Element, id, words(old), words(new))
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;

    use super::*;
    use crate::id::{Timestamp, UserId};
    use crate::store::write::{NewUser, create_user, delete_channel, delete_user};
    use crate::store::{AuditFilter, By, Failed, SEEDED_ORGANIZATION as HOME, Store};

    fn store() -> (Store, UserId, ChannelId) {
        let store = Store::open_on(InMemoryBackend::new(), Timestamp(1)).unwrap();
        let (name, email, password) = ("alice".to_owned(), None, None);
        let new = NewUser { organization: HOME, name, email, password, roles: vec![] };
        let user = store.run(By::server(Timestamp(1)), create_user(new)).unwrap().id;
        let channel = store.channels(HOME, None, 1).unwrap()[0].id;
        (store, user, channel)
    }

    fn put(
        store: &Store,
        on: ElementPlace,
        name: &str,
        value: &str,
        expected: Option<u64>,
    ) -> Result<Element, PutElementError> {
        let (name, value) = (name.to_owned(), value.to_owned());
        let new = NewElement { organization: HOME, on, name, value };
        store.run(By::server(Timestamp(5)), put_element(new, expected)).map_err(|failed| match failed {
            Failed::Refused(refused) => refused,
            other @ Failed::Commit(_) => panic!("{other:?}"),
        })
    }

    #[test]
    fn an_element_is_set_if_nobody_was_faster_and_goes_with_what_it_is_on() {
        let (store, user, channel) = store();
        let (on, own) = (ElementPlace::Channel(channel), ElementPlace::User(user));
        let first = put(&store, on, "bot.a", "1", Some(0)).unwrap();
        assert_eq!((first.version, first.changed), (1, Timestamp(5)));
        assert_eq!(put(&store, on, "bot.a", "2", Some(0)), Err(PutElementError::Changed(1)));
        assert_eq!(put(&store, on, "bot.b", "2", Some(1)), Err(PutElementError::Changed(0)));
        let second = put(&store, on, "bot.a", "[2]", Some(1)).unwrap();
        assert_eq!(store.element(HOME, on, "bot.a").unwrap(), Some(second.clone()));
        put(&store, own, "bot.a", "\"mine\"", None).unwrap();
        assert_eq!(store.elements(HOME, on).unwrap(), [second]);
        let by = By::server(Timestamp(6));
        let remove = |expected| store.run(by, remove_element(HOME, on, "bot.a".to_owned(), expected));
        assert_eq!(remove(Some(1)).unwrap_err(), Failed::Refused(PutElementError::Changed(2)));
        remove(Some(2)).unwrap();
        assert_eq!(remove(None).unwrap_err(), Failed::Refused(PutElementError::NoSuchElement));
        // A version is never the same again, so nobody takes the new one for the one before.
        assert_eq!(put(&store, on, "bot.a", "1", None).unwrap().version, 4);
        assert_eq!(store.verify().unwrap(), []);
        let nobody = ElementPlace::User(UserId(99));
        assert_eq!(put(&store, nobody, "bot.a", "1", None), Err(PutElementError::NoSuchUser));
        let nowhere = ElementPlace::Channel(ChannelId(99));
        assert_eq!(put(&store, nowhere, "bot.a", "1", None), Err(PutElementError::NoSuchChannel));
        store.run(by, delete_channel(channel)).unwrap();
        store.run(by, delete_user(user)).unwrap();
        assert_eq!(store.elements(HOME, on).unwrap(), []);
        assert_eq!(store.elements(HOME, own).unwrap(), []);
        assert_eq!(store.verify().unwrap(), []);
        let filter = AuditFilter { subject: Some(SubjectKind::Element), ..AuditFilter::default() };
        let trail = store.audit(HOME, &filter, None, 99).unwrap();
        assert_eq!(trail.len(), 5);
        assert!(trail.iter().all(|entry| !format!("{entry:?}").contains("mine")), "{trail:?}");
    }

    #[test]
    fn elements_have_their_bounds() {
        let (store, user, channel) = store();
        let (on, own) = (ElementPlace::Channel(channel), ElementPlace::User(user));
        for number in 0..MAX_ELEMENTS_OF_ONE {
            put(&store, on, &format!("a{number}"), "1", None).unwrap();
        }
        assert_eq!(put(&store, on, "one.more", "1", None), Err(PutElementError::TooMany));
        put(&store, on, "a0", "2", None).unwrap();
        assert_eq!(put(&store, on, "A", "1", None), Err(PutElementError::Unfit(ElementError::Name)));
        assert_eq!(put(&store, on, "a", "{", None), Err(PutElementError::Unfit(ElementError::Json(1, 1))));
        let by = By::server(Timestamp(5));
        let used = |count: u64, bytes: u64| {
            Write::<(), std::convert::Infallible>::new(move |open| {
                let before = element_use(open, HOME)?;
                let _ = open.put_unaudited(Some(&before), Some(&ElementUse { count, bytes, ..before }))?;
                Ok(())
            })
        };
        store.run(by, used(MAX_ELEMENTS, 0)).unwrap();
        assert_eq!(put(&store, own, "b", "1", None), Err(PutElementError::Quota));
        put(&store, on, "a0", "3", None).unwrap();
        store.run(by, used(MAX_ELEMENTS_OF_ONE as u64, MAX_ELEMENT_BYTES)).unwrap();
        assert_eq!(put(&store, on, "a0", "1000", None), Err(PutElementError::Quota));
        // What gets no larger is always taken.
        put(&store, on, "a0", "4", None).unwrap();
        assert_ne!(store.verify().unwrap(), [], "the count is wrong");
    }

    #[test]
    fn what_is_on_a_recording_goes_with_it() {
        let (store, _, channel) = store();
        let one = |id| ElementPlace::Recording(RecordingId(id));
        for id in [1, 2, 3, u64::MAX] {
            put(&store, one(id), "bot.title", "\"x\"", None).unwrap();
        }
        let by = By::server(Timestamp(5));
        store.run(by, forget_recording(HOME, channel, RecordingId(1), json!({ "recording": 1 }))).unwrap();
        assert_eq!(store.elements(HOME, one(1)).unwrap(), []);
        assert_eq!(store.run(by, keep_recordings(HOME, vec![RecordingId(3)])).unwrap(), 2);
        let left: Vec<_> = [1, 2, 3, u64::MAX].map(|id| store.elements(HOME, one(id)).unwrap().len()).into();
        assert_eq!(left, [0, 0, 1, 0]);
        assert_eq!(store.verify().unwrap(), []);
    }
}
