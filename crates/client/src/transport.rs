//! Sends requests: logged in, followed where they lead, tried again where that is safe.
//!
//! From the outside in: `send` repeats what failed in passing, `authorized` answers the registry's question who is asking,
//! `follow` goes where a redirect leads (and leaves the login behind when that is another host), and `exchange` is one
//! request and the head of one answer.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use http::header::{AUTHORIZATION, LOCATION, USER_AGENT};
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use tokio::time::timeout;
use wharf_http_client::{HttpClient, Incoming};

use crate::auth::Authenticator;
use crate::body::body_of;
use crate::call::{Call, Login, Repeat};
use crate::endpoint::{Endpoint, resolve};
use crate::retry::wait;
use crate::{Credentials, Error, ErrorKind, Options};

/// An answer that began well, and the URL that it came from after all redirects.
pub(crate) struct Answer {
    pub(crate) response: Response<Incoming>,
    pub(crate) url: Uri,
}

impl Answer {
    /// The text of one of its headers, as [`text`].
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        text(self.response.headers(), name)
    }
}

/// The text of a header; none where it is not there, or no text.
pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// What every part of the client sends its requests through.
pub(crate) struct Transport {
    pub(crate) endpoint: Endpoint,
    pub(crate) options: Options,
    http: HttpClient,
    auth: Authenticator,
}

impl Transport {
    pub(crate) fn new(
        endpoint: Endpoint,
        http: HttpClient,
        credentials: Credentials,
        options: Options,
    ) -> Self {
        let auth = Authenticator::new(credentials, options.tokens.get());
        Self { endpoint, options, http, auth }
    }

    /// Sends a request until it works, is refused for good, or was tried often enough. An answer is one of 2xx.
    pub(crate) async fn send(&self, mut call: Call) -> Result<Answer, Error> {
        let mut attempt = 1;
        loop {
            let error = match self.authorized(&mut call).await {
                Ok(answer) if answer.response.status().is_success() => return Ok(answer),
                Ok(answer) => self.refusal(&call.method, answer).await,
                Err(error) => error,
            };
            let may_repeat = match call.repeat {
                Repeat::Always => error.is_passing(),
                Repeat::Undone => error.is_undone(),
                Repeat::Never => false,
            };
            if !may_repeat || call.payload.is_spent() || attempt >= self.options.attempts.get() {
                return Err(error);
            }
            let Some(pause) = wait(&self.options, attempt, error.retry_after()) else { return Err(error) };
            tracing::debug!(attempt, ?pause, %error, "trying again");
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    /// Sends a request and reads the whole body of its answer.
    pub(crate) async fn fetch(&self, call: Call, limit: usize) -> Result<(Answer, Bytes), Error> {
        let method = call.method.clone();
        let mut answer = self.send(call).await?;
        let body = self.body(&method, &mut answer, limit).await?;
        Ok((answer, body))
    }

    /// Reads the whole body of an answer.
    pub(crate) async fn body(
        &self,
        method: &Method,
        answer: &mut Answer,
        limit: usize,
    ) -> Result<Bytes, Error> {
        let stall = self.options.stall_timeout;
        let incoming = answer.response.body_mut();
        let pieces = futures_util::stream::unfold(incoming, |incoming| async move {
            Some((next_piece(incoming, stall).await.transpose()?, incoming))
        });
        let mut pieces = std::pin::pin!(pieces);
        let mut whole = Vec::new();
        while let Some(piece) = pieces.next().await {
            let piece = piece
                .map_err(|error| Error::new(ErrorKind::Broken, method, &answer.url, "").because(error))?;
            if whole.len() + piece.len() > limit {
                let detail = format!("it is larger than {limit} bytes");
                return Err(Error::new(ErrorKind::Nonsense, method, &answer.url, detail));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(Bytes::from(whole))
    }

    /// Asks the registry how it wants to be logged in to, without saying who asks.
    pub(crate) async fn challenges(&self) -> Option<Response<Incoming>> {
        let url = self.endpoint.url(&wharf_protocol::Route::Base, "")?;
        let mut call = Call::new(Method::GET, url, crate::auth::Scopes::default());
        call.login = Login::Fixed(None);
        let answer = self.follow(&mut call, None).await.ok()?;
        (answer.response.status() == StatusCode::UNAUTHORIZED).then_some(answer.response)
    }

    async fn authorized(&self, call: &mut Call) -> Result<Answer, Error> {
        let scopes = match &call.login {
            Login::Fixed(header) => {
                let header = header.clone();
                return self.follow(call, header).await;
            }
            // An upload may be at another host, which has nothing to do with our login.
            Login::Registry(_) if !self.endpoint.owns(&call.url) => return self.follow(call, None).await,
            Login::Registry(scopes) => scopes.clone(),
        };
        let header = self.auth.header(self, &scopes).await?;
        let mut answer = self.follow(call, header.clone()).await?;
        let refused = answer.response.status() == StatusCode::UNAUTHORIZED && self.endpoint.owns(&answer.url);
        if !refused || call.payload.is_spent() {
            return Ok(answer);
        }
        let renewed = self.auth.renewed(self, answer.response.headers(), &scopes, header.as_ref()).await?;
        let Some(header) = renewed else { return Ok(answer) };
        // Reading what nobody wants keeps the connection.
        let _unread = self.body(&call.method, &mut answer, self.options.error_bytes).await;
        self.follow(call, Some(header)).await
    }

    async fn follow(&self, call: &mut Call, login: Option<HeaderValue>) -> Result<Answer, Error> {
        let mut url = call.url.clone();
        for _ in 0..=self.options.redirects {
            let own = url.scheme() == call.url.scheme() && url.authority() == call.url.authority();
            let response = self.exchange(call, &url, login.as_ref().filter(|_| own)).await?;
            let Some(next) = self.next(call, &url, &response) else { return Ok(Answer { response, url }) };
            url = next;
        }
        Err(Error::new(ErrorKind::Nonsense, &call.method, &call.url, "it leads on and on"))
    }

    /// Where an answer leads, if it does and the request can follow. What goes to a token server holds secrets in its body, so
    /// it goes nowhere else; and nobody is led from TLS to none.
    fn next(&self, call: &Call, url: &Uri, response: &Response<Incoming>) -> Option<Uri> {
        let reads = matches!(call.method, Method::GET | Method::HEAD);
        if !reads && matches!(call.login, Login::Fixed(_)) {
            return None;
        }
        let follows = match response.status() {
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER => reads,
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => !call.payload.is_spent(),
            _ => false,
        };
        let target = response.headers().get(LOCATION).filter(|_| follows)?.to_str().ok()?;
        let next = self.endpoint.secured(resolve(url, target)?);
        Some(next)
            .filter(|next| url.scheme() != Some(&Scheme::HTTPS) || next.scheme() == Some(&Scheme::HTTPS))
    }

    async fn exchange(
        &self,
        call: &mut Call,
        url: &Uri,
        login: Option<&HeaderValue>,
    ) -> Result<Response<Incoming>, Error> {
        let method = call.method.clone();
        let gone = || Error::new(ErrorKind::Body, &method, url, "it passes only once");
        let body = body_of(&mut call.payload, &call.meter).ok_or_else(gone)?;
        let mut request = Request::new(body);
        *request.method_mut() = method.clone();
        *request.uri_mut() = url.clone();
        *request.headers_mut() = call.headers.clone();
        let agent = HeaderValue::from_str(&self.options.user_agent);
        request.headers_mut().insert(USER_AGENT, agent.unwrap_or_else(|_| HeaderValue::from_static("wharf")));
        if let Some(login) = login {
            request.headers_mut().insert(AUTHORIZATION, login.clone());
        }
        let mut sending = std::pin::pin!(self.http.send(request));
        loop {
            let before = call.meter.sent();
            match timeout(self.options.answer_timeout, &mut sending).await {
                Ok(outcome) => return outcome.map_err(|error| Error::unsent(&method, url, error)),
                Err(_) if call.meter.sent() > before => {}
                Err(_) => return Err(Error::new(ErrorKind::TimedOut, &method, url, "")),
            }
        }
    }

    async fn refusal(&self, method: &Method, mut answer: Answer) -> Error {
        let body = self.body(method, &mut answer, self.options.error_bytes).await.unwrap_or_default();
        let (status, headers) = (answer.response.status(), answer.response.headers());
        Error::refusal(method, &answer.url, status, headers, &body)
    }
}

/// The next bytes of an answer; none at its end.
pub(crate) async fn next_piece(incoming: &mut Incoming, stall: Duration) -> std::io::Result<Option<Bytes>> {
    loop {
        let frame = match timeout(stall, incoming.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(error))) => return Err(std::io::Error::other(error)),
            Ok(None) => return Ok(None),
            Err(_) => return Err(std::io::ErrorKind::TimedOut.into()),
        };
        if let Ok(piece) = frame.into_data() {
            return Ok(Some(piece));
        }
    }
}
