//! What `parlour channel` is told.

use clap::{Args, Subcommand};

use crate::admin::Limit;
use crate::cli::connect::{Acting, JoinPassword};
use crate::cli::output::Output;
use crate::cli::secret::{channel_password, password};
use crate::cli::span::Span;
use crate::cli::words::{bitrate, frame, known_permissions, permissions, reach};
use crate::permission::{Permissions, Reach};
use crate::protocol::wire::VoicePolicy;

/// The channel tree, and who may do what in it.
#[derive(Debug, Args)]
pub(in crate::cli) struct Channel {
    #[command(subcommand)]
    pub(super) command: Command,
    #[command(flatten)]
    pub(super) acting: Acting,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List them.
    List(Limit),
    /// Create one.
    Create {
        /// Its path from the top: `Operations/Charlie Squad`.
        path: String,
        /// A text about it.
        #[arg(long, default_value = "")]
        description: String,
        /// Order among its siblings, ascending.
        #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
        position: i32,
        /// Remove it once it has been empty for so long: 10m, 1h.
        #[arg(long, value_name = "TIME")]
        temporary: Option<Span>,
        #[command(flatten)]
        options: Options,
    },
    /// Change one, or move it in the tree.
    Edit {
        /// Its path.
        path: String,
        /// Another name.
        #[arg(long, value_name = "NAME")]
        rename: Option<String>,
        /// Another text about it.
        #[arg(long)]
        description: Option<String>,
        /// Another place among its siblings.
        #[arg(long, allow_negative_numbers = true)]
        position: Option<i32>,
        /// The channel to be below from now on; `/` for the top.
        #[arg(long, value_name = "PATH")]
        below: Option<String>,
        #[command(flatten)]
        options: Options,
    },
    /// Delete one with everything below it.
    Delete {
        /// Its path.
        path: String,
    },
    /// Make an exception for a role or a user in a channel; without permissions, take it away.
    #[command(after_help = known_permissions())]
    Allow(Exception),
    /// Show the exceptions that a channel makes.
    Overwrites {
        /// The channel's path.
        path: String,
    },
    /// Let two channels hear each other.
    Link {
        /// A channel's path.
        path: String,
        /// The other one's.
        other: String,
        /// No longer.
        #[arg(long)]
        remove: bool,
    },
    /// Hear a channel without being in it.
    Listen {
        /// The channel's path.
        path: String,
        /// How loud, in percent.
        #[arg(long, value_name = "PERCENT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=200))]
        volume: u32,
        /// No longer.
        #[arg(long)]
        off: bool,
        #[command(flatten)]
        password: JoinPassword,
    },
}

/// What may be said of a channel beside its name.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Options {
    /// What must be known to join; an empty one is none. Asked for when the value is left out or is `-`.
    #[arg(long, value_name = "PASSWORD", num_args = 0..=1, default_missing_value = "-")]
    password: Option<String>,
    /// Read it from standard input.
    #[arg(long, conflicts_with = "password")]
    password_stdin: bool,
    /// People at most; 0 for any number.
    #[arg(long, value_name = "COUNT")]
    pub(super) limit: Option<u32>,
    /// Bits a second of each speaker at most: 64k; 0 for any.
    #[arg(long, value_name = "RATE", value_parser = bitrate)]
    bitrate: Option<u32>,
    /// Length of a frame of voice in milliseconds: 10, 20, 40 or 60; 0 for any.
    #[arg(long, value_name = "MS", value_parser = frame)]
    frame: Option<u32>,
    /// How many speakers are heard at once, the loudest ones; 0 for all.
    #[arg(long, value_name = "COUNT")]
    last_speakers: Option<u32>,
}

impl Options {
    /// The password, which is asked for where it isn't given.
    pub(super) fn password(&self, output: Output) -> anyhow::Result<Option<String>> {
        let question = "The channel's password";
        if self.password_stdin {
            return password(true, question, false).map(Some);
        }
        channel_password(self.password.as_deref(), question, true, output)
    }

    /// The voice policy with what is given; `None` where nothing is.
    pub(super) fn voice(&self, present: VoicePolicy) -> Option<VoicePolicy> {
        let given = [self.bitrate, self.frame, self.last_speakers].iter().any(Option::is_some);
        given.then(|| VoicePolicy {
            bitrate: self.bitrate.unwrap_or(present.bitrate),
            frame_ms: self.frame.unwrap_or(present.frame_ms),
            last_speakers: self.last_speakers.unwrap_or(present.last_speakers),
        })
    }
}

/// An exception for a role or a user in a channel.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct Exception {
    /// The channel's path.
    pub(super) path: String,
    /// For everyone with this role.
    #[arg(long, conflicts_with = "user", required_unless_present = "user")]
    pub(super) role: Option<String>,
    /// For this user.
    #[arg(long)]
    pub(super) user: Option<String>,
    /// What is allowed, as words.
    #[arg(long, default_value = "", value_name = "PERMISSIONS", value_parser = permissions)]
    pub(super) allow: Permissions,
    /// What is denied, as words.
    #[arg(long, default_value = "", value_name = "PERMISSIONS", value_parser = permissions)]
    pub(super) deny: Permissions,
    /// Where it holds: both (this channel and those below), this-channel or below.
    #[arg(long, default_value = "both", value_name = "WHERE", value_parser = reach)]
    pub(super) reach: Reach,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_policy_keeps_what_isn_t_given() {
        let present = VoicePolicy { bitrate: 1, frame_ms: 2, last_speakers: 3 };
        assert_eq!(Options::default().voice(present), None);
        let options = Options { frame: Some(20), ..Options::default() };
        assert_eq!(options.voice(present), Some(VoicePolicy { bitrate: 1, frame_ms: 20, last_speakers: 3 }));
    }
}
