//! Log-ins: proof of identity, before a session comes into the state. Everything slow (hashing) or
//! durable (the session's row) happens here, away from the control thread.

use std::net::IpAddr;
use std::sync::PoisonError;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{Handle, Refused};
use crate::auth::{
    AddressKey, ApiKeySecret, ClaimCode, DEVICE_KEY, EXPORTED, Given, Policy, SessionToken, StoredPassword,
    TokenHash, check_guessing, check_password, device_challenge, device_fingerprint, verify_device,
};
use crate::id::{ApiKeyId, Fingerprint, RoleId, SessionId, Timestamp, UserId};
use crate::name::{GUEST_MARK, check_user_name, folded};
use crate::permission::Permissions;
use crate::protocol::wire::{self, request};
use crate::store::write::{self, Exchange, Exchanged, NOTICE, NewUser};
use crate::store::{Author, By, Device, OWNER, SEEDED_ORGANIZATION, Seen, Session, User, Write};
use crate::voice::Peer;

/// How tries to log in are slowed down: so many failures are free, then the delay doubles from a second to the longest.
/// Whoever knows the password waits that long at most, and not at all on a device that has a token or a key.
pub(super) fn policy(free: u32, longest: Duration) -> Policy {
    let (first, forget) = (Duration::from_secs(1), Duration::from_secs(15 * 60));
    Policy { free, first, longest, forget, capacity: 16_384 }
}

/// Characters of a device's name that are kept.
const DEVICE: usize = 64;

/// Bytes of a session's token before there were long and short ones; good until it is exchanged.
const OLD_TOKEN: usize = 32;

/// How long a client may show an exchanged token again, since the answer may not have reached it.
const GRACE: Duration = Duration::from_secs(10);

/// Who wants to come in, beside what they say.
#[derive(Clone, Copy, Debug)]
pub struct Visitor<'a> {
    /// Where from.
    pub from: IpAddr,
    /// Name and version of the program.
    pub client: &'a str,
    /// What only this connection has, for keys to sign (RFC 8446, section 7.5); nothing where none is exported.
    pub exported: Option<[u8; EXPORTED]>,
}

/// Somebody who has proven who they are.
#[derive(Debug)]
pub struct Proven {
    pub(super) session: SessionId,
    pub(super) user: Option<UserId>,
    pub(super) name: String,
    token: Option<(SessionToken, Timestamp)>,
    access: Option<(SessionToken, Timestamp)>,
    notice: String,
    pub(super) key: Option<(ApiKeyId, Permissions)>,
}

impl Proven {
    pub(super) fn logged_in(&self) -> wire::LoggedIn {
        let bytes = |token: &Option<(SessionToken, Timestamp)>| {
            token.as_ref().map(|(token, _)| token.as_bytes().to_vec().into()).unwrap_or_default()
        };
        let until =
            |token: &Option<(SessionToken, Timestamp)>| token.as_ref().map_or(0, |(_, until)| until.0);
        wire::LoggedIn {
            session: self.session.0,
            user: self.user.map_or(0, u64::from),
            name: self.name.clone(),
            ssrc: 0,
            token: bytes(&self.token),
            token_expires_ms: until(&self.token),
            access_token: bytes(&self.access),
            access_token_expires_ms: until(&self.access),
            notice: self.notice.clone(),
        }
    }
}

impl<P: Peer> Handle<P> {
    /// Checks the proof in a log-in. Wrong password, unknown user and disabled account get the same answer after
    /// the same work.
    pub async fn log_in(&self, request: &request::Body, visitor: Visitor<'_>) -> Result<Proven, Refused> {
        // Before any work that costs something.
        self.check_bans(None, Some(visitor.from), None)?;
        match request {
            request::Body::LogInPassword(proof) => self.by_password(proof, visitor).await,
            request::Body::LogInApiKey(proof) => self.by_api_key(&proof.key),
            request::Body::Register(register) => self.register(register, visitor).await,
            request::Body::LogInToken(proof) => self.by_token(&proof.token, visitor).await,
            request::Body::LogInKey(proof) => self.by_key(proof, visitor).await,
            request::Body::LogInGuest(proof) => self.as_guest(proof),
            request::Body::RedeemClaim(proof) => self.by_claim(proof, visitor).await,
            _ => Err(Refused::Unexpected),
        }
    }

    async fn by_password(
        &self,
        proof: &wire::LogInPassword,
        visitor: Visitor<'_>,
    ) -> Result<Proven, Refused> {
        let account = folded(&proof.name.chars().take(256).collect::<String>());
        self.admit(Some(&account), visitor.from)?;
        let user = self.0.store.user_by_name(SEEDED_ORGANIZATION, &account)?;
        let stored =
            user.as_ref().and_then(|user| user.password.clone()).unwrap_or_else(StoredPassword::decoy);
        let (password, kept) = (proof.password.clone(), stored.clone());
        let matches = self.0.hashing.run(move || kept.verify(&password)).await?;
        let matches = matches.map_err(|_| Refused::Busy)?;
        let Some(user) = user.filter(|user| matches && !user.disabled) else {
            return Err(Refused::LogInFailed);
        };
        self.check_bans(Some(user.id), None, None)?;
        self.check_second_factor(user.id, &proof.code).await?;
        self.succeeded(&account, visitor.from);
        if !stored.is_current() {
            self.hash_anew(user.id, stored, &proof.password).await;
        }
        self.begin(&user, &proof.device, None, visitor).await
    }

    /// The password of who just showed it gets today's parameters. That it can't be done is no reason to refuse.
    async fn hash_anew(&self, user: UserId, old: StoredPassword, password: &str) {
        let Ok(new) = self.hash(password).await else { return };
        let by = By { author: Author::Server, from: None, at: self.0.clock.wall() };
        if let Err(error) = self.run(by, write::replace_password(user, old, new)).await {
            tracing::warn!(%error, "a password keeps its old parameters");
        }
    }

    async fn by_token(&self, token: &[u8], visitor: Visitor<'_>) -> Result<Proven, Refused> {
        let (store, now) = (&self.0.store, self.0.clock.wall());
        let (user, session, shown, next) = match self.0.tokens.read(token) {
            Some(Given::Short { user, session, expires }) => {
                let session = store.session(user, session, now)?.filter(|_| now < expires);
                let session = session.ok_or(Refused::TokenInvalid)?;
                let user = self.enabled(session.user)?;
                self.check_device(user.id, session.id)?;
                let access = Some(self.access_token(&session));
                return Ok(proven(&user, &session, None, access, String::new()));
            }
            Some(Given::Long { user, session, next }) => {
                (user, session, TokenHash(Sha256::digest(token).into()), next)
            }
            None if token.len() == OLD_TOKEN => {
                let shown = TokenHash(Sha256::digest(token).into());
                let session = store.session_by_token(&shown, now)?.ok_or(Refused::TokenInvalid)?;
                (session.user, session.id, shown, self.0.tokens.first(session.user, session.id, random()?))
            }
            None => return Err(Refused::TokenInvalid),
        };
        let account = self.enabled(user)?;
        self.check_device(user, session)?;
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
        let by = By { author: Author::User(user), from: Some(visitor.from), at: now };
        match self.run(by, write::exchange_token(exchange)).await? {
            Exchanged::Good(row) => {
                let notice = self.notice(&account).await?;
                let access = Some(self.access_token(&row));
                Ok(proven(&account, &row, Some((next, row.expires)), access, notice))
            }
            Exchanged::Reused => {
                tracing::warn!(%user, %session, "an exchanged token was shown again; its session has ended");
                self.refresh().await?;
                Err(Refused::TokenInvalid)
            }
            Exchanged::Ended => Err(Refused::TokenInvalid),
        }
    }

    /// By a device's key. What it signs is of this connection only, so that nothing that is overheard or kept
    /// elsewhere opens another.
    async fn by_key(&self, proof: &wire::LogInKey, visitor: Visitor<'_>) -> Result<Proven, Refused> {
        // Nothing here is guessed, and a signature is checked in no time: a device that is known never has to wait.
        let exported = visitor.exported.ok_or(Refused::Unexpected)?;
        let public: &[u8; DEVICE_KEY] =
            proof.public_key.as_ref().try_into().map_err(|_| Refused::LogInFailed)?;
        let (user, fingerprint) = (UserId(proof.user), device_fingerprint(public));
        let challenge = device_challenge(&exported, proof.user, public);
        if !verify_device(public, &challenge, &proof.signature) {
            return Err(Refused::LogInFailed);
        }
        let key = self.0.store.device_key(user, fingerprint)?.filter(|key| key.public == *public);
        let key = key.ok_or(Refused::LogInFailed)?;
        let account = self.named(user)?;
        self.check_bans(None, None, Some(fingerprint))?;
        let now = self.0.clock.wall();
        if let Some(session) = key.session
            && let Some(session) = self.0.store.session(user, session, now)?
        {
            // Its session lasts: the key takes the place of the token that it would have come back with.
            let token = self.0.tokens.first(user, session.id, random()?);
            let expires = now.plus(self.0.settings.token_life);
            let by = By { author: Author::User(user), from: Some(visitor.from), at: now };
            let renew = write::refresh_session(user, session.id, token.hash(), expires);
            if let Ok(row) = self.run(by, renew).await {
                let notice = self.notice(&account).await?;
                let access = Some(self.access_token(&row));
                return Ok(proven(&account, &row, Some((token, expires)), access, notice));
            }
        }
        self.begin(&account, &key.name, Some(fingerprint), visitor).await
    }

    fn enabled(&self, user: UserId) -> Result<User, Refused> {
        self.check_bans(Some(user), None, None)?;
        self.0.store.user(user)?.filter(|user| !user.disabled).ok_or(Refused::TokenInvalid)
    }

    /// Whether the key of a session's device is kept out.
    fn check_device(&self, user: UserId, session: SessionId) -> Result<(), Refused> {
        self.check_bans(None, None, self.0.store.device(user, session)?.and_then(|device| device.key))
    }

    /// The same for who showed something else than a token.
    fn named(&self, user: UserId) -> Result<User, Refused> {
        self.enabled(user).map_err(|refused| match refused {
            Refused::TokenInvalid => Refused::LogInFailed,
            other => other,
        })
    }

    fn as_guest(&self, proof: &wire::LogInGuest) -> Result<Proven, Refused> {
        if !self.0.settings.guests {
            return Err(Refused::GuestsRefused);
        }
        let name = check_user_name(&proof.name)?;
        if self.0.store.user_by_name(SEEDED_ORGANIZATION, &name)?.is_some() {
            return Err(Refused::NameTaken);
        }
        let (session, notice) = (self.0.store.new_session_id(), String::new());
        // Nobody takes a guest for who has an account.
        let name = format!("{GUEST_MARK}{name}");
        Ok(Proven { session, user: None, name, token: None, access: None, notice, key: None })
    }

    async fn by_claim(&self, proof: &wire::RedeemClaim, visitor: Visitor<'_>) -> Result<Proven, Refused> {
        self.admit(None, visitor.from)?;
        let code = ClaimCode::parse(&proof.code).ok_or(Refused::ClaimInvalid)?;
        let claim = self.0.store.claim(SEEDED_ORGANIZATION)?.filter(|claim| claim.hash == code.hash());
        // Looked at before the expensive hash; the store looks again in the transaction that uses it up.
        claim.ok_or(Refused::ClaimInvalid)?;
        let name = check_user_name(&proof.name)?;
        self.check_new_password(&proof.password, &[&name]).await?;
        let new = self.new_user(name, &proof.password, OWNER).await?;
        let by = By { author: Author::Guest, from: Some(visitor.from), at: self.0.clock.wall() };
        let user = self.run(by, write::redeem_claim(code.hash(), new)).await?;
        self.forgive(visitor.from);
        self.begin(&user, &proof.device, None, visitor).await
    }

    /// A program, for its owner. It has no token: the key is what it comes back with.
    fn by_api_key(&self, text: &str) -> Result<Proven, Refused> {
        let now = self.0.clock.wall();
        let shown = ApiKeySecret::parse(text).ok_or(Refused::LogInFailed)?;
        let key = self.0.store.api_key(shown.prefix(), now)?.filter(|key| key.hash == shown.hash());
        let key = key.ok_or(Refused::LogInFailed)?;
        let user = self.named(key.user)?;
        self.0.store.touch(Seen::ApiKey(key.user, key.id), now);
        let (session, notice) = (self.0.store.new_session_id(), String::new());
        let (user, name, key) = (Some(user.id), user.name, Some((key.id, key.scopes)));
        Ok(Proven { session, user, name, token: None, access: None, notice, key })
    }

    /// A new session for somebody who has proven who they are.
    pub(super) async fn begin(
        &self,
        user: &User,
        device: &str,
        key: Option<Fingerprint>,
        visitor: Visitor<'_>,
    ) -> Result<Proven, Refused> {
        let (id, created) = (self.0.store.new_session_id(), self.0.clock.wall());
        let token = self.0.tokens.first(user.id, id, random()?);
        let expires = created.plus(self.0.settings.token_life);
        let (address, name) = (Some(visitor.from), device_name(device));
        let row = Session { id, user: user.id, token: token.hash(), created, expires, device: name, address };
        let device = Device {
            user: user.id,
            session: id,
            client: visitor.client.to_owned(),
            address,
            exchanged: created,
            key,
        };
        let by = By { author: Author::User(user.id), from: address, at: created };
        let begin = write::create_session(row).then(move |_| write::put_device(device));
        let (row, ()) = self.run(by, begin).await?;
        if let Some(key) = key {
            self.run(by, write::note_device_log_in(user.id, key, id)).await?;
        }
        let notice = self.notice(user).await?;
        let access = Some(self.access_token(&row));
        Ok(proven(user, &row, Some((token, expires)), access, notice))
    }

    /// A token that comes back to a session, for as long as the session lasts at most.
    fn access_token(&self, session: &Session) -> (SessionToken, Timestamp) {
        let until = self.0.clock.wall().plus(self.0.settings.access_life).min(session.expires);
        (self.0.tokens.short(session.user, session.id, until), until)
    }

    /// What the person has to be told, once.
    async fn notice(&self, user: &User) -> Result<String, Refused> {
        let dormant = self.dormant_roles(user)?;
        let settings = self.0.store.settings(SEEDED_ORGANIZATION, Some(user.id))?;
        if !settings.iter().any(|setting| setting.name == NOTICE) {
            return Ok(dormant);
        }
        let taken = self.run(By::server(self.0.clock.wall()), write::take_notice(user.id)).await?;
        let told = taken.map(|setting| setting.value).unwrap_or_default();
        Ok([told, dormant].join(" ").trim().to_owned())
    }

    /// Whether a password may be chosen by who has these names.
    pub(super) async fn check_new_password(&self, password: &str, names: &[&str]) -> Result<(), Refused> {
        // Its length first: how easy it is to guess takes longer to say of a long one.
        check_password(password)?;
        let password = password.to_owned();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let guess = self.0.hashing.run(move || check_guessing(&password, &names)).await?;
        Ok(guess?)
    }

    /// Hashes the password of an account to be.
    pub(super) async fn new_user(
        &self,
        name: String,
        password: &str,
        role: RoleId,
    ) -> Result<NewUser, Refused> {
        let password = Some(self.hash(password).await?);
        Ok(NewUser { organization: SEEDED_ORGANIZATION, name, email: None, password, roles: vec![role] })
    }

    /// Hashes a password.
    pub(super) async fn hash(&self, password: &str) -> Result<StoredPassword, Refused> {
        let (password, salt) = (password.to_owned(), random()?);
        let hashed = self.0.hashing.run(move || StoredPassword::new(&password, salt)).await?;
        hashed.map_err(|_| Refused::Busy)
    }

    /// Does a write and waits without blocking.
    pub(super) async fn run<T, E>(&self, by: By, write: Write<T, E>) -> Result<T, Refused>
    where
        T: Send + 'static,
        E: Into<Refused> + Send + 'static,
    {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.0.store.submit(by, write, move |outcome| {
            // The one who asked may be gone; what is written stays.
            let _ = sender.send(outcome);
        })?;
        Ok(receiver.await.map_err(|_| Refused::Stopping)??)
    }

    /// Counts a try against the account and the address, unless one of them must wait.
    pub(super) fn admit(&self, account: Option<&String>, from: IpAddr) -> Result<(), Refused> {
        let (now, address) = (self.0.clock.wall(), AddressKey::of(from));
        let mut accounts = self.0.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut addresses = self.0.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let by_account = account.map_or(Duration::ZERO, |account| accounts.delay(account, now));
        let delay = by_account.max(addresses.delay(&address, now));
        if !delay.is_zero() {
            return Err(Refused::TooManyAttempts(delay));
        }
        if let Some(account) = account {
            accounts.tried(account.clone(), now);
        }
        addresses.tried(address, now);
        Ok(())
    }

    /// Counts a try against an account by somebody who is in it already.
    pub(super) fn admit_account(&self, account: &str) -> Result<(), Refused> {
        let (now, account) = (self.0.clock.wall(), account.to_owned());
        let mut accounts = self.0.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let delay = accounts.delay(&account, now);
        if !delay.is_zero() {
            return Err(Refused::TooManyAttempts(delay));
        }
        accounts.tried(account, now);
        Ok(())
    }

    pub(super) fn forgive_account(&self, account: &String) {
        self.0.accounts.lock().unwrap_or_else(PoisonError::into_inner).succeeded(account);
    }

    fn succeeded(&self, account: &String, from: IpAddr) {
        self.0.accounts.lock().unwrap_or_else(PoisonError::into_inner).succeeded(account);
        self.forgive(from);
    }

    pub(super) fn forgive(&self, from: IpAddr) {
        let key = AddressKey::of(from);
        self.0.addresses.lock().unwrap_or_else(PoisonError::into_inner).succeeded(&key);
    }
}

fn proven(
    user: &User,
    row: &Session,
    token: Option<(SessionToken, Timestamp)>,
    access: Option<(SessionToken, Timestamp)>,
    notice: String,
) -> Proven {
    let (user, name) = (Some(user.id), user.name.clone());
    Proven { session: row.id, user, name, token, access, notice, key: None }
}

/// What a user calls a device, as it is kept.
pub(super) fn device_name(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(DEVICE).collect()
}

/// Random bytes of the operating system.
pub(super) fn random<const N: usize>() -> Result<[u8; N], Refused> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "the operating system gives no random bytes");
        Refused::Internal
    })?;
    Ok(bytes)
}
