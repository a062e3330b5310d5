//! What a request may lead to. Nothing here changes the state.

use super::{Actor, Change, Channel, Denied, Facts, MAX_DEPTH, Member, State};
use crate::id::{ChannelId, SessionId};
use crate::name::check_channel_name;
use crate::permission::Permissions;
use crate::protocol::wire::{self, request, send_text};
use crate::protocol::{MAX_DESCRIPTION, MAX_TEXT};

impl State {
    /// Whether `actor` may do what the request asks for, and what it leads to.
    pub fn decide(&self, actor: Actor, request: &request::Body, facts: &Facts) -> Result<Change, Denied> {
        use request::Body;
        match request {
            Body::Join(join) => self.decide_join(actor, ChannelId(join.channel)),
            Body::Leave(_) => Ok(Change::Place { session: session_of(actor)?, channel: None }),
            Body::SetSelf(set) => self.decide_set_self(actor, set),
            Body::List(_) | Body::Ping(_) => Ok(Change::Nothing),
            Body::SendText(send) => self.decide_text(actor, send, facts),
            Body::CreateChannel(create) => self.decide_create_channel(actor, create),
            Body::EditChannel(edit) => self.decide_edit_channel(actor, edit),
            Body::MoveChannel(to) => self.decide_move_channel(actor, to),
            Body::RemoveChannel(remove) => {
                let channel = ChannelId(remove.channel);
                self.authorize(actor, Permissions::EDIT_CHANNEL, Some(channel))?;
                Ok(Change::RemoveChannels(self.subtree(channel)))
            }
            Body::LogOut(_) => Ok(Change::End(session_of(actor)?)),
            Body::CreateUser(create) => self.decide_create_user(actor, create),
            Body::SetUserDisabled(set) => self.decide_disable(actor, set, facts),
            Body::MoveSession(to) => self.decide_move_session(actor, to),
            Body::GetAccount(_)
            | Body::ChangePassword(_)
            | Body::ListDevices(_)
            | Body::EndDevice(_)
            | Body::EndOtherDevices(_)
            | Body::RegisterKey(_)
            | Body::RemoveKey(_)
            | Body::SetUpSecondFactor(_)
            | Body::ConfirmSecondFactor(_)
            | Body::RemoveSecondFactor(_)
            | Body::ListApiKeys(_)
            | Body::SetEmail(_)
            | Body::VerifyEmail(_)
            | Body::RevokeApiKey(_) => self.decide_own_account(actor),
            Body::CreateApiKey(create) => {
                let change = self.decide_own_account(actor)?;
                // A key may do what its owner may, at most.
                self.authorize(actor, Permissions::from_bits(create.scopes), None)?;
                Ok(change)
            }
            Body::CreateInvite(create) => self.decide_invite(actor, create),
            Body::ListInvites(_) | Body::RevokeInvite(_) => self.decide_admission(actor, Permissions::INVITE),
            Body::RequireSecondFactor(require) => {
                self.authorize(actor, Permissions::ADMINISTER, None)?;
                let role = self.role(&require.role).ok_or(Denied::NoSuchRole)?;
                Ok(Change::Admission { roles: vec![role.id], own: None })
            }
            Body::CreateBan(_) | Body::ListBans(_) | Body::LiftBan(_) => {
                self.decide_admission(actor, Permissions::BAN)
            }
            Body::NewClaimCode(_) | Body::ServerStatus(_) | Body::Administer(_) => match actor {
                Actor::Operator => Ok(Change::Nothing),
                Actor::Session(_) => Err(Denied::Forbidden(Permissions::ADMINISTER)),
            },
            Body::Listen(_)
            | Body::SetVoiceTarget(_)
            | Body::LinkChannels(_)
            | Body::Moderate(_)
            | Body::Kick(_)
            | Body::StartRecording(_)
            | Body::StopRecording(_)
            | Body::ListRecordings(_)
            | Body::FetchRecording(_)
            | Body::RemoveRecording(_)
            | Body::GetOrganization(_)
            | Body::EditOrganization(_)
            | Body::ListRoles(_)
            | Body::CreateRole(_)
            | Body::EditRole(_)
            | Body::RemoveRole(_)
            | Body::GrantRole(_)
            | Body::RevokeRole(_)
            | Body::ListHolders(_)
            | Body::ListOverwrites(_)
            | Body::SetOverwrite(_)
            | Body::Why(_)
            | Body::WhatIf(_)
            | Body::Hello(_)
            | Body::LogInPassword(_)
            | Body::LogInToken(_)
            | Body::LogInGuest(_)
            | Body::LogInKey(_)
            | Body::LogInApiKey(_)
            | Body::Register(_)
            | Body::LookAtInvite(_)
            | Body::RequestReset(_)
            | Body::ResetPassword(_)
            | Body::RedeemClaim(_) => Err(Denied::Unexpected),
        }
    }

    /// Whether a session that has proven who it is can come in. One that is connected already is
    /// replaced, so it always can.
    pub fn decide_arrival(&self, member: Member) -> Result<Change, Denied> {
        let is_new = !self.members.contains_key(&member.session);
        if is_new && self.members.len() >= self.limits.sessions {
            return Err(Denied::Full(self.limits.sessions));
        }
        Ok(Change::Arrive(Box::new(member)))
    }

    fn decide_join(&self, actor: Actor, channel: ChannelId) -> Result<Change, Denied> {
        let session = session_of(actor)?;
        self.authorize(actor, Permissions::JOIN, Some(channel))?;
        Ok(Change::Place { session, channel: Some(channel) })
    }

    fn decide_set_self(&self, actor: Actor, set: &wire::SetSelf) -> Result<Change, Denied> {
        let session = session_of(actor)?;
        let member = self.members.get(&session).ok_or(Denied::SessionEnded)?;
        let (mute, deaf) = (set.mute.unwrap_or(member.mute), set.deaf.unwrap_or(member.deaf));
        Ok(Change::SetSelf { session, mute, deaf })
    }

    fn decide_text(&self, actor: Actor, send: &wire::SendText, facts: &Facts) -> Result<Change, Denied> {
        let (from, at, text) = (session_of(actor)?, facts.now, send.text.clone());
        if text.trim().is_empty() || text.len() > MAX_TEXT {
            return Err(Denied::TextInvalid);
        }
        match send.to {
            Some(send_text::To::Channel(channel)) => {
                let channel = ChannelId(channel);
                self.authorize(actor, Permissions::TEXT, Some(channel))?;
                Ok(Change::TextChannel { from, channel, text, at })
            }
            Some(send_text::To::Session(session)) => {
                let session = SessionId(session);
                self.authorize(actor, Permissions::TEXT, None)?;
                self.members.get(&session).ok_or(Denied::NoSuchSession)?;
                Ok(Change::TextSession { from, session, text, at })
            }
            None => Err(Denied::Missing("to")),
        }
    }

    fn decide_create_channel(&self, actor: Actor, create: &wire::CreateChannel) -> Result<Change, Denied> {
        let parent = optional(create.parent);
        self.authorize(actor, Permissions::CREATE_CHANNEL, parent)?;
        let name = check_channel_name(&create.name)?;
        check_description(&create.description)?;
        if self.channels.len() >= self.limits.channels {
            return Err(Denied::TooManyChannels(self.limits.channels));
        }
        self.check_depth(parent, 1)?;
        self.check_sibling(parent, &name, None)?;
        Ok(Change::CreateChannel(Channel {
            id: ChannelId(self.next_channel),
            parent,
            name,
            description: create.description.clone(),
            position: create.position,
            mode: 0,
        }))
    }

    fn decide_edit_channel(&self, actor: Actor, edit: &wire::EditChannel) -> Result<Change, Denied> {
        let mut channel = self.editable(actor, edit.channel)?;
        if let Some(name) = &edit.name {
            channel.name = check_channel_name(name)?;
            self.check_sibling(channel.parent, &channel.name, Some(channel.id))?;
        }
        if let Some(description) = &edit.description {
            check_description(description)?;
            channel.description.clone_from(description);
        }
        channel.position = edit.position.unwrap_or(channel.position);
        Ok(Change::PutChannel(channel))
    }

    fn decide_move_channel(&self, actor: Actor, to: &wire::MoveChannel) -> Result<Change, Denied> {
        let mut channel = self.editable(actor, to.channel)?;
        let parent = optional(to.parent);
        self.authorize(actor, Permissions::CREATE_CHANNEL, parent)?;
        if parent.is_some_and(|parent| self.path(parent).contains(&channel.id)) {
            return Err(Denied::Cycle);
        }
        self.check_depth(parent, self.height(channel.id))?;
        self.check_sibling(parent, &channel.name, Some(channel.id))?;
        (channel.parent, channel.position) = (parent, to.position);
        Ok(Change::PutChannel(channel))
    }

    fn decide_create_user(&self, actor: Actor, create: &wire::CreateUser) -> Result<Change, Denied> {
        self.authorize(actor, Permissions::MANAGE_USERS, None)?;
        let name = crate::name::check_user_name(&create.name)?;
        let wanted = if create.role.is_empty() { super::DEFAULT_ROLE } else { &create.role };
        let role = self.role(wanted).ok_or(Denied::NoSuchRole)?;
        // Nobody hands out more than they have: that would make every such right an administrator's.
        self.authorize(actor, role.allow, None)?;
        Ok(Change::CreateUser { name, role: role.id })
    }

    fn decide_disable(
        &self,
        actor: Actor,
        set: &wire::SetUserDisabled,
        facts: &Facts,
    ) -> Result<Change, Denied> {
        self.authorize(actor, Permissions::MANAGE_USERS, None)?;
        let user = facts.named_user.ok_or(Denied::NoSuchUser)?;
        if let Actor::Session(session) = actor
            && self.members.get(&session).is_some_and(|member| member.user == Some(user))
        {
            return Err(Denied::OwnAccount);
        }
        Ok(Change::SetUserDisabled { user, disabled: set.disabled })
    }

    /// Everybody may look after their own account, whatever their roles.
    fn decide_own_account(&self, actor: Actor) -> Result<Change, Denied> {
        let session = session_of(actor)?;
        let member = self.members.get(&session).ok_or(Denied::SessionEnded)?;
        let user = member.user.ok_or(Denied::NoAccount)?;
        if member.key.is_some() {
            return Err(Denied::NotByKey);
        }
        Ok(Change::OwnAccount { user, session, connected: self.sessions_of(user) })
    }

    /// Whether somebody may decide who comes in.
    fn decide_admission(&self, actor: Actor, needed: Permissions) -> Result<Change, Denied> {
        self.authorize(actor, needed, None)?;
        let own = match actor {
            Actor::Session(session) => self.members.get(&session).and_then(|member| member.user),
            Actor::Operator => None,
        };
        Ok(Change::Admission { roles: Vec::new(), own })
    }

    fn decide_invite(&self, actor: Actor, create: &wire::CreateInvite) -> Result<Change, Denied> {
        let Change::Admission { own, .. } = self.decide_admission(actor, Permissions::INVITE)? else {
            return Err(Denied::Unexpected);
        };
        if create.channel != 0 {
            self.authorize(actor, Permissions::VIEW, Some(ChannelId(create.channel)))?;
        }
        let default = [super::DEFAULT_ROLE.to_owned()];
        let names = if create.roles.is_empty() { &default[..] } else { &create.roles };
        let mut roles = Vec::new();
        for name in names {
            let role = self.role(name).ok_or(Denied::NoSuchRole)?;
            // Nobody hands out more than they have.
            self.authorize(actor, role.allow, None)?;
            roles.push(role.id);
        }
        Ok(Change::Admission { roles, own })
    }

    fn decide_move_session(&self, actor: Actor, to: &wire::MoveSession) -> Result<Change, Denied> {
        let session = SessionId(to.session);
        let moved = self.members.get(&session).ok_or(Denied::NoSuchSession)?;
        let channel = optional(to.channel);
        self.authorize(actor, Permissions::MOVE_OTHERS, moved.channel)?;
        self.authorize(actor, Permissions::MOVE_OTHERS, channel)?;
        Ok(Change::Place { session, channel })
    }

    fn editable(&self, actor: Actor, channel: u64) -> Result<Channel, Denied> {
        let channel = ChannelId(channel);
        self.authorize(actor, Permissions::EDIT_CHANNEL, Some(channel))?;
        self.channels.get(&channel).cloned().ok_or(Denied::NoSuchChannel)
    }

    fn check_depth(&self, parent: Option<ChannelId>, height: usize) -> Result<(), Denied> {
        let above = parent.map_or(0, |parent| self.path(parent).len());
        if above + height <= MAX_DEPTH { Ok(()) } else { Err(Denied::TooDeep(MAX_DEPTH)) }
    }

    fn check_sibling(
        &self,
        parent: Option<ChannelId>,
        name: &str,
        but: Option<ChannelId>,
    ) -> Result<(), Denied> {
        if self.has_sibling(parent, name, but) { Err(Denied::NameTaken(name.to_owned())) } else { Ok(()) }
    }
}

fn session_of(actor: Actor) -> Result<SessionId, Denied> {
    match actor {
        Actor::Session(session) => Ok(session),
        Actor::Operator => Err(Denied::Unexpected),
    }
}

fn optional(channel: u64) -> Option<ChannelId> {
    (channel != 0).then_some(ChannelId(channel))
}

fn check_description(description: &str) -> Result<(), Denied> {
    if description.len() > MAX_DESCRIPTION { Err(Denied::DescriptionTooLong) } else { Ok(()) }
}
