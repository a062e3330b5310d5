//! What people and programs keep: settings, favourites and elements lead to what is there, and are counted.

use std::collections::BTreeMap;

use super::Check;
use crate::id::ElementPlace;
use crate::store::error::ReadError;
use crate::store::table::{Tables, organization_of};

impl Check {
    pub(super) fn preferences(&mut self, tables: &Tables) -> Result<(), ReadError> {
        self.each(&tables.organization_settings, |check, settings| {
            let organization = settings.organization;
            for channel in settings.default_channel.into_iter().chain(settings.afk_channel) {
                if !check.channels.contains(&channel.0) || organization_of(channel.0) != organization {
                    check.problem(format!(
                        "the settings of organization {organization} lead to channel {channel}, which isn't there"
                    ));
                }
            }
        })?;
        for entry in tables.settings.all()? {
            let key = entry?.0;
            let (organization, user, name) = key.value();
            if !self.organizations.contains(&organization) || (user != 0 && !self.users.contains(&user)) {
                self.problem(format!(
                    "setting {name} is of user {user} of organization {organization}, which isn't there"
                ));
            }
        }
        for entry in tables.favourites.all()? {
            let (user, channel) = entry?.0.value();
            if !self.users.contains(&user) || !self.channels.contains(&channel) {
                self.problem(format!(
                    "channel {channel} is user {user}'s favourite, and one of them isn't there"
                ));
            }
        }
        Ok(())
    }

    pub(super) fn elements(&mut self, tables: &Tables) -> Result<(), ReadError> {
        let mut there = BTreeMap::<u64, (u64, u64)>::new();
        self.each(&tables.elements, |check, element| {
            let is_there = match element.on {
                ElementPlace::Channel(channel) => check.channels.contains(&channel.0),
                ElementPlace::User(user) => check.users.contains(&user.0),
                // They are files.
                ElementPlace::Recording(_) => true,
            };
            if !is_there {
                check
                    .problem(format!("element {} is on {:?}, which doesn't exist", element.name, element.on));
            }
            let (count, bytes) = there.entry(element.organization.0).or_default();
            (*count, *bytes) = (*count + 1, *bytes + element.bytes());
        })?;
        self.each(&tables.element_uses, |check, used| {
            let (count, bytes) = there.remove(&used.organization.0).unwrap_or_default();
            if (used.count, used.bytes) != (count, bytes) {
                check.problem(format!(
                    "organization {} counts {} elements of {} bytes, and there are {count} of {bytes}",
                    used.organization, used.count, used.bytes
                ));
            }
        })?;
        for organization in there.into_keys() {
            self.problem(format!("organization {organization} doesn't count its elements"));
        }
        Ok(())
    }
}
