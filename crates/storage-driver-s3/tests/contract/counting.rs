//! A proxy that passes everything on and remembers what was asked.

use std::sync::{Arc, Mutex};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::wire::Request;

/// A proxy in front of a store.
#[derive(Debug, Clone)]
pub(crate) struct Counting {
    pub(crate) endpoint: String,
    seen: Arc<Mutex<Vec<String>>>,
    refused: Arc<Mutex<Option<&'static str>>>,
}

impl Counting {
    /// Stands before the store at this endpoint.
    pub(crate) async fn before(endpoint: &str) -> Self {
        let store = endpoint.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let proxy = Self { endpoint, seen: Arc::default(), refused: Arc::default() };
        let serving = proxy.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serving.clone().pass_on(client, store.clone()));
            }
        });
        proxy
    }

    /// Answers requests that have this in their address by itself from now on, with a refusal.
    pub(crate) fn refuse(&self, what: &'static str) {
        *self.refused.lock().unwrap() = Some(what);
    }

    /// What was asked since this was asked last.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    async fn pass_on(self, client: TcpStream, store: String) {
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_store, mut to_store) = TcpStream::connect(store).await.unwrap().into_split();
        let mut buffer = Vec::new();
        let (ended, mut end) = tokio::sync::oneshot::channel::<()>();
        let answers = tokio::spawn(async move {
            tokio::select! {
                _ = tokio::io::copy(&mut from_store, &mut to_client) => {}
                _ = &mut end => {}
            }
            to_client
        });
        while let Some(request) = Request::read(&mut from_client, &mut buffer).await {
            let line = format!("{} {}?{}", request.method, request.path, request.query);
            let refused = self.refused.lock().unwrap().is_some_and(|what| line.contains(what));
            self.seen.lock().unwrap().push(line);
            if refused {
                drop(ended);
                let refusal = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                let _ = answers.await.unwrap().write_all(refusal).await;
                return;
            }
            if to_store.write_all(&request.bytes()).await.is_err() {
                return;
            }
        }
    }
}
