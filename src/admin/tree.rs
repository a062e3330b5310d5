//! Channels and their overwrites, by path.

use serde_json::{Value, json};

use super::accounts::salted;
use super::request::{Channel, ChannelOptions};
use super::{AdminError, Answer, Desk};
use crate::auth::StoredPassword;
use crate::bounds::{
    check_bitrate, check_channel_password, check_description, check_frame, check_last_speakers,
};
use crate::id::ChannelId;
use crate::name::{check_channel_name, folded};
use crate::permission::{Overwrite, Permissions, Reach, Subject};
use crate::store::write::{self, ChannelEdit};
use crate::store::{self, Organization};

/// An exception as it is asked for: role, user, what is allowed and denied, and where.
struct Exception {
    role: Option<String>,
    user: Option<String>,
    allow: Permissions,
    deny: Permissions,
    reach: Reach,
}

impl Desk<'_> {
    pub(super) fn channel(&self, home: &Organization, request: Channel) -> Result<Answer, AdminError> {
        match request {
            Channel::List(limit) => {
                let all = self.store.channels(home.id, None, usize::MAX)?;
                let first = ChannelId(limit.after.unwrap_or(0));
                let page = all.iter().filter(|channel| channel.id > first).take(limit.limit);
                Ok(Answer::rows(page.map(|channel| self.shown_channel(&all, channel)).collect()))
            }
            Channel::Create { path, description, position, temporary_ms, options } => {
                let (parent, name) = self.place_of(home, path.trim_matches('/'))?;
                check_description(&description)?;
                let blank = store::Channel::new(home.id, parent, check_channel_name(name)?);
                let given = checked(&options)?;
                let new = store::Channel {
                    description,
                    position,
                    password: given.password.flatten(),
                    user_limit: given.user_limit.unwrap_or(0),
                    temporary_ms,
                    bitrate: given.bitrate.unwrap_or(0),
                    frame_ms: given.frame_ms.unwrap_or(0),
                    last_speakers: given.last_speakers.unwrap_or(0),
                    ..blank
                };
                let made = self.write(write::create_channel(new))?;
                self.changed("created", home, &made)
            }
            Channel::Edit { path, rename, description, position, below, options } => {
                let channel = self.find_channel(home, &path)?;
                let parent = match below.as_deref() {
                    None => None,
                    Some("" | "/") => Some(None),
                    Some(path) => Some(Some(self.find_channel(home, path)?.id)),
                };
                description.as_deref().map(check_description).transpose()?;
                let name = rename.as_deref().map(check_channel_name).transpose()?;
                let edit = ChannelEdit { name, description, position, parent, ..checked(&options)? };
                let made = self.write(write::edit_channel(channel.id, edit))?;
                self.changed("changed", home, &made)
            }
            Channel::Delete { path } => {
                let (id, path) = self.named(home, &path)?;
                let below = self.write(write::delete_channel(id))?.len() - 1;
                let channels = if below == 1 { "channel" } else { "channels" };
                Ok(Answer::text(format!("{path} is deleted, with {below} {channels} below it.")))
            }
            Channel::Allow { path, role, user, allow, deny, reach } => {
                self.allow(home, &path, Exception { role, user, allow, deny, reach })
            }
            Channel::Overwrites { path } => self.overwrites(home, &path),
            Channel::Link { path, other, linked } => {
                let ((one, path), (two, other)) = (self.named(home, &path)?, self.named(home, &other)?);
                self.write(write::link_channels(one, two, linked))?;
                let text = if linked {
                    format!("{path} and {other} hear each other.")
                } else {
                    format!("{path} and {other} don't hear each other any more.")
                };
                Ok(Answer::row(text, json!({ "channel": path, "other": other, "linked": linked })))
            }
        }
    }

    fn allow(&self, home: &Organization, path: &str, exception: Exception) -> Result<Answer, AdminError> {
        let Exception { role, user, allow, deny, reach } = exception;
        let (channel, path) = self.named(home, path)?;
        let (subject, whom) = match (role, user) {
            (Some(role), None) => (Subject::Role(self.find_role(home, &role)?.id), role),
            (None, Some(user)) => (Subject::User(self.find_user(home, &user)?.id), user),
            _ => return Err(AdminError::Refused("name either a role or a user".to_owned())),
        };
        if allow.union(deny).contains(Permissions::ADMINISTER) {
            let words = "a channel can't make or unmake an owner; grant or revoke the role Owner";
            return Err(AdminError::Refused(words.to_owned()));
        }
        if allow.is_empty() && deny.is_empty() {
            let all = self.store.overwrites(home.id, None, usize::MAX)?;
            if all.iter().any(|one| (one.channel, one.subject) == (channel, subject)) {
                self.write(write::remove_overwrite(channel, subject))?;
            }
            return Ok(Answer::text(format!("{path} makes no exception for {whom} any more.")));
        }
        self.write(write::put_overwrite(Overwrite { channel, subject, allow, deny, reach }))?;
        let text = format!("In {path}, {whom} is allowed {allow} and denied {deny} ({reach}).");
        let row = json!({ "channel": path, "name": whom, "allow": allow, "deny": deny, "reach": reach });
        Ok(Answer::row(text, row))
    }

    fn overwrites(&self, home: &Organization, path: &str) -> Result<Answer, AdminError> {
        let (channel, _) = self.named(home, path)?;
        let mut rows = Vec::new();
        for one in self.store.overwrites(home.id, None, usize::MAX)? {
            let (kind, name) = match one.subject {
                _ if one.channel != channel => continue,
                Subject::Role(role) => ("role", self.store.role(role)?.map(|role| role.name)),
                Subject::User(user) => ("user", self.store.user(user)?.map(|user| user.name)),
            };
            rows.push(json!({
                "for": kind, "name": name, "allow": one.allow, "deny": one.deny,
                "where": one.reach.to_string(), "reach": one.reach,
            }));
        }
        Ok(Answer::rows(rows))
    }

    fn changed(
        &self,
        what: &str,
        home: &Organization,
        channel: &store::Channel,
    ) -> Result<Answer, AdminError> {
        let all = self.store.channels(home.id, None, usize::MAX)?;
        Ok(Answer::row(format!("{} is {what}.", path_of(&all, channel)), self.shown_channel(&all, channel)))
    }

    fn shown_channel(&self, all: &[store::Channel], channel: &store::Channel) -> Value {
        let overwrites = self.store.overwrites(channel.organization, None, usize::MAX).unwrap_or_default();
        let links = all.iter().filter(|one| channel.links.contains(&one.id));
        json!({
            "id": channel.id, "path": path_of(all, channel), "description": channel.description,
            "position": channel.position, "password": channel.password.is_some(),
            "limit": (channel.user_limit > 0).then_some(channel.user_limit),
            "links": links.map(|one| path_of(all, one)).collect::<Vec<_>>(),
            "temporary_ms": channel.temporary_ms, "bitrate": channel.bitrate, "frame_ms": channel.frame_ms,
            "last_speakers": channel.last_speakers,
            "overwrites": overwrites.iter().filter(|one| one.channel == channel.id).count(),
        })
    }

    /// The channel of a path from the top, or of a name that only one has.
    fn find_channel(&self, home: &Organization, path: &str) -> Result<store::Channel, AdminError> {
        let all = self.store.channels(home.id, None, usize::MAX)?;
        let wanted = folded(path.trim_matches('/'));
        let named: Vec<_> = all.iter().filter(|one| folded(&one.name) == wanted).collect();
        let found = match (all.iter().find(|one| folded(&path_of(&all, one)) == wanted), named.as_slice()) {
            (None, [only]) => Some(*only),
            (found, _) => found,
        };
        found.cloned().ok_or_else(|| AdminError::Unknown { what: "channel", name: path.to_owned() })
    }

    /// The channel that a new one of this path is below, and its name.
    fn place_of<'a>(
        &self,
        home: &Organization,
        path: &'a str,
    ) -> Result<(Option<ChannelId>, &'a str), AdminError> {
        let Some((above, name)) = path.rsplit_once('/') else { return Ok((None, path)) };
        match self.find_channel(home, above) {
            Ok(parent) => Ok((Some(parent.id), name)),
            Err(error @ AdminError::Unknown { .. }) => {
                Err(AdminError::Refused(format!("create {above} first: {error}")))
            }
            Err(error) => Err(error),
        }
    }

    /// The number of the channel of a path, and the path as the store has it.
    fn named(&self, home: &Organization, path: &str) -> Result<(ChannelId, String), AdminError> {
        let channel = self.find_channel(home, path)?;
        Ok((channel.id, path_of(&self.store.channels(home.id, None, usize::MAX)?, &channel)))
    }
}

/// What the options change, if they can be.
fn checked(options: &ChannelOptions) -> Result<ChannelEdit, AdminError> {
    Ok(ChannelEdit {
        password: options.password.as_deref().map(stored_password).transpose()?,
        user_limit: options.limit,
        bitrate: options.bitrate.map(check_bitrate).transpose()?,
        frame_ms: options.frame.map(check_frame).transpose()?,
        last_speakers: options.last_speakers.map(check_last_speakers).transpose()?,
        ..ChannelEdit::default()
    })
}

/// A channel's password as it is kept; an empty one is none.
fn stored_password(password: &str) -> Result<Option<StoredPassword>, AdminError> {
    check_channel_password(password)?;
    if password.is_empty() { Ok(None) } else { salted(password).map(Some) }
}

fn path_of(all: &[store::Channel], channel: &store::Channel) -> String {
    let mut path = channel.name.clone();
    let mut above = channel.parent;
    // The store lets no circle come about.
    while let Some(parent) = above.and_then(|id| all.iter().find(|one| one.id == id)) {
        path = format!("{}/{path}", parent.name);
        above = parent.parent;
    }
    path
}
