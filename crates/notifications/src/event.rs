//! An event, field by field as Distribution 3 writes it. The order of the fields is the order on the wire.

use std::collections::BTreeMap;

use serde::Serialize;
use wharf_manifest::{Descriptor, Platform};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Event {
    /// A UUID of this event alone.
    pub id: String,
    /// When it happened, as RFC 3339.
    pub timestamp: String,
    /// What was done.
    pub action: Action,
    /// To what.
    pub target: Target,
    /// In which request.
    pub request: RequestRecord,
    /// By whom.
    pub actor: Actor,
    /// On which server.
    pub source: SourceRecord,
}

impl Event {
    /// An event of this moment, with an id of its own; who, where and in which request can be filled in.
    pub fn new(action: Action, target: Target) -> Self {
        Self {
            id: uuid::Uuid::new_v4().to_string(),
            timestamp: jiff::Timestamp::now().to_string(),
            action,
            target,
            request: RequestRecord::default(),
            actor: Actor::default(),
            source: SourceRecord::default(),
        }
    }
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// A manifest or a blob was read, or its headers were.
    Pull,
    /// A manifest or a blob was stored.
    Push,
    /// A blob of another repository was made one of this.
    Mount,
    /// A manifest, a blob or a tag was deleted.
    Delete,
}

/// What it was done to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// The media type; empty on deletes.
    pub media_type: String,
    /// The digest; empty when a tag was deleted.
    pub digest: String,
    /// The size in bytes; 0 on deletes.
    pub size: u64,
    /// Where else the content may be had.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// The annotations of its descriptor.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The platform of its descriptor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The artifact type of its descriptor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The size once more, as old listeners expect it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
    /// The repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The repository that a blob was mounted from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_repository: Option<String>,
    /// Where it can be fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The tag, when the request named one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// What a manifest points to, when events are to carry that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Descriptor>,
}

/// The request in which it happened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RequestRecord {
    /// The id of the request, as in the logs.
    pub id: String,
    /// The address of the client.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub addr: String,
    /// The host that the client spoke to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// The method.
    pub method: String,
    /// What the client calls itself; empty when it did not say.
    pub useragent: String,
}

/// Who did it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Actor {
    /// The name of the user, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// The server that tells of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SourceRecord {
    /// Host name and port.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub addr: String,
    /// A UUID of this process.
    #[serde(rename = "instanceID", skip_serializing_if = "String::is_empty")]
    pub instance_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delete_of_a_tag_reads_as_distribution_writes_it() {
        let target = Target { repository: Some("a/b".into()), tag: Some("v1".into()), ..Target::default() };
        let json = serde_json::to_string(&target).unwrap();
        assert_eq!(json, r#"{"mediaType":"","digest":"","size":0,"repository":"a/b","tag":"v1"}"#);
    }

    #[test]
    fn an_event_has_its_fields_in_the_order_of_the_wire() {
        let event = Event::new(Action::Mount, Target::default());
        let json = serde_json::to_string(&event).unwrap();
        let places: Vec<_> = [
            "\"id\"",
            "\"timestamp\"",
            "\"action\":\"mount\"",
            "\"target\"",
            "\"request\"",
            "\"actor\":{}",
            "\"source\":{}",
        ]
        .iter()
        .map(|field| json.find(field).unwrap())
        .collect();
        assert!(places.is_sorted(), "{json}");
    }
}
