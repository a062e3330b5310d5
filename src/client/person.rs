//! What people show of themselves, and what follows them from device to device.

use super::{RequestError, Session};
use crate::id::{ChannelId, SessionId};
use crate::protocol::wire::{self, get_profile, request, response};

/// At whom somebody looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Person {
    /// At themselves.
    Own,
    /// At whoever is connected in a session.
    Session(SessionId),
    /// At the account of a name.
    Named(String),
}

impl Session {
    /// What somebody shows of themselves.
    pub async fn profile(&self, whose: Person) -> Result<wire::Profile, RequestError> {
        let whose = match whose {
            Person::Own => None,
            Person::Session(session) => Some(get_profile::Whose::Session(session.0)),
            Person::Named(name) => Some(get_profile::Whose::User(name)),
        };
        self.one_profile(request::Body::GetProfile(wire::GetProfile { whose })).await
    }

    /// What those of some sessions' people show of themselves who show anything; of 32 sessions at most.
    pub async fn profiles(&self, sessions: &[SessionId]) -> Result<Vec<wire::Profile>, RequestError> {
        let sessions = sessions.iter().map(|session| session.0).collect();
        match self.request(request::Body::ListProfiles(wire::ListProfiles { sessions })).await? {
            response::Body::Profiles(profiles) => Ok(profiles.profiles),
            _ => Err(RequestError::Misfit),
        }
    }

    /// Shows another name, or another text, where they are given; an empty one is none.
    pub async fn set_profile(
        &self,
        display_name: Option<&str>,
        about: Option<&str>,
    ) -> Result<wire::Profile, RequestError> {
        let (display_name, about) = (display_name.map(str::to_owned), about.map(str::to_owned));
        self.one_profile(request::Body::SetProfile(wire::SetProfile { display_name, about })).await
    }

    /// Shows another picture: the bytes of a PNG, JPEG, WebP or GIF file, 48000 at most, of 1024 pixels a side at most; empty
    /// for none.
    pub async fn set_picture(&self, picture: Vec<u8>) -> Result<wire::Profile, RequestError> {
        self.one_profile(request::Body::SetPicture(wire::SetPicture { picture: picture.into() })).await
    }

    /// Has somebody of a lower rank show nothing of themselves any more.
    pub async fn clear_profile(&self, name: &str) -> Result<(), RequestError> {
        self.done(request::Body::ClearProfile(wire::ClearProfile { name: name.to_owned() })).await
    }

    /// What follows one from device to device.
    pub async fn preferences(&self) -> Result<wire::Preferences, RequestError> {
        match self.request(request::Body::GetPreferences(wire::GetPreferences {})).await? {
            response::Body::Preferences(preferences) => Ok(preferences),
            _ => Err(RequestError::Misfit),
        }
    }

    /// Keeps this under a name; nothing, where it is empty.
    pub async fn set_preference(&self, name: &str, value: &str) -> Result<(), RequestError> {
        let set = wire::SetPreference { name: name.to_owned(), value: value.to_owned() };
        self.done(request::Body::SetPreference(set)).await
    }

    /// A channel is one's favourite from now on, or is it no more.
    pub async fn set_favourite(&self, channel: ChannelId, favourite: bool) -> Result<(), RequestError> {
        let set = wire::SetFavourite { channel: channel.0, favourite };
        self.done(request::Body::SetFavourite(set)).await
    }

    async fn one_profile(&self, body: request::Body) -> Result<wire::Profile, RequestError> {
        match self.request(body).await? {
            response::Body::Profile(profile) => Ok(profile),
            _ => Err(RequestError::Misfit),
        }
    }
}
