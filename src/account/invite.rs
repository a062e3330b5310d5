//! Invites: made, listed, looked at, revoked. Who made one is kept with it, and what that one may no longer give isn't given.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use super::{AccountError, Accounts};
use crate::auth::{OneTimeCode, TokenHash};
use crate::bounds::{MAX_INVITE_USES, Registration};
use crate::id::{ChannelId, OneTimeTokenId, RoleId, UserId};
use crate::protocol::wire;
use crate::store::write::{self, NewToken};
use crate::store::{Author, By, OneTimeToken, Purpose};

/// How long an invite is good when nothing is said.
const INVITE_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Invites that one list has at most.
const LISTED: usize = 1_000;

/// Names of those who came by an invite that a list has at most, the newest.
const NAMED: usize = 20;

/// Entries of the audit trail, the newest, that are looked through for who came by invites.
const LOOKED_THROUGH: usize = 20_000;

impl Accounts {
    /// An invite, with its code.
    pub async fn create_invite(
        &self,
        create: &wire::CreateInvite,
        roles: Vec<RoleId>,
        by: By,
    ) -> Result<wire::Invite, AccountError> {
        let life = if create.life_ms == 0 { INVITE_LIFE } else { Duration::from_millis(create.life_ms) };
        let maker = match by.author {
            Author::User(user) => Some(user),
            Author::Operator | Author::Server | Author::Guest => None,
        };
        let new = NewToken {
            organization: self.0.organization,
            purpose: Purpose::Invite,
            hash: TokenHash([0; 32]),
            user: maker,
            uses: create.uses.min(MAX_INVITE_USES),
            expires: by.at.plus(life),
            email: None,
            channel: (create.channel != 0).then_some(ChannelId(create.channel)),
            roles,
        };
        let tokens = self.0.tokens.clone();
        let hash = move |id| tokens.invite_code(id, by.at).hash();
        let token = self.run(by, write::create_invite(new, hash)).await?;
        Ok(wire::Invite { code: self.code_of(&token), ..self.invite(&token, &token.roles)? })
    }

    /// The code of an invite: made anew, since only its hash is kept. Empty for one of another key's time, and for those
    /// that older versions made of random bytes.
    fn code_of(&self, token: &OneTimeToken) -> String {
        let code = self.0.tokens.invite_code(token.id, token.created);
        if code.hash() == token.hash { code.to_string() } else { String::new() }
    }

    /// An invite without its code, which gives these roles.
    fn invite(&self, token: &OneTimeToken, given: &[RoleId]) -> Result<wire::Invite, AccountError> {
        let mut roles = Vec::new();
        for role in given {
            roles.extend(self.0.store.role(*role)?.map(|role| role.name));
        }
        Ok(wire::Invite {
            id: token.id.0,
            uses: token.uses,
            expires_ms: token.expires.0,
            channel: token.channel.map_or(0, u64::from),
            channel_path: self.path(token.channel)?,
            roles,
            ..wire::Invite::default()
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

    /// The invites that are good, as they are kept.
    pub fn good_invites(&self) -> Result<Vec<OneTimeToken>, AccountError> {
        let now = self.0.clock.wall();
        let mut all = self.0.store.tokens(self.0.organization, None, usize::MAX)?;
        all.retain(|token| token.purpose == Purpose::Invite && now < token.expires);
        all.truncate(LISTED);
        Ok(all)
    }

    /// Invites as a list shows them, each with its code or without. Blocks while the audit trail is looked through for who
    /// came by them.
    pub fn list_invites(&self, invites: &[(OneTimeToken, bool)]) -> Result<wire::Invites, AccountError> {
        let came = self.who_came(invites)?;
        let mut listed = Vec::new();
        for (token, with_code) in invites {
            let by = came.get(&token.id);
            listed.push(wire::Invite {
                code: if *with_code { self.code_of(token) } else { String::new() },
                made_by: token.user.map(|user| self.name_of(user)).transpose()?.unwrap_or_default(),
                made_ms: token.created.0,
                came: by.map(|(names, _)| names.clone()).unwrap_or_default(),
                came_count: by.map_or(0, |(_, count)| *count),
                ..self.invite(token, &token.roles)?
            });
        }
        Ok(wire::Invites { invites: listed })
    }

    /// The names of those who came by each invite, as far as the audit trail tells, and how many they are.
    fn who_came(
        &self,
        invites: &[(OneTimeToken, bool)],
    ) -> Result<HashMap<OneTimeTokenId, (Vec<String>, u32)>, AccountError> {
        let mut came: HashMap<OneTimeTokenId, (Vec<String>, u32)> = HashMap::new();
        let Some(since) = invites.iter().map(|(token, _)| token.created).min() else { return Ok(came) };
        let entries = self.0.store.came_by_invites(self.0.organization, since, LOOKED_THROUGH)?;
        for (invite, user) in entries {
            let (names, count) = came.entry(invite).or_default();
            *count += 1;
            if names.len() < NAMED {
                names.push(self.name_of(user)?);
            }
        }
        Ok(came)
    }

    /// What an account is called now; its number, once it is deleted.
    fn name_of(&self, user: UserId) -> Result<String, AccountError> {
        Ok(self.0.store.user(user)?.map_or_else(|| format!("user {user}"), |user| user.name))
    }

    /// An invite, by its number.
    pub fn invite_of(&self, id: OneTimeTokenId) -> Result<OneTimeToken, AccountError> {
        let token = self.0.store.token_by_id(id)?;
        let token =
            token.filter(|one| one.organization == self.0.organization && one.purpose == Purpose::Invite);
        Ok(token.ok_or(write::RevokeTokenError::NoSuchToken)?)
    }

    /// An invite is good no more.
    pub async fn revoke_invite(&self, id: OneTimeTokenId, by: By) -> Result<(), AccountError> {
        self.run(by, write::revoke_token(self.0.organization, Purpose::Invite, id)).await?;
        Ok(())
    }

    /// The invite of a code that somebody shows who isn't in. Tries are counted as log-ins of the address are.
    pub fn shown_invite(&self, code: &str, from: IpAddr) -> Result<OneTimeToken, AccountError> {
        self.check_address(from)?;
        let counted = self.0.attempts.admit(None, from)?;
        let code = OneTimeCode::parse(code).ok_or(AccountError::InviteInvalid)?;
        let token = self.token(Purpose::Invite, &code)?.ok_or(AccountError::InviteInvalid)?;
        self.0.attempts.give_back(&counted);
        Ok(token)
    }

    /// The invite of a code that was shown before, which is still good, as far as it isn't about its maker.
    pub fn invite_by(&self, code: &TokenHash) -> Result<OneTimeToken, AccountError> {
        if self.entry_policy()?.registration == Registration::Closed {
            return Err(AccountError::RegistrationClosed);
        }
        let token = self.0.store.token(Purpose::Invite, code, self.0.clock.wall())?;
        token.filter(|token| token.organization == self.0.organization).ok_or(AccountError::InviteInvalid)
    }

    /// What an invite leads to, for whoever has its code; `roles` are those that it still gives.
    pub fn look_at_invite(
        &self,
        token: &OneTimeToken,
        roles: &[RoleId],
    ) -> Result<wire::Invite, AccountError> {
        Ok(wire::Invite { id: 0, ..self.invite(token, roles)? })
    }
}
