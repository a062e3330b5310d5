//! A logged-in connection: its requests, its events and its voice, each in a loop of its own.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::Notify;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use tracing::{Instrument, Span};

use super::link::{Link, Question, Reply};
use super::places::Seat;
use super::relay::{Forwarded, Frame};
use super::shared::Shared;
use super::{LinkPeer, exchange};
use crate::control::{Actor, Attached, Handle, Refused};
use crate::id::FlowId;
use crate::protocol::wire::{request, response};
use crate::protocol::{
    CloseCode, Echo, HeaderError, Notice, VoicePacket, read_extensions, without_position, write_echo,
    write_notice,
};
use crate::transport::REQUESTS_AT_ONCE;
use crate::voice::{Arrivals, Bucket, Limiter, LossTeller, Outcome};

/// How long after a frame its speaker counts as speaking.
const TALK_SPURT: Duration = Duration::from_secs(1);

/// How often one who begins to speak is told that the server is at its limit.
const BUSY_AGAIN: Duration = Duration::from_secs(1);

/// What is kept of the voice that comes from a session.
struct Incoming {
    limiter: Limiter,
    echoes: u32,
    /// When it was last passed on, and when the speaker was last told "busy".
    spoke: Option<Duration>,
    told: Option<Duration>,
    /// What of it came, and what the speaker was told of what is lost.
    arrivals: Arrivals,
    losses: LossTeller,
}

/// Requests refused for their rate, in multiples of the burst, before the connection is closed.
const PATIENCE: u32 = 10;

/// Events that are written together at most, and the time between two writes. With a thousand people, an
/// arrival or a move is a packet to each of them.
const EVENTS_AT_ONCE: usize = 256;
const EVENTS_APART: Duration = Duration::from_millis(40);

/// How long a client that logged out, or is sent away, gets to confirm that it has read the last it is told.
const CONFIRMATION: Duration = Duration::from_secs(2);

/// One connected session. Dropping its connection's tasks ends it; [`Session::run`] does all of that.
pub(super) struct Session {
    link: Link,
    /// The organization that it came to.
    home: Handle<LinkPeer>,
    attached: Attached,
    events: Option<Receiver<Bytes>>,
    /// What is logged about its requests is logged in this.
    span: Span,
    shared: Arc<Shared>,
    /// Whether the client follows the pace.
    paced: bool,
    /// Told when a request is about to be answered.
    asked: Notify,
    /// Its place among the sessions, for as long as it has this connection.
    _seat: Seat,
}

impl Session {
    pub(super) fn new(
        link: Link,
        home: Handle<LinkPeer>,
        (attached, events): (Attached, Receiver<Bytes>),
        span: Span,
        shared: Arc<Shared>,
        (seat, paced): (Seat, bool),
    ) -> Self {
        Self {
            link,
            home,
            attached,
            events: Some(events),
            span,
            shared,
            paced,
            asked: Notify::new(),
            _seat: seat,
        }
    }

    /// How long it has been here, by the clock that control goes by.
    fn elapsed(&self) -> Duration {
        self.home.clock().monotonic().saturating_sub(self.attached.arrived)
    }

    /// Answers the log-in and serves the session until its connection ends, then takes it out of the state. Nothing that
    /// ends a handshake interrupts this.
    pub(super) async fn run(mut self, mut reply: Reply, logged_in: response::Body) {
        // What is only needed now takes no room of what stays.
        Box::pin(exchange::answer(&mut reply, Ok(logged_in))).await;
        drop(reply);
        let Some(events) = self.events.take() else { return };
        self.link.trust();
        let session = Arc::new(self);
        tokio::select! {
            () = session.relay_voice() => (),
            () = session.send_events(events) => (),
            () = Arc::clone(&session).serve_requests() => (),
            () = session.link.cover(&session.shared.covers) => (),
            () = session.link.uninvited() => session.close(CloseCode::ProtocolViolation),
        }
        let Attached { session: id, attachment, .. } = session.attached;
        session.home.depart(id, attachment).await;
        session.span.in_scope(|| tracing::debug!("a session's connection ended"));
    }

    /// Voice: each datagram is passed on before the next one is read.
    async fn relay_voice(&self) {
        let limiter = Limiter::new(self.shared.limits.voice);
        let (arrivals, losses) = (Arrivals::default(), LossTeller::default());
        let mut incoming = Incoming { limiter, echoes: 0, spoke: None, told: None, arrivals, losses };
        while let Some(datagram) = self.link.read_datagram().await {
            self.forward(datagram, &mut incoming);
        }
    }

    /// Checks one voice packet and passes it on to whoever hears this session.
    fn forward(&self, datagram: Bytes, incoming: &mut Incoming) {
        let counts = self.home.voice_counts();
        let packet = match VoicePacket::parse(&datagram) {
            Ok(packet) => packet,
            Err(HeaderError::TooLarge) => return counts.add(Outcome::TooLarge, 1),
            Err(_) => return counts.add(Outcome::Malformed, 1),
        };
        if packet.header.ssrc != self.attached.ssrc {
            return counts.add(Outcome::ForeignSsrc, 1);
        }
        incoming.arrivals.note(packet.header.sequence);
        let now = self.elapsed();
        if !incoming.limiter.admit(now, datagram.len()) {
            return counts.add(Outcome::RateLimited, 1);
        }
        if packet.flow == FlowId::ECHO {
            incoming.echoes = incoming.echoes.wrapping_add(1);
            let echo = write_echo(&datagram, &packet, Echo { at: now, count: incoming.echoes });
            counts.add(Outcome::Echoed, 1);
            // As with all voice, a full buffer loses the oldest.
            self.link.send_datagram(echo.into());
            return;
        }
        let plain = without_position(&datagram, &packet).map(Bytes::from);
        let level = read_extensions(&datagram, &packet).level;
        let begins = incoming.spoke.is_none_or(|spoke| now.saturating_sub(spoke) > TALK_SPURT);
        // Lost notices are made up for by the next.
        let tell = |notice| {
            self.link.send_datagram(write_notice(self.attached.ssrc, notice).into());
        };
        let (ssrc, flow) = (packet.header.ssrc, packet.flow);
        let frame = Frame { home: self.home.clone(), ssrc, flow, datagram, plain };
        match self.shared.relay.forward(&self.home, frame, level, begins) {
            Forwarded::Passed(later) => {
                incoming.spoke = Some(now);
                self.attached.activity.speaks(self.attached.arrived + now);
                if let Some(later) = later.filter(|_| self.paced) {
                    tell(Notice::Pace(later));
                }
                if incoming.losses.is_due(now)
                    && let Some(route) = self.home.table().route(ssrc, flow)
                {
                    let there = route.audience().loss(ssrc);
                    let told = incoming.losses.handle(now, &incoming.arrivals, there);
                    if let Some(loss) = told {
                        tell(Notice::Loss(loss));
                    }
                }
            }
            Forwarded::Busy if incoming.told.is_none_or(|told| now.saturating_sub(told) >= BUSY_AGAIN) => {
                incoming.told = Some(now);
                tell(Notice::Busy(BUSY_AGAIN));
            }
            Forwarded::Busy | Forwarded::Silent => (),
        }
    }

    /// Events: in order, on the one stream that the server opens.
    async fn send_events(&self, mut events: Receiver<Bytes>) {
        let Some(mut stream) = self.link.open_events().await else { return };
        let mut some = Vec::new();
        loop {
            // A session that hears of nothing any more isn't one: whoever stops the stream is told so.
            tokio::select! {
                biased;
                count = events.recv_many(&mut some, EVENTS_AT_ONCE) => if count == 0 { break },
                () = stream.unwanted() => return self.close(CloseCode::EventsStopped),
            }
            let bytes = some.drain(..).fold(BytesMut::new(), |mut all, event: Bytes| {
                all.extend_from_slice(&event);
                all
            });
            if !stream.write(bytes.freeze()).await {
                // No news to a connection that is gone.
                return self.close(CloseCode::EventsStopped);
            }
            // The first event leaves at once; when many come and go, what follows leaves together. What
            // this client itself asked for doesn't wait.
            tokio::select! {
                () = tokio::time::sleep(EVENTS_APART) => (),
                () = self.asked.notified() => (),
            }
        }
        if let Some(code) = self.attached.parting.get() {
            stream.finish();
            let _ = tokio::time::timeout(CONFIRMATION, stream.arrived()).await;
            self.close(*code);
            return;
        }
        // The queue's other end is gone: the session was ended or replaced, and whoever did that
        // closes the connection. Until then its requests are still answered.
        self.link.closed().await;
    }

    /// Requests: each on a stream of its own, as many at once as the transport lets the client open. Over a WebSocket,
    /// which has no such limit, the next ones wait.
    async fn serve_requests(self: Arc<Self>) {
        let limits = &self.shared.limits;
        let mut rate = Bucket::new(limits.requests_per_second, limits.request_burst);
        let mut patience =
            Bucket::new(limits.requests_per_second, limits.request_burst.saturating_mul(PATIENCE));
        let mut under_way = JoinSet::new();
        loop {
            while under_way.try_join_next().is_some() {}
            while under_way.len() >= REQUESTS_AT_ONCE as usize {
                under_way.join_next().await;
            }
            let Some((reply, question)) = self.link.accept().await else { return };
            let now = self.elapsed();
            let admitted = rate.admit(now);
            if !admitted && !patience.admit(now) {
                self.close(CloseCode::RateLimited);
                return;
            }
            let serving = Arc::clone(&self).serve_request(reply, question, admitted);
            under_way.spawn(serving.instrument(self.span.clone()));
        }
    }

    async fn serve_request(self: Arc<Self>, mut reply: Reply, question: Question, admitted: bool) {
        let counts = self.home.counts();
        let patience = self.shared.limits.handshake;
        let Some(request) = exchange::read(question, patience).await else { return };
        let logs_out = request.as_ref().is_ok_and(|body| self.ends_by(body));
        let answer = match request {
            _ if !admitted => Err(Refused::RateLimited(self.one_request())),
            Ok(body) => self.home.request(Actor::Session(self.attached.session), body).await,
            Err(refused) => Err(refused),
        };
        match &answer {
            Ok(_) => counts.answered(),
            Err(refused) => counts.refused(refused.code()),
        }
        let logged_out = logs_out && answer.is_ok();
        // The events of a change are queued by now: they go before its answer.
        self.asked.notify_one();
        tokio::task::yield_now().await;
        exchange::answer(&mut reply, answer).await;
        if logged_out {
            let _ = tokio::time::timeout(CONFIRMATION, reply.arrived()).await;
            self.close(CloseCode::LoggedOut);
        }
    }

    /// Whether a request, once it is granted, ends the session that asks.
    fn ends_by(&self, body: &request::Body) -> bool {
        let own = self.attached.session.0;
        matches!(body, request::Body::LogOut(_))
            || matches!(body, request::Body::EndDevice(end) if end.session == own)
    }

    /// How long it takes until one more request is admitted.
    fn one_request(&self) -> Duration {
        Duration::from_secs(1) / self.shared.limits.requests_per_second.max(1)
    }

    fn close(&self, code: CloseCode) {
        self.link.close(code);
    }
}
