//! A small store in this process that breaks its word when it is told to.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::stores::Place;
use crate::wire::Request;

/// Which conditions it honours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Honours {
    /// All.
    Everything,
    /// All, but tags only without their quotes.
    BareTags,
    /// Those to create; others it takes no notice of.
    CreateOnly,
    /// None, and it does not say so.
    Nothing,
    /// None, and it refuses requests that have any.
    Refuses,
}

/// What goes wrong with the next request of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// So many bytes of the body are sent, then the connection ends.
    CutAfter(usize),
    /// So many bytes of the body are sent, then nothing for a long time.
    StallAfter(usize),
    /// It is done, and the connection ends without an answer.
    LoseAnswer,
    /// This status, and it is not done.
    Status(u16),
}

/// The store.
#[derive(Debug, Clone)]
pub(crate) struct Fake {
    pub(crate) place: Place,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    honours: Honours,
    bucket: String,
    objects: Mutex<BTreeMap<String, Object>>,
    faults: Mutex<BTreeMap<&'static str, VecDeque<Fault>>>,
    seen: Mutex<Vec<String>>,
    tags: AtomicU64,
}

#[derive(Debug, Clone)]
struct Object {
    bytes: Bytes,
    tag: String,
    /// What the writer wants kept beside it.
    mark: String,
}

impl Fake {
    pub(crate) async fn start(honours: Honours) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = Place {
            endpoint: format!("http://{}", listener.local_addr().unwrap()),
            access_key: "key".to_owned(),
            secret_key: "secret".to_owned(),
            bucket: uuid::Uuid::new_v4().to_string(),
            root: "root".to_owned(),
        };
        let state = Arc::new(State {
            honours,
            bucket: place.bucket.clone(),
            objects: Mutex::default(),
            faults: Mutex::default(),
            seen: Mutex::default(),
            tags: AtomicU64::new(1),
        });
        let serving = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, Arc::clone(&serving)));
            }
        });
        Self { place, state }
    }

    /// What goes wrong with the next requests of a method, one after another.
    pub(crate) fn plan(&self, method: &'static str, faults: impl IntoIterator<Item = Fault>) {
        self.state.faults.lock().unwrap().entry(method).or_default().extend(faults);
    }

    /// Puts an object there behind everyone's back.
    pub(crate) fn put(&self, key: &str, bytes: impl Into<Bytes>) {
        let object = Object { bytes: bytes.into(), tag: self.state.tag(), mark: String::new() };
        self.state.objects.lock().unwrap().insert(format!("{}/{key}", self.place.root), object);
    }

    /// The keys that are there.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.state.objects.lock().unwrap().keys().cloned().collect()
    }

    /// What was asked since this was asked last.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.state.seen.lock().unwrap())
    }
}

/// What is answered.
struct Answer {
    status: u16,
    headers: String,
    body: Bytes,
}

impl Answer {
    fn new(status: u16) -> Self {
        Self { status, headers: String::new(), body: Bytes::new() }
    }

    fn with(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        let _ = write!(self.headers, "{name}: {value}\r\n");
        self
    }

    fn holding(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }

    fn refusal(status: u16, code: &str) -> Self {
        Self::new(status).holding(format!("<Error><Code>{code}</Code><Message>refused</Message></Error>"))
    }
}

async fn serve(mut client: TcpStream, state: Arc<State>) {
    let mut buffer = Vec::new();
    while let Some(request) = Request::read(&mut client, &mut buffer).await {
        let range = request.header("range").unwrap_or_default();
        state.seen.lock().unwrap().push(format!("{} {} {range}", request.method, request.path));
        let planned =
            state.faults.lock().unwrap().get_mut(request.method.as_str()).and_then(VecDeque::pop_front);
        let fault = planned.unwrap_or(Fault::None);
        let answer = match fault {
            Fault::Status(status) => Answer::refusal(status, "Planned"),
            _ => state.answer(&request),
        };
        let sent = match fault {
            Fault::LoseAnswer => return,
            Fault::CutAfter(bytes) | Fault::StallAfter(bytes) => bytes.min(answer.body.len()),
            _ => answer.body.len(),
        };
        let len = answer.body.len();
        let head = format!("HTTP/1.1 {} x\r\ncontent-length: {len}\r\n{}\r\n", answer.status, answer.headers);
        let body = if request.method == "HEAD" { &[][..] } else { &answer.body[..sent] };
        if client.write_all(head.as_bytes()).await.is_err() || client.write_all(body).await.is_err() {
            return;
        }
        match fault {
            Fault::CutAfter(_) => return,
            Fault::StallAfter(_) => tokio::time::sleep(Duration::from_secs(60)).await,
            _ => {}
        }
    }
}

impl State {
    /// A tag that no object had yet.
    fn tag(&self) -> String {
        format!("{:032x}", self.tags.fetch_add(1, Ordering::Relaxed))
    }

    fn answer(&self, request: &Request) -> Answer {
        let key = request.path[1..].strip_prefix(&self.bucket).unwrap().trim_start_matches('/');
        let key = percent_encoding::percent_decode_str(key).decode_utf8().unwrap().into_owned();
        match request.method.as_str() {
            "GET" if key.is_empty() => self.list(request),
            "GET" | "HEAD" => self.get(&key, request),
            "PUT" => self.put_if(key, request),
            "DELETE" => {
                self.objects.lock().unwrap().remove(&key);
                Answer::new(204)
            }
            "POST" if self.honours != Honours::Refuses => self.delete(request),
            _ => Answer::refusal(501, "NotImplemented"),
        }
    }

    fn put_if(&self, key: String, request: &Request) -> Answer {
        let condition = request.header("if-none-match").or(request.header("if-match"));
        let mut objects = self.objects.lock().unwrap();
        let there = objects.get(&key).map(|object| object.tag.as_str());
        let met = match (self.honours, request.header("if-none-match"), request.header("if-match")) {
            (Honours::Refuses, ..) if condition.is_some() => return Answer::refusal(501, "NotImplemented"),
            (Honours::Nothing, ..) | (_, None, None) => true,
            (_, Some(_), _) => there.is_none(),
            (Honours::CreateOnly, ..) => true,
            (Honours::BareTags, _, Some(tag)) => there == Some(tag),
            (_, _, Some(tag)) => there == tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')),
        };
        if !met {
            return Answer::refusal(412, "PreconditionFailed");
        }
        let tag = self.tag();
        let mark = request.header("x-amz-meta-wharf-write").unwrap_or_default().to_owned();
        objects.insert(key, Object { bytes: Bytes::from(request.body.clone()), tag: tag.clone(), mark });
        Answer::new(200).with("etag", format!("\"{tag}\""))
    }

    /// Deletes several at once, and wants the digest of old.
    fn delete(&self, request: &Request) -> Answer {
        if request.header("content-md5").is_none() || request.header("x-amz-checksum-crc32").is_some() {
            return Answer::refusal(400, "InvalidRequest");
        }
        let body = String::from_utf8(request.body.clone()).unwrap();
        for key in body.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next()) {
            self.objects.lock().unwrap().remove(key);
        }
        Answer::new(200).holding("<DeleteResult></DeleteResult>")
    }

    fn get(&self, key: &str, request: &Request) -> Answer {
        let Some(Object { bytes, tag, mark }) = self.objects.lock().unwrap().get(key).cloned() else {
            return Answer::refusal(404, "NoSuchKey");
        };
        let size = bytes.len();
        let whole = Answer::new(200).with("etag", format!("\"{tag}\"")).with("x-amz-meta-wharf-write", mark);
        let Some((start, end)) =
            request.header("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'))
        else {
            return whole.holding(bytes);
        };
        let start: usize = start.parse().unwrap();
        let end = end.parse().map_or(size, |end: usize| (end + 1).min(size));
        if start >= size {
            return Answer::refusal(416, "InvalidRange");
        }
        let part = Answer { status: 206, ..whole };
        part.with("content-range", format!("bytes {start}-{}/{size}", end - 1))
            .holding(bytes.slice(start..end))
    }

    fn list(&self, request: &Request) -> Answer {
        let prefix = request.parameter("prefix").unwrap_or_default();
        let after = request.parameter("start-after").unwrap_or_default();
        let delimiter = request.parameter("delimiter").is_some();
        let mut xml = String::from("<ListBucketResult><IsTruncated>false</IsTruncated>");
        let mut folder = String::new();
        for (key, Object { tag, .. }) in self.objects.lock().unwrap().iter() {
            let Some(name) = key.strip_prefix(&prefix).filter(|_| *key > after) else { continue };
            match name.split_once('/').filter(|_| delimiter) {
                Some((name, _)) if folder == name => {}
                Some((name, _)) => {
                    name.clone_into(&mut folder);
                    let _ = write!(xml, "<CommonPrefixes><Prefix>{prefix}{name}/</Prefix></CommonPrefixes>");
                }
                None => {
                    let _ = write!(xml, "<Contents><Key>{key}</Key><ETag>{tag}</ETag></Contents>");
                }
            }
        }
        Answer::new(200).holding(xml + "</ListBucketResult>")
    }
}
