//! Voice beyond one's own channel: listeners, voice targets, recordings.

use super::super::{Actor, Change, Denied, State, Target};
use super::session_of;
use crate::id::{ChannelId, RoleId, SessionId};
use crate::permission::Permissions;
use crate::protocol::wire::{self, request, voice_target};

/// Flows that can be voice targets; 0 and 1 are one's channel and the echo.
const FLOWS: std::ops::RangeInclusive<u32> = 2..=31;

/// Targets of one flow at most.
const MAX_TARGETS: usize = 32;

/// Channels that one session listens to at most.
const MAX_LISTENING: usize = 32;

/// The loudest that a listener can want a channel, in percent.
const LOUDEST: u32 = 200;

impl State {
    pub(super) fn decide_voice(&self, actor: Actor, request: &request::Body) -> Result<Change, Denied> {
        use request::Body;
        match request {
            Body::Listen(listen) => self.decide_listen(actor, *listen),
            Body::SetVoiceTarget(set) => self.decide_target(actor, set),
            Body::StartRecording(_) => self.decide_record(actor),
            Body::StopRecording(stop) => self.decide_stop_recording(actor, ChannelId(stop.channel)),
            // Which of them is decided by the channel of each.
            Body::ListRecordings(_) | Body::FetchRecording(_) | Body::RemoveRecording(_) => {
                self.authorize_somewhere(actor, Permissions::RECORD)?;
                Ok(Change::Nothing)
            }
            _ => Err(Denied::Unexpected),
        }
    }

    fn decide_listen(&self, actor: Actor, listen: wire::Listen) -> Result<Change, Denied> {
        let wire::Listen { channel, on, volume } = listen;
        let (session, channel) = (session_of(actor)?, ChannelId(channel));
        if !on {
            return Ok(Change::Listen { session, channel, volume: None });
        }
        self.authorize(actor, Permissions::LISTEN, Some(channel))?;
        let listening = &self.asker(actor)?.listening;
        if listening.len() >= MAX_LISTENING && !listening.contains_key(&channel) {
            return Err(Denied::OutOfRange("one listens to 32 channels at most; give up another first"));
        }
        let volume = if volume == 0 { 100 } else { volume };
        if volume > LOUDEST {
            return Err(Denied::OutOfRange("a volume is 1 to 200 percent"));
        }
        Ok(Change::Listen { session, channel, volume: Some(volume) })
    }

    fn decide_target(&self, actor: Actor, set: &wire::SetVoiceTarget) -> Result<Change, Denied> {
        let session = session_of(actor)?;
        if !FLOWS.contains(&set.flow) {
            return Err(Denied::FlowInvalid);
        }
        if set.targets.is_empty() {
            return Ok(Change::SetTarget { session, flow: set.flow, targets: Vec::new() });
        }
        if set.targets.len() > MAX_TARGETS {
            return Err(Denied::TargetInvalid);
        }
        // Who may whisper nowhere is told so now; whom it reaches is decided whenever anything changes.
        self.authorize_somewhere(actor, Permissions::WHISPER)?;
        let target = |target: &wire::VoiceTarget| match target.to {
            Some(voice_target::To::Session(session)) => {
                let session = SessionId(session);
                self.members.get(&session).ok_or(Denied::NoSuchSession)?;
                Ok(Target::Session(session))
            }
            Some(voice_target::To::Channel(channel)) => {
                let (subtree, links, channel) = (target.subtree, target.links, ChannelId(channel));
                self.authorize(actor, Permissions::WHISPER, Some(channel))?;
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

    fn decide_record(&self, actor: Actor) -> Result<Change, Denied> {
        let own = self.asker(actor)?;
        let Some(channel) = own.channel else {
            self.authorize_somewhere(actor, Permissions::RECORD)?;
            return Err(Denied::NowhereIn);
        };
        self.authorize(actor, Permissions::RECORD, Some(channel))?;
        match self.recordings.get(&channel) {
            Some(recording) => Err(Denied::Recorded(recording.name.clone())),
            None => Ok(Change::Record { channel, by: own.session }),
        }
    }

    fn decide_stop_recording(&self, actor: Actor, channel: ChannelId) -> Result<Change, Denied> {
        let recording = self.recordings.get(&channel);
        let is_own = recording.is_some_and(|recording| actor == Actor::Session(recording.by));
        if !is_own {
            self.authorize(actor, Permissions::MUTE_OTHERS, Some(channel))?;
        }
        recording.ok_or(Denied::NotRecorded)?;
        Ok(Change::StopRecording(channel))
    }

    /// Whether an actor has permissions by its roles, or on any channel at least.
    fn authorize_somewhere(&self, actor: Actor, needed: Permissions) -> Result<(), Denied> {
        let by_roles = self.authorize(actor, needed, None);
        let on = |channel: &ChannelId| self.authorize(actor, needed, Some(*channel)).is_ok();
        if self.channels.keys().any(on) { Ok(()) } else { by_roles }
    }
}
