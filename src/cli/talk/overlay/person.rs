//! What one can do with somebody.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::super::text::{cut, plain};
use super::super::theme::Theme;
use super::super::tree::marks;
use super::frame::{open, padded};
use super::settings::stepped;
use crate::client::Target;
use crate::id::SessionId;
use crate::protocol::wire::Member;
use crate::talk::{Action, Picture};

/// Something that one can do with somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    Volume,
    Hear,
    Whisper,
    Write,
    Follow,
}

/// All of it.
pub(super) const ROWS: [Row; 5] = [Row::Volume, Row::Hear, Row::Whisper, Row::Write, Row::Follow];

impl Row {
    fn words(self, session: SessionId, picture: &Picture) -> String {
        let hearing = picture.people.get(&session).copied().unwrap_or_default();
        match self {
            Self::Volume => format!("Volume: {} %", hearing.volume),
            Self::Hear if hearing.mute => "Hear again".to_owned(),
            Self::Hear => "Don't hear".to_owned(),
            Self::Whisper if whispers(session, picture) => "Whisper no more".to_owned(),
            Self::Whisper => "Whisper".to_owned(),
            Self::Write => "Write".to_owned(),
            Self::Follow => "Go into their channel".to_owned(),
        }
    }
}

/// Whether one speaks to somebody instead of the channel.
pub(in crate::cli::talk) fn whispers(session: SessionId, picture: &Picture) -> bool {
    picture.own.whisper.contains(&Target::Session(session))
}

/// Somebody louder or softer.
pub(in crate::cli::talk) fn louder(session: SessionId, picture: &Picture, is_up: bool) -> Action {
    let now = picture.people.get(&session).copied().unwrap_or_default().volume;
    Action::Volume { session, percent: stepped(now, 10, 0..=200, is_up) }
}

/// Somebody not heard, or heard again.
pub(in crate::cli::talk) fn mute(session: SessionId, picture: &Picture) -> Action {
    let is_muted = picture.people.get(&session).is_some_and(|hearing| hearing.mute);
    Action::LocalMute { session, mute: !is_muted }
}

/// Draws it, and answers with where the rows are.
pub(super) fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    member: &Member,
    selected: usize,
    picture: &Picture,
    theme: Theme,
) -> Rect {
    let session = SessionId(member.session);
    let foot = "← → volume · Enter does it · Esc closes";
    let inside = open(frame, area, &plain(&member.name), foot, (44, 3 + ROWS.len() as u16), theme);
    let cells = usize::from(inside.width);
    let role = picture.view.highest_role(member).map(|role| plain(&role.name));
    let about = role.into_iter().chain(marks(member, picture)).collect::<Vec<_>>().join(", ");
    let head = [
        Line::styled(cut(&about, cells), theme.quiet()),
        Line::styled(cut(&plain(&member.client), cells), theme.quiet()),
    ];
    for (line, y) in head.iter().zip(inside.y..inside.bottom()) {
        frame.render_widget(line, Rect { y, height: 1, ..inside });
    }
    let top = inside.y + 3;
    let rows = Rect { y: top, height: inside.bottom().saturating_sub(top), ..inside };
    for ((number, row), y) in ROWS.iter().enumerate().zip(rows.y..rows.bottom()) {
        let place = Rect { y, height: 1, ..rows };
        frame.render_widget(Span::raw(padded(&row.words(session, picture), cells)), place);
        if number == selected {
            frame.buffer_mut().set_style(place, theme.selected(true));
        }
    }
    rows
}
