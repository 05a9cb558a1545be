//! The table of routes as an OpenAPI document.
//!
//! OpenAPI knows one operation for each path and method, so the ways of using one become one here: what any of them takes may
//! be given, and what any of them answers may come.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use wharf_protocol::{
    Answer, Exchange, Occurs, Operation, Parameter, Payload, ROUTES, Refusal, RouteTemplate, Schema, Verb,
};

use crate::schemas::{components, reference, value};

/// The API as an OpenAPI 3.1 document. Source: OpenAPI specification 3.1.0.
///
/// A name has slashes, which OpenAPI has no word for in a path: it is one parameter, and the registry understands it with its
/// slashes as they are as well as encoded. Beyond OpenAPI, each operation says what it needs (`x-needs`), which endpoints of
/// the OCI specification it is (`x-oci-endpoints`) and where its rules come from (`x-source`).
pub fn openapi() -> Value {
    let paths: Map<_, _> = ROUTES.iter().map(|route| (path(route), path_item(route))).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Wharf",
            "summary": "A container registry.",
            "description": "The OCI distribution specification, and what Distribution adds to it.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "security": [{}, { "basic": [] }, { "bearer": [] }],
        "components": {
            "schemas": components(),
            "securitySchemes": {
                "basic": { "type": "http", "scheme": "basic" },
                "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
            },
        },
    })
}

fn path(template: &RouteTemplate) -> String {
    template.pattern.replace('<', "{").replace('>', "}")
}

fn path_item(template: &RouteTemplate) -> Value {
    let mut item = Map::new();
    item.insert("summary".to_owned(), template.entity.into());
    item.insert("description".to_owned(), template.summary.into());
    if !template.parameters.is_empty() {
        let parameters = template.parameters.iter().map(|parameter| described(parameter, "path"));
        item.insert("parameters".to_owned(), parameters.collect());
    }
    for each in template.operations {
        item.insert(each.verb.as_str().to_ascii_lowercase(), operation(template, each));
    }
    Value::Object(item)
}

fn operation(template: &RouteTemplate, operation: &Operation) -> Value {
    let verb = operation.verb.as_str().to_ascii_lowercase();
    let mut object = json!({
        "operationId": format!("{verb}-{}", template.name),
        "tags": [template.entity],
        "summary": operation.summary,
        "responses": responses(operation),
        "x-needs": operation.needs.permissions(),
        "x-oci-endpoints": operation.endpoints,
        "x-source": operation.source,
    });
    let parameters = parameters(operation);
    if !parameters.is_empty() {
        object["parameters"] = parameters.into();
    }
    let mut bodies = operation.exchanges.iter().filter_map(|exchange| exchange.body.as_ref());
    if let Some(body) = bodies.next() {
        let required = body.schema == Schema::Manifest;
        object["requestBody"] = json!({ "required": required, "content": content(body) });
    }
    object
}

/// What any way of using the operation takes. OpenAPI tells of the types of bodies elsewhere, and wants these headers
/// left out.
fn parameters(operation: &Operation) -> Vec<Value> {
    const TOLD_ELSEWHERE: [&str; 2] = ["Accept", "Content-Type"];
    let headers = operation.exchanges.iter().flat_map(|exchange| exchange.headers);
    let headers = headers.filter(|header| !TOLD_ELSEWHERE.contains(&header.name));
    let query = operation.exchanges.iter().flat_map(|exchange| exchange.query);
    headers
        .map(|parameter| described(parameter, "header"))
        .chain(query.map(|parameter| described(parameter, "query")))
        .collect()
}

fn described(parameter: &Parameter, place: &str) -> Value {
    let schema = match parameter.occurs {
        Occurs::Often => json!({ "type": "array", "items": value(parameter.shape) }),
        Occurs::Once | Occurs::Maybe => value(parameter.shape),
    };
    json!({
        "name": parameter.name,
        "in": place,
        "required": parameter.occurs.is_required(),
        "description": parameter.summary,
        "schema": schema,
    })
}

/// All answers with one status, put together.
#[derive(Default)]
struct Response {
    summaries: Vec<&'static str>,
    headers: BTreeMap<&'static str, (Parameter, usize)>,
    answers: usize,
    content: Map<String, Value>,
}

fn responses(operation: &Operation) -> Value {
    let mut responses: BTreeMap<u16, Response> = BTreeMap::new();
    for exchange in operation.exchanges {
        for answer in exchange.answers {
            responses.entry(answer.status).or_default().add_answer(answer);
        }
        for refusal in exchange.refusals {
            responses.entry(refusal.status).or_default().add_refusal(refusal);
        }
    }
    for refusal in Exchange::ALWAYS {
        responses.entry(refusal.status).or_default().add_refusal(refusal);
    }
    let without_body = operation.verb == Verb::Head;
    responses
        .into_iter()
        .map(|(status, response)| (status.to_string(), response.into_value(without_body)))
        .collect::<Map<_, _>>()
        .into()
}

impl Response {
    fn add_answer(&mut self, answer: &Answer) {
        self.add(answer.summary, answer.headers);
        if let Some(body) = &answer.body {
            self.content.extend(content(body));
        }
    }

    fn add_refusal(&mut self, refusal: &Refusal) {
        self.add(refusal.summary, refusal.headers);
        if !refusal.codes.is_empty() {
            self.content
                .extend(content(&Payload { media_types: &["application/json"], schema: Schema::Errors }));
        }
    }

    fn add(&mut self, summary: &'static str, headers: &[Parameter]) {
        if !self.summaries.contains(&summary) {
            self.summaries.push(summary);
        }
        self.answers += 1;
        for header in headers {
            let (_, often) = self.headers.entry(header.name).or_insert((*header, 0));
            *often += usize::from(header.occurs.is_required());
        }
    }

    fn into_value(self, without_body: bool) -> Value {
        let answers = self.answers;
        let told = self.headers.into_values().map(|(header, often)| (header, often == answers));
        let always = Exchange::IN_EVERY_ANSWER.iter().map(|header| (*header, true));
        let headers: Map<_, _> =
            always.chain(told).map(|(header, always)| header_of(&header, always)).collect();
        let mut response = json!({ "description": self.summaries.join(" Or: "), "headers": headers });
        if !without_body && !self.content.is_empty() {
            response["content"] = Value::Object(self.content);
        }
        response
    }
}

fn header_of(header: &Parameter, always: bool) -> (String, Value) {
    let told = json!({
        "description": header.summary,
        "required": always,
        "schema": value(header.shape),
    });
    (header.name.to_owned(), told)
}

fn content(payload: &Payload) -> Map<String, Value> {
    let schema = || json!({ "schema": reference(payload.schema) });
    payload.media_types.iter().map(|media_type| ((*media_type).to_owned(), schema())).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_operation_of_the_table_is_in_the_document() {
        let document = openapi();
        for route in ROUTES {
            let item = &document["paths"][path(route)];
            for operation in route.operations {
                let told = &item[operation.verb.as_str().to_ascii_lowercase()];
                assert_eq!(told["summary"], operation.summary);
                let statuses: BTreeSet<_> = told["responses"].as_object().unwrap().keys().cloned().collect();
                assert!(statuses.contains("401") && statuses.iter().any(|status| status.starts_with('2')));
            }
        }
    }

    #[test]
    fn ids_are_told_once() {
        let document = openapi();
        let items = document["paths"].as_object().unwrap().values();
        let ids: Vec<_> = items
            .flat_map(|item| item.as_object().unwrap().values())
            .filter_map(|operation| operation.get("operationId")?.as_str())
            .collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
        assert_eq!(ids.len(), ROUTES.iter().map(|route| route.operations.len()).sum::<usize>());
    }

    #[test]
    fn the_answer_to_a_head_has_no_body() {
        let document = openapi();
        let head = &document["paths"]["/v2/{name}/manifests/{reference}"]["head"]["responses"];
        assert!(head.as_object().unwrap().values().all(|response| response.get("content").is_none()));
    }

    #[test]
    fn a_header_that_only_some_answers_of_a_status_have_is_not_required() {
        let document = openapi();
        let responses = &document["paths"]["/v2/{name}/blobs/uploads/"]["post"]["responses"];
        assert_eq!(responses["201"]["headers"]["Docker-Content-Digest"]["required"], true);
        assert_eq!(responses["202"]["headers"]["Location"]["required"], true);
        assert_eq!(responses["202"]["headers"]["OCI-Chunk-Min-Length"]["required"], false);
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = openapi();
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    }
}
