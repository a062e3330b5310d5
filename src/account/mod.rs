//! Accounts: who somebody is and how they prove it, who comes in, and what people do to their own accounts. Each use case
//! checks, hashes where that is needed, and then makes its change in the store, away from the control thread; what those
//! who are connected have to follow is said by a [`Changed`].

mod api_key;
mod attempts;
mod ban;
mod bearer;
mod begin;
mod cause;
mod device;
mod directory;
mod email;
mod error;
mod flow;
mod gate;
mod hashing;
mod hook;
mod invite;
mod kept_out;
mod letters;
mod linked;
mod log_in;
mod oauth;
mod password;
mod profile;
mod proven;
mod registration;
mod reseal;
mod room;
mod second_factor;
mod settings;
mod studio;
mod whose;

pub use ban::network_of;
pub use bearer::{Bearer, is_signed};
pub use error::AccountError;
pub use flow::{FlowCalled, FlowProof, FlowUnfit, shipped_flows};
pub use gate::{Asked, Gate};
pub use kept_out::Bans as KeptOut;
pub use log_in::Shown;
pub use oauth::{Allowed, Assistant, Consent, DeviceConsent, Shows};
pub use proven::{Proven, Visitor};
pub use registration::Applicant;
pub use reseal::ResealError;
pub use room::{Comer, NoRoom, Room, Unseated, Who};
pub use settings::{Secret, Secrets, Settings};
pub use whose::Whose;

pub use crate::store::write::LinkError;

use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use thiserror::Error;
use tokio::sync::Notify;

use crate::auth::{OneTimeCode, SealKey, StoredPassword, TokenKey};
use crate::bounds::{EntryPolicy, MAX_SENTENCE, is_unprintable};
use crate::clock::Clock;
use crate::id::{OrganizationId, Timestamp, UserId};
use crate::store::{
    By, OneTimeToken, Organization, OrganizationSettings, Purpose, ReadError, Store, User, Write,
};
use attempts::Attempts;
use hashing::{Asker, Hashing};
use kept_out::Bans;
use letters::Letters;
use oauth::OAuth;
use reseal::reseal;
use studio::Studio;

/// What a use case changed that those who are connected have to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "whoever is connected doesn't follow by itself"]
pub enum Changed {
    /// An account: whether it may be there, by which sessions and keys, as whom and with what.
    User(UserId),
    /// Who is kept out.
    Bans,
}

/// Why accounts can't be served.
#[derive(Debug, Error)]
pub enum StartError {
    /// The store can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Secrets can't be sealed anew.
    #[error(transparent)]
    Reseal(#[from] ResealError),
    /// A thread can't be started.
    #[error("can't start a thread: {0}")]
    Thread(io::Error),
}

/// The accounts of a store. Cheap to clone.
#[derive(Clone)]
pub struct Accounts(Arc<Inner>);

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Accounts(..)")
    }
}

struct Inner {
    organization: OrganizationId,
    store: Arc<Store>,
    hashing: Arc<Hashing>,
    attempts: Attempts,
    letters: Letters,
    tokens: Arc<TokenKey>,
    seal: Arc<SealKey>,
    bans: ArcSwap<Bans>,
    oauth: OAuth,
    written: Arc<Notify>,
    studio: Studio,
    settings: Settings,
    clock: Clock,
}

impl Accounts {
    /// Serves the accounts that `store` holds of an organization.
    pub fn start(
        store: Arc<Store>,
        organization: OrganizationId,
        settings: Settings,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let Secrets { tokens, tokens_are_new, sealing, former } = &settings.secrets;
        let now = clock.wall();
        let bans = Bans::read(&store, organization, clock.now(), None)?;
        // The longest that a short token of the former secret can still be good.
        let short_until = if *tokens_are_new { now.plus(settings.access_life) } else { Timestamp(0) };
        let tokens = TokenKey::new(&tokens.0).after(&former.0, short_until);
        let seal = SealKey::new(&sealing.0);
        reseal(&store, organization, &seal, &SealKey::new(&former.0), By::server(now))?;
        flow::seal_flow_settings(&store, &seal, By::server(now))?;
        let hashing =
            Hashing::start(settings.hash_threads, settings.hash_queue).map_err(StartError::Thread)?;
        Ok(Self(Arc::new(Inner {
            organization,
            store,
            hashing: Arc::new(hashing),
            attempts: Attempts::new(&settings, clock.clone()),
            letters: Letters::new(clock.clone()),
            tokens: Arc::new(tokens),
            seal: Arc::new(seal),
            bans: ArcSwap::from_pointee(bans),
            oauth: OAuth::default(),
            written: Arc::default(),
            studio: Studio::default(),
            settings,
            clock,
        })))
    }

    /// The accounts of another organization of the same server. The pool that hashes, the keys, the outbox and what is
    /// known of addresses are shared.
    /// Blocks while what they sealed with the former key is sealed anew.
    pub fn beside(&self, home: &Organization) -> Result<Self, StartError> {
        let Inner {
            store, hashing, attempts, letters, tokens, seal, written, studio, settings, clock, ..
        } = &*self.0;
        let former = SealKey::new(&settings.secrets.former.0);
        reseal(store, home.id, seal, &former, By::server(clock.wall()))?;
        let page = match settings.page.trim_end_matches('/') {
            "" => String::new(),
            page => format!("{page}/+{}", home.tag),
        };
        Ok(Self(Arc::new(Inner {
            organization: home.id,
            store: Arc::clone(store),
            hashing: Arc::clone(hashing),
            attempts: attempts.beside(settings),
            letters: letters.clone(),
            tokens: Arc::clone(tokens),
            seal: Arc::clone(seal),
            oauth: OAuth::default(),
            bans: ArcSwap::from_pointee(Bans::read(store, home.id, clock.now(), None)?),
            written: Arc::clone(written),
            studio: studio.clone(),
            settings: Settings { name: home.name.clone(), page, ..settings.clone() },
            clock: clock.clone(),
        })))
    }

    /// The clock that they go by.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Whose accounts they are.
    pub fn organization(&self) -> OrganizationId {
        self.0.organization
    }

    /// What people call where they are: the first organization as the server, another one as it is named now.
    pub fn name(&self) -> String {
        let named = match self.0.organization {
            OrganizationId::FIRST => None,
            other => self.0.store.organization(other).ok().flatten(),
        };
        named.map_or_else(|| self.0.settings.name.clone(), |organization| organization.name)
    }

    /// Who comes in now: what the organization says, within what the machine's owner allows it.
    pub fn entry_policy(&self) -> Result<EntryPolicy, ReadError> {
        let Inner { organization, store, settings, .. } = &*self.0;
        let home = store.organization(*organization)?.ok_or(ReadError::NoOrganization)?;
        let OrganizationSettings { guests, registration, .. } = store.organization_settings(*organization)?;
        Ok(EntryPolicy { guests, registration }.within(allowed(settings.entry, &home)))
    }

    /// Hashes a password, on a thread for that.
    async fn hash(&self, asker: Asker, password: &str) -> Result<StoredPassword, AccountError> {
        let (password, salt) = (password.to_owned(), random()?);
        let hashed = self.on_pool(asker, move || StoredPassword::new(&password, salt)).await?;
        hashed.map_err(|_| AccountError::Busy)
    }

    /// Whether a password is the stored one.
    async fn verify(
        &self,
        asker: Asker,
        stored: StoredPassword,
        password: &str,
    ) -> Result<bool, AccountError> {
        let password = password.to_owned();
        let matches = self.on_pool(asker, move || stored.verify(&password)).await?;
        matches.map_err(|_| AccountError::Busy)
    }

    /// Does what takes long on the pool for that, in the organization's own line.
    async fn on_pool<T: Send + 'static>(
        &self,
        asker: Asker,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AccountError> {
        self.0.hashing.run(self.0.organization, asker, work).await
    }

    /// An account of this organization. Those of others are as if they weren't there, whoever shows what opens them.
    fn user(&self, user: UserId) -> Result<Option<User>, AccountError> {
        let user = if self.0.organization.has(user) { self.0.store.user(user)? } else { None };
        Ok(user)
    }

    /// A one-time token of this organization, while it is good; not used up by that.
    fn token(&self, purpose: Purpose, code: &OneTimeCode) -> Result<Option<OneTimeToken>, AccountError> {
        let token = self.0.store.token(purpose, &code.hash(), self.0.clock.wall())?;
        Ok(token.filter(|token| token.organization == self.0.organization))
    }

    /// Does a write.
    async fn run<T, E>(&self, by: By, write: Write<T, E>) -> Result<T, AccountError>
    where
        T: Send + 'static,
        E: Into<AccountError> + Send + 'static,
    {
        Ok(self.0.store.commit(by, write.while_asked()).await?)
    }
}

/// Who an organization may let in: what the machine's owner says of it, else what the configuration says of all.
pub fn allowed(configured: EntryPolicy, home: &Organization) -> EntryPolicy {
    EntryPolicy {
        guests: home.guests.unwrap_or(configured.guests),
        registration: home.registration.unwrap_or(configured.registration),
    }
}

/// A sentence as it is kept.
fn sentence(text: &str) -> String {
    text.chars().filter(|c| !is_unprintable(*c)).take(MAX_SENTENCE).collect()
}

/// Random bytes of the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], AccountError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "the operating system gives no random bytes");
        AccountError::Internal
    })?;
    Ok(bytes)
}
