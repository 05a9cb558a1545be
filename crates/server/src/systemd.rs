//! What systemd gives and wants to know: a socket that it has bound for us, and when we are ready.

use std::io;

use listenfd::ListenFd;
use tracing::{debug, info};

use crate::listen::{Limits, Listener};

/// The socket that we were started with; none where we have to bind one.
///
/// # Errors
///
/// When there are several, of which nobody says what they are for, or it is none that clients can connect to.
pub(crate) fn socket(limits: Limits) -> io::Result<Option<Listener>> {
    let mut given = ListenFd::from_env();
    match given.len() {
        0 => return Ok(None),
        1 => info!("using the socket of systemd instead of http.addr"),
        count => {
            return Err(io::Error::other(format!("found {count} sockets of systemd, only expected 1")));
        }
    }
    if let Ok(Some(socket)) = given.take_tcp_listener(0) {
        return Listener::given(socket, limits).map(Some);
    }
    given.take_unix_listener(0)?.map(|socket| Listener::given_unix(socket, limits)).transpose()
}

/// Says that requests are taken now.
pub(crate) fn ready() {
    tell(sd_notify::NotifyState::Ready);
}

/// Says that requests are not taken any more.
pub(crate) fn stopping() {
    tell(sd_notify::NotifyState::Stopping);
}

/// Where nobody listens nothing happens.
fn tell(state: sd_notify::NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        debug!(%error, "systemd was not told");
    }
}
