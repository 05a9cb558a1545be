//! The certificates of all hosts on the list, as a listener asks for them.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use instant_acme::Account;
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::sync::{Mutex, Notify};
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};
use wharf_http_client::HttpClient;

use crate::certificate::{Certificate, Flaw};
use crate::challenges::Challenges;
use crate::folder::{Entry, Folder};
use crate::slot::{Shown, Slot, Turn};
use crate::{Error, Host, Options, account, order};

/// How often somebody looks whether another process is done with a host.
const LOCK_PAUSE: Duration = Duration::from_millis(250);
/// The shortest and the longest that renewal sleeps: clocks are set, and machines sleep too.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3600));

/// The certificates of the hosts on a list.
///
/// It is also what a handshake takes its certificate from, after [`prepare`](Self::prepare).
pub struct Certificates {
    options: Options,
    client: HttpClient,
    folder: Folder,
    slots: BTreeMap<Host, Arc<Slot>>,
    challenges: Arc<Challenges>,
    /// Who we are to the ACME server; none before the first order, and after one that failed.
    account: Mutex<Option<Account>>,
    /// Wakes renewal when there is another certificate, and so perhaps an earlier time to renew one.
    fetched: Notify,
}

impl Certificates {
    /// Opens the folder and reads what is in it. The ACME server is not asked anything yet.
    ///
    /// # Errors
    ///
    /// When the folder cannot be used. A certificate in it that cannot be used is only said in the log.
    pub fn open(options: Options, client: HttpClient) -> Result<Self, Error> {
        let folder = Folder::open(&options.folder)?;
        let slot = |host: &Host| {
            let rsa = read(&folder, host, Entry::Rsa).filter(Certificate::is_rsa);
            let ecdsa = read(&folder, host, Entry::Ecdsa).map(Arc::new);
            let shown = Shown { ecdsa, rsa: rsa.map(Arc::new) };
            (host.clone(), Arc::new(Slot::new(host.clone(), shown)))
        };
        let slots = options.hosts.iter().map(slot).collect();
        let challenges = Arc::new(Challenges::new(folder.clone()));
        Ok(Self {
            options,
            client,
            folder,
            slots,
            challenges,
            account: Mutex::default(),
            fetched: Notify::new(),
        })
    }

    /// Sees to it that a host has a certificate, before a handshake for it goes on.
    ///
    /// Done at once for a host that has one, that is not on the list, or whose last order has just failed. Otherwise it waits for
    /// the order, as long as [`Options::handshake_wait`]; the order goes on without it.
    pub async fn prepare(self: &Arc<Self>, name: &str) {
        let Some(slot) = self.slot(name) else { return };
        let waiting = async {
            while slot.shown(SystemTime::now()).ecdsa.is_none() {
                let mut ends = slot.ends();
                if !self.begin(slot) && !slot.is_running() {
                    return;
                }
                if ends.changed().await.is_err() {
                    return;
                }
            }
        };
        // Whoever waited in vain finds no certificate, which ends the handshake.
        let _ = timeout(self.options.handshake_wait, waiting).await;
    }

    /// What a handshake goes by that offers [`ALPN`](crate::ALPN) and nothing else; none when no ACME server has to come.
    pub async fn challenge(&self, name: &str) -> Option<Arc<ServerConfig>> {
        let host = self.slot(name)?.host.clone();
        let challenges = Arc::clone(&self.challenges);
        tokio::task::spawn_blocking(move || challenges.config(&host)).await.ok()?
    }

    /// Renews certificates ahead of their end, for as long as it is polled.
    pub async fn renew(self: Arc<Self>) {
        loop {
            let due = |slot: &Arc<Slot>| slot.due(SystemTime::now(), self.options.renew_before);
            let next = self.slots.values().filter_map(due).min().unwrap_or(PAUSES.1);
            let pause = timeout(next.clamp(PAUSES.0, PAUSES.1), self.fetched.notified());
            if pause.await.is_ok() {
                continue;
            }
            for slot in self.slots.values().filter(|slot| due(slot) == Some(Duration::ZERO)) {
                let mut ends = slot.ends();
                if self.begin(slot) {
                    let _ = ends.changed().await;
                }
            }
        }
    }

    fn slot(&self, name: &str) -> Option<&Arc<Slot>> {
        self.slots.get(&name.parse().ok()?)
    }

    /// Orders for a host in a task of its own, unless somebody does, or did in vain a moment ago.
    fn begin(self: &Arc<Self>, slot: &Arc<Slot>) -> bool {
        let Some(turn) = slot.turn(&self.options) else { return false };
        let this = Arc::clone(self);
        tokio::spawn(async move { this.take(turn).await });
        true
    }

    async fn take(&self, turn: Turn) {
        let slot = Arc::clone(&turn.slot);
        let limit = self.options.order_timeout;
        match timeout(limit, self.obtain(&slot)).await.unwrap_or(Err(Error::TimedOut(limit))) {
            Ok(()) => {
                turn.succeed();
                self.fetched.notify_one();
            }
            Err(error) => {
                *self.account.lock().await = None;
                let again = turn.fail();
                let error = &error as &dyn std::error::Error;
                error!(error, host = %slot.host, ?again, "no certificate could be fetched");
            }
        }
    }

    /// Finds a new certificate in the folder, or orders one.
    async fn obtain(&self, slot: &Slot) -> Result<(), Error> {
        let host = &slot.host;
        let _lock = self.lock(host).await?;
        let in_folder = self.blocking(host, |folder, host| Ok(read(folder, host, Entry::Ecdsa))).await?;
        let now = SystemTime::now();
        let is_new =
            |found: &Certificate| found.is_valid_at(now) && found.renewal(self.options.renew_before) > now;
        if let Some(found) = in_folder.filter(is_new) {
            info!(%host, "another process has fetched the certificate");
            slot.show(found);
            return Ok(());
        }
        info!(%host, directory = self.options.directory, "a certificate is ordered");
        let account = self.account().await?;
        let pem = order::place(&account, host, &self.challenges, self.options.order_timeout).await?;
        let certificate = Certificate::from_pem(pem.as_bytes(), host).map_err(Error::Issued)?;
        let left = certificate.end().duration_since(SystemTime::now()).unwrap_or_default();
        info!(%host, left = ?Duration::from_secs(left.as_secs()), "a certificate was fetched");
        let is_new = is_new(&certificate);
        slot.show(certificate);
        let write = move |folder: &Folder, host: &Host| folder.write(&Entry::Ecdsa.of(host), pem.as_bytes());
        if let Err(error) = self.blocking(host, write).await {
            error!(error = &error as &dyn std::error::Error, %host, "the certificate could not be kept");
        }
        // With a clock that is wrong, each certificate would be followed by the next order at once.
        if is_new { Ok(()) } else { Err(Error::Issued(Flaw::Old)) }
    }

    /// Waits until no other process orders for a host.
    async fn lock(&self, host: &Host) -> Result<File, Error> {
        loop {
            let locked = self.blocking(host, |folder, host| folder.lock(&Entry::Lock.of(host))).await?;
            if let Some(lock) = locked {
                return Ok(lock);
            }
            sleep(LOCK_PAUSE).await;
        }
    }

    /// Signs in, unless we are.
    async fn account(&self) -> Result<Account, Error> {
        let mut current = self.account.lock().await;
        if let Some(account) = &*current {
            return Ok(account.clone());
        }
        let folder = self.folder.clone();
        let key =
            tokio::task::spawn_blocking(move || account::key(&folder)).await.map_err(Error::crypto)??;
        let account = account::sign_in(&key, &self.options, self.client.clone()).await?;
        Ok(current.insert(account).clone())
    }

    /// Does something with files where it holds nobody up.
    async fn blocking<T: Send + 'static>(
        &self,
        host: &Host,
        act: impl FnOnce(&Folder, &Host) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (folder, host) = (self.folder.clone(), host.clone());
        tokio::task::spawn_blocking(move || act(&folder, &host)).await.map_err(Error::crypto)?
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let shown = self.slot(hello.server_name()?)?.shown(SystemTime::now());
        let takes = |certificate: &Arc<Certificate>| {
            certificate.shown.key.choose_scheme(hello.signature_schemes()).is_some()
        };
        let ecdsa = shown.ecdsa.filter(takes);
        Some(Arc::clone(&ecdsa.or(shown.rsa.filter(takes))?.shown))
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Certificates").field("options", &self.options).finish_non_exhaustive()
    }
}

/// A certificate of the folder; none when there is none, or one that is of no use.
fn read(folder: &Folder, host: &Host, entry: Entry) -> Option<Certificate> {
    let name = entry.of(host);
    let found = folder.read(&name).and_then(|text| match text {
        Some(text) => Certificate::from_pem(&text, host).map(Some).map_err(Error::Kept),
        None => Ok(None),
    });
    found.unwrap_or_else(|error| {
        let error = &error as &dyn std::error::Error;
        warn!(error, file = %folder.path(&name).display(), "a certificate of the folder is passed over");
        None
    })
}

#[cfg(test)]
mod tests {
    use rustls::crypto::aws_lc_rs;
    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConnection};
    use tempfile::TempDir;
    use tokio::time::Instant;

    use super::*;
    use crate::certificate::tests::pem;

    /// Certificates of `a.example`, from an ACME server that nobody can reach.
    fn certificates(change: impl FnOnce(&TempDir, &mut Options)) -> (TempDir, Arc<Certificates>) {
        let folder = tempfile::tempdir().unwrap();
        let mut options = Options::new(folder.path());
        options.directory = "https://127.0.0.1:1/directory".to_owned();
        options.hosts = vec!["a.example".parse().unwrap()];
        change(&folder, &mut options);
        let client = HttpClient::new(wharf_http_client::Options::default()).unwrap();
        (folder, Arc::new(Certificates::open(options, client).unwrap()))
    }

    fn provider() -> Arc<rustls::crypto::CryptoProvider> {
        Arc::new(aws_lc_rs::default_provider())
    }

    /// The certificate that a client is shown which asks for a host, by signatures whose name holds `signed`.
    fn shown(certificates: &Arc<Certificates>, name: &str, signed: &str) -> Option<Vec<u8>> {
        let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(certificates) as _;
        let server = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let server = server.unwrap().with_no_client_auth().with_cert_resolver(resolver);
        let mut client = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        client.dangerous().set_certificate_verifier(Arc::new(Taker { signed: signed.to_owned() }));
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
        let mut server = ServerConnection::new(Arc::new(server)).unwrap();
        for _ in 0..4 {
            let mut wire = Vec::new();
            client.write_tls(&mut wire).unwrap();
            server.read_tls(&mut &wire[..]).unwrap();
            server.process_new_packets().ok()?;
            wire.clear();
            server.write_tls(&mut wire).unwrap();
            client.read_tls(&mut &wire[..]).unwrap();
            client.process_new_packets().ok()?;
        }
        Some(client.peer_certificates()?[0].to_vec())
    }

    /// Takes any certificate, if it signs as it is asked to.
    #[derive(Debug)]
    struct Taker {
        signed: String,
    }

    impl rustls::client::danger::ServerCertVerifier for Taker {
        fn verify_server_cert(
            &self,
            _: &rustls::pki_types::CertificateDer<'_>,
            _: &[rustls::pki_types::CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: rustls::pki_types::UnixTime,
        ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
            Ok(rustls::client::danger::ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &rustls::pki_types::CertificateDer<'_>,
            _: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &rustls::pki_types::CertificateDer<'_>,
            signed: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            self.verify_tls12_signature(message, certificate, signed)
        }

        fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
            let all = provider().signature_verification_algorithms.supported_schemes();
            all.into_iter().filter(|scheme| format!("{scheme:?}").contains(&self.signed)).collect()
        }
    }

    #[tokio::test]
    async fn what_lies_in_the_folder_is_shown_without_asking_anybody() {
        let (_folder, certificates) = certificates(|folder, _| {
            std::fs::write(folder.path().join("a.example"), pem("a.example", 1, 80)).unwrap();
        });
        certificates.prepare("A.example.").await;
        assert!(shown(&certificates, "a.example", "").is_some());
        assert!(shown(&certificates, "b.example", "").is_none(), "a host that is not on the list");
        assert!(!certificates.slot("a.example").unwrap().is_running());
    }

    /// What Go's autocert (of golang.org/x/crypto 0.58) left in its folder, from an ACME server that issues for thirty years.
    #[tokio::test]
    async fn a_folder_of_autocert_is_taken_over() {
        const OF_AUTOCERT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/autocert");
        let (folder, certificates) = certificates(|folder, options| {
            for file in std::fs::read_dir(OF_AUTOCERT).unwrap() {
                let file = file.unwrap();
                std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
            }
            options.hosts = vec!["registry.test".parse().unwrap()];
        });
        certificates.prepare("registry.test").await;
        let any = shown(&certificates, "registry.test", "").unwrap();
        assert!(shown(&certificates, "registry.test", "ECDSA").unwrap() == any);
        assert!(shown(&certificates, "registry.test", "RSA").unwrap() != any, "the one for clients of old");
        account::key(&certificates.folder).unwrap();
        for file in std::fs::read_dir(OF_AUTOCERT).unwrap() {
            let file = file.unwrap();
            let now = std::fs::read(folder.path().join(file.file_name())).unwrap();
            assert!(now == std::fs::read(file.path()).unwrap(), "nothing was written");
        }
    }

    #[tokio::test]
    async fn what_has_ended_or_is_of_somebody_else_is_not_shown() {
        for text in [pem("a.example", 90, -1), pem("b.example", 1, 80), "nonsense".to_owned()] {
            let (folder, certificates) = certificates(|folder, _| {
                std::fs::write(folder.path().join("a.example"), &text).unwrap();
            });
            assert!(shown(&certificates, "a.example", "").is_none());
            certificates.prepare("a.example").await;
            let kept = std::fs::read_to_string(folder.path().join("a.example")).unwrap();
            assert!(kept == text, "what could not be replaced stays");
        }
    }

    #[tokio::test]
    async fn what_fails_is_refused_at_once_until_its_time_comes() {
        let (folder, certificates) =
            certificates(|_, options| options.first_retry = Duration::from_secs(3600));
        certificates.prepare("a.example").await;
        let slot = certificates.slot("a.example").unwrap();
        assert!(slot.turn(&certificates.options).is_none(), "it was tried, and failed");
        assert!(folder.path().join("acme_account+key").exists());
        certificates.prepare("a.example").await;
        certificates.prepare("b.example").await;
        assert!(!folder.path().join("b.example+lock").exists(), "nobody orders for it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_handshake_waits_for_another_process_as_long_as_it_may() {
        let (folder, certificates) = certificates(|_, _| {});
        let host: Host = "a.example".parse().unwrap();
        let lock = certificates.folder.lock(&Entry::Lock.of(&host)).unwrap().unwrap();
        let started = Instant::now();
        certificates.prepare("a.example").await;
        assert_eq!(started.elapsed(), certificates.options.handshake_wait);
        std::fs::write(folder.path().join("a.example"), pem("a.example", 1, 80)).unwrap();
        drop(lock);
        certificates.prepare("a.example").await;
        assert!(shown(&certificates, "a.example", "").is_some(), "what the other one fetched");
        assert!(!folder.path().join("acme_account+key").exists(), "nobody was asked");
    }
}
