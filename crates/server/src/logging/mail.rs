//! Mail about lines of the log.
//!
//! Whoever logs only puts a letter into a queue, and goes on at once if that is full. A thread of its own takes letters to
//! the server; it works before there is a runtime and after its end. What it has to say itself is in the log and never in
//! mail, and its failures are there at most once in [`COMPLAINTS`], so that a server that is away makes no flood.

use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{SmtpTransport, Transport as _};
use serde_json::{Map, Value};
use tracing::warn;
use wharf_configuration::is_secret;

use super::hook::{MailHook, Severity};

/// The target of what this has to say, about which there is no mail.
pub(super) const TARGET: &str = "wharf_server::mail";
/// Failures are told at most once in this time.
const COMPLAINTS: Duration = Duration::from_secs(60);
/// The most characters of a line that are repeated as the subject.
const SUBJECT_CHARS: usize = 200;
/// The most characters of a value that are repeated in a letter.
const VALUE_CHARS: usize = 10_000;
/// The port on which TLS is spoken from the first byte (RFC 8314, section 7.3).
const SUBMISSIONS: u16 = 465;

/// Writes letters about the lines that a hook wants, and has them sent.
pub(super) struct Mailer {
    levels: Vec<Severity>,
    host: String,
    queue: SyncSender<Letter>,
    lost: Arc<AtomicU64>,
}

enum Letter {
    Line {
        subject: String,
        body: String,
    },
    /// Everything before this has been dealt with when it is dropped.
    Last(SyncSender<()>),
}

impl Mailer {
    /// Starts the thread of a hook.
    ///
    /// # Errors
    ///
    /// When the addresses are none, or the system gives no thread.
    pub(super) fn start(hook: &MailHook) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let (queue, letters) = sync_channel(hook.queue.get());
        let lost = Arc::new(AtomicU64::new(0));
        let postman = Postman::new(hook, Arc::clone(&lost))?;
        std::thread::Builder::new().name("mail".to_owned()).spawn(move || postman.work(&letters))?;
        Ok(Self { levels: hook.levels.clone(), host: hook.host.clone(), queue, lost })
    }

    /// Puts a letter about a line into the queue, if the line is one of those that are wanted. Does not wait.
    pub(super) fn tell(&self, severity: Severity, message: &str, fields: &Map<String, Value>) {
        if !self.levels.contains(&severity) {
            return;
        }
        let letter =
            Letter::Line { subject: subject(severity, &self.host, message), body: body(message, fields) };
        if self.queue.try_send(letter).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until everything in the queue was sent, or could not be, or the time is over.
    pub(super) fn finish(&self, until: Instant) {
        let (done, waiting) = sync_channel(0);
        let mut last = Letter::Last(done);
        while let Err(std::sync::mpsc::TrySendError::Full(letter)) = self.queue.try_send(last) {
            if Instant::now() >= until {
                return;
            }
            last = letter;
            std::thread::sleep(Duration::from_millis(20));
        }
        // Nothing is ever said there: it is dropped.
        let _ = waiting.recv_timeout(until.saturating_duration_since(Instant::now()));
    }
}

/// As in Distribution: `[error] smtp.example.com: what happened`, on one line.
fn subject(severity: Severity, host: &str, message: &str) -> String {
    let one_line = message.chars().map(|next| if next.is_control() { ' ' } else { next });
    let mut subject = format!("[{}] {host}: ", severity.name());
    subject.extend(one_line.take(SUBJECT_CHARS));
    subject
}

/// As in Distribution: the message, then a line for each field. What would be hidden in a configuration is hidden here.
fn body(message: &str, fields: &Map<String, Value>) -> String {
    let mut body: String = message.chars().take(VALUE_CHARS).collect();
    body.push_str("\r\n\r\n");
    for (key, value) in fields {
        let text = match value {
            _ if is_secret(key) => "(hidden)".to_owned(),
            Value::String(text) => text.chars().take(VALUE_CHARS).collect(),
            other => other.to_string(),
        };
        let _ = write!(body, "{key}: {text}\r\n");
    }
    body
}

/// Takes letters to the server.
struct Postman {
    transport: SmtpTransport,
    server: String,
    from: Mailbox,
    to: Vec<Mailbox>,
    lost: Arc<AtomicU64>,
    complaints: Complaints,
}

/// When something was last complained about, and what was kept to itself since.
#[derive(Default)]
struct Complaints(std::sync::Mutex<(Option<Instant>, u64)>);

impl Postman {
    fn new(hook: &MailHook, lost: Arc<AtomicU64>) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let to = hook.to.iter().map(|address| address.parse()).collect::<Result<_, _>>()?;
        let from = hook.from.parse()?;
        let server = format!("{}:{}", hook.host, hook.port);
        Ok(Self { transport: transport(hook)?, server, from, to, lost, complaints: Complaints::default() })
    }

    fn work(&self, letters: &Receiver<Letter>) {
        while let Ok(letter) = letters.recv() {
            match letter {
                Letter::Line { subject, body } => {
                    if let Err(error) = self.send(subject, body) {
                        self.complain(&*error);
                    }
                }
                Letter::Last(done) => drop(done),
            }
        }
    }

    fn send(&self, subject: String, mut body: String) -> Result<(), Box<dyn Error + Send + Sync>> {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _ = write!(body, "\r\nBefore this, {lost} lines were lost: too many waited to be sent.\r\n");
            warn!(target: TARGET, server = self.server, lost, "lines of the log were not sent by mail: too many waited");
        }
        let mut letter = Message::builder().from(self.from.clone()).subject(subject).date_now();
        for address in &self.to {
            letter = letter.to(address.clone());
        }
        self.transport.send(&letter.body(body)?)?;
        Ok(())
    }

    fn complain(&self, error: &(dyn Error + 'static)) {
        let Some(kept) = self.complaints.due(Instant::now()) else { return };
        let since = if kept > 0 { format!(", as {kept} before it") } else { String::new() };
        warn!(
            target: TARGET,
            error,
            server = self.server,
            "a line of the log could not be sent by mail{since}; this is not said again for {COMPLAINTS:?}"
        );
    }
}

impl Complaints {
    /// Whether it is time to complain again, and how often nothing was said since.
    fn due(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0.is_some_and(|last| now.duration_since(last) < COMPLAINTS) {
            state.1 += 1;
            return None;
        }
        state.0 = Some(now);
        Some(std::mem::take(&mut state.1))
    }
}

/// As Go: STARTTLS where it is offered, PLAIN for whoever logs in, and no password over a network in the clear.
fn transport(hook: &MailHook) -> Result<SmtpTransport, Box<dyn Error + Send + Sync>> {
    let parameters = TlsParameters::new(hook.host.clone())?;
    let is_here = ["localhost", "127.0.0.1", "::1"].contains(&hook.host.as_str());
    let tls = match hook.port {
        SUBMISSIONS => Tls::Wrapper(parameters),
        _ if hook.login.is_some() && !is_here => Tls::Required(parameters),
        _ => Tls::Opportunistic(parameters),
    };
    let builder =
        SmtpTransport::builder_dangerous(&hook.host).port(hook.port).tls(tls).timeout(Some(hook.timeout));
    Ok(match &hook.login {
        Some((user, password)) => builder
            .credentials(Credentials::new(user.clone(), password.clone()))
            .authentication(vec![Mechanism::Plain])
            .build(),
        None => builder.build(),
    })
}

/// Checks that addresses are such as mail can be sent to and from. The error is the first that is none.
pub(crate) fn check_addresses<'a>(addresses: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
    for address in addresses {
        let parsed: Result<Mailbox, _> = address.parse();
        parsed
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, format!("{address:?}: {error}")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    fn hook(port: u16, queue: usize) -> MailHook {
        MailHook {
            levels: vec![Severity::Error],
            host: "127.0.0.1".to_owned(),
            port,
            login: None,
            from: "registry@example.com".to_owned(),
            to: vec!["ops@example.com".to_owned()],
            queue: NonZeroUsize::new(queue).unwrap(),
            timeout: Duration::from_secs(1),
        }
    }

    #[test]
    fn a_letter_is_that_of_distribution_without_secrets() {
        let fields = [
            ("http.request.uri", Value::from("/v2/a/manifests/b")),
            ("count", Value::from(3)),
            ("password", Value::from("hush")),
            ("Authorization", Value::from("hush")),
        ];
        let fields = fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        assert_eq!(
            subject(Severity::Warning, "mail.example", "bad\r\nBcc: all@example.com"),
            "[warning] mail.example: bad  Bcc: all@example.com"
        );
        let body = body("bad\nnews", &fields);
        assert!(body.starts_with("bad\nnews\r\n\r\n"), "{body}");
        assert!(body.contains("http.request.uri: /v2/a/manifests/b\r\n") && body.contains("count: 3\r\n"));
        assert!(!body.contains("hush"), "{body}");
    }

    #[test]
    fn whoever_logs_never_waits_for_a_server_that_says_nothing() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let patience = Duration::from_secs(60);
        let hook = MailHook { timeout: patience, ..hook(silent.local_addr().unwrap().port(), 2) };
        let mailer = Mailer::start(&hook).unwrap();
        let began = Instant::now();
        mailer.tell(Severity::Error, "the first", &Map::new());
        // From now on the mailer waits for a greeting.
        let _connection = silent.accept().unwrap();
        for _ in 0..100 {
            mailer.tell(Severity::Error, "it burns", &Map::new());
            mailer.tell(Severity::Info, "it does not", &Map::new());
        }
        assert_eq!(mailer.lost.load(Ordering::Relaxed), 98, "two wait");
        mailer.finish(Instant::now() + Duration::from_millis(50));
        assert!(began.elapsed() < patience, "neither did the lines wait, nor the end of the program");
    }

    #[test]
    fn a_server_that_is_away_is_complained_about_once_in_a_while() {
        let complaints = Complaints::default();
        let now = Instant::now();
        assert_eq!(complaints.due(now), Some(0));
        for _ in 0..5 {
            assert_eq!(complaints.due(now + COMPLAINTS / 2), None);
        }
        assert_eq!(complaints.due(now + COMPLAINTS), Some(5));
    }

    #[test]
    fn addresses_have_to_be_some() {
        assert!(check_addresses(["a@example.com", "Registry <a@example.com>"]).is_ok());
        let error = check_addresses(["a@example.com", "nobody"]).unwrap_err().to_string();
        assert!(error.starts_with("\"nobody\": "), "{error}");
        let bad = MailHook { from: "nobody".to_owned(), ..hook(25, 1) };
        assert!(Mailer::start(&bad).is_err());
    }
}
