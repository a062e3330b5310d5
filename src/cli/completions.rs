//! `parlour completions`.

use std::io;

use clap::{Args, Command, ValueEnum};

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
    /// Prints what was asked for of the whole command.
    pub(super) fn run(self, mut command: Command) -> anyhow::Result<()> {
        use clap_complete::{Shell, generate};
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
