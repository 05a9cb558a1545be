//! A bound address: a port, or a path of this machine that is cleaned up after us and nobody else.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use tokio::net::{TcpListener, TcpSocket, UnixListener};
use tracing::{info, warn};

use super::stream::Plain;

/// Where connections come from.
///
/// The file of a socket goes before the socket does: as long as that is open, no other file can have its inode.
#[derive(Debug)]
pub(super) enum Bound {
    Tcp(TcpListener),
    Unix { _file: Option<SocketFile>, socket: UnixListener, path: PathBuf },
}

/// The file of a socket that we have made. It is removed when this is dropped, if it is still the same.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    made: (u64, u64),
}

impl Bound {
    /// Binds a port.
    pub(super) fn tcp(address: SocketAddr) -> io::Result<Self> {
        let socket = if address.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG).map(Self::Tcp)
    }

    /// Binds a path. What a server that is dead has left there is removed; one that lives keeps it.
    pub(super) fn unix(path: &Path) -> io::Result<Self> {
        make_way(path)?;
        let socket = UnixListener::bind(path)?;
        let file = SocketFile::at(path)?;
        Ok(Self::Unix { _file: Some(file), socket, path: path.to_owned() })
    }

    pub(super) async fn accept(&self) -> io::Result<Plain> {
        Ok(match self {
            Self::Tcp(socket) => Plain::Tcp(socket.accept().await?.0),
            Self::Unix { socket, .. } => Plain::Unix(socket.accept().await?.0),
        })
    }
}

impl SocketFile {
    fn at(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), made: identity(path)? })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody else may have taken the path by now; what is there then is theirs.
        if identity(&self.path).is_ok_and(|found| found == self.made)
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            warn!(%error, "{} stays behind", self.path.display());
        }
    }
}

/// Device and inode of what lies at a path, be it a link.
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = std::fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Removes a socket that nobody listens on.
fn make_way(path: &Path) -> io::Result<()> {
    let taken = |what: &str| {
        let text = format!("{} {what}", path.display());
        Err(io::Error::new(io::ErrorKind::AddrInUse, text))
    };
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => return taken("is there and no socket"),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    match call(path) {
        Err(Errno::CONNREFUSED) => {
            std::fs::remove_file(path)?;
            info!("{} was left by a server that is dead, and is made anew", path.display());
            Ok(())
        }
        // Gone since we looked.
        Err(Errno::NOENT) => Ok(()),
        // Also one whose queue is full has somebody behind it.
        Ok(()) | Err(Errno::AGAIN) => taken("is the socket of another server that listens"),
        Err(error) => Err(error.into()),
    }
}

/// Tries to connect, without waiting for anybody.
fn call(path: &Path) -> Result<(), Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket: OwnedFd = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)
}

/// How many connections the system may hold ready for us to accept.
const BACKLOG: u32 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &Path) -> String {
        Bound::unix(path).unwrap_err().to_string()
    }

    #[tokio::test]
    async fn a_socket_that_somebody_listens_on_is_theirs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let first = Bound::unix(&path).unwrap();
        assert!(refused(&path).ends_with("is the socket of another server that listens"));
        assert!(path.exists());
        drop(first);
        assert!(!path.exists(), "whoever made it removes it");
    }

    #[tokio::test]
    async fn a_socket_of_a_dead_server_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        // The standard library removes nothing.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let bound = Bound::unix(&path).unwrap();
        assert_eq!(call(&path), Ok(()));
        drop(bound);
    }

    #[tokio::test]
    async fn what_is_no_socket_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        std::fs::write(&path, "precious").unwrap();
        assert!(refused(&path).ends_with("is there and no socket"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
        assert!(Bound::unix(&folder.path().join("none/socket")).is_err());
    }

    #[tokio::test]
    async fn what_somebody_else_put_there_since_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let bound = Bound::unix(&path).unwrap();
        std::fs::rename(&path, folder.path().join("aside")).unwrap();
        let _theirs = std::os::unix::net::UnixListener::bind(&path).unwrap();
        drop(bound);
        assert_eq!(call(&path), Ok(()));
    }
}
