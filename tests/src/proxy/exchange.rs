//! One request, its answer, and what goes wrong with them.

use std::io::{self, BufReader, Error, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::thread::{self, sleep};
use std::time::Duration;

use rustix::net::connect_unspec;

use super::Shared;
use super::fault::Fault;
use super::message::{Framing, Head, pass};
use super::operation::operation;

/// How long one side may be silent before both are given up.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a client is listened to after its connection is over, so that it can read the last answer.
const FAREWELL: Duration = Duration::from_secs(2);

/// Is a client on its connection.
pub(super) struct Client<'a> {
    from: BufReader<TcpStream>,
    to: TcpStream,
    shared: &'a Shared,
}

/// Is a connection to the server behind.
struct Upstream {
    from: BufReader<TcpStream>,
    to: TcpStream,
}

/// What becomes of the connection of a client after an exchange.
#[derive(PartialEq)]
enum After {
    GoOn,
    Close,
}

impl<'a> Client<'a> {
    pub(super) fn new(stream: TcpStream, shared: &'a Shared) -> io::Result<Client<'a>> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Client { from: BufReader::new(stream.try_clone()?), to: stream, shared })
    }

    /// Serves request after request until one side has enough.
    pub(super) fn serve(&mut self) -> io::Result<()> {
        while let Some(head) = Head::read(&mut self.from)? {
            let fault = self.shared.judge(operation(&head), head.line());
            if self.exchange(&head, fault)? == After::Close {
                break;
            }
        }
        self.say_goodbye()
    }

    fn exchange(&mut self, request: &Head, fault: Option<Fault>) -> io::Result<After> {
        match fault {
            Some(Fault::Refused(status, code)) => self.refuse(request, status, code),
            Some(Fault::ResetInRequest) => self.break_request(request, Duration::ZERO),
            Some(Fault::StallInRequest(pause)) => self.break_request(request, pause),
            _ => self.forward(request, fault),
        }
    }

    /// Answers in place of the store, which hears nothing of it.
    fn refuse(&mut self, request: &Head, status: u16, code: &str) -> io::Result<After> {
        if request.header("expect").is_some() {
            self.to.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        pass(&mut self.from, request.request_framing(), &mut |_| Ok(()))?;
        let body = if request.method() == "HEAD" {
            String::new()
        } else {
            format!(
                "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>by the proxy</Message></Error>"
            )
        };
        let head = format!(
            "HTTP/1.1 {status} Broken\r\nContent-Type: application/xml\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.to.write_all((head + &body).as_bytes())?;
        Ok(After::GoOn)
    }

    /// Lets half of a request pass, waits, and resets both sides.
    fn break_request(&mut self, request: &Head, pause: Duration) -> io::Result<After> {
        let mut upstream = Upstream::connect(self.shared)?;
        upstream.to.write_all(request.text.as_bytes())?;
        if request.header("expect").is_some() {
            self.to.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        if let Framing::Length(length) = request.request_framing() {
            pass(&mut self.from, Framing::Length(length / 2), &mut |piece| upstream.to.write_all(piece))?;
        }
        self.wait(pause);
        upstream.cut();
        self.reset()
    }

    fn forward(&mut self, request: &Head, fault: Option<Fault>) -> io::Result<After> {
        let mut upstream = Upstream::connect(self.shared)?;
        upstream.to.write_all(request.text.as_bytes())?;
        let Upstream { from, to } = &mut upstream;
        let (client_from, client_to) = (&mut self.from, &self.to);
        let (shared, framing) = (self.shared, request.request_framing());
        let (sent, after) = thread::scope(|scope| {
            let sending = scope.spawn(move || {
                let sent = pass(client_from, framing, &mut |piece| {
                    hold_back(fault, piece.len());
                    to.write_all(piece)
                });
                if sent.is_err() {
                    // The server shall see that the client broke off; an answer that comes yet is read all the same.
                    let _ = to.shutdown(Shutdown::Write);
                }
                sent
            });
            let after = answer(from, client_to, shared, request, fault);
            if after.is_err() {
                // Else the other thread waits for a body that does not come.
                let _ = client_to.shutdown(Shutdown::Both);
            }
            (sending.join().unwrap_or(Ok(())), after)
        });
        let after = after?;
        Ok(if sent.is_err() || request.closes() { After::Close } else { after })
    }

    fn reset(&self) -> io::Result<After> {
        reset(&self.to)
    }

    fn wait(&self, pause: Duration) {
        wait(self.shared, pause);
    }

    /// Closes, but listens for a while: a reset would take away what the client has not read yet.
    fn say_goodbye(&mut self) -> io::Result<()> {
        self.to.shutdown(Shutdown::Write)?;
        self.to.set_read_timeout(Some(FAREWELL))?;
        let mut rest = [0; 4096];
        while self.from.read(&mut rest)? > 0 {}
        Ok(())
    }
}

impl Upstream {
    fn connect(shared: &Shared) -> io::Result<Upstream> {
        let stream = TcpStream::connect(shared.upstream())?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Upstream { from: BufReader::with_capacity(64 << 10, stream.try_clone()?), to: stream })
    }

    fn cut(&self) {
        drop(reset(&self.to));
    }
}

/// Reads an answer and lets it pass, or does to it what shall be done.
fn answer(
    from: &mut BufReader<TcpStream>,
    mut client: &TcpStream,
    shared: &Shared,
    request: &Head,
    fault: Option<Fault>,
) -> io::Result<After> {
    let mut head = loop {
        let head = Head::read(from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if head.status() >= 200 {
            break head;
        }
        client.write_all(head.text.as_bytes())?;
    };
    let framing = head.answer_framing(request.method());
    let length = if let Framing::Length(length) = framing { length } else { 0 };
    let mut end = None;
    match fault {
        Some(Fault::ResetBeforeAnswer) => return reset(client),
        Some(Fault::StallBeforeAnswer(pause)) => {
            wait(shared, pause);
            return reset(client);
        }
        Some(Fault::ResetInAnswer | Fault::StallInAnswer(_)) if length == 0 => return reset(client),
        Some(Fault::ResetInAnswer | Fault::StallInAnswer(_) | Fault::ShortAnswer) if length > 0 => {
            end = Some(length / 2)
        }
        Some(Fault::TooLongPromise(more)) if length > 0 => {
            head = head.with_length(length + more);
            end = Some(length);
        }
        Some(Fault::TooShortPromise) if length > 0 => {
            head = head.with_length(length / 2);
            end = Some(length / 2);
        }
        _ => {}
    }
    // A head and a small body in one write, as servers do it.
    let mut waiting = head.text.into_bytes();
    pass(from, end.map_or(framing, Framing::Length), &mut |piece| {
        hold_back(fault, piece.len());
        if !waiting.is_empty() {
            waiting.extend_from_slice(piece);
            let whole = std::mem::take(&mut waiting);
            return client.write_all(&whole);
        }
        client.write_all(piece)
    })?;
    client.write_all(&waiting)?;
    match fault {
        Some(Fault::ResetInAnswer) => reset(client),
        Some(Fault::StallInAnswer(pause)) => {
            wait(shared, pause);
            reset(client)
        }
        _ if end.is_some() || framing == Framing::UntilClosed => Ok(After::Close),
        _ => Ok(After::GoOn),
    }
}

/// Ends a connection by a reset, which the other side meets as an error wherever it is. To close it would not do: there
/// are other handles.
fn reset(stream: &TcpStream) -> io::Result<After> {
    connect_unspec(stream)?;
    Err(Error::other("reset by a rule"))
}

/// Makes a body as slow as its rule says.
fn hold_back(fault: Option<Fault>, bytes: usize) {
    if let Some(Fault::Slow(bytes_per_second)) = fault {
        sleep(Duration::from_secs_f64(bytes as f64 / bytes_per_second as f64));
    }
}

/// Waits, but not longer than there is a proxy.
fn wait(shared: &Shared, pause: Duration) {
    const STEP: Duration = Duration::from_millis(50);
    let mut left = pause;
    while !left.is_zero() && !shared.is_stopped() {
        sleep(left.min(STEP));
        left = left.saturating_sub(STEP);
    }
}
