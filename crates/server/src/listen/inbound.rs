//! The body of a request, given up when its client stops sending.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::limits::Limits;
use super::pace::Pace;

/// A body that has to move at least `http.limits.minrate` over each `http.limits.stall`.
pub(super) struct Inbound {
    body: Incoming,
    limits: Arc<Limits>,
    pace: Pace,
}

impl Inbound {
    pub(super) fn new(body: Incoming, limits: Arc<Limits>) -> Self {
        Self { body, limits, pace: Pace::default() }
    }

    /// Called while nothing is there: finds out whether too little came for too long.
    fn poll_stalled(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let Limits { min_rate, stall, .. } = *self.limits;
        self.pace.poll_stalled(&self.limits, context).map(|()| {
            let text = format!("the request body moved less than {min_rate} bytes per second for {stall:?}");
            io::Error::new(io::ErrorKind::TimedOut, text)
        })
    }
}

impl Body for Inbound {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    self.pace.moved(data.len());
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::UnexpectedEof, error))))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => self.poll_stalled(context).map(|error| Some(Err(error))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
