//! Whom a session that is told of people by interest looks at, and lists of people, a page at a time.

use super::{RequestError, Session};
use crate::id::{ChannelId, SessionId, Ssrc};
use crate::protocol::wire::{self, request, response};

/// Some of the people of a channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct People {
    /// In order of session.
    pub members: Vec<wire::Member>,
    /// There are more: the next page begins after the last one of these.
    pub more: bool,
}

impl Session {
    /// Is told of the people in these channels, too, 256 at most, in place of those that were watched before. Only where it is
    /// told of people by interest ([`super::connect_by_interest`]).
    pub async fn watch_channels(&self, channels: &[ChannelId]) -> Result<(), RequestError> {
        let channels = channels.iter().map(|channel| channel.0).collect();
        self.done(request::Body::Watch(wire::Watch { channels })).await
    }

    /// The people in a channel with sessions above `after`, 200 at most; without a channel those who are in none, or in one that this
    /// session doesn't see.
    pub async fn list_people(
        &self,
        channel: Option<ChannelId>,
        after: Option<SessionId>,
    ) -> Result<People, RequestError> {
        let after = after.map_or(0, |session| session.0);
        let list = wire::List { channel: Some(channel.map_or(0, u64::from)), after, ..wire::List::default() };
        self.page(list).await
    }

    /// Whose voice an SSRC is, of somebody who is out of its sight.
    pub async fn find_speaker(&self, ssrc: Ssrc) -> Result<Option<wire::Member>, RequestError> {
        let page = self.page(wire::List { ssrc: Some(ssrc.0), ..wire::List::default() }).await?;
        Ok(page.members.into_iter().next())
    }

    async fn page(&self, list: wire::List) -> Result<People, RequestError> {
        match self.request(request::Body::List(list)).await? {
            response::Body::Listing(wire::Listing { snapshot: Some(snapshot), more }) => {
                Ok(People { members: snapshot.members, more })
            }
            _ => Err(RequestError::Misfit),
        }
    }
}
