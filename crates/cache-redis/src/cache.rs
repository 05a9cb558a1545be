//! The cache: what is sent to Redis for each call, and what of the answer is believed.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use redis::{Cmd, Value};
use wharf_cache::{Cache, Content, Entry, Error, Lookup, Ticket};
use wharf_digest::Digest;
use wharf_reference::RepositoryName;

use crate::config::Config;
use crate::forgotten::Deletion;
use crate::keys;
use crate::line::{Line, SetEra, Unanswered, get_era, set_era};
use crate::voucher::{Seal, Vouched};

/// A cache in Redis. Clones share everything.
#[derive(Clone)]
pub struct RedisCache {
    line: Arc<Line>,
    seal: Seal,
    max_age: Duration,
}

/// A mark of a deletion outlives the vouchers that it makes void by this: the longest that a look at the store can take, and
/// what the clocks of replicas may differ by.
const MARK_OUTLIVES: Duration = Duration::from_secs(600);
/// A voucher from the future is believed if it is no further away: clocks differ.
const CLOCKS_DIFFER: Duration = Duration::from_secs(10);
/// What there is instead of a mark that cannot be read.
const UNREADABLE: u64 = u64::MAX;

impl RedisCache {
    /// A cache in the Redis that `config` names. It need not be there yet: that is logged, and the cache is used as soon as
    /// it is. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// When the configuration cannot work: certificates that are none, a cluster over Unix sockets.
    pub async fn open(config: Config) -> Result<Self, Error> {
        let line = Line::open(&config, config.max_age + MARK_OUTLIVES).await;
        let line = line.map_err(|error| Error { cache: CACHE, source: Box::new(error) })?;
        Ok(Self { line, seal: Seal::new(&config.secret), max_age: config.max_age })
    }

    /// The marks that were asked for with the last two commands. The era has to begin once.
    async fn marks(&self, answers: &[Value]) -> Result<Ticket, Error> {
        let [.., deleted, era] = answers else { return Ok(Ticket::new([UNREADABLE, UNREADABLE])) };
        let deleted = mark(deleted).unwrap_or(0);
        if let Some(era) = mark(era) {
            return Ok(Ticket::new([deleted, era]));
        }
        let answers = self.line.ask([vec![set_era(SetEra::IfThereIsNone)], vec![get_era()]]).await;
        let era = answers.map_err(failed)?.last().and_then(mark).unwrap_or(UNREADABLE);
        Ok(Ticket::new([deleted, era]))
    }

    /// An entry that is vouched for, young, and not deleted since.
    fn believed(&self, vouched: Option<Vouched>, ticket: Ticket) -> Option<Entry> {
        let vouched = vouched.filter(|vouched| vouched.ticket == ticket)?;
        let (now, since) = (now(), Duration::from_secs(vouched.since));
        let young = now.saturating_sub(since) < self.max_age && since.saturating_sub(now) <= CLOCKS_DIFFER;
        young.then_some(vouched.entry)
    }
}

#[async_trait]
impl Cache for RedisCache {
    async fn find(
        &self,
        repository: &RepositoryName,
        content: Content,
        digest: &Digest,
    ) -> Result<Lookup, Error> {
        let mut commands = match content {
            Content::Blob => vec![
                keys::command("HGET", keys::member(repository, digest)).arg(keys::VOUCHER).take(),
                keys::command("SISMEMBER", keys::members(repository)).arg(digest.to_string()).take(),
                keys::command("HMGET", keys::blob(digest)).arg("digest").arg("size").take(),
            ],
            Content::Manifest => vec![keys::command("GET", keys::manifest(repository, digest))],
        };
        commands.extend(get_marks(repository, digest));
        let answers = self.line.ask([commands]).await.map_err(failed)?;
        let ticket = self.marks(&answers).await?;
        let voucher = answers.first().and_then(bytes);
        let vouched = voucher.and_then(|line| self.seal.read(repository, content, digest, line));
        let entry = self.believed(vouched, ticket);
        Ok(match entry.filter(|entry| content == Content::Manifest || is_confirmed(entry, &answers[1..])) {
            Some(entry) => Lookup::Known(entry),
            None => Lookup::Unknown(ticket),
        })
    }

    async fn ticket(&self, repository: &RepositoryName, digest: &Digest) -> Result<Ticket, Error> {
        let answers = self.line.ask([get_marks(repository, digest)]).await.map_err(failed)?;
        self.marks(&answers).await
    }

    async fn canonical(&self, digest: &Digest) -> Result<Option<Digest>, Error> {
        let command = keys::command("HGET", keys::blob(digest)).arg(keys::VOUCHER).take();
        let answers = self.line.ask([vec![command]]).await.map_err(failed)?;
        Ok(answers.first().and_then(bytes).and_then(|line| self.seal.read_alias(digest, line)))
    }

    async fn remember(
        &self,
        repository: &RepositoryName,
        content: Content,
        digest: &Digest,
        entry: &Entry,
        ticket: Ticket,
    ) -> Result<(), Error> {
        let vouched = Vouched { entry: entry.clone(), ticket, since: now().as_secs() };
        let voucher = self.seal.vouch(repository, content, digest, &vouched);
        let written = match content {
            Content::Blob => self.blob_written(repository, digest, entry, voucher),
            Content::Manifest => vec![
                keys::command("SET", keys::manifest(repository, digest))
                    .arg(voucher)
                    .arg("EX")
                    .arg(self.max_age.as_secs().max(1))
                    .take(),
            ],
        };
        let answers = self.line.offer([written, get_marks(repository, digest)]).await.map_err(failed)?;
        if self.marks(&answers).await? == ticket {
            return Ok(());
        }
        // Deleted meanwhile. The voucher is void, but Distribution would believe the rest.
        let undone = match content {
            Content::Blob => vec![
                keys::command("SREM", keys::members(repository)).arg(digest.to_string()).take(),
                keys::command("DEL", keys::member(repository, digest)),
            ],
            Content::Manifest => vec![keys::command("DEL", keys::manifest(repository, digest))],
        };
        self.line.ask([undone]).await.map(drop).map_err(failed)
    }

    async fn forget(
        &self,
        repository: &RepositoryName,
        content: Content,
        digests: &[Digest],
    ) -> Result<(), Error> {
        let deletion =
            |digest: &Digest| Deletion { repository: repository.clone(), content, digest: *digest };
        let deletions: Vec<_> = digests.iter().map(deletion).collect();
        if deletions.is_empty() {
            return Ok(());
        }
        self.line.tell(&deletions).await.map_err(failed)
    }
}

impl RedisCache {
    fn blob_written(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        entry: &Entry,
        voucher: String,
    ) -> Vec<Cmd> {
        let (blob, member) = (keys::blob(digest), keys::member(repository, digest));
        let canonical = entry.canonical.to_string();
        let mut described = keys::command("HSET", blob.clone());
        described.arg("digest").arg(&canonical).arg("size").arg(entry.size);
        if entry.canonical != *digest {
            described.arg(keys::VOUCHER).arg(self.seal.vouch_alias(digest, &entry.canonical));
        }
        let typed = |key: String| keys::command("HSETNX", key).arg("mediatype").arg(&entry.media_type).take();
        vec![
            keys::command("SADD", keys::members(repository)).arg(digest.to_string()).take(),
            described,
            typed(blob),
            typed(member.clone()),
            keys::command("HSET", member).arg(keys::VOUCHER).arg(voucher).take(),
        ]
    }
}

impl std::fmt::Debug for RedisCache {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("RedisCache").field("max_age", &self.max_age).finish_non_exhaustive()
    }
}

const CACHE: &str = "redis";

fn failed(error: Unanswered) -> Error {
    Error { cache: CACHE, source: Box::new(error) }
}

fn get_marks(repository: &RepositoryName, digest: &Digest) -> Vec<Cmd> {
    vec![keys::command("GET", keys::deleted(repository, digest)), get_era()]
}

/// Whether Distribution's keys say the same: it deletes only them.
fn is_confirmed(entry: &Entry, answers: &[Value]) -> bool {
    let [member, Value::Array(described), ..] = answers else { return false };
    let [digest, size] = described.as_slice() else { return false };
    matches!(member, Value::Int(1) | Value::Boolean(true))
        && bytes(digest) == Some(entry.canonical.to_string().as_bytes())
        && bytes(size) == Some(entry.size.to_string().as_bytes())
}

/// A mark; none where there is none.
fn mark(value: &Value) -> Option<u64> {
    let text = bytes(value)?;
    let number = std::str::from_utf8(text).ok().and_then(|text| u64::from_str_radix(text, 16).ok());
    Some(number.unwrap_or(UNREADABLE))
}

fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        _ => None,
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
