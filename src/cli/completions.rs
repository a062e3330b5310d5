//! `parlour completions`.

use std::io;

use clap::{Args, CommandFactory, ValueEnum};

use super::Cli;
use super::output::Output;

/// Print completions for a shell, or the manual page.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// For what.
    #[arg(value_enum)]
    kind: Kind,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// The shell bash.
    Bash,
    /// The shell fish.
    Fish,
    /// The shell zsh.
    Zsh,
    /// The manual page, in roff.
    Man,
}

impl Completions {
    pub(super) fn run(self, _: Output) -> anyhow::Result<()> {
        use clap_complete::{Shell, generate};
        let mut command = Cli::command();
        let shell = match self.kind {
            Kind::Bash => Shell::Bash,
            Kind::Fish => Shell::Fish,
            Kind::Zsh => Shell::Zsh,
            Kind::Man => {
                clap_mangen::Man::new(command).render(&mut io::stdout())?;
                return Ok(());
            }
        };
        generate(shell, &mut command, "parlour", &mut io::stdout());
        Ok(())
    }
}
