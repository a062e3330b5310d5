//! The handshake as types: [`ExpectHello`], then [`ExpectLogIn`], then a [`Session`]. Each step
//! consumes the one before, so no order but this can be written.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::link::{Link, Reply};
use super::patience::Patience;
use super::places::Seating;
use super::session::Session;
use super::shared::Shared;
use super::{LinkPeer, exchange};
use crate::bounds::is_unprintable;
use crate::control::{Entered, Handle, Newcomer, Refused, Visitor, Wants};
use crate::protocol::call::Call;
use crate::protocol::wire::{Hello, Registration, Welcome, request, response};
use crate::protocol::{CloseCode, FEATURES, PACE, VERSIONS};

/// Requests that one connection takes between the greeting and a log-in, whatever becomes of them.
const TRIES: u32 = 5;

/// How long an answer may take to arrive that comes when the time to come in is over.
const LAST_ANSWER: Duration = Duration::from_secs(5);

/// Longest name of a client program that is kept, in characters.
const CLIENT_NAME: usize = 64;

/// Why a handshake ends without a session: the code to close with, or nothing when the connection is
/// gone already.
pub(super) type Ended = Option<CloseCode>;

/// A connection of which nothing is known.
pub(super) struct ExpectHello {
    link: Link,
    from: IpAddr,
    patience: Arc<Patience>,
    shared: Arc<Shared>,
}

impl ExpectHello {
    pub(super) fn new(link: Link, from: IpAddr, patience: Arc<Patience>, shared: Arc<Shared>) -> Self {
        Self { link, from, patience, shared }
    }

    /// Reads the client's greeting, agrees on a version, and finds the organization that is meant.
    pub(super) async fn hello(self) -> Result<ExpectLogIn, Ended> {
        let (mut send, request) = next_request(&self.link, &self.shared).await?;
        let hello = match request {
            Ok(request::Body::Hello(hello)) => hello,
            Ok(_) => return self.refuse(send, Refused::Unexpected, CloseCode::ProtocolViolation).await,
            Err(refused) => return self.refuse(send, refused, CloseCode::ProtocolViolation).await,
        };
        let Some(welcome) = self.agree(&hello) else {
            return self.refuse(send, Refused::Version, CloseCode::VersionRefused).await;
        };
        let home = match self.shared.organizations.find(&hello.organization).await {
            Ok(home) => home,
            Err(refused) => return self.refuse(send, refused, CloseCode::NoSuchOrganization).await,
        };
        let accounts = home.accounts();
        let entry = match accounts.entry_policy() {
            Ok(entry) => entry,
            Err(error) => return self.refuse(send, error.into(), CloseCode::Internal).await,
        };
        let welcome = Welcome {
            server_name: accounts.name(),
            guests: entry.guests,
            registration: Registration::from(entry.registration).into(),
            unclaimed: accounts.is_unclaimed(),
            ..welcome
        };
        exchange::answer(&mut send, Ok(response::Body::Welcome(welcome))).await;
        let client = hello.client.chars().filter(|c| !is_unprintable(*c)).take(CLIENT_NAME).collect();
        let paced = hello.features.iter().any(|feature| feature == PACE);
        let Self { link, from, patience, shared } = self;
        let wants = Wants::of(&hello.features);
        Ok(ExpectLogIn { link, from, patience, shared, home, client, paced, wants })
    }

    /// The highest version that both speak, and the features both have.
    fn agree(&self, hello: &Hello) -> Option<Welcome> {
        let version = hello.version_max.min(*VERSIONS.end());
        if version < hello.version_min || !VERSIONS.contains(&version) {
            return None;
        }
        let known =
            FEATURES.iter().filter(|feature| hello.features.iter().any(|offered| offered == *feature));
        let features = known.map(|feature| (*feature).to_owned()).collect();
        Some(Welcome { version, features, ..self.shared.welcome.clone() })
    }

    async fn refuse(self, send: Reply, refused: Refused, code: CloseCode) -> Result<ExpectLogIn, Ended> {
        refuse_last(send, refused, self.shared.organizations.first()).await;
        Err(Some(code))
    }
}

/// A connection that speaks our version, of whom we don't know.
pub(super) struct ExpectLogIn {
    link: Link,
    from: IpAddr,
    patience: Arc<Patience>,
    shared: Arc<Shared>,
    home: Handle<LinkPeer>,
    client: String,
    paced: bool,
    wants: Wants,
}

impl ExpectLogIn {
    /// Reads log-ins, and what may be asked before one, until one succeeds, [`TRIES`] at most. Whoever is in by it is still to
    /// be told so.
    pub(super) async fn log_in(self) -> Result<(Session, Reply, response::Body), Ended> {
        for number in 1..=TRIES {
            let (mut send, request) = next_request(&self.link, &self.shared).await?;
            // What a program asks for isn't cut off because it takes long.
            let held = match &request {
                Ok(request::Body::AskByKey(_)) => Some(self.patience.hold().await),
                Ok(_) | Err(_) => None,
            };
            let refused = match self.enter(request).await {
                Ok(Welcomed::Session(session, answer)) => return Ok((*session, send, answer)),
                Ok(Welcomed::Answer(answer)) => {
                    exchange::answer(&mut send, Ok(answer)).await;
                    if held.is_some() && self.patience.is_over() {
                        // The connection ends when this is let go, and closing drops what is still under way.
                        let _ = tokio::time::timeout(LAST_ANSWER, send.arrived()).await;
                    }
                    if number == TRIES {
                        send.arrived().await;
                    }
                    continue;
                }
                Err(refused) => refused,
            };
            if number == TRIES {
                refuse_last(send, refused, &self.home).await;
            } else {
                self.home.counts().refused(refused.code());
                exchange::answer(&mut send, Err(refused)).await;
            }
        }
        Err(Some(CloseCode::TriesUsedUp))
    }

    async fn enter(&self, request: Result<request::Body, Refused>) -> Result<Welcomed, Refused> {
        let home = &self.home;
        let Call::Entry(entry) = Call::from(request?) else { return Err(Refused::Unexpected) };
        let room = Seating::new(&self.shared.places.seats, self.from);
        let (from, client, exported) = (self.from, self.client.as_str(), self.link.exported());
        let visitor = Visitor { from, client, exported, room: &room, gate: None };
        let proven = match home.enter(&entry, visitor).await? {
            Entered::Answer(answer) => return Ok(Welcomed::Answer(answer)),
            Entered::Proven(proven) => *proven,
        };
        // Whoever proves who they are has taken one.
        let seat = room.seat().ok_or(Refused::Internal)?;
        let newcomer = Newcomer {
            peer: LinkPeer::new(self.link.clone(), self.shared.shard),
            address: self.from,
            kind: self.link.kind(),
            client: self.client.clone(),
            wants: self.wants,
        };
        let (attached, logged_in) = home.arrive(proven, newcomer).await?;
        let (id, user) = (logged_in.session, logged_in.user);
        let span = tracing::info_span!("session", session = id, user);
        let session = Session::new(
            self.link.clone(),
            home.clone(),
            attached,
            span,
            Arc::clone(&self.shared),
            (seat, self.paced),
        );
        Ok(Welcomed::Session(Box::new(session), response::Body::LoggedIn(logged_in)))
    }
}

/// What a request before the log-in came to.
enum Welcomed {
    /// An answer; another request may follow it.
    Answer(response::Body),
    /// A session, and the answer to its log-in.
    Session(Box<Session>, response::Body),
}

async fn next_request(
    link: &Link,
    shared: &Shared,
) -> Result<(Reply, Result<request::Body, Refused>), Ended> {
    let (send, question) = link.accept().await.ok_or(None)?;
    let request = exchange::read(question, shared.limits.handshake).await.ok_or(None)?;
    Ok((send, request))
}

/// Answers, and waits until the client has the answer: closing drops what is still under way.
async fn refuse_last(mut send: Reply, refused: Refused, home: &Handle<LinkPeer>) {
    home.counts().refused(refused.code());
    exchange::answer(&mut send, Err(refused)).await;
    send.arrived().await;
}
