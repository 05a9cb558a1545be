//! Connections: kept, shared, renewed, broken.

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wharf_http_client::{ErrorKind, empty, full, segments};

use crate::server::{Server, client, get};

#[tokio::test]
async fn clones_share_connections() {
    let server = Server::plain().await;
    let first = client(|_| {});
    let uri = format!("http://{}/", server.address);
    for client in [first.clone(), first.clone(), first] {
        get(&client, &uri).await.unwrap();
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let server = Server::plain().await;
    let request = Request::get(format!("http://{}/moved", server.address)).body(empty()).unwrap();
    let response = client(|_| {}).send(request).await.unwrap();
    assert_eq!(response.status(), 307);
}

#[tokio::test]
async fn a_body_of_many_buffers_arrives_whole() {
    let server = Server::plain().await;
    let pieces = (0..300_usize).map(|n| Bytes::from(vec![b'x'; n * 37]));
    let request = Request::put(format!("http://{}/a", server.address)).body(segments(pieces)).unwrap();
    let response = client(|_| {}).send(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, format!("PUT /a - {}", 37 * 299 * 300 / 2));
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_replaced() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            // One answer per connection, though it does not say so.
            let (mut socket, _) = listener.accept().await.unwrap();
            let _ = socket.read(&mut [0; 4096]).await.unwrap();
            socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        }
    });
    let client = client(|_| {});
    for _ in 0..20 {
        assert_eq!(get(&client, &uri).await.unwrap(), "ok");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn nobody_there_is_no_connection() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = get(&client(|_| {}), &format!("http://{gone}/")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert_eq!(error.to_string(), "no connection");
}

#[tokio::test]
async fn an_answer_that_never_begins_is_a_broken_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let _ = socket.read(&mut [0; 4096]).await;
        }
    });
    let request = Request::put(&uri).body(full(Bytes::from_static(b"x"))).unwrap();
    let error = client(|_| {}).send(request).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Broken);
    assert!(!error.is_connect());
}

#[tokio::test]
async fn an_answer_that_is_no_http_is_a_broken_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = socket.read(&mut [0; 4096]).await;
        socket.write_all(b"SSH-2.0-nonsense\r\n\r\n").await.unwrap();
    });
    assert_eq!(get(&client(|_| {}), &uri).await.unwrap_err().kind(), ErrorKind::Broken);
}

#[tokio::test]
async fn a_uri_without_a_host_is_the_requests_fault() {
    let error = get(&client(|_| {}), "/only/a/path").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Request);
}

#[tokio::test]
async fn a_body_that_fails_is_the_requests_fault() {
    let server = Server::plain().await;
    let failing = futures_util::stream::iter([Ok(Bytes::from_static(b"half")), Err("no more".into())]);
    let body = http_body_util::StreamBody::new(futures_util::StreamExt::map(failing, |piece| {
        piece.map(hyper::body::Frame::data)
    }));
    let request = Request::put(format!("http://{}/", server.address)).body(body.boxed_unsync()).unwrap();
    assert_eq!(client(|_| {}).send(request).await.unwrap_err().kind(), ErrorKind::Request);
}
