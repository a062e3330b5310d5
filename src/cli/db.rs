//! `parlour db`.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, IsTerminal};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::caller::Caller;
use super::operate::{Bar, LocalServer, is_running, now, open, print};
use super::output::Output;
use super::secret::ask;
use super::words::in_local_time;
use crate::admin::{Answer, Database, Request};
use crate::client::RequestError;
use crate::files;
use crate::id::{JobId, Timestamp};
use crate::protocol::ErrorCode;
use crate::protocol::wire::{self, request};
use crate::store::{
    BACKUPS, By, Job, JobKind, JobState, Opening, SEEDED_ORGANIZATION, Store, backup_name, compact, peek,
    restore, rollback, verify_file, write,
};

/// Look after the database: back it up, check it, migrate it.
#[derive(Debug, Args)]
pub(super) struct Db {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    local: LocalServer,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the database of a new server, with its first roles and channels.
    Init,
    /// Show the schema's version, the migrations, and when it was last backed up and verified.
    Status,
    /// Show the same with every table's rows and bytes.
    Stats,
    /// Bring an older database to this version's schema, after a backup.
    Migrate,
    /// Go back to the schema before the last migration, by the backup that was made before it.
    Rollback {
        /// Don't ask.
        #[arg(long)]
        yes: bool,
    },
    /// Make a backup, while the server runs or not.
    Backup {
        /// The backup's file. Default: one named by the time in the data directory, of which the newest of
        /// seven days and four weeks are kept.
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Check a backup and put it in the database's place; what is replaced is kept. The server must be stopped.
    Restore {
        /// The backup.
        file: PathBuf,
    },
    /// Check every page (while the server is stopped), row, index entry and reference, and the audit trail. A file that
    /// no server has open stays as it is.
    Verify {
        /// A file to check instead, such as a backup.
        file: Option<PathBuf>,
    },
    /// Make the file as small as it can be. The server must be stopped.
    Compact,
    /// Remove what has expired: sessions, tokens, old audit entries. The server does so by itself, too.
    Sweep,
    /// Add accounts to try things with: demo, alice, bob and charlie, with the password parlour-demo.
    Seed,
    /// Begin anew: the database is set aside, and an empty one made. The server must be stopped.
    Reset {
        /// The organization's tag, to show that you mean it.
        #[arg(long, value_name = "TAG")]
        organization: Option<String>,
    },
    /// Write everything as lines of JSON. Keep them as safe as the database: they hold its password hashes.
    Export {
        /// The file. Default: standard output.
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Make a database of such lines, in a data directory without one.
    Import {
        /// The file.
        file: PathBuf,
    },
    /// Show the runs of maintenance.
    Jobs {
        /// How many.
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
}

impl Db {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let Self { command, local } = self;
        match command {
            Command::Init => init(&local, output),
            Command::Status => status(&local, false, output).await,
            Command::Stats => status(&local, true, output).await,
            Command::Migrate => migrate(&local, output).await,
            Command::Rollback { yes } => roll_back(&local, yes, output).await,
            Command::Backup { to } => {
                let to = to.map(std::path::absolute).transpose()?;
                local.show(Request::Database(Database::Backup { to }), &[], output).await
            }
            Command::Restore { file } => put_back(&local, &file, output).await,
            Command::Verify { file } => verify(&local, file, output).await,
            Command::Compact => make_small(&local, output).await,
            Command::Sweep => local.show(Request::Database(Database::Sweep), &[], output).await,
            Command::Seed => seed(&local, output).await,
            Command::Reset { organization } => reset(&local, organization, output).await,
            Command::Export { to } => export(&local, to, output).await,
            Command::Import { file } => import(&local, &file, output).await,
            Command::Jobs { limit } => {
                let columns = [
                    ("id", "Job"),
                    ("kind", "What"),
                    ("state", "State"),
                    ("progress", "%"),
                    ("started", "Began"),
                    ("seconds", "Seconds"),
                    ("error", "Error"),
                ];
                local.show(Request::Database(Database::Jobs { limit }), &columns, output).await
            }
        }
    }
}

fn init(local: &LocalServer, output: Output) -> anyhow::Result<()> {
    let (directory, path) = (local.directory()?, local.file()?);
    if std::fs::metadata(&path).is_ok_and(|file| file.len() > 0) {
        bail!("{} is there already; `parlour db status` says what it is", path.display());
    }
    files::make_directory(&directory)
        .with_context(|| format!("can't make the data directory {}", directory.display()))?;
    drop(Store::open(&path, now())?);
    output.line(format!("{} is made. Start the server with `parlour serve`.", path.display()));
    output.object(&json!({ "file": path }));
    Ok(())
}

/// Refuses what needs the database for itself while a server has it.
async fn must_be_stopped(local: &LocalServer, what: &str) -> anyhow::Result<PathBuf> {
    let directory = local.directory()?;
    if is_running(&directory).await {
        bail!("a server runs on {}; stop it first, then {what}", directory.display());
    }
    local.file()
}

async fn status(local: &LocalServer, with_tables: bool, output: Output) -> anyhow::Result<()> {
    let (directory, path) = (local.directory()?, local.file()?);
    if !is_running(&directory).await && path.exists() {
        let (schema, applied, pending) = peek(&path)?;
        if !pending.is_empty() {
            // Its tables are those of another version; what can be said is said.
            let row = json!({
                "file": path, "file_bytes": std::fs::metadata(&path)?.len(), "schema": schema,
                "parlour": env!("CARGO_PKG_VERSION"), "pending": pending,
                "applied": applied.iter().map(|one| (one.to, one)).collect::<Vec<_>>(),
                "last_backup": null, "last_verify": null,
            });
            show_status(&row, output);
            return Ok(());
        }
    }
    let request = Database::Status;
    let request = if with_tables { Database::Stats } else { request };
    let answer = local.operate(Request::Database(request), output).await?;
    answer.rows.iter().for_each(|row| show_status(row, output));
    Ok(())
}

fn show_status(row: &Value, output: Output) {
    let text = |value: &Value| value.as_str().map_or_else(|| "never".to_owned(), str::to_owned);
    let time = |value: &Value| in_local_time(&text(value)).unwrap_or_else(|| text(value));
    let bytes = |value: &Value| indicatif::HumanBytes(value.as_u64().unwrap_or(0)).to_string();
    output.line(format!("{}, {}", text(&row["file"]), bytes(&row["file_bytes"])));
    output.line(format!("  schema       {} (this is Parlour {})", row["schema"], text(&row["parlour"])));
    for applied in row["applied"].as_array().into_iter().flatten() {
        let (to, applied) = (&applied[0], &applied[1]);
        let by = format!("Parlour {}, {}", text(&applied["parlour"]), time(&applied["at"]));
        output.line(format!(
            "  applied      {to}: {} ({by}, {} ms)",
            text(&applied["name"]),
            applied["milliseconds"]
        ));
    }
    for pending in row["pending"].as_array().into_iter().flatten() {
        output.line(format!("  pending      {}: {}", pending["to"], text(&pending["name"])));
    }
    output.line(format!("  last backup  {}", time(&row["last_backup"])));
    output.line(format!("  last verify  {}", time(&row["last_verify"])));
    if let Some(tables) = row["tables"].as_array() {
        let cells = |table: &Value| {
            vec![
                text(&table["name"]),
                table["rows"].to_string(),
                bytes(&table["stored_bytes"]),
                bytes(&table["page_bytes"]),
            ]
        };
        output.table(&["Table", "Rows", "Stored", "On pages"], tables.iter().map(cells).collect());
    }
    output.object(row);
}

async fn migrate(local: &LocalServer, output: Output) -> anyhow::Result<()> {
    let path = must_be_stopped(local, "migrate; it also migrates by itself when it starts").await?;
    let (before, ..) = peek(&path)?;
    let bar = Bar::new(output);
    let progress = |what: &str, done: f64| bar.show(what, done);
    let opening = Opening { create: false, progress: &progress, ..Opening::default() };
    let store = Store::open_with(&path, now(), &opening)?;
    bar.clear();
    let stats = store.stats()?;
    if before == stats.schema {
        output.line(format!("{} has schema {before}, the present one; nothing to do.", path.display()));
    } else {
        output.line(format!("{} is migrated from schema {before} to {}.", path.display(), stats.schema));
        if let Some(backup) = stats.applied.last().and_then(|(_, applied)| applied.backup.as_ref()) {
            output.line(format!("The file from before is {}.", backup.display()));
        }
    }
    output.object(&json!({ "from": before, "to": stats.schema, "applied": stats.applied }));
    Ok(())
}

async fn roll_back(local: &LocalServer, yes: bool, output: Output) -> anyhow::Result<()> {
    let path = must_be_stopped(local, "roll back").await?;
    if !yes {
        if !io::stdin().is_terminal() {
            bail!(
                "what was written since the migration will only be in the file that is set aside; say --yes if you mean it"
            );
        }
        let answer = ask("What was written since the migration is set aside. Go back? Type yes")?;
        if answer != "yes" {
            bail!("nothing was changed");
        }
    }
    let bar = Bar::new(output);
    let (aside, schema) = rollback(&path, now(), &mut |what| bar.show(what, 0.5))?;
    bar.clear();
    output.line(format!("{} has schema {schema} again. What it was is {}.", path.display(), aside.display()));
    output.line("Run the version of Parlour that knows this schema; this one would migrate it again.");
    output.object(&json!({ "schema": schema, "set_aside": aside }));
    Ok(())
}

async fn put_back(local: &LocalServer, file: &Path, output: Output) -> anyhow::Result<()> {
    let path = must_be_stopped(local, "restore").await?;
    files::make_directory(&local.directory()?)?;
    let bar = Bar::new(output);
    let replaced = restore(file, &path, now(), &mut |what| bar.show(&format!("checking {what}"), 0.5))?;
    bar.clear();
    output.line(format!("{} is in place as {}.", file.display(), path.display()));
    if let Some(replaced) = &replaced {
        output.line(format!("What it replaced is {}.", replaced.display()));
    }
    output.object(&json!({ "restored": file, "replaced": replaced }));
    Ok(())
}

async fn verify(local: &LocalServer, file: Option<PathBuf>, output: Output) -> anyhow::Result<()> {
    let directory = local.directory()?;
    let answer = if file.is_none() && is_running(&directory).await {
        let mut answer = local.operate(Request::Database(Database::Verify), output).await?;
        if answer.rows.is_empty() {
            answer.text += " Its pages are checked, too, while the server is stopped.";
        }
        answer
    } else {
        let path = file.map_or_else(|| local.file(), Ok)?;
        let bar = Bar::new(output);
        let mut steps = 0.0;
        let problems = verify_file(&path, &mut |what| {
            steps += 1.0;
            bar.show(&format!("checking {what}"), steps / 11.0);
        })?;
        bar.clear();
        match problems.len() {
            0 => Answer {
                text: format!("{} is whole: pages, rows, index, references and audit trail.", path.display()),
                rows: Vec::new(),
            },
            count => Answer {
                text: format!(
                    "{} is damaged ({count} problems). Restore a backup with `parlour db restore`.",
                    path.display()
                ),
                rows: problems.iter().map(|problem| json!({ "problem": problem.to_string() })).collect(),
            },
        }
    };
    print(&answer, &[], output);
    for row in &answer.rows {
        output.line(format!("  {}", row["problem"].as_str().unwrap_or_default()));
    }
    match answer.rows.len() {
        0 => Ok(()),
        count => bail!("the check found {count} problems"),
    }
}

async fn make_small(local: &LocalServer, output: Output) -> anyhow::Result<()> {
    let path = must_be_stopped(local, "compact").await?;
    drop(open(&path)?);
    let began = now();
    let (before, after) = compact(&path)?;
    keep_job(&open(&path)?, JobKind::Compact, began, format!("{before} bytes to {after}"))?;
    let bytes = |bytes| indicatif::HumanBytes(bytes);
    output.line(format!("{} had {} and has {} now.", path.display(), bytes(before), bytes(after)));
    output.object(&json!({ "before": before, "after": after }));
    Ok(())
}

/// Lists what was done without a server among the runs of maintenance.
fn keep_job(store: &Store, kind: JobKind, started: Timestamp, step: String) -> anyhow::Result<()> {
    let (id, state, steps, finished) = (JobId(0), JobState::Done, vec![step], Some(now()));
    let job = Job { id, kind, state, progress: 100, steps, started, finished, error: None };
    store.run(By::server(now()), write::put_job(job))?;
    Ok(())
}

async fn seed(local: &LocalServer, output: Output) -> anyhow::Result<()> {
    let caller = Caller::owner(local, None).await?;
    let seeded = seed_by(&caller, output).await;
    caller.close().await;
    seeded
}

async fn seed_by(caller: &Caller, output: Output) -> anyhow::Result<()> {
    for (name, role) in super::serve::DEMO_USERS {
        let (password, role) = (super::serve::DEMO_PASSWORD.to_owned(), role.to_owned());
        let create = wire::CreateUser { name: name.to_owned(), password, role };
        match caller.created(request::Body::CreateUser(create)).await {
            Ok(id) => {
                output.line(format!("{name} is created."));
                output.object(&json!({ "id": id, "name": name }));
            }
            Err(error) if is_taken(&error) => output.line(format!("{name} is there already.")),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn is_taken(error: &anyhow::Error) -> bool {
    error.downcast_ref().and_then(RequestError::code) == Some(ErrorCode::NameTaken)
}

async fn reset(local: &LocalServer, tag: Option<String>, output: Output) -> anyhow::Result<()> {
    let path = must_be_stopped(local, "reset").await?;
    let store = open(&path)?;
    let home = store.organization(SEEDED_ORGANIZATION)?.context("the database has no organization")?;
    drop(store);
    let given = match tag {
        Some(tag) => tag,
        None => ask(&format!(
            "Everything in {} goes. Type the organization's tag, {}, to do it",
            path.display(),
            home.tag
        ))?,
    };
    if given != home.tag {
        bail!("\"{given}\" isn't the organization's tag, which is {}; nothing was changed", home.tag);
    }
    let mut aside = path.clone().into_os_string();
    aside.push(format!(".reset-{}", backup_name(now())));
    let aside = PathBuf::from(aside);
    std::fs::rename(&path, &aside).with_context(|| format!("can't move {}", path.display()))?;
    drop(Store::open(&path, now())?);
    output.line(format!("{} begins anew. What it was is {}.", path.display(), aside.display()));
    output.object(&json!({ "file": path, "set_aside": aside }));
    Ok(())
}

async fn export(local: &LocalServer, to: Option<PathBuf>, output: Output) -> anyhow::Result<()> {
    let directory = local.directory()?;
    // A running server has the file for itself; a backup of it is exported.
    let copy = if is_running(&directory).await {
        let copy = directory.join(BACKUPS).join(format!("export-{}", backup_name(now())));
        local.operate(Request::Database(Database::Backup { to: Some(copy.clone()) }), output).await?;
        Some(copy)
    } else {
        None
    };
    let outcome = write_export(copy.as_deref().unwrap_or(&local.file()?), to.as_deref(), output);
    if let Some(copy) = copy {
        let _ = std::fs::remove_file(copy);
    }
    outcome
}

fn write_export(path: &Path, to: Option<&Path>, output: Output) -> anyhow::Result<()> {
    let store = open(path)?;
    let Some(to) = to else {
        store.export(&mut BufWriter::new(io::stdout().lock()), now())?;
        return Ok(());
    };
    let file = files::create(to)
        .with_context(|| format!("can't make {}; choose a file that isn't there yet", to.display()))?;
    let mut out = BufWriter::new(file);
    let rows = store.export(&mut out, now())?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    output.line(format!("{rows} rows are in {}.", to.display()));
    output.object(&json!({ "file": to, "rows": rows }));
    Ok(())
}

async fn import(local: &LocalServer, file: &Path, output: Output) -> anyhow::Result<()> {
    let path = must_be_stopped(local, "import").await?;
    files::make_directory(&local.directory()?)?;
    let input = File::open(file).with_context(|| format!("can't read {}", file.display()))?;
    let rows = Store::import(&path, &mut BufReader::new(input), now())?;
    output.line(format!("{} holds the {rows} rows of {}.", path.display(), file.display()));
    output.object(&json!({ "file": path, "rows": rows }));
    Ok(())
}
