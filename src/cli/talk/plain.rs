//! The live client as lines of text, for whoever hears them read, and for terminals that show no more. What comes is a line, and what
//! is typed is one.

use std::io::{self, BufRead, Write};
use std::sync::Arc;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use super::acting::{Acting, Done, refusal, sentence, wants_password};
use super::bars::{TalkKey, state};
use super::command::{self, Asked, COMMANDS, Open};
use super::end::{Next, Signals};
use super::log::{Log, Said, What, spoken};
use super::overlay::{bandwidth, explain, settings};
use super::screen::told;
use super::theme::Theme;
use super::tree::who;
use crate::audio::device::Backend;
use crate::clock::Clock;
use crate::id::ChannelId;
use crate::talk::{Action, Connection, Mode, Note, Picture, Push, Talk};

/// What is typed.
pub(super) type Lines = mpsc::Receiver<String>;

/// Lines that wait to be read; whoever writes them waits, too.
const LINES: usize = 64;

/// Reads and writes lines until something else comes next, and answers with that and the live client, which goes on. `problems` are
/// what one has to know first.
pub(super) async fn run(
    talk: Talk,
    backend: Backend,
    problems: Vec<String>,
    signals: &mut Signals,
    lines: &mut Lines,
) -> anyhow::Result<(Next, Option<Talk>)> {
    let mut plain = Plain {
        acting: Acting::new(talk, backend),
        clock: Clock::system(),
        log: Log::default(),
        asking: None,
    };
    for problem in problems {
        plain.say(&problem);
    }
    let next = plain.run(signals, lines).await;
    let talk = plain.acting.end().await;
    Ok((next?, talk))
}

struct Plain {
    acting: Acting,
    clock: Clock,
    log: Log,
    /// The channel whose password is the next line.
    asking: Option<ChannelId>,
}

impl Plain {
    async fn run(&mut self, signals: &mut Signals, lines: &mut Lines) -> anyhow::Result<Next> {
        let (mut pictures, mut notes) = (self.acting.talk().watch(), self.acting.talk().notes());
        let mut picture = Arc::clone(&pictures.borrow_and_update());
        for line in greeting(&picture) {
            self.say(&line);
        }
        loop {
            tokio::select! {
                line = lines.recv() => {
                    let Some(line) = line else { return Ok(Next::End) };
                    if let Some(next) = self.handle(&line, &picture) {
                        return Ok(next);
                    }
                }
                changed = pictures.changed() => {
                    if changed.is_err() {
                        return Ok(Next::End);
                    }
                    picture = Arc::clone(&pictures.borrow_and_update());
                    for said in self.log.observe(&picture) {
                        print(&spoken(&said));
                    }
                    if let Connection::Over { reason } = &picture.connection {
                        self.say(&format!("The connection has ended: {reason}"));
                        return Ok(Next::End);
                    }
                }
                note = notes.recv() => match note {
                    Ok(note) => {
                        // The end is told where it is seen.
                        if let Some(what) = told(&note).filter(|_| !matches!(note, Note::Over(_))) {
                            print(&spoken(&Said { at_ms: self.clock.wall().0, what }));
                        }
                    }
                    Err(RecvError::Lagged(_)) => (),
                    Err(RecvError::Closed) => return Ok(Next::End),
                },
                done = self.acting.next() => self.conclude(done),
                () = signals.next() => return Ok(Next::End),
            }
        }
    }

    fn say(&self, words: &str) {
        print(&spoken(&Said { at_ms: self.clock.wall().0, what: What::Answer(words.to_owned()) }));
    }

    /// A line that was typed. An empty one is the key to talk.
    fn handle(&mut self, line: &str, picture: &Picture) -> Option<Next> {
        if let Some(channel) = self.asking.take() {
            if line.is_empty() {
                self.say("You stay where you are.");
            } else {
                self.acting.act(Action::Join { channel, password: line.to_owned() });
            }
            return None;
        }
        if line.trim().is_empty() {
            self.push(picture);
            return None;
        }
        let asked = match command::read(line, picture) {
            Ok(asked) => asked,
            Err(why) => {
                self.say(&why);
                return None;
            }
        };
        let is_begun = match asked {
            Asked::Act(action) => self.acting.act(action),
            Asked::Why(question) => self.acting.ask(question),
            Asked::Connect(address) => return Some(Next::Connect(address)),
            Asked::Quit => return Some(Next::End),
            Asked::Open(Open::Devices) => {
                for line in settings(picture) {
                    self.say(&line);
                }
                self.acting.list_devices()
            }
            told => {
                self.tell(&told, picture);
                true
            }
        };
        if !is_begun {
            self.say("The server hasn't answered to what you asked for before; try again in a moment.");
        }
        None
    }

    /// The key to talk begins, or ends.
    fn push(&self, picture: &Picture) {
        if picture.settings.mode != Mode::PushToTalk {
            self.say("An empty line is the key to talk; choose it with /talk push.");
            return;
        }
        self.acting.talk().push(Push::Toggle);
        let is_on = picture.own.pressed || picture.own.latched;
        self.say(if is_on { "You talk no more." } else { "You talk; an empty line ends it." });
    }

    /// What is only looked at.
    fn tell(&self, asked: &Asked, picture: &Picture) {
        let talk = self.acting.talk();
        let words = match asked {
            Asked::Open(Open::Help) => {
                let head =
                    "An empty line begins to talk, and ends it. What has no slash goes to the channel.";
                let commands = COMMANDS.iter().map(explain);
                std::iter::once(head.to_owned()).chain(commands).collect::<Vec<_>>().join("\n")
            }
            Asked::Open(Open::Connection) => {
                let meters = talk.meters();
                let worst = meters.worst();
                let (words, _) = state(picture, &meters, TalkKey::Line, Theme::Mono);
                format!(
                    "{words}. There and back {} ms, buffer {} ms, loss {:.1} %, made up {:.1} %; {}.",
                    meters.round_trip.as_millis(),
                    worst.delay.as_millis(),
                    worst.loss * 100.0,
                    worst.concealed * 100.0,
                    bandwidth(picture, &meters)
                )
            }
            Asked::Open(Open::Servers) if picture.bookmarks.is_empty() => {
                "You keep no server at hand yet: /bookmark NAME keeps this one.".to_owned()
            }
            Asked::Open(Open::Servers) => {
                let line =
                    |bookmark: &crate::talk::Bookmark| format!("{}: {}", bookmark.name, bookmark.address);
                picture.bookmarks.iter().map(line).collect::<Vec<_>>().join("\n")
            }
            Asked::Explain(name) => match command::find(name) {
                Ok(command) => explain(command),
                Err(why) => why,
            },
            Asked::Statistics => talk.statistics(),
            Asked::Who => who(picture),
            // There is nothing to be emptied.
            _ => return,
        };
        self.say(&words);
    }

    fn conclude(&mut self, done: Done) {
        let words = match done {
            Done::Acted(action, Ok(())) => sentence(&action, &self.acting.talk().watch().borrow()),
            Done::Acted(Action::Join { channel, password }, Err(error))
                if wants_password(&error) && password.is_empty() =>
            {
                self.asking = Some(channel);
                Some(
                    "This channel asks for a password. It is the next line; an empty one gives up."
                        .to_owned(),
                )
            }
            Done::Acted(action, Err(error)) => Some(refusal(&action, &error)),
            Done::Answered(Ok(words) | Err(words)) => Some(words),
            Done::Devices(Ok(devices)) => Some(format!(
                "Microphones: {}. Loudspeakers: {}.",
                listed(&devices.microphones),
                listed(&devices.loudspeakers)
            )),
            Done::Devices(Err(why)) => Some(why),
        };
        if let Some(words) = words {
            self.say(&words);
        }
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Where one is, and with whom.
fn greeting(picture: &Picture) -> Vec<String> {
    let mut lines = Vec::new();
    if picture.connection == Connection::Connected {
        lines.push(format!("Connected to {} as {}.", picture.server, picture.name));
    }
    lines.push(match picture.channel() {
        Some(channel) => {
            let others = picture.view.people(Some(channel.id.into())).into_iter();
            let others = others.filter(|member| member.session != picture.view.own_session);
            let names: Vec<_> = others.map(|member| member.name.clone()).collect();
            let with = if names.is_empty() { "nobody else".to_owned() } else { names.join(", ") };
            format!("You are in {} with {with}.", picture.view.path(channel))
        }
        None => "You are in no channel; /join goes into one.".to_owned(),
    });
    lines.push(match picture.settings.mode {
        Mode::PushToTalk => "An empty line begins to talk, and the next one ends it.".to_owned(),
        Mode::VoiceActivation => "You are heard while you speak.".to_owned(),
        Mode::Continuous => "You are heard all the time.".to_owned(),
    });
    lines.push("/help tells what there is.".to_owned());
    lines
}

/// Lines from standard input, read by a thread of its own: one for as long as the program runs, so that no line is lost between two
/// servers.
pub(super) fn typed() -> io::Result<Lines> {
    let (sender, lines) = mpsc::channel(LINES);
    let work = move || {
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("keyboard".to_owned()).spawn(work)?;
    Ok(lines)
}

/// Writes a line at once. A closed pipe only means that nobody reads.
fn print(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
