//! Log-ins: proof of identity, before a session comes into the state. Everything slow (hashing) or
//! durable (the session's row) happens here, away from the control thread.

use std::net::IpAddr;
use std::sync::PoisonError;
use std::time::Duration;

use super::{Handle, Refused, clock};
use crate::auth::{AddressKey, ClaimCode, Policy, StoredPassword, Token, check_password};
use crate::id::{RoleId, SessionId, Timestamp, UserId};
use crate::name::{check_user_name, folded};
use crate::protocol::wire::{self, request};
use crate::store::write::{self, NewUser};
use crate::store::{ADMINISTRATOR, Author, By, SEEDED_ORGANIZATION, Session, User, Write};
use crate::voice::Peer;

/// Failures of one account: five are free, then the delay doubles to a minute. Whoever knows the
/// password waits that minute at most.
pub(super) const ACCOUNT_POLICY: Policy = Policy {
    free: 5,
    first: Duration::from_secs(1),
    longest: Duration::from_secs(60),
    forget: Duration::from_secs(15 * 60),
    capacity: 16_384,
};

/// Failures from one address: more are free, as a household or a club shares it.
pub(super) const ADDRESS_POLICY: Policy = Policy { free: 10, ..ACCOUNT_POLICY };

/// Characters of a device's name that are kept.
const DEVICE: usize = 64;

/// Somebody who has proven who they are.
#[derive(Debug)]
pub struct Proven {
    pub(super) session: SessionId,
    pub(super) user: Option<UserId>,
    pub(super) name: String,
    token: Option<Token>,
    expires: Timestamp,
}

impl Proven {
    pub(super) fn logged_in(&self) -> wire::LoggedIn {
        wire::LoggedIn {
            session: self.session.0,
            user: self.user.map_or(0, u64::from),
            name: self.name.clone(),
            ssrc: 0,
            token: self.token.as_ref().map(|token| token.as_bytes().to_vec().into()).unwrap_or_default(),
            token_expires_ms: self.expires.0,
        }
    }
}

impl<P: Peer> Handle<P> {
    /// Checks the proof in a log-in from an address. Wrong password, unknown user and disabled account
    /// get the same answer after the same work.
    pub async fn log_in(&self, request: &request::Body, from: IpAddr) -> Result<Proven, Refused> {
        match request {
            request::Body::LogInPassword(proof) => self.by_password(proof, from).await,
            request::Body::LogInToken(proof) => self.by_token(proof),
            request::Body::LogInGuest(proof) => self.as_guest(proof),
            request::Body::RedeemClaim(proof) => self.by_claim(proof, from).await,
            _ => Err(Refused::Unexpected),
        }
    }

    async fn by_password(&self, proof: &wire::LogInPassword, from: IpAddr) -> Result<Proven, Refused> {
        let account = folded(&proof.name.chars().take(256).collect::<String>());
        self.admit(Some(&account), from)?;
        let user = self.0.store.user_by_name(SEEDED_ORGANIZATION, &account)?;
        let stored =
            user.as_ref().and_then(|user| user.password.clone()).unwrap_or_else(StoredPassword::decoy);
        let password = proof.password.clone();
        let matches = self.0.hashing.run(move || stored.verify(&password)).await?;
        let matches = matches.map_err(|_| Refused::Busy)?;
        let Some(user) = user.filter(|user| matches && !user.disabled) else {
            return Err(Refused::LogInFailed);
        };
        self.succeeded(&account, from);
        let (token, row) = self.new_session(user.id, &proof.device, from)?;
        let by = By { author: Author::User(user.id), from: Some(from), at: row.created };
        let row = self.run(by, write::create_session(row)).await?;
        Ok(proven(&user, &row, Some(token)))
    }

    fn by_token(&self, proof: &wire::LogInToken) -> Result<Proven, Refused> {
        let token = Token::from_bytes(&proof.token).ok_or(Refused::TokenInvalid)?;
        let store = &self.0.store;
        let session = store.session_by_token(&token.hash(), clock::now())?.ok_or(Refused::TokenInvalid)?;
        let user = store.user(session.user)?.filter(|user| !user.disabled).ok_or(Refused::TokenInvalid)?;
        Ok(proven(&user, &session, None))
    }

    fn as_guest(&self, proof: &wire::LogInGuest) -> Result<Proven, Refused> {
        if !self.0.settings.guests {
            return Err(Refused::GuestsRefused);
        }
        let name = check_user_name(&proof.name)?;
        if self.0.store.user_by_name(SEEDED_ORGANIZATION, &name)?.is_some() {
            return Err(Refused::NameTaken);
        }
        let session = self.0.store.new_session_id();
        Ok(Proven { session, user: None, name, token: None, expires: Timestamp(0) })
    }

    async fn by_claim(&self, proof: &wire::RedeemClaim, from: IpAddr) -> Result<Proven, Refused> {
        self.admit(None, from)?;
        let code = ClaimCode::parse(&proof.code).ok_or(Refused::ClaimInvalid)?;
        let claim = self.0.store.claim(SEEDED_ORGANIZATION)?.filter(|claim| claim.hash == code.hash());
        // Looked at before the expensive hash; the store looks again in the transaction that uses it up.
        claim.ok_or(Refused::ClaimInvalid)?;
        let name = check_user_name(&proof.name)?;
        check_password(&proof.password)?;
        let new = self.new_user(name, &proof.password, ADMINISTRATOR).await?;
        // The account's identifier is given in the transaction that the session is part of.
        let (token, row) = self.new_session(UserId(0), &proof.device, from)?;
        let by = By { author: Author::Guest, from: Some(from), at: row.created };
        let redeem = write::redeem_claim(code.hash(), new)
            .then(move |user| write::create_session(Session { user: user.id, ..row }));
        let (user, row) = self.run(by, redeem).await?;
        self.forgive(from);
        Ok(proven(&user, &row, Some(token)))
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

    /// A session to be, and the token for its device.
    fn new_session(&self, user: UserId, device: &str, from: IpAddr) -> Result<(Token, Session), Refused> {
        let (token, created) = (Token::from_random(random()?), clock::now());
        let (id, expires) = (self.0.store.new_session_id(), created.plus(self.0.settings.token_life));
        let device = device.chars().filter(|c| !c.is_control()).take(DEVICE).collect();
        let row = Session { id, user, token: token.hash(), created, expires, device, address: Some(from) };
        Ok((token, row))
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
    fn admit(&self, account: Option<&String>, from: IpAddr) -> Result<(), Refused> {
        let (now, address) = (clock::now(), AddressKey::of(from));
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

    fn succeeded(&self, account: &String, from: IpAddr) {
        self.0.accounts.lock().unwrap_or_else(PoisonError::into_inner).succeeded(account);
        self.forgive(from);
    }

    fn forgive(&self, from: IpAddr) {
        let key = AddressKey::of(from);
        self.0.addresses.lock().unwrap_or_else(PoisonError::into_inner).succeeded(&key);
    }
}

fn proven(user: &User, row: &Session, token: Option<Token>) -> Proven {
    Proven { session: row.id, user: Some(user.id), name: user.name.clone(), token, expires: row.expires }
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
