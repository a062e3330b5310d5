//! The screen as it runs: keys come, the picture changes, time passes, and it is drawn.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use ratatui::layout::Rect;
use tokio::sync::broadcast::error::RecvError;

use super::acting::{Acting, Done, refusal, sentence, wants_password};
use super::effect::Effect;
use super::end::{Next, Signals};
use super::input::ask_password;
use super::keyboard::Keyboard;
use super::log::What;
use super::overlay::Overlay;
use super::screen::Screen;
use super::terminal::{Taken, copy};
use super::theme::{Known, Theme};
use crate::audio::device::Backend;
use crate::clock::Clock;
use crate::talk::{Action, Meters, Picture, Talk};

/// How often levels are looked at, and drawn where they differ; a quarter as often while nobody speaks.
const TICK: Duration = Duration::from_millis(50);

/// Shows the screen until something else comes next, and answers with that and the live client, which goes on. `problems` are what
/// one has to know first.
pub(super) async fn run(
    talk: Talk,
    backend: Backend,
    theme: Option<Theme>,
    problems: Vec<String>,
    signals: &mut Signals,
) -> anyhow::Result<(Next, Option<Talk>)> {
    let taken = Taken::take(Known::from_environment(|name| std::env::var(name).ok()));
    let taken = taken.context("can't show a screen here")?;
    let theme = theme.unwrap_or_else(|| taken.known.into());
    let terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
    let screen = Screen::new(theme, taken.has_releases);
    let clock = Clock::system();
    let acting = Acting::new(talk, backend);
    let mut running = Running { taken, terminal, screen, acting, clock, meters: Meters::default(), ticks: 0 };
    for problem in problems {
        let at_ms = running.now_ms();
        running.screen.say(What::Warning(problem), at_ms);
    }
    let next = running.run(signals).await;
    let Running { taken, acting, .. } = running;
    // The terminal is given back before the server is waited for.
    drop(taken);
    let talk = acting.end().await;
    Ok((next?, talk))
}

struct Running {
    taken: Taken,
    terminal: Terminal<CrosstermBackend<io::Stdout>>,
    screen: Screen,
    acting: Acting,
    clock: Clock,
    /// As they were drawn last.
    meters: Meters,
    ticks: u32,
}

impl Running {
    async fn run(&mut self, signals: &mut Signals) -> anyhow::Result<Next> {
        let (mut pictures, mut notes) = (self.acting.talk().watch(), self.acting.talk().notes());
        let mut picture = Arc::clone(&pictures.borrow_and_update());
        let mut keyboard = Keyboard::start().context("can't read the keyboard")?;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        self.screen.observe(&picture);
        self.draw(&picture)?;
        loop {
            let effects = tokio::select! {
                event = keyboard.next() => match event {
                    Some(event) => {
                        let (now, at_ms) = (self.clock.monotonic(), self.now_ms());
                        self.screen.handle(&event?, &picture, now, at_ms)
                    }
                    None => return Ok(Next::End),
                },
                changed = pictures.changed() => {
                    if changed.is_err() {
                        return Ok(Next::End);
                    }
                    picture = Arc::clone(&pictures.borrow_and_update());
                    self.screen.observe(&picture);
                    Vec::new()
                }
                note = notes.recv() => match note {
                    Ok(note) => {
                        let at_ms = self.now_ms();
                        self.screen.note(&note, at_ms);
                        Vec::new()
                    }
                    Err(RecvError::Lagged(_)) => Vec::new(),
                    Err(RecvError::Closed) => return Ok(Next::End),
                },
                done = self.acting.next() => {
                    self.conclude(done, &picture);
                    Vec::new()
                }
                _ = tick.tick() => {
                    if self.screen.shows_levels() {
                        self.acting.talk().watch_closely();
                    }
                    let meters = self.acting.talk().meters();
                    let effects = self.screen.tick(&picture, &meters, self.clock.monotonic());
                    let is_quiet = picture.talking.is_empty() && !meters.sending && self.screen.overlay.is_none();
                    self.ticks = self.ticks.wrapping_add(1);
                    if effects.is_empty() && (meters == self.meters || (is_quiet && !self.ticks.is_multiple_of(4))) {
                        continue;
                    }
                    self.meters = meters;
                    effects
                }
                () = signals.next() => return Ok(Next::End),
            };
            for effect in effects {
                if let Some(next) = self.perform(effect)? {
                    return Ok(next);
                }
            }
            self.draw(&picture)?;
        }
    }

    /// Has all of it drawn anew. `Terminal::clear` would ask the terminal for the cursor, and fail where no answer comes in time, as by
    /// a slow line.
    fn clear(&mut self) -> io::Result<()> {
        let size = self.terminal.size()?;
        self.terminal.resize(Rect::new(0, 0, size.width, size.height))
    }

    fn draw(&mut self, picture: &Picture) -> anyhow::Result<()> {
        execute!(io::stdout(), BeginSynchronizedUpdate)?;
        let (screen, meters) = (&mut self.screen, &self.meters);
        self.terminal.draw(|frame| screen.draw(frame, picture, meters))?;
        execute!(io::stdout(), EndSynchronizedUpdate)?;
        Ok(())
    }

    fn perform(&mut self, effect: Effect) -> anyhow::Result<Option<Next>> {
        let is_begun = match effect {
            Effect::Act(action) => self.acting.act(action),
            Effect::Ask(question) => self.acting.ask(question),
            Effect::ListDevices => self.acting.list_devices(),
            Effect::Push(push) => {
                self.acting.talk().push(push);
                true
            }
            Effect::WhisperDown(targets) => {
                self.acting.whisper(Some(targets));
                true
            }
            Effect::WhisperUp => {
                self.acting.whisper(None);
                true
            }
            Effect::Statistics => {
                let text = self.acting.talk().statistics();
                copy(&text)?;
                self.screen.overlay = Some(Overlay::text("Figures, copied where the terminal lets", text));
                true
            }
            Effect::Redraw => {
                self.clear()?;
                true
            }
            Effect::Suspend => {
                self.taken.suspend()?;
                self.clear()?;
                true
            }
            Effect::Connect(address) => return Ok(Some(Next::Connect(address))),
            Effect::Quit => return Ok(Some(Next::End)),
        };
        if !is_begun {
            let words = "The server hasn't answered to what you asked for before; try again in a moment.";
            let at_ms = self.now_ms();
            self.screen.say(What::Warning(words.to_owned()), at_ms);
        }
        Ok(None)
    }

    fn conclude(&mut self, done: Done, picture: &Picture) {
        let what = match done {
            // What is seen needs no words.
            Done::Acted(
                action @ (Action::Choose(_)
                | Action::Status(_)
                | Action::EchoTest(_)
                | Action::Bookmark { .. }
                | Action::RemoveBookmark { .. }),
                Ok(()),
            ) if self.screen.overlay.is_none() => {
                match sentence(&action, &self.acting.talk().watch().borrow()) {
                    Some(words) => What::Note(words),
                    None => return,
                }
            }
            Done::Acted(_, Ok(())) => return,
            Done::Acted(Action::Join { channel, password }, Err(error))
                if wants_password(&error) && password.is_empty() =>
            {
                return ask_password(&mut self.screen, channel, picture);
            }
            Done::Acted(action, Err(error)) => What::Warning(refusal(&action, &error)),
            Done::Answered(Ok(answer)) => What::Answer(answer),
            Done::Devices(Ok(devices)) => {
                self.screen.devices = devices;
                return;
            }
            Done::Answered(Err(why)) | Done::Devices(Err(why)) => What::Warning(why),
        };
        let at_ms = self.now_ms();
        self.screen.say(what, at_ms);
    }

    /// The wall clock's time in milliseconds.
    fn now_ms(&self) -> u64 {
        self.clock.wall().0
    }
}
