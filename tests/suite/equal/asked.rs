//! What is asked for at random: the request of each operation that has an address over HTTP, about what there is and what there
//! isn't.

use crate::operations::request_for;
use crate::support::PASSWORD;
use parlour::permission::Permissions;
use parlour::protocol::wire::request::Body;
use parlour::protocol::wire::{self, create_ban, get_profile, send_text, set_overwrite, what_if};

/// Numbers that look random, the same ones in every run (Marsaglia, "Xorshift RNGs").
pub(super) struct Roll(pub(super) u64);

impl Roll {
    pub(super) fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }

    pub(super) fn one_in(&mut self, most: u64) -> bool {
        self.below(most) == 0
    }

    pub(super) fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize].clone()
    }

    /// Some permissions, but none that makes an owner.
    pub(super) fn permissions(&mut self, one_in: u64) -> u64 {
        let named = Permissions::NAMED.iter().map(|(permission, _)| permission.bits());
        let all: u64 = named.filter(|_| self.one_in(one_in)).fold(0, |all, bits| all | bits);
        all & !Permissions::ADMINISTER.bits()
    }
}

/// What there is to ask about.
pub(super) struct World {
    pub(super) channels: Vec<u64>,
    pub(super) roles: Vec<u64>,
    /// Of these, those that may go: the others come with the server.
    pub(super) new_roles: Vec<u64>,
    pub(super) sessions: Vec<u64>,
    /// Of these, those that nobody asks by.
    pub(super) bystanders: Vec<u64>,
}

/// Whom something is asked about, somebody who isn't there among them.
pub(super) const ANYBODY: &[&str] = &["root", "alice", "bob", "carol", "dora", "Nobody"];
/// Those of them whose account may be locked, or go: nobody asks by it.
const BYSTANDERS: &[&str] = &["bob", "dora", "Nobody"];

impl World {
    fn user(roll: &mut Roll) -> String {
        roll.one(ANYBODY).to_owned()
    }

    fn bystander(roll: &mut Roll) -> String {
        roll.one(BYSTANDERS).to_owned()
    }

    /// A request for an operation; `step` makes what is new differ from what was before.
    pub(super) fn body(&self, name: &str, step: u32, roll: &mut Roll) -> Body {
        let of_channels = self.about_channels(name, step, roll);
        let of_people = || self.about_people(name, step, roll);
        if let Some(body) = of_channels.or_else(of_people) {
            return body;
        }
        let (channel, session) = (roll.one(&self.channels), roll.one(&self.sessions));
        let whom = World::bystander(roll);
        match self.about_rights(name, step, roll).or_else(|| own(name, step, channel, roll)) {
            Some(body) => body,
            None => request_for(name, channel, session, &whom),
        }
    }

    fn about_channels(&self, name: &str, step: u32, roll: &mut Roll) -> Option<Body> {
        let channel = roll.one(&self.channels);
        let other = if roll.one_in(3) { 0 } else { roll.one(&self.channels) };
        Some(match name {
            "create_channel" => Body::CreateChannel(wire::CreateChannel {
                parent: other,
                name: format!("Raum {step} „ö“"),
                description: "Tea, & more".to_owned(),
                position: roll.below(9) as i32 - 4,
                password: if roll.one_in(5) { "hush, hush".to_owned() } else { String::new() },
                user_limit: roll.below(3) as u32,
                temporary_ms: roll.one_in(4).then_some(60_000),
                ..Default::default()
            }),
            "edit_channel" => Body::EditChannel(wire::EditChannel {
                channel,
                name: roll.one_in(2).then(|| format!("Room {step}")),
                description: roll.one_in(2).then(|| format!("since {step}")),
                password: roll.one_in(6).then(String::new),
                user_limit: roll.one_in(4).then_some(2),
                ..Default::default()
            }),
            "move_channel" => {
                Body::MoveChannel(wire::MoveChannel { channel, parent: other, position: step as i32 })
            }
            "remove_channel" if roll.one_in(3) => Body::RemoveChannel(wire::RemoveChannel { channel }),
            "remove_channel" => Body::RemoveChannel(wire::RemoveChannel { channel: 999_999 }),
            "link_channels" => {
                Body::LinkChannels(wire::LinkChannels { channel, other, linked: !roll.one_in(3) })
            }
            "send_text" => {
                let session = roll.one(&self.sessions);
                let to = if roll.one_in(2) {
                    send_text::To::Channel(channel)
                } else {
                    send_text::To::Session(session)
                };
                Body::SendText(wire::SendText { to: Some(to), text: format!("hello {step}") })
            }
            "edit_organization" => Body::EditOrganization(wire::EditOrganization {
                welcome: roll.one_in(2).then(|| format!("Welcome, {step}")),
                default_channel: roll.one_in(3).then_some(other),
                afk_channel: roll.one_in(4).then_some(other),
                ..Default::default()
            }),
            "list_elements" | "get_element" | "set_element" | "remove_element" => {
                self.about_elements(name, step, channel, roll)
            }
            _ => return None,
        })
    }

    fn about_elements(&self, operation: &str, step: u32, channel: u64, roll: &mut Roll) -> Body {
        macro_rules! on {
            ($module:ident) => {
                match roll.below(4) {
                    0 => Some(wire::$module::On::User(World::user(roll))),
                    1 => Some(wire::$module::On::Recording(roll.below(3))),
                    2 => Some(wire::$module::On::Channel(roll.one(&self.channels))),
                    _ => Some(wire::$module::On::Channel(channel)),
                }
            };
        }
        let name = format!("bot.seen{}", roll.below(2));
        let version = roll.one_in(4).then(|| roll.below(3));
        match operation {
            "list_elements" => Body::ListElements(wire::ListElements { on: on!(list_elements) }),
            "get_element" => Body::GetElement(wire::GetElement { on: on!(get_element), name }),
            "set_element" => {
                let value = format!("{{\"step\": {step}}}");
                Body::SetElement(wire::SetElement { on: on!(set_element), name, value, version })
            }
            _ => Body::RemoveElement(wire::RemoveElement { on: on!(remove_element), name, version }),
        }
    }

    #[expect(clippy::too_many_lines, reason = "one list")]
    fn about_people(&self, name: &str, step: u32, roll: &mut Roll) -> Option<Body> {
        let (session, whom) = (roll.one(&self.sessions), World::user(roll));
        let bystander = World::bystander(roll);
        Some(match name {
            "moderate" => Body::Moderate(wire::Moderate {
                session,
                mute: roll.one_in(3).then(|| roll.one_in(2)),
                suppress: roll.one_in(3).then(|| roll.one_in(2)),
                priority: roll.one_in(2).then(|| roll.one_in(2)),
                ..Default::default()
            }),
            "move_session" => {
                Body::MoveSession(wire::MoveSession { session, channel: roll.one(&self.channels) })
            }
            "kick" => {
                let session = roll.one(&self.bystanders);
                Body::Kick(wire::Kick { session, reason: format!("too loud, {step}") })
            }
            "create_user" => {
                let password = if roll.one_in(3) { PASSWORD } else { "short" }.to_owned();
                let role = roll.one(&["", "Member", "Owner", "Nothing"]).to_owned();
                Body::CreateUser(wire::CreateUser { name: format!("user{step}"), password, role })
            }
            "list_users" => {
                let prefix = roll.one(&["", "a", "user"]).to_owned();
                Body::ListUsers(wire::ListUsers { prefix, limit: roll.below(4) as u32, ..Default::default() })
            }
            "show_user" => Body::ShowUser(wire::ShowUser { name: whom }),
            "list_user_sessions" => Body::ListUserSessions(wire::ListUserSessions { name: whom }),
            "edit_user" => {
                let email = Some(format!("x{step}@example.org"));
                Body::EditUser(wire::EditUser { name: bystander, rename: None, email })
            }
            "set_user_disabled" => {
                let disabled = roll.one_in(2);
                Body::SetUserDisabled(wire::SetUserDisabled { name: bystander, disabled })
            }
            "delete_user" => {
                let name = format!("user{}", roll.below(u64::from(step) + 1));
                Body::DeleteUser(wire::DeleteUser { name })
            }
            "set_user_password" => {
                let (name, by_code) = (bystander, true);
                Body::SetUserPassword(wire::SetUserPassword { name, by_code, ..Default::default() })
            }
            "set_note" => Body::SetNote(wire::SetNote { name: whom, text: format!("note {step}") }),
            "get_profile" => {
                let whose = match roll.below(3) {
                    0 => None,
                    1 => Some(get_profile::Whose::Session(session)),
                    _ => Some(get_profile::Whose::User(whom)),
                };
                Body::GetProfile(wire::GetProfile { whose })
            }
            "list_profiles" => {
                let sessions = vec![session, roll.one(&self.sessions)];
                Body::ListProfiles(wire::ListProfiles { sessions })
            }
            "create_ban" => {
                let subject = match roll.below(3) {
                    0 => create_ban::Subject::User(bystander),
                    1 => create_ban::Subject::Network(format!("192.0.2.{step}/32")),
                    _ => create_ban::Subject::Network("everywhere".to_owned()),
                };
                let (subject, reason) = (Some(subject), "loud".to_owned());
                Body::CreateBan(wire::CreateBan { subject, reason, life_ms: 60_000 })
            }
            "lift_ban" => Body::LiftBan(wire::LiftBan { id: roll.below(4) }),
            "read_audit" => {
                let by = roll.one(&["", "alice", "operator", "Nobody"]).to_owned();
                let verb = roll.one(&["", "", "create", "nonsense"]).to_owned();
                Body::ReadAudit(wire::ReadAudit { by, verb, limit: 30, ..Default::default() })
            }
            _ => return None,
        })
    }

    pub(super) fn overwrite(&self, roll: &mut Roll) -> wire::SetOverwrite {
        let subject = if roll.one_in(2) {
            set_overwrite::Subject::User(World::user(roll))
        } else {
            set_overwrite::Subject::Role(roll.one(&self.roles))
        };
        wire::SetOverwrite {
            channel: roll.one(&self.channels),
            subject: Some(subject),
            allow: roll.permissions(9),
            deny: roll.permissions(9),
            reach: roll.below(3) as i32,
        }
    }

    fn about_rights(&self, name: &str, step: u32, roll: &mut Roll) -> Option<Body> {
        let (role, new_role) = (roll.one(&self.roles), roll.one(&self.new_roles));
        let (channel, user) = (roll.one(&self.channels), World::user(roll));
        Some(match name {
            "create_role" => {
                let (allow, rank) = (roll.permissions(4), roll.below(100) as u32);
                Body::CreateRole(wire::CreateRole { name: format!("role {step}"), rank, colour: 7, allow })
            }
            "edit_role" => Body::EditRole(wire::EditRole {
                role: new_role,
                allow: roll.one_in(2).then(|| roll.permissions(4)),
                colour: Some(step),
                ..Default::default()
            }),
            "remove_role" if roll.one_in(3) => Body::RemoveRole(wire::RemoveRole { role: new_role }),
            "remove_role" => Body::RemoveRole(wire::RemoveRole { role: 999_999 }),
            "get_role" => Body::GetRole(wire::GetRole { role }),
            "list_holders" => Body::ListHolders(wire::ListHolders { role }),
            "grant_role" => Body::GrantRole(wire::GrantRole { user, role: new_role, life_ms: 0 }),
            "revoke_role" => Body::RevokeRole(wire::RevokeRole { user, role: new_role }),
            "set_overwrite" => Body::SetOverwrite(self.overwrite(roll)),
            "why" => {
                let (session, user) = match roll.below(3) {
                    0 => (0, String::new()),
                    1 => (roll.one(&self.sessions), String::new()),
                    _ => (0, user),
                };
                let channel = if roll.one_in(3) { 0 } else { channel };
                Body::Why(wire::Why { session, user, channel, permissions: roll.permissions(3) })
            }
            "what_if" => {
                let change = match roll.below(4) {
                    0 => what_if::Change::SetOverwrite(self.overwrite(roll)),
                    1 => what_if::Change::RemoveRole(wire::RemoveRole { role: new_role }),
                    2 => what_if::Change::GrantRole(wire::GrantRole { user, role: new_role, life_ms: 0 }),
                    _ => what_if::Change::MoveChannel(wire::MoveChannel { channel, parent: 0, position: 0 }),
                };
                Body::WhatIf(wire::WhatIf { change: Some(change) })
            }
            "create_invite" => {
                let roles =
                    if roll.one_in(2) { Vec::new() } else { vec![format!("role {}", roll.below(40))] };
                let channel = if roll.one_in(2) { 0 } else { channel };
                Body::CreateInvite(wire::CreateInvite { uses: 2, channel, roles, ..Default::default() })
            }
            "revoke_invite" => Body::RevokeInvite(wire::RevokeInvite { id: roll.below(9) }),
            // The first one acts.
            "revoke_oauth_client" => {
                Body::RevokeOauthClient(wire::RevokeOauthClient { id: 2 + roll.below(3) })
            }
            _ => return None,
        })
    }
}

/// What people ask about their own accounts. The keys that act, and the program that does, stay.
fn own(name: &str, step: u32, channel: u64, roll: &mut Roll) -> Option<Body> {
    Some(match name {
        "create_api_key" => {
            let scopes = roll.permissions(9);
            Body::CreateApiKey(wire::CreateApiKey { name: format!("key {step}"), scopes, life_ms: 0 })
        }
        "revoke_api_key" => Body::RevokeApiKey(wire::RevokeApiKey { id: 4 + roll.below(4) }),
        "revoke_oauth_grant" => Body::RevokeOauthGrant(wire::RevokeOauthGrant { id: 2 }),
        "end_device" => Body::EndDevice(wire::EndDevice { session: 999_999 }),
        "set_profile" => Body::SetProfile(wire::SetProfile {
            display_name: roll
                .one_in(2)
                .then(|| roll.one(&["Alice A.", "Carol", "bob", "a\u{7}b"]).to_owned()),
            about: roll.one_in(2).then(|| format!("about {step}")),
        }),
        "set_preference" => {
            let (name, value) = (format!("p{}", roll.below(3)), roll.one(&["", "1", "[2]"]).to_owned());
            Body::SetPreference(wire::SetPreference { name, value })
        }
        "set_favourite" => Body::SetFavourite(wire::SetFavourite { channel, favourite: !roll.one_in(4) }),
        "register_key" => {
            let public_key = vec![7; 32 - roll.below(2) as usize].into();
            Body::RegisterKey(wire::RegisterKey { public_key, name: format!("key {step}"), apart: false })
        }
        "set_email" => {
            let password = if roll.one_in(2) { PASSWORD } else { "wrong" }.to_owned();
            Body::SetEmail(wire::SetEmail { email: format!("own{step}@example.org"), password })
        }
        _ => return None,
    })
}
