//! Whom a command means: somebody who is connected, by name.

use anyhow::bail;

use crate::client::{About, View};
use crate::id::SessionId;
use crate::protocol::wire::Member;

/// Names that are listed at most where none fits.
const LISTED: usize = 20;

/// The name without the mark of a guest.
fn bare(name: &str) -> &str {
    name.strip_prefix('~').unwrap_or(name)
}

/// Whether two names are the same, upper and lower case alike.
pub(super) fn alike(name: &str, other: &str) -> bool {
    name.to_lowercase() == other.to_lowercase()
}

/// Those who are called so, upper and lower case alike; a guest with or without the leading `~`. Where somebody has
/// exactly this name, guests of the same name aren't meant.
fn called<'a>(view: &'a View, name: &str) -> Vec<&'a Member> {
    let find = |fits: &dyn Fn(&str) -> bool| -> Vec<&Member> {
        view.members.values().filter(|member| fits(&member.name)).collect()
    };
    let exact = find(&|candidate| alike(candidate, name));
    let mut found =
        if exact.is_empty() { find(&|candidate| alike(bare(candidate), bare(name))) } else { exact };
    // Of several devices of one person, this command isn't the one that is meant.
    if found.len() > 1 {
        found.retain(|member| member.session != view.own_session);
    }
    found
}

/// The one person who is called so, or has this session.
pub(super) fn find<'a>(view: &'a View, name: &str) -> anyhow::Result<&'a Member> {
    let mut found = called(view, name);
    if found.is_empty()
        && let Some(member) = name.parse().ok().and_then(|number| view.member(SessionId(number)))
    {
        found.push(member);
    }
    match found.as_slice() {
        [member] => Ok(member),
        [] => {
            let mut names: Vec<_> = view.members.values().map(|member| member.name.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            let more = if names.len() > LISTED { ", ..." } else { "" };
            names.truncate(LISTED);
            bail!("nobody who is called \"{name}\" is connected; there are: {}{more}", names.join(", "))
        }
        several => {
            let place = |member: &&Member| {
                let channel = view.channels.get(&member.channel);
                let channel = channel.map_or("no channel".to_owned(), |channel| view.path(channel));
                format!("{} in {channel} ({}, {})", member.session, member.name, member.client)
            };
            let places: Vec<_> = several.iter().map(place).collect();
            bail!(
                "\"{name}\" is connected {} times; give the number of the one you mean instead of the name: {}",
                several.len(),
                places.join("; ")
            )
        }
    }
}

/// Whom a question is about: oneself, a guest who is connected, or an account that may be connected or not.
pub(super) fn about(view: &View, name: &str) -> anyhow::Result<About> {
    let own = view.own().map(|own| own.name.as_str()).unwrap_or_default();
    if alike(own, name) || alike(name, "me") {
        return Ok(About::Own);
    }
    let guests = called(view, name).iter().any(|member| member.user == 0);
    if guests || name.starts_with('~') {
        return Ok(About::Session(SessionId(find(view, name)?.session)));
    }
    Ok(About::User(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::wire::event;

    fn view(members: &[(u64, u64, &str)]) -> View {
        let mut view = View { own_session: 1, ..View::default() };
        for (session, user, name) in members {
            let (session, user, name) = (*session, *user, (*name).to_owned());
            view.apply(&event::Body::MemberIs(Member { session, user, name, ..Member::default() }));
        }
        view
    }

    #[test]
    fn people_are_found_by_name_with_or_without_a_guest_s_mark() {
        let view = view(&[
            (1, 1, "anna"),
            (2, 2, "Ben"),
            (3, 0, "~ben"),
            (4, 0, "~eve"),
            (5, 3, "~x"),
            (6, 0, "~X"),
        ]);
        let session = |name: &str| find(&view, name).map(|member| member.session);
        assert_eq!(session("ben").unwrap(), 2);
        assert_eq!(session("~Ben").unwrap(), 3);
        assert_eq!(session("Eve").unwrap(), 4);
        assert_eq!(session("5").unwrap(), 5);
        let several = session("x").unwrap_err().to_string();
        assert!(several.contains("connected 2 times") && several.contains("6 in no channel"), "{several}");
        let none = session("zoe").unwrap_err().to_string();
        assert!(none.contains("there are: Ben, anna, ~X"), "{none}");
    }

    #[test]
    fn one_s_own_other_device_is_meant_rather_than_the_command() {
        let view = view(&[(1, 1, "anna"), (2, 1, "anna")]);
        assert_eq!(find(&view, "anna").unwrap().session, 2);
        assert_eq!(find(&super::tests::view(&[(1, 1, "anna")]), "anna").unwrap().session, 1);
    }

    #[test]
    fn a_question_is_about_oneself_a_guest_or_an_account() {
        let view = view(&[(1, 1, "anna"), (2, 2, "ben"), (4, 0, "~eve")]);
        assert_eq!(about(&view, "ANNA").unwrap(), About::Own);
        assert_eq!(about(&view, "eve").unwrap(), About::Session(SessionId(4)));
        assert_eq!(about(&view, "ben").unwrap(), About::User("ben".to_owned()));
        assert_eq!(about(&view, "zoe").unwrap(), About::User("zoe".to_owned()));
        assert!(about(&view, "~zoe").is_err());
    }
}
