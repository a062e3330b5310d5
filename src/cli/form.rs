//! The form of the whole command line: commands in groups, and names that begin with a hyphen.

use std::fmt::Write;

use clap::{Command, CommandFactory};

/// The commands as help lists them.
const GROUPS: &[(&str, &[&str])] = &[
    (
        "Talk",
        &[
            "discover",
            "register",
            "login",
            "logout",
            "status",
            "channels",
            "who",
            "say",
            "play",
            "whisper",
            "record",
            "recording",
            "talk",
            "ptt",
            "mute-me",
            "deafen-me",
            "away-me",
            "talk-status",
            "devices",
        ],
    ),
    (
        "People",
        &[
            "account", "profile", "device", "reset", "invite", "user", "role", "channel", "settings", "why",
            "what-if", "kick", "mute", "move", "priority", "ban",
        ],
    ),
    ("Programs", &["key", "oauth", "assistant", "hook", "flow", "plugin", "element"]),
    ("Server", &["serve", "claim", "admin", "config", "org", "session", "audit", "db"]),
    ("Diagnose", &["doctor", "demo", "bench", "completions"]),
];

/// What an argument is called whose value is a name that somebody chose, and that may begin with a hyphen.
const NAMES: &[&str] = &["PATH", "CHANNEL", "OTHER", "USER", "NAME", "ROLE"];

/// The whole command line.
pub(super) fn whole<C: CommandFactory>() -> Command {
    let command = forgiving(C::command());
    let (groups, head) = (groups(&command), *command.get_styles().get_header());
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{groups}`parlour COMMAND --help` says more of each.\n\n{head}Options:{head:#}\n{{options}}"
    ))
}

/// The commands with what they are for, in groups.
fn groups(command: &Command) -> String {
    let (styles, mut text) = (command.get_styles(), String::new());
    let (head, name) = (styles.get_header(), styles.get_literal());
    for (group, names) in GROUPS {
        // Writing to a String can't fail.
        let _ = writeln!(text, "{head}{group}:{head:#}");
        for one in names.iter().filter_map(|name| command.find_subcommand(name)) {
            let about = one.get_about().map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(text, "  {name}{:<12}{name:#} {about}", one.get_name());
        }
        text.push('\n');
    }
    text
}

/// Names may begin with a hyphen, so what stands where a name is expected is taken for one.
fn forgiving(command: Command) -> Command {
    command
        .mut_args(|argument| {
            let is_name = |word: &clap::builder::Str| NAMES.contains(&word.as_str());
            let named = argument.get_value_names().is_some_and(|words| words.iter().any(is_name));
            if named { argument.allow_hyphen_values(true) } else { argument }
        })
        .mut_subcommands(forgiving)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;

    #[test]
    fn each_command_is_in_one_group() {
        let command = Cli::command();
        let mut there: Vec<_> = command.get_subcommands().map(Command::get_name).collect();
        let mut grouped: Vec<_> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        there.sort_unstable();
        grouped.sort_unstable();
        assert_eq!(there, grouped);
    }

    #[test]
    fn help_fits_a_terminal_and_has_the_groups() {
        let help = whole::<Cli>().render_help().to_string();
        for (group, _) in GROUPS {
            assert!(help.contains(&format!("\n{group}:\n")), "{help}");
        }
        assert!(help.contains("Usage: parlour") && help.contains("--json"), "{help}");
        for line in help.lines().filter(|line| line.starts_with("  ")) {
            assert!(line.chars().count() <= 100, "{line}");
        }
    }

    #[test]
    fn names_may_begin_with_a_hyphen() {
        for line in [
            &["say", "--to", "- lobby", "hello", "all"][..],
            &["say", "hello", "--to", "- lobby"],
            &["channel", "create", "- lobby", "--limit", "5"],
            &["channel", "edit", "--limit", "5", "- lobby", "--rename", "-quiet-"],
            &["channel", "allow", "- lobby", "--role", "-guests", "--deny", "speak"],
            &["move", "-anna-", "- lobby"],
            &["kick", "-anna-", "--reason", "x"],
            &["play", "tone.wav", "--channel", "- lobby"],
            &["user", "create", "-anna-", "--role", "Member"],
        ] {
            let line = std::iter::once("parlour").chain(line.iter().copied());
            if let Err(error) = whole::<Cli>().try_get_matches_from(line.clone()) {
                panic!("{:?}: {error}", line.collect::<Vec<_>>());
            }
        }
        // What is no name is refused as before.
        assert!(whole::<Cli>().try_get_matches_from(["parlour", "who", "--bogus"]).is_err());
    }
}
