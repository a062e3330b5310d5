//! A snapshot that fits into an event: what doesn't follows as events of its own.

use prost::Message;

use super::wire::{Channel, Member, Snapshot, event};

/// A snapshot of `most` bytes at most, and what of it didn't fit, to be told after it. What the session is itself, the
/// organization and the roles are in the snapshot, and are smaller than any bound that is of use; then come channels, then
/// members.
pub fn parts_of(mut snapshot: Snapshot, most: usize) -> (Snapshot, Vec<event::Body>) {
    if snapshot.encoded_len() <= most {
        return (snapshot, Vec::new());
    }
    let (channels, members) = (std::mem::take(&mut snapshot.channels), std::mem::take(&mut snapshot.members));
    let (own, others): (Vec<_>, Vec<_>) =
        members.into_iter().partition(|member| member.session == snapshot.self_session);
    snapshot.members = own;
    let mut left = most.saturating_sub(snapshot.encoded_len());
    let mut fits = |bytes: usize| {
        // The field's number is a byte.
        let after = left.checked_sub(1 + prost::length_delimiter_len(bytes) + bytes);
        left = after.unwrap_or(left);
        after.is_some()
    };
    let (within, rest): (Vec<Channel>, Vec<_>) =
        channels.into_iter().partition(|channel| fits(channel.encoded_len()));
    snapshot.channels = within;
    let mut after: Vec<_> = rest.into_iter().map(event::Body::ChannelIs).collect();
    let (within, rest): (Vec<Member>, Vec<_>) =
        others.into_iter().partition(|member| fits(member.encoded_len()));
    snapshot.members.extend(within);
    after.extend(rest.into_iter().map(event::Body::MemberIs));
    (snapshot, after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(channels: u64, members: u64) -> Snapshot {
        let channel = |id| Channel { id, name: "a name".repeat(10), ..Channel::default() };
        let member = |session| Member { session, name: "somebody".to_owned(), ..Member::default() };
        Snapshot {
            channels: (1..=channels).map(channel).collect(),
            members: (1..=members).map(member).collect(),
            self_session: members,
            ..Snapshot::default()
        }
    }

    #[test]
    fn a_snapshot_that_is_too_large_is_told_in_parts_that_come_to_the_same() {
        for (channels, members) in [(0, 1), (3, 3), (100, 10), (10, 300), (500, 500)] {
            let whole = snapshot(channels, members);
            for most in [100, 1_000, 10_000, 1_000_000] {
                let (first, rest) = parts_of(whole.clone(), most);
                assert!(first.encoded_len() <= most, "{channels} {members} {most}");
                assert!(first.members.iter().any(|member| member.session == whole.self_session));
                assert_eq!(rest.is_empty(), whole.encoded_len() <= most);
                // Nothing waits that would have had room.
                assert!(rest.is_empty() || first.encoded_len() + 200 > most);
                let mut told = first;
                for event in rest {
                    match event {
                        event::Body::ChannelIs(channel) => told.channels.push(channel),
                        event::Body::MemberIs(member) => told.members.push(member),
                        other => panic!("{other:?}"),
                    }
                }
                told.channels.sort_by_key(|channel| channel.id);
                told.members.sort_by_key(|member| member.session);
                assert_eq!(told, whole);
            }
        }
    }
}
