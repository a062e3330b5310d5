//! What a session, a key or a program asks for is permitted before it is written. Here it is looked at again: once that has
//! ended, nothing is written for it any more, so that whoever closes the ways into an account finds none made behind it.

use thiserror::Error;

use super::super::error::{ReadError, Stop};
use super::super::open::Open;
use super::super::record::{ApiKey, Author, OAuthFamily};
use super::Write;
use super::session::find;
use crate::id::Way;

/// Why something isn't written that somebody asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AskedError<E> {
    /// The session, the key or the program by which they ask has ended since.
    #[error("what you asked by has ended; log in again")]
    Ended,
    /// It is refused as it would be to anybody.
    #[error("{0}")]
    Refused(E),
}

impl<T: 'static, E: 'static> Write<T, E> {
    /// The same, refused where the session, the key or the program by which its author asks is there no more. The server, the
    /// machine's owner and guests have none.
    pub fn while_asked(self) -> Write<T, AskedError<E>> {
        Write::new(move |open| {
            if !is_asked(open)? {
                return Err(Stop::Refused(AskedError::Ended));
            }
            (self.0)(open).map_err(|stop| match stop {
                Stop::Refused(error) => Stop::Refused(AskedError::Refused(error)),
                Stop::Broken(error) => Stop::Broken(error),
            })
        })
    }
}

fn is_asked(open: &mut Open<'_>) -> Result<bool, ReadError> {
    let (by, now) = (open.by, open.by.at);
    let Author::User(user) = by.author else { return Ok(true) };
    if let Some(session) = by.session {
        return Ok(find(open, user, session)?.is_some_and(|session| now < session.expires));
    }
    Ok(match by.way {
        Some(Way::Key(key)) => open
            .get::<ApiKey>(key.0)?
            .is_some_and(|key| key.user == user && key.expires.is_none_or(|end| now < end)),
        Some(Way::Program { family, .. }) => {
            open.get::<OAuthFamily>((user.0, family.0))?.is_some_and(|family| now < family.expires)
        }
        // Of a step it is looked at by whoever begins the write (`step`).
        Some(Way::Session(_) | Way::Invite(_) | Way::Hook(_) | Way::Flow { .. } | Way::Plugin(_)) | None => {
            true
        }
    })
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;

    use super::*;
    use crate::auth::TokenHash;
    use crate::id::{ApiKeyId, SessionId, Timestamp, UserId};
    use crate::permission::Permissions;
    use crate::store::write::{
        NewApiKey, NewSession, NewUser, begin_session, create_api_key, create_user, end_session,
        revoke_api_key,
    };
    use crate::store::{By, Failed, SEEDED_ORGANIZATION as HOME, Session, Store};

    const NOW: Timestamp = Timestamp(1_000);

    fn key(store: &Store, by: By, user: UserId, prefix: &str) -> Result<ApiKeyId, AskedError<String>> {
        let (prefix, name, hash) = (prefix.to_owned(), String::new(), TokenHash([0; 32]));
        let new = NewApiKey { user, prefix, hash, name, scopes: Permissions::VIEW, expires: None };
        match store.run(by, create_api_key(new).while_asked()) {
            Ok(key) => Ok(key.id),
            Err(Failed::Refused(AskedError::Ended)) => Err(AskedError::Ended),
            Err(error) => Err(AskedError::Refused(error.to_string())),
        }
    }

    #[test]
    fn nothing_is_written_for_a_session_or_a_key_that_ended_since_it_was_permitted() {
        let store = Store::open_on(InMemoryBackend::new(), NOW).unwrap();
        let new = NewUser {
            organization: HOME,
            name: "alice".to_owned(),
            email: None,
            password: None,
            roles: Vec::new(),
        };
        let user = store.run(By::server(NOW), create_user(new)).unwrap().id;
        let (id, expires) = (store.new_session_id(), Timestamp(2_000));
        let (token, device, address) = (TokenHash([1; 32]), String::new(), None);
        let session = Session { id, user, token, created: NOW, expires, device, address };
        store.run(By::server(NOW), begin_session(NewSession::unproven(session))).unwrap();

        let by = By::new(Author::User(user), None, NOW);
        let (here, gone) = (by.in_session(Some(id)), by.in_session(Some(SessionId(id.0 + 1))));
        let late = By { at: expires, ..here };
        let first = key(&store, here, user, "prl_1").unwrap();
        assert_eq!(key(&store, gone, user, "prl_2"), Err(AskedError::Ended));
        assert_eq!(key(&store, late, user, "prl_2"), Err(AskedError::Ended));
        let program = by.by_way_of(Some(Way::Key(first)));
        key(&store, program, user, "prl_2").unwrap();
        store.run(here, revoke_api_key(user, first)).unwrap();
        assert_eq!(key(&store, program, user, "prl_3"), Err(AskedError::Ended));
        store.run(here, end_session(user, id)).unwrap();
        assert_eq!(key(&store, here, user, "prl_3"), Err(AskedError::Ended));
        assert_eq!(
            store.api_keys_of(user, None, 10).unwrap().len(),
            1,
            "nothing was written for any of them"
        );
        key(&store, By::new(Author::Operator, None, NOW), user, "prl_3").unwrap();
    }
}
