//! The listener behind TLS and behind a socket of this machine: who gets in, by which protocol, and what they get.
#![expect(clippy::unwrap_used, reason = "a test stops at the first failure")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, version};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wharf_api_v2::{Api, Options};
use wharf_cache::NoCache;
use wharf_content::ByteStream;
use wharf_digest::{Algorithm, Digest};
use wharf_registry::Namespace;
use wharf_server::listen::{
    CipherSuite, ClientAuth, Identity, Limits, Listener, Tls, TlsOptions, TlsVersion,
};
use wharf_storage::Storage;
use wharf_storage_driver::MemoryDriver;

/// Who vouches for others.
struct Authority {
    certificate: CertificateDer<'static>,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(vec!["authority.example".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pair = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&pair).unwrap();
        Self {
            certificate: certificate.der().clone(),
            pem: certificate.pem(),
            issuer: Issuer::new(params, pair),
        }
    }

    fn vouch(&self, usage: ExtendedKeyUsagePurpose) -> (rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        let pair = KeyPair::generate().unwrap();
        (params.signed_by(&pair, &self.issuer).unwrap(), pair)
    }

    fn write_server(&self, folder: &Path) {
        let (certificate, pair) = self.vouch(ExtendedKeyUsagePurpose::ServerAuth);
        std::fs::write(folder.join("certificate.pem"), certificate.pem()).unwrap();
        std::fs::write(folder.join("key.pem"), pair.serialize_pem()).unwrap();
    }

    fn client(&self) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let (certificate, pair) = self.vouch(ExtendedKeyUsagePurpose::ClientAuth);
        (certificate.der().clone(), PrivateKeyDer::try_from(pair.serialize_der()).unwrap())
    }
}

/// A listener behind TLS, whose certificate `authority` vouches for.
struct Server {
    address: SocketAddr,
    storage: Storage,
    tls: Arc<Tls>,
    authority: Authority,
    folder: TempDir,
    _stop: oneshot::Sender<()>,
}

impl Server {
    async fn start(change: impl FnOnce(&mut TlsOptions)) -> Self {
        Self::with_limits(Limits::default(), change).await
    }

    async fn with_limits(limits: Limits, change: impl FnOnce(&mut TlsOptions)) -> Self {
        let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
        authority.write_server(folder.path());
        let path = |name: &str| folder.path().join(name);
        let identity = Identity::Files { certificate: path("certificate.pem"), key: path("key.pem") };
        let mut options = TlsOptions {
            client_cas: Vec::new(),
            client_auth: ClientAuth::default(),
            minimum: TlsVersion::default(),
            cipher_suites: None,
            http2: true,
        };
        change(&mut options);
        let tls = Arc::new(Tls::open(identity, options).unwrap());
        let (api, storage) = api();
        let listener = Listener::bind("127.0.0.1:0", limits).await.unwrap().with_tls(Arc::clone(&tls));
        let address = listener.local_address().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(listener.serve(api, async move { drop(stopped.await) }, Duration::from_secs(5)));
        Self { address, storage, tls, authority, folder, _stop: stop }
    }

    /// Asks for `/v2/` over HTTP/1.1, as a client that is like this.
    async fn ask(&self, client: Client) -> std::io::Result<String> {
        let mut stream = client.connect(self).await?;
        stream.write_all(b"GET /v2/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    async fn lets_in(&self, client: Client) -> bool {
        self.ask(client).await.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }
}

fn api() -> (Api, Storage) {
    let storage =
        Storage::new(Arc::new(MemoryDriver::new()), Arc::new(NoCache), wharf_storage::Options::default());
    (Api::new(Arc::new(storage.clone()), Options::default()), storage)
}

async fn blob(storage: &Storage, bytes: &Bytes) -> Digest {
    let digest = Algorithm::Sha256.digest(bytes);
    let body = ByteStream::new(None, stream::iter([Ok(bytes.clone())]));
    storage.repository(&"files".parse().unwrap()).uploads().put(&digest, body).await.unwrap();
    digest
}

#[derive(Default)]
struct Client {
    protocols: Vec<&'static str>,
    certificate: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
    provider: Option<CryptoProvider>,
    tls12_only: bool,
}

impl Client {
    async fn connect(self, server: &Server) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(server.authority.certificate.clone()).unwrap();
        let provider = Arc::new(self.provider.unwrap_or_else(aws_lc_rs::default_provider));
        let versions: &[_] =
            if self.tls12_only { &[&version::TLS12] } else { &[&version::TLS12, &version::TLS13] };
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let builder = builder.with_root_certificates(roots);
        let mut config = match self.certificate {
            Some((certificate, key)) => builder.with_client_auth_cert(vec![certificate], key).unwrap(),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = self.protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let stream = TcpStream::connect(server.address).await?;
        TlsConnector::from(Arc::new(config)).connect("localhost".try_into().unwrap(), stream).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_encrypted_arrives_whole_over_either_protocol() {
    let server = Server::start(|_| {}).await;
    let bytes: Bytes = (0..5_000_000_u32).map(|index| (index * 7 + index / 251) as u8).collect();
    let digest = blob(&server.storage, &bytes).await;
    let request = || {
        let uri = format!("https://localhost/v2/files/blobs/{digest}");
        http::Request::get(uri).header("Host", "localhost").body(Empty::<Bytes>::new()).unwrap()
    };

    let stream =
        Client { protocols: vec!["h2", "http/1.1"], ..Client::default() }.connect(&server).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let body = sender.send_request(request()).await.unwrap().into_body();
    assert!(body.collect().await.unwrap().to_bytes() == bytes);

    let stream = Client { protocols: vec!["http/1.1"], ..Client::default() }.connect(&server).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let body = sender.send_request(request()).await.unwrap().into_body();
    assert!(body.collect().await.unwrap().to_bytes() == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_can_be_turned_off() {
    let server = Server::start(|options| options.http2 = false).await;
    let client = Client { protocols: vec!["h2", "http/1.1"], ..Client::default() };
    let stream = client.connect(&server).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn links_say_that_the_connection_is_encrypted() {
    let server = Server::start(|_| {}).await;
    let mut stream = Client::default().connect(&server).await.unwrap();
    let post = b"POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: r.example\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    stream.write_all(post).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.to_lowercase().contains("location: https://r.example/v2/a/blobs/uploads/"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn client_certificates_are_asked_for_as_configured() {
    // Without one, with one of a stranger, with one that a client CA vouches for.
    for (kind, expected) in [
        (ClientAuth::Request, [true, true, true]),
        (ClientAuth::RequireAny, [false, true, true]),
        (ClientAuth::VerifyIfGiven, [true, false, true]),
        (ClientAuth::RequireAndVerify, [false, false, true]),
    ] {
        let (trusted, stranger) = (Authority::new(), Authority::new());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clients.pem");
        std::fs::write(&file, &trusted.pem).unwrap();
        let server = Server::start(|options| {
            options.client_cas = vec![file];
            options.client_auth = kind;
        })
        .await;
        let with =
            |authority: &Authority| Client { certificate: Some(authority.client()), ..Client::default() };
        let found = [
            server.lets_in(Client::default()).await,
            server.lets_in(with(&stranger)).await,
            server.lets_in(with(&trusted)).await,
        ];
        assert_eq!(found, expected, "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_version_and_the_suites_are_as_configured() {
    let old = || Client { tls12_only: true, ..Client::default() };
    let with = |name: &str| {
        let suite = CipherSuite::named(name).unwrap();
        let mut provider = aws_lc_rs::default_provider();
        let text = |suite: &rustls::SupportedCipherSuite| format!("{:?}", suite.suite());
        provider.cipher_suites.retain(|one| text(one) == suite.name());
        Client { provider: Some(provider), tls12_only: true, ..Client::default() }
    };
    let (strong, other) =
        ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");

    let server = Server::start(|_| {}).await;
    assert!(server.lets_in(old()).await && server.lets_in(with(other)).await);
    let server = Server::start(|options| options.minimum = TlsVersion::Tls13).await;
    assert!(!server.lets_in(old()).await && server.lets_in(Client::default()).await);
    let suites = Some(vec![CipherSuite::named(strong).unwrap()]);
    let server = Server::start(|options| options.cipher_suites = suites).await;
    assert!(server.lets_in(with(strong)).await && !server.lets_in(with(other)).await);
    assert!(server.lets_in(Client::default()).await, "the suites of TLS 1.3 are always there");
}

#[test]
fn suites_are_known_by_the_names_of_distribution() {
    assert!(CipherSuite::named("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256").unwrap().is_sound());
    assert!(!CipherSuite::named("TLS_RSA_WITH_RC4_128_SHA").unwrap().is_sound());
    assert!(CipherSuite::named("TLS_AES_128_GCM_SHA256").unwrap().is_of_tls13());
    assert!(CipherSuite::named("TLS_NULL").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_used_changes_nothing() {
    let server = Server::start(|_| {}).await;
    let key = server.folder.path().join("key.pem");
    let good = std::fs::read(&key).unwrap();
    let other = KeyPair::generate().unwrap().serialize_pem().into_bytes();
    for bad in [&b""[..], b"-----BEGIN PRIVATE KEY-----\n", &other] {
        std::fs::write(&key, bad).unwrap();
        assert!(server.tls.reload().is_err());
        assert!(server.lets_in(Client::default()).await);
    }
    std::fs::write(&key, good).unwrap();
    server.tls.reload().unwrap();
    let strangers = Authority::new();
    strangers.write_server(server.folder.path());
    server.tls.reload().unwrap();
    assert!(!server.lets_in(Client::default()).await, "what is new is what is shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_does_not_come_is_given_up() {
    let limits = Limits { header: Duration::from_millis(200), ..Limits::default() };
    let server = Server::with_limits(limits, |_| {}).await;
    for begin in [&b""[..], b"\x16\x03\x01\x02", b"GET /v2/ HTTP/1.1\r\n\r\n"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(begin).await.unwrap();
        let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut Vec::new())).await;
        assert!(read.is_ok(), "{begin:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_of_this_machine_is_served_and_gone_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.sock");
    for _ in 0..2 {
        let listener = Listener::bind_unix(&path, Limits::default()).unwrap();
        assert_eq!(listener.place(), path.display().to_string());
        let (stop, stopped) = oneshot::channel::<()>();
        let serving =
            tokio::spawn(listener.serve(api().0, async move { drop(stopped.await) }, Duration::from_secs(5)));
        let mut stream = UnixStream::connect(&path).await.unwrap();
        stream.write_all(b"GET /v2/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        drop(stop);
        serving.await.unwrap();
        assert!(!path.exists());
    }
    let file = folder.path().join("file");
    std::fs::write(&file, "kept").unwrap();
    let error = Listener::bind_unix(&file, Limits::default()).unwrap_err();
    assert!(error.to_string().ends_with("is there and no socket"), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), b"kept");
}
