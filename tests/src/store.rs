//! What is in a bucket, looked at past the server that is tested.

use std::collections::BTreeMap;
use std::io;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::http::{Answer, Connection, Request};
use crate::part::Place;
use crate::signature::Unsigned;
use crate::tree::shown;

/// How many objects are deleted by one request: as many as S3 takes.
const DELETED_AT_ONCE: usize = 1_000;

/// Is a client of a bucket, on one connection.
#[derive(Debug)]
pub struct Store {
    place: Place,
    connection: Option<Connection>,
}

impl Store {
    /// Makes a client. It connects when it has something to say.
    #[must_use]
    pub fn at(place: &Place) -> Store {
        Store { place: place.clone(), connection: None }
    }

    /// Gives every key that begins with a prefix, in order.
    ///
    /// # Errors
    ///
    /// When the store does not answer, or not well.
    pub fn keys(&mut self, prefix: &str) -> io::Result<Vec<String>> {
        let (kind, name, next) = if self.place.azure {
            (&[("comp", "list"), ("restype", "container")][..], "Name", ("marker", "NextMarker"))
        } else {
            (&[("list-type", "2")][..], "Key", ("continuation-token", "NextContinuationToken"))
        };
        let mut keys = Vec::new();
        let mut from = String::new();
        loop {
            let mut query: Vec<(&str, String)> =
                kind.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
            query.push(("prefix", prefix.to_owned()));
            if !from.is_empty() {
                query.push((next.0, from));
            }
            let page = self.tell("GET", "", query, &[], Bytes::new())?.text();
            keys.extend(elements(&page, name));
            from = elements(&page, next.1).into_iter().next().unwrap_or_default();
            if from.is_empty() {
                return Ok(keys);
            }
        }
    }

    /// Gives the keys of all uploads of S3 that were begun below a prefix and neither completed nor aborted.
    ///
    /// # Errors
    ///
    /// When the store does not answer, or not well.
    pub fn unfinished_uploads(&mut self, prefix: &str) -> io::Result<Vec<String>> {
        let query = vec![("prefix", prefix.to_owned()), ("uploads", String::new())];
        let page = self.tell("GET", "", query, &[], Bytes::new())?.text();
        Ok(elements(&page, "Key").into_iter().filter(|key| key.starts_with(prefix)).collect())
    }

    /// Reads an object.
    ///
    /// # Errors
    ///
    /// When it is not there, or does not come.
    pub fn get(&mut self, key: &str) -> io::Result<Bytes> {
        Ok(self.tell("GET", key, Vec::new(), &[], Bytes::new())?.body)
    }

    /// Writes an object, with header lines beside those that are always sent.
    ///
    /// # Errors
    ///
    /// When the store does not take it.
    pub fn put(&mut self, key: &str, headers: &[(&str, &str)], content: impl Into<Bytes>) -> io::Result<()> {
        self.tell("PUT", key, Vec::new(), headers, content.into()).map(drop)
    }

    /// Deletes every object whose key begins with a prefix.
    ///
    /// # Errors
    ///
    /// When the store does not do it.
    pub fn delete_all(&mut self, prefix: &str) -> io::Result<()> {
        let keys = self.keys(prefix)?;
        if self.place.azure {
            return keys
                .iter()
                .try_for_each(|key| self.tell("DELETE", key, Vec::new(), &[], Bytes::new()).map(drop));
        }
        for keys in keys.chunks(DELETED_AT_ONCE) {
            let objects: String = keys
                .iter()
                .map(|key| format!("<Object><Key>{}</Key></Object>", key.replace('&', "&amp;")))
                .collect();
            let list = format!("<Delete><Quiet>true</Quiet>{objects}</Delete>");
            let checksum = BASE64_STANDARD.encode(Sha256::digest(list.as_bytes()));
            let headers = [("x-amz-checksum-sha256", checksum.as_str())];
            self.tell("POST", "", vec![("delete", String::new())], &headers, list.into())?;
        }
        Ok(())
    }

    /// Reads everything below a prefix, as [`tree`](crate::tree()) does with a folder.
    ///
    /// # Errors
    ///
    /// When the store does not answer, or not well.
    pub fn tree(&mut self, prefix: &str) -> io::Result<BTreeMap<String, String>> {
        let keys = self.keys(prefix)?;
        keys.iter().map(|key| Ok((key[prefix.len()..].to_owned(), shown(self.get(key)?.to_vec())))).collect()
    }

    fn tell(
        &mut self,
        method: &str,
        key: &str,
        mut query: Vec<(&str, String)>,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> io::Result<Answer> {
        query.sort();
        let bucket = &self.place.bucket;
        let account = if self.place.azure { format!("/{}", self.place.user) } else { String::new() };
        let path =
            if key.is_empty() { format!("{account}/{bucket}") } else { format!("{account}/{bucket}/{key}") };
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let request = Unsigned { method, path, query, headers }.signed(&self.place);
        let request = if matches!(method, "PUT" | "POST") { request.body(body) } else { request };
        // A connection that idled may be gone.
        let kept = self.connection.is_some();
        let answer = match self.exchange(&request) {
            Err(_) if kept => self.exchange(&request),
            first => first,
        }?;
        if answer.status >= 300 {
            return Err(io::Error::other(format!("{request:?}: {answer:?}")));
        }
        Ok(answer)
    }

    fn exchange(&mut self, request: &Request) -> io::Result<Answer> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(self.place.address)?,
        };
        connection.send(request)?;
        let answer = connection.answer(request.method())?;
        self.connection = Some(connection);
        Ok(answer)
    }
}

/// Gives what stands in each element of a name. Elements of one name do not stand in each other here.
fn elements(text: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let inner = text.split(&open).skip(1).filter_map(|rest| rest.split_once(&close));
    inner.map(|(inner, _)| inner.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")).collect()
}
