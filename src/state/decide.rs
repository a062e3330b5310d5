//! What a request may lead to. Nothing here changes the state.

mod account;
mod channel;
mod people;
mod role;
mod voice;

use super::{Actor, Change, Denied, Facts, Member, State};
use crate::id::{ChannelId, SessionId};
use crate::permission::Permissions;
use crate::protocol::wire::{request, what_if};

impl State {
    /// Whether `actor` may do what the request asks for, and what it leads to.
    #[expect(clippy::too_many_lines, reason = "one list of all requests, which the compiler holds complete")]
    pub fn decide(&self, actor: Actor, request: &request::Body, facts: &Facts) -> Result<Change, Denied> {
        use request::Body;
        if let Actor::Session(session) = actor
            && !self.members.contains_key(&session)
        {
            // Its connection may last a moment longer than its session.
            return Err(Denied::SessionEnded);
        }
        match request {
            Body::Join(_)
            | Body::Leave(_)
            | Body::SetSelf(_)
            | Body::SendText(_)
            | Body::MoveSession(_)
            | Body::Moderate(_)
            | Body::Kick(_) => self.decide_people(actor, request, facts),
            Body::Listen(_)
            | Body::SetVoiceTarget(_)
            | Body::StartRecording(_)
            | Body::StopRecording(_)
            | Body::ListRecordings(_)
            | Body::FetchRecording(_)
            | Body::RemoveRecording(_) => self.decide_voice(actor, request),
            Body::CreateChannel(_)
            | Body::EditChannel(_)
            | Body::MoveChannel(_)
            | Body::RemoveChannel(_)
            | Body::LinkChannels(_)
            | Body::EditOrganization(_) => self.decide_channels(actor, request),
            Body::List(_) | Body::Ping(_) | Body::ListRoles(_) | Body::GetOrganization(_) => {
                Ok(Change::Nothing)
            }
            Body::LogOut(_) => Ok(Change::End(session_of(actor)?)),
            Body::CreateUser(_)
            | Body::SetUserDisabled(_)
            | Body::GetAccount(_)
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
            | Body::RevokeApiKey(_)
            | Body::CreateApiKey(_)
            | Body::CreateInvite(_)
            | Body::ListInvites(_)
            | Body::RevokeInvite(_)
            | Body::RequireSecondFactor(_)
            | Body::CreateBan(_)
            | Body::ListBans(_)
            | Body::LiftBan(_) => self.decide_account(actor, request, facts),
            Body::NewClaimCode(_) | Body::ServerStatus(_) | Body::Administer(_) => match actor {
                Actor::Operator => Ok(Change::Nothing),
                Actor::Session(_) => Err(Denied::Forbidden(Permissions::ADMINISTER)),
            },
            Body::CreateRole(_)
            | Body::EditRole(_)
            | Body::RemoveRole(_)
            | Body::GrantRole(_)
            | Body::RevokeRole(_)
            | Body::ListHolders(_)
            | Body::ListOverwrites(_)
            | Body::SetOverwrite(_)
            | Body::Why(_) => self.decide_rights(actor, request, facts),
            Body::WhatIf(what_if) => self.decide_what_if(actor, what_if.change.as_ref(), facts),
            Body::Hello(_)
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

    /// A change that isn't made: it is allowed to who may make it, and may inspect.
    fn decide_what_if(
        &self,
        actor: Actor,
        change: Option<&what_if::Change>,
        facts: &Facts,
    ) -> Result<Change, Denied> {
        use what_if::Change as If;
        self.authorize(actor, Permissions::INSPECT, None)?;
        let request = match change.cloned().ok_or(Denied::Missing("change"))? {
            If::SetOverwrite(set) => request::Body::SetOverwrite(set),
            If::EditRole(edit) => request::Body::EditRole(edit),
            If::RemoveRole(remove) => request::Body::RemoveRole(remove),
            If::GrantRole(grant) => request::Body::GrantRole(grant),
            If::RevokeRole(revoke) => request::Body::RevokeRole(revoke),
            If::MoveChannel(to) => request::Body::MoveChannel(to),
        };
        self.decide(actor, &request, facts)
    }

    /// The member who asks.
    fn asker(&self, actor: Actor) -> Result<&Member, Denied> {
        self.members.get(&session_of(actor)?).ok_or(Denied::SessionEnded)
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
