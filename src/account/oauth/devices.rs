//! Devices that wait for somebody to type their code elsewhere (RFC 8628), for a program or for a log-in of their own. They are kept in memory: whoever asks again
//! after a restart gets another code, and strangers make nothing be written.

use std::collections::HashMap;
use std::time::Duration;

use crate::auth::oauth::{Scopes, UserCode};
use crate::auth::{AddressKey, makes_room};
use crate::bounds::{MAX_OAUTH_DEVICES, MAX_OAUTH_DEVICES_OF_ADDRESS};
use crate::id::{OAuthClientId, Timestamp, UserId};
use crate::store::write::Proof;

/// For how long somebody may type a code.
pub(super) const LIFE: Duration = Duration::from_secs(10 * 60);

/// How long a device waits between two questions at least, and how much longer after each that came too soon.
pub(super) const PAUSE: Duration = Duration::from_secs(5);

/// What a device asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Tokens of a program.
    Tokens { client: OAuthClientId, scopes: Scopes, resource: String },
    /// To be logged in, under this name.
    LogIn(String),
}

/// A device that asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Device {
    pub(super) wish: Wish,
    pub(super) code: UserCode,
    pub(super) from: AddressKey,
}

impl Device {
    /// The program that it is of; nothing for one that is to be logged in.
    fn client(&self) -> Option<OAuthClientId> {
        match self.wish {
            Wish::Tokens { client, .. } => Some(client),
            Wish::LogIn(_) => None,
        }
    }
}

/// What somebody said who typed a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// The program may.
    Allowed {
        user: UserId,
        authenticated: Timestamp,
    },
    /// The device is to be logged in for whoever showed this, which is looked at again then.
    LoggedIn {
        user: UserId,
        shown: Box<Proof>,
    },
    Denied,
}

#[derive(Debug)]
struct Waiting {
    device: Device,
    at: Duration,
    asked: Option<Duration>,
    pause: Duration,
    decision: Option<Decision>,
    /// The device is being told, and what comes of it isn't committed yet.
    told: bool,
}

/// What a device is answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Polled {
    /// Somebody decided. Nobody else is told meanwhile; [`Devices::end`] says that it came to something, and
    /// [`Devices::give_back`] that it may be asked for again.
    Decided(Device, Decision),
    /// Nobody has yet, or the device is being told.
    Pending,
    /// It asks too soon.
    TooSoon,
    /// There is no such device, or its time is over.
    Expired,
}

/// The devices that wait, by what their codes hash to.
#[derive(Debug, Default)]
pub(super) struct Devices(HashMap<[u8; 32], Waiting>);

impl Devices {
    /// Lets a device wait, unless another one has its code. An address with too many loses its oldest; where there are too many
    /// of all, it is the oldest of the address that has most, in the network that has most.
    pub(super) fn put(&mut self, hash: [u8; 32], device: Device, now: Duration) -> bool {
        self.0.retain(|_, waiting| now < waiting.at + LIFE);
        if self.find(device.code, now).is_some() {
            return false;
        }
        let addresses = || self.0.values().map(|waiting| (waiting.device.from, 1, waiting.at));
        let going = if addresses().filter(|(from, ..)| *from == device.from).count()
            >= MAX_OAUTH_DEVICES_OF_ADDRESS
        {
            Some(device.from)
        } else if self.0.len() >= MAX_OAUTH_DEVICES {
            makes_room(addresses())
        } else {
            None
        };
        if let Some(address) = going {
            self.drop_oldest_of(address);
        }
        self.0.insert(
            hash,
            Waiting { device, at: now, asked: None, pause: PAUSE, decision: None, told: false },
        );
        true
    }

    fn drop_oldest_of(&mut self, address: AddressKey) {
        let own = self.0.iter().filter(|(_, waiting)| waiting.device.from == address);
        if let Some(oldest) = own.min_by_key(|(_, waiting)| waiting.at).map(|(hash, _)| *hash) {
            self.0.remove(&oldest);
        }
    }

    fn find(&mut self, code: UserCode, now: Duration) -> Option<&mut Waiting> {
        self.0.values_mut().find(|waiting| waiting.device.code == code && now < waiting.at + LIFE)
    }

    /// The device of a code that nobody has decided about.
    pub(super) fn of(&mut self, code: UserCode, now: Duration) -> Option<Device> {
        self.find(code, now)
            .filter(|waiting| waiting.decision.is_none())
            .map(|waiting| waiting.device.clone())
    }

    /// Somebody decides, who is the first to.
    pub(super) fn decide(&mut self, code: UserCode, decision: Decision, now: Duration) -> bool {
        match self.find(code, now).filter(|waiting| waiting.decision.is_none()) {
            Some(waiting) => {
                waiting.decision = Some(decision);
                true
            }
            None => false,
        }
    }

    /// A device asks what was decided.
    pub(super) fn poll(&mut self, hash: [u8; 32], client: Option<OAuthClientId>, now: Duration) -> Polled {
        let is_its_own =
            |waiting: &&mut Waiting| waiting.device.client() == client && now < waiting.at + LIFE;
        let Some(waiting) = self.0.get_mut(&hash).filter(is_its_own) else { return Polled::Expired };
        let is_soon = waiting.asked.is_some_and(|asked| now < asked + waiting.pause);
        waiting.asked = Some(now);
        if is_soon {
            waiting.pause += PAUSE;
            return Polled::TooSoon;
        }
        match &waiting.decision {
            Some(decision) if !waiting.told => {
                waiting.told = true;
                Polled::Decided(waiting.device.clone(), decision.clone())
            }
            Some(_) | None => Polled::Pending,
        }
    }

    /// A device was told what was decided, and doesn't wait any more.
    pub(super) fn end(&mut self, hash: &[u8; 32]) {
        self.0.remove(hash);
    }

    /// What a device was told came to nothing, so it asks again.
    pub(super) fn give_back(&mut self, hash: &[u8; 32]) {
        if let Some(waiting) = self.0.get_mut(hash) {
            waiting.told = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    fn device(number: u8, address: u8) -> Device {
        Device {
            wish: Wish::Tokens {
                client: OAuthClientId(1),
                scopes: Scopes::default(),
                resource: String::new(),
            },
            code: UserCode::from_random([0, 0, 0, 0, 0, 0, address, number]),
            from: AddressKey::of([192, 0, 2, address].into()),
        }
    }

    const ALLOWED: Decision = Decision::Allowed { user: UserId(5), authenticated: Timestamp(1) };

    #[test]
    fn a_device_waits_is_told_once_and_asks_slowly() {
        let (mut devices, mut now, one) = (Devices::default(), Duration::from_secs(5), device(1, 1));
        assert!(devices.put([1; 32], one.clone(), now));
        assert!(!devices.put([2; 32], one.clone(), now), "a code is one device's");
        assert_eq!(devices.poll([1; 32], Some(OAuthClientId(1)), now), Polled::Pending);
        now += Duration::from_secs(4);
        assert_eq!(devices.poll([1; 32], Some(OAuthClientId(1)), now), Polled::TooSoon);
        now += Duration::from_secs(9);
        assert_eq!(
            devices.poll([1; 32], Some(OAuthClientId(1)), now),
            Polled::TooSoon,
            "it waits longer each time"
        );
        assert_eq!(devices.poll([1; 32], Some(OAuthClientId(2)), now), Polled::Expired);
        assert_eq!(devices.poll([1; 32], None, now), Polled::Expired, "nor is it a log-in");
        assert_eq!(devices.of(one.code, now), Some(one.clone()));
        assert!(devices.decide(one.code, ALLOWED, now) && !devices.decide(one.code, Decision::Denied, now));
        assert_eq!(devices.of(one.code, now), None);
        now += Duration::from_secs(15);
        let decided = Polled::Decided(one.clone(), ALLOWED);
        assert_eq!(devices.poll([1; 32], Some(OAuthClientId(1)), now), decided);
        // Whoever asks at the same time isn't told, too; and where it came to nothing, it is told again.
        now += Duration::from_secs(15);
        assert_eq!(devices.poll([1; 32], Some(OAuthClientId(1)), now), Polled::Pending);
        devices.give_back(&[1; 32]);
        now += Duration::from_secs(15);
        assert_eq!(devices.poll([1; 32], Some(OAuthClientId(1)), now), decided);
        devices.end(&[1; 32]);
        assert_eq!(devices.poll([1; 32], Some(OAuthClientId(1)), now), Polled::Expired);
        assert!(devices.put([1; 32], one.clone(), now));
        assert!(!devices.decide(one.code, ALLOWED, now + LIFE));
        assert_eq!(devices.poll([1; 32], Some(OAuthClientId(1)), now + LIFE), Polled::Expired);
    }

    #[test]
    fn there_are_so_many_and_of_an_address_so_many() {
        let (mut devices, now) = (Devices::default(), Duration::from_secs(5));
        let hash = |number: u8, address: u8| {
            let mut hash = [0; 32];
            (hash[0], hash[1]) = (number, address);
            hash
        };
        for number in 0..=MAX_OAUTH_DEVICES_OF_ADDRESS as u8 {
            assert!(devices.put(
                hash(number, 0),
                device(number, 0),
                now + Duration::from_millis(number.into())
            ));
        }
        assert_eq!(devices.0.len(), MAX_OAUTH_DEVICES_OF_ADDRESS);
        assert_eq!(devices.of(device(0, 0).code, now), None);
        // Where there are too many of all, whoever comes finds room, and the address that has most has one less.
        for number in 0..MAX_OAUTH_DEVICES_OF_ADDRESS as u8 {
            for address in 2..=255_u8 {
                assert!(devices.put(hash(number, address), device(number, address), now));
            }
        }
        assert_eq!(devices.0.len(), MAX_OAUTH_DEVICES);
        assert!(devices.put(hash(1, 1), device(1, 1), now));
        assert_eq!(
            (devices.0.len(), devices.of(device(1, 1).code, now)),
            (MAX_OAUTH_DEVICES, Some(device(1, 1)))
        );
        for address in 0..=255_u8 {
            let own = devices.0.values().filter(|waiting| waiting.device.from == device(0, address).from);
            assert!(address == 1 || own.count() >= 3, "{address}");
        }
    }

    #[test]
    fn a_network_of_many_addresses_keeps_no_device_of_others_from_waiting() {
        let (mut devices, now) = (Devices::default(), Duration::from_secs(5));
        let hash = |number: u64| Sha256::digest(number.to_be_bytes()).into();
        let of_site = |number: u64| Device {
            code: UserCode::from_random((1_u64 << 32 | number).to_be_bytes()),
            from: AddressKey::of(format!("2001:db8:1:{number:x}::1").parse().unwrap()),
            ..device(0, 0)
        };
        assert!(devices.put(hash(0), device(1, 1), now));
        let late = now + Duration::from_secs(1);
        for number in 1..=2 * MAX_OAUTH_DEVICES as u64 {
            assert!(devices.put(hash(number), of_site(number), late));
        }
        assert!(devices.put(hash(9_999), device(2, 2), late));
        assert_eq!(devices.0.len(), MAX_OAUTH_DEVICES);
        for there in [device(1, 1), device(2, 2)] {
            assert_eq!(devices.of(there.code, late), Some(there));
        }
    }
}
