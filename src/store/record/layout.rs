//! How a value of the program is laid out in a row.

use std::marker::PhantomData;

use rkyv::rancor::{Fallible, Source, fail};
use rkyv::with::{ArchiveWith, DeserializeWith, SerializeWith};
use rkyv::{Archive, Deserialize, Place, Serialize};
use thiserror::Error;

use crate::bounds::Registration;

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

impl From<&Registration> for u8 {
    fn from(registration: &Registration) -> Self {
        registration.number()
    }
}

impl TryFrom<u8> for Registration {
    type Error = ();

    fn try_from(number: u8) -> Result<Self, ()> {
        Self::from_number(number).ok_or(())
    }
}
