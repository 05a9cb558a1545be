//! A registry in memory on a port of this machine: `cargo run -p wharf-api-v2 --example embedded -- 5000 [sparse]`.
//!
//! Everything is lost when it ends. It is what the official conformance program is run against while the API is worked on.

use std::env;
use std::error::Error;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use wharf_api_v2::{Api, Options, Peer};
use wharf_cache::{Limits, MemoryCache};
use wharf_storage::{Deletes, ImageChecks, IndexChecks, Options as StorageOptions, Storage};
use wharf_storage_driver::MemoryDriver;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let port: u16 = arguments.next().unwrap_or_default().parse()?;
    let mut options = StorageOptions { deletes: Deletes::Allowed, ..StorageOptions::default() };
    if arguments.next().as_deref() == Some("sparse") {
        options.image_checks = ImageChecks::None;
        options.index_checks = IndexChecks::None;
    }
    let cache = Arc::new(MemoryCache::new(Limits::default()));
    let storage = Storage::new(Arc::new(MemoryDriver::new()), cache, options);
    let api = Api::new(Arc::new(storage), Options::default());

    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (socket, address) = listener.accept().await?;
        let api = api.clone();
        let peer = Peer { address: Some(address), tls: false };
        let service = hyper::service::service_fn(move |mut request| {
            hyper::Request::extensions_mut(&mut request).insert(peer);
            hyper::service::Service::call(&api, request)
        });
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(socket), service);
            // A client that goes away is no news.
            let _ = connection.await;
        });
    }
}
