//! The names that are given, by what they look like or by how they are compared: whether one is taken, and what is called so,
//! is one look-up, however many there are.

use std::marker::PhantomData;

use imbl::HashMap;

use crate::id::ChannelId;
use crate::name::{folded, look};

/// Names by where they are given and a form of them. Copies share what doesn't change afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names<K, F>(HashMap<Place, Vec<K>>, PhantomData<F>);

/// Names by what they look like.
pub(super) type Looks<K> = Names<K, Look>;

/// The form of a name, below a channel.
type Place = (Option<ChannelId>, String);

/// A form by which names are found.
pub(super) trait Form {
    fn of(name: &str) -> String;
}

/// What a name looks like ([`look`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Look;

/// How a name is compared, however it is typed ([`folded`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Folded;

impl Form for Look {
    fn of(name: &str) -> String {
        look(name)
    }
}

impl Form for Folded {
    fn of(name: &str) -> String {
        folded(name)
    }
}

impl<K: Copy + Eq, F: Form> Names<K, F> {
    /// Those of names: whose each is, and below which channel.
    pub(super) fn of<'a>(names: impl Iterator<Item = (K, Option<ChannelId>, &'a str)>) -> Self {
        let mut all: HashMap<Place, Vec<K>> = HashMap::new();
        for (id, parent, name) in names {
            all.entry((parent, F::of(name))).or_default().push(id);
        }
        Self(all, PhantomData)
    }

    /// One's name is this from now on, and was that before, each with what it is below.
    pub(super) fn rename(
        &mut self,
        id: K,
        before: Option<(Option<ChannelId>, &str)>,
        after: Option<(Option<ChannelId>, &str)>,
    ) {
        if before == after {
            return;
        }
        let all = &mut self.0;
        if let Some((parent, name)) = before {
            let key = (parent, F::of(name));
            if let Some(alike) = all.get_mut(&key) {
                alike.retain(|one| *one != id);
                if alike.is_empty() {
                    all.remove(&key);
                }
            }
        }
        if let Some((parent, name)) = after {
            all.entry((parent, F::of(name))).or_default().push(id);
        }
    }

    /// Those whose names have the form of this one: one at most, but for names that were given before looks counted.
    pub(super) fn alike(&self, parent: Option<ChannelId>, name: &str) -> &[K] {
        self.0.get(&(parent, F::of(name))).map_or(&[], Vec::as_slice)
    }

    /// Whether another one than `but` has this name, or one of the same form.
    pub(super) fn is_taken(&self, parent: Option<ChannelId>, name: &str, but: Option<K>) -> bool {
        self.alike(parent, name).iter().any(|one| Some(*one) != but)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_compared_with_those_alone_that_look_like_it() {
        let names: Vec<_> = (0..10_000).map(|number| format!("Κανάλι {number}")).collect();
        let all = names.iter().zip(0_u64..).map(|(name, id)| (id, None, name.as_str()));
        let looks = Looks::of(all);
        for (name, id) in names.iter().zip(0..) {
            assert_eq!(looks.alike(None, name), [id]);
            assert!(looks.is_taken(None, name, None) && !looks.is_taken(None, name, Some(id)));
        }
        assert!(looks.alike(None, "Κανάλι").is_empty());
        assert!(!looks.is_taken(Some(ChannelId(1)), &names[0], None), "elsewhere it is free");
    }

    #[test]
    fn a_name_is_found_however_it_is_typed() {
        let roles = [(1, None, "Ιθάκη"), (2, None, "Мир"), (3, None, "Member")];
        let all: Names<u64, Folded> = Names::of(roles.into_iter());
        for (typed, id) in [("ιθάκη", 1), ("ΙΘΆΚΗ", 1), ("мир", 2), (" member ", 3)] {
            assert_eq!(all.alike(None, typed), [id], "{typed}");
        }
        assert!(all.alike(None, "Mиp").is_empty(), "it looks like another one, and isn't that");
    }

    #[test]
    fn a_name_that_is_given_up_is_free_and_one_that_stays_is_not_looked_at() {
        let mut looks = Looks::of([(1_u64, None, "Lobby"), (2, None, "L\u{43e}bby")].into_iter());
        let before = looks.clone();
        looks.rename(1, Some((None, "Lobby")), Some((None, "Lobby")));
        assert!(before.0.ptr_eq(&looks.0));
        looks.rename(1, Some((None, "Lobby")), Some((Some(ChannelId(7)), "Hall")));
        assert!(looks.is_taken(Some(ChannelId(7)), "HALL", None) && looks.is_taken(None, "Lobby", Some(1)));
        looks.rename(2, Some((None, "Lobby")), None);
        assert!(!looks.is_taken(None, "Lobby", None));
        // A copy that was made before knows nothing of it.
        assert!(before.is_taken(None, "Lobby", Some(1)) && before.is_taken(None, "Lobby", Some(2)));
    }
}
