//! `parlour ptt`, `mute-me`, `deafen-me`, `away-me` and `talk-status`: what a compositor's key or a stream deck does to a running
//! `parlour talk`.

use clap::{Args, ValueEnum};
use serde_json::json;

use super::output::Output;
use super::talk::ControlPath;
use crate::talk::{Ask, Push, Switch, ask};

/// Push the key to talk of the `parlour talk` that runs here.
///
/// Bind it to a key in the compositor or on a stream deck: `down` when it goes down, `up` when it comes up, or `toggle` where only one of
/// them is told. Two pushes within 300 ms latch it.
#[derive(Debug, Args)]
pub(super) struct Ptt {
    /// What is done to it.
    #[arg(value_enum)]
    push: PushName,
    #[command(flatten)]
    control: ControlPath,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PushName {
    /// It goes down.
    Down,
    /// It comes up.
    Up,
    /// It goes down to stay, or comes up.
    Toggle,
}

/// A switch of the `parlour talk` that runs here.
#[derive(Debug, Args)]
pub(super) struct OwnSwitch {
    /// What it is to be.
    #[arg(value_enum, default_value_t = SwitchName::Toggle)]
    switch: SwitchName,
    #[command(flatten)]
    control: ControlPath,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SwitchName {
    On,
    Off,
    /// The other one.
    Toggle,
}

/// How the `parlour talk` that runs here is set.
#[derive(Debug, Args)]
pub(super) struct TalkStatus {
    /// Print what belongs into a report of a fault: versions, devices, delay, loss. It names nobody, and no address; devices have the
    /// names that the machine gives them.
    #[arg(long)]
    statistics: bool,
    #[command(flatten)]
    control: ControlPath,
}

impl Ptt {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        let push = match self.push {
            PushName::Down => Push::Down,
            PushName::Up => Push::Up,
            PushName::Toggle => Push::Toggle,
        };
        say(&self.control, Ask::Push(push), output)
    }
}

impl OwnSwitch {
    /// Turns the switch that `which` makes of what it is to be.
    pub(super) fn run(self, which: fn(Switch) -> Ask, output: Output) -> anyhow::Result<()> {
        let switch = match self.switch {
            SwitchName::On => Switch::On,
            SwitchName::Off => Switch::Off,
            SwitchName::Toggle => Switch::Toggle,
        };
        say(&self.control, which(switch), output)
    }
}

impl TalkStatus {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        if !self.statistics {
            return say(&self.control, Ask::Status, output);
        }
        let statistics = ask(&self.control.path(), Ask::Statistics)?;
        for line in statistics.lines() {
            output.line(line);
        }
        output.object(&json!({ "statistics": statistics }));
        Ok(())
    }
}

/// Asks, and prints how one is set then.
fn say(control: &ControlPath, what: Ask, output: Output) -> anyhow::Result<()> {
    let status = ask(&control.path(), what)?;
    output.line(if status.is_empty() { "nothing is set" } else { &status });
    output.object(&json!({ "status": status.split_whitespace().collect::<Vec<_>>() }));
    Ok(())
}
