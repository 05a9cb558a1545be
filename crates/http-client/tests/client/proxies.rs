//! Proxies: plain requests handed over whole, TLS through a tunnel.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use wharf_http_client::{ErrorKind, HttpClient, Proxy, ProxyEnvironment, Roots};

use crate::server::{Authority, Server, client, get};

/// A proxy that tunnels to one server whatever the name; says what it was asked.
async fn tunnel(to: &Server, answer: &'static str) -> (String, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://user:pass@{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(String::new()));
    let (heard, address) = (asked.clone(), to.address);
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            socket.read_buf(&mut head).await.unwrap();
        }
        *heard.lock().unwrap() = String::from_utf8(head).unwrap();
        socket.write_all(answer.as_bytes()).await.unwrap();
        let mut server = TcpStream::connect(address).await.unwrap();
        let _ = copy_bidirectional(&mut socket, &mut server).await;
    });
    (url, asked)
}

fn through(http: &str, https: &str, roots: Roots) -> HttpClient {
    client(|options| {
        options.tls.roots = roots;
        options.proxy = Proxy::Environment(ProxyEnvironment {
            http: http.into(),
            https: https.into(),
            no_proxy: "straight.test".into(),
        });
    })
}

#[tokio::test]
async fn a_plain_request_goes_to_the_proxy_with_its_whole_uri() {
    let proxy = Server::plain().await;
    let client = through(&format!("http://user:pass@{}", proxy.address), "", Roots::System);
    let heard = get(&client, "http://store.test/a?b").await.unwrap();
    assert_eq!(heard, "GET http://store.test/a?b Basic dXNlcjpwYXNz 0");
}

#[tokio::test]
async fn tls_goes_through_a_tunnel_and_is_the_hosts_own() {
    let authority = Authority::new();
    let server = Server::tls(&authority, "store.test").await;
    let (proxy, asked) = tunnel(&server, "HTTP/1.1 200 OK\r\n\r\n").await;
    let client = through("", &proxy, Roots::Pem(authority.pem.into()));
    assert_eq!(get(&client, "https://store.test/a").await.unwrap(), "GET /a - 0");
    let asked = asked.lock().unwrap().clone();
    assert!(asked.starts_with("CONNECT store.test:443 HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("Proxy-Authorization: Basic dXNlcjpwYXNz\r\n"), "{asked}");
}

#[tokio::test]
async fn a_proxy_may_itself_be_reached_over_tls() {
    let authority = Authority::new();
    let proxy = Server::tls(&authority, "127.0.0.1").await;
    let client = through(&format!("https://{}", proxy.address), "", Roots::Pem(authority.pem.into()));
    assert_eq!(get(&client, "http://store.test/").await.unwrap(), "GET http://store.test/ - 0");
}

#[tokio::test]
async fn a_proxy_that_refuses_is_no_connection() {
    let server = Server::plain().await;
    let (proxy, _) = tunnel(&server, "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
    let error = get(&through("", &proxy, Roots::System), "https://store.test/").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
}

#[tokio::test]
async fn this_machine_is_reached_straight() {
    let server = Server::plain().await;
    let client = through("http://127.0.0.1:1", "", Roots::System);
    assert_eq!(get(&client, &format!("http://{}/", server.address)).await.unwrap(), "GET / - 0");
}
