//! Closing a connection so that its last bytes arrive.
//!
//! A system that is told to close a socket while bytes of the client are still unread, or that gets some afterwards, resets
//! the connection and throws away what it had not sent yet. An HTTP/2 client sends such bytes all the time, to say that it
//! has room for more; an HTTP/1.1 client does when it is refused in the middle of a body. So our side is ended first, and
//! then the client is listened to until it ends its own, or has said nothing for a while.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::stream::Plain;

/// The last moments of a connection.
#[derive(Debug)]
pub(super) struct Linger {
    quiet: Pin<Box<Sleep>>,
    until: Instant,
}

impl Linger {
    /// Begins to wait, if there is anything to wait for: whether the last write was so recent that it may be on its way.
    pub(super) fn begin(last_write: Option<Instant>) -> Option<Self> {
        last_write.filter(|at| at.elapsed() < RECENT)?;
        Some(Self { quiet: Box::pin(tokio::time::sleep(QUIET)), until: Instant::now() + LONGEST })
    }

    /// Reads and forgets what the client still says; ready when the connection can be closed.
    pub(super) fn poll(&mut self, stream: &Plain, context: &mut Context<'_>) -> Poll<()> {
        let mut forgotten = [0; 4096];
        loop {
            match stream.try_read(&mut forgotten) {
                Ok(0) => return Poll::Ready(()),
                Ok(_) if Instant::now() >= self.until => return Poll::Ready(()),
                Ok(_) => self.quiet.as_mut().reset(Instant::now() + QUIET),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match stream.poll_read_ready(context) {
                        Poll::Ready(Ok(())) => {}
                        Poll::Ready(Err(_)) => return Poll::Ready(()),
                        Poll::Pending => return self.quiet.as_mut().poll(context),
                    }
                }
                Err(_) => return Poll::Ready(()),
            }
        }
    }
}

/// A write that is older than this has arrived, or its client is gone.
const RECENT: Duration = Duration::from_secs(1);
/// After so much silence the client is done.
const QUIET: Duration = Duration::from_secs(1);
/// However much the client still says, it is not listened to for longer.
const LONGEST: Duration = Duration::from_secs(5);
