//! Other people's accounts: listed, shown, changed, logged out, deleted, by those who look after them.

use std::sync::Arc;
use std::time::Duration;

use super::email::is_address;
use super::hashing::Asker;
use super::password::told;
use super::{AccountError, Accounts, Changed, random};
use crate::auth::OneTimeCode;
use crate::id::{SessionId, UserId};
use crate::name::{check_user_name, folded};
use crate::protocol::wire;
use crate::store::write::{self, PutNoteError, UserEdit};
use crate::store::{By, Note, Seen, User};

/// How long a code is good that whoever looks after accounts hands over, as one that is sent by e-mail.
const CODE_LIFE: Duration = Duration::from_secs(30 * 60);

/// Accounts that are read at once.
const CHUNK: usize = 1_000;

impl Accounts {
    /// A page of the accounts, of so many at most.
    pub fn users(&self, list: &wire::ListUsers, limit: usize) -> Result<wire::Users, AccountError> {
        let prefix = folded(&list.prefix);
        let (mut users, mut after) = (Vec::new(), Some(UserId(list.after)).filter(|after| after.0 > 0));
        while users.len() < limit {
            let found = self.0.store.users(self.0.organization, after, CHUNK)?;
            let is_last = found.len() < CHUNK;
            after = found.last().map(|user| user.id);
            let fits = |user: &&User| folded(&user.name).starts_with(&prefix);
            for user in found.iter().filter(fits).take(limit - users.len()) {
                users.push(self.shown(user)?);
            }
            if is_last {
                break;
            }
        }
        Ok(wire::Users { users })
    }

    /// The account of a name, for `asker`, who looks after accounts: with what is kept of it, unless it is their own.
    pub fn show_user(&self, name: &str, asker: Option<UserId>) -> Result<wire::User, AccountError> {
        let user = self.called(name)?;
        let note = if asker == Some(user.id) { None } else { self.0.store.note(user.id)? };
        Ok(wire::User { note: note.map_or_else(String::new, |note| note.text), ..self.shown(&user)? })
    }

    /// Whose account has a name.
    pub fn user_named(&self, name: &str) -> Result<UserId, AccountError> {
        Ok(self.called(name)?.id)
    }

    fn called(&self, name: &str) -> Result<User, AccountError> {
        self.0.store.user_by_name(self.0.organization, name)?.ok_or(AccountError::NoSuchUser)
    }

    fn shown(&self, user: &User) -> Result<wire::User, AccountError> {
        let wire::Account { user: id, name, email, email_verified, second_factor, roles, created_ms, .. } =
            self.describe(user)?;
        let last = self.0.store.last_seen(Seen::LogIn(user.id))?;
        Ok(wire::User {
            user: id,
            name,
            email,
            email_verified,
            second_factor,
            roles,
            disabled: user.disabled,
            created_ms,
            last_log_in_ms: last.map_or(0, |last| last.0),
            note: String::new(),
        })
    }

    /// Another name or e-mail address for somebody.
    pub async fn edit_user(
        &self,
        user: UserId,
        edit: &wire::EditUser,
        by: By,
    ) -> Result<Changed, AccountError> {
        let name = edit.rename.as_deref().map(check_user_name).transpose()?;
        let email = edit.email.as_ref().map(|email| email.trim().to_owned());
        if email.as_ref().is_some_and(|email| !email.is_empty() && !is_address(email)) {
            return Err(AccountError::EmailInvalid);
        }
        let email = email.map(|email| Some(email).filter(|email| !email.is_empty()));
        let edit = UserEdit { name, email, ..UserEdit::default() };
        self.run(by, write::edit_user(user, edit)).await?;
        Ok(Changed::User(user))
    }

    /// An account goes, with all that is its own.
    pub async fn delete_user(&self, user: UserId, by: By) -> Result<(), AccountError> {
        self.run(by, write::delete_user(user)).await?;
        Ok(())
    }

    /// Another password for somebody, who has to log in again with it.
    pub async fn set_user_password(
        &self,
        user: UserId,
        set: &wire::SetUserPassword,
        by: By,
    ) -> Result<(wire::PasswordChanged, Changed), AccountError> {
        let account = self.user(user)?.ok_or(AccountError::NoSuchUser)?;
        if set.by_code {
            return self.make_reset_code(user, set, by).await;
        }
        let email = account.email.unwrap_or_default();
        let asker = Asker::of(by);
        self.check_new_password(asker, &set.password, &[&account.name, &email]).await?;
        let password = self.hash(asker, &set.password).await?;
        let set = self.run(by, write::set_password(user, Some(password), set.keep_keys)).await?;
        Ok((told(&set.ended), Changed::User(user)))
    }

    /// A code by which somebody chooses another password themselves.
    async fn make_reset_code(
        &self,
        user: UserId,
        set: &wire::SetUserPassword,
        by: By,
    ) -> Result<(wire::PasswordChanged, Changed), AccountError> {
        if !set.password.is_empty() {
            return Err(AccountError::PasswordOrCode);
        }
        let (code, expires) = (OneTimeCode::from_random(random()?), by.at.plus(CODE_LIFE));
        self.run(by, write::make_reset_code(user, code.hash(), expires)).await?;
        let code_expires_ms = expires.0;
        let told = wire::PasswordChanged { code: code.to_string(), code_expires_ms, ..Default::default() };
        Ok((told, Changed::User(user)))
    }

    /// This is kept of somebody from now on; nothing, where the text is empty.
    pub async fn set_note(&self, user: UserId, text: String, by: By) -> Result<(), AccountError> {
        let organization = self.0.organization;
        self.run(by, write::put_note(Note { organization, user, text })).await
    }

    /// Where the account of a name is logged in.
    pub fn sessions_of(&self, name: &str) -> Result<wire::Devices, AccountError> {
        let mut devices = self.devices(self.called(name)?.id, SessionId(0), &[])?;
        devices.keys.clear();
        Ok(devices)
    }

    /// Ends a session of somebody, or all of them; answers with how many.
    pub async fn end_sessions(
        &self,
        user: UserId,
        session: Option<SessionId>,
        by: By,
    ) -> Result<(u32, Changed), AccountError> {
        let count = match session {
            Some(session) => {
                self.run(by, write::end_session(user, session)).await?;
                1
            }
            None => self.run(by, write::end_sessions_of(user, None)).await?.len() as u32,
        };
        Ok((count, Changed::User(user)))
    }
}

impl From<PutNoteError> for AccountError {
    fn from(error: PutNoteError) -> Self {
        match error {
            PutNoteError::NoSuchUser => Self::NoSuchUser,
            PutNoteError::TooLong | PutNoteError::OutOfBounds(_) => Self::Unfit(Arc::new(error)),
        }
    }
}
