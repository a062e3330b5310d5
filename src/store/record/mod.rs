//! The records: what the rest of the program sees, and what a row holds. A change of a field here is a
//! change of the file's format: it needs the next version, a migration and new golden bytes (see
//! `golden_tests`).

mod access;
mod account;
mod audit;
mod device;
mod job;
mod ledger;
mod place;

pub use access::{ApiKey, Ban, BanSubject, Claim, OneTimeToken, Purpose, Session};
pub use account::{Grant, Limits, Organization, Profile, Restraint, Role, User};
pub use audit::{AuditEntry, Author, SubjectKind, Verb};
pub use device::{Device, DeviceKey, Mail, SecondFactor};
pub use job::{Job, JobKind, JobState};
pub(super) use ledger::{Counted, Ledger, SERVER};
pub use place::{Channel, Favourite, OrganizationSettings, Setting};
pub(super) use place::{StoredOverwrite, subject_key};

use std::marker::PhantomData;

use rkyv::rancor::{Fallible, Source, fail};
use rkyv::with::{ArchiveWith, DeserializeWith, SerializeWith};
use rkyv::{Archive, Deserialize, Place, Serialize};
use thiserror::Error;

use crate::id::{OrganizationId, RoleId};

/// The one organization of a new database.
pub const SEEDED_ORGANIZATION: OrganizationId = OrganizationId::FIRST;

/// The role of the first organization's owner: whoever has it may do everything. Another organization's is
/// [`OrganizationId::role`] of it.
pub const OWNER: RoleId = RoleId(1);

/// The role of the first organization's guests.
pub const GUEST: RoleId = RoleId(4);

/// Archives a value as its layout `L`: an identifier as its number, a hash as its bytes.
pub(super) struct As<L>(PhantomData<L>);

/// A layout whose value the program doesn't know.
#[derive(Debug, Error)]
#[error("a stored value is unknown")]
struct UnknownValue;

impl<L, T> ArchiveWith<T> for As<L>
where
    L: Archive + for<'a> From<&'a T>,
{
    type Archived = L::Archived;
    type Resolver = L::Resolver;

    fn resolve_with(value: &T, resolver: Self::Resolver, out: Place<Self::Archived>) {
        L::from(value).resolve(resolver, out);
    }
}

impl<L, T, S> SerializeWith<T, S> for As<L>
where
    L: Archive + Serialize<S> + for<'a> From<&'a T>,
    S: Fallible + ?Sized,
{
    fn serialize_with(value: &T, serializer: &mut S) -> Result<Self::Resolver, S::Error> {
        L::from(value).serialize(serializer)
    }
}

impl<L, T, D> DeserializeWith<L::Archived, T, D> for As<L>
where
    L: Archive,
    L::Archived: Deserialize<L, D>,
    T: TryFrom<L>,
    D: Fallible<Error: Source> + ?Sized,
{
    fn deserialize_with(archived: &L::Archived, deserializer: &mut D) -> Result<T, D::Error> {
        match T::try_from(archived.deserialize(deserializer)?) {
            Ok(value) => Ok(value),
            Err(_) => fail!(UnknownValue),
        }
    }
}
