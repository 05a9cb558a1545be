//! Work that goes on when nobody waits for it any more.
//!
//! When a client goes away its request is dropped, at whatever it was waiting for. What the client had sent must be kept
//! all the same, and a deletion that has begun must tell the cache.

use tracing::Instrument;
use wharf_registry::Error;

/// Runs work to its end, whether or not the caller goes on waiting. Must be called within a tokio runtime.
pub(crate) async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    tokio::spawn(work.in_current_span()).await.map_err(Error::internal)?
}
