//! The body of a request, given up when its client stops sending.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use super::limits::Limits;

/// A body that has to move at least `http.limits.minrate` over each `http.limits.stall`.
pub(super) struct Inbound {
    body: Incoming,
    limits: Arc<Limits>,
    watch: Option<Watch>,
}

/// One stretch of time in which enough has to arrive.
struct Watch {
    ends: Pin<Box<Sleep>>,
    arrived_bytes: u64,
}

impl Inbound {
    pub(super) fn new(body: Incoming, limits: Arc<Limits>) -> Self {
        Self { body, limits, watch: None }
    }

    /// Called while nothing is there: finds out whether too little came for too long.
    fn poll_stalled(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let stall = self.limits.stall;
        let watch = self
            .watch
            .get_or_insert_with(|| Watch { ends: Box::pin(tokio::time::sleep(stall)), arrived_bytes: 0 });
        loop {
            ready!(watch.ends.as_mut().poll(context));
            if watch.arrived_bytes < self.limits.stall_bytes() {
                let text = format!(
                    "the request body moved less than {} bytes per second for {stall:?}",
                    self.limits.min_rate
                );
                return Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            watch.arrived_bytes = 0;
            watch.ends.as_mut().reset(Instant::now() + stall);
        }
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
                if let (Some(watch), Some(data)) = (&mut self.watch, frame.data_ref()) {
                    watch.arrived_bytes += data.len() as u64;
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
