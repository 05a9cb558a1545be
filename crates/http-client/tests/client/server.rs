//! Servers that the tests talk to: plain or TLS, with an authority of their own.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use wharf_http_client::{HttpClient, Options, empty};

/// A server that answers every request with what it was asked.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) async fn plain() -> Self {
        Self::start(None).await
    }

    pub(crate) async fn tls(authority: &Authority, name: &str) -> Self {
        Self::start(Some(authority.server(name, false))).await
    }

    /// One that speaks only to whom the same authority knows.
    pub(crate) async fn mutual_tls(authority: &Authority, name: &str) -> Self {
        Self::start(Some(authority.server(name, true))).await
    }

    async fn start(tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = connections.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::Relaxed);
                let tls = tls.clone();
                tokio::spawn(async move {
                    let Some(tls) = tls else { return serve(socket).await };
                    if let Ok(socket) = TlsAcceptor::from(tls).accept(socket).await {
                        serve(socket).await;
                    }
                });
            }
        });
        Self { address, connections }
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn serve(socket: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
    let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service_fn(echo)).await;
}

/// Says the request line, the authorization for a proxy and the length of the body.
async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let authorization =
        request.headers().get("proxy-authorization").map_or("-", |value| value.to_str().unwrap());
    let line = format!("{} {} {authorization}", request.method(), request.uri());
    let status = if request.uri().path() == "/moved" { 307 } else { 200 };
    let length = request.into_body().collect().await.map_or(0, |body| body.to_bytes().len());
    let answer = Response::builder().status(status).header("location", "/elsewhere");
    Ok(answer.body(Full::new(format!("{line} {length}").into())).unwrap())
}

/// An authority that nobody knows.
pub(crate) struct Authority {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// A certificate for a name, and its key.
    pub(crate) fn certify(&self, name: &str) -> (Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    fn server(&self, name: &str, mutual: bool) -> Arc<ServerConfig> {
        let (certificate, key) = self.certify(name);
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if mutual {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        Arc::new(builder.with_single_cert(vec![certificate.der().clone()], key).unwrap())
    }
}

/// A client with these options.
pub(crate) fn client(change: impl FnOnce(&mut Options)) -> HttpClient {
    let mut options = Options::default();
    change(&mut options);
    HttpClient::new(options).unwrap()
}

/// What the server said to a GET.
pub(crate) async fn get(client: &HttpClient, uri: &str) -> Result<String, wharf_http_client::Error> {
    let response = client.send(Request::get(uri).body(empty()).unwrap()).await?;
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Ok(String::from_utf8(body.to_vec()).unwrap())
}
