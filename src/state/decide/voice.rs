//! Voice beyond one's own channel: listeners, voice targets, recordings.

use super::super::{Asker, Change, Denied, Facts, Member, State, Target};
use crate::bounds::{MAX_LISTENING, MAX_TARGETS, MAX_VOLUME, TARGET_FLOWS};
use crate::id::{ChannelId, RoleId, SessionId};
use crate::permission::Permissions;
use crate::protocol::wire::{self, voice_target};

impl State {
    pub(super) fn decide_listen(
        &self,
        asker: Asker<'_>,
        listen: &wire::Listen,
        facts: &Facts,
    ) -> Result<Change, Denied> {
        let &wire::Listen { channel, on, volume, .. } = listen;
        let (own, session, channel) = (asker.connected()?, asker.session()?, ChannelId(channel));
        if !on {
            return Ok(Change::Listen { session, channel, volume: None, shown: None });
        }
        self.authorize(asker, Permissions::LISTEN, Some(channel))?;
        self.let_in(own, channel, facts.shown)?;
        let listening = &own.listening;
        if listening.len() >= MAX_LISTENING && !listening.contains_key(&channel) {
            return Err(Denied::OutOfRange("one listens to 32 channels at most; give up another first"));
        }
        let volume = if volume == 0 { 100 } else { volume };
        if volume as usize > MAX_VOLUME {
            return Err(Denied::OutOfRange("a volume is 1 to 200 percent"));
        }
        let password = self.channels.get(&channel).and_then(|there| there.password);
        let shown = facts.shown.filter(|shown| password == Some(*shown));
        Ok(Change::Listen { session, channel, volume: Some(volume), shown })
    }

    pub(super) fn decide_target(
        &self,
        asker: Asker<'_>,
        set: &wire::SetVoiceTarget,
    ) -> Result<Change, Denied> {
        let session = asker.session()?;
        if !TARGET_FLOWS.contains(&set.flow) {
            return Err(Denied::FlowInvalid);
        }
        if set.targets.is_empty() {
            return Ok(Change::SetTarget { session, flow: set.flow, targets: Vec::new() });
        }
        if set.targets.len() > MAX_TARGETS {
            return Err(Denied::TargetInvalid);
        }
        // Who may whisper nowhere is told so now; whom it reaches is decided whenever anything changes.
        self.authorize_somewhere(asker, Permissions::WHISPER)?;
        let target = |target: &wire::VoiceTarget| match target.to {
            Some(voice_target::To::Session(session)) => {
                let session = SessionId(session);
                self.members.get(session).ok_or(Denied::NoSuchSession)?;
                Ok(Target::Session(session))
            }
            Some(voice_target::To::Channel(channel)) => {
                let (subtree, links, channel) = (target.subtree, target.links, ChannelId(channel));
                self.authorize_within(asker, Permissions::WHISPER, channel)?;
                Ok(Target::Channel { channel, subtree, links })
            }
            Some(voice_target::To::Role(role)) => {
                self.role(RoleId(role)).map(|role| Target::Role(role.id)).ok_or(Denied::NoSuchRole)
            }
            None => Err(Denied::TargetInvalid),
        };
        let targets = set.targets.iter().map(target).collect::<Result<_, _>>()?;
        Ok(Change::SetTarget { session, flow: set.flow, targets })
    }

    pub(super) fn decide_record(
        &self,
        asker: Asker<'_>,
        channel: Option<ChannelId>,
    ) -> Result<Change, Denied> {
        let own = match asker.connected() {
            Ok(own) if channel.is_none_or(|channel| own.channel == Some(channel)) => own,
            // A recording is always of somebody who is there, whom everybody there sees as the one who records.
            Ok(_) => {
                self.authorize(asker, Permissions::RECORD, channel)?;
                return Err(NOT_THERE);
            }
            Err(denied) => {
                let Some(channel) = channel else {
                    self.authorize_somewhere(asker, Permissions::RECORD)?;
                    return Err(denied);
                };
                self.authorize(asker, Permissions::RECORD, Some(channel))?;
                let is_own = |member: &&Member| member.user.is_some_and(|user| asker.owns(user));
                self.within(channel).find(is_own).ok_or(NOT_THERE)?
            }
        };
        let Some(channel) = own.channel else {
            self.authorize_somewhere(asker, Permissions::RECORD)?;
            return Err(Denied::NowhereIn);
        };
        self.authorize(asker, Permissions::RECORD, Some(channel))?;
        match self.recordings.get(&channel) {
            Some(recording) => Err(Denied::Recorded(recording.name.clone())),
            None => Ok(Change::Record { channel, by: own.session }),
        }
    }

    /// Whether an asker may hear what was recorded in a channel: whoever may record there and is let in. What was
    /// recorded in a channel that is gone is for whoever may record and sets what everybody meets.
    pub fn may_hear_recordings(&self, asker: Asker<'_>, channel: ChannelId) -> Result<(), Denied> {
        if self.channels.contains_key(&channel) {
            self.authorize_within(asker, Permissions::RECORD, channel)
        } else {
            self.authorize(asker, Permissions::MANAGE_ORGANIZATION.union(Permissions::RECORD), None)
        }
    }

    /// The same of a member who isn't asking.
    pub fn hears_recordings(&self, member: &Member, channel: ChannelId) -> bool {
        let (there, needed) = if self.channels.contains_key(&channel) {
            (Some(channel), Permissions::RECORD)
        } else {
            (None, Permissions::MANAGE_ORGANIZATION.union(Permissions::RECORD))
        };
        let has = self.permissions_on(member, there);
        has.contains(needed) && there.is_none_or(|channel| self.let_in(member, channel, None).is_ok())
    }

    pub(super) fn decide_stop_recording(
        &self,
        asker: Asker<'_>,
        channel: ChannelId,
    ) -> Result<Change, Denied> {
        let recording = self.recordings.get(&channel);
        let is_own = recording.is_some_and(|recording| asker.is(recording.by));
        if !is_own {
            self.authorize(asker, Permissions::MUTE_OTHERS, Some(channel))?;
        }
        recording.ok_or(Denied::NotRecorded)?;
        Ok(Change::StopRecording(channel))
    }
}

/// Why a channel isn't recorded for somebody who isn't in it.
const NOT_THERE: Denied =
    Denied::OutOfRange("a channel is recorded by somebody who is in it; join it with your account first");
