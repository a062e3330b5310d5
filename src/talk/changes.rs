//! What one is told when the channels and the people are others.

use super::Note;
use crate::client::View;
use crate::id::SessionId;
use crate::protocol::wire::Member;

/// People whose coming or going is told by name when many do so at once, as after a move of a whole channel.
const NAMED: usize = 8;

/// What changed for this session between two views of one connection.
pub(super) fn changes(before: &View, now: &View) -> Vec<Note> {
    let mut notes = Vec::new();
    let (Some(was), Some(is)) = (before.own(), now.own()) else { return notes };
    if was.channel == is.channel {
        if is.channel != 0 {
            people(before, now, is, &mut notes);
        }
        let by =
            |view: &View| view.own_channel().map(|channel| channel.recorded_by.clone()).unwrap_or_default();
        let (old, new) = (by(before), by(now));
        if old != new {
            notes.push(Note::Recorded { by: Some(new).filter(|by| !by.is_empty()) });
        }
    } else {
        notes.push(Note::Moved { channel: now.own_channel().map(|channel| now.path(channel)) });
        if let Some(channel) = now.own_channel().filter(|channel| !channel.recorded_by.is_empty()) {
            notes.push(Note::Recorded { by: Some(channel.recorded_by.clone()) });
        }
    }
    if was.muted != is.muted {
        notes.push(Note::Muted { mute: is.muted, by_others: true });
    }
    if was.deafened != is.deafened {
        notes.push(Note::Deafened { deaf: is.deafened, by_others: true });
    }
    notes
}

/// Who came into the own channel, and who left it.
fn people(before: &View, now: &View, own: &Member, notes: &mut Vec<Note>) {
    let is_here = |member: &&Member| member.channel == own.channel && member.session != own.session;
    let was_here =
        |view: &View, session: u64| view.members.get(&session).is_some_and(|member| is_here(&member));
    let came = now.members.values().filter(is_here).filter(|member| !was_here(before, member.session));
    let left = before.members.values().filter(is_here).filter(|member| !was_here(now, member.session));
    notes.extend(came.take(NAMED).map(|member| {
        let (session, name) = (SessionId(member.session), member.name.clone());
        Note::Came { session, name }
    }));
    notes.extend(left.take(NAMED).map(|member| {
        let (session, name) = (SessionId(member.session), member.name.clone());
        Note::Left { session, name }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::wire::{Channel, event};

    fn view() -> View {
        let mut view = View { own_session: 1, ..View::default() };
        for (id, name) in [(1, "General"), (2, "Raid")] {
            view.apply(&event::Body::ChannelIs(Channel { id, name: name.to_owned(), ..Channel::default() }));
        }
        for (session, name, channel) in [(1, "me", 1), (2, "anna", 1), (3, "ben", 2)] {
            put(&mut view, session, name, channel);
        }
        view
    }

    fn put(view: &mut View, session: u64, name: &str, channel: u64) {
        let member = Member { session, name: name.to_owned(), channel, ..Member::default() };
        view.apply(&event::Body::MemberIs(member));
    }

    fn told(change: impl FnOnce(&mut View)) -> Vec<String> {
        let before = view();
        let mut now = before.clone();
        change(&mut now);
        changes(&before, &now).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn one_is_told_who_comes_and_goes_where_one_is() {
        assert_eq!(told(|_| ()), [] as [&str; 0]);
        assert_eq!(told(|view| put(view, 3, "ben", 1)), ["ben came in."]);
        assert_eq!(told(|view| put(view, 2, "anna", 2)), ["anna left."]);
        assert_eq!(told(|view| view.apply(&event::Body::MemberGone(2))), ["anna left."]);
        assert_eq!(told(|view| view.apply(&event::Body::MemberGone(3))), [] as [&str; 0]);
    }

    #[test]
    fn who_goes_elsewhere_is_told_where_and_nothing_of_the_people_there() {
        assert_eq!(told(|view| put(view, 1, "me", 2)), ["You are in Raid."]);
        assert_eq!(told(|view| put(view, 1, "me", 0)), ["You are in no channel."]);
    }

    #[test]
    fn recordings_and_what_moderators_do_are_told() {
        let recorded = |view: &mut View| {
            let general = view.channels.get_mut(&1).unwrap();
            general.recorded_by = "anna".to_owned();
        };
        assert_eq!(told(recorded), ["This channel is being recorded by anna."]);
        assert_eq!(told(|view| view.members.get_mut(&1).unwrap().muted = true), ["A moderator muted you."]);
        let mut now = view();
        recorded(&mut now);
        assert_eq!(changes(&now, &view()), [Note::Recorded { by: None }]);
    }
}
