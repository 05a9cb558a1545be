//! Files that are read again when they change.
//!
//! They are looked at once a second. Notifications by the system would be quicker, but miss what matters most: the exchange
//! of a symbolic link above the file, by which mounted configurations are replaced.

use std::error::Error;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::signal::unix::Signal;
use tracing::{info, warn};

use crate::in_one_line;

/// How often files are looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// Reads something again; what is wrong is for the log, and what was read before then stays.
type Reread = Box<dyn FnMut() -> Result<(), Box<dyn Error + Send + Sync>> + Send>;

/// Something that was read from files.
pub(crate) struct Watched {
    what: &'static str,
    files: Vec<PathBuf>,
    /// The files as they were read.
    read: Vec<Stamp>,
    /// The files as they were found last.
    found: Vec<Stamp>,
    reread: Reread,
}

/// What changes when a file does; none while there is no file. Links are followed.
type Stamp = Option<(u64, u64, u64, SystemTime)>;

impl Watched {
    /// Looks at the files, before they are read for the first time.
    pub(crate) fn before_reading(what: &'static str, files: impl IntoIterator<Item = PathBuf>) -> Self {
        let files: Vec<PathBuf> = files.into_iter().collect();
        let read = stamps(&files);
        Self { what, files, found: read.clone(), read, reread: Box::new(|| Ok(())) }
    }

    /// Says how the files are read again, now that they were read. One that was not there was made by that.
    pub(crate) fn with(
        self,
        reread: impl FnMut() -> Result<(), Box<dyn Error + Send + Sync>> + Send + 'static,
    ) -> Self {
        let known = |(file, stamp): (&PathBuf, &Stamp)| stamp.or_else(|| self::stamp(file));
        let read: Vec<Stamp> = self.files.iter().zip(&self.read).map(known).collect();
        Self { reread: Box::new(reread), found: read.clone(), read, ..self }
    }

    /// Reads the files again if they have changed, and have been the same twice: nobody is in the middle of writing them.
    fn look(&mut self) {
        let now = stamps(&self.files);
        let settled = now == self.found;
        self.found = now;
        if settled && self.found != self.read {
            self.read_again();
        }
    }

    fn read_again(&mut self) {
        self.read = stamps(&self.files);
        self.found.clone_from(&self.read);
        let files: Vec<_> = self.files.iter().map(|file| file.display().to_string()).collect();
        let files = files.join(" and ");
        match (self.reread)() {
            Ok(()) => info!("{} were read again from {files}", self.what),
            Err(error) => {
                warn!("{} stay as they were, {files} cannot be used: {}", self.what, in_one_line(&*error))
            }
        }
    }
}

/// Watches until it is dropped; a hangup reads everything again at once.
pub(crate) async fn watch(mut watched: Vec<Watched>, mut hangup: Signal) {
    loop {
        let look: fn(&mut Watched) = tokio::select! {
            () = tokio::time::sleep(INTERVAL) => Watched::look,
            _ = hangup.recv() => Watched::read_again,
        };
        let look = move || {
            watched.iter_mut().for_each(look);
            watched
        };
        match tokio::task::spawn_blocking(look).await {
            Ok(same) => watched = same,
            Err(error) => return warn!(%error, "files are not watched any more"),
        }
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    files.iter().map(|file| stamp(file)).collect()
}

fn stamp(file: &Path) -> Stamp {
    let metadata = std::fs::metadata(file).ok()?;
    let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    Some((metadata.dev(), metadata.ino(), metadata.len(), modified))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Watches a file and counts how often it is read again.
    fn counted(file: &Path) -> (Watched, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&count);
        let watched = Watched::before_reading("things", [file.to_owned()]).with(move || {
            counter.fetch_add(1, Ordering::Relaxed);
            Err("they are never right".into())
        });
        (watched, count)
    }

    #[test]
    fn a_change_is_read_once_when_it_has_settled() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "a").unwrap();
        let (mut watched, count) = counted(&file);
        watched.look();
        fs::write(&file, "ab").unwrap();
        watched.look();
        fs::write(&file, "abc").unwrap();
        watched.look();
        assert_eq!(count.load(Ordering::Relaxed), 0, "somebody still writes");
        for _ in 0..3 {
            watched.look();
        }
        assert_eq!(count.load(Ordering::Relaxed), 1, "what is broken is not read over and over");
        watched.read_again();
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_link_that_leads_elsewhere_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for version in ["one", "two"] {
            fs::create_dir(path(version)).unwrap();
            fs::write(path(version).join("file"), "same length").unwrap();
        }
        std::os::unix::fs::symlink("one", path("now")).unwrap();
        let (mut watched, count) = counted(&path("now").join("file"));
        std::os::unix::fs::symlink("two", path("next")).unwrap();
        fs::rename(path("next"), path("now")).unwrap();
        watched.look();
        watched.look();
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }
}
