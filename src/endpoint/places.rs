//! Places: how many connections there may be, of one address and in all, and who makes room at the bound. An address is one
//! of IPv4 or a /64 of IPv6, and a network is a /48 of IPv6: whoever has one of those can't take the places of everybody.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::pace::{Pace, Rates, share};
use crate::auth::{AddressKey, NetworkKey, is_near, makes_room};
use crate::control::{Comer, NoRoom, Room, Who};
use crate::id::{ApiKeyId, OrganizationId, SessionId, UserId};

/// How long somebody who waits for nothing but a log-in keeps their place for certain.
const PATIENCE: Duration = Duration::from_secs(2);

/// What an address may ask for on TCP in a second, as a multiple of the connections that it may begin: a browser asks for some
/// sixty files when it opens the page for the first time.
const ASKED: u32 = 8;

/// One in so many sessions is kept for whoever comes back by a token or a key.
const RESERVE: usize = 16;

/// What an organization with a limit of its own keeps of its places for known devices and its owner: one in sixteen, and one
/// where that is none. One that has fewer than four keeps nothing.
fn reserve(most: usize) -> usize {
    if most < LEAST_RESERVED { 0 } else { (most / RESERVE).max(1) }
}

/// Places of an organization from which on one is kept.
const LEAST_RESERVED: usize = 4;

/// How many connections there may be. What is said of an address holds eightfold for loopback and private networks, and for all
/// addresses of a /48 of IPv6 together.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Sessions at most.
    pub sessions: usize,
    /// New connections a second of one address, sustained.
    pub address_connects: u32,
    /// Connections of one address that aren't logged in yet.
    pub address_strangers: usize,
    /// TCP connections of one address that ask for pages and figures.
    pub address_http: usize,
    /// Sessions of one address.
    pub address_sessions: usize,
    /// Guests of one address.
    pub address_guests: usize,
    /// Sessions of one account that are connected at once.
    pub account_sessions: usize,
    /// The same of one API key.
    pub key_sessions: usize,
}

impl Bounds {
    /// Connections that aren't logged in yet, of all addresses.
    pub fn strangers(&self) -> usize {
        self.sessions.max(LEAST_STRANGERS)
    }

    fn crowd(&self, all: usize, of_address: usize) -> Crowd {
        let rate = self.address_connects;
        Crowd(Arc::new(Inner { all, of_address, rate, waiting: Mutex::default() }))
    }

    /// TCP connections that ask for pages and figures; so many of all addresses.
    pub fn http(&self, all: usize) -> Crowd {
        self.crowd(all, self.address_http)
    }

    /// How often an address may ask by them.
    pub fn pace(&self) -> Pace {
        Pace::new(self.address_connects.saturating_mul(ASKED))
    }
}

/// Strangers are let in by so many at once, however few sessions there may be.
const LEAST_STRANGERS: usize = 256;

/// Connections that haven't proven anything. At the bound of an address its oldest one goes; at the bound of a network, the
/// oldest of that one of its addresses that has most; at the bound of all, the same of the network that has most; but none
/// before its time, so that a newcomer is refused instead while all are new.
#[derive(Clone, Debug)]
pub struct Crowd(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    all: usize,
    of_address: usize,
    rate: u32,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    total: usize,
    last: u64,
    by_address: HashMap<AddressKey, VecDeque<Waiter>>,
    rates: Rates,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    since: Instant,
    leave: Arc<Notify>,
}

/// One connection's place; free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    crowd: Crowd,
    address: AddressKey,
    number: u64,
    leave: Arc<Notify>,
}

impl Crowd {
    /// A place for a connection from an address, if there is one, or one can be made.
    pub fn enter(&self, from: IpAddr) -> Option<Place> {
        self.enter_at(from, Instant::now())
    }

    fn enter_at(&self, from: IpAddr, now: Instant) -> Option<Place> {
        let address = AddressKey::of(from);
        let mut waiting = self.lock();
        if !waiting.rates.admits(from, self.0.rate, now) {
            return None;
        }
        let here = waiting.by_address.get(&address).map_or(0, VecDeque::len);
        let network = address.network();
        let of_network = wide(network, from, self.0.of_address, self.0.all);
        let going = if here >= share(self.0.of_address, from) {
            Some(address)
        } else if of_network
            .is_some_and(|most| waiting.of(network).map(|(_, count, _)| count).sum::<usize>() >= most)
        {
            makes_room(waiting.of(network))
        } else if waiting.total >= self.0.all {
            makes_room(waiting.counts())
        } else {
            None
        };
        if let Some(going) = going {
            waiting.make_room(going, now)?;
        }
        waiting.last += 1;
        waiting.total += 1;
        let (number, leave) = (waiting.last, Arc::new(Notify::new()));
        let waiter = Waiter { number, since: now, leave: Arc::clone(&leave) };
        waiting.by_address.entry(address).or_default().push_back(waiter);
        Some(Place { crowd: self.clone(), address, number, leave })
    }

    /// How many have a place.
    #[cfg(test)]
    fn total(&self) -> usize {
        self.lock().total
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a network has of something of which there are so many for each of its addresses and for all; nothing where it is one
/// address, or isn't of the Internet.
fn wide(network: NetworkKey, from: IpAddr, of_address: usize, all: usize) -> Option<usize> {
    network.share(of_address, all).filter(|_| !is_near(from))
}

impl Waiting {
    /// How many each address has, and since when its oldest one waits.
    fn counts(&self) -> impl Iterator<Item = (AddressKey, usize, Instant)> {
        let all = self.by_address.iter();
        all.filter_map(|(address, those)| Some((*address, those.len(), those.front()?.since)))
    }

    /// The same of those of a network.
    fn of(&self, network: NetworkKey) -> impl Iterator<Item = (AddressKey, usize, Instant)> {
        self.counts().filter(move |(address, ..)| address.network() == network)
    }

    /// Has the oldest one of an address leave, if its time has come.
    fn make_room(&mut self, address: AddressKey, now: Instant) -> Option<()> {
        let those = self.by_address.get_mut(&address)?;
        let oldest = those.front()?;
        if now.saturating_duration_since(oldest.since) < PATIENCE {
            return None;
        }
        let oldest = those.pop_front()?;
        self.total -= 1;
        oldest.leave.notify_one();
        if those.is_empty() {
            self.by_address.remove(&address);
        }
        Some(())
    }

    fn leave(&mut self, address: AddressKey, number: u64) {
        let Some(those) = self.by_address.get_mut(&address) else { return };
        // Numbers ascend.
        if let Ok(at) = those.binary_search_by_key(&number, |waiter| waiter.number) {
            those.remove(at);
            self.total -= 1;
        }
        if those.is_empty() {
            self.by_address.remove(&address);
        }
    }
}

impl Place {
    /// Waits until the place is another one's.
    pub async fn lost(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.lock().leave(self.address, self.number);
    }
}

/// Why there is no seat for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoSeat {
    /// Of the whole server.
    #[error("the server has no room for another session; try again when somebody has left")]
    All,
    /// Of the organization.
    #[error("all {0} places of this organization are taken; try again when somebody has left")]
    Organization(usize),
    /// Of the organization, but for what it keeps.
    #[error(
        "the places of this organization are taken but for {0}, which are kept for devices that were here before and for \
         its owner; try again when somebody has left"
    )]
    Reserved(usize),
    /// Of the address.
    #[error("there are {0} sessions from your address already; try again when one of them has ended")]
    Address(usize),
    /// Of guests at the address.
    #[error(
        "there are {0} guests from your address already; log in with an account, or try again when one of them has left"
    )]
    Guests(usize),
    /// Of the network.
    #[error("there are {0} sessions from your network already; try again when one of them has ended")]
    Network(usize),
    /// Of guests in the network.
    #[error(
        "there are {0} guests from your network already; log in with an account, or try again when one of them has left"
    )]
    NetworkGuests(usize),
    /// Of the account.
    #[error("the account is connected {0} times already; end one of its sessions first")]
    Account(usize),
    /// Of the API key.
    #[error("the key is connected {0} times already; end one of its sessions first, or make another key")]
    Key(usize),
}

/// Who takes a seat.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sitter {
    /// Who comes in.
    pub(super) comer: Comer,
    /// Where from.
    pub(super) from: IpAddr,
}

/// Sessions that are connected, of all organizations.
#[derive(Clone, Debug)]
pub(super) struct Seats(Arc<Table>);

#[derive(Debug)]
struct Table {
    bounds: Bounds,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    sessions: HashMap<SessionId, usize>,
    shares: HashMap<Share, usize>,
}

/// Of what a session takes a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Share {
    Address(AddressKey),
    Guests(AddressKey),
    Network(NetworkKey),
    NetworkGuests(NetworkKey),
    Account(UserId),
    Key(ApiKeyId),
    Organization(OrganizationId),
}

impl Share {
    /// What is said where all of it is taken.
    fn refusal(self, most: usize) -> NoSeat {
        match self {
            Self::Address(_) => NoSeat::Address(most),
            Self::Guests(_) => NoSeat::Guests(most),
            Self::Network(_) => NoSeat::Network(most),
            Self::NetworkGuests(_) => NoSeat::NetworkGuests(most),
            Self::Account(_) => NoSeat::Account(most),
            Self::Key(_) => NoSeat::Key(most),
            Self::Organization(_) => NoSeat::Organization(most),
        }
    }
}

/// A session's seat; free again when this is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Seats,
    session: SessionId,
    shares: Vec<Share>,
}

impl Seats {
    fn new(bounds: Bounds) -> Self {
        Self(Arc::new(Table { bounds, taken: Mutex::default() }))
    }

    /// A seat for a session. One that is here already, by a connection which isn't known to be lost yet, always gets one.
    pub(super) fn take(&self, sitter: Sitter) -> Result<Seat, NoSeat> {
        let Sitter { comer: Comer { session, who, known, organization, most }, from } = sitter;
        let (bounds, address) = (&self.0.bounds, AddressKey::of(from));
        let network = address.network();
        let wide = |of_address| wide(network, from, of_address, bounds.sessions);
        let mut asked = vec![(Share::Address(address), share(bounds.address_sessions, from))];
        asked.extend(wide(bounds.address_sessions).map(|most| (Share::Network(network), most)));
        match who {
            Who::Guest => {
                asked.push((Share::Guests(address), share(bounds.address_guests, from)));
                asked.extend(wide(bounds.address_guests).map(|most| (Share::NetworkGuests(network), most)));
            }
            Who::New => (),
            Who::Account { user, .. } | Who::Program { user, .. } => {
                asked.push((Share::Account(user), bounds.account_sessions));
            }
        }
        if let Who::Program { key, .. } = who {
            asked.push((Share::Key(key), bounds.key_sessions));
        }
        let home = Share::Organization(organization);
        let mut taken = self.lock();
        if !taken.sessions.contains_key(&session) {
            let kept = if known { 0 } else { bounds.sessions / RESERVE };
            if taken.sessions.len() + kept >= bounds.sessions {
                return Err(NoSeat::All);
            }
            // Where an organization may have as many as the server, the server's own reserve is its reserve.
            let is_at_home = known || matches!(who, Who::Account { owns: true, .. });
            let kept = if is_at_home || most >= bounds.sessions { 0 } else { reserve(most) };
            let here = taken.shares.get(&home).copied().unwrap_or_default();
            if here >= most {
                return Err(home.refusal(most));
            }
            if here + kept >= most {
                return Err(NoSeat::Reserved(kept));
            }
            let full = asked.iter().find(|(share, most)| taken.shares.get(share).is_some_and(|n| n >= most));
            if let Some((share, most)) = full {
                return Err(share.refusal(*most));
            }
        }
        let shares: Vec<_> = asked.into_iter().map(|(share, _)| share).chain([home]).collect();
        *taken.sessions.entry(session).or_default() += 1;
        for share in &shares {
            *taken.shares.entry(*share).or_default() += 1;
        }
        Ok(Seat { seats: self.clone(), session, shares })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where one log-in finds its seat, which whoever serves the session takes from here.
#[derive(Debug)]
pub(super) struct Seating {
    seats: Seats,
    from: IpAddr,
    seat: Mutex<Option<Seat>>,
}

impl Seating {
    pub(super) fn new(seats: &Seats, from: IpAddr) -> Self {
        Self { seats: seats.clone(), from, seat: Mutex::default() }
    }

    /// The seat that was taken.
    pub(super) fn seat(self) -> Option<Seat> {
        self.seat.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room for Seating {
    fn take(&self, comer: Comer) -> Result<(), NoRoom> {
        let mut seat = self.seat.lock().unwrap_or_else(PoisonError::into_inner);
        // A try before this one in the same log-in came to nothing.
        *seat = None;
        let taken = self.seats.take(Sitter { comer, from: self.from });
        *seat = Some(taken.map_err(|refused| NoRoom(refused.to_string()))?);
        Ok(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        give_back(&mut taken.sessions, &self.session);
        for share in &self.shares {
            give_back(&mut taken.shares, share);
        }
    }
}

/// Takes one off a count; one of nothing isn't kept.
fn give_back<K: Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

/// The places of an endpoint's connections.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// Of those that aren't logged in yet.
    pub(super) strangers: Crowd,
    /// Of the others.
    pub(super) seats: Seats,
}

impl Places {
    pub(super) fn new(bounds: &Bounds) -> Self {
        let strangers = bounds.crowd(bounds.strangers(), bounds.address_strangers);
        Self { strangers, seats: Seats::new(*bounds) }
    }
}

#[cfg(test)]
mod tests;
