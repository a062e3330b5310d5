//! Numbers of an organization that are given once.

use std::convert::Infallible;

use super::super::record::Numbers;
use super::Write;
use crate::id::OrganizationId;

/// So many numbers, from `first` on at least, are given to what happens in an organization, and to nothing else: none of them was
/// given before. Answers with the first.
pub fn reserve_events(home: OrganizationId, first: u64, count: u64) -> Write<u64, Infallible> {
    Write::new(move |open| {
        let mut numbers = open.get(home.0)?.unwrap_or_else(|| Numbers::new(home));
        let first = first.max(numbers.events);
        numbers.events = first.saturating_add(count);
        let _ = open.put_unaudited(None, Some(&numbers))?;
        Ok(first)
    })
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;

    use super::*;
    use crate::id::Timestamp;
    use crate::store::{By, SEEDED_ORGANIZATION as HOME, Store};

    #[test]
    fn no_number_is_given_twice() {
        let store = Store::open_on(InMemoryBackend::new(), Timestamp(1)).unwrap();
        let reserve =
            |first, count| store.run(By::server(Timestamp(1)), reserve_events(HOME, first, count)).unwrap();
        assert_eq!(reserve(1_000, 50), 1_000);
        assert_eq!(reserve(500, 50), 1_050);
        assert_eq!(store.first_event(HOME).unwrap(), 1_100);
        assert_eq!(reserve(9_000, 50), 9_000);
        assert_eq!(store.first_event(OrganizationId(2)).unwrap(), 0);
    }
}
