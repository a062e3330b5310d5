//! The bar at the top, which says where one is, and the one at the bottom, which says how one is heard.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::keys::Does;
use super::meter::{bar, columns, share};
use super::shown::Shown;
use super::text::{cut, plain, width};
use super::theme::Theme;
use crate::client::Target;
use crate::talk::{Connection, Device, Meters, Mode, Picture};

/// Draws the bar at the top.
pub(super) fn top(frame: &mut Frame<'_>, area: Rect, shown: Shown<'_>) {
    let Shown { picture, meters, past, theme, .. } = shown;
    frame.buffer_mut().set_style(area, theme.bar());
    let cells = usize::from(area.width);
    let name = picture.view.organization.name.as_str();
    let name = if name.is_empty() { "Parlour".to_owned() } else { plain(name) };
    let left = vec![
        Span::styled(format!(" {name}"), theme.accent()),
        Span::styled(format!("  {} as {}", plain(&picture.server), plain(&picture.name)), theme.quiet()),
    ];
    let figures = match &picture.connection {
        Connection::Connected => {
            let worst = meters.worst();
            let loss = worst.loss * 100.0;
            let style = if loss >= 5.0 { theme.warn() } else { theme.quiet() };
            let chart = columns(past.delay.iter(), 200.0, 10);
            vec![
                Span::styled(chart, theme.talk()),
                Span::styled(format!(" {} ms", meters.round_trip.as_millis()), theme.quiet()),
                Span::styled(format!("  loss {loss:.0} %"), style),
                Span::styled(format!("  buffer {} ms ", worst.delay.as_millis()), theme.quiet()),
            ]
        }
        Connection::Connecting => vec![Span::styled("connecting … ", theme.quiet())],
        Connection::Returning { .. } => vec![Span::styled("coming back … ", theme.warn())],
        Connection::Over { .. } => vec![Span::styled("ended ", theme.warn())],
    };
    frame.render_widget(spread(left, figures, cells), area);
}

/// What is left out from the right, and what is shown in any case.
fn spread(left: Vec<Span<'static>>, right: Vec<Span<'static>>, cells: usize) -> Line<'static> {
    let wide = |spans: &[Span<'_>]| spans.iter().map(Span::width).sum::<usize>();
    let mut right = right;
    // From the left of the right part, as much as has to go: its end says most.
    while wide(&right) + 8 > cells && right.len() > 1 {
        right.remove(0);
    }
    let room = cells.saturating_sub(wide(&right) + 1);
    let mut spans = Vec::new();
    let mut taken = 0;
    for span in left {
        let text = cut(&span.content, room.saturating_sub(taken));
        taken += width(&text);
        spans.push(Span::styled(text, span.style));
    }
    spans.push(Span::raw(" ".repeat(cells.saturating_sub(taken + wide(&right)))));
    spans.extend(right);
    Line::from(spans)
}

/// Buttons of the bar at the bottom, the most important last: where there is little room, the first ones go.
const BUTTONS: [(&str, Does); 6] = [
    ("F7 servers", Does::Servers),
    ("F6 connection", Does::Connection),
    ("F5 devices", Does::Devices),
    ("F3 deafen", Does::Deafen),
    ("F2 mute", Does::Mute),
    ("F1 help", Does::Help),
];

/// Draws the bar at the bottom, and answers with where its buttons are.
pub(super) fn bottom(frame: &mut Frame<'_>, area: Rect, shown: Shown<'_>) -> Vec<(Rect, Does)> {
    let Shown { picture, meters, has_releases, theme, .. } = shown;
    frame.buffer_mut().set_style(area, theme.bar());
    let cells = usize::from(area.width);
    let key = if has_releases { TalkKey::Held } else { TalkKey::Pushed };
    let (words, style) = state(picture, meters, key, theme);
    let meter = if cells >= 60 { 14 } else { 6 };
    let mut left = vec![Span::raw(" ")];
    left.extend(bar(share(meters.microphone), None, meter, theme).spans);
    left.push(Span::styled(format!(" {words}"), style));
    if let Some(by) = picture.recorded_by() {
        left.push(Span::styled(
            format!("  ● recorded by {}", plain(by)),
            theme.warn().add_modifier(Modifier::BOLD),
        ));
    }
    let taken: usize = left.iter().map(Span::width).sum();
    frame.render_widget(spread(left, Vec::new(), cells), area);
    let mut buttons = Vec::new();
    let mut end = cells;
    for (name, does) in BUTTONS.iter().rev() {
        let start = end.saturating_sub(width(name) + 2);
        if start <= taken + 1 {
            break;
        }
        let is_on = match does {
            Does::Mute => picture.own.mute,
            Does::Deafen => picture.own.deaf,
            _ => false,
        };
        let style = if is_on { theme.warn().add_modifier(Modifier::REVERSED) } else { theme.quiet() };
        let place = Rect { x: area.x + start as u16, width: width(name) as u16, ..area };
        frame.render_widget(Span::styled(*name, style), place);
        buttons.push((place, *does));
        end = start;
    }
    buttons
}

/// What one talks by, where that is a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TalkKey {
    /// Space, as long as it is held.
    Held,
    /// Space, which begins and ends.
    Pushed,
    /// An empty line, which begins and ends.
    Line,
}

/// How one is heard, in some words.
pub(super) fn state(picture: &Picture, meters: &Meters, key: TalkKey, theme: Theme) -> (String, Style) {
    let own = &picture.own;
    let member = picture.view.own();
    let is = |flag: fn(&crate::protocol::wire::Member) -> bool| member.is_some_and(flag);
    let quiet = |words: &str| (words.to_owned(), theme.quiet());
    let warning = |words: &str| (words.to_owned(), theme.warn());
    match &picture.connection {
        Connection::Connected => (),
        Connection::Connecting => return quiet("Connecting …"),
        Connection::Returning { reason } => return (format!("Coming back: {}", plain(reason)), theme.warn()),
        Connection::Over { reason } => return (format!("Ended: {}", plain(reason)), theme.warn()),
    }
    if own.deaf || is(|member| member.deafened) {
        return warning(if own.deaf { "Deaf: you hear nobody" } else { "A moderator deafened you" });
    }
    if own.away {
        return warning("Away: the microphone is closed");
    }
    if own.mute || is(|member| member.muted) {
        return warning(match (own.mute, meters.speech > 0.8) {
            (true, true) => "You talk, and are muted",
            (true, false) => "Muted",
            (false, _) => "A moderator muted you",
        });
    }
    if picture.channel().is_none() {
        return quiet("In no channel");
    }
    if is(|member| member.suppressed) {
        return warning("You may not speak here");
    }
    if let Device::Failing(why) = &picture.microphone {
        return (format!("No microphone: {}", plain(why)), theme.warn());
    }
    if picture.echo_test {
        return (
            "You hear yourself, nobody else does".to_owned(),
            if meters.sending { theme.talk() } else { theme.accent() },
        );
    }
    if own.busy {
        return warning("The server is at its limit: nobody hears you now");
    }
    let whom = if own.whisper.is_empty() { None } else { Some(named(&own.whisper, picture)) };
    if own.sending || meters.sending {
        let words = match (&whom, own.latched) {
            (Some(whom), _) => format!("● Whispering to {whom}"),
            (None, true) if key == TalkKey::Line => "● Talking; an empty line ends".to_owned(),
            (None, true) => "● Talking; Space ends".to_owned(),
            (None, false) => "● Talking".to_owned(),
        };
        return (words, theme.talk().add_modifier(Modifier::BOLD));
    }
    let to = whom.map(|whom| format!(" to {whom}")).unwrap_or_default();
    let words = match (picture.settings.mode, own.pressed || own.latched, key) {
        (Mode::PushToTalk, false, TalkKey::Held) => format!("Hold Space to talk{to}"),
        (Mode::PushToTalk, false, TalkKey::Pushed) => format!("Space to talk{to}, Space to end"),
        (Mode::PushToTalk, false, TalkKey::Line) => format!("An empty line to talk{to}, another to end"),
        (Mode::PushToTalk, true, _) | (Mode::VoiceActivation, ..) => format!("Speak{to}"),
        (Mode::Continuous, ..) => format!("Heard all the time{to}"),
    };
    quiet(&words)
}

/// Those who are spoken to.
pub(super) fn named(targets: &[Target], picture: &Picture) -> String {
    let view = &picture.view;
    let name = |target: &Target| match target {
        Target::Session(session) => view.member(*session).map(|member| plain(&member.name)),
        Target::Channel { channel, subtree, .. } => {
            let below = if *subtree { "/*" } else { "" };
            view.channels.get(&channel.0).map(|channel| format!("#{}{below}", plain(&channel.name)))
        }
        Target::Role(role) => view.role(*role).map(|role| format!("@{}", plain(&role.name))),
    };
    let names: Vec<_> =
        targets.iter().map(|target| name(target).unwrap_or_else(|| "somebody who left".to_owned())).collect();
    match names.as_slice() {
        [first, second, _, ..] => format!("{first}, {second} and {} more", names.len() - 2),
        names => names.join(", "),
    }
}
