//! A file of a database under a layer of memory: it is read, and what is written stays in the layer. So a database can be
//! looked at, and repaired for the look, while its file stays what it is.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::backends::FileBackend;
use redb::{BackendError, DatabaseError, StorageBackend};

/// Bytes that are kept together.
const PAGE: usize = 4_096;

/// The file and what is written over it.
#[derive(Debug)]
pub(super) struct Overlay {
    file: FileBackend,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    /// Bytes of the whole, as it looks.
    length: u64,
    /// Bytes of the file that show where nothing is written over them.
    shown: u64,
    pages: BTreeMap<u64, Box<[u8; PAGE]>>,
}

impl Overlay {
    /// Over a file that is open to be read.
    pub(super) fn over(file: File) -> Result<Self, DatabaseError> {
        let file = FileBackend::new(file)?;
        let length = file.len().map_err(redb::StorageError::from)?;
        Ok(Self { file, written: Mutex::new(Written { length, shown: length, pages: BTreeMap::new() }) })
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a page holds below the layer.
    fn below(&self, page: u64, shown: u64) -> io::Result<Box<[u8; PAGE]>> {
        let mut bytes = Box::new([0; PAGE]);
        let begin = page * PAGE as u64;
        let there = shown.saturating_sub(begin).min(PAGE as u64) as usize;
        if there > 0 {
            self.file.read(begin, &mut bytes[..there])?;
        }
        Ok(bytes)
    }
}

/// The pages that some bytes lie in: of each its number, where in it they begin, and how many they are.
fn parts(offset: u64, length: usize) -> impl Iterator<Item = (u64, usize, usize)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let within = (at % PAGE as u64) as usize;
        let count = (PAGE - within).min(length - done);
        done += count;
        (count > 0).then_some((at / PAGE as u64, within, count))
    })
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.written().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let written = self.written();
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > written.length) {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        // What nothing is written over comes from the file at once.
        let (first, last) = (offset / PAGE as u64, (offset + out.len() as u64) / PAGE as u64);
        let shows = offset + out.len() as u64 <= written.shown;
        if shows && written.pages.range(first..=last).next().is_none() {
            return self.file.read(offset, out);
        }
        let mut rest = out;
        for (page, within, count) in parts(offset, rest.len()) {
            let (part, after) = rest.split_at_mut(count);
            match written.pages.get(&page) {
                Some(bytes) => part.copy_from_slice(&bytes[within..within + count]),
                None => part.copy_from_slice(&self.below(page, written.shown)?[within..within + count]),
            }
            rest = after;
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut written = self.written();
        if length < written.length {
            drop(written.pages.split_off(&length.div_ceil(PAGE as u64)));
            let (page, within) = (length / PAGE as u64, (length % PAGE as u64) as usize);
            if let Some(bytes) = written.pages.get_mut(&page) {
                bytes[within..].fill(0);
            }
            written.shown = written.shown.min(length);
        }
        written.length = length;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut written = self.written();
        let end = offset.checked_add(data.len() as u64).ok_or(ErrorKind::FileTooLarge)?;
        let mut rest = data;
        for (page, within, count) in parts(offset, data.len()) {
            let mut bytes = match written.pages.remove(&page) {
                Some(bytes) => bytes,
                None => self.below(page, written.shown)?,
            };
            let (part, after) = rest.split_at(count);
            bytes[within..within + count].copy_from_slice(part);
            written.pages.insert(page, bytes);
            rest = after;
        }
        written.length = written.length.max(end);
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    /// Nothing is written to the file, so others may look at it, too; whoever writes to it keeps this out.
    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Write(u64, Vec<u8>),
        Cut(u64),
        Read(u64, usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let place = 0..20_000_u64;
        prop_oneof![
            (place.clone(), proptest::collection::vec(any::<u8>(), 0..6_000))
                .prop_map(|(at, data)| Step::Write(at, data)),
            place.clone().prop_map(Step::Cut),
            (place, 0..9_000_usize).prop_map(|(at, count)| Step::Read(at, count)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn it_reads_as_if_it_had_been_written_and_the_file_stays(
            length in 0..10_000_usize,
            steps in proptest::collection::vec(step(), 1..20),
        ) {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("file");
            let before: Vec<u8> = (0..length).map(|at| (at % 251) as u8 + 1).collect();
            fs::write(&path, &before).unwrap();
            let overlay = Overlay::over(File::open(&path).unwrap()).unwrap();
            let mut model = before.clone();
            for step in steps {
                match step {
                    Step::Write(at, data) => {
                        let end = at as usize + data.len();
                        if end > model.len() {
                            model.resize(end, 0);
                        }
                        model[at as usize..end].copy_from_slice(&data);
                        overlay.write(at, &data).unwrap();
                    }
                    Step::Cut(length) => {
                        model.resize(length as usize, 0);
                        overlay.set_len(length).unwrap();
                    }
                    Step::Read(at, count) => {
                        let mut out = vec![0; count];
                        let read = overlay.read(at, &mut out);
                        match model.get(at as usize..at as usize + count) {
                            Some(there) => prop_assert_eq!((read.is_ok(), out.as_slice()), (true, there)),
                            None => prop_assert!(read.is_err()),
                        }
                    }
                }
                prop_assert_eq!(overlay.len().unwrap(), model.len() as u64);
            }
            let mut whole = vec![0; model.len()];
            overlay.read(0, &mut whole).unwrap();
            prop_assert_eq!(whole, model);
            prop_assert_eq!(fs::read(&path).unwrap(), before);
        }
    }
}
