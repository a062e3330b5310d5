//! Files and directories that only their owner may read: how they are made. A name that somebody else has put in the
//! way, a symbolic link above all, is never followed where something is made, and what is there already keeps the rights
//! that its owner gave it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What others can do in a directory that was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Openness {
    /// Nothing.
    Closed,
    /// They can see the names in it. What we make in it stays for its owner only.
    Readable,
    /// They can put other files in the place of ours.
    Writable,
}

/// Makes a directory for its owner only, with those above it that are missing. One that is there is left as it is, since
/// it may be shared with others or belong to somebody else. Answers with what others can do in it.
pub fn make_directory(directory: &Path) -> io::Result<Openness> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let data = fs::metadata(directory)?;
    Ok(match (data.mode() & 0o022, data.mode() & 0o055) {
        (0, 0) => Openness::Closed,
        (0, _) => Openness::Readable,
        // In a directory like /tmp nobody moves what belongs to another.
        _ if data.mode() & 0o1000 != 0 => Openness::Readable,
        _ => Openness::Writable,
    })
}

/// Makes a file that isn't there, to be read and written by its owner only. Whatever has the name, be it a symbolic link
/// that leads nowhere, is an error of the kind `AlreadyExists`.
pub fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// The same in the place of what a program left there that was stopped in the middle. A symbolic link goes; what it
/// leads to stays as it is.
pub fn create_over(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => create(path),
    }
}

/// Opens a file to write at its end, and makes it when it isn't there. A symbolic link isn't followed.
pub fn append(path: &Path) -> io::Result<File> {
    let no_follow = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
    OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(no_follow).open(path)
}

/// Writes a file that only its owner may read: it is on disk when this returns, whole or not at all.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let partial = partial(path);
    let mut file = create_over(&partial)?;
    file.write_all(bytes)?;
    put_in_place(&partial, path)
}

/// Copies a file whole, durably, readable to its owner only.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let partial = partial(to);
    io::copy(&mut File::open(from)?, &mut create_over(&partial)?)?;
    put_in_place(&partial, to)
}

/// Where a file is written before it has its name.
pub fn partial(to: &Path) -> PathBuf {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    to.with_file_name(name)
}

/// Makes a finished file durable and gives it its name, over whatever has it.
pub fn put_in_place(finished: &Path, to: &Path) -> io::Result<()> {
    File::open(finished)?.sync_all()?;
    fs::rename(finished, to)?;
    // The name is on disk when its directory is.
    match to.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        Some(directory) => File::open(directory)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_directory_that_is_there_keeps_its_rights_and_a_new_one_is_closed() {
        let home = tempfile::tempdir().unwrap();
        for (given, openness) in [
            (0o755, Openness::Readable),
            (0o2770, Openness::Writable),
            (0o1777, Openness::Readable),
            (0o700, Openness::Closed),
        ] {
            fs::set_permissions(home.path(), fs::Permissions::from_mode(given)).unwrap();
            assert_eq!(make_directory(home.path()).unwrap(), openness, "{given:o}");
            assert_eq!(mode(home.path()), given);
        }
        let (above, below) = (home.path().join("a"), home.path().join("a/b"));
        assert_eq!(make_directory(&below).unwrap(), Openness::Closed);
        assert_eq!((mode(&above) & 0o777, mode(&below) & 0o777), (0o700, 0o700));
    }

    #[test]
    fn nothing_is_made_through_a_symbolic_link() {
        let home = tempfile::tempdir().unwrap();
        let (victim, nowhere) = (home.path().join("victim"), home.path().join("nowhere"));
        fs::write(&victim, "theirs").unwrap();
        for (number, target) in [&victim, &nowhere].into_iter().enumerate() {
            let name = home.path().join(format!("name-{number}"));
            symlink(target, &name).unwrap();
            assert_eq!(create(&name).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            append(&name).unwrap_err();
            symlink(target, partial(&name)).unwrap();
            write(&name, b"ours").unwrap();
            assert_eq!(fs::read(&name).unwrap(), b"ours");
            assert!(fs::symlink_metadata(&name).unwrap().is_file());
            assert_eq!(mode(&name), 0o600);
        }
        assert_eq!(fs::read(&victim).unwrap(), b"theirs");
        assert!(!nowhere.exists());
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 3, "nothing half written is left");
    }

    #[test]
    fn a_copy_is_for_its_owner_even_where_the_original_is_not() {
        let home = tempfile::tempdir().unwrap();
        let (from, to) = (home.path().join("from"), home.path().join("to"));
        fs::write(&from, "words").unwrap();
        fs::set_permissions(&from, fs::Permissions::from_mode(0o644)).unwrap();
        copy(&from, &to).unwrap();
        assert_eq!((fs::read(&to).unwrap().as_slice(), mode(&to)), (b"words".as_slice(), 0o600));
    }
}
