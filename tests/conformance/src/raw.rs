//! Requests that no decent client sends: bodies that stop early, lengths that lie, two requests at once. A socket, and a
//! reader of answers that is as plain as they come.

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::case::Case;
use crate::check::{Stop, Verdict, fail};
use crate::exchange::{Address, Answer, REQUEST_LIMIT};

/// How many bytes of an answer are read.
const ANSWER_LIMIT: usize = 16 << 20;

/// Whether a body follows the head of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// By `HEAD`: none, whatever the head says.
    Head,
    /// By anything else.
    Body,
}

/// A connection on which a test writes what it likes.
#[derive(Debug)]
pub(crate) struct RawConnection<'a> {
    case: &'a Case,
    address: Address,
    writer: OwnedWriteHalf,
    reader: Reader,
    asked: String,
}

impl<'a> RawConnection<'a> {
    /// Opens a connection to whoever serves this address.
    pub(crate) async fn open(case: &'a Case, address: &Address) -> Result<RawConnection<'a>, Stop> {
        let stream = TcpStream::connect(address.authority())
            .await
            .or_else(|error| fail(format_args!("no connection to {}: {error}", address.authority())))?;
        let (reader, writer) = stream.into_split();
        let reader = Reader { socket: reader, buffer: BytesMut::new() };
        Ok(RawConnection { case, address: address.clone(), writer, reader, asked: String::new() })
    }

    /// Writes the head of a request. Lines are given whole, without their ends.
    pub(crate) async fn head(&mut self, method: &str, address: &Address, lines: &[&str]) -> Verdict {
        let mut head =
            format!("{method} {} HTTP/1.1\r\nHost: {}\r\n", address.path_and_query(), address.authority());
        self.asked = format!("{method} {}", address.path_and_query());
        for line in lines {
            head.push_str(&format!("{line}\r\n"));
            self.asked.push_str(&format!("\n  {line}"));
        }
        if let Some(value) = self.case.authorization(address) {
            head.push_str(&format!("Authorization: {value}\r\n"));
        }
        head.push_str("\r\n");
        self.write(head.as_bytes()).await
    }

    /// Writes bytes.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Verdict {
        match self.writer.write_all(bytes).await {
            Ok(()) => Ok(()),
            Err(error) => fail(format_args!("{}\ncannot write: {error}", self.asked)),
        }
    }

    /// Says that nothing more will come, while it still listens.
    pub(crate) async fn finish(&mut self) {
        // A registry that hung up first has the same effect.
        let _ = self.writer.shutdown().await;
    }

    /// Reads one answer.
    pub(crate) async fn answer(&mut self, asked: Asked) -> Result<Answer, Stop> {
        let read = tokio::time::timeout(REQUEST_LIMIT, self.reader.answer(asked)).await;
        self.judge(read.unwrap_or_else(|_| Err(format!("not in {REQUEST_LIMIT:?}"))))
    }

    /// Writes a body while it reads the answer, and does not mind when the registry has heard enough.
    pub(crate) async fn body_and_answer(&mut self, body: &Bytes) -> Result<Answer, Stop> {
        let read = tokio::time::timeout(REQUEST_LIMIT, self.reader.answer(Asked::Body));
        let (read, _heard_enough) = tokio::join!(read, self.writer.write_all(body));
        self.judge(read.unwrap_or_else(|_| Err(format!("not in {REQUEST_LIMIT:?}"))))
    }

    fn judge(&self, read: Result<http::Response<Bytes>, String>) -> Result<Answer, Stop> {
        match read {
            Ok(response) => {
                let (head, body) = response.into_parts();
                let answer = Answer::new(self.asked.clone(), self.address.clone(), head, body);
                self.case.watch().see(&answer);
                Ok(answer)
            }
            Err(reason) => fail(format_args!("{}\nno answer: {reason}", self.asked)),
        }
    }
}

#[derive(Debug)]
struct Reader {
    socket: OwnedReadHalf,
    buffer: BytesMut,
}

impl Reader {
    async fn answer(&mut self, asked: Asked) -> Result<http::Response<Bytes>, String> {
        let end = self.until(b"\r\n\r\n").await?;
        let head = self.buffer.split_to(end);
        let head = parse_head(std::str::from_utf8(&head).map_err(|error| error.to_string())?)?;
        let status = head.status().as_u16();
        let field = |name| head.headers().get(name).and_then(|value| value.to_str().ok());
        let body = if asked == Asked::Head || status < 200 || status == 204 || status == 304 {
            Bytes::new()
        } else if field("transfer-encoding") == Some("chunked") {
            self.chunks().await?
        } else {
            let length = field("content-length").ok_or("the answer does not say where it ends")?;
            let length = length.parse().map_err(|_| format!("Content-Length {length:?}"))?;
            self.exactly(length).await?
        };
        Ok(head.map(|()| body))
    }

    async fn chunks(&mut self) -> Result<Bytes, String> {
        let mut body = BytesMut::new();
        loop {
            let end = self.until(b"\r\n").await?;
            let line = self.buffer.split_to(end);
            let line = String::from_utf8_lossy(&line);
            let size = line.trim().split(';').next().unwrap_or_default();
            let size = usize::from_str_radix(size, 16).map_err(|_| format!("chunk size {size:?}"))?;
            let chunk = self.exactly(size + 2).await?;
            if size == 0 {
                return Ok(body.freeze());
            }
            body.extend_from_slice(&chunk[..size]);
        }
    }

    async fn exactly(&mut self, len: usize) -> Result<Bytes, String> {
        while self.buffer.len() < len {
            self.more().await?;
        }
        Ok(self.buffer.split_to(len).freeze())
    }

    /// Reads until the mark is there and gives the position behind it.
    async fn until(&mut self, mark: &[u8]) -> Result<usize, String> {
        loop {
            if let Some(start) = self.buffer.windows(mark.len()).position(|window| window == mark) {
                return Ok(start + mark.len());
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> Result<(), String> {
        if self.buffer.len() > ANSWER_LIMIT {
            return Err(format!("more than {ANSWER_LIMIT} bytes"));
        }
        match self.socket.read_buf(&mut self.buffer).await {
            Ok(0) => Err("the connection was closed".to_owned()),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn parse_head(head: &str) -> Result<http::Response<()>, String> {
    let mut lines = head.trim_end().split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = first.strip_prefix("HTTP/1.1 ").or_else(|| first.strip_prefix("HTTP/1.0 "));
    let status =
        status.and_then(|rest| rest.get(..3)).ok_or_else(|| format!("the first line is {first:?}"))?;
    let mut response = http::Response::builder().status(status);
    for line in lines {
        let (name, value) = line.split_once(':').ok_or_else(|| format!("the header line {line:?}"))?;
        response = response.header(name, value.trim());
    }
    response.body(()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn read(text: &'static str, asked: Asked) -> Result<http::Response<Bytes>, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
        };
        let (stream, ()) = tokio::join!(TcpStream::connect(address), serve);
        let (socket, _writer) = stream.unwrap().into_split();
        Reader { socket, buffer: BytesMut::new() }.answer(asked).await
    }

    #[tokio::test]
    async fn a_body_ends_where_the_head_says() {
        let answer = read("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc", Asked::Body).await.unwrap();
        assert_eq!(answer.body(), "ab");
        let text =
            "HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n1\r\nd\r\n0\r\n\r\n";
        assert_eq!(read(text, Asked::Body).await.unwrap().body(), "abcd");
    }

    #[tokio::test]
    async fn the_answer_to_a_head_has_no_body() {
        let answer = read("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", Asked::Head).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.body().len()), (200, 0));
    }

    #[tokio::test]
    async fn what_is_no_answer_is_an_error() {
        for text in ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "SSH-2.0\r\n\r\n"]
        {
            assert!(read(text, Asked::Body).await.is_err(), "{text:?}");
        }
    }
}
