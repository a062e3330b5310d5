//! What a live client keeps between runs: settings, bookmarks, and for each server how one hears people and how much was
//! lost on the way. One file beside the log-ins, readable to its owner only, replaced whole.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Settings;
use super::picture::{Bookmark, Hearing};
use super::shared::lock;
use crate::audio::playout;
use crate::client::View;
use crate::files;
use crate::id::SessionId;
use crate::protocol::Loss;
use crate::protocol::wire::Member;

const FILE: &str = "talk.toml";

/// Bookmarks at most.
pub(super) const BOOKMARKS: usize = 100;

/// Servers that something is kept of at most; then the one that was used least recently is forgotten.
const SERVERS: usize = 100;

/// People of one server that are heard otherwise than they come, at most; then the one set first is forgotten.
const PEOPLE: usize = 1_000;

/// What was later once isn't reckoned with the next time.
const LATEST: Duration = Duration::from_millis(200);

/// Why what is kept can't be used.
#[derive(Debug, Error)]
pub enum KeptError {
    /// The file can't be read or written.
    #[error("can't use {}: {source}; make it readable and writable for you, or name another place in PARLOUR_CONFIG_DIR", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file isn't what was written.
    #[error("{} is damaged: {problem}; mend it, or remove it to begin with the usual settings", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Where and why.
        problem: String,
    },
}

/// What the file holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Contents {
    pub(super) settings: Settings,
    #[serde(skip_serializing_if = "KeptKeys::is_empty")]
    pub(super) keys: KeptKeys,
    /// Address by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    bookmarks: BTreeMap<String, String>,
    /// By `host:port` or `host:port/+tag`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    servers: BTreeMap<String, OfServer>,
}

/// Keys that are seen while another program has the focus, written as `parlour talk --push-key` takes them. Whoever wants some writes
/// them into the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeptKeys {
    /// One talks while one of them is down.
    pub push: Vec<String>,
    /// They mute oneself, and unmute.
    pub mute: Vec<String>,
    /// They deafen oneself, and undeafen.
    pub deafen: Vec<String>,
}

impl KeptKeys {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What is kept of one server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct OfServer {
    /// When it was used last, in seconds since the Unix epoch.
    pub(super) used: u64,
    /// How much of others' voices was lost on the way here, 0 to 1.
    pub(super) loss: f32,
    /// Several packets were lost together.
    pub(super) is_bursty: bool,
    /// By how much late packets were late, in milliseconds.
    pub(super) lateness_ms: u32,
    /// How much of one's own voice others lost, in percent.
    pub(super) told_loss: u8,
    /// Several of its packets were lost together.
    pub(super) told_bursts: bool,
    /// People who are heard otherwise than they come, in the order in which they were set.
    pub(super) people: Vec<OfPerson>,
}

/// How somebody is heard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfPerson {
    /// The account's number; 0 for a guest.
    #[serde(default)]
    user: u64,
    /// A guest's name; for an account the one that it had, for whoever reads the file.
    #[serde(default)]
    name: String,
    volume: u16,
    #[serde(default)]
    mute: bool,
}

impl OfPerson {
    fn is(&self, member: &Member) -> bool {
        if member.user == 0 { self.user == 0 && self.name == member.name } else { self.user == member.user }
    }
}

impl OfServer {
    /// What is known of the way from the server.
    pub(super) fn way_here(&self) -> playout::Settings {
        playout::Settings {
            loss: if self.loss.is_nan() { 0.0 } else { self.loss.clamp(0.0, 1.0) },
            is_bursty: self.is_bursty,
            lateness: Duration::from_millis(self.lateness_ms.into()).min(LATEST),
            ..playout::Settings::default()
        }
    }

    /// What is known of the way of one's own voice to others.
    pub(super) fn way_there(&self) -> Loss {
        Loss { percent: self.told_loss.min(100), bursts: self.told_bursts }
    }

    /// How those are heard who are connected.
    pub(super) fn heard(&self, view: &View) -> BTreeMap<SessionId, Hearing> {
        let of = |member: &Member| {
            let kept = self.people.iter().find(|person| person.is(member))?;
            let hearing = Hearing { volume: kept.volume.min(200), mute: kept.mute };
            Some((SessionId(member.session), hearing))
        };
        view.members.values().filter_map(of).collect()
    }

    /// Somebody is heard so from now on.
    pub(super) fn hear(&mut self, member: &Member, hearing: Hearing) {
        self.people.retain(|person| !person.is(member));
        if hearing != Hearing::default() {
            let Hearing { volume, mute } = hearing;
            self.people.push(OfPerson { user: member.user, name: member.name.clone(), volume, mute });
        }
        let surplus = self.people.len().saturating_sub(PEOPLE);
        self.people.drain(..surplus);
    }
}

impl Contents {
    /// What is kept of a server; an empty one where nothing is.
    pub(super) fn server(&self, home: &str) -> OfServer {
        self.servers.get(home).cloned().unwrap_or_default()
    }

    /// The same, to be changed.
    pub(super) fn server_mut(&mut self, home: &str) -> &mut OfServer {
        if !self.servers.contains_key(home) && self.servers.len() >= SERVERS {
            let oldest = self.servers.iter().min_by_key(|(_, server)| server.used);
            if let Some(oldest) = oldest.map(|(home, _)| home.clone()) {
                self.servers.remove(&oldest);
            }
        }
        // One that is new isn't the next to be forgotten.
        let used = self.servers.values().map(|server| server.used).max().unwrap_or_default();
        self.servers.entry(home.to_owned()).or_insert_with(|| OfServer { used, ..OfServer::default() })
    }

    /// The bookmarks, by name.
    pub(super) fn bookmarks(&self) -> Vec<Bookmark> {
        let bookmark =
            |(name, address): (&String, &String)| Bookmark { name: name.clone(), address: address.clone() };
        self.bookmarks.iter().map(bookmark).collect()
    }

    /// Keeps a bookmark. `false` where there are too many.
    pub(super) fn keep_bookmark(&mut self, name: &str, address: &str) -> bool {
        let has_room = self.bookmarks.len() < BOOKMARKS || self.bookmarks.contains_key(name);
        if has_room {
            self.bookmarks.insert(name.to_owned(), address.to_owned());
        }
        has_room
    }

    /// Removes one. `false` where there is none of this name.
    pub(super) fn remove_bookmark(&mut self, name: &str) -> bool {
        self.bookmarks.remove(name).is_some()
    }
}

/// The file.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    path: PathBuf,
    /// One thread at a time reads, changes and writes it.
    turn: Arc<Mutex<()>>,
}

impl Kept {
    /// The file in a directory, which needn't be there.
    pub(super) fn new(directory: &Path) -> Self {
        Self { path: directory.join(FILE), turn: Arc::default() }
    }

    /// What it holds; without a file, what one begins with.
    pub(super) fn read(&self) -> Result<Contents, KeptError> {
        let path = self.path.clone();
        match fs::read_to_string(&path) {
            Ok(text) => {
                let damaged = |problem| KeptError::Damaged { path, problem };
                let contents: Contents = match toml::from_str(&text) {
                    Ok(contents) => contents,
                    Err(error) => return Err(damaged(error.to_string())),
                };
                match contents.settings.check() {
                    Ok(()) => Ok(contents),
                    Err(error) => Err(damaged(error.to_string())),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Contents::default()),
            Err(source) => Err(KeptError::File { path, source }),
        }
    }

    /// Reads it, changes it and writes it, since other programs of the same person may have changed it meanwhile.
    pub(super) fn change<T>(
        &self,
        change: impl FnOnce(&mut Contents) -> T,
    ) -> Result<(Contents, T), KeptError> {
        let _turn = lock(&self.turn);
        let mut contents = self.read()?;
        let outcome = change(&mut contents);
        self.write(&contents).map_err(|source| KeptError::File { path: self.path.clone(), source })?;
        Ok((contents, outcome))
    }

    fn write(&self, contents: &Contents) -> io::Result<()> {
        files::make_directory(self.path.parent().unwrap_or(Path::new(".")))?;
        let text = toml::to_string(contents).map_err(io::Error::other)?;
        let partial = self.path.with_extension(format!("partial-{}", std::process::id()));
        let mut file = files::create_over(&partial)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&partial, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::wire::event;

    fn member(session: u64, user: u64, name: &str) -> Member {
        Member { session, user, name: name.to_owned(), ..Member::default() }
    }

    fn view(members: &[Member]) -> View {
        let mut view = View::default();
        for member in members {
            view.apply(&event::Body::MemberIs(member.clone()));
        }
        view
    }

    #[test]
    fn how_somebody_is_heard_lasts_for_accounts_and_guests() {
        let directory = tempfile::tempdir().unwrap();
        let kept = Kept::new(directory.path());
        let (anna, guest) = (member(1, 7, "anna"), member(2, 0, "~ben"));
        let quiet = Hearing { volume: 40, mute: false };
        let muted = Hearing { volume: 100, mute: true };
        kept.change(|contents| {
            let server = contents.server_mut("host:1");
            server.hear(&anna, quiet);
            server.hear(&guest, muted);
        })
        .unwrap();
        let server = Kept::new(directory.path()).read().unwrap().server("host:1");
        // They come again in other sessions; the account under another name.
        let later = view(&[member(8, 7, "anna2"), member(9, 0, "~ben"), member(10, 0, "~carl")]);
        let heard = server.heard(&later);
        assert_eq!(heard.get(&SessionId(8)), Some(&quiet));
        assert_eq!(heard.get(&SessionId(9)), Some(&muted));
        assert_eq!(heard.len(), 2);
        kept.change(|contents| contents.server_mut("host:1").hear(&anna, Hearing::default())).unwrap();
        assert_eq!(kept.read().unwrap().server("host:1").people.len(), 1);
        assert_eq!(kept.read().unwrap().server("other:1"), OfServer::default());
    }

    #[test]
    fn nothing_that_is_kept_grows_without_bound() {
        let mut contents = Contents::default();
        for number in 0..2_000_u64 {
            contents.server_mut(&format!("host:{number}")).used = number;
            contents.keep_bookmark(&format!("b{number}"), "parlour://host");
            let in_use = contents.server_mut("host:1999");
            in_use.used = number;
            in_use.hear(&member(1, number + 1, "x"), Hearing { volume: 1, mute: false });
        }
        assert_eq!((contents.servers.len(), contents.bookmarks.len()), (SERVERS, BOOKMARKS));
        assert!(!contents.keep_bookmark("new", "parlour://host"), "there is no room");
        assert!(contents.keep_bookmark("b1", "parlour://other"), "one that is there can change");
        let people = &contents.server("host:1999").people;
        assert_eq!((people.len(), people.last().map(|person| person.user)), (PEOPLE, Some(2_000)));
    }

    #[test]
    fn two_threads_that_keep_something_lose_nothing_of_each_other() {
        let directory = tempfile::tempdir().unwrap();
        let kept = Kept::new(directory.path());
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let kept = kept.clone();
                scope.spawn(move || {
                    for number in 0..20 {
                        let name = format!("{thread} {number}");
                        kept.change(|contents| contents.keep_bookmark(&name, "parlour://host")).unwrap();
                    }
                });
            }
        });
        assert_eq!(kept.read().unwrap().bookmarks().len(), 80);
    }

    #[test]
    fn numbers_that_no_setting_has_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let kept = Kept::new(directory.path());
        for setting in ["volume = 20_000", "sidetone = 101", "release_ms = 60_000", "threshold = nan"] {
            fs::write(directory.path().join(FILE), format!("[settings]\n{setting}\n")).unwrap();
            let refused = kept.read().unwrap_err().to_string();
            assert!(refused.contains("is damaged") && refused.contains(" can be from "), "{refused}");
        }
        let strange = OfServer { loss: f32::NAN, ..OfServer::default() };
        assert!(strange.way_here().loss.abs() < f32::EPSILON);
    }

    #[test]
    fn a_damaged_file_is_not_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE), "settings = 3").unwrap();
        let kept = Kept::new(directory.path());
        assert!(matches!(kept.change(|_| ()), Err(KeptError::Damaged { .. })));
        assert_eq!(fs::read_to_string(directory.path().join(FILE)).unwrap(), "settings = 3");
    }

    #[test]
    fn keys_stay_in_the_file_whatever_else_changes() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE), "[keys]\npush = [\"F8\", \"mouse8\"]\n").unwrap();
        let kept = Kept::new(directory.path());
        kept.change(|contents| contents.keep_bookmark("club", "parlour://host")).unwrap();
        let push = vec!["F8".to_owned(), "mouse8".to_owned()];
        assert_eq!(kept.read().unwrap().keys, KeptKeys { push, ..KeptKeys::default() });
    }

    #[test]
    fn what_is_missing_is_as_usual() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE), "[settings]\nmode = \"push-to-talk\"\n").unwrap();
        let read = Kept::new(directory.path()).read().unwrap();
        assert_eq!(read.settings, Settings { mode: crate::talk::Mode::PushToTalk, ..Settings::default() });
    }
}
