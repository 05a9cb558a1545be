//! File systems made for one test, to fill them up or to cut their power.
//!
//! To mount something is a right that only whoever owns the machine can give: without it a test is skipped, not failed.

use std::fs::{self, File};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

use crate::client::Client;
use crate::program::scratch;
use crate::skip::skip_given_from_outside;

/// The size of a file that XFS is made in, in bytes. Only what is written takes room.
const XFS_BYTES: u64 = 1 << 30;

/// Is a mounted file system. Dropping the value unmounts it and deletes what it was made of.
#[derive(Debug)]
pub struct Mounted {
    scratch: TempDir,
    mount: Client,
    unmount: Client,
    arguments: Vec<String>,
}

impl Mounted {
    /// Makes an XFS in a file; `None` where that is not possible, which is said.
    ///
    /// # Panics
    ///
    /// When there is no room for one.
    #[must_use]
    pub fn xfs() -> Option<Mounted> {
        let make = Client::installed("mkfs.xfs")?;
        let scratch = scratch();
        let image = scratch.path().join("image");
        File::create(&image).and_then(|file| file.set_len(XFS_BYTES)).unwrap();
        make.run(&["-q", image.to_str().unwrap()]);
        let arguments = vec!["-o".to_owned(), "loop".to_owned(), image.to_str().unwrap().to_owned()];
        Mounted::new(scratch, arguments)
    }

    /// Makes a file system in memory that holds so many bytes; `None` where that is not possible, which is said.
    ///
    /// # Panics
    ///
    /// When there is no room for a folder.
    #[must_use]
    pub fn in_memory(bytes: u64) -> Option<Mounted> {
        let arguments = ["-t", "tmpfs", "-o", &format!("size={bytes}"), "wharf-tests"];
        Mounted::new(scratch(), arguments.map(str::to_owned).to_vec())
    }

    fn new(scratch: TempDir, mut arguments: Vec<String>) -> Option<Mounted> {
        let (mount, unmount) = (Client::installed("mount")?, Client::installed("umount")?);
        let point = scratch.path().join("mounted");
        fs::create_dir(&point).unwrap();
        arguments.push(point.to_str().unwrap().to_owned());
        if !mount.succeeds(&arguments) {
            skip_given_from_outside(&format!("mount {} is not allowed here", arguments.join(" ")));
            return None;
        }
        Some(Mounted { scratch, mount, unmount, arguments })
    }

    /// Gives where it is mounted.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.scratch.path().join("mounted")
    }

    /// Cuts the power of an XFS: from now on nothing reaches the disk, not even what was written and not yet synced.
    ///
    /// # Panics
    ///
    /// When it stays on.
    pub fn cut_power(&self) {
        let xfs_io = Client::installed("xfs_io").expect("xfs_io comes with mkfs.xfs");
        xfs_io.run(&["-x", "-c", "shutdown", self.path().to_str().unwrap()]);
    }

    /// Mounts it again after its power was cut: it finds what the disk holds.
    ///
    /// # Panics
    ///
    /// When a program still uses it, or what the disk holds is broken.
    pub fn power_on(&self) {
        for _ in 0..100 {
            if self.unmount.succeeds(&[self.path()]) {
                self.mount.run(&self.arguments);
                return;
            }
            sleep(Duration::from_millis(20));
        }
        panic!("{} is still in use", self.path().display());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily: a server that is dropped after this may still have files open in it.
        self.unmount.succeeds(&["-l".into(), self.path()]);
    }
}
