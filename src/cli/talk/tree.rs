//! The channels and the people in them: rows, which of them is selected, and how they are drawn.

use std::collections::{BTreeMap, BTreeSet};

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use super::super::words::state;
use super::meter::{Recent, wave};
use super::text::{cut, plain, width};
use super::theme::Theme;
use crate::client::View;
use crate::id::{ChannelId, SessionId};
use crate::protocol::wire::{Channel, Member};
use crate::talk::{Hearing, Picture};

/// Cells of the wave that shows a voice.
const WAVE: usize = 6;

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Of {
    /// A channel.
    Channel(ChannelId),
    /// Somebody.
    Person(SessionId),
}

/// A row of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) of: Of,
    /// How many channels are above it.
    pub(super) depth: usize,
}

/// The tree as one looks at it.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Which row the keys are for; the own channel where none was chosen.
    selected: Option<Of>,
    /// Channels whose inside isn't shown.
    folded: BTreeSet<ChannelId>,
    /// The row at the top, as of the last drawing.
    top: usize,
    /// Where it was drawn.
    area: Rect,
}

impl Tree {
    /// The rows that are shown.
    pub(super) fn rows(&self, view: &View) -> Vec<Row> {
        let mut rows = Vec::new();
        self.add_below(view, None, 0, &mut rows);
        // Whoever is in no channel, or in one that isn't seen, stands at the end.
        let outside = view.members.values().filter(|member| !view.channels.contains_key(&member.channel));
        let mut outside: Vec<_> = outside.collect();
        outside.sort_by_key(|member| member.name.to_lowercase());
        rows.extend(outside.iter().map(|member| Row { of: Of::Person(SessionId(member.session)), depth: 0 }));
        rows
    }

    /// The server's checks keep the tree free of cycles and eight deep; a deeper one isn't followed.
    fn add_below(&self, view: &View, parent: Option<ChannelId>, depth: usize, rows: &mut Vec<Row>) {
        if depth > 32 {
            return;
        }
        for channel in view.children(parent) {
            let id = ChannelId(channel.id);
            rows.push(Row { of: Of::Channel(id), depth });
            if !self.folded.contains(&id) {
                let people = view.people(Some(id)).into_iter();
                rows.extend(
                    people.map(|member| Row { of: Of::Person(SessionId(member.session)), depth: depth + 1 }),
                );
                self.add_below(view, Some(id), depth + 1, rows);
            }
        }
    }

    /// Which row is selected.
    pub(super) fn selected(&self, view: &View) -> Option<Of> {
        let rows = self.rows(view);
        rows.get(self.position(&rows, view)).map(|row| row.of)
    }

    fn position(&self, rows: &[Row], view: &View) -> usize {
        let own = view.own_channel().map(|channel| Of::Channel(ChannelId(channel.id)));
        let find = |of: Option<Of>| rows.iter().position(|row| Some(row.of) == of);
        find(self.selected).or_else(|| find(own)).unwrap_or(0)
    }

    /// Selects a row.
    pub(super) fn select(&mut self, of: Of) {
        self.selected = Some(of);
    }

    /// Selects a row so many further down; up, where that is less than 0.
    pub(super) fn step(&mut self, view: &View, rows_down: isize) {
        let rows = self.rows(view);
        let at =
            self.position(&rows, view).saturating_add_signed(rows_down).min(rows.len().saturating_sub(1));
        self.selected = rows.get(at).map(|row| row.of);
    }

    /// Shows what is in a channel, or doesn't; selects the channel of somebody.
    pub(super) fn fold(&mut self, view: &View, fold: bool) {
        match self.selected(view) {
            Some(Of::Channel(id)) if fold => {
                if !self.folded.insert(id)
                    && let Some(channel) = view.channels.get(&id.0).filter(|channel| channel.parent != 0)
                {
                    self.selected = Some(Of::Channel(ChannelId(channel.parent)));
                }
            }
            Some(Of::Channel(id)) => drop(self.folded.remove(&id)),
            Some(Of::Person(session)) if fold => {
                let channel = view.member(session).map(|member| ChannelId(member.channel));
                self.selected = channel.map(Of::Channel);
            }
            _ => (),
        }
    }

    /// What was drawn in a cell of the terminal.
    pub(super) fn at(&self, view: &View, column: u16, row: u16) -> Option<Of> {
        if !self.area.contains((column, row).into()) {
            return None;
        }
        self.rows(view).get(self.top + usize::from(row - self.area.y)).map(|row| row.of)
    }

    /// Draws it. `waves` is how those who talk were of late.
    pub(super) fn draw(
        &mut self,
        frame: &mut Frame<'_>,
        area: Rect,
        picture: &Picture,
        waves: &BTreeMap<SessionId, Recent>,
        theme: Theme,
        has_focus: bool,
    ) {
        self.area = area;
        let rows = self.rows(&picture.view);
        let (at, shown) = (self.position(&rows, &picture.view), usize::from(area.height));
        self.top = self.top.min(at).max((at + 1).saturating_sub(shown)).min(rows.len().saturating_sub(shown));
        for (number, row) in rows.iter().enumerate().skip(self.top).take(shown) {
            let place = Rect { y: area.y + (number - self.top) as u16, height: 1, ..area };
            let line = match row.of {
                Of::Channel(id) => picture.view.channels.get(&id.0).map(|channel| {
                    let is_folded = self.folded.contains(&id);
                    channel_line(channel, row.depth, is_folded, picture, theme)
                }),
                Of::Person(session) => picture
                    .view
                    .member(session)
                    .map(|member| person_line(member, row.depth, picture, waves.get(&session), theme)),
            };
            let line = line.map(|parts| joined(parts, usize::from(area.width), theme)).unwrap_or_default();
            frame.render_widget(line, place);
            if number == at {
                frame.buffer_mut().set_style(place, theme.selected(has_focus));
            }
        }
    }
}

/// A row in three parts: what is never left out, what is cut where there is little room, and what stands at the right.
struct Parts {
    first: Vec<Span<'static>>,
    more: String,
    last: Vec<Span<'static>>,
}

fn joined(parts: Parts, cells: usize, theme: Theme) -> Line<'static> {
    let Parts { mut first, more, last } = parts;
    let wide = |spans: &[Span<'_>]| spans.iter().map(Span::width).sum::<usize>();
    let right = wide(&last) + usize::from(!last.is_empty());
    let room = cells.saturating_sub(right);
    let mut taken = wide(&first);
    if taken > room {
        // The name is the last of what is never left out, and is cut if need be.
        if let Some(name) = first.pop() {
            let rest = wide(&first);
            first.push(Span::styled(cut(&name.content, room.saturating_sub(rest)), name.style));
        }
        taken = wide(&first);
    }
    let more = if more.is_empty() || room < taken + 5 { String::new() } else { cut(&more, room - taken - 1) };
    if !more.is_empty() {
        taken += width(&more) + 1;
        first.push(Span::styled(format!(" {more}"), theme.quiet()));
    }
    first.push(Span::raw(
        " ".repeat(cells.saturating_sub(taken + right.saturating_sub(usize::from(!last.is_empty())))),
    ));
    first.extend(last);
    Line::from(first)
}

fn channel_line(channel: &Channel, depth: usize, is_folded: bool, picture: &Picture, theme: Theme) -> Parts {
    let view = &picture.view;
    let id = ChannelId(channel.id);
    let people = view.people(Some(id)).len();
    let has_inside = people > 0 || !view.children(Some(id)).is_empty();
    let sign = match (has_inside, is_folded) {
        (true, true) => "▸ ",
        (true, false) => "▾ ",
        (false, _) => "  ",
    };
    let is_own = view.own_channel().is_some_and(|own| own.id == channel.id);
    let name = if is_own { theme.accent() } else { theme.strong() };
    let first = vec![
        Span::raw("  ".repeat(depth)),
        Span::styled(sign, theme.quiet()),
        Span::styled(plain(&channel.name), name),
    ];
    let mut words = Vec::new();
    words.extend(channel.password.then(|| "password".to_owned()));
    // That of the own channel stands above the conversation.
    words.extend((!channel.description.is_empty() && !is_own).then(|| plain(&channel.description)));
    let mut last = Vec::new();
    if channel.recorded_since_ms > 0 {
        last.push(Span::styled("● REC ", theme.warn()));
    }
    let count = match (people, channel.user_limit) {
        (0, 0) => String::new(),
        (people, 0) => people.to_string(),
        (people, limit) => format!("{people}/{limit}"),
    };
    last.push(Span::styled(count, theme.quiet()));
    last.retain(|span| !span.content.is_empty());
    Parts { first, more: words.join(" · "), last }
}

fn person_line(
    member: &Member,
    depth: usize,
    picture: &Picture,
    levels: Option<&Recent>,
    theme: Theme,
) -> Parts {
    let session = SessionId(member.session);
    let is_own = member.session == picture.view.own_session;
    let talking = picture.talking.get(&session);
    let is_talking = talking.is_some() || (is_own && picture.own.sending);
    let is_silent = member.mute || member.muted || member.deaf || member.deafened || member.suppressed;
    let (sign, style) = match (is_talking, is_silent, member.away) {
        (true, _, _) => ("● ", theme.talk()),
        (_, true, _) => ("× ", theme.warn()),
        (_, _, true) => ("◌ ", theme.quiet()),
        _ => ("○ ", theme.quiet()),
    };
    let mut name = theme.role(picture.view.colour(member));
    if is_talking {
        name = theme.talk();
    }
    if is_own || is_talking {
        name = name.add_modifier(Modifier::BOLD);
    }
    let star = if member.priority { "★ " } else { "" };
    let first = vec![
        Span::raw("  ".repeat(depth)),
        Span::styled(sign, style),
        Span::styled(star, theme.accent()),
        Span::styled(plain(&member.name), name),
    ];
    let more = marks(member, picture);
    let wave = if is_talking { levels.map(|levels| wave(levels, WAVE)) } else { None };
    let last = wave.map(|wave| Span::styled(wave, theme.talk())).into_iter().collect();
    Parts { first, more: more.join(", "), last }
}

/// What is to be known of somebody, in words.
pub(super) fn marks(member: &Member, picture: &Picture) -> Vec<String> {
    let session = SessionId(member.session);
    let hearing = picture.people.get(&session).copied().unwrap_or_default();
    let mut words = Vec::new();
    words.extend((member.session == picture.view.own_session).then(|| "you".to_owned()));
    words.extend(
        picture.talking.get(&session).filter(|talking| talking.whisper).map(|_| "whispers".to_owned()),
    );
    words.extend(hearing.mute.then(|| "not heard here".to_owned()));
    let Hearing { volume, .. } = hearing;
    words.extend((volume != 100 && !hearing.mute).then(|| format!("at {volume} %")));
    // The star says it.
    words.extend(state(member).into_iter().filter(|word| word != "priority"));
    words.extend((!member.status.is_empty()).then(|| format!("“{}”", plain(&member.status))));
    words
}

/// Everybody who is connected, a line each.
pub(super) fn who(picture: &Picture) -> String {
    let view = &picture.view;
    let mut members: Vec<_> = view.members.values().collect();
    members.sort_by_key(|member| (member.name.to_lowercase(), member.session));
    let line = |member: &&Member| {
        let place = view
            .channels
            .get(&member.channel)
            .map_or("in no channel".to_owned(), |channel| view.path(channel));
        let marks = marks(member, picture);
        let marks = if marks.is_empty() { String::new() } else { format!(" ({})", marks.join(", ")) };
        format!("{}: {place}{marks}", member.name)
    };
    let lines: Vec<_> = members.iter().map(line).collect();
    format!("{} connected:\n{}", members.len(), lines.join("\n"))
}
