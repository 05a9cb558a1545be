//! The table of routes as Distribution's tool shows it to a template: the same members under the same names.

use std::collections::HashMap;

use gtmpl::Value;
use wharf_protocol::{
    Answer, ErrorCode, Exchange, Needs, Occurs, Operation, Parameter, Payload, ROUTES, Refusal,
    RouteTemplate, Schema, Verb,
};

use crate::schemas::example;

/// What a template sees.
pub(crate) fn descriptors() -> Value {
    let mut codes = ErrorCode::ALL;
    codes.sort_by_key(|code| code.as_str());
    object([
        ("RouteDescriptors", list(ROUTES, route)),
        ("ErrorDescriptors", list(&codes, |code| error(*code))),
    ])
}

fn route(template: &RouteTemplate) -> Value {
    object([
        ("Name", template.name.into()),
        ("Path", gorilla(template).into()),
        ("Entity", template.entity.into()),
        ("Description", template.summary.into()),
        ("Methods", list(template.operations, |operation| method(template, operation))),
    ])
}

/// The path with patterns in it, as the router of Distribution takes it: `/v2/{name:[a-z]+}/tags/list`.
fn gorilla(template: &RouteTemplate) -> String {
    template.parameters.iter().fold(template.pattern.to_owned(), |path, parameter| {
        let pattern = parameter.shape.pattern().map(|pattern| format!(":{pattern}")).unwrap_or_default();
        path.replace(&format!("<{}>", parameter.name), &format!("{{{}{pattern}}}", parameter.name))
    })
}

fn method(template: &RouteTemplate, operation: &Operation) -> Value {
    object([
        ("Method", operation.verb.as_str().into()),
        ("Description", operation.summary.into()),
        ("Requests", list(operation.exchanges, |exchange| request(template, operation.verb, exchange))),
        // Beyond what Distribution shows.
        ("Needs", needs(operation.needs).into()),
        ("Source", operation.source.into()),
        ("Endpoints", operation.endpoints.join(", ").into()),
    ])
}

fn needs(needs: Needs) -> String {
    match needs.permissions() {
        [] => "nothing".to_owned(),
        permissions => permissions.join(" and "),
    }
}

fn request(template: &RouteTemplate, verb: Verb, exchange: &Exchange) -> Value {
    object([
        ("Name", exchange.name.into()),
        ("Description", exchange.summary.into()),
        ("Headers", list(exchange.headers, parameter)),
        ("PathParameters", list(template.parameters, parameter)),
        ("QueryParameters", list(exchange.query, parameter)),
        ("Body", body(exchange.body.as_ref())),
        ("Successes", list(exchange.answers, |answer| success(verb, answer))),
        ("Failures", list(exchange.refusals, |refusal| failure(verb, refusal))),
    ])
}

fn parameter(parameter: &Parameter) -> Value {
    object([
        ("Name", parameter.name.into()),
        ("Type", parameter.shape.as_str().into()),
        ("Required", parameter.occurs.is_required().into()),
        ("Format", parameter.shape.placeholder().into()),
        ("Regexp", parameter.shape.pattern().unwrap_or_default().into()),
        ("Description", parameter.summary.into()),
        ("Examples", Value::Array(Vec::new())),
        ("Repeated", (parameter.occurs == Occurs::Often).into()),
    ])
}

fn body(payload: Option<&Payload>) -> Value {
    let media_types = payload.map_or(&[][..], |payload| payload.media_types);
    object([
        ("ContentType", media_types.first().copied().unwrap_or_default().into()),
        ("ContentTypes", list(media_types, |media_type| (*media_type).into())),
        ("Format", payload.map(|payload| example(payload.schema)).unwrap_or_default().into()),
    ])
}

fn success(verb: Verb, answer: &Answer) -> Value {
    object([
        ("Name", "".into()),
        ("Description", answer.summary.into()),
        ("StatusCode", answer.status.into()),
        ("Headers", list(answer.headers, parameter)),
        ("Fields", Value::Array(Vec::new())),
        ("ErrorCodes", Value::Array(Vec::new())),
        ("Body", body(answer.body.as_ref().filter(|_| verb != Verb::Head))),
    ])
}

fn failure(verb: Verb, refusal: &Refusal) -> Value {
    let errors = Payload { media_types: &["application/json"], schema: Schema::Errors };
    let has_body = verb != Verb::Head && !refusal.codes.is_empty();
    object([
        ("Name", "".into()),
        ("Description", refusal.summary.into()),
        ("StatusCode", refusal.status.into()),
        ("Headers", list(refusal.headers, parameter)),
        ("Fields", Value::Array(Vec::new())),
        ("ErrorCodes", list(refusal.codes, |code| object([("Descriptor", error(*code))]))),
        ("Body", body(has_body.then_some(&errors))),
    ])
}

fn error(code: ErrorCode) -> Value {
    object([
        ("Code", (code as u16).into()),
        ("Value", code.as_str().into()),
        ("Message", code.message().into()),
        ("Description", code.description().into()),
        ("HTTPStatusCode", code.status().as_u16().into()),
    ])
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Map(HashMap::from(members.map(|(name, value)| (name.to_owned(), value))))
}

fn list<T>(items: &[T], describe: impl Fn(&T) -> Value) -> Value {
    Value::Array(items.iter().map(describe).collect())
}
