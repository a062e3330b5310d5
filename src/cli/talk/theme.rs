//! How things look: colours for dark and light terminals, for those with sixteen colours, and for none.

use ratatui::style::{Color, Modifier, Style};

/// What a terminal shows, and on what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Theme {
    /// No colours: bold, dim, underlined and reversed text only.
    Mono,
    /// The sixteen colours that the terminal's owner has chosen, which go with its background.
    Sixteen,
    /// The page's colours, on a dark background.
    Dark,
    /// The page's colours, on a light background.
    Light,
}

/// What is known of a terminal before anything is drawn on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// Nobody wants colours (`NO_COLOR`), or there are none (`TERM=dumb`).
    pub(super) is_mono: bool,
    /// It shows 16 million colours (`COLORTERM`).
    pub(super) has_all_colours: bool,
    /// Whether its background is light; `None` where it doesn't say.
    pub(super) is_light: Option<bool>,
}

impl Known {
    /// What the environment says, by a function that reads it. `COLORFGBG` ends with the number of the background's colour.
    pub(super) fn from_environment(of: impl Fn(&str) -> Option<String>) -> Self {
        let background = of("COLORFGBG").and_then(|pair| pair.rsplit(';').next()?.parse::<u8>().ok());
        Self {
            is_mono: of("NO_COLOR").is_some_and(|value| !value.is_empty())
                || of("TERM").is_some_and(|term| term == "dumb"),
            has_all_colours: of("COLORTERM")
                .is_some_and(|value| matches!(value.as_str(), "truecolor" | "24bit")),
            is_light: background.map(|colour| matches!(colour, 7 | 9..=15)),
        }
    }
}

impl From<Known> for Theme {
    /// Where the background isn't known, the terminal's own colours are taken, since they are readable on it.
    fn from(known: Known) -> Self {
        match known {
            Known { is_mono: true, .. } => Self::Mono,
            Known { has_all_colours: true, is_light: Some(true), .. } => Self::Light,
            Known { has_all_colours: true, is_light: Some(false), .. } => Self::Dark,
            _ => Self::Sixteen,
        }
    }
}

impl Theme {
    /// Of a colour on light and on dark, and of the sixteen; nothing where there are no colours.
    fn pick(self, light: u32, dark: u32, sixteen: Color) -> Style {
        match self {
            Self::Mono => Style::new(),
            Self::Sixteen => Style::new().fg(sixteen),
            Self::Dark => Style::new().fg(colour(dark)),
            Self::Light => Style::new().fg(colour(light)),
        }
    }

    /// What one is about to choose, or has chosen; the program's name.
    pub(super) fn accent(self) -> Style {
        let style = self.pick(0x0e_5a_63, 0x67_c8_cf, Color::Cyan);
        style.add_modifier(Modifier::BOLD).remove_modifier(Modifier::DIM)
    }

    /// What is said beside the matter.
    pub(super) fn quiet(self) -> Style {
        match self {
            Self::Mono | Self::Sixteen => Style::new().add_modifier(Modifier::DIM),
            _ => self.pick(0x52_60_5f, 0xa3_b3_b1, Color::Reset),
        }
    }

    /// Lines between things.
    pub(super) fn line(self) -> Style {
        match self {
            Self::Mono | Self::Sixteen => Style::new().add_modifier(Modifier::DIM),
            _ => self.pick(0xb5_c0_bc, 0x3a_4c_50, Color::Reset),
        }
    }

    /// A voice.
    pub(super) fn talk(self) -> Style {
        self.pick(0x1f_7a_3f, 0x5f_d3_8a, Color::Green)
    }

    /// What keeps one from being heard, what is recorded, what went wrong.
    pub(super) fn warn(self) -> Style {
        let style = self.pick(0xa1_2c_1f, 0xff_9d_8f, Color::Red);
        if self == Self::Mono { style.add_modifier(Modifier::BOLD) } else { style }
    }

    /// A strong name or heading.
    pub(super) fn strong(self) -> Style {
        self.pick(0x17_22_25, 0xe8_ee_ec, Color::Reset).add_modifier(Modifier::BOLD)
    }

    /// The bars at the top and at the bottom. Text on them has [`Theme::bar`] below its own style.
    pub(super) fn bar(self) -> Style {
        match self {
            Self::Mono | Self::Sixteen => Style::new(),
            Self::Dark => Style::new().fg(colour(0xe8_ee_ec)).bg(colour(0x17_22_25)),
            Self::Light => Style::new().fg(colour(0x17_22_25)).bg(colour(0xe9_ed_eb)),
        }
    }

    /// The row that is selected, where the keys go.
    pub(super) fn selected(self, has_focus: bool) -> Style {
        match self {
            Self::Mono | Self::Sixteen if has_focus => Style::new().add_modifier(Modifier::REVERSED),
            Self::Mono | Self::Sixteen => Style::new().add_modifier(Modifier::UNDERLINED),
            Self::Dark => Style::new().bg(colour(if has_focus { 0x24_4d_54 } else { 0x1c_32_36 })),
            Self::Light => Style::new().bg(colour(if has_focus { 0xb9_dd_db } else { 0xe0_ef_ee })),
        }
    }

    /// The colour of a role, made to stand out from the background; nothing where it can't be shown.
    pub(super) fn role(self, rgb: Option<u32>) -> Style {
        match (self, rgb) {
            (Self::Dark, Some(rgb)) => Style::new().fg(lightness_at(rgb, 140, 255)),
            (Self::Light, Some(rgb)) => Style::new().fg(lightness_at(rgb, 0, 120)),
            _ => Style::new(),
        }
    }
}

fn colour(rgb: u32) -> Color {
    let [_, red, green, blue] = rgb.to_be_bytes();
    Color::Rgb(red, green, blue)
}

/// A colour mixed with white or with black until its lightness (ITU-R BT.709's weights, 0 to 255) is in a range.
fn lightness_at(rgb: u32, least: u32, most: u32) -> Color {
    let [_, red, green, blue] = rgb.to_be_bytes().map(u32::from);
    let is = (red * 2126 + green * 7152 + blue * 722) / 10_000;
    let mix = |part: u32| {
        let mixed = if is < least {
            255 - (255 - part) * (255 - least) / (255 - is).max(1)
        } else if is > most {
            part * most / is.max(1)
        } else {
            part
        };
        mixed.min(255) as u8
    };
    Color::Rgb(mix(red), mix(green), mix(blue))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Theme {
        let read =
            |name: &str| variables.iter().find(|(is, _)| *is == name).map(|(_, value)| (*value).to_owned());
        Known::from_environment(read).into()
    }

    #[test]
    fn colours_are_those_that_can_be_read() {
        assert_eq!(of(&[("COLORTERM", "truecolor"), ("COLORFGBG", "15;0")]), Theme::Dark);
        assert_eq!(of(&[("COLORTERM", "24bit"), ("COLORFGBG", "0;default;15")]), Theme::Light);
        assert_eq!(of(&[("COLORTERM", "truecolor")]), Theme::Sixteen);
        assert_eq!(of(&[("COLORFGBG", "0;15")]), Theme::Sixteen);
        assert_eq!(of(&[("COLORTERM", "truecolor"), ("COLORFGBG", "15;0"), ("NO_COLOR", "1")]), Theme::Mono);
        assert_eq!(of(&[("NO_COLOR", "")]), Theme::Sixteen);
        assert_eq!(of(&[("TERM", "dumb")]), Theme::Mono);
    }

    #[test]
    fn a_role_s_colour_stands_out() {
        assert_eq!(Theme::Dark.role(Some(0x00_00_80)).fg, Some(Color::Rgb(136, 136, 196)));
        assert_eq!(Theme::Light.role(Some(0xff_ff_00)).fg, Some(Color::Rgb(129, 129, 0)));
        assert_eq!(Theme::Dark.role(Some(0xff_ff_00)).fg, Some(Color::Rgb(255, 255, 0)));
        assert_eq!(Theme::Mono.role(Some(0xff)), Style::new());
    }
}
