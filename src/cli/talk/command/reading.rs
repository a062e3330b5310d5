//! What each command makes of what comes behind it.

use super::super::super::person::{self, about};
use super::super::super::words::permissions;
use super::super::why::Question;
use super::form::{Asked, Given, Open, on};
use crate::client::Target;
use crate::id::{ChannelId, RoleId, SessionId};
use crate::protocol::wire::MemberKind;
use crate::talk::{Action, Choice, Echo, Mode, Quality, To};

pub(super) fn choose(choice: Choice) -> Asked {
    Asked::Act(Action::Choose(choice))
}

pub(super) fn join(given: &Given<'_>) -> Result<Asked, String> {
    let channel =
        given.view().find(given.word(0).trim_start_matches('#')).map_err(|error| error.to_string())?;
    Ok(Asked::Act(Action::Join { channel: ChannelId(channel.id), password: String::new() }))
}

pub(super) fn message(given: &Given<'_>) -> Result<Asked, String> {
    let (to, text) = (To::Person(given.person(0)?), given.word(1).to_owned());
    Ok(Asked::Act(Action::Text { to, text }))
}

pub(super) fn whisper(given: &Given<'_>) -> Result<Asked, String> {
    let (view, whom) = (given.view(), given.word(0));
    if on(whom) == Some(false) {
        return Ok(Asked::Act(Action::Whisper(Vec::new())));
    }
    let target = |name: &str| match (name.strip_prefix('#'), name.strip_prefix('@')) {
        (Some(path), _) => {
            let (path, subtree) = path.strip_suffix("/*").map_or((path, false), |path| (path, true));
            let channel = view.find(path).map_err(|error| error.to_string())?;
            Ok(Target::Channel { channel: ChannelId(channel.id), subtree, links: false })
        }
        (_, Some(role)) => {
            let named = view.roles.iter().find(|one| one.name.to_lowercase() == role.to_lowercase());
            let names = || view.roles.iter().map(|role| role.name.as_str()).collect::<Vec<_>>().join(", ");
            named
                .map(|role| Target::Role(RoleId(role.id.0)))
                .ok_or_else(|| format!("there is no role \"{role}\"; there are: {}", names()))
        }
        _ => person::find(view, name)
            .map(|member| Target::Session(SessionId(member.session)))
            .map_err(|error| error.to_string()),
    };
    let names = whom.split(',').map(str::trim).filter(|name| !name.is_empty());
    Ok(Asked::Act(Action::Whisper(names.map(target).collect::<Result<_, _>>()?)))
}

pub(super) fn mute(given: &Given<'_>, mute: bool) -> Result<Asked, String> {
    if given.words.is_empty() {
        return Ok(Asked::Act(Action::Mute(mute)));
    }
    Ok(Asked::Act(Action::LocalMute { session: given.person(0)?, mute }))
}

pub(super) fn volume(given: &Given<'_>) -> Result<Asked, String> {
    match given.words.as_slice() {
        [_] => Ok(choose(Choice::Volume(given.number(0)?))),
        _ => Ok(Asked::Act(Action::Volume { session: given.person(0)?, percent: given.number(1)? })),
    }
}

pub(super) fn why(given: &Given<'_>) -> Result<Asked, String> {
    let (view, permission) = (given.view(), permissions(given.word(1))?);
    let about = about(view, given.word(0)).map_err(|error| error.to_string())?;
    let channel = match given.word(2) {
        "" => view.own_channel().map(|channel| ChannelId(channel.id)),
        "." | "-" => None,
        path => {
            Some(ChannelId(view.find(path.trim_start_matches('#')).map_err(|error| error.to_string())?.id))
        }
    };
    Ok(Asked::Why(Question { about, permission, channel }))
}

pub(super) fn talk(given: &Given<'_>) -> Result<Asked, String> {
    let mode = match given.word(0) {
        "push" | "ptt" => Mode::PushToTalk,
        "voice" | "vad" => Mode::VoiceActivation,
        "always" => Mode::Continuous,
        _ => return Err(format!("write {}", given.command.usage())),
    };
    Ok(choose(Choice::Mode(mode)))
}

pub(super) fn threshold(given: &Given<'_>) -> Result<Asked, String> {
    Ok(choose(Choice::Threshold(f32::from(given.number::<u16>(0)?) / 100.0)))
}

pub(super) fn release(given: &Given<'_>) -> Result<Asked, String> {
    Ok(choose(Choice::ReleaseMs(given.number(0)?)))
}

pub(super) fn echo(given: &Given<'_>) -> Result<Asked, String> {
    let echo = match given.word(0) {
        "on" => Echo::On,
        "off" => Echo::Off,
        "auto" => Echo::Auto,
        _ => return Err(format!("write {}", given.command.usage())),
    };
    Ok(choose(Choice::Echo(echo)))
}

pub(super) fn quality(given: &Given<'_>) -> Result<Asked, String> {
    let named = Quality::ALL.into_iter().find(|quality| quality.name() == given.word(0));
    named
        .map(|quality| choose(Choice::Quality(quality)))
        .ok_or_else(|| format!("write {}", given.command.usage()))
}

pub(super) fn sounds(given: &Given<'_>) -> Result<Asked, String> {
    let mut chimes = given.picture.settings.chimes;
    let usage = || format!("write {}", given.command.usage());
    if let Some(on) = on(given.word(0)) {
        (chimes.join, chimes.leave, chimes.mute) = (on, on, on);
        (chimes.unmute, chimes.message, chimes.poke) = (on, on, on);
        return Ok(choose(Choice::Chimes(chimes)));
    }
    let chime = match given.word(0) {
        "join" => &mut chimes.join,
        "leave" => &mut chimes.leave,
        "mute" => &mut chimes.mute,
        "unmute" => &mut chimes.unmute,
        "message" => &mut chimes.message,
        "poke" => &mut chimes.poke,
        _ => return Err(usage()),
    };
    *chime = on(given.word(1)).ok_or_else(usage)?;
    Ok(choose(Choice::Chimes(chimes)))
}

pub(super) fn connect(given: &Given<'_>) -> Asked {
    let name = given.word(0);
    if name.is_empty() {
        return Asked::Connect(format!("parlour://{}", given.picture.server));
    }
    let known =
        given.picture.bookmarks.iter().find(|bookmark| bookmark.name.to_lowercase() == name.to_lowercase());
    Asked::Connect(known.map_or_else(|| name.to_owned(), |bookmark| bookmark.address.clone()))
}

pub(super) fn bookmark(given: &Given<'_>) -> Asked {
    let is_guest = given.view().own().is_some_and(|own| own.kind() == MemberKind::Guest);
    let address = match given.word(1) {
        // A guest has no account to log in to.
        "" if is_guest => format!("parlour://{}", given.picture.server),
        "" => format!("parlour://{}@{}", given.picture.name, given.picture.server),
        address => address.to_owned(),
    };
    Asked::Act(Action::Bookmark { name: given.word(0).to_owned(), address })
}

pub(super) fn help(given: &Given<'_>) -> Asked {
    match given.word(0).trim_start_matches('/') {
        "" => Asked::Open(Open::Help),
        name => Asked::Explain(name.to_owned()),
    }
}
