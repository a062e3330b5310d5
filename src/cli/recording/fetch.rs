//! `parlour recording fetch`.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use indicatif::HumanBytes;
use serde_json::json;

use super::measure::{length, size};
use crate::cli::operate::Bar;
use crate::cli::output::{Output, counted};
use crate::cli::words::clock;
use crate::client::{RecordingFile, Session};

/// Brings every file of a recording here.
pub(super) async fn fetch(
    session: &Session,
    id: u64,
    out: Option<PathBuf>,
    output: Output,
) -> anyhow::Result<()> {
    let recordings = session.recordings().await?.recordings;
    let Some(recording) = recordings.into_iter().find(|recording| recording.id == id) else {
        bail!("there is no recording {id}, or you may not record in its channel; see: parlour recording list")
    };
    if recording.ended.is_none() {
        bail!(
            "recording {id} still runs; end it with: parlour recording stop --channel \"{}\"",
            recording.channel_path
        )
    }
    let out = out.unwrap_or_else(|| PathBuf::from(format!("recording-{id}")));
    fs::create_dir_all(&out).with_context(|| format!("can't make the directory {}", out.display()))?;
    let (whole, bar) = (size(&recording).max(1), Bar::new(output));
    let mut fetched = 0;
    for file in &recording.files {
        let path = out.join(checked(&file.name)?);
        if path.exists() {
            bail!("{} is there already; remove it, or name another directory with --out", path.display());
        }
        let mut progress = |done: u64, _: u64| {
            bar.show(&format!("{} of recording {id}", file.name), (fetched + done) as f64 / whole as f64);
        };
        fetched += fetch_file(session, id, file, &path, &mut progress).await?;
    }
    bar.clear();
    let files = counted(recording.files.len() as u64, "file");
    output.line(format!(
        "Recording {id} of {} ({}) is in {}: {files}, {}.",
        recording.channel_path,
        clock(length(&recording)),
        out.display(),
        HumanBytes(fetched)
    ));
    for file in &recording.files {
        output.line(format!("  {:<32} {}", file.name, file.speaker));
        output.object(&json!({
            "recording": id, "file": out.join(&file.name), "speaker": file.speaker, "bytes": file.bytes,
        }));
    }
    Ok(())
}

/// Under another name until it is whole.
async fn fetch_file(
    session: &Session,
    id: u64,
    file: &RecordingFile,
    path: &Path,
    progress: &mut impl FnMut(u64, u64),
) -> anyhow::Result<u64> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let into = File::create(&partial).with_context(|| format!("can't write {}", partial.display()))?;
    let mut into = BufWriter::new(into);
    let fetched = session.fetch_recording(id, &file.name, &mut into, progress).await;
    let fetched = fetched.with_context(|| format!("can't fetch {}", file.name))?;
    into.flush().with_context(|| format!("can't write {}", partial.display()))?;
    fs::rename(&partial, path).with_context(|| format!("can't write {}", path.display()))?;
    Ok(fetched)
}

/// A name that stays in its directory, whatever a server says.
fn checked(name: &str) -> anyhow::Result<&str> {
    let odd = |c: char| c == '/' || c == '\\' || c.is_control();
    if name.is_empty() || name.starts_with('.') || name.contains(odd) {
        bail!("the server names a file {name:?}, which can't be written here");
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_stays_in_its_directory() {
        assert_eq!(checked("anna-3.opus").unwrap(), "anna-3.opus");
        for bad in ["", "..", "../x", "/etc/passwd", "a\\b", ".bashrc", "a\x1b[2J"] {
            assert!(checked(bad).is_err(), "{bad:?}");
        }
    }
}
