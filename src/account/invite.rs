//! Invites: made, listed, looked at, revoked.

use std::net::IpAddr;
use std::time::Duration;

use super::{AccountError, Accounts, random};
use crate::auth::OneTimeCode;
use crate::bounds::MAX_INVITE_USES;
use crate::id::{ChannelId, OneTimeTokenId, RoleId};
use crate::protocol::wire;
use crate::store::write::{self, NewToken};
use crate::store::{By, OneTimeToken, Purpose};

/// How long an invite is good when nothing is said.
const INVITE_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Invites that one list has at most.
const LISTED: usize = 1_000;

impl Accounts {
    /// An invite, with its code, which is shown this once.
    pub async fn create_invite(
        &self,
        create: &wire::CreateInvite,
        roles: Vec<RoleId>,
        by: By,
    ) -> Result<wire::Invite, AccountError> {
        let code = OneTimeCode::from_random(random()?);
        let life = if create.life_ms == 0 { INVITE_LIFE } else { Duration::from_millis(create.life_ms) };
        let new = NewToken {
            organization: self.0.organization,
            purpose: Purpose::Invite,
            hash: code.hash(),
            user: None,
            uses: create.uses.min(MAX_INVITE_USES),
            expires: by.at.plus(life),
            email: None,
            channel: (create.channel != 0).then_some(ChannelId(create.channel)),
            roles,
        };
        let token = self.run(by, write::create_token(new)).await?;
        Ok(wire::Invite { code: code.to_string(), ..self.invite(&token)? })
    }

    /// An invite without its code, which is nowhere.
    fn invite(&self, token: &OneTimeToken) -> Result<wire::Invite, AccountError> {
        let mut roles = Vec::new();
        for role in &token.roles {
            roles.extend(self.0.store.role(*role)?.map(|role| role.name));
        }
        Ok(wire::Invite {
            id: token.id.0,
            code: String::new(),
            uses: token.uses,
            expires_ms: token.expires.0,
            channel: token.channel.map_or(0, u64::from),
            channel_path: self.path(token.channel)?,
            roles,
        })
    }

    fn path(&self, channel: Option<ChannelId>) -> Result<String, AccountError> {
        let (mut names, mut next) = (Vec::new(), channel);
        while let Some(id) = next.filter(|_| names.len() < crate::name::MAX_CHANNEL_DEPTH) {
            let Some(channel) = self.0.store.channel(id)? else { break };
            names.insert(0, channel.name);
            next = channel.parent;
        }
        Ok(names.join("/"))
    }

    /// The invites that are good.
    pub fn invites(&self) -> Result<wire::Invites, AccountError> {
        let now = self.0.clock.wall();
        let all = self.0.store.tokens(self.0.organization, None, usize::MAX)?;
        let good = |token: &&OneTimeToken| token.purpose == Purpose::Invite && now < token.expires;
        let invites = all.iter().filter(good).take(LISTED).map(|token| self.invite(token));
        Ok(wire::Invites { invites: invites.collect::<Result<_, _>>()? })
    }

    /// An invite is good no more.
    pub async fn revoke_invite(&self, id: u64, by: By) -> Result<(), AccountError> {
        let (home, id) = (self.0.organization, OneTimeTokenId(id));
        self.run(by, write::revoke_token(home, Purpose::Invite, id)).await?;
        Ok(())
    }

    /// What an invite leads to, for whoever has its code. Tries are counted as log-ins of the address are.
    pub fn look_at_invite(&self, code: &str, from: IpAddr) -> Result<wire::Invite, AccountError> {
        self.check_address(from)?;
        self.0.attempts.admit(None, from)?;
        let code = OneTimeCode::parse(code).ok_or(AccountError::InviteInvalid)?;
        let token = self.token(Purpose::Invite, &code)?;
        let token = token.ok_or(AccountError::InviteInvalid)?;
        self.0.attempts.forgive(from);
        Ok(wire::Invite { id: 0, ..self.invite(&token)? })
    }
}
