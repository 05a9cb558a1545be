//! TLS: certificates and client CAs that change while clients come and go.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::scope;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustix::process::Signal;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;
use tempfile::TempDir;
use wharf_tests::{Server, Settings, scratch};

use super::{PATIENCE, soon};

type Identity = (CertificateDer<'static>, PrivateKeyDer<'static>);

/// Who vouches for others.
pub(crate) struct Authority {
    certificate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let mut params = CertificateParams::new(vec!["authority.example".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pair = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&pair).unwrap();
        Authority { certificate, issuer: Issuer::new(params, pair) }
    }

    /// The certificate that it is trusted by.
    pub(crate) fn pem(&self) -> String {
        self.certificate.pem()
    }

    fn vouch(&self, usage: ExtendedKeyUsagePurpose) -> (rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        let pair = KeyPair::generate().unwrap();
        (params.signed_by(&pair, &self.issuer).unwrap(), pair)
    }

    /// Puts a new certificate of a server where the server looks for it, and gives it.
    pub(crate) fn renew(&self, folder: &Path) -> Vec<u8> {
        let (certificate, pair) = self.vouch(ExtendedKeyUsagePurpose::ServerAuth);
        for (name, text) in [("certificate.pem", certificate.pem()), ("key.pem", pair.serialize_pem())] {
            fs::write(folder.join("next"), text).unwrap();
            fs::rename(folder.join("next"), folder.join(name)).unwrap();
        }
        certificate.der().to_vec()
    }

    /// What a client goes by that trusts it, and shows a certificate if it has one.
    pub(crate) fn config(&self, identity: Option<Identity>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let builder = builder.with_root_certificates(roots);
        Arc::new(match identity {
            Some((certificate, key)) => builder.with_client_auth_cert(vec![certificate], key).unwrap(),
            None => builder.with_no_client_auth(),
        })
    }

    /// What a client goes by that it vouches for, and that trusts the certificate of a file.
    pub(crate) fn client_of(&self, root: &Path) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(root).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let (certificate, key) = self.client();
        Arc::new(builder.with_root_certificates(roots).with_client_auth_cert(vec![certificate], key).unwrap())
    }

    /// The certificate of a client, with its key.
    pub(crate) fn client(&self) -> Identity {
        let (certificate, pair) = self.vouch(ExtendedKeyUsagePurpose::ClientAuth);
        (certificate.der().clone(), PrivateKeyDer::try_from(pair.serialize_der()).unwrap())
    }
}

struct Encrypted {
    server: Server,
    authority: Authority,
    folder: TempDir,
}

impl Encrypted {
    fn start(clients: Option<&Authority>) -> Encrypted {
        let (folder, authority) = (scratch(), Authority::new());
        authority.renew(folder.path());
        let path = |name: &str| folder.path().join(name).display().to_string();
        let mut settings = Settings::inmemory()
            .with("http.tls", json!({ "certificate": path("certificate.pem"), "key": path("key.pem") }));
        if let Some(clients) = clients {
            fs::write(folder.path().join("clients.pem"), clients.certificate.pem()).unwrap();
            settings = settings.with("http.tls.clientcas", json!([path("clients.pem")]));
        }
        Encrypted { server: Server::wharf(&settings), authority, folder }
    }

    fn config(&self, identity: Option<Identity>) -> Arc<ClientConfig> {
        self.authority.config(identity)
    }

    fn connect(&self, config: &Arc<ClientConfig>) -> io::Result<Stream> {
        let socket = TcpStream::connect(self.server.address())?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let connection = ClientConnection::new(Arc::clone(config), "localhost".try_into().unwrap());
        Ok(StreamOwned::new(connection.map_err(io::Error::other)?, socket))
    }

    /// The certificate that is shown at this moment.
    fn shown(&self) -> Option<Vec<u8>> {
        let mut stream = self.connect(&self.config(None)).ok()?;
        ask(&mut stream).ok()?;
        Some(stream.conn.peer_certificates()?.first()?.to_vec())
    }
}

pub(crate) type Stream = StreamOwned<ClientConnection, TcpStream>;

/// Asks for `/v2/`, and leaves the connection open.
pub(crate) fn ask(stream: &mut Stream) -> io::Result<()> {
    stream.write_all(b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n{}") {
        let mut byte = [0];
        if stream.read(&mut byte)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        answer.push(byte[0]);
    }
    if answer.starts_with(b"HTTP/1.1 200") { Ok(()) } else { Err(io::Error::other(format!("{answer:?}"))) }
}

#[test]
fn a_certificate_is_replaced_under_load_and_no_request_fails() {
    let encrypted = Encrypted::start(None);
    let (stop, requests) = (AtomicBool::new(false), AtomicUsize::new(0));
    scope(|threads| {
        for kept in [true, false] {
            let (encrypted, stop, requests) = (&encrypted, &stop, &requests);
            threads.spawn(move || {
                let config = encrypted.config(None);
                let mut stream = encrypted.connect(&config).unwrap();
                while !stop.load(Ordering::Relaxed) {
                    ask(&mut stream).unwrap_or_else(|error| panic!("{error}\n{}", encrypted.server.log()));
                    requests.fetch_add(1, Ordering::Relaxed);
                    if !kept {
                        stream = encrypted.connect(&config).unwrap();
                    }
                }
            });
        }
        for round in 0..4 {
            let new = encrypted.authority.renew(encrypted.folder.path());
            if round % 2 == 0 {
                encrypted.server.signal(Signal::HUP);
            }
            soon("the new certificate is shown", || (encrypted.shown()? == new).then_some(()));
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(requests.load(Ordering::Relaxed) > 100, "that was no load");
}

#[test]
fn a_broken_certificate_is_said_and_the_old_one_stays() {
    let encrypted = Encrypted::start(None);
    let old = encrypted.shown().unwrap();
    fs::write(encrypted.folder.path().join("certificate.pem"), "nonsense").unwrap();
    soon("the log says what is wrong", || {
        encrypted.server.log().contains("certificates stay as they were").then_some(())
    });
    assert_eq!(encrypted.shown().unwrap(), old);
    let new = encrypted.authority.renew(encrypted.folder.path());
    soon("the new certificate is shown", || (encrypted.shown()? == new).then_some(()));
}

#[test]
fn client_authorities_change_without_a_restart() {
    let (first, second) = (Authority::new(), Authority::new());
    let encrypted = Encrypted::start(Some(&first));
    let lets_in = |identity: Option<Identity>| {
        encrypted.connect(&encrypted.config(identity)).and_then(|mut stream| ask(&mut stream)).is_ok()
    };
    assert!(lets_in(Some(first.client())) && !lets_in(Some(second.client())) && !lets_in(None));
    // A session that began before the change does not outlive it.
    let resuming = encrypted.config(Some(first.client()));
    ask(&mut encrypted.connect(&resuming).unwrap()).unwrap();
    fs::write(encrypted.folder.path().join("clients.pem"), second.certificate.pem()).unwrap();
    soon("the second may enter", || lets_in(Some(second.client())).then_some(()));
    assert!(!lets_in(Some(first.client())) && !lets_in(None));
    let again = encrypted.connect(&resuming).and_then(|mut stream| ask(&mut stream));
    assert!(again.is_err());
}
