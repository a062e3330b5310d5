//! What a line asks for.

use super::form::{Asked, Command, Given};
use super::table::COMMANDS;
use crate::id::ChannelId;
use crate::talk::{Action, Picture, To};

/// What a line asks for. Without a slash it is a text for the channel; `//` begins a text with a slash.
pub(in crate::cli::talk) fn read(line: &str, picture: &Picture) -> Result<Asked, String> {
    let line = line.trim();
    let Some(typed) = line.strip_prefix('/').filter(|typed| !typed.starts_with('/')) else {
        let text = line.strip_prefix('/').filter(|_| line.starts_with("//")).unwrap_or(line).to_owned();
        let channel = picture.channel().ok_or("you are in no channel; go into one first, with /join")?;
        return Ok(Asked::Act(Action::Text { to: To::Channel(ChannelId(channel.id)), text }));
    };
    let (name, rest) = typed.split_once(char::is_whitespace).unwrap_or((typed, ""));
    let command = find(name)?;
    let words = split(rest, command.parts.len());
    if command.parts.is_empty() && !rest.trim().is_empty() {
        return Err(format!("/{} stands alone: nothing comes behind it", command.name));
    }
    if words.len() < command.needed {
        return Err(format!("write {}: {}", command.usage(), command.about));
    }
    (command.read)(&Given { command, words, picture })
}

/// The command of this name. The beginning of a name is enough where only one begins so.
pub(in crate::cli::talk) fn find(name: &str) -> Result<&'static Command, String> {
    let wanted = name.to_lowercase();
    let exact =
        COMMANDS.iter().find(|command| command.name == wanted || command.also.contains(&wanted.as_str()));
    if let Some(command) = exact {
        return Ok(command);
    }
    let begin: Vec<_> =
        COMMANDS.iter().filter(|command| !wanted.is_empty() && command.name.starts_with(&wanted)).collect();
    match begin.as_slice() {
        [command] => Ok(command),
        [] => Err(format!("there is no command /{name}; /help shows what there is")),
        several => {
            let names: Vec<_> = several.iter().map(|command| format!("/{}", command.name)).collect();
            Err(format!("/{name} may be {}", names.join(" or ")))
        }
    }
}

/// The words of a command with so many parts, the last of which takes the rest.
fn split(rest: &str, parts: usize) -> Vec<&str> {
    let (mut words, mut rest) = (Vec::new(), rest.trim());
    while !rest.is_empty() && words.len() < parts {
        let (word, behind) = match rest.split_once(char::is_whitespace) {
            Some(pair) if words.len() + 1 < parts => pair,
            _ => (rest, ""),
        };
        words.push(word);
        rest = behind.trim_start();
    }
    words
}
