//! Who comes in: invites, registration, bans.

use std::net::IpAddr;
use std::time::Duration;

use super::log_in::{Proven, Visitor, random};
use super::{Actor, Done, Handle, Refused, Registration};
use crate::auth::ClaimCode;
use crate::id::{BanId, ChannelId, Fingerprint, OneTimeTokenId, RoleId, UserId};
use crate::name::check_user_name;
use crate::protocol::ErrorCode;
use crate::protocol::wire::{self, create_ban, request, response};
use crate::state::{Change, Denied};
use crate::store::write::{self, NewBan, NewToken, NewUser};
use crate::store::{Author, Ban, BanSubject, By, OneTimeToken, Purpose, SEEDED_ORGANIZATION, ban_on};
use crate::voice::Peer;

/// How long an invite is good when nothing is said.
const INVITE_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Accounts that one invite makes at most.
const MOST_USES: u32 = 10_000;

/// Invites and bans that one list has at most.
const LISTED: usize = 1_000;

/// Characters of a sentence that are kept.
const WORDS: usize = 200;

impl<P: Peer> Handle<P> {
    /// Does what `actor` asks for about who comes in, which the state allows to whoever may.
    pub(super) async fn admission(
        &self,
        actor: Actor,
        body: request::Body,
    ) -> Result<response::Body, Refused> {
        let allowed = self.ask(actor, body.clone(), true).await?;
        let Done::Allowed(Change::Admission { roles, own }, by) = allowed else {
            return Err(Refused::Internal);
        };
        let done = response::Body::Done(wire::Done {});
        match body {
            request::Body::CreateInvite(create) => {
                self.create_invite(&create, roles, by).await.map(response::Body::Invite)
            }
            request::Body::ListInvites(_) => {
                let all = self.0.store.tokens(SEEDED_ORGANIZATION, None, usize::MAX)?;
                let good = |token: &&OneTimeToken| token.purpose == Purpose::Invite && by.at < token.expires;
                let invites = all.iter().filter(good).take(LISTED).map(|token| self.invite(token));
                let invites = invites.collect::<Result<_, _>>()?;
                Ok(response::Body::Invites(wire::Invites { invites }))
            }
            request::Body::RevokeInvite(revoke) => {
                let id = OneTimeTokenId(revoke.id);
                let all = self.0.store.tokens(SEEDED_ORGANIZATION, None, usize::MAX)?;
                if !all.iter().any(|token| token.id == id && token.purpose == Purpose::Invite) {
                    return Err(write::RevokeTokenError::NoSuchToken.into());
                }
                self.run(by, write::revoke_token(id)).await?;
                Ok(done)
            }
            request::Body::CreateBan(create) => self.ban(create, own, by).await,
            request::Body::ListBans(_) => {
                let bans = self.0.store.bans(SEEDED_ORGANIZATION, None, usize::MAX)?;
                let holds = |ban: &&Ban| ban.until.is_none_or(|until| by.at < until);
                let bans = bans.iter().filter(holds).take(LISTED).map(|ban| self.shown_ban(ban));
                Ok(response::Body::Bans(wire::Bans { bans: bans.collect::<Result<_, _>>()? }))
            }
            request::Body::LiftBan(lift) => {
                self.run(by, write::lift_ban(BanId(lift.id))).await?;
                self.refresh().await?;
                Ok(done)
            }
            request::Body::RequireSecondFactor(require) => {
                self.require_second_factor(&roles, require.required, by).await?;
                Ok(done)
            }
            _ => Err(Refused::Unexpected),
        }
    }

    async fn create_invite(
        &self,
        create: &wire::CreateInvite,
        roles: Vec<RoleId>,
        by: By,
    ) -> Result<wire::Invite, Refused> {
        let code = ClaimCode::from_random(random()?);
        let life = if create.life_ms == 0 { INVITE_LIFE } else { Duration::from_millis(create.life_ms) };
        let new = NewToken {
            organization: SEEDED_ORGANIZATION,
            purpose: Purpose::Invite,
            hash: code.hash(),
            user: None,
            uses: create.uses.min(MOST_USES),
            expires: by.at.plus(life),
            email: None,
            channel: (create.channel != 0).then_some(ChannelId(create.channel)),
            roles,
        };
        let token = self.run(by, write::create_token(new)).await?;
        Ok(wire::Invite { code: code.to_string(), ..self.invite(&token)? })
    }

    /// An invite without its code, which is nowhere.
    fn invite(&self, token: &OneTimeToken) -> Result<wire::Invite, Refused> {
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

    fn path(&self, channel: Option<ChannelId>) -> Result<String, Refused> {
        let (mut names, mut next) = (Vec::new(), channel);
        while let Some(id) = next.filter(|_| names.len() < crate::name::MAX_CHANNEL_DEPTH) {
            let Some(channel) = self.0.store.channel(id)? else { break };
            names.insert(0, channel.name);
            next = channel.parent;
        }
        Ok(names.join("/"))
    }

    /// What an invite leads to, for who has its code. Tries are counted as log-ins of the address are.
    pub fn look_at_invite(&self, code: &str, from: IpAddr) -> Result<wire::Invite, Refused> {
        self.check_bans(None, Some(from), None)?;
        self.admit(None, from)?;
        let code = ClaimCode::parse(code).ok_or(Refused::InviteInvalid)?;
        let token = self.0.store.token(Purpose::Invite, &code.hash(), self.0.clock.wall())?;
        let token = token.ok_or(Refused::InviteInvalid)?;
        self.forgive(from);
        Ok(wire::Invite { id: 0, ..self.invite(&token)? })
    }

    /// Makes an account for who asks, and logs it in.
    pub(super) async fn register(
        &self,
        register: &wire::Register,
        visitor: Visitor<'_>,
    ) -> Result<Proven, Refused> {
        // Who makes one account after the other without an invite has to wait, as who guesses has.
        self.admit(None, visitor.from)?;
        let now = self.0.clock.wall();
        let invite = match self.0.settings.registration {
            Registration::Closed => return Err(Refused::RegistrationClosed),
            Registration::Open if register.invite.trim().is_empty() => None,
            Registration::Open | Registration::Invited => {
                let code = ClaimCode::parse(&register.invite).ok_or(Refused::InviteInvalid)?;
                // Looked at before the expensive hash; the store looks again in the transaction that uses it up.
                let token = self.0.store.token(Purpose::Invite, &code.hash(), now)?;
                Some((code, token.ok_or(Refused::InviteInvalid)?))
            }
        };
        let name = check_user_name(&register.name)?;
        if self.0.store.user_by_name(SEEDED_ORGANIZATION, &name)?.is_some() {
            return Err(Refused::NameTaken);
        }
        self.check_new_password(&register.password, &[&name]).await?;
        let roles = if let Some((_, token)) = &invite {
            token.roles.clone()
        } else {
            let default = self.0.store.role_by_name(SEEDED_ORGANIZATION, crate::state::DEFAULT_ROLE)?;
            default.map(|role| role.id).into_iter().collect()
        };
        let password = Some(self.hash(&register.password).await?);
        let new = NewUser { organization: SEEDED_ORGANIZATION, name, email: None, password, roles };
        let by = By { author: Author::Guest, from: Some(visitor.from), at: now };
        let user = match invite {
            Some((code, _)) => {
                let user = self.run(by, write::register_by_invite(code.hash(), new)).await?;
                // An invite has a limit of its own; a club behind one address may come together.
                self.forgive(visitor.from);
                user
            }
            None => self.run(by, write::create_user(new)).await?,
        };
        self.begin(&user, &register.device, None, visitor).await
    }

    /// Refuses who is kept out.
    pub(super) fn check_bans(
        &self,
        user: Option<UserId>,
        from: Option<IpAddr>,
        key: Option<Fingerprint>,
    ) -> Result<(), Refused> {
        match ban_on(&self.0.bans.load(), user, from, key, self.0.clock.wall()) {
            None => Ok(()),
            Some(ban) => Err(Refused::Banned { reason: ban.reason.clone(), until: ban.until }),
        }
    }

    async fn ban(
        &self,
        create: wire::CreateBan,
        own: Option<UserId>,
        by: By,
    ) -> Result<response::Body, Refused> {
        let subject = self.ban_subject(create.subject, own, by)?;
        let until = (create.life_ms > 0).then(|| by.at.plus(Duration::from_millis(create.life_ms)));
        let new =
            NewBan { organization: SEEDED_ORGANIZATION, subject, reason: sentence(&create.reason), until };
        let ban = self.run(by, write::ban(new)).await?;
        if let BanSubject::User(user) = subject {
            self.run(by, write::end_sessions_of(user, None)).await?;
        }
        self.refresh().await?;
        Ok(response::Body::Created(wire::Created { id: ban.id.0 }))
    }

    fn ban_subject(
        &self,
        subject: Option<create_ban::Subject>,
        own: Option<UserId>,
        by: By,
    ) -> Result<BanSubject, Refused> {
        let malformed = |words: &str| Refused::Rejected(ErrorCode::Malformed, words.to_owned());
        match subject {
            Some(create_ban::Subject::User(name)) => {
                let user = self.0.store.user_by_name(SEEDED_ORGANIZATION, &name)?;
                let user = user.ok_or(Denied::NoSuchUser)?;
                if own == Some(user.id) {
                    return Err(malformed("you can't ban yourself"));
                }
                Ok(BanSubject::User(user.id))
            }
            Some(create_ban::Subject::Network(network)) => {
                let range = network_of(&network)
                    .ok_or_else(|| malformed("a network is an address, or a range as 192.0.2.0/24"))?;
                if by.from.is_some_and(|from| range.covers(from)) {
                    return Err(malformed("you are in this network yourself"));
                }
                Ok(range)
            }
            Some(create_ban::Subject::Key(key)) => match <[u8; 32]>::try_from(key.as_ref()) {
                Ok(key) => Ok(BanSubject::Certificate(Fingerprint(key))),
                Err(_) => Err(malformed("a key's fingerprint has 32 bytes")),
            },
            None => Err(Denied::Missing("subject").into()),
        }
    }

    fn shown_ban(&self, ban: &Ban) -> Result<wire::Ban, Refused> {
        let subject = match ban.subject {
            BanSubject::User(user) => match self.0.store.user(user)? {
                Some(user) => format!("user {}", user.name),
                None => format!("user {user}"),
            },
            BanSubject::Address { network, prefix } => format!("network {network}/{prefix}"),
            BanSubject::Certificate(key) => format!("key {key}"),
        };
        let (reason, until_ms) = (ban.reason.clone(), ban.until.map_or(0, |until| until.0));
        Ok(wire::Ban { id: ban.id.0, subject, reason, created_ms: ban.created.0, until_ms })
    }
}

/// A sentence as it is kept.
pub(super) fn sentence(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(WORDS).collect()
}

/// An address, or a range of them in the form of RFC 4632.
pub(super) fn network_of(text: &str) -> Option<BanSubject> {
    let text = text.trim();
    let (address, bits) = text.split_once('/').map_or((text, None), |(ip, bits)| (ip, Some(bits)));
    let network: IpAddr = address.parse().ok()?;
    let most = if network.is_ipv4() { 32 } else { 128 };
    let prefix = bits.map_or(Ok(most), str::parse).ok().filter(|prefix| *prefix <= most)?;
    Some(BanSubject::Address { network, prefix })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_or_refused() {
        let range = |text: &str, prefix| {
            let network = text.parse().unwrap();
            Some(BanSubject::Address { network, prefix })
        };
        assert_eq!(network_of("192.0.2.7"), range("192.0.2.7", 32));
        assert_eq!(network_of(" 192.0.2.0/24 "), range("192.0.2.0", 24));
        assert_eq!(network_of("2001:db8::/32"), range("2001:db8::", 32));
        for bad in ["", "eve", "192.0.2.0/33", "192.0.2.0/", "192.0.2/24", "2001:db8::/129", "1.2.3.4/-1"] {
            assert_eq!(network_of(bad), None, "{bad}");
        }
    }
}
