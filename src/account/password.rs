//! Passwords: chosen, changed, forgotten.

use std::net::IpAddr;

use super::email::is_address;
use super::hashing::Asker;
use super::{AccountError, Accounts, Changed, Whose, random};
use crate::auth::{OneTimeCode, StoredPassword, check_guessing, check_password};
use crate::id::SessionId;
use crate::name::folded;
use crate::protocol::wire;
use crate::store::write::{self, Ended, PasswordChange};
use crate::store::{Author, By, Purpose, User};

impl Accounts {
    /// Whether this is the account's password. Tries are counted as log-ins are.
    pub(super) async fn check_own_password(&self, user: &User, password: &str) -> Result<(), AccountError> {
        let account = folded(&user.name);
        self.0.attempts.admit_account(&account)?;
        let stored = user.password.clone().unwrap_or_else(StoredPassword::decoy);
        if !self.verify(Asker::Inside(Whose::Account(user.id)), stored, password).await? {
            return Err(AccountError::OwnPasswordWrong);
        }
        self.0.attempts.forgive_account(&account);
        Ok(())
    }

    /// A new password for somebody who knows the present one. Every other device has to log in again, invites end, and API
    /// keys, too, unless they are to stay.
    pub async fn change_password(
        &self,
        user: &User,
        session: SessionId,
        change: &wire::ChangePassword,
        by: By,
    ) -> Result<(wire::PasswordChanged, Changed), AccountError> {
        self.check_own_password(user, &change.old).await?;
        let email = user.email.clone().unwrap_or_default();
        let asker = Asker::Inside(Whose::Account(user.id));
        self.check_new_password(asker, &change.new, &[&user.name, &email]).await?;
        let password = self.hash(asker, &change.new).await?;
        let change = PasswordChange {
            user: user.id,
            old: user.password.clone(),
            new: password,
            session: Some(session),
            keep_api_keys: change.keep_keys,
        };
        let set = self.run(by, write::change_password(change)).await?;
        Ok((told(&set.ended), Changed::User(user.id)))
    }

    /// Writes an e-mail to whoever forgot the password, if there is somebody with this address. The answer doesn't wait for
    /// that, so that it is the same, and as quick, when there is nobody.
    pub fn request_reset(&self, request: &wire::RequestReset, from: IpAddr) -> Result<(), AccountError> {
        self.check_address(from)?;
        let email = request.email.trim().to_owned();
        if !is_address(&email) {
            return Err(AccountError::EmailInvalid);
        }
        self.0.letters.admit_reset(from, &email)?;
        let accounts = self.clone();
        tokio::spawn(async move {
            if let Err(error) = accounts.write_reset(&email, from).await {
                // At WARN it would be a line for each that a stranger asks for.
                tracing::debug!(%error, "an e-mail for a forgotten password can't be written");
            }
        });
        Ok(())
    }

    async fn write_reset(&self, email: &str, from: IpAddr) -> Result<(), AccountError> {
        let user = self.0.store.user_by_email(self.0.organization, email)?;
        // An address that isn't proven may be anybody's.
        let Some(user) = user.filter(|user| user.email_verified && !user.disabled) else { return Ok(()) };
        self.0.letters.admit_written_reset()?;
        let by = By::new(Author::Guest, Some(from), self.0.clock.wall());
        let code = OneTimeCode::from_random(random()?);
        let text = format!(
            "Hello {name},\n\nwith this you choose another password at {place}:\n\n    {code}\n\n{how}\n\nThe code is good for 30 minutes, once. Every device of yours will have to log in again, the invites that you made end, and so do your API keys unless you say that they stay. If you didn't ask for it, nothing needs to be done; your password is as it was.\n",
            name = user.name,
            place = self.name(),
            how = self.how("r", &code, "parlour reset"),
        );
        // As the account has it: an address is found in any case.
        let to = user.email.unwrap_or_default();
        let mail = self.email_with(&code, to, "A new password", text, by);
        self.run(by, write::request_reset(user.id, mail)).await?;
        self.note_email();
        Ok(())
    }

    /// A new password for whoever has the code of an e-mail. Whoever was in is out, on every device, invites end, and API
    /// keys, too, unless they are to stay.
    pub async fn reset_password(
        &self,
        reset: &wire::ResetPassword,
        from: IpAddr,
    ) -> Result<(wire::PasswordChanged, Changed), AccountError> {
        self.check_address(from)?;
        let counted = self.0.attempts.admit(None, from)?;
        let token = self.token_of(Purpose::PasswordReset, &reset.code)?;
        let user = token.user.map(|user| self.user(user)).transpose()?.flatten();
        let user = user.ok_or(AccountError::CodeInvalid)?;
        let email = user.email.clone().unwrap_or_default();
        // A password that can't be had uses nothing up.
        self.check_new_password(Asker::Stranger(from), &reset.password, &[&user.name, &email]).await?;
        let password = self.hash(Asker::Stranger(from), &reset.password).await?;
        let by = By::new(Author::User(user.id), Some(from), self.0.clock.wall());
        let set = self.run(by, write::reset_password(token.hash, password, reset.keep_keys)).await?;
        self.0.attempts.forgive(&counted);
        self.0.attempts.forgive_account(&folded(&user.name));
        Ok((told(&set.ended), Changed::User(user.id)))
    }

    /// Whether a password may be chosen by somebody who has these names.
    pub(super) async fn check_new_password(
        &self,
        asker: Asker,
        password: &str,
        names: &[&str],
    ) -> Result<(), AccountError> {
        // Its length first: how easy it is to guess takes longer to say of a long one.
        check_password(password)?;
        let password = password.to_owned();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let guess = self.on_pool(asker, move || check_guessing(&password, &names)).await?;
        Ok(guess?)
    }

    /// Hashes a password that a channel is to have.
    pub async fn hash_channel_password(
        &self,
        password: &str,
        by: By,
    ) -> Result<StoredPassword, AccountError> {
        self.hash(Asker::of(by), password).await
    }

    /// Whether a password that somebody shows for a channel is its own. Whoever tries many has to wait; `guesser` names them
    /// and the channel.
    pub async fn check_channel_password(
        &self,
        guesser: &String,
        stored: StoredPassword,
        password: &str,
        by: By,
    ) -> Result<bool, AccountError> {
        self.0.attempts.admit_channel(guesser)?;
        let fits = self.verify(Asker::of(by), stored, password).await?;
        if fits {
            self.0.attempts.forgive_channel(guesser);
        }
        Ok(fits)
    }
}

/// What whoever chose another password is told that ended with it.
pub(super) fn told(ended: &Ended) -> wire::PasswordChanged {
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    wire::PasswordChanged {
        sessions: count(ended.sessions.len()),
        device_keys: count(ended.device_keys.len()),
        api_keys: count(ended.api_keys.len()),
        invites: count(ended.invites.len()),
        programs: count(ended.programs.len()),
        linked_log_ins: count(ended.linked),
        hooks: count(ended.hooks),
        flows: count(ended.flows),
        ..wire::PasswordChanged::default()
    }
}
