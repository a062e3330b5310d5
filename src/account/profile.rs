//! What people show of themselves, and what follows them from device to device.

use data_encoding::HEXLOWER;

use super::{AccountError, Accounts};
use crate::id::{ChannelId, UserId};
use crate::picture::Kind;
use crate::protocol::wire;
use crate::store::write::{self, EditProfileError, FavouriteError, ProfileEdit, PutPreferenceError};
use crate::store::{By, Profile, ReadError};

impl Accounts {
    /// What somebody shows of themselves.
    pub fn profile(&self, user: UserId) -> Result<wire::Profile, AccountError> {
        let account = self.user(user)?.ok_or(AccountError::NoSuchUser)?;
        let profile = self.0.store.profile(user)?.unwrap_or_else(|| Profile::empty(user));
        Ok(shown(account.name, profile))
    }

    /// What some people show of themselves: those of them who show anything.
    pub fn profiles(&self, users: Vec<UserId>) -> Result<Vec<wire::Profile>, AccountError> {
        let mut found = Vec::new();
        for user in users {
            if let Some(profile) = self.0.store.profile(user)?
                && let Some(account) = self.user(user)?
            {
                found.push(shown(account.name, profile));
            }
        }
        Ok(found)
    }

    /// A name to show, and a text, where they are given.
    pub async fn set_profile(&self, user: UserId, set: wire::SetProfile, by: By) -> Result<(), AccountError> {
        let wire::SetProfile { display_name, about } = set;
        let edit = ProfileEdit { display_name, about, picture: None };
        self.run(by, write::edit_profile(user, edit)).await.map(drop)
    }

    /// A picture, made anew of what was sent; an empty one takes it away.
    pub async fn set_picture(
        &self,
        user: UserId,
        sent: bytes::Bytes,
        by: By,
    ) -> Result<wire::Profile, AccountError> {
        let picture = if sent.is_empty() { Vec::new() } else { self.0.studio.make(sent).await? };
        let edit = ProfileEdit { picture: Some(picture), ..ProfileEdit::default() };
        self.run(by, write::edit_profile(user, edit)).await?;
        self.profile(user)
    }

    /// Somebody shows nothing of themselves any more.
    pub async fn clear_profile(&self, user: UserId, by: By) -> Result<(), AccountError> {
        self.run(by, write::edit_profile(user, ProfileEdit::nothing())).await.map(drop)
    }

    /// What follows somebody from device to device, with all of their favourites.
    pub fn preferences(&self, user: UserId) -> Result<wire::Preferences, AccountError> {
        let settings = self.0.store.settings(self.0.organization, Some(user))?.into_iter();
        let settings = settings.filter(|one| !write::is_server_s(&one.name));
        let favourites = self.0.store.favourites(user)?.into_iter();
        Ok(wire::Preferences {
            preferences: settings.map(|one| wire::Preference { name: one.name, value: one.value }).collect(),
            favourites: favourites.map(|favourite| favourite.channel.0).collect(),
        })
    }

    /// Keeps something for somebody; nothing, where it is empty. Answers whether it is another one than before.
    pub async fn set_preference(
        &self,
        user: UserId,
        set: wire::SetPreference,
        by: By,
    ) -> Result<bool, AccountError> {
        self.run(by, write::put_preference(user, set.name, set.value)).await
    }

    /// A channel is somebody's favourite, or is it no more.
    pub async fn set_favourite(
        &self,
        user: UserId,
        channel: ChannelId,
        is_one: bool,
        by: By,
    ) -> Result<(), AccountError> {
        self.run(by, write::set_favourite(user, channel, is_one)).await
    }
}

impl Accounts {
    /// The picture of an account of any organization, by the last part of its path, with its media type.
    pub fn picture(&self, user: UserId, file: &str) -> Result<Option<(Vec<u8>, &'static str)>, ReadError> {
        let Some(profile) = self.0.store.profile(user)? else { return Ok(None) };
        let found = profile.picture().filter(|(hash, picture)| file_name(hash, picture) == file);
        Ok(found.map(|(_, picture)| (picture.to_vec(), Kind::of(picture).media_type())))
    }
}

fn shown(name: String, profile: Profile) -> wire::Profile {
    let picture = picture_path(&profile).unwrap_or_default();
    let Profile { user, display_name, bio, .. } = profile;
    wire::Profile { user: user.0, name, display_name, about: bio, picture }
}

/// Where a picture is fetched from, where there is one. Its hash is in it, so what is there never changes, and only whoever
/// was told it finds it.
fn picture_path(profile: &Profile) -> Option<String> {
    let (hash, picture) = profile.picture()?;
    Some(format!("/picture/{}/{}", profile.user, file_name(hash, picture)))
}

fn file_name(hash: &[u8; 32], picture: &[u8]) -> String {
    format!("{}.{}", HEXLOWER.encode(hash), Kind::of(picture).extension())
}

impl From<EditProfileError> for AccountError {
    fn from(error: EditProfileError) -> Self {
        match error {
            EditProfileError::NoSuchUser => Self::NoSuchUser,
            EditProfileError::Name(name) => Self::Name(name),
            other => Self::EditProfile(other),
        }
    }
}

impl From<PutPreferenceError> for AccountError {
    fn from(error: PutPreferenceError) -> Self {
        match error {
            PutPreferenceError::NoSuchUser => Self::NoSuchUser,
            other => Self::PutPreference(other),
        }
    }
}

impl From<FavouriteError> for AccountError {
    fn from(error: FavouriteError) -> Self {
        match error {
            FavouriteError::NoSuchUser => Self::NoSuchUser,
            FavouriteError::NoSuchChannel => Self::NoSuchChannel,
            other @ FavouriteError::TooMany => Self::Favourite(other),
        }
    }
}
