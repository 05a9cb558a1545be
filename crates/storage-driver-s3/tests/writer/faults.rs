//! A proxy before a store, which sees every request and spoils those that a test chooses.
//!
//! Each connection carries one request: the store is told to close it. That keeps the proxy from having to understand
//! answers, and the driver from sending two requests where a test counts one.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The proxy answers, and the store hears nothing.
    Status(u16),
    /// The connection breaks before the store hears anything.
    Refused,
    /// The connection breaks in the middle of what is sent.
    Torn,
    /// The store does as asked, and nobody hears of it.
    Unheard,
}

/// What a request is, as far as it can be told from outside.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Path and query, as sent.
    pub(crate) target: String,
    /// Whether the store is to copy something.
    pub(crate) is_copy: bool,
}

impl Seen {
    /// Whether it sends bytes to be a part, whichever way.
    pub(crate) fn is_part(&self) -> bool {
        self.method == "PUT" && (self.target.contains("partNumber=") || self.target.contains("~part-"))
    }

    /// Whether it makes an object of parts.
    pub(crate) fn is_completion(&self) -> bool {
        self.method == "POST" && self.target.contains("uploadId=")
    }

    /// Whether it is about a journal.
    pub(crate) fn is_of_journal(&self) -> bool {
        self.target.contains("~begun")
    }
}

type Choose = dyn FnMut(&Seen) -> Option<Fault> + Send;

/// Faults for requests, as they come.
#[derive(Clone, Default)]
pub(crate) struct Faults {
    choose: Arc<Mutex<Option<Box<Choose>>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Faults {
    /// From now on asks this what is to happen to a request.
    pub(crate) fn choose(&self, choose: impl FnMut(&Seen) -> Option<Fault> + Send + 'static) {
        *self.choose.lock().unwrap() = Some(Box::new(choose));
    }

    /// No more faults.
    pub(crate) fn end(&self) {
        *self.choose.lock().unwrap() = None;
    }

    /// What was sent since this was last asked.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    fn fault(&self, seen: &Seen) -> Option<Fault> {
        self.seen.lock().unwrap().push(seen.clone());
        self.choose.lock().unwrap().as_mut().and_then(|choose| choose(seen))
    }
}

/// A proxy that listens until it is dropped.
pub(crate) struct Proxy {
    pub(crate) endpoint: String,
    pub(crate) faults: Faults,
    listening: JoinHandle<()>,
}

impl Proxy {
    /// A proxy before a store at an address such as `http://127.0.0.1:9000`.
    pub(crate) async fn before(endpoint: &str) -> Self {
        let store = endpoint.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let faults = Faults::default();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let chosen = faults.clone();
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (store, faults) = (store.clone(), chosen.clone());
                // A broken connection is what some tests want.
                tokio::spawn(async move { drop(carry(client, &store, &faults).await) });
            }
        });
        Self { endpoint, faults, listening }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn carry(mut client: TcpStream, store: &str, faults: &Faults) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let mut buffer = Vec::new();
    let head_len = loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if client.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    };
    let head = String::from_utf8_lossy(&buffer[..head_len]).into_owned();
    let body_len = header(&head, "content-length").map_or(0, |len| len.parse().unwrap());
    let mut words = head.split(' ').map(str::to_owned);
    let seen = Seen {
        method: words.next().unwrap(),
        target: words.next().unwrap(),
        is_copy: header(&head, "x-amz-copy-source").is_some(),
    };
    let fault = faults.fault(&seen);
    let sent_len = match fault {
        Some(Fault::Refused) => return Ok(()),
        Some(Fault::Torn) => body_len / 2,
        _ => body_len,
    };
    if let Some(Fault::Status(status)) = fault {
        let mut body = (&mut client).take((body_len - (buffer.len() - head_len)) as u64);
        tokio::io::copy(&mut body, &mut tokio::io::sink()).await?;
        let answer = format!("HTTP/1.1 {status} Spoilt\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        return client.write_all(answer.as_bytes()).await;
    }
    let mut store = TcpStream::connect(store).await?;
    store.set_nodelay(true)?;
    store.write_all(head.replacen("\r\n", "\r\nconnection: close\r\n", 1).as_bytes()).await?;
    let begun = &buffer[head_len..buffer.len().min(head_len + sent_len)];
    store.write_all(begun).await?;
    let (mut heard, mut told) = client.split();
    let (mut answer, mut asked) = store.split();
    let mut rest = (&mut heard).take((sent_len - begun.len()) as u64);
    if fault == Some(Fault::Torn) {
        return tokio::io::copy(&mut rest, &mut asked).await.map(drop);
    }
    // A store may answer before it has heard everything, and hear no more.
    let mut nobody = tokio::io::sink();
    let answering = async {
        match fault {
            Some(_) => tokio::io::copy(&mut answer, &mut nobody).await,
            None => tokio::io::copy(&mut answer, &mut told).await,
        }
    };
    let (_, answered) = tokio::join!(tokio::io::copy(&mut rest, &mut asked), answering);
    answered.map(drop)
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}
