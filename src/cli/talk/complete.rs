//! What can stand where one is typing: names of commands, channels, people and so on, by the table of commands.

use super::command::{COMMANDS, Part, find};
use crate::permission::Permissions;
use crate::talk::Picture;

/// Things that can stand in a place of the line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Candidates {
    /// The byte at which what is completed begins.
    pub(super) at: usize,
    /// What can stand there, in the order in which it is offered.
    pub(super) texts: Vec<String>,
}

/// What the completion knows beside what is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Devices {
    /// Microphones, by their names for people.
    pub(super) microphones: Vec<String>,
    /// Loudspeakers.
    pub(super) loudspeakers: Vec<String>,
}

/// What can stand at the end of `before`, which is what is before the cursor.
pub(super) fn complete(before: &str, picture: &Picture, devices: &Devices) -> Candidates {
    let Some(typed) = before.strip_prefix('/').filter(|typed| !typed.starts_with('/')) else {
        return mention(before, picture);
    };
    let Some((name, rest)) = typed.split_once(' ') else {
        let names = COMMANDS.iter().map(|command| command.name.to_owned());
        let ends = |name: String| {
            let takes = find(&name).is_ok_and(|command| !command.parts.is_empty());
            if takes { format!("{name} ") } else { name }
        };
        return Candidates { at: 1, texts: beginning(names.map(ends).collect(), typed) };
    };
    let Ok(command) = find(name) else { return Candidates::default() };
    let mut at = before.len() - rest.len();
    for (number, part) in command.parts.iter().enumerate() {
        let here = before.get(at..).unwrap_or_default();
        let begins = at + here.len() - here.trim_start().len();
        let here = here.trim_start();
        let is_last = number + 1 == command.parts.len();
        match here.find(' ').filter(|_| !is_last) {
            Some(end) => at = begins + end,
            None => return of(*part, begins, here, is_last, picture, devices),
        }
    }
    Candidates::default()
}

/// What can stand for one part, of which `typed` is there already.
fn of(part: Part, at: usize, typed: &str, is_last: bool, picture: &Picture, devices: &Devices) -> Candidates {
    let (at, typed, texts) = match part {
        Part::Channel => (at, typed, channels(picture, "")),
        Part::Person => (at, typed, people(picture)),
        Part::Targets => {
            let begins = typed.rfind(',').map_or(0, |comma| comma + 1);
            let last = typed.get(begins..).unwrap_or_default();
            let begins = begins + last.len() - last.trim_start().len();
            let mut texts = people(picture);
            texts.extend(channels(picture, "#"));
            texts.extend(picture.view.roles.iter().map(|role| format!("@{}", role.name)));
            texts.extend((begins == 0).then(|| "off".to_owned()));
            (at + begins, last.trim_start(), texts)
        }
        Part::Permission => {
            (at, typed, Permissions::ALL.to_string().split(", ").map(|name| name.replace(' ', "-")).collect())
        }
        Part::Server => (at, typed, picture.bookmarks.iter().map(|bookmark| bookmark.name.clone()).collect()),
        Part::Microphone => (at, typed, devices.microphones.clone()),
        Part::Loudspeaker => (at, typed, devices.loudspeakers.clone()),
        Part::Command => (at, typed, COMMANDS.iter().map(|command| command.name.to_owned()).collect()),
        Part::Word(words) => (at, typed, words.iter().map(|word| (*word).to_owned()).collect()),
        Part::Text(_) => return Candidates::default(),
    };
    let mut texts = beginning(texts, typed);
    if !is_last {
        for text in &mut texts {
            text.push(' ');
        }
    }
    Candidates { at, texts }
}

/// The name of somebody in one's channel, with which a sentence begins or that stands in it.
fn mention(before: &str, picture: &Picture) -> Candidates {
    let at = before.rfind(' ').map_or(0, |space| space + 1);
    let typed = before.get(at..).unwrap_or_default();
    if typed.is_empty() {
        return Candidates::default();
    }
    let here = picture.view.people(picture.channel().map(|channel| channel.id.into()));
    let others = here.into_iter().filter(|member| member.session != picture.view.own_session);
    let names = others.map(|member| if at == 0 { format!("{}: ", member.name) } else { member.name.clone() });
    Candidates { at, texts: beginning(names.collect(), typed) }
}

/// Those that begin so, upper and lower case alike; those that have it elsewhere come behind them.
fn beginning(texts: Vec<String>, typed: &str) -> Vec<String> {
    let typed = typed.to_lowercase();
    let (mut begin, others): (Vec<_>, Vec<_>) =
        texts.into_iter().partition(|text| text.to_lowercase().starts_with(&typed));
    if begin.is_empty() {
        let typed = typed.trim_start_matches(['#', '@']);
        begin = others.into_iter().filter(|text| text.to_lowercase().contains(typed)).collect();
    }
    begin
}

fn people(picture: &Picture) -> Vec<String> {
    let view = &picture.view;
    let mut names: Vec<_> = view
        .members
        .values()
        .filter(|member| member.session != view.own_session)
        .map(|member| member.name.clone())
        .collect();
    names.sort_by_key(|name| name.to_lowercase());
    names.dedup();
    names
}

fn channels(picture: &Picture, sign: &str) -> Vec<String> {
    let view = &picture.view;
    let mut paths: Vec<_> =
        view.channels.values().map(|channel| format!("{sign}{}", view.path(channel))).collect();
    paths.sort_by_key(|path| path.to_lowercase());
    paths
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::client::View;
    use crate::protocol::wire::{Channel, Member};

    fn texts(before: &str) -> (usize, Vec<String>) {
        let mut view = View { own_session: 1, ..View::default() };
        for (id, parent, name) in [(1, 0, "General"), (2, 0, "Operations"), (3, 2, "Alpha Squad")] {
            view.channels.insert(id, Channel { id, parent, name: name.to_owned(), ..Channel::default() });
        }
        for (session, name) in [(1, "anna"), (2, "ben"), (3, "Bea"), (4, "~eve")] {
            let member = Member { session, channel: 1, name: name.to_owned(), ..Member::default() };
            view.members.insert(session, member);
        }
        let picture = Picture { view: Arc::new(view), ..Picture::default() };
        let devices = Devices { microphones: vec!["USB Headset".to_owned()], loudspeakers: Vec::new() };
        let Candidates { at, texts } = complete(before, &picture, &devices);
        (at, texts)
    }

    fn offered(before: &str, at: usize, expected: &[&str]) {
        let (is_at, texts) = texts(before);
        assert_eq!(
            (is_at, texts.iter().map(String::as_str).collect::<Vec<_>>()),
            (at, expected.to_vec()),
            "{before}"
        );
    }

    #[test]
    fn commands_and_their_parts_are_completed() {
        offered("/jo", 1, &["join "]);
        offered("/le", 1, &["leave"]);
        offered("/join oper", 6, &["Operations", "Operations/Alpha Squad"]);
        offered("/join alpha sq", 6, &["Operations/Alpha Squad"]);
        offered("/msg b", 5, &["Bea ", "ben "]);
        offered("/msg ben h", 0, &[]);
        offered("/volume  be", 9, &["Bea ", "ben "]);
        offered("/why me crea", 8, &["create-channel ", "create-temporary "]);
        offered("/why me speak gen", 14, &["General"]);
        offered("/whisper ben, #alp", 14, &["#Operations/Alpha Squad"]);
        offered("/whisper o", 9, &["off"]);
        offered("/sounds jo", 8, &["join "]);
        offered("/sounds join ", 13, &["on", "off"]);
        offered("/mic usb", 5, &["USB Headset"]);
        offered("/nothing x", 0, &[]);
    }

    #[test]
    fn people_in_the_channel_are_mentioned() {
        offered("be", 0, &["Bea: ", "ben: "]);
        offered("ask be", 4, &["Bea", "ben"]);
        offered("an", 0, &[]);
        offered("", 0, &[]);
        offered("hello ", 0, &[]);
    }
}
