//! The command line: one file a subcommand. Each flag is described once, here and there; help,
//! completions and the man page are generated from that.

mod account;
mod admin;
mod assistant;
mod ban;
mod bench;
mod caller;
mod channel;
mod channels;
mod claim;
mod completions;
mod config;
mod connect;
mod db;
mod demo;
mod device;
mod devices;
mod discover;
mod doctor;
mod element;
mod flow;
mod form;
mod hook;
mod invite;
mod key;
mod kick;
mod login;
mod login_web;
mod logout;
mod move_session;
mod mute;
mod oauth;
mod operate;
mod output;
mod person;
mod play;
mod plugin;
mod priority;
mod profile;
mod ptt;
mod record;
mod recording;
mod records;
mod reset;
mod role;
mod say;
mod secret;
mod serve;
mod settings;
mod span;
mod status;
mod talk;
mod trace;
mod user;
mod what_if;
mod whisper;
mod who;
mod why;
mod words;

use crate::talk::Ask;
use clap::{FromArgMatches, Parser, Subcommand};
use output::Output;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// A self-hosted voice server, its client and its tools.
#[derive(Debug, Parser)]
#[command(name = "parlour", version, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    /// Print JSON, for scripts: one object a line on standard output, errors on standard error.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(serve::Serve),
    /// Look after a server on this machine.
    Admin(admin::Admin),
    /// Check and show the server's settings.
    Config(config::Config),
    /// Find out what keeps a server from working, and what to do about it.
    Doctor(doctor::Doctor),
    /// List the servers on the local network.
    Discover(discover::Discover),
    /// Become the first administrator of a new server, with the code it printed.
    Claim(claim::Claim),
    /// Log in to a server, and stay logged in.
    Login(login::Login),
    /// Log out, and forget the log-in here.
    Logout(logout::Logout),
    /// Your own account: password, second factor.
    Account(account::Account),
    /// Choose another password when you forgot yours, by an e-mail.
    Reset(reset::Reset),
    /// Make an account with an invite, and log in.
    Register(invite::Register),
    /// Invite people to make accounts.
    Invite(invite::Invite),
    /// Keep accounts, addresses and devices out.
    Ban(ban::Ban),
    /// Keys for programs that act for you.
    Key(key::Key),
    /// Programs of others: which may ask people to act for them, and which act for you.
    Oauth(oauth::Oauth),
    /// Assistants: programs that ask the server for somebody, by the Model Context Protocol.
    Assistant(assistant::Assistant),
    /// Webhooks: addresses to which the server sends what happens.
    Hook(hook::Hook),
    /// Flows: what the server does by itself when something happens.
    Flow(flow::Flows),
    /// Plugins: programs of others (WebAssembly) that the server runs within bounds.
    Plugin(plugin::Plugin),
    /// The devices that are logged in to your account.
    Device(device::Device),
    /// Microphones and loudspeakers of this machine: listed, and tried.
    Devices(devices::Devices),
    /// Show where you are logged in and how good the connection is.
    Status(status::Status),
    /// Show the channels and who is in them.
    Channels(channels::Channels),
    /// Show who is connected.
    Who(who::Who),
    /// Sit down and talk: hear a channel and speak into it.
    Talk(talk::Talk),
    /// Push the key to talk of the `parlour talk` that runs here.
    Ptt(ptt::Ptt),
    /// Mute yourself in the `parlour talk` that runs here, or unmute.
    MuteMe(ptt::OwnSwitch),
    /// Deafen yourself in the `parlour talk` that runs here, or hear again.
    DeafenMe(ptt::OwnSwitch),
    /// Be away from the keyboard in the `parlour talk` that runs here, or be back.
    AwayMe(ptt::OwnSwitch),
    /// Show how the `parlour talk` that runs here is set.
    TalkStatus(ptt::TalkStatus),
    /// Send a text message.
    #[command(aliases = ["write", "text"])]
    Say(say::Say),
    /// Play a sound file into a channel.
    Play(play::Play),
    /// Play a sound file to chosen people, channels or roles.
    Whisper(whisper::Whisper),
    /// Record a channel here: a file for each speaker, or one mixed.
    Record(record::Record),
    /// Recordings that the server makes.
    Recording(recording::Recording),
    /// Find out why somebody may do something, or may not.
    ///
    /// The exit code is 0 when the statement holds, and 1 when it doesn't.
    Why(why::Why),
    /// Show what would be different after a change, which isn't made.
    ///
    /// It is worked out for everybody who is connected, and for the user whom the change names.
    WhatIf(what_if::WhatIf),
    /// End somebody's connection.
    Kick(kick::Kick),
    /// Mute, deafen or suppress somebody.
    Mute(mute::Mute),
    /// Move somebody to another channel.
    Move(move_session::MoveSession),
    /// Make somebody a priority speaker.
    Priority(priority::Priority),
    /// What people show of themselves: a name, a text and a picture.
    Profile(profile::Profile),
    /// Small pieces of JSON that programs keep on channels, accounts and recordings.
    Element(element::Element),
    /// Accounts.
    User(user::User),
    /// The channel tree, and who may do what in it.
    ///
    /// The commands act as the person who is logged in (`parlour login`); with --data-dir or --organization, and while
    /// nobody is logged in here, they act as the machine's owner on the database of this machine's server.
    Channel(channel::Channel),
    /// Roles: named sets of permissions.
    ///
    /// The commands act as the person who is logged in (`parlour login`); with --data-dir or --organization, and while
    /// nobody is logged in here, they act as the machine's owner on the database of this machine's server.
    Role(role::Role),
    /// What everybody meets who comes: welcome, channels for newcomers and for the idle.
    Settings(settings::Settings),
    /// Organizations, for the machine's owner.
    Org(records::Org),
    /// Sessions: log-ins that outlive connections.
    Session(records::Session),
    /// The audit trail: who changed what.
    Audit(records::Audit),
    /// The database: status, backup, verify, migrate, export ...
    Db(db::Db),
    /// Show that voice gets through: a server, a speaker and two listeners on this machine.
    Demo(demo::Demo),
    /// Measure a server: many clients, every frame timed.
    Bench(bench::Bench),
    /// Print completions for a shell, or the manual page.
    Completions(completions::Completions),
}

/// Time for what is left to be sent after an error.
const FAREWELL: std::time::Duration = std::time::Duration::from_millis(50);

impl Cli {
    /// The command of this process's arguments; what they get wrong, and what asks for help, ends the process.
    pub fn from_arguments() -> Self {
        Self::from_arg_matches(&form::whole::<Self>().get_matches()).unwrap_or_else(|error| error.exit())
    }

    /// Runs the command and answers with the exit code.
    pub fn run(self) -> u8 {
        let output = Output::new(self.json);
        keep_memory_private();
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return output.fail(&error.into()),
        };
        let result = runtime.block_on(self.command.run(output));
        if result.is_err() {
            // A connection that an error cut short still gets to tell the server that it ends.
            runtime.block_on(async { tokio::time::sleep(FAREWELL).await });
        }
        // Tasks that linger (a name look-up, say) don't hold the end up.
        runtime.shutdown_background();
        result.map_or_else(|error| output.fail(&error), |()| 0)
    }
}

/// Keeps passwords and keys that are in memory out of core files, and the memory from other processes of the same user
/// (prctl(2), `PR_SET_DUMPABLE`). A system that refuses the one or the other is as it was.
fn keep_memory_private() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = setrlimit(Resource::Core, none);
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

impl Command {
    async fn run(self, output: Output) -> anyhow::Result<()> {
        match self {
            Self::Serve(command) => command.run(output).await,
            Self::Admin(command) => command.run(output).await,
            Self::Config(command) => command.run(output),
            Self::Doctor(command) => command.run(output).await,
            Self::Discover(command) => command.run(output).await,
            Self::Claim(command) => command.run(output).await,
            Self::Login(command) => command.run(output).await,
            Self::Logout(command) => command.run(output).await,
            Self::Account(command) => command.run(output).await,
            Self::Reset(command) => command.run(output).await,
            Self::Register(command) => command.run(output).await,
            Self::Invite(command) => command.run(output).await,
            Self::Ban(command) => command.run(output).await,
            Self::Key(command) => command.run(output).await,
            Self::Oauth(command) => command.run(output).await,
            Self::Assistant(command) => command.run(output).await,
            Self::Flow(command) => command.run(output).await,
            Self::Hook(command) => command.run(output).await,
            Self::Plugin(command) => command.run(output).await,
            Self::Device(command) => command.run(output).await,
            Self::Devices(command) => command.run(output).await,
            Self::Status(command) => command.run(output).await,
            Self::Channels(command) => command.run(output).await,
            Self::Who(command) => command.run(output).await,
            Self::Talk(command) => command.run(output).await,
            Self::Ptt(command) => command.run(output),
            Self::MuteMe(command) => command.run(Ask::Mute, output),
            Self::DeafenMe(command) => command.run(Ask::Deafen, output),
            Self::AwayMe(command) => command.run(Ask::Away, output),
            Self::TalkStatus(command) => command.run(output),
            Self::Say(command) => command.run(output).await,
            Self::Play(command) => command.run(output).await,
            Self::Record(command) => command.run(output).await,
            Self::Whisper(command) => command.run(output).await,
            Self::Recording(command) => command.run(output).await,
            Self::Why(command) => command.run(output).await,
            Self::WhatIf(command) => command.run(output).await,
            Self::Kick(command) => command.run(output).await,
            Self::Mute(command) => command.run(output).await,
            Self::Move(command) => command.run(output).await,
            Self::Priority(command) => command.run(output).await,
            Self::Settings(command) => command.run(output).await,
            Self::Profile(command) => command.run(output).await,
            Self::Element(command) => command.run(output).await,
            Self::User(command) => command.run(output).await,
            Self::Channel(command) => command.run(output).await,
            Self::Role(command) => command.run(output).await,
            Self::Org(command) => command.run(output).await,
            Self::Session(command) => command.run(output).await,
            Self::Audit(command) => command.run(output).await,
            Self::Db(command) => command.run(output).await,
            Self::Demo(command) => command.run(output).await,
            Self::Bench(command) => command.run(output).await,
            Self::Completions(command) => command.run(form::whole::<Cli>()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Sources};

    #[test]
    fn what_is_in_memory_gets_into_no_core_file() {
        keep_memory_private();
        let limit = rustix::process::getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
        assert_eq!(rustix::process::dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }

    #[test]
    fn what_commands_read_of_the_environment_is_no_setting_that_the_server_refuses() {
        fn variables(command: &clap::Command, found: &mut Vec<String>) {
            let of_this = command.get_arguments().filter_map(|argument| argument.get_env());
            found.extend(of_this.filter_map(|name| name.to_str()).map(str::to_owned));
            command.get_subcommands().for_each(|command| variables(command, found));
        }
        let mut found = Vec::new();
        variables(&form::whole::<Cli>(), &mut found);
        assert!(found.iter().any(|name| name == "PARLOUR_TALK_CONTROL"), "{found:?}");
        for name in found {
            let environment = vec![(name.clone(), "x".to_owned())];
            let loaded = Config::load(&Sources { environment, ..Sources::default() });
            assert!(loaded.is_ok(), "{name}: {loaded:?}");
        }
    }

    #[test]
    fn every_command_is_put_together_well() {
        form::whole::<Cli>().debug_assert();
    }
}
