//! What the tests of the store share: a store of their own, which is whole when they end, and what is put into it.
use std::net::IpAddr;

use parlour::auth::{StoredPassword, TokenHash};
use parlour::id::{ChannelId, OrganizationId, RoleId, Timestamp, UserId};
use parlour::store::write::*;
use parlour::store::*;
use tempfile::TempDir;

pub(crate) const HOME: OrganizationId = SEEDED_ORGANIZATION;
pub(crate) const NOW: Timestamp = Timestamp(1_760_000_000_000);

/// A store in a directory of its own.
#[derive(Debug)]
pub(crate) struct Fixture {
    store: Option<Store>,
    directory: TempDir,
}

impl std::ops::Deref for Fixture {
    type Target = Store;

    fn deref(&self) -> &Store {
        self.store.as_ref().unwrap()
    }
}

impl Drop for Fixture {
    /// Whatever a test did: the store is whole afterwards, and once more when it was opened again.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.verify().unwrap(), []);
            self.reopen();
            assert_eq!(self.verify().unwrap(), []);
        }
    }
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::of(tempfile::tempdir().unwrap())
    }

    /// The store of a directory, made if there is none.
    pub(crate) fn of(directory: TempDir) -> Self {
        let store = Some(Store::open(&directory.path().join(STORE_FILE), NOW).unwrap());
        Self { store, directory }
    }

    pub(crate) fn reopen(&mut self) {
        self.store = None;
        self.store = Some(Store::open(&self.directory.path().join(STORE_FILE), NOW).unwrap());
    }

    pub(crate) fn at<T: Send + 'static, E: Send + 'static>(
        &self,
        at: Timestamp,
        write: Write<T, E>,
    ) -> Result<T, Failed<E>> {
        self.run(By::new(Author::Operator, None, at), write)
    }

    pub(crate) fn write<T: Send + 'static, E: Send + 'static>(
        &self,
        write: Write<T, E>,
    ) -> Result<T, Failed<E>> {
        self.at(NOW, write)
    }

    pub(crate) fn add_user(&self, name: &str) -> User {
        self.write(create_user(new_user(name))).unwrap()
    }

    pub(crate) fn add_channel(
        &self,
        name: &str,
        parent: Option<ChannelId>,
    ) -> Result<Channel, Failed<PutChannelError>> {
        self.write(create_channel(new_channel(name, parent)))
    }

    pub(crate) fn add_session(&self, user: UserId, token: u8, expires: Timestamp) -> Session {
        let row = self.new_session(user, token, expires);
        self.write(begin_session(NewSession::unproven(row))).unwrap().session
    }

    pub(crate) fn new_session(&self, user: UserId, token: u8, expires: Timestamp) -> Session {
        Session {
            id: self.new_session_id(),
            user,
            token: TokenHash([token; 32]),
            created: NOW,
            expires,
            device: "laptop".to_owned(),
            address: Some(IpAddr::from([192, 0, 2, 7])),
        }
    }

    pub(crate) fn organization_named(&self, tag: &str, limits: Limits) -> Organization {
        let new = NewOrganization { tag: tag.to_owned(), name: tag.to_uppercase(), limits, claim: None };
        self.write(create_organization(new)).unwrap()
    }
}

pub(crate) fn new_user(name: &str) -> NewUser {
    NewUser {
        organization: HOME,
        name: name.to_owned(),
        email: Some(format!("{name}@example.org")),
        password: Some(StoredPassword::decoy()),
        roles: vec![RoleId(3)],
    }
}

pub(crate) fn new_channel(name: &str, parent: Option<ChannelId>) -> Channel {
    Channel::new(HOME, parent, name)
}

pub(crate) fn invite(hash: u8, uses: u32) -> NewToken {
    NewToken {
        organization: HOME,
        purpose: Purpose::Invite,
        hash: TokenHash([hash; 32]),
        user: None,
        uses,
        expires: later(10),
        email: None,
        channel: Some(ChannelId(1)),
        roles: vec![RoleId(3)],
    }
}

pub(crate) fn later(seconds: u64) -> Timestamp {
    Timestamp(NOW.0 + seconds * 1_000)
}
