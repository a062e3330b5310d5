//! Channels with all that they may be told, being heard in several of them, and what everybody meets.

use std::time::Duration;

use super::account::milliseconds;
use super::view::Organization;
use super::{RequestError, Session};
use crate::id::ChannelId;
use crate::protocol::wire::{self, VoicePolicy, request, response};

/// A channel that is to be made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewChannel {
    /// The channel it is below; `None` for the top.
    pub parent: Option<ChannelId>,
    /// Its name.
    pub name: String,
    /// A text about it.
    pub description: String,
    /// Its place among its siblings, ascending.
    pub position: i32,
    /// What must be known to join; empty for nothing.
    pub password: String,
    /// Sessions at most; 0 for any number.
    pub user_limit: u32,
    /// It is removed once it has been empty for so long; `None` for a channel that stays.
    pub temporary: Option<Duration>,
    /// What is wanted of voice in it.
    pub voice: VoicePolicy,
}

/// What is to be different about a channel; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChannelEdit {
    /// Another name.
    pub name: Option<String>,
    /// Another text about it.
    pub description: Option<String>,
    /// Another place among its siblings.
    pub position: Option<i32>,
    /// Another password; an empty one takes it away.
    pub password: Option<String>,
    /// Sessions at most; 0 for any number.
    pub user_limit: Option<u32>,
    /// What is wanted of voice, all of it.
    pub voice: Option<VoicePolicy>,
}

/// What is to be different about it; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrganizationEdit {
    /// Another welcome, 4096 bytes at most; an empty one is none.
    pub welcome: Option<String>,
    /// Another channel for who comes; `Some(None)` for none.
    pub default_channel: Option<Option<ChannelId>>,
    /// Another channel for the idle; `Some(None)` for none.
    pub afk_channel: Option<Option<ChannelId>>,
    /// After how long, a minute at least.
    pub afk_after: Option<Duration>,
    /// Whether guests are let in.
    pub guests: Option<bool>,
    /// Who may make an account.
    pub registration: Option<wire::Registration>,
}

impl From<NewChannel> for wire::CreateChannel {
    fn from(new: NewChannel) -> Self {
        Self {
            parent: new.parent.map_or(0, u64::from),
            name: new.name,
            description: new.description,
            position: new.position,
            password: new.password,
            user_limit: new.user_limit,
            temporary_ms: new.temporary.map(|empty| milliseconds(Some(empty))),
            voice: (new.voice != VoicePolicy::default()).then_some(new.voice),
        }
    }
}

impl ChannelEdit {
    /// The request to edit this channel.
    pub fn of(self, channel: ChannelId) -> wire::EditChannel {
        let Self { name, description, position, password, user_limit, voice } = self;
        wire::EditChannel { channel: channel.0, name, description, position, password, user_limit, voice }
    }
}

impl Session {
    /// Creates a channel with everything that can be said of it.
    pub async fn create_channel_with(&self, new: NewChannel) -> Result<ChannelId, RequestError> {
        self.created(request::Body::CreateChannel(new.into())).await.map(ChannelId)
    }

    /// Changes what is given of a channel.
    pub async fn edit_channel_with(&self, channel: ChannelId, edit: ChannelEdit) -> Result<(), RequestError> {
        self.done(request::Body::EditChannel(edit.of(channel))).await
    }

    /// Enters a channel that asks for a password. It is asked for by the server in the form of a refusal,
    /// [`ErrorCode::ChannelPassword`](crate::protocol::ErrorCode); a [`Keeper`](super::Keeper) comes back with it.
    pub async fn join_with_password(&self, channel: ChannelId, password: &str) -> Result<(), RequestError> {
        let join = wire::Join { channel: channel.0, password: password.to_owned() };
        self.done(request::Body::Join(join)).await?;
        self.keep_password(channel, password);
        Ok(())
    }

    /// Two channels hear each other from now on, or no more.
    pub async fn link_channels(
        &self,
        channel: ChannelId,
        other: ChannelId,
        linked: bool,
    ) -> Result<(), RequestError> {
        let (channel, other) = (channel.0, other.0);
        self.done(request::Body::LinkChannels(wire::LinkChannels { channel, other, linked })).await
    }

    /// Hears a channel without being in it, from now on. `volume` is in percent, 1 to 200; the server keeps it, this
    /// client's player is what follows it.
    pub async fn listen(&self, channel: ChannelId, volume: u32) -> Result<(), RequestError> {
        self.listen_with_password(channel, volume, "").await
    }

    /// The same where the channel asks for a password that this session hasn't shown yet.
    pub async fn listen_with_password(
        &self,
        channel: ChannelId,
        volume: u32,
        password: &str,
    ) -> Result<(), RequestError> {
        let listen = wire::Listen { channel: channel.0, on: true, volume, password: password.to_owned() };
        self.done(request::Body::Listen(listen)).await?;
        self.keep_password(channel, password);
        Ok(())
    }

    /// Hears it no more.
    pub async fn stop_listening(&self, channel: ChannelId) -> Result<(), RequestError> {
        let listen = wire::Listen { channel: channel.0, ..wire::Listen::default() };
        self.done(request::Body::Listen(listen)).await
    }

    /// One channel, asked of the server. [`View`](super::View) has it, too.
    pub async fn channel(&self, channel: ChannelId) -> Result<wire::Channel, RequestError> {
        match self.request(request::Body::GetChannel(wire::GetChannel { channel: channel.0 })).await? {
            response::Body::Channel(channel) => Ok(channel),
            _ => Err(RequestError::Misfit),
        }
    }

    /// What everybody meets, asked of the server. [`View`](super::View) has it, too.
    pub async fn organization(&self) -> Result<Organization, RequestError> {
        match self.request(request::Body::GetOrganization(wire::GetOrganization {})).await? {
            response::Body::Organization(organization) => Ok((&organization).into()),
            _ => Err(RequestError::Misfit),
        }
    }

    /// Changes what is given of it.
    pub async fn edit_organization(&self, edit: OrganizationEdit) -> Result<(), RequestError> {
        let number = |channel: Option<Option<ChannelId>>| channel.map(|id| id.map_or(0, u64::from));
        let edit = wire::EditOrganization {
            welcome: edit.welcome,
            default_channel: number(edit.default_channel),
            afk_channel: number(edit.afk_channel),
            afk_ms: edit.afk_after.map(|after| milliseconds(Some(after))),
            guests: edit.guests,
            registration: edit.registration.map(Into::into),
        };
        self.done(request::Body::EditOrganization(edit)).await
    }
}
