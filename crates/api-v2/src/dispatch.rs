//! From a request to its handler, and from what the handler says to an answer: the one way in and the one way out.
//!
//! The order is: where does the path lead, what does the method do there, may this client do it. Only the last needs the
//! access controller, so what is the same for everyone (404, 405, `OPTIONS`) is answered without asking it.

use std::borrow::Cow;

use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, header};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use wharf_protocol::{
    ErrorCode, InvalidQuery, Operation, Query, Route, RouteError, RouteTemplate, Verb, header as names,
};

use crate::access::authorize;
use crate::answer::{Outcome, empty, set};
use crate::api::Shared;
use crate::body::Body;
use crate::drain::RequestBody;
use crate::error::Failure;
use crate::request::{Answered, Call, RequestId};
use crate::{base, blobs, catalog, manifests, referrers, session, tags, uploads};

/// What cannot stand in the path of a URL.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Answers a request.
pub(crate) async fn dispatch(shared: &Shared, head: Parts, body: RequestBody) -> Response<Body> {
    let id = head.extensions.get::<RequestId>().cloned().unwrap_or_else(RequestId::random);
    let mut answered = Answered { id, route: None, user: None, error: None };
    let outcome = respond(shared, &head, body, &mut answered).await;
    let mut response = outcome.unwrap_or_else(|failure| {
        failure.log();
        answered.error = Some(failure.code());
        failure.into_response()
    });
    complete(shared, &head.method, &answered, &mut response);
    response.extensions_mut().insert(answered);
    response
}

async fn respond(shared: &Shared, head: &Parts, body: RequestBody, answered: &mut Answered) -> Outcome {
    if head.uri.path() == "/" {
        return Ok(base::alive());
    }
    let route = match find(shared, head.uri.path()) {
        Ok(route) => route,
        Err(RouteError::Moved(path)) => return moved(shared, head, &path),
        Err(error) => {
            let failure = Failure::from_route(&error, &head.method);
            // A malformed name leads to a route all the same, whose answers have the configured headers.
            let leads_nowhere = matches!(error, RouteError::NotFound);
            return Err(if leads_nowhere {
                failure
            } else {
                failure.with_headers(shared.options.headers.clone())
            });
        }
    };
    let template = route.template();
    answered.route = Some(template);
    let Some(operation) = operation(shared, template, &head.method) else {
        return without_operation(shared, template, &head.method);
    };
    let query = query(shared, head)?;
    let granted = authorize(shared, head, (&route, operation), &query).await?;
    answered.user = granted.user;
    let call = Call {
        shared,
        head,
        route: &route,
        query: &query,
        id: &answered.id,
        user: answered.user.as_deref(),
        view: &granted.view,
        scopes: granted.scopes.as_ref(),
        mount_source: granted.mount_source,
    };
    handle(&call, operation.verb, body).await
}

fn find(shared: &Shared, path: &str) -> Result<Route, RouteError> {
    let path = path.strip_prefix(shared.prefix.as_str()).ok_or(RouteError::NotFound)?;
    let decoded: Cow<'_, str> = percent_decode_str(path).decode_utf8().map_err(|_| RouteError::NotFound)?;
    Route::parse(&decoded)
}

async fn handle(call: &Call<'_>, verb: Verb, body: RequestBody) -> Outcome {
    match (call.route, verb) {
        (Route::Base, _) => Ok(base::answer()),
        (Route::Catalog, _) => catalog::list(call).await,
        (Route::Tags(name), _) => tags::list(call, name).await,
        (Route::Referrers(name, subject), _) => referrers::list(call, name, subject).await,
        (Route::Manifest(name, reference), Verb::Put) => manifests::put(call, name, reference, body).await,
        (Route::Manifest(name, reference), Verb::Delete) => manifests::delete(call, name, reference).await,
        (Route::Manifest(name, reference), _) => manifests::get(call, name, reference).await,
        (Route::Blob(name, digest), Verb::Delete) => blobs::delete(call, name, digest).await,
        (Route::Blob(name, digest), _) => blobs::get(call, name, digest).await,
        (Route::Layer(name, sum), verb) => {
            let digest = blobs::digest_of(call, name, sum).await?;
            match verb {
                Verb::Delete => blobs::delete(call, name, &digest).await,
                _ => blobs::get(call, name, &digest).await,
            }
        }
        (Route::Uploads(name), _) => uploads::start(call, name, body).await,
        (Route::Upload(name, id), Verb::Patch) => session::append(call, name, id, body).await,
        (Route::Upload(name, id), Verb::Put) => session::finish(call, name, id, body).await,
        (Route::Upload(name, id), Verb::Delete) => session::cancel(call, name, id).await,
        (Route::Upload(name, id), _) => session::status(call, name, id).await,
    }
}

fn query(shared: &Shared, head: &Parts) -> Result<Query, Failure> {
    let Some(text) = head.uri.query() else { return Ok(Query::default()) };
    let limit = shared.options.limits.query_bytes;
    let too_long = |detail: String| {
        Failure::with_detail(ErrorCode::Unsupported, detail).with_status(StatusCode::URI_TOO_LONG)
    };
    if text.len() > limit {
        return Err(too_long(format!("the query is longer than {limit} bytes")));
    }
    Query::parse(text).map_err(|error| match error {
        InvalidQuery::TooMany => too_long(error.to_string()),
        InvalidQuery::Escape(_) => Failure::with_detail(ErrorCode::Unsupported, error.to_string())
            .with_status(StatusCode::BAD_REQUEST),
    })
}

/// What the method does on the route; none when it does nothing there, or nothing that a read-only registry does.
fn operation(shared: &Shared, template: &RouteTemplate, method: &Method) -> Option<&'static Operation> {
    let operation = template.operation(Verb::from_method(method)?)?;
    is_offered(shared, operation.verb).then_some(operation)
}

fn is_offered(shared: &Shared, verb: Verb) -> bool {
    verb.is_read() || !shared.options.read_only
}

fn without_operation(shared: &Shared, template: &RouteTemplate, method: &Method) -> Outcome {
    let allow = allow(shared, template, method);
    if *method == Method::OPTIONS {
        let mut response = empty(StatusCode::OK);
        response.headers_mut().insert(header::ALLOW, allow);
        return Ok(response);
    }
    Err(Failure::new(ErrorCode::Unsupported).with_header(header::ALLOW, allow))
}

/// What may be done on the route instead of what was tried.
fn allow(shared: &Shared, template: &RouteTemplate, tried: &Method) -> HeaderValue {
    let verbs = template.verbs().filter(|verb| is_offered(shared, *verb) && verb != tried);
    let verbs: Vec<_> = verbs.map(Verb::as_str).collect();
    HeaderValue::try_from(verbs.join(", ")).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Sends the client to the path that it meant. A client repeats a GET after 301 and anything else after 308.
fn moved(shared: &Shared, head: &Parts, path: &str) -> Outcome {
    let is_read = matches!(head.method, Method::GET | Method::HEAD);
    let status = if is_read { StatusCode::MOVED_PERMANENTLY } else { StatusCode::PERMANENT_REDIRECT };
    let query = head.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let location = format!("{}{}{query}", shared.prefix, utf8_percent_encode(path, ESCAPED));
    let mut response = empty(status);
    set(response.headers_mut(), header::LOCATION, location)?;
    Ok(response)
}

/// Adds what every answer has, and takes the body from the answer to a HEAD.
fn complete(shared: &Shared, method: &Method, answered: &Answered, response: &mut Response<Body>) {
    let length = response.body().len().filter(|_| has_length(response.status()));
    let refused_method = response.status() == StatusCode::METHOD_NOT_ALLOWED;
    let headers = response.headers_mut();
    headers.insert(names::DOCKER_DISTRIBUTION_API_VERSION, names::API_VERSION);
    headers.insert(names::X_REQUEST_ID, answered.id.header_value());
    if let Some(length) = length {
        headers.entry(header::CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
    }
    if let Some(template) = answered.route {
        // A 405 says what would be allowed (RFC 9110, section 15.5.6), also when it is the registry that refused.
        if refused_method && !headers.contains_key(header::ALLOW) {
            headers.insert(header::ALLOW, allow(shared, template, method));
        }
        for (name, value) in &shared.options.headers {
            headers.append(name, value.clone());
        }
    }
    if *method == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
}

/// Whether an answer of this status may have a length. RFC 9110, section 8.6.
fn has_length(status: StatusCode) -> bool {
    !status.is_informational() && status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED
}
