//! What plugins are called for and for whom, and how much of a line of calls is theirs: nobody keeps others waiting by what they
//! have plugins asked, nor gets past one that is slow.

use std::net::IpAddr;
use std::time::Duration;

use super::refused::Refused;
use crate::account::Whose;
use crate::auth::{AddressKey, is_near};
use crate::bounds::{MAX_PLUGIN_CALLS, MAX_PLUGIN_TURNS};
use crate::plugin::{NotDone, Turn};
use crate::protocol::ErrorCode;
use crate::state::Actor;

/// What a plugin is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Somebody asks for it.
    Call,
    /// A step of a flow, as which this actor asks.
    Step(Actor),
    /// A log-in is being decided, within so long.
    LogIn(Duration),
    /// A text is being decided, within so long.
    Text(Duration),
    /// Something happened.
    Event,
}

impl Purpose {
    pub(super) fn line(self) -> Line {
        match self {
            Self::Call | Self::Step(_) => Line::Calls,
            Self::LogIn(_) => Line::LogIns,
            Self::Text(_) => Line::Texts,
            Self::Event => Line::Events,
        }
    }

    /// How long it may take, where that is less than its own quota.
    pub(super) fn longest(self) -> Option<Duration> {
        match self {
            Self::Call | Self::Step(_) | Self::Event => None,
            Self::LogIn(longest) | Self::Text(longest) => Some(longest),
        }
    }

    /// How long whoever is decided about waits in all, in the line and for the plugin.
    pub(super) fn patience(self) -> Option<Duration> {
        self.longest().map(|longest| 2 * longest)
    }

    /// Whether anybody is logged in meanwhile. While a log-in is decided no other one begins, and nobody's password is tried; nor
    /// is it by a flow, of which nobody knows from where.
    pub(super) fn check_log_ins(self) -> Result<(), Refused> {
        let words = match self {
            Self::Call => return Ok(()),
            Self::Text(_) | Self::Event => {
                "where nobody has asked for it nobody is logged in, and nobody's password is tried"
            }
            Self::Step(_) => "a step of a flow logs nobody in, and tries nobody's password",
            Self::LogIn(_) => {
                "while a log-in is decided nobody else is logged in, and nobody's password is tried"
            }
        };
        Err(Refused::Rejected(ErrorCode::Forbidden, words.to_owned()))
    }
}

/// Calls that wait for each other, and for no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Line {
    /// Those that somebody asks for, or a flow.
    Calls,
    /// Those for log-ins.
    LogIns,
    /// Those about texts.
    Texts,
    /// Those that tell what happened.
    Events,
}

/// What a plugin is called for, for whom, and where they are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Occasion {
    pub(super) purpose: Purpose,
    pub(super) whose: Whose,
    pub(super) from: IpAddr,
}

impl Occasion {
    /// A log-in from there.
    pub(super) fn log_in(purpose: Purpose, from: IpAddr) -> Self {
        Self { purpose, whose: Whose::Address(AddressKey::of(from)), from }
    }

    /// Whose turn it is, and how many calls of one plugin may wait or run for them. Loopback and private networks, where many
    /// people may be one address, have as many as there are.
    pub(super) fn turn(self) -> Turn<Whose> {
        let (of_all, of_plugin) = MAX_PLUGIN_CALLS;
        let Self { whose, from, purpose } = self;
        let all = if purpose.line() == Line::LogIns { of_all } else { of_plugin };
        let (most, group) = match purpose.line() {
            Line::Calls | Line::Events => (all, None),
            Line::Texts if whose == Whose::Owner => (all, None),
            Line::Texts => (MAX_PLUGIN_TURNS.1, None),
            Line::LogIns if is_near(from) => (all, None),
            Line::LogIns => {
                let network = AddressKey::of(from).network();
                let share = network.share(MAX_PLUGIN_TURNS.0, all);
                (MAX_PLUGIN_TURNS.0, share.map(|share| (Whose::Network(network), share)))
            }
        };
        Turn { whose, most, group, all }
    }
}

/// Why a plugin isn't called, in words.
pub(super) fn not_done(why: NotDone) -> Refused {
    let words = match why {
        NotDone::Busy => return Refused::Busy,
        NotDone::Yours(count) => {
            format!("{count} of yours wait for a plugin already; try again in a moment")
        }
        NotDone::Late => "the plugin took too long".to_owned(),
    };
    let code = if why == NotDone::Late { ErrorCode::PluginFailed } else { ErrorCode::Busy };
    Refused::Rejected(code, words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::UserId;

    fn log_in(from: &str) -> Turn<Whose> {
        Occasion::log_in(Purpose::LogIn(Duration::from_secs(2)), from.parse().unwrap()).turn()
    }

    #[test]
    fn an_address_has_a_part_of_the_line_of_log_ins_and_a_site_half_of_it() {
        let one = log_in("203.0.113.7");
        assert_eq!((one.most, one.group, one.all), (8, None, 64));
        assert_ne!(one.whose, log_in("203.0.113.8").whose);
        let (house, neighbour) = (log_in("2001:db8:1:2::7"), log_in("2001:db8:1:3::7"));
        assert_eq!(house.whose, log_in("2001:db8:1:2::8").whose);
        assert_ne!(house.whose, neighbour.whose);
        assert_eq!((house.most, house.group), (8, neighbour.group));
        assert_eq!(house.group.map(|(_, most)| most), Some(32));
        // Many people may be one address there.
        assert_eq!((log_in("192.168.0.7").most, log_in("::1").group), (64, None));
    }

    #[test]
    fn whoever_writes_has_a_quarter_of_the_line_of_texts_and_whoever_calls_all_of_theirs() {
        let turn = |purpose, whose| {
            let from = IpAddr::from([203, 0, 113, 7]);
            Occasion { purpose, whose, from }.turn()
        };
        let (somebody, text) = (Whose::Account(UserId(1)), Purpose::Text(Duration::from_millis(500)));
        assert_eq!((turn(text, somebody).most, turn(text, somebody).all), (4, 16));
        assert_eq!(turn(text, Whose::Owner).most, 16);
        assert_eq!(turn(Purpose::Call, somebody).most, 16);
    }
}
