//! What time brings to those who are connected: grants, log-ins and API keys end, temporary channels go, the idle go to their
//! channel, recordings begin, counts of people are told. The control thread says when there is something to do next; a task waits for that.

use std::time::Duration;

use super::alarm::Alarm;
use super::command::{Command, Followed};
use super::handle::Handle;
use super::live::Control;
use crate::account::Changed;
use crate::id::{SessionId, Timestamp, UserId};
use crate::permission::Permissions;
use crate::protocol::CloseCode;
use crate::state::{Change, Member};
use crate::voice::Peer;

/// Who may be idle is looked at no more often.
const LOOK: Duration = Duration::from_secs(1);

/// Between two looks at what is due, whatever comes of the first.
const PAUSE: Duration = Duration::from_millis(20);

impl<P: Peer> Handle<P> {
    /// Tells the control thread when something is due. Ends with the server.
    pub async fn keep_time(&self) {
        let mut alarm = self.shared.alarm.subscribe();
        loop {
            let next = *alarm.borrow_and_update();
            tokio::select! {
                () = next.wait(&self.shared.clock) => {
                    // Waits for room: what is due isn't given up because much else is going on.
                    if self.queue.send(Command::Tick).await.is_err() {
                        return;
                    }
                    // It says what is next when it has done this.
                    if alarm.changed().await.is_err() {
                        return;
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                changed = alarm.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

impl<P: Peer> Control<P> {
    /// What is to be done now because of the time.
    pub(super) fn due(&self) -> Vec<Change> {
        // Where nothing can be written, what is due waits: it would fail again and again.
        let mut changes = if self.shared.store.is_open() { self.state.due() } else { Vec::new() };
        let room = self.state.settings().afk_channel.map_or(0, |afk| self.state.room_in(afk));
        let idle = self.idle().into_iter();
        changes.extend(idle.filter(|(_, left)| left.is_zero()).take(room).filter_map(|(session, _)| {
            let channel = self.state.settings().afk_channel?;
            Some(Change::Move { session, channel: Some(channel), shown: None })
        }));
        changes.extend(self.recorder.broken().into_iter().map(Change::StopRecording));
        changes
    }

    /// Says when there is something to do next.
    pub(super) fn set_due(&mut self) {
        let now = self.shared.clock.monotonic();
        let idle = self.next_idle(now);
        let (wall, goes) = if self.shared.store.is_open() { self.state.next_due() } else { (None, None) };
        let ends = self.connections.first_until().filter(|_| self.shared.store.is_open());
        let wall = wall.into_iter().chain(ends).min();
        let brief = self.connections.first_brief();
        let recorder = self.recorder.next(&self.state, now);
        let monotonic = [idle, goes, brief, recorder, self.sights.next_counts()].into_iter().flatten().min();
        // The same time again means that it is to be looked at anew.
        self.shared.alarm.send_replace(Alarm { wall, monotonic });
    }

    /// Sends those away whose log-in is over: the session's row, the API key or the access token by which they came.
    pub(super) fn end_logins(&mut self) {
        let now = self.shared.clock.now();
        let over = self.connections.brief_ended(now.monotonic).into_iter();
        let over: Vec<_> = over.map(|session| (session, Err(CloseCode::Expired.into()))).collect();
        if !over.is_empty() {
            self.stand(over);
        }
        for user in self.with_ended_rows(now.wall) {
            if let Err(error) = self.follow(Followed::Account(Changed::User(user))) {
                tracing::debug!(%error, "the end of a log-in waits until the store can be read");
            }
        }
    }

    /// The accounts of those who are connected by rows that have ended. One that was extended since is looked at again
    /// when that is over.
    fn with_ended_rows(&mut self, now: Timestamp) -> Vec<UserId> {
        let mut users = Vec::new();
        for session in self.connections.ended(now) {
            let Some(member) = self.state.member(session) else { continue };
            let Some(user) = member.user else { continue };
            let row = match member.key {
                Some(_) => Ok(None),
                None => self.shared.store.session(user, session, now),
            };
            match row {
                Ok(Some(row)) => self.connections.extend(session, row.expires),
                Ok(None) => users.push(user),
                Err(error) => {
                    tracing::debug!(%error, "the end of a log-in waits until the store can be read");
                }
            }
        }
        users.sort_unstable();
        users.dedup();
        users
    }

    /// When somebody may be idle next. All are looked at once a second at most, and what changed since the last look is looked at
    /// then.
    fn next_idle(&mut self, now: Duration) -> Option<Duration> {
        let settings = self.state.settings();
        let _ = settings.afk_channel.filter(|_| settings.afk_ms > 0)?;
        let again = self.looked_idle.map(|at| at.saturating_add(LOOK)).filter(|again| now < *again);
        if again.is_some() {
            return again;
        }
        self.looked_idle = Some(now);
        self.idle().into_iter().map(|(_, left)| now.saturating_add(left.max(LOOK))).min()
    }

    /// Those who may become idle, and after how long they are.
    fn idle(&self) -> Vec<(SessionId, Duration)> {
        let settings = self.state.settings();
        let Some(afk) = settings.afk_channel.filter(|_| settings.afk_ms > 0) else { return Vec::new() };
        let (limit, now) = (Duration::from_millis(settings.afk_ms), self.shared.clock.monotonic());
        let may = |member: &Member| {
            self.state.permissions(member, afk).contains(Permissions::JOIN)
                && self.state.let_in(member, afk, None).is_ok()
        };
        let elsewhere = self.state.members().filter(|member| member.channel.is_some_and(|at| at != afk));
        let idle = elsewhere.filter(|member| may(member)).filter_map(|member| {
            let activity = &self.connections.get(&member.session)?.activity;
            Some((member.session, limit.saturating_sub(activity.idle(now))))
        });
        idle.collect()
    }
}
