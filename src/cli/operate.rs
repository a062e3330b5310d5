//! How commands of the machine's owner reach the database: through the server while it runs on the data
//! directory, and straight into the file while none does.

use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

use super::output::{Output, cell, eprint_line, printable};
use crate::admin::{self, Answer, Request};
use crate::clock::Clock;
use crate::config::Config;
use crate::endpoint::{AskError, SOCKET_FILE, ask_local};
use crate::id::Timestamp;
use crate::protocol::wire::{self, request, response};
use crate::store::{Author, By, OpenError, Opening, STORE_FILE, Store};

/// How long something may take without being shown to make progress.
const UNSHOWN: Duration = Duration::from_secs(1);

/// Where `config/parlour.service` has the server keep its data.
pub(super) const UNIT_DIRECTORY: &str = "/var/lib/parlour";

/// Which of two data directories a command means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chosen {
    /// The user's own.
    Own,
    /// The same, while a server is in the other one, too.
    OwnOfTwo,
    /// The unit's.
    Unit,
    /// The user's own, which is empty; there may be a server in the unit's, which this user can't enter.
    Closed,
}

/// A directory where a server runs comes before one where none does, and that before one without a database.
fn chosen(own: &Path, unit: &Path) -> Chosen {
    // 0 for nothing, 1 for a database, 2 for a server that runs.
    let found = |directory: &Path| -> std::io::Result<u8> {
        let has = |file: &str| directory.join(file).try_exists();
        Ok(if has(SOCKET_FILE)? { 2 } else { u8::from(has(STORE_FILE)?) })
    };
    match (found(own).unwrap_or(0), found(unit)) {
        (0, Err(error)) if error.kind() == std::io::ErrorKind::PermissionDenied => Chosen::Closed,
        (_, Err(_) | Ok(0)) => Chosen::Own,
        (own, Ok(unit)) if unit > own => Chosen::Unit,
        (_, Ok(_)) => Chosen::OwnOfTwo,
    }
}

/// Says which server was taken; a command that looks several times says it once.
fn say_once(text: &str) {
    static SAID: Once = Once::new();
    SAID.call_once(|| eprint_line(text));
}

/// Which organization.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Organization {
    /// The organization's tag. Default: the server's own.
    #[arg(long = "organization", value_name = "TAG", global = true)]
    pub(super) tag: Option<String>,
}

/// Which server of this machine.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct LocalServer {
    /// Data directory of the server meant, which may be running or not.
    #[arg(long, value_name = "DIRECTORY", global = true)]
    pub(super) data_dir: Option<PathBuf>,
}

impl LocalServer {
    /// The settings of the server.
    pub(super) fn config(&self) -> anyhow::Result<Config> {
        self.config_of(None)
    }

    /// The same from a configuration file that is named. Where nobody says which data directory is meant, it is the user's
    /// own, or that of the systemd unit if there is a server in that.
    pub(super) fn config_of(&self, file: Option<&Path>) -> anyhow::Result<Config> {
        let load = |directory: Option<&Path>| {
            let flags = directory.map(|path| ("data_dir", path.display().to_string()));
            Config::load(&super::config::sources(file.map(Path::to_owned), flags.into_iter().collect()))
        };
        let config = load(self.data_dir.as_deref())?;
        if !config.data_dir_is_default() {
            return Ok(config);
        }
        let own = config.data_dir();
        match chosen(&own, Path::new(UNIT_DIRECTORY)) {
            Chosen::Own => Ok(config),
            Chosen::Unit => {
                say_once(&format!("This is about the server in {UNIT_DIRECTORY}."));
                Ok(load(Some(Path::new(UNIT_DIRECTORY)))?)
            }
            Chosen::OwnOfTwo => {
                let own = own.display();
                say_once(&format!(
                    "This is about the server in {own}; there is another in {UNIT_DIRECTORY}, which --data-dir names."
                ));
                Ok(config)
            }
            Chosen::Closed => {
                say_once(&format!(
                    "A server of this machine has its data in {UNIT_DIRECTORY}, where this user may not look. If that one is \
                     meant, run the command by sudo."
                ));
                Ok(config)
            }
        }
    }

    pub(super) fn directory(&self) -> anyhow::Result<PathBuf> {
        Ok(self.config()?.data_dir())
    }

    pub(super) fn file(&self) -> anyhow::Result<PathBuf> {
        Ok(self.directory()?.join(STORE_FILE))
    }

    /// Has a request done by whoever has the database open: the server, or this command.
    pub(super) async fn operate(&self, request: Request, output: Output) -> anyhow::Result<Answer> {
        let directory = self.directory()?;
        if let Some(answer) = ask_server(&directory, &request).await? {
            return Ok(answer);
        }
        let (path, bar) = (directory.join(STORE_FILE), Bar::new(output));
        let progress = bar.clone();
        let work = tokio::task::spawn_blocking(move || {
            let store = open(&path)?;
            let by = By::new(Author::Operator, None, now());
            let show = |what: &str, done| progress.show(what, done);
            Ok::<_, anyhow::Error>(admin::run(&store, by, &Clock::system(), request, &show)?)
        });
        let answer = work.await?;
        bar.clear();
        answer
    }

    /// The same, and shows what came of it in a table of these columns: a field's name and its heading.
    pub(super) async fn show(
        &self,
        request: Request,
        columns: &[(&str, &str)],
        output: Output,
    ) -> anyhow::Result<()> {
        let answer = self.operate(request, output).await?;
        print(&answer, columns, output);
        Ok(())
    }
}

/// Prints an answer: its sentence, or its rows when it has none.
pub(super) fn print(answer: &Answer, columns: &[(&str, &str)], output: Output) {
    if !answer.text.is_empty() {
        output.line(&answer.text);
    }
    if answer.text.is_empty() && answer.rows.is_empty() {
        output.line("There is nothing.");
    } else if !columns.is_empty() && (answer.text.is_empty() || answer.rows.len() > 1) {
        let headings: Vec<_> = columns.iter().map(|(_, heading)| *heading).collect();
        let cells = |row: &Value| columns.iter().map(|(field, _)| cell(&row[*field], "")).collect();
        output.table(&headings, answer.rows.iter().map(cells).collect());
    }
    for row in &answer.rows {
        output.object(row);
    }
    if answer.rows.is_empty() {
        output.object(&serde_json::json!({ "done": answer.text }));
    }
}

/// The running server's answer; none when none runs.
async fn ask_server(directory: &Path, request: &Request) -> anyhow::Result<Option<Answer>> {
    let body = request::Body::Administer(wire::Administer { request: serde_json::to_string(request)? });
    match ask_local(directory, body).await {
        Ok(response::Body::Administered(done)) => {
            Ok(Some(serde_json::from_str(&done.answer).context("the server's answer can't be read")?))
        }
        Ok(response::Body::Error(error)) => bail!("{}", error.message),
        Ok(_) => Err(AskError::Unknown.into()),
        Err(AskError::NotRunning(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether a server runs on a directory.
pub(super) async fn is_running(directory: &Path) -> bool {
    let body = request::Body::ServerStatus(wire::ServerStatus {});
    !matches!(ask_local(directory, body).await, Err(AskError::NotRunning(_)))
}

/// Opens the database of a server that doesn't run; an older one isn't migrated by the way.
pub(super) fn open(path: &Path) -> anyhow::Result<Store> {
    if !path.exists() {
        bail!(
            "there is no database at {}; make one with `parlour db init`, start a server with `parlour serve`, \
             or name its directory with --data-dir",
            path.display()
        );
    }
    let opening = Opening { create: false, migrate: false, ..Opening::default() };
    match Store::open_with(path, now(), &opening) {
        Err(OpenError::Older { path, found, known }) => bail!(
            "{} has schema {found}, and this Parlour works with {known}; migrate it with `parlour db migrate`",
            path.display()
        ),
        opened => Ok(opened?),
    }
}

pub(super) fn now() -> Timestamp {
    Timestamp::default().plus(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default())
}

/// A progress bar on the terminal, which stays hidden for what takes less than a second.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    bar: ProgressBar,
    began: std::time::Instant,
}

impl Bar {
    pub(super) fn new(output: Output) -> Self {
        let bar = ProgressBar::with_draw_target(Some(1_000), ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template("{msg:<44!} {bar:30.cyan} {percent:>3} %  {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        // Its terminal is standard error, which a script that reads JSON doesn't take for an answer.
        let _ = output;
        Self { bar, began: std::time::Instant::now() }
    }

    /// Shows what is being done, and how far it is, from 0 to 1.
    pub(super) fn show(&self, what: &str, done: f64) {
        if self.bar.is_hidden() && self.began.elapsed() >= UNSHOWN {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_message(printable(what));
        self.bar.set_position((done.clamp(0.0, 1.0) * 1_000.0) as u64);
    }

    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_command_finds_the_server_of_the_unit() {
        let home = tempfile::tempdir().unwrap();
        let (own, unit) = (home.path().join("own"), home.path().join("unit"));
        assert_eq!(chosen(&own, &unit), Chosen::Own, "there is none anywhere");
        fs::create_dir_all(&own).unwrap();
        fs::create_dir_all(&unit).unwrap();
        fs::write(unit.join(STORE_FILE), "x").unwrap();
        assert_eq!(chosen(&own, &unit), Chosen::Unit);
        fs::write(own.join(STORE_FILE), "x").unwrap();
        assert_eq!(chosen(&own, &unit), Chosen::OwnOfTwo);
        fs::write(unit.join(SOCKET_FILE), "x").unwrap();
        assert_eq!(chosen(&own, &unit), Chosen::Unit, "it runs");
        fs::remove_dir_all(&unit).unwrap();
        assert_eq!(chosen(&own, &unit), Chosen::Own);
    }

    #[test]
    fn the_unit_has_the_directory_that_commands_look_into_and_makes_no_core_files() {
        let unit = include_str!("../../config/parlour.service");
        let said = |key: &str| {
            let mut of_key = unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            (of_key.next(), of_key.next())
        };
        assert_eq!(
            said("StateDirectory").0.map(|name| format!("/var/lib/{name}")).as_deref(),
            Some(UNIT_DIRECTORY)
        );
        assert!(unit.contains(&format!("\nEnvironment=PARLOUR_DATA_DIR={UNIT_DIRECTORY}\n")));
        assert_eq!(said("LimitCORE"), (Some("0"), None));
        assert!(said("RestartSec").0.is_some());
    }
}
