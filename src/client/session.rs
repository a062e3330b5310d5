//! A logged-in connection: requests and the copy of the server's state that events keep up to date.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::{broadcast, watch};

use super::socket::Arrival;
use super::voice::{Notices, VoiceIn};
use super::{Ended, RequestError, View};
use crate::id::{ChannelId, SessionId, Ssrc};
use crate::protocol::wire::{self, Request, Response, event, request, response, send_text};
use crate::protocol::{CloseCode, Framed, MAX_EVENT, MAX_RESPONSE, decode, encode};

/// Events that a receiver can fall behind; then it misses the oldest and is told how many.
const EVENTS: usize = 256;

/// How long closing may take.
const FAREWELL: std::time::Duration = std::time::Duration::from_secs(1);

/// A session. Clones are the same session; when the last goes, the connection ends.
#[derive(Clone, Debug)]
pub struct Session(Arc<Inner>);

/// A connection with the socket it runs on.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) endpoint: quinn::Endpoint,
    pub(super) connection: quinn::Connection,
    pub(super) arrival: Arrival,
}

#[derive(Debug)]
struct Inner {
    endpoint: quinn::Endpoint,
    connection: quinn::Connection,
    arrival: Arrival,
    notices: Notices,
    welcome: wire::Welcome,
    logged_in: wire::LoggedIn,
    view: watch::Receiver<View>,
    events: broadcast::Sender<event::Body>,
    /// The passwords of channels that were entered or listened to by one.
    passwords: Mutex<BTreeMap<ChannelId, String>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let code = CloseCode::Normal;
        self.connection.close(code.number().into(), code.sentence().as_bytes());
    }
}

impl Session {
    pub(super) async fn start(
        Link { endpoint, connection, arrival }: Link,
        welcome: wire::Welcome,
        logged_in: wire::LoggedIn,
    ) -> Result<Self, RequestError> {
        let (views, mut view) = watch::channel(View::default());
        let (events, _) = broadcast::channel(EVENTS);
        tokio::spawn(follow(connection.clone(), views, events.clone()));
        // The snapshot: with it in hand, channels can be found.
        if view.wait_for(|view| view.own_session != 0).await.is_err() {
            return Err(RequestError::Ended(connection.closed().await.into()));
        }
        let (notices, passwords) = (Notices::default(), Mutex::default());
        let inner =
            Inner { endpoint, connection, arrival, notices, welcome, logged_in, view, events, passwords };
        Ok(Self(Arc::new(inner)))
    }

    /// Which session this is.
    pub fn id(&self) -> SessionId {
        SessionId(self.0.logged_in.session)
    }

    /// What this session's voice packets carry.
    pub fn ssrc(&self) -> Ssrc {
        Ssrc(self.0.logged_in.ssrc)
    }

    /// The answer to the log-in: name, and the token to come back with.
    pub fn logged_in(&self) -> &wire::LoggedIn {
        &self.0.logged_in
    }

    /// What the server said of itself.
    pub fn welcome(&self) -> &wire::Welcome {
        &self.0.welcome
    }

    /// The channels and the people, as of now.
    pub fn view(&self) -> View {
        self.0.view.borrow().clone()
    }

    /// The same, to wait for changes.
    pub fn watch(&self) -> watch::Receiver<View> {
        self.0.view.clone()
    }

    /// Events from now on, each already in the [`View`]. A receiver that falls 256 behind misses some.
    pub fn events(&self) -> broadcast::Receiver<event::Body> {
        self.0.events.subscribe()
    }

    /// Voice from now on. Packets go to whoever asks first, so one receiver is enough. Up to 1 MiB waits;
    /// beyond that the oldest goes.
    pub fn voice(&self) -> VoiceIn {
        let Inner { connection, arrival, notices, .. } = &*self.0;
        VoiceIn::new(connection.clone(), arrival.clone(), notices.clone())
    }

    pub(super) fn notices(&self) -> &Notices {
        &self.0.notices
    }

    /// Estimated round trip to the server.
    pub fn round_trip(&self) -> std::time::Duration {
        self.0.connection.rtt()
    }

    /// Acknowledgements that it has sent so far, as the transport counts them.
    pub fn acknowledgements(&self) -> u64 {
        self.0.connection.stats().frame_tx.acks
    }

    /// Waits until the connection ends.
    pub async fn closed(&self) -> Ended {
        self.0.connection.closed().await.into()
    }

    /// Waits until the connection ends, and says why in words for a person: the server's reason where it gave one.
    pub async fn closed_because(&self) -> String {
        let ended = self.closed().await;
        // What the server said last may still be on its way from the stream of events to the view.
        let mut view = self.watch();
        while view.changed().await.is_ok() {}
        let goodbye = view.borrow().goodbye.clone();
        ended.with_reason(goodbye.as_deref())
    }

    pub(super) fn keep_password(&self, channel: ChannelId, password: &str) {
        if !password.is_empty() {
            let mut passwords = self.0.passwords.lock().unwrap_or_else(PoisonError::into_inner);
            passwords.insert(channel, password.to_owned());
        }
    }

    /// The password by which a channel was entered, or listened to; empty for none.
    pub(super) fn password_of(&self, channel: ChannelId) -> String {
        let passwords = self.0.passwords.lock().unwrap_or_else(PoisonError::into_inner);
        passwords.get(&channel).cloned().unwrap_or_default()
    }

    /// Sends a datagram as it is. `false` when there is no connection, or it is too large for one.
    pub fn send_datagram(&self, datagram: Bytes) -> bool {
        self.0.connection.send_datagram(datagram).is_ok()
    }

    /// Waits until everything that was sent has arrived, then closes the connection and waits until the
    /// server can know of it, for a second at most.
    pub async fn close(self) {
        let (endpoint, connection) = (self.0.endpoint.clone(), self.0.connection.clone());
        // A round trip behind the last datagram: the server has read what came before its answer.
        let _ = self.request(request::Body::Ping(wire::Ping {})).await;
        drop(self);
        connection.close(CloseCode::Normal.number().into(), CloseCode::Normal.sentence().as_bytes());
        let _ = tokio::time::timeout(FAREWELL, endpoint.wait_idle()).await;
    }

    /// Sends a request and waits for its answer.
    pub async fn request(&self, body: request::Body) -> Result<response::Body, RequestError> {
        exchange(&self.0.connection, body).await
    }

    /// Sends bytes as a request, whatever they are.
    pub async fn request_bytes(&self, bytes: &[u8]) -> Result<response::Body, RequestError> {
        exchange_bytes(&self.0.connection, bytes).await
    }

    pub(super) async fn done(&self, body: request::Body) -> Result<(), RequestError> {
        match self.request(body).await? {
            response::Body::Done(_) => Ok(()),
            _ => Err(RequestError::Misfit),
        }
    }

    pub(super) async fn created(&self, body: request::Body) -> Result<u64, RequestError> {
        match self.request(body).await? {
            response::Body::Created(created) => Ok(created.id),
            _ => Err(RequestError::Misfit),
        }
    }

    /// Enters a channel, leaving the one before.
    pub async fn join(&self, channel: ChannelId) -> Result<(), RequestError> {
        self.done(request::Body::Join(wire::Join { channel: channel.0, ..Default::default() })).await
    }

    /// Leaves the channel.
    pub async fn leave(&self) -> Result<(), RequestError> {
        self.done(request::Body::Leave(wire::Leave {})).await
    }

    /// Sets the flags that are given.
    pub async fn set_self(&self, mute: Option<bool>, deaf: Option<bool>) -> Result<(), RequestError> {
        self.done(request::Body::SetSelf(wire::SetSelf { mute, deaf, ..Default::default() })).await
    }

    /// Sends a text to the people in a channel.
    pub async fn text_channel(&self, channel: ChannelId, text: &str) -> Result<(), RequestError> {
        let (to, text) = (Some(send_text::To::Channel(channel.0)), text.to_owned());
        self.done(request::Body::SendText(wire::SendText { to, text })).await
    }

    /// Sends a text to one session.
    pub async fn text_session(&self, session: SessionId, text: &str) -> Result<(), RequestError> {
        let (to, text) = (Some(send_text::To::Session(session.0)), text.to_owned());
        self.done(request::Body::SendText(wire::SendText { to, text })).await
    }

    /// Creates a channel below `parent`, or at the top.
    pub async fn create_channel(
        &self,
        parent: Option<ChannelId>,
        name: &str,
    ) -> Result<ChannelId, RequestError> {
        let parent = parent.map_or(0, u64::from);
        let create = wire::CreateChannel { parent, name: name.to_owned(), ..Default::default() };
        self.created(request::Body::CreateChannel(create)).await.map(ChannelId)
    }

    /// Changes what is given of a channel.
    pub async fn edit_channel(
        &self,
        channel: ChannelId,
        name: Option<&str>,
        description: Option<&str>,
        position: Option<i32>,
    ) -> Result<(), RequestError> {
        let (name, description) = (name.map(str::to_owned), description.map(str::to_owned));
        let edit =
            wire::EditChannel { channel: channel.0, name, description, position, ..Default::default() };
        self.done(request::Body::EditChannel(edit)).await
    }

    /// Puts a channel under another parent, or at the top.
    pub async fn move_channel(
        &self,
        channel: ChannelId,
        parent: Option<ChannelId>,
        position: i32,
    ) -> Result<(), RequestError> {
        let to = wire::MoveChannel { channel: channel.0, parent: parent.map_or(0, u64::from), position };
        self.done(request::Body::MoveChannel(to)).await
    }

    /// Removes a channel and those below it.
    pub async fn remove_channel(&self, channel: ChannelId) -> Result<(), RequestError> {
        self.done(request::Body::RemoveChannel(wire::RemoveChannel { channel: channel.0 })).await
    }

    /// Moves another session to a channel, or out of its channel.
    pub async fn move_session(
        &self,
        session: SessionId,
        channel: Option<ChannelId>,
    ) -> Result<(), RequestError> {
        let to = wire::MoveSession { session: session.0, channel: channel.map_or(0, u64::from) };
        self.done(request::Body::MoveSession(to)).await
    }

    /// Creates an account; an empty role means Member.
    pub async fn create_user(&self, name: &str, password: &str, role: &str) -> Result<u64, RequestError> {
        let (name, password, role) = (name.to_owned(), password.to_owned(), role.to_owned());
        self.created(request::Body::CreateUser(wire::CreateUser { name, password, role })).await
    }

    /// Disables or enables an account.
    pub async fn set_user_disabled(&self, name: &str, disabled: bool) -> Result<(), RequestError> {
        let name = name.to_owned();
        self.done(request::Body::SetUserDisabled(wire::SetUserDisabled { name, disabled })).await
    }

    /// The channels and the people, asked of the server.
    pub async fn list(&self) -> Result<wire::Snapshot, RequestError> {
        match self.request(request::Body::List(wire::List::default())).await? {
            response::Body::Listing(wire::Listing { snapshot: Some(snapshot), .. }) => Ok(snapshot),
            _ => Err(RequestError::Misfit),
        }
    }

    /// Ends the session for good; its token opens nothing any more.
    pub async fn log_out(&self) -> Result<(), RequestError> {
        self.done(request::Body::LogOut(wire::LogOut {})).await
    }
}

/// Reads events into the view until the stream ends.
async fn follow(
    connection: quinn::Connection,
    views: watch::Sender<View>,
    events: broadcast::Sender<event::Body>,
) {
    let Ok(mut stream) = connection.accept_uni().await else { return };
    let mut framed = Framed::new(MAX_EVENT);
    while let Ok(Some(chunk)) = stream.read_chunk(64 * 1024, true).await {
        framed.handle_bytes(&chunk.bytes);
        loop {
            match framed.poll_message::<wire::Event>() {
                Ok(Some(event)) => {
                    let Some(body) = event.body else { continue };
                    views.send_modify(|view| view.apply(&body));
                    // Nobody may be listening.
                    let _ = events.send(body);
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(%error, "the server's events can't be read");
                    let code = CloseCode::ProtocolViolation;
                    return connection.close(code.number().into(), code.sentence().as_bytes());
                }
            }
        }
    }
}

/// One request and its answer on a stream of their own.
pub(super) async fn exchange(
    connection: &quinn::Connection,
    body: request::Body,
) -> Result<response::Body, RequestError> {
    exchange_bytes(connection, &encode(&Request::from(body))).await
}

async fn exchange_bytes(
    connection: &quinn::Connection,
    bytes: &[u8],
) -> Result<response::Body, RequestError> {
    let ended = |reason: quinn::ConnectionError| RequestError::Ended(reason.into());
    let (mut send, mut recv) = connection.open_bi().await.map_err(ended)?;
    // The server may answer before it has read all, as it does to a request that is too large.
    let _ = send.write_all(bytes).await;
    let _ = send.finish();
    let answer = match recv.read_to_end(MAX_RESPONSE).await {
        Ok(answer) => answer,
        Err(quinn::ReadToEndError::Read(quinn::ReadError::ConnectionLost(reason))) => {
            return Err(ended(reason));
        }
        Err(error) => return Err(RequestError::Ended(Ended::Lost(error.to_string()))),
    };
    match decode::<Response>(&answer, MAX_RESPONSE)?.body {
        Some(response::Body::Error(error)) => Err(error.into()),
        Some(body) => Ok(body),
        None => Err(RequestError::Misfit),
    }
}
