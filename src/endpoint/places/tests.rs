use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;

const BOUNDS: Bounds = Bounds {
    sessions: 64,
    address_connects: 1_000,
    address_strangers: 4,
    address_http: 4,
    address_sessions: 10,
    address_guests: 3,
    account_sessions: 2,
    key_sessions: 2,
};

fn public(number: u8) -> IpAddr {
    Ipv4Addr::new(203, 0, 113, number).into()
}

/// A house of a site: a /64 of a /48.
fn house(site: u16, house: u16) -> IpAddr {
    format!("2001:db8:{site:x}:{house:x}::1").parse().unwrap()
}

/// Whether a place was lost by now.
async fn is_lost(place: &Place) -> bool {
    tokio::select! {
        biased;
        () = place.lost() => true,
        () = std::future::ready(()) => false,
    }
}

fn sitter(session: u64, from: IpAddr) -> Sitter {
    come(session, from, Who::Guest, 1_000)
}

/// Somebody who comes to an organization of so many places.
fn come(session: u64, from: IpAddr, who: Who, most: usize) -> Sitter {
    let organization = OrganizationId(most as u64);
    Sitter { comer: Comer { session: SessionId(session), who, known: false, organization, most }, from }
}

fn account(user: u64) -> Who {
    Who::Account { user: UserId(user), owns: false }
}

fn known(sitter: Sitter) -> Sitter {
    Sitter { comer: Comer { known: true, ..sitter.comer }, ..sitter }
}

#[tokio::test]
async fn the_oldest_of_an_address_makes_room_for_its_newest_and_other_addresses_are_untouched() {
    let (crowd, now) = (BOUNDS.crowd(100, 4), Instant::now());
    let other = crowd.enter_at(public(2), now).unwrap();
    let mut places: Vec<_> = (0..4).map(|_| crowd.enter_at(public(1), now).unwrap()).collect();
    assert!(crowd.enter_at(public(1), now).is_none(), "all are new, so the newcomer is refused");
    let fifth = crowd.enter_at(public(1), now + PATIENCE).unwrap();
    assert!(is_lost(&places[0]).await && !is_lost(&places[1]).await && !is_lost(&other).await);
    assert_eq!(crowd.total(), 5);
    // Whoever lost their place gives nothing back that isn't theirs.
    drop(places.remove(0));
    assert_eq!(crowd.total(), 5);
    drop((places, fifth, other));
    assert_eq!(crowd.total(), 0);
    assert!(crowd.lock().by_address.is_empty());
}

#[tokio::test]
async fn at_the_bound_of_all_the_address_that_has_most_makes_room() {
    let (crowd, now) = (BOUNDS.crowd(8, 6), Instant::now());
    let come = |number, at| crowd.enter_at(public(number), at).unwrap();
    let many: Vec<_> = (0..6).map(|_| come(1, now)).collect();
    let few: Vec<_> = (2..4).map(|number| come(number, now)).collect();
    let newcomers: Vec<_> = (10..13).map(|number| come(number, now + PATIENCE)).collect();
    for (number, place) in many.iter().enumerate() {
        assert_eq!(is_lost(place).await, number < 3, "{number}");
    }
    for place in few.iter().chain(&newcomers) {
        assert!(!is_lost(place).await);
    }
    assert_eq!(crowd.total(), 8);
}

#[test]
fn the_64_bits_of_a_household_are_one_address_and_networks_nearby_get_eight_times_as_much() {
    let crowd = BOUNDS.crowd(1_000, 4);
    let household = |last: u16| -> IpAddr { format!("2001:db8:1:2::{last:x}").parse().unwrap() };
    let taken: Vec<_> = (0..10).filter_map(|number| crowd.enter(household(number))).collect();
    assert_eq!(taken.len(), 4);
    assert!(crowd.enter("2001:db8:1:3::1".parse().unwrap()).is_some());
    for near in ["127.0.0.1", "192.168.1.7", "10.1.1.1", "fd00::1", "::1", "100.64.0.1", "::ffff:127.0.0.1"] {
        let crowd = BOUNDS.crowd(1_000, 4);
        let taken: Vec<_> = (0..40).filter_map(|_| crowd.enter(near.parse().unwrap())).collect();
        assert_eq!(taken.len(), 32, "{near}");
    }
}

#[tokio::test]
async fn a_network_of_many_addresses_leaves_half_of_the_places_and_makes_its_own_room() {
    let (crowd, now) = (BOUNDS.crowd(64, 4), Instant::now());
    let come = |houses: std::ops::Range<u16>, at| -> Vec<_> {
        houses.filter_map(|number| crowd.enter_at(house(1, number), at)).collect()
    };
    let first = come(0..200, now);
    assert_eq!(first.len(), 32, "as much as eight addresses have");
    let others: Vec<_> = (0..32).filter_map(|number| crowd.enter_at(public(number), now)).collect();
    assert_eq!(others.len(), 32);
    let late = now + PATIENCE;
    let second = come(200..210, late);
    assert_eq!((second.len(), crowd.total()), (10, 64));
    // Of all there are too many now, and whoever comes takes the place of the network that has most.
    let newcomer = crowd.enter_at(public(200), late).unwrap();
    let mut lost = 0;
    for place in &first {
        lost += usize::from(is_lost(place).await);
    }
    assert_eq!(lost, 11);
    for place in others.iter().chain([&newcomer]) {
        assert!(!is_lost(place).await);
    }
}

proptest! {
    #[test]
    fn no_address_and_no_network_has_more_than_its_share_and_whoever_has_nothing_comes_in(
        comers in proptest::collection::vec((0..4_u16, 0..12_u16, 0..1_500_u64), 1..120),
    ) {
        let (crowd, mut now, mut places) = (BOUNDS.crowd(40, 4), Instant::now(), Vec::new());
        for (site, number, gap) in comers {
            now += Duration::from_millis(gap);
            places.extend(crowd.enter_at(house(site, number), now));
            let waiting = crowd.lock();
            let counts: Vec<_> = waiting.counts().collect();
            prop_assert_eq!(counts.iter().map(|(_, count, _)| count).sum::<usize>(), waiting.total);
            prop_assert!(waiting.total <= 40 && counts.iter().all(|(_, count, _)| (1..=4).contains(count)));
            for site in 0..4 {
                let network = AddressKey::of(house(site, 0)).network();
                prop_assert!(waiting.of(network).map(|(_, count, _)| count).sum::<usize>() <= 20);
            }
        }
        prop_assert!(crowd.enter_at(house(9, 0), now + PATIENCE).is_some());
    }
}

#[test]
fn sessions_and_guests_of_a_network_leave_half_of_the_seats() {
    let seats = Seats::new(BOUNDS);
    let mut guests: Vec<_> =
        (0..24).map(|number| seats.take(sitter(number, house(1, number as u16))).unwrap()).collect();
    assert_eq!(seats.take(sitter(90, house(1, 90))).unwrap_err(), NoSeat::NetworkGuests(24));
    let of = |number: u64, from| come(number, from, account(number), 1_000);
    guests.extend((30..38).map(|number| seats.take(of(number, house(1, number as u16))).unwrap()));
    assert_eq!(seats.take(of(91, house(1, 91))).unwrap_err(), NoSeat::Network(32));
    guests.push(seats.take(of(92, house(2, 1))).unwrap());
    guests.push(seats.take(sitter(93, public(1))).unwrap());
    guests.push(seats.take(of(30, house(1, 30))).unwrap());
    drop(guests);
    assert!(seats.lock().shares.is_empty());
}

#[test]
fn an_address_that_comes_again_and_again_is_refused_and_others_come_in() {
    let (crowd, now) = (Bounds { address_connects: 5, ..BOUNDS }.crowd(100, 4), Instant::now());
    let come = |number, at| (0..100).filter(|_| crowd.enter_at(public(number), at).is_some()).count();
    assert_eq!((come(1, now), come(2, now)), (20, 20));
    assert_eq!(come(1, now + Duration::from_secs(1)), 5);
}

#[test]
fn sessions_are_bounded_by_address_account_and_key() {
    let seats = Seats::new(BOUNDS);
    let guests: Vec<_> = (0..3).map(|number| seats.take(sitter(number, public(1))).unwrap()).collect();
    assert_eq!(seats.take(sitter(9, public(1))).unwrap_err(), NoSeat::Guests(3));
    let of = |session, user, from| come(session, from, account(user), 1_000);
    let alice: Vec<_> = (10..12).map(|number| seats.take(of(number, 1, public(1))).unwrap()).collect();
    assert_eq!(seats.take(of(12, 1, public(2))).unwrap_err(), NoSeat::Account(2));
    let key = |session, user| {
        come(session, public(3), Who::Program { user: UserId(user), key: ApiKeyId(7) }, 1_000)
    };
    let programs: Vec<_> = (20..22).map(|number| seats.take(key(number, number)).unwrap()).collect();
    assert_eq!(seats.take(key(22, 22)).unwrap_err(), NoSeat::Key(2));
    let household: Vec<_> =
        (30..35).map(|number| seats.take(of(number, number, public(1))).unwrap()).collect();
    assert_eq!(seats.take(of(40, 40, public(1))).unwrap_err(), NoSeat::Address(10));
    // One that is here already comes back, whatever the bound.
    let back = seats.take(of(10, 1, public(1))).unwrap();
    drop((back, guests, alice, programs, household));
    assert!(seats.lock().shares.is_empty() && seats.lock().sessions.is_empty());
}

#[test]
fn guests_of_many_addresses_leave_the_reserve_to_known_devices() {
    let seats = Seats::new(BOUNDS);
    let taken: Vec<_> =
        (0..200).filter_map(|number| seats.take(sitter(number, public(number as u8))).ok()).collect();
    assert_eq!(taken.len(), 60);
    assert_eq!(seats.take(sitter(300, public(250))).unwrap_err(), NoSeat::All);
    let back = |number: u64| known(come(number, public(number as u8), account(number), 1_000));
    let known: Vec<_> = (201..210).filter_map(|number| seats.take(back(number)).ok()).collect();
    assert_eq!(known.len(), 4);
}

#[test]
fn an_organization_keeps_places_for_known_devices_and_its_owner() {
    for (most, kept) in [(1, 0), (3, 0), (4, 1), (16, 1), (32, 2)] {
        let seats = Seats::new(BOUNDS);
        let guest = |number: usize| come(number as u64, public(number as u8), Who::Guest, most);
        let mut taken: Vec<_> = (0..40).filter_map(|number| seats.take(guest(number)).ok()).collect();
        assert_eq!(taken.len(), most - kept, "{most}");
        let refused = seats.take(guest(90)).unwrap_err();
        assert_eq!(refused, if kept > 0 { NoSeat::Reserved(kept) } else { NoSeat::Organization(most) });
        let owner = Who::Account { user: UserId(1), owns: true };
        for number in 0..kept {
            let back = known(come(100 + number as u64, public(100), account(7), most));
            let owner = come(100 + number as u64, public(100), owner, most);
            taken.push(seats.take(if number == 0 { owner } else { back }).unwrap());
        }
        let full = seats.take(known(come(200, public(200), owner, most))).unwrap_err();
        assert_eq!(full, NoSeat::Organization(most));
        // Another organization's places are its own.
        seats.take(come(201, public(201), Who::Guest, 20)).unwrap();
        drop(taken);
        assert!(seats.lock().shares.is_empty());
    }
}
