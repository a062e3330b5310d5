//! Log-ins: proof of identity, before a session comes into the state. Wrong password, unknown user and disabled account get
//! the same answer after the same work.

use std::net::IpAddr;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::attempts::Counted;
use super::begin::account_of;
use super::hashing::Asker;
use super::proven::{Proven, Visitor, proven};
use super::room::Who;
use super::{AccountError, Accounts, Changed, random};
use crate::auth::{
    DEVICE_KEY, Given, StoredPassword, TokenHash, device_challenge, device_fingerprint, verify_device,
};
use crate::id::{SessionId, Timestamp, UserId};
use crate::name::{GUEST_MARK, check_user_name, folded};
use crate::protocol::wire;
use crate::store::write::{self, Exchange, Exchanged, Proof};
use crate::store::{Author, By, Session, User};

/// Bytes of a session's token before there were long and short ones; good until it is exchanged.
const OLD_TOKEN: usize = 32;

/// How long a client may show an exchanged token again, since the answer may not have reached it.
const GRACE: Duration = Duration::from_secs(10);

/// What a token that was shown came to.
#[derive(Debug)]
pub enum Shown {
    /// It is good.
    Proven(Box<Proven>),
    /// It was exchanged before: two have it, so neither is to be trusted. Its session has ended.
    Copied(Changed),
}

impl Accounts {
    /// By name and password, and a one-time code where the account has a second factor.
    pub async fn by_password(
        &self,
        proof: &wire::LogInPassword,
        visitor: Visitor<'_>,
    ) -> Result<Proven, AccountError> {
        self.check_address(visitor.from)?;
        let account = folded(&proof.name.chars().take(256).collect::<String>());
        let counted = self.0.attempts.admit(Some(&account), visitor.from)?;
        let proven = self.by_name(&account, proof, visitor).await;
        self.settle(&counted, &proven);
        proven
    }

    /// Whose account a name and a password open, with a one-time code where there is a second factor. It is counted as a log-in
    /// is, and nobody comes in by it.
    pub async fn prove(&self, proof: &wire::LogInPassword, from: IpAddr) -> Result<UserId, AccountError> {
        self.check_address(from)?;
        let account = folded(&proof.name.chars().take(256).collect::<String>());
        let counted = self.0.attempts.admit(Some(&account), from)?;
        let shown = self.shown_password(&account, proof, from).await;
        self.settle(&counted, &shown);
        shown.map(|(user, _)| user.id)
    }

    /// The same of a folded name, when the try is counted.
    async fn by_name(
        &self,
        account: &str,
        proof: &wire::LogInPassword,
        visitor: Visitor<'_>,
    ) -> Result<Proven, AccountError> {
        let (user, shown) = self.shown_password(account, proof, visitor.from).await?;
        let begun = self.begin(&user, &proof.device, shown.clone(), visitor).await?;
        self.after_password(user.id, shown, &proof.password, visitor.from).await;
        Ok(begun)
    }

    /// Whose password and second factor are shown, and what the write is to look at again for which they are. The try is
    /// counted.
    pub(super) async fn shown_password(
        &self,
        account: &str,
        proof: &wire::LogInPassword,
        from: IpAddr,
    ) -> Result<(User, Proof), AccountError> {
        let user = self.0.store.user_by_name(self.0.organization, account)?;
        let stored =
            user.as_ref().and_then(|user| user.password.clone()).unwrap_or_else(StoredPassword::decoy);
        let matches = self.verify(Asker::Stranger(from), stored.clone(), &proof.password).await?;
        let Some(user) = user.filter(|user| matches && !user.disabled) else {
            return Err(AccountError::LogInFailed);
        };
        self.check_bans(Some(user.id), None, None)?;
        // Only whoever knows the password learns of it.
        self.check_password_log_in(&user)?;
        let factor = self.check_second_factor(user.id, &proof.code)?;
        Ok((user, Proof::Password { stored, factor }))
    }

    /// What follows when the write is made for which a password was shown.
    pub(super) async fn after_password(&self, user: UserId, shown: Proof, password: &str, from: IpAddr) {
        let Proof::Password { stored, factor } = shown else { return };
        if factor.is_some() {
            self.0.attempts.forgive_code(user);
        }
        if !stored.is_current() {
            self.hash_anew(user, stored, password, from).await;
        }
    }

    /// What a try came to that was counted before.
    pub(super) fn settle<T>(&self, counted: &Counted, outcome: &Result<T, AccountError>) {
        match outcome {
            Ok(_) => self.0.attempts.forgive(counted),
            Err(refused) if !refused.is_about_proof() => self.0.attempts.give_back(counted),
            Err(_) => (),
        }
    }

    /// The session that a token is of which a browser keeps, and whose. The token isn't exchanged by that: it is shown to
    /// allow a program something, and the page goes on with it. An access token is none: what is allowed outlasts it.
    pub(super) fn holder_of(&self, token: &[u8]) -> Result<(User, Session), AccountError> {
        let (store, now) = (&self.0.store, self.0.clock.wall());
        let session = match self.0.tokens.read(token) {
            Some(Given::Long { .. }) => {
                store.session_by_token(&TokenHash(Sha256::digest(token).into()), now)?
            }
            Some(Given::Short { .. } | Given::Refresh { .. }) | None => None,
        };
        let session = session.ok_or(AccountError::TokenInvalid)?;
        let user = self.enabled(session.user)?;
        self.check_device(user.id, session.id)?;
        Ok((user, session))
    }

    /// The password of who just showed it gets today's parameters. That it can't be done is no reason to refuse.
    async fn hash_anew(&self, user: UserId, old: StoredPassword, password: &str, from: IpAddr) {
        let Ok(new) = self.hash(Asker::Stranger(from), password).await else { return };
        let by = By::new(Author::Server, None, self.0.clock.wall());
        if let Err(error) = self.run(by, write::replace_password(user, old, new)).await {
            tracing::warn!(%error, "a password keeps its old parameters");
        }
    }

    /// By a token of a session that lasts.
    pub async fn by_token(&self, token: &[u8], visitor: Visitor<'_>) -> Result<Shown, AccountError> {
        self.check_address(visitor.from)?;
        let (store, now) = (&self.0.store, self.0.clock.wall());
        let (user, session, shown, next) = match self.0.tokens.read(token) {
            Some(Given::Short { user, session, expires }) => {
                let session = store.session(user, session, now)?.filter(|_| self.is_brief(expires));
                let session = session.ok_or(AccountError::TokenInvalid)?;
                let user = self.enabled(session.user)?;
                self.check_device(user.id, session.id)?;
                self.take_room(session.id, account_of(&user), true, visitor)?;
                // It keeps its end: otherwise whoever has it once would have it for as long as the session lasts.
                let until = expires.min(session.expires);
                let access = Some((self.0.tokens.short(user.id, session.id, until), until));
                let proven = proven(&user, &session, None, access, String::new());
                return Ok(Shown::Proven(Box::new(Proven { brief: Some(until), ..proven })));
            }
            Some(Given::Long { user, session, next }) => {
                (user, session, TokenHash(Sha256::digest(token).into()), next)
            }
            None if token.len() == OLD_TOKEN => {
                let shown = TokenHash(Sha256::digest(token).into());
                let session = store.session_by_token(&shown, now)?.ok_or(AccountError::TokenInvalid)?;
                (session.user, session.id, shown, self.0.tokens.first(session.user, session.id, random()?))
            }
            Some(Given::Refresh { .. }) | None => return Err(AccountError::TokenInvalid),
        };
        let account = self.enabled(user)?;
        self.check_device(user, session)?;
        self.take_room(session, account_of(&account), true, visitor)?;
        let exchange = Exchange {
            user,
            session,
            shown,
            next: next.hash(),
            expires: now.plus(self.0.settings.token_life),
            grace: GRACE,
            client: visitor.client.to_owned(),
            address: Some(visitor.from),
        };
        let by = By::new(Author::User(user), Some(visitor.from), now);
        match self.run(by, write::exchange_token(exchange)).await? {
            Exchanged::Good(row) => {
                let notice = self.notice(&account).await?;
                let access = Some(self.access_token(&row));
                Ok(Shown::Proven(Box::new(proven(&account, &row, Some((next, row.expires)), access, notice))))
            }
            Exchanged::Reused => {
                tracing::warn!(%user, %session, "an exchanged token was shown again; its session has ended");
                Ok(Shown::Copied(Changed::User(user)))
            }
            Exchanged::Ended => Err(AccountError::TokenInvalid),
        }
    }

    /// By a device's key. What it signs is of this connection only, so that nothing that is overheard or kept
    /// elsewhere opens another.
    pub async fn by_device_key(
        &self,
        proof: &wire::LogInKey,
        visitor: Visitor<'_>,
    ) -> Result<Proven, AccountError> {
        self.check_address(visitor.from)?;
        // Nothing here is guessed, and a signature is checked in no time: a device that is known never has to wait.
        let exported = visitor.exported.ok_or(AccountError::NoKeyHere)?;
        let public: &[u8; DEVICE_KEY] =
            proof.public_key.as_ref().try_into().map_err(|_| AccountError::LogInFailed)?;
        let (user, fingerprint) = (UserId(proof.user), device_fingerprint(public));
        let challenge = device_challenge(&exported, proof.user, public);
        if !verify_device(public, &challenge, &proof.signature) {
            return Err(AccountError::LogInFailed);
        }
        let key = self.0.store.device_key(user, fingerprint)?.filter(|key| key.public == *public);
        let key = key.ok_or(AccountError::LogInFailed)?;
        let account = self.named(user)?;
        self.check_bans(None, None, Some(fingerprint))?;
        let now = self.0.clock.wall();
        if let Some(session) = key.session
            && let Some(session) = self.0.store.session(user, session, now)?
        {
            self.take_room(session.id, account_of(&account), true, visitor)?;
            // Its session lasts: the key takes the place of the token that it would have come back with.
            let token = self.0.tokens.first(user, session.id, random()?);
            let expires = now.plus(self.0.settings.token_life);
            let by = By::new(Author::User(user), Some(visitor.from), now);
            let renew = write::refresh_session(user, session.id, token.hash(), expires);
            if let Ok(row) = self.run(by, renew).await {
                let notice = self.notice(&account).await?;
                let access = Some(self.access_token(&row));
                return Ok(proven(&account, &row, Some((token, expires)), access, notice));
            }
        }
        self.begin(&account, &key.name, Proof::DeviceKey(fingerprint), visitor).await
    }

    /// Whether an access token of this end is good now. None ends later than it can last, but where the clock was set back
    /// since: there it is good for twice as long at most.
    pub(super) fn is_brief(&self, expires: Timestamp) -> bool {
        let (now, life) = (self.0.clock.wall(), self.0.settings.access_life);
        now < expires && expires <= now.plus(life.saturating_mul(2))
    }

    pub(super) fn enabled(&self, user: UserId) -> Result<User, AccountError> {
        self.check_bans(Some(user), None, None)?;
        self.user(user)?.filter(|user| !user.disabled).ok_or(AccountError::TokenInvalid)
    }

    /// Whether the key of a session's device is kept out.
    pub fn check_device(&self, user: UserId, session: SessionId) -> Result<(), AccountError> {
        self.check_bans(None, None, self.0.store.device(user, session)?.and_then(|device| device.key))
    }

    /// The same for who showed something else than a token.
    pub(super) fn named(&self, user: UserId) -> Result<User, AccountError> {
        self.enabled(user).map_err(|refused| match refused {
            AccountError::TokenInvalid => AccountError::LogInFailed,
            other => other,
        })
    }

    /// Without an account, where that is allowed.
    pub fn as_guest(&self, proof: &wire::LogInGuest, visitor: Visitor<'_>) -> Result<Proven, AccountError> {
        self.check_address(visitor.from)?;
        if !self.entry_policy()?.guests {
            return Err(AccountError::GuestsRefused);
        }
        self.check_returning(visitor.from)?;
        let name = check_user_name(&proof.name)?;
        // Whoever asks for one name after the other would learn who has an account, so that is a try like others.
        let counted = self.0.attempts.admit(None, visitor.from)?;
        if self.0.store.has_name_like(self.0.organization, &name)? {
            return Err(AccountError::NameTaken);
        }
        self.0.attempts.give_back(&counted);
        let (session, notice) = (self.0.store.new_session_id(), String::new());
        self.take_room(session, Who::Guest, false, visitor)?;
        // Nobody takes a guest for who has an account.
        let name = format!("{GUEST_MARK}{name}");
        Ok(Proven {
            session,
            user: None,
            name,
            token: None,
            access: None,
            notice,
            key: None,
            displaced: false,
            brief: None,
            begun: false,
        })
    }

    /// A program, for its owner. It has no token: the key is what it comes back with.
    pub fn by_api_key(&self, text: &str, visitor: Visitor<'_>) -> Result<Proven, AccountError> {
        let (user, key) = self.check_api_key(text, visitor.from)?;
        let (session, notice) = (self.0.store.new_session_id(), String::new());
        self.take_room(session, Who::Program { user: user.id, key: key.id }, true, visitor)?;
        let (user, name, key) = (Some(user.id), user.name, Some((key.id, key.scopes)));
        let (displaced, brief, begun) = (false, None, false);
        Ok(Proven { session, user, name, token: None, access: None, notice, key, displaced, brief, begun })
    }
}
