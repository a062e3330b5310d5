//! Whom a flow of voice speaks to: whispers to people, shouts to channels and to roles.

use super::{RequestError, Session};
use crate::id::{ChannelId, FlowId, RoleId, SessionId};
use crate::protocol::ErrorCode;
use crate::protocol::wire::{self, request, voice_target};

/// A part of a voice target. Who may not be spoken to is left out, and is in as soon as they may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A whisper to one session.
    Session(SessionId),
    /// A shout to everybody in a channel.
    Channel {
        /// The channel.
        channel: ChannelId,
        /// To those below it, too.
        subtree: bool,
        /// To those linked with it, too.
        links: bool,
    },
    /// A shout to who has a role, wherever they are.
    Role(RoleId),
}

impl From<Target> for wire::VoiceTarget {
    fn from(target: Target) -> Self {
        let (to, subtree, links) = match target {
            Target::Session(session) => (voice_target::To::Session(session.0), false, false),
            Target::Channel { channel, subtree, links } => {
                (voice_target::To::Channel(channel.0), subtree, links)
            }
            Target::Role(role) => (voice_target::To::Role(role.0), false, false),
        };
        Self { to: Some(to), subtree, links }
    }
}

impl Session {
    /// From now on a flow of [`Session::TARGET_FLOWS`] speaks to these, 32 at most; without any it is given up. Speak there with [`Session::speaker_on`], or [`Speaker::speak_on`](super::Speaker::speak_on) to
    /// come and go between flows. A new connection has no targets.
    pub async fn set_voice_target(&self, flow: FlowId, targets: &[Target]) -> Result<(), RequestError> {
        let number = u32::try_from(flow.0).ok().filter(|_| Self::TARGET_FLOWS.contains(&flow.0));
        let Some(flow) = number else {
            return Err(RequestError::Refused {
                code: Some(ErrorCode::TargetInvalid),
                message: format!("flow {flow} can't have a target; those from 2 to 31 can"),
                retry_after_ms: 0,
            });
        };
        let targets = targets.iter().map(|target| wire::VoiceTarget::from(*target)).collect();
        self.done(request::Body::SetVoiceTarget(wire::SetVoiceTarget { flow, targets })).await
    }

    /// The flows that may have targets.
    pub const TARGET_FLOWS: std::ops::RangeInclusive<u64> = 2..=31;
}
