//! Channels and their overwrites, by path.

use serde_json::{Value, json};

use super::accounts::hashed;
use super::request::Channel;
use super::{AdminError, Answer, Desk};
use crate::id::ChannelId;
use crate::name::{check_channel_name, folded};
use crate::permission::{Overwrite, Permissions, Reach, Subject};
use crate::store::write::{self, ChannelEdit};
use crate::store::{self, Organization};

impl Desk<'_> {
    pub(super) fn channel(&self, home: &Organization, request: Channel) -> Result<Answer, AdminError> {
        match request {
            Channel::List(limit) => {
                let all = self.store.channels(home.id, None, usize::MAX)?;
                let first = ChannelId(limit.after.unwrap_or(0));
                let page = all.iter().filter(|channel| channel.id > first).take(limit.limit);
                Ok(Answer::rows(page.map(|channel| self.shown_channel(&all, channel)).collect()))
            }
            Channel::Create { path, description, position } => {
                let (above, name) = match path.rsplit_once('/') {
                    Some((above, name)) => (Some(self.find_channel(home, above)?.id), name),
                    None => (None, path.as_str()),
                };
                let blank = store::Channel::new(home.id, above, checked(name)?);
                let new = store::Channel { description, position, ..blank };
                let made = self.write(write::create_channel(new))?;
                self.changed("created", home, &made)
            }
            Channel::Edit { path, rename, description, position, below, password } => {
                let channel = self.find_channel(home, &path)?;
                let parent = match below.as_deref() {
                    None => None,
                    Some("" | "/") => Some(None),
                    Some(path) => Some(Some(self.find_channel(home, path)?.id)),
                };
                let password = match password.as_deref() {
                    None => None,
                    Some("") => Some(None),
                    Some(password) => Some(Some(hashed(password)?)),
                };
                let name = rename.as_deref().map(checked).transpose()?;
                let edit =
                    ChannelEdit { name, description, position, parent, password, ..ChannelEdit::default() };
                let made = self.write(write::edit_channel(channel.id, edit))?;
                self.changed("changed", home, &made)
            }
            Channel::Delete { path } => {
                let channel = self.find_channel(home, &path)?;
                let gone = self.write(write::delete_channel(channel.id))?;
                let below = gone.len() - 1;
                Ok(Answer::text(format!("{path} is deleted, with {below} channels below it.")))
            }
            Channel::Allow { path, role, user, allow, deny } => {
                let channel = self.find_channel(home, &path)?.id;
                let (subject, whom) = match (role, user) {
                    (Some(role), None) => (Subject::Role(self.find_role(home, &role)?.id), role),
                    (None, Some(user)) => (Subject::User(self.find_user(home, &user)?.id), user),
                    _ => return Err(AdminError::Refused("name either a role or a user".to_owned())),
                };
                if allow == Permissions::NONE && deny == Permissions::NONE {
                    self.write(write::remove_overwrite(channel, subject))?;
                    return Ok(Answer::text(format!("{path} makes no exception for {whom} any more.")));
                }
                self.write(write::put_overwrite(Overwrite {
                    channel,
                    subject,
                    allow,
                    deny,
                    reach: Reach::Both,
                }))?;
                Ok(Answer::text(format!("In {path}, {whom} is allowed {allow} and denied {deny}.")))
            }
        }
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
        json!({
            "id": channel.id, "path": path_of(all, channel), "description": channel.description,
            "position": channel.position, "password": channel.password.is_some(),
            "overwrites": overwrites.iter().filter(|one| one.channel == channel.id).count(),
        })
    }

    /// The channel of a path from the top.
    fn find_channel(&self, home: &Organization, path: &str) -> Result<store::Channel, AdminError> {
        let all = self.store.channels(home.id, None, usize::MAX)?;
        let mut above = None;
        let mut found = None;
        for name in path.split('/') {
            found = all.iter().find(|one| one.parent == above && folded(&one.name) == folded(name));
            above = found.map(|channel| channel.id);
            if found.is_none() {
                break;
            }
        }
        found.cloned().ok_or_else(|| AdminError::Unknown { what: "channel", name: path.to_owned() })
    }
}

fn checked(name: &str) -> Result<String, AdminError> {
    check_channel_name(name).map_err(|error| AdminError::Refused(error.to_string()))
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
