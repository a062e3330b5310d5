//! What somebody missed, for when they come back. It is told by what they may know now, and texts by what they might read when
//! those were written, too: whoever is let into a channel doesn't read what was said there before.

use std::collections::HashSet;

use super::{Event, Happened, To};
use crate::id::ChannelId;
use crate::state::{Member, State};

/// The numbers of the texts among what a viewer missed that were written in a channel before something changed by which they
/// may have been let in. What changed is known by the events themselves, all of which are there that came after a text; where
/// they don't say enough, nothing is told.
pub fn withheld<'a>(
    missed: impl DoubleEndedIterator<Item = &'a Happened>,
    state: &State,
    viewer: &Member,
) -> HashSet<u64> {
    let (mut withheld, mut opened) = (HashSet::new(), Opened::default());
    for one in missed.rev() {
        match &one.event {
            Event::TextSent { to: To::Channel(channel), .. } => {
                if opened.reaches(*channel, state) {
                    withheld.insert(one.number);
                }
            }
            event => opened.note(event, viewer),
        }
    }
    withheld
}

/// Where somebody may be let in who wasn't before.
#[derive(Debug, Default)]
struct Opened {
    everywhere: bool,
    /// In these channels, and those below.
    channels: HashSet<ChannelId>,
}

impl Opened {
    fn note(&mut self, event: &Event, viewer: &Member) {
        match event {
            Event::OverwriteSet { channel, .. }
            | Event::OverwriteRemoved { channel, .. }
            | Event::ChannelChanged { channel } => {
                self.channels.insert(*channel);
            }
            Event::Moved { session, to: Some(channel), .. } if *session == viewer.session => {
                self.channels.insert(*channel);
            }
            Event::RoleGranted { user, .. }
            | Event::RoleRevoked { user, .. }
            | Event::AccountChanged { user } => self.everywhere |= viewer.user == Some(*user),
            Event::RoleChanged { .. }
            | Event::RoleRemoved { .. }
            | Event::BansChanged
            | Event::OrganizationChanged => self.everywhere = true,
            Event::ChannelCreated { .. }
            | Event::ChannelsRemoved { .. }
            | Event::ChannelsLinked { .. }
            | Event::RoleCreated { .. }
            | Event::ProfileChanged { .. }
            | Event::Arrived { .. }
            | Event::Departed { .. }
            | Event::Moved { .. }
            | Event::Presence { .. }
            | Event::Moderated { .. }
            | Event::Kicked { .. }
            | Event::TextSent { .. }
            | Event::RecordingBegan { .. }
            | Event::RecordingEnded { .. }
            | Event::ElementChanged { .. } => (),
        }
    }

    fn reaches(&self, channel: ChannelId, state: &State) -> bool {
        let mut above = Some(channel);
        self.everywhere
            || std::iter::from_fn(|| {
                let one = above?;
                above = state.channel(one).and_then(|channel| channel.parent);
                Some(one)
            })
            .any(|one| self.channels.contains(&one))
    }
}
