//! What a server can be put through.

use thiserror::Error;

/// Something to put a server through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// 1 speaker, 200 listeners.
    W1,
    /// 1 speaker, 1000 listeners.
    W2,
    /// 20 channels of 25 people, 3 of whom speak.
    W3,
    /// 100 people in a channel, 10 of whom speak.
    W4,
    /// 200 people in a channel, of whom more and more speak, until loss is over 1 % or the 99th percentile
    /// of the delay over 100 ms.
    W5,
    /// 40 channels of 1 speaker and 25 listeners.
    W6,
    /// 1000 log-ins by token, 64 at once.
    Storm,
    /// 1000 clients that do nothing.
    Idle,
    /// W3, while 5 % of the people move to another channel each second.
    Churn,
    /// So many channels, people in each, and speakers among them: `20x25x3` is W3.
    Rooms {
        /// Channels.
        channels: u16,
        /// People in each.
        people: u16,
        /// Speakers in each.
        speakers: u16,
    },
}

impl Workload {
    /// All that have a name, with the names that commands know.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::W1, "w1"),
        (Self::W2, "w2"),
        (Self::W3, "w3"),
        (Self::W4, "w4"),
        (Self::W5, "w5"),
        (Self::W6, "w6"),
        (Self::Storm, "storm"),
        (Self::Idle, "idle"),
        (Self::Churn, "churn"),
    ];

    /// Its name.
    pub fn name(self) -> String {
        if let Self::Rooms { channels, people, speakers } = self {
            return format!("{channels}x{people}x{speakers}");
        }
        Self::ALL.iter().find(|(workload, _)| *workload == self).map_or("", |(_, name)| name).to_owned()
    }

    /// Channels, people in each, and how many of them speak.
    pub fn shape(self) -> (usize, usize, usize) {
        match self {
            Self::W1 => (1, 201, 1),
            Self::W2 => (1, 1_001, 1),
            Self::W3 | Self::Churn => (20, 25, 3),
            Self::W4 => (1, 100, 10),
            Self::W5 => (1, 200, 10),
            Self::W6 => (40, 26, 1),
            Self::Storm | Self::Idle => (1, 1_000, 0),
            Self::Rooms { channels, people, speakers } => (channels.into(), people.into(), speakers.into()),
        }
    }

    /// Everybody.
    pub fn people(self) -> usize {
        let (channels, people, _) = self.shape();
        channels * people
    }
}

impl std::str::FromStr for Workload {
    type Err = UnknownWorkload;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownWorkload(text.to_owned());
        if let Some((workload, _)) = Self::ALL.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)) {
            return Ok(*workload);
        }
        let numbers: Result<Vec<u16>, _> = text.split('x').map(str::parse).collect();
        match numbers.map_err(|_| unknown())?[..] {
            [channels, people, speakers] if channels > 0 && people > 1 && speakers <= people => {
                Ok(Self::Rooms { channels, people, speakers })
            }
            _ => Err(unknown()),
        }
    }
}

/// A name that no workload has.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "there is no workload \"{0}\"; there are w1 to w6, storm, idle, churn, and CHANNELSxPEOPLExSPEAKERS as 20x25x3"
)]
pub struct UnknownWorkload(String);
