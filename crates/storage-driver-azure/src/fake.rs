//! A service in memory that is as strict as the real one, counts, and fails when a test wants it to.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::config::{Config, Credentials};
use crate::container::Container;
use crate::driver::AzureDriver;
use crate::failure::{Failure, FailureKind};
use crate::service::{
    BlockId, Condition, CopyState, CopyStatus, Depth, Etag, ListQuery, Listed, PAGE_MAX, Page, Signing,
};

mod answers;

/// The size of a block in these tests, in bytes.
pub(crate) const CHUNK: usize = 64 * 1024;

pub(crate) fn config() -> Config {
    Config {
        chunk_bytes: CHUNK,
        upload_memory_bytes: 8 * CHUNK,
        upload_concurrency: 3,
        ..Config::new("account", "container", Credentials::SharedKey(String::new()))
    }
}

pub(crate) fn container(fake: &Fake) -> Arc<Container> {
    Container::new(config(), Arc::new(fake.clone()))
}

pub(crate) fn driver(fake: &Fake) -> AzureDriver {
    AzureDriver::over(container(fake))
}

/// The service. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Fake(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    blobs: BTreeMap<String, Blob>,
    waiting: BTreeMap<String, Vec<(BlockId, Bytes)>>,
    calls: HashMap<&'static str, usize>,
    faults: Vec<Fault>,
    versions: u64,
    /// How many bodies break, and after how many bytes.
    breaks: (usize, usize),
    pending_looks: usize,
    refuses_markers: bool,
    signing: Option<(Signing, Duration)>,
}

struct Blob {
    appended: bool,
    bytes: Bytes,
    blocks: Vec<(BlockId, Bytes)>,
    etag: Etag,
    modified: SystemTime,
    copy: Option<CopyState>,
    /// What it will be when its copy is done, after how many looks.
    becomes: Option<(Bytes, usize)>,
}

/// What fails.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) call: &'static str,
    pub(crate) after: usize,
    pub(crate) times: usize,
    pub(crate) moment: Moment,
    pub(crate) kind: FailureKind,
}

/// When it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Before,
    After,
    /// Not at all: there is no answer.
    Never,
}

impl Fault {
    pub(crate) fn times(call: &'static str, times: usize, kind: FailureKind) -> Self {
        Self { call, after: 0, times, moment: Moment::Before, kind }
    }

    pub(crate) fn hang(call: &'static str, times: usize) -> Self {
        Self { moment: Moment::Never, ..Self::times(call, times, FailureKind::Other) }
    }
}

impl Fake {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn plan(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    pub(crate) fn heal(&self) {
        self.state().faults.clear();
    }

    pub(crate) fn calls(&self, call: &str) -> usize {
        self.state().calls.get(call).copied().unwrap_or_default()
    }

    pub(crate) fn all_calls(&self) -> usize {
        self.state().calls.values().sum()
    }

    pub(crate) fn put_now(&self, key: &str, bytes: impl Into<Bytes>) {
        self.state().write(key, bytes.into());
    }

    pub(crate) fn append_now(&self, key: &str, bytes: impl Into<Bytes>) -> Etag {
        let mut state = self.state();
        let etag = state.write(key, bytes.into());
        state.blobs.get_mut(key).unwrap().appended = true;
        etag
    }

    pub(crate) fn bytes(&self, key: &str) -> Option<Bytes> {
        self.state().blobs.get(key).map(|blob| blob.bytes.clone())
    }

    /// Every key, those where only blocks wait included.
    pub(crate) fn keys(&self) -> Vec<String> {
        let state = self.state();
        let mut keys: Vec<_> = state.blobs.keys().chain(state.waiting.keys()).cloned().collect();
        keys.sort();
        keys.dedup();
        keys
    }

    pub(crate) fn break_bodies(&self, times: usize, after_bytes: usize) {
        self.state().breaks = (times, after_bytes);
    }

    pub(crate) fn pend_copies(&self, looks: usize) {
        self.state().pending_looks = looks;
    }

    pub(crate) fn refuse_markers(&self) {
        self.state().refuses_markers = true;
    }

    pub(crate) fn sign(&self, signing: Signing, lifetime: Duration) {
        self.state().signing = Some((signing, lifetime));
    }

    /// Counts a call, fails it if it is to fail, and gives others a turn.
    async fn call<T>(
        &self,
        call: &'static str,
        work: impl FnOnce(&mut State) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let fault = {
            let mut state = self.state();
            *state.calls.entry(call).or_default() += 1;
            state.fault(call)
        };
        tokio::task::yield_now().await;
        match fault {
            Some((Moment::Before, kind)) => Err(Failure::new(kind)),
            Some((Moment::Never, _)) => std::future::pending().await,
            Some((Moment::After, kind)) => {
                work(&mut self.state())?;
                Err(Failure::new(kind))
            }
            None => work(&mut self.state()),
        }
    }
}

impl State {
    fn fault(&mut self, call: &str) -> Option<(Moment, FailureKind)> {
        let fault = self.faults.iter_mut().find(|fault| fault.call == call && fault.times > 0)?;
        if fault.after > 0 {
            fault.after -= 1;
            return None;
        }
        fault.times -= 1;
        Some((fault.moment, fault.kind))
    }

    fn write(&mut self, key: &str, bytes: Bytes) -> Etag {
        self.versions += 1;
        let etag = Etag(format!("\"0x{:X}\"", self.versions));
        let blob = Blob {
            appended: false,
            bytes,
            blocks: Vec::new(),
            etag: etag.clone(),
            modified: SystemTime::now(),
            copy: None,
            becomes: None,
        };
        self.blobs.insert(key.to_owned(), blob);
        self.waiting.remove(key);
        etag
    }

    fn check(&self, key: &str, condition: &Condition) -> Result<(), Failure> {
        match (condition, self.blobs.get(key)) {
            (Condition::None, _) | (Condition::Absent, None) => Ok(()),
            (Condition::Absent, Some(_)) => Err(Failure::new(FailureKind::Exists)),
            (Condition::Is(etag), Some(blob)) if blob.etag == *etag => Ok(()),
            (Condition::Is(_), _) => Err(Failure::new(FailureKind::Changed)),
        }
    }

    /// Whether a blob of ours can be written over what is there.
    fn check_type(&self, key: &str) -> Result<(), Failure> {
        match self.blobs.get(key) {
            Some(blob) if blob.appended => Err(Failure::new(FailureKind::OtherType)),
            Some(blob) if blob.becomes.is_some() => Err(Failure::new(FailureKind::CopyPending)),
            _ => Ok(()),
        }
    }

    fn blob(&mut self, key: &str) -> Result<&mut Blob, Failure> {
        self.blobs.get_mut(key).ok_or_else(Failure::missing)
    }

    fn commit(&mut self, key: &str, ids: &[BlockId]) -> Result<(), Failure> {
        self.check_type(key)?;
        let committed = self.blobs.get(key).map(|blob| blob.blocks.clone()).unwrap_or_default();
        let waiting = self.waiting.get(key).cloned().unwrap_or_default();
        let find = |id: &BlockId| {
            let mut known = waiting.iter().rev().chain(&committed);
            known
                .find(|(other, _)| other == id)
                .cloned()
                .ok_or_else(|| Failure::new(FailureKind::UnknownBlock))
        };
        let blocks = ids.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        self.write(key, blocks.iter().map(|(_, bytes)| &bytes[..]).collect::<Vec<_>>().concat().into());
        self.blob(key)?.blocks = blocks;
        Ok(())
    }

    fn page(&self, query: &ListQuery<'_>) -> Result<Page, Failure> {
        if self.refuses_markers && query.marker.is_some() {
            return Err(Failure::new(FailureKind::Other));
        }
        let after = query.marker.map(|marker| marker.strip_prefix("mark:").expect("a marker of ours"));
        let waiting = self.waiting.keys().filter(|_| query.uncommitted).map(|key| (key, None));
        let blobs = self.blobs.iter().map(|(key, blob)| (key, Some(blob.modified)));
        let mut all: BTreeMap<String, Option<SystemTime>> = BTreeMap::new();
        for (key, modified) in waiting.chain(blobs) {
            let Some(below) = key.strip_prefix(query.prefix) else { continue };
            match below.find('/').filter(|_| query.depth == Depth::Children) {
                Some(slash) => drop(all.insert(format!("{}{}/", query.prefix, &below[..slash]), None)),
                None => drop(all.insert(key.clone(), modified)),
            }
        }
        let mut rest =
            all.into_iter().filter(|(key, _)| after.is_none_or(|after| key.as_str() > after)).peekable();
        let page = rest.by_ref().take(query.max.min(PAGE_MAX));
        let entries: Vec<_> = page.map(|(key, modified)| Listed { key, modified }).collect();
        let next = entries.last().filter(|_| rest.peek().is_some()).map(|last| format!("mark:{}", last.key));
        Ok(Page { entries, next })
    }
}

impl Blob {
    /// A pending copy goes on while others look at it.
    fn look(&mut self) {
        match self.becomes.take() {
            Some((bytes, looks)) if looks <= 1 => {
                self.bytes = bytes;
                if let Some(copy) = &mut self.copy {
                    copy.status = CopyStatus::Success;
                }
            }
            Some((bytes, looks)) => self.becomes = Some((bytes, looks - 1)),
            None => {}
        }
    }
}

mod contract {
    //! The driver over this service keeps the contract.

    use wharf_storage_driver::contract::Store;
    use wharf_storage_driver::contract_tests;

    use super::*;

    async fn open() -> Option<Store> {
        let fake = Fake::default();
        let looked_at = fake.clone();
        let driver = driver(&fake);
        let find = move || {
            // What a dropped writer had staged is thrown away by a task of its own.
            let until = std::time::Instant::now() + Duration::from_secs(10);
            while !looked_at.keys().is_empty() && std::time::Instant::now() < until {
                std::thread::sleep(Duration::from_millis(1));
            }
            looked_at.keys()
        };
        Some(Store::new(move || Arc::new(driver.clone())).with_leftovers(find))
    }

    contract_tests!(open);
}
