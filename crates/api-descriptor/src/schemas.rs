//! What is in bodies: as JSON schemas, and as the examples that documents show.

use serde_json::{Value, json};
use wharf_protocol::{ErrorCode, Schema, Shape};

/// What a body of the schema looks like; empty for bytes that look like nothing in particular.
pub(crate) const fn example(schema: Schema) -> &'static str {
    match schema {
        Schema::Bytes => "<bytes>",
        Schema::Nothing => "{}",
        Schema::Manifest => {
            "{\n  \"schemaVersion\": 2,\n  \"mediaType\": <media type>,\n  \"config\": <descriptor>,\n  \"layers\": [\n    <descriptor>, …\n  ]\n}"
        }
        Schema::Referrers => {
            "{\n  \"schemaVersion\": 2,\n  \"mediaType\": \"application/vnd.oci.image.index.v1+json\",\n  \"manifests\": [\n    <descriptor>, …\n  ]\n}"
        }
        Schema::Repositories => "{\n  \"repositories\": [\n    <name>, …\n  ]\n}",
        Schema::Tags => "{\n  \"name\": <name>,\n  \"tags\": [\n    <tag>, …\n  ]\n}",
        Schema::Errors => {
            "{\n  \"errors\": [\n    {\n      \"code\": <code>,\n      \"message\": <text for people>,\n      \"detail\": <depends on the code>\n    }, …\n  ]\n}"
        }
    }
}

/// A reference to the schema among the components of a document.
pub(crate) fn reference(schema: Schema) -> Value {
    json!({ "$ref": format!("#/components/schemas/{}", name(schema)) })
}

/// All schemas by their names.
pub(crate) fn components() -> Value {
    const ALL: [Schema; 7] = [
        Schema::Bytes,
        Schema::Nothing,
        Schema::Manifest,
        Schema::Referrers,
        Schema::Repositories,
        Schema::Tags,
        Schema::Errors,
    ];
    let mut components = serde_json::Map::new();
    for schema in ALL {
        components.insert(name(schema).to_owned(), definition(schema));
    }
    components.insert("Descriptor".to_owned(), descriptor());
    Value::Object(components)
}

/// What a value of a shape is.
pub(crate) fn value(shape: Shape) -> Value {
    let mut schema = match shape {
        Shape::Number => return json!({ "type": "integer", "minimum": 0 }),
        Shape::Url => return json!({ "type": "string", "format": "uri-reference" }),
        _ => json!({ "type": "string" }),
    };
    if let Some(pattern) = shape.pattern() {
        schema["pattern"] = format!("^{pattern}$").into();
    }
    if let Some(length) = shape.max_len() {
        schema["maxLength"] = length.into();
    }
    schema
}

const fn name(schema: Schema) -> &'static str {
    match schema {
        Schema::Bytes => "Bytes",
        Schema::Nothing => "Nothing",
        Schema::Manifest => "Manifest",
        Schema::Referrers => "Referrers",
        Schema::Repositories => "Repositories",
        Schema::Tags => "Tags",
        Schema::Errors => "Errors",
    }
}

fn definition(schema: Schema) -> Value {
    match schema {
        Schema::Bytes => json!({ "type": "string", "format": "binary" }),
        Schema::Nothing => json!({ "type": "object", "maxProperties": 0 }),
        // Whatever was pushed is given back byte for byte, members that nobody knows among it.
        Schema::Manifest => json!({
            "type": "object",
            "properties": { "schemaVersion": { "type": "integer" }, "mediaType": { "type": "string" } },
            "required": ["schemaVersion"],
        }),
        Schema::Referrers => json!({
            "type": "object",
            "properties": {
                "schemaVersion": { "const": 2 },
                "mediaType": { "type": "string" },
                "manifests": { "type": "array", "items": { "$ref": "#/components/schemas/Descriptor" } },
            },
            "required": ["schemaVersion", "mediaType", "manifests"],
        }),
        Schema::Repositories => json!({
            "type": "object",
            // A store may hold names that are older than the grammar.
            "properties": { "repositories": { "type": "array", "items": { "type": "string" } } },
            "required": ["repositories"],
            "additionalProperties": false,
        }),
        Schema::Tags => json!({
            "type": "object",
            "properties": {
                "name": { "type": "string" },
                "tags": { "type": "array", "items": value(Shape::Tag) },
            },
            "required": ["name", "tags"],
            "additionalProperties": false,
        }),
        Schema::Errors => errors(),
    }
}

fn errors() -> Value {
    let codes: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    json!({
        "type": "object",
        "properties": {
            "errors": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "properties": {
                        "code": { "enum": codes },
                        "message": { "type": "string" },
                        "detail": { "description": "What it happened to, in a form that depends on the code." },
                    },
                    "required": ["code", "message"],
                    "additionalProperties": false,
                },
            },
        },
        "required": ["errors"],
        "additionalProperties": false,
    })
}

fn descriptor() -> Value {
    json!({
        "type": "object",
        "description": "OCI image 1.1, section \"Content Descriptors\".",
        "properties": {
            "mediaType": { "type": "string" },
            "digest": value(Shape::Digest),
            "size": { "type": "integer", "minimum": 0 },
            "artifactType": { "type": "string" },
            "annotations": { "type": "object", "additionalProperties": { "type": "string" } },
        },
        "required": ["mediaType", "digest", "size"],
    })
}
