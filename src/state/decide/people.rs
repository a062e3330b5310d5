//! Going about, talking to others, and moderation.

use super::super::{Asker, Change, Denied, Facts, Member, State, Writer};
use super::optional;
use crate::bounds::{MAX_REASON, check_line, check_text};
use crate::id::{ChannelId, SessionId};
use crate::permission::Permissions;
use crate::protocol::wire::{self, send_text};
use crate::protocol::{MAX_STATUS, MAX_TEXT};

impl State {
    pub(super) fn decide_join(
        &self,
        asker: Asker<'_>,
        channel: ChannelId,
        facts: &Facts,
    ) -> Result<Change, Denied> {
        let (own, session) = (asker.connected()?, asker.session()?);
        self.let_in(own, channel, facts.shown)?;
        let there = self.channels.get(&channel).ok_or(Denied::NoSuchChannel)?;
        if !self.has_room(channel, session)
            && self.authorize(asker, Permissions::MOVE_OTHERS, Some(channel)).is_err()
        {
            return Err(Denied::ChannelFull(there.user_limit));
        }
        let shown = facts.shown.filter(|shown| there.password == Some(*shown));
        Ok(Change::Move { session, channel: Some(channel), shown })
    }

    /// Whether another session may be in a channel.
    pub(in crate::state) fn has_room(&self, channel: ChannelId, session: SessionId) -> bool {
        let limit = self.channels.get(&channel).map_or(0, |channel| channel.user_limit);
        let others = || self.within(channel).filter(|member| member.session != session).count();
        limit == 0 || others() < limit as usize
    }

    pub(super) fn decide_set_self(asker: Asker<'_>, set: &wire::SetSelf) -> Result<Change, Denied> {
        let member = asker.connected()?;
        let too_long = |length: Option<usize>| length.is_some_and(|length| length > MAX_STATUS);
        if too_long(set.status.as_ref().map(String::len))
            || too_long(set.position_context.as_ref().map(bytes::Bytes::len))
        {
            return Err(Denied::StatusTooLong);
        }
        check_line(set.status.as_deref().unwrap_or_default())?;
        let flags = (set.mute.unwrap_or(member.mute), set.deaf.unwrap_or(member.deaf));
        let sets_flags = set.mute.is_some() || set.deaf.is_some();
        if set.away.is_none() && set.status.is_none() && set.position_context.is_none() {
            let (session, (mute, deaf)) = (member.session, flags);
            return Ok(Change::SetSelf { session, mute, deaf });
        }
        Ok(Change::Present {
            session: member.session,
            flags: sets_flags.then_some(flags),
            away: set.away,
            status: set.status.clone(),
            context: set.position_context.clone(),
        })
    }

    pub(super) fn decide_text(
        &self,
        asker: Asker<'_>,
        send: &wire::SendText,
        facts: &Facts,
    ) -> Result<Change, Denied> {
        let from = match (asker.viewer(), &facts.writes_as) {
            (Some(writer), _) => {
                Writer { session: writer.session, user: writer.user, name: writer.name.clone() }
            }
            (None, Some(name)) => Writer { session: SessionId(0), user: None, name: name.clone() },
            // The machine's owner has no name to write under.
            (None, None) => return Err(Denied::NotConnected),
        };
        let (at, text) = (facts.now, send.text.clone());
        if text.trim().is_empty() || text.len() > MAX_TEXT {
            return Err(Denied::TextInvalid);
        }
        check_text(&text)?;
        match send.to {
            Some(send_text::To::Channel(channel)) => {
                let channel = ChannelId(channel);
                self.authorize_within(asker, Permissions::TEXT, channel)?;
                Ok(Change::TextChannel { from, channel, text, at })
            }
            Some(send_text::To::Session(session)) => {
                let session = SessionId(session);
                self.authorize(asker, Permissions::TEXT, None)?;
                self.members.get(session).ok_or(Denied::NoSuchSession)?;
                Ok(Change::TextSession { from, session, text, at })
            }
            None => Err(Denied::Missing("to")),
        }
    }

    pub(super) fn decide_move_session(
        &self,
        asker: Asker<'_>,
        to: wire::MoveSession,
    ) -> Result<Change, Denied> {
        let (session, channel) = (SessionId(to.session), optional(to.channel));
        let moved = self.moved_by(asker, session)?;
        match channel {
            // Nobody puts anybody, themselves among them, where they wouldn't be let in.
            Some(channel) => self.authorize_within(asker, Permissions::MOVE_OTHERS, channel)?,
            None => self.authorize(asker, Permissions::MOVE_OTHERS, None)?,
        }
        // What they may do there is evaluated anew, but nobody is put where they see nothing.
        if channel.is_some_and(|channel| !self.permissions(moved, channel).contains(Permissions::VIEW)) {
            return Err(Denied::OutOfRange("they may not see that channel; allow them to view it first"));
        }
        Ok(Change::Move { session, channel, shown: None })
    }

    /// Somebody whom an asker may move. What acts for an account moves its own sessions as well, which have its rank, as whoever is
    /// connected moves themselves.
    fn moved_by(&self, asker: Asker<'_>, session: SessionId) -> Result<&Member, Denied> {
        let own = self.members.get(session).filter(|other| other.user.is_some_and(|user| asker.owns(user)));
        let Some(own) = own else { return self.moderated(asker, session, Permissions::MOVE_OTHERS) };
        self.authorize(asker, Permissions::MOVE_OTHERS, own.channel)?;
        Ok(own)
    }

    /// Somebody whom an asker may moderate: by a permission where they are, and a higher rank.
    fn moderated(
        &self,
        asker: Asker<'_>,
        session: SessionId,
        needed: Permissions,
    ) -> Result<&Member, Denied> {
        let other = self.members.get(session);
        if other.is_none() {
            self.authorize(asker, needed, None)?;
        }
        let other = other.ok_or(Denied::NoSuchSession)?;
        match self.authorize(asker, needed, other.channel) {
            // The asker doesn't see where they are.
            Err(Denied::NoSuchChannel) => Err(Denied::Forbidden(needed)),
            decided => decided,
        }?;
        self.outranks_member(asker, other)?;
        Ok(other)
    }

    /// Somebody upon whom an asker lays what holds wherever they go: by a permission that its roles grant, which no
    /// channel gives or takes, and a higher rank.
    fn moderated_everywhere(
        &self,
        asker: Asker<'_>,
        session: SessionId,
        needed: Permissions,
    ) -> Result<&Member, Denied> {
        self.authorize(asker, needed, None)?;
        let other = self.members.get(session).ok_or(Denied::NoSuchSession)?;
        self.outranks_member(asker, other)?;
        Ok(other)
    }

    pub(super) fn decide_moderate(
        &self,
        asker: Asker<'_>,
        moderate: wire::Moderate,
    ) -> Result<Change, Denied> {
        let wire::Moderate { session, mute, deaf, suppress, priority } = moderate;
        let session = SessionId(session);
        let is_own = asker.is(session);
        if is_own {
            let own = self.members.get(session).ok_or(Denied::NoSuchSession)?;
            if priority == Some(true) {
                self.authorize(asker, Permissions::PRIORITY, Some(own.channel.ok_or(Denied::NowhereIn)?))?;
            }
            if mute.is_some() || deaf.is_some() || suppress.is_some() {
                // Nobody takes back what others laid upon them.
                return Err(Denied::Oneself);
            }
        } else {
            let everywhere = mute.is_some() || deaf.is_some();
            let here = suppress.is_some() || priority.is_some();
            if everywhere {
                self.moderated_everywhere(asker, session, Permissions::MUTE_OTHERS)?;
            }
            let other = if here || !everywhere {
                self.moderated(asker, session, Permissions::MUTE_OTHERS)?
            } else {
                self.members.get(session).ok_or(Denied::NoSuchSession)?
            };
            if priority.is_some() {
                self.authorize(asker, Permissions::PRIORITY, other.channel)?;
            }
            if other.channel.is_none() && (suppress == Some(true) || priority == Some(true)) {
                return Err(Denied::InNoChannel);
            }
        }
        Ok(Change::Moderate { session, muted: mute, deafened: deaf, suppressed: suppress, priority })
    }

    pub(super) fn decide_kick(&self, asker: Asker<'_>, kick: &wire::Kick) -> Result<Change, Denied> {
        let session = SessionId(kick.session);
        if asker.is(session) {
            return Err(Denied::Oneself);
        }
        self.moderated_everywhere(asker, session, Permissions::KICK)?;
        if kick.reason.len() > MAX_REASON {
            return Err(Denied::TextInvalid);
        }
        check_line(&kick.reason)?;
        Ok(Change::Kick { session, reason: kick.reason.clone() })
    }
}
