//! Start and stop of the server, in order and in one place.

mod beside;
mod configured;
mod directory;
mod providers;

use beside::{announce, deliver, keep_claim, look_after, maintain};
use configured::{limits, sends_emails, settings, welcome};
pub(crate) use directory::{is_copy, left_behind};
pub use providers::{ProviderStartError, provider_settings};

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::config::Config;
use crate::control::{self, Actor, Handle, Nobody, Organizations, Refused, Settings};
use crate::dial::Client;
use crate::discovery::Announcer;
use crate::endpoint::{
    BindError, CertificateError, Certificates, Endpoint, Identity, IdentityError, Intake, Limits, LinkPeer,
    LocalSocket, raise_files,
};
use crate::http::{self, Http, HttpError, Parts};
use crate::id::{Fingerprint, Timestamp};
use crate::mail::{MailError, Post};
use crate::protocol::ErrorCode;
use crate::protocol::wire::{self, request, response};
use crate::recording::Recordings;
use crate::secrets::{Secrets, SecretsError};
use crate::store::{OpenError, Opening, STORE_FILE, Store};

/// Why the server can't start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The data directory can't be made or entered.
    #[error("can't use the data directory {}: {source}; make it writable for the user who runs Parlour, or choose another with --data-dir", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The directory of recordings can't be read.
    #[error("can't use the directory of recordings {}: {source}; make it readable and writable for the user who runs Parlour, or choose another by recording.directory", path.display())]
    Recordings {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The database can't be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// There is no database where there was one.
    #[error("{} {state}, and {} says that there was a database: put a backup back with `parlour db restore {}`, or make a new database with `parlour db init`", path.display(), left.display(), backup(left))]
    Lost {
        /// The database's file.
        path: PathBuf,
        /// That it isn't there, or is empty.
        state: &'static str,
        /// What is there in its stead.
        left: PathBuf,
    },
    /// The identity can't be loaded or made.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The keys of tokens and of sealing can't be loaded or made.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// A certificate can't be used or made.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// An address can't be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The page for browsers can't be served.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// E-mails can't be sent by these settings.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// Nobody can log in by another server by these settings.
    #[error(transparent)]
    Provider(#[from] ProviderStartError),
    /// The state can't be loaded.
    #[error(transparent)]
    Control(#[from] control::StartError),
    /// The first claim code or a demonstration account can't be made.
    #[error("can't prepare the first start: {0}")]
    First(#[from] Refused),
}

/// What to put back.
fn backup(left: &Path) -> String {
    if is_copy(left) { left.display().to_string() } else { "FILE".to_owned() }
}

/// A running server. Dropping it without [`Server::stop`] ends it without a farewell.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<SocketAddr>,
    fingerprint: Fingerprint,
    claim: Option<wire::ClaimCode>,
    organizations: Organizations<LinkPeer>,
    stop: oneshot::Sender<()>,
    endpoint: JoinHandle<()>,
    http: Option<JoinHandle<Result<(), HttpError>>>,
    stop_http: oneshot::Sender<()>,
    watched: Arc<Certificates>,
    claim_kept: Option<JoinHandle<()>>,
    local: Option<JoinHandle<()>>,
    maintenance: JoinHandle<()>,
    certificates: JoinHandle<()>,
    post: Option<JoinHandle<()>>,
    hooks: JoinHandle<()>,
    stop_hooks: oneshot::Sender<()>,
    flows: JoinHandle<()>,
    stop_flows: oneshot::Sender<()>,
    announcer: Option<Announcer>,
}

/// How often a port that the operating system chose for UDP may turn out to be taken on TCP.
const TRIES: usize = 16;

impl Server {
    /// Starts everything, in the order in which each part needs the one before: directory, store,
    /// sockets, identity, control, then the listening. It goes by the machine's clock.
    pub async fn start(config: &Config, listen: &[SocketAddr], optional: bool) -> Result<Self, StartError> {
        Self::start_by(config, listen, optional, Clock::system()).await
    }

    /// The same by another clock, which a test turns.
    pub async fn start_by(
        config: &Config,
        listen: &[SocketAddr],
        optional: bool,
        clock: Clock,
    ) -> Result<Self, StartError> {
        Self::start_among(config, listen, optional, clock, Client::new()).await
    }

    /// The same, delivering to webhooks by a client of the caller's making, which may go by other names than this machine knows.
    /// It asks for people, so it shares no room for look-ups with what asks for the machine's owner.
    pub async fn start_among(
        config: &Config,
        listen: &[SocketAddr],
        optional: bool,
        clock: Clock,
        to_hooks: Client,
    ) -> Result<Self, StartError> {
        let directory = config.data_dir();
        directory::prepare(&directory)
            .map_err(|source| StartError::Directory { path: directory.clone(), source })?;
        let post = Post::new(config)?;
        let providers = providers::all(config, &clock, &Client::new())?;
        let store = Arc::new(open_store(config, listen, clock.wall()).await?);
        let identity = Identity::load_or_create(&directory)?;
        let secrets = Secrets::load_or_create(&directory)?;
        let limits = limits(config);
        let files = raise_files(http::most_files(&limits.places));
        let certificates = Arc::new(Certificates::load(&identity, &directory, config.certificate())?);
        let (endpoint, http) = bind(listen, optional, &certificates, &limits, config.web())?;
        let intake = endpoint.intake();
        let (addresses, fingerprint) = (endpoint.addresses(), identity.fingerprint());
        let recordings = Some(recordings(config)?);
        let settings = Settings { recordings, ..settings(config, &identity, &secrets, &addresses) };
        let organizations = Organizations::start(store, settings, clock)?;
        let (deliverer, runner) = beside::doers(&organizations, to_hooks, config).await;
        let handle = organizations.first().clone();
        let claim = first_claim(&handle).await?;
        let now = handle.clock().now();
        let claim_kept = claim.clone().map(|claim| tokio::spawn(keep_claim(handle.clone(), claim, now)));
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = endpoint.run(organizations.clone(), limits, welcome(config), async {
            // An error means that the server was dropped, which ends it, too.
            let _ = stopped.await;
        });
        let (stop_http, http_stopped) = oneshot::channel::<()>();
        let http = http.map(|http| {
            let parts = parts(config, &organizations, &intake, &certificates, (&limits, files));
            let parts = Parts { providers, ..parts };
            tokio::spawn(http.run(parts, async {
                let _ = http_stopped.await;
            }))
        });
        let local = match LocalSocket::bind(&directory) {
            Ok(socket) => Some(tokio::spawn(socket.run(organizations.clone()))),
            Err(error) => {
                tracing::warn!(%error, "no local socket; admin commands need the server stopped");
                None
            }
        };
        let maintenance = tokio::spawn(maintain(handle.clone(), config.backup_hours()));
        let watched = Arc::clone(&certificates);
        let certificates = tokio::spawn(look_after(certificates));
        let post = post.map(|post| tokio::spawn(deliver(handle.clone(), post)));
        let ((hooks, stop_hooks), (flows, stop_flows)) = beside::run(deliverer, runner);
        let announcer = announce(config, &addresses, fingerprint);
        Ok(Self {
            addresses,
            fingerprint,
            claim,
            organizations,
            stop,
            endpoint: tokio::spawn(serving),
            http,
            stop_http,
            watched,
            claim_kept,
            local,
            maintenance,
            certificates,
            post,
            hooks,
            stop_hooks,
            flows,
            stop_flows,
            announcer,
        })
    }

    /// What is listened on.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// SHA-256 of the identity certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The claim code that was made at this start, when the server has no administrator yet.
    pub fn claim(&self) -> Option<&wire::ClaimCode> {
        self.claim.as_ref()
    }

    /// Takes what may change while it runs from the settings as they are now: the certificate for browsers, which is read
    /// anew.
    pub fn reload(&self, config: &Config) {
        self.watched.read_anew(config.certificate());
    }

    /// The way to the control thread of its first organization.
    pub fn handle(&self) -> &Handle<LinkPeer> {
        self.organizations.first()
    }

    /// The organizations that it serves.
    pub fn organizations(&self) -> &Organizations<LinkPeer> {
        &self.organizations
    }

    /// Creates an account, if there is none of that name.
    pub async fn ensure_user(&self, name: &str, password: &str, role: &str) -> Result<(), StartError> {
        let create =
            wire::CreateUser { name: name.to_owned(), password: password.to_owned(), role: role.to_owned() };
        match self.handle().request(Actor::Operator, request::Body::CreateUser(create)).await {
            Ok(_) => Ok(()),
            Err(refused) if refused.code() == ErrorCode::NameTaken => Ok(()),
            Err(refused) => Err(refused.into()),
        }
    }

    /// Tells the clients, finishes what is queued, closes the connections and the database, which others may open when this
    /// is over. Clients are told goodbye for a second at most; what is queued is finished however long that takes.
    pub async fn stop(self) {
        if let Some(announcer) = self.announcer {
            announcer.stop().await;
        }
        // What is on its way to a webhook is sent again when the server is back.
        let _ = self.stop_hooks.send(());
        let _ = self.hooks.await;
        // A run that is under way goes on where it is when the server is back.
        let _ = self.stop_flows.send(());
        let _ = self.flows.await;
        let organizations = self.organizations.clone();
        let mut stopping = std::pin::pin!(organizations.stop());
        let in_time = tokio::time::timeout(Duration::from_secs(1), &mut stopping).await.is_ok();
        // The goodbyes get on their way before the connections are closed over them.
        tokio::time::sleep(Duration::from_millis(50)).await;
        // Each holds the database until it has ended, not just until it is told to.
        for task in [Some(self.maintenance), Some(self.certificates), self.claim_kept, self.post, self.local]
            .into_iter()
            .flatten()
        {
            task.abort();
            let _ = task.await;
        }
        let _ = self.stop.send(());
        let _ = self.stop_http.send(());
        let _ = self.endpoint.await;
        if let Some(http) = self.http {
            let _ = http.await;
        }
        if !in_time {
            stopping.await;
        }
        // The threads have answered `stop`, so this doesn't wait.
        self.organizations.join();
    }
}

/// The database of a server that doesn't run, opened for the person who owns the machine. It answers what a server would
/// answer them, and nobody can connect.
#[derive(Debug)]
pub struct Alone {
    organizations: Organizations<Nobody>,
}

impl Alone {
    /// Takes an open database over, by the settings of its server. Must be called in a runtime of tokio.
    pub fn start(config: &Config, store: Store) -> Result<Self, StartError> {
        let directory = config.data_dir();
        let (identity, secrets) =
            (Identity::load_or_create(&directory)?, Secrets::load_or_create(&directory)?);
        let settings = settings(config, &identity, &secrets, &[]);
        let organizations = Organizations::start(Arc::new(store), settings, Clock::system())?;
        Ok(Self { organizations })
    }

    /// Does what the machine's owner asks for, and answers when it is on disk.
    pub async fn ask(&self, request: wire::Request) -> Result<response::Body, Refused> {
        self.organizations.operate(request).await
    }

    /// Closes the database.
    pub async fn stop(self) {
        self.organizations.stop().await;
        // The threads have answered `stop`, so this doesn't wait.
        self.organizations.join();
    }
}

/// Opens the database, and migrates an older one, which can take a while: who asks meanwhile is told so.
async fn open_store(config: &Config, listen: &[SocketAddr], now: Timestamp) -> Result<Store, StartError> {
    let (path, migrate) = (config.data_dir().join(STORE_FILE), config.migrate());
    let left = left_behind(&config.data_dir());
    let create = left.is_none();
    let (tell, told) = watch::channel(String::new());
    let opening = tokio::task::spawn_blocking(move || {
        let progress = |what: &str, done: f64| {
            let words = format!("{what}, {:.0} %", done * 100.0);
            tracing::info!("{words}");
            tell.send_replace(words);
        };
        let opening = Opening { create, migrate, progress: &progress };
        Store::open_with(&path, now, &opening)
    });
    tokio::select! {
        opened = opening => match opened {
            Ok(opened) => opened.map_err(|error| match (error, left) {
                (OpenError::Missing { path, state }, Some(left)) => StartError::Lost { path, state, left },
                (error, _) => error.into(),
            }),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        },
        never = wait_with(config, listen, told) => match never {},
    }
}

/// Answers "not ready" while the database is migrated, from when that begins. Where it can't, nobody answers.
async fn wait_with(config: &Config, listen: &[SocketAddr], mut told: watch::Receiver<String>) -> Infallible {
    let begun = told.changed().await.is_ok();
    let ports_are_known = listen.iter().all(|address| address.port() != 0);
    if begun && config.web() && ports_are_known {
        let directory = config.data_dir();
        let certificates = Identity::load_or_create(&directory)
            .map_err(StartError::from)
            .and_then(|identity| Ok(Certificates::load(&identity, &directory, config.certificate())?));
        match certificates {
            Ok(certificates) => http::wait(listen, &Arc::new(certificates), told).await,
            // The start says it, too, as soon as it gets there.
            Err(error) => tracing::debug!(%error, "nobody can be told of the migration"),
        }
    }
    std::future::pending().await
}

/// The sockets: UDP, and TCP with the same numbers.
fn bind(
    listen: &[SocketAddr],
    optional: bool,
    certificates: &Arc<Certificates>,
    limits: &Limits,
    web: bool,
) -> Result<(Endpoint, Option<Http>), StartError> {
    let any_port = listen.iter().any(|address| address.port() == 0);
    let mut tries = if any_port { TRIES } else { 1 };
    loop {
        let endpoint = Endpoint::bind(listen, optional, certificates, limits)?;
        if !web {
            return Ok((endpoint, None));
        }
        tries -= 1;
        match Http::bind(&endpoint.addresses()) {
            Ok(http) => return Ok((endpoint, Some(http))),
            Err(HttpError::InUse { .. }) if tries > 0 => (),
            Err(error) => return Err(error.into()),
        }
    }
}

fn parts(
    config: &Config,
    organizations: &Organizations<LinkPeer>,
    intake: &Intake,
    certificates: &Arc<Certificates>,
    (limits, files): (&Limits, usize),
) -> Parts {
    Parts {
        organizations: organizations.clone(),
        intake: intake.clone(),
        certificates: Arc::clone(certificates),
        metrics_token: config.metrics_token(),
        trusted_proxies: config.trusted_proxies(),
        public_page: config.public_address().map(|public| public.page),
        sends_emails: sends_emails(config),
        providers: Vec::new(),
        api_origins: config.api_origins(),
        assistant: config.assistant(),
        requests: (limits.requests_per_second, limits.request_burst),
        bounds: limits.places,
        files,
        idle: limits.idle,
    }
}

/// A new claim code while there is no administrator; the code of an earlier start is good no more,
/// since nobody can read it again.
async fn first_claim(handle: &Handle<LinkPeer>) -> Result<Option<wire::ClaimCode>, Refused> {
    let accounts = handle.accounts();
    if accounts.has_administrator()? { Ok(None) } else { Ok(Some(accounts.new_claim_code().await?)) }
}

fn recordings(config: &Config) -> Result<Recordings, StartError> {
    let path = config.recording_dir();
    let opened = Recordings::open(path.clone(), config.recording_quota());
    opened.map_err(|source| StartError::Recordings { path, source })
}
