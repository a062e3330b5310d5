//! What a command is, what it takes, and what it asks for.

use super::super::super::person;
use super::super::why::Question;
use crate::client::View;
use crate::id::SessionId;
use crate::talk::{Action, Picture};

/// A command of the input line.
#[derive(Debug)]
pub(in crate::cli::talk) struct Command {
    /// What is typed behind the slash.
    pub(in crate::cli::talk) name: &'static str,
    /// Other words for it.
    pub(in crate::cli::talk) also: &'static [&'static str],
    /// What comes behind it. The last part takes the rest of the line.
    pub(in crate::cli::talk) parts: &'static [Part],
    /// How many of the parts there have to be.
    pub(super) needed: usize,
    /// What it does, in a sentence.
    pub(in crate::cli::talk) about: &'static str,
    pub(super) read: fn(&Given<'_>) -> Result<Asked, String>,
}

/// What a part of a command is, which says how it is completed and what help calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli::talk) enum Part {
    /// A path in the tree.
    Channel,
    /// Somebody who is connected.
    Person,
    /// People, `#channels` and `@roles` with commas between, or `off`.
    Targets,
    /// A permission.
    Permission,
    /// The name of a bookmark, or an address.
    Server,
    /// A microphone.
    Microphone,
    /// A loudspeaker.
    Loudspeaker,
    /// One of the commands.
    Command,
    /// One of some words.
    Word(&'static [&'static str]),
    /// Anything; help calls it so.
    Text(&'static str),
}

impl Part {
    /// What help calls it.
    pub(in crate::cli::talk) fn name(self) -> String {
        match self {
            Self::Channel => "CHANNEL".to_owned(),
            Self::Person => "PERSON".to_owned(),
            Self::Targets => "WHOM".to_owned(),
            Self::Permission => "PERMISSION".to_owned(),
            Self::Server => "SERVER".to_owned(),
            Self::Microphone | Self::Loudspeaker => "DEVICE".to_owned(),
            Self::Command => "COMMAND".to_owned(),
            Self::Word(words) => words.join("|"),
            Self::Text(name) => name.to_owned(),
        }
    }
}

/// A part of the screen that is laid over the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli::talk) enum Open {
    /// Commands and keys.
    Help,
    /// Microphone, loudspeaker, and when one is heard.
    Devices,
    /// How good the connection is.
    Connection,
    /// Servers that are kept at hand.
    Servers,
}

/// What a line asks for.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::cli::talk) enum Asked {
    /// Something of the live client.
    Act(Action),
    /// Something to see.
    Open(Open),
    /// What one command does, by its name or the beginning of that.
    Explain(String),
    /// Why somebody may do something, or may not.
    Why(Question),
    /// Another server: its address.
    Connect(String),
    /// The connection's figures as text.
    Statistics,
    /// Who is here.
    Who,
    /// An empty conversation.
    Clear,
    /// The end.
    Quit,
}

/// What was typed, and what it is about.
pub(super) struct Given<'a> {
    pub(super) command: &'static Command,
    pub(super) words: Vec<&'a str>,
    pub(super) picture: &'a Picture,
}

impl Command {
    /// How it is written, as in `/volume PERSON [PERCENT]`.
    pub(in crate::cli::talk) fn usage(&self) -> String {
        let mut usage = format!("/{}", self.name);
        for (at, part) in self.parts.iter().enumerate() {
            let name = part.name();
            let (begin, end) = if at < self.needed { ("", "") } else { ("[", "]") };
            usage.extend([" ", begin, &name, end]);
        }
        usage
    }
}

impl<'a> Given<'a> {
    /// A word, empty where there is none.
    pub(super) fn word(&self, at: usize) -> &'a str {
        self.words.get(at).copied().unwrap_or_default()
    }

    pub(super) fn view(&self) -> &'a View {
        &self.picture.view
    }

    pub(super) fn person(&self, at: usize) -> Result<SessionId, String> {
        let name = self.word(at);
        person::find(self.view(), name.trim_start_matches('@'))
            .map(|member| SessionId(member.session))
            .map_err(|error| error.to_string())
    }

    pub(super) fn number<N: std::str::FromStr>(&self, at: usize) -> Result<N, String> {
        let word = self.word(at).trim_end_matches(['%', ' ']);
        word.parse().map_err(|_| {
            format!(
                "\"{}\" is no whole number that can stand there; write {}",
                self.word(at),
                self.command.usage()
            )
        })
    }

    pub(super) fn on(&self) -> Result<bool, String> {
        on(self.word(0)).ok_or_else(|| format!("write {}", self.command.usage()))
    }

    pub(super) fn on_or(&self, usual: bool) -> Result<bool, String> {
        if self.words.is_empty() { Ok(usual) } else { self.on() }
    }

    pub(super) fn device(&self) -> Option<String> {
        Some(self.word(0)).filter(|name| !name.is_empty() && *name != "usual").map(str::to_owned)
    }
}

pub(super) fn on(word: &str) -> Option<bool> {
    match word {
        "on" | "yes" => Some(true),
        "off" | "no" => Some(false),
        _ => None,
    }
}
