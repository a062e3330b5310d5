//! Bans: who is kept out, by account, by address or by the key of a device.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::kept_out::Bans;
use super::{AccountError, Accounts, Changed, sentence};
use crate::auth::AddressKey;
use crate::id::{BanId, Fingerprint, UserId};
use crate::protocol::wire::{self, create_ban};
use crate::store::write::{self, NewBan};
use crate::store::{Ban, BanSubject, By};

/// Bans that one list has at most.
const LISTED: usize = 1_000;

/// The fewest bits of a network that is banned, of IPv4 and of IPv6: a whole allocation to one provider has more.
const WIDEST: (u8, u8) = (8, 16);

impl Accounts {
    /// Refuses whoever is kept out.
    pub fn check_bans(
        &self,
        user: Option<UserId>,
        from: Option<IpAddr>,
        key: Option<Fingerprint>,
    ) -> Result<(), AccountError> {
        match self.0.bans.load().on(user, from, key, self.0.clock.now()) {
            None => Ok(()),
            Some(ban) => Err(AccountError::Banned { reason: ban.reason.clone(), until: ban.until }),
        }
    }

    /// Who is kept out, and was.
    pub fn kept_out(&self) -> Arc<Bans> {
        self.0.bans.load_full()
    }

    /// The bans that hold.
    pub fn bans(&self) -> Result<wire::Bans, AccountError> {
        let kept = self.0.bans.load();
        let bans = kept.holding(self.0.clock.now()).take(LISTED).map(|ban| self.shown_ban(ban));
        Ok(wire::Bans { bans: bans.collect::<Result<_, _>>()? })
    }

    /// Somebody is kept out no more.
    pub async fn lift_ban(&self, id: BanId, by: By) -> Result<Changed, AccountError> {
        self.run(by, write::lift_ban(self.0.organization, id)).await?;
        self.read_bans()?;
        Ok(Changed::Bans)
    }

    /// Goes by the bans that the store has by now.
    pub fn read_bans(&self) -> Result<(), AccountError> {
        let before = self.0.bans.load();
        let bans = Bans::read(&self.0.store, self.0.organization, self.0.clock.now(), Some(&before))?;
        self.0.bans.store(Arc::new(bans));
        Ok(())
    }

    /// Refuses whoever comes without an account, or makes one unasked, from where an account was used that is banned: it may
    /// be the same person. What the ban says isn't told, since it may be another one.
    pub(super) fn check_returning(&self, from: IpAddr) -> Result<(), AccountError> {
        let now = self.0.clock.wall();
        match self.0.bans.load().from.get(&AddressKey::of(from)) {
            Some(until) if until.is_none_or(|until| now < until) => {
                Err(AccountError::Banned { reason: String::new(), until: *until })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Refuses whoever comes from an address that is kept out.
    pub(super) fn check_address(&self, from: IpAddr) -> Result<(), AccountError> {
        self.check_bans(None, Some(from), None)
    }

    /// Keeps somebody out; `own` is the account that asks. Answers with the ban, and with what it changed.
    pub async fn ban(
        &self,
        create: wire::CreateBan,
        own: Option<UserId>,
        by: By,
    ) -> Result<(BanId, Changed), AccountError> {
        let subject = self.ban_subject(create.subject, own, by)?;
        let until = (create.life_ms > 0).then(|| by.at.plus(Duration::from_millis(create.life_ms)));
        let new =
            NewBan { organization: self.0.organization, subject, reason: sentence(&create.reason), until };
        let banned = self.run(by, write::ban(new)).await?;
        self.read_bans()?;
        Ok((banned.ban.id, Changed::Bans))
    }

    fn ban_subject(
        &self,
        subject: Option<create_ban::Subject>,
        own: Option<UserId>,
        by: By,
    ) -> Result<BanSubject, AccountError> {
        match subject {
            Some(create_ban::Subject::User(name)) => {
                let user = self.0.store.user_by_name(self.0.organization, &name)?;
                let user = user.ok_or(AccountError::NoSuchUser)?;
                if own == Some(user.id) {
                    return Err(AccountError::BansOneself);
                }
                Ok(BanSubject::User(user.id))
            }
            Some(create_ban::Subject::Network(network)) => {
                let range = network_of(&network).ok_or(AccountError::NetworkInvalid)?;
                if is_too_wide(range) {
                    return Err(AccountError::NetworkTooWide);
                }
                if by.from.is_some_and(|from| range.covers(from)) {
                    return Err(AccountError::BansOwnNetwork);
                }
                Ok(range)
            }
            Some(create_ban::Subject::Key(key)) => match <[u8; 32]>::try_from(key.as_ref()) {
                Ok(key) => Ok(BanSubject::Certificate(Fingerprint(key))),
                Err(_) => Err(AccountError::FingerprintInvalid),
            },
            None => Err(AccountError::NoSubject),
        }
    }

    fn shown_ban(&self, ban: &Ban) -> Result<wire::Ban, AccountError> {
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

/// An address, or a range of them in the form of RFC 4632. An IPv6 address stands for its /64, since whoever has one has
/// the others, too. IPv4 inside IPv6 is IPv4.
pub fn network_of(text: &str) -> Option<BanSubject> {
    let text = text.trim();
    let (address, bits) = text.split_once('/').map_or((text, None), |(ip, bits)| (ip, Some(bits)));
    let network: IpAddr = address.parse().ok()?;
    let (most, usual): (u8, u8) = match (network, network.to_canonical()) {
        (IpAddr::V4(_), _) => (32, 32),
        (IpAddr::V6(_), IpAddr::V4(_)) => (128, 128),
        (IpAddr::V6(_), IpAddr::V6(_)) => (128, 64),
    };
    let prefix = bits.map_or(Ok(usual), str::parse).ok().filter(|prefix| *prefix <= most)?;
    match (network, network.to_canonical()) {
        (IpAddr::V6(_), network @ IpAddr::V4(_)) => {
            Some(BanSubject::Address { network, prefix: prefix.checked_sub(96)? })
        }
        _ => Some(BanSubject::Address { network, prefix }),
    }
}

/// Whether a network is more of the internet than anybody is to be kept out by.
fn is_too_wide(range: BanSubject) -> bool {
    match range {
        BanSubject::Address { network: IpAddr::V4(_), prefix } => prefix < WIDEST.0,
        BanSubject::Address { network: IpAddr::V6(_), prefix } => prefix < WIDEST.1,
        BanSubject::User(_) | BanSubject::Certificate(_) => false,
    }
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
        assert_eq!(network_of("2001:db8::7"), range("2001:db8::7", 64), "a household");
        assert_eq!(network_of("2001:db8::7/128"), range("2001:db8::7", 128));
        assert_eq!(network_of("::ffff:192.0.2.0/120"), range("192.0.2.0", 24));
        assert_eq!(network_of("::ffff:192.0.2.7"), range("192.0.2.7", 32));
        for bad in [
            "",
            "eve",
            "192.0.2.0/33",
            "192.0.2.0/",
            "192.0.2/24",
            "2001:db8::/129",
            "1.2.3.4/-1",
            "::ffff:1.2.3.4/64",
        ] {
            assert_eq!(network_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn nobody_bans_a_large_part_of_the_internet() {
        let wide = |text: &str| is_too_wide(network_of(text).unwrap());
        for text in ["0.0.0.0/0", "128.0.0.0/7", "::/0", "2000::/3", "::ffff:0.0.0.0/96"] {
            assert!(wide(text), "{text}");
        }
        for text in ["10.0.0.0/8", "2001::/16", "192.0.2.7", "2001:db8::7"] {
            assert!(!wide(text), "{text}");
        }
    }
}
