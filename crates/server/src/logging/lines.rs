//! How a line of the log looks: as Distribution writes it, so that what reads its log can read ours.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
#[cfg(feature = "mail")]
use std::sync::Arc;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

#[cfg(feature = "mail")]
use super::hook::Severity;
#[cfg(feature = "mail")]
use super::mail::{self, Mailer};
use super::{Format, Logging};
use crate::in_one_line;

/// Writes each event as one line on standard error, with what is known of the request that it belongs to.
pub(super) struct Lines {
    pub(super) log: Logging,
    pub(super) colors: bool,
    /// Who writes letters about lines.
    #[cfg(feature = "mail")]
    pub(super) mailers: Arc<[Mailer]>,
}

/// What an event or a span says.
#[derive(Default)]
struct Said {
    message: String,
    fields: Map<String, Value>,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut said = Said::default();
        attributes.record(&mut said);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(said);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(said) = span.extensions_mut().get_mut::<Said>() {
            values.record(said);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut said = Said::default();
        for (name, value) in &self.log.fields {
            said.fields.insert(name.clone(), Value::from(value.as_str()));
        }
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(of_span) = span.extensions().get::<Said>() {
                said.fields.extend(of_span.fields.clone());
            }
        }
        event.record(&mut said);
        if self.log.caller {
            said.name_place(event.metadata());
        }
        #[cfg(feature = "mail")]
        if event.metadata().target() != mail::TARGET {
            let severity = Severity::of(event.metadata());
            self.mailers.iter().for_each(|mailer| mailer.tell(severity, &said.message, &said.fields));
        }
        let line = self.line(jiff::Timestamp::now(), *event.metadata().level(), said);
        // Where nobody can read the log, nobody can be told so.
        let _ = io::stderr().lock().write_all(line.as_bytes());
    }
}

impl Lines {
    fn line(&self, now: jiff::Timestamp, level: Level, said: Said) -> String {
        let time = format!("{now:.9}");
        match self.log.format {
            Format::Text if self.colors => said.colored(&time, level),
            Format::Text => said.text(&time, level),
            Format::Json => said.json(level, [("time", Value::from(time))], "msg"),
            Format::Logstash => {
                let version = Value::from("1");
                said.json(level, [("@timestamp", Value::from(time)), ("@version", version)], "message")
            }
        }
    }
}

impl Said {
    fn name_place(&mut self, metadata: &Metadata<'_>) {
        if let (Some(file), Some(line)) = (metadata.file(), metadata.line()) {
            self.fields.insert("file".to_owned(), Value::from(format!("{file}:{line}")));
        }
    }

    /// `time="…" level=info msg="…" key=value`
    fn text(self, time: &str, level: Level) -> String {
        let mut line = format!("time={time:?} level={} msg=", name(level));
        push_value(&mut line, &self.message);
        self.push_fields(&mut line);
        line
    }

    fn colored(self, time: &str, level: Level) -> String {
        let color = match level {
            Level::ERROR => 31,
            Level::WARN => 33,
            Level::INFO => 36,
            _ => 37,
        };
        let name = name(level).to_uppercase();
        let mut line = format!("\u{1b}[{color}m{name:<7}\u{1b}[0m[{time}] ");
        line.extend(self.message.chars().map(|next| if next.is_control() { ' ' } else { next }));
        self.push_fields(&mut line);
        line
    }

    fn push_fields(self, line: &mut String) {
        for (key, value) in self.apart_from(&["time", "level", "msg"]) {
            let _ = write!(line, " {key}=");
            match value {
                Value::String(text) => push_value(line, &text),
                other => push_value(line, &other.to_string()),
            }
        }
        line.push('\n');
    }

    fn json<const N: usize>(self, level: Level, first: [(&str, Value); N], message: &str) -> String {
        let text = Value::from(self.message.as_str());
        let mut taken = vec!["level", message];
        taken.extend(first.iter().map(|(key, _)| *key));
        let mut entry = self.apart_from(&taken);
        entry.extend(first.map(|(key, value)| (key.to_owned(), value)));
        entry.insert("level".to_owned(), Value::from(name(level)));
        entry.insert(message.to_owned(), text);
        format!("{}\n", Value::Object(entry))
    }

    /// The fields, of which none has the name of a part of the line itself.
    fn apart_from(self, taken: &[&str]) -> Map<String, Value> {
        let apart = |(key, value): (String, Value)| match taken.contains(&key.as_str()) {
            true => (format!("fields.{key}"), value),
            false => (key, value),
        };
        self.fields.into_iter().map(apart).collect()
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            self.message = text;
        } else {
            self.fields.insert(field.name().to_owned(), Value::from(text));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.record_str(field, &in_one_line(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.fields.insert(field.name().to_owned(), Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.fields.insert(field.name().to_owned(), Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.fields.insert(field.name().to_owned(), Value::from(value));
    }
}

/// The names of levels in Distribution's log.
fn name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        _ => "trace",
    }
}

/// A value as it is, or with quotes where it would not read back as one.
fn push_value(line: &mut String, text: &str) {
    let plain = |next: char| next.is_ascii_alphanumeric() || "-._/@^+".contains(next);
    if !text.is_empty() && text.chars().all(plain) {
        line.push_str(text);
    } else {
        let _ = write!(line, "{text:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(format: Format) -> String {
        let said = Said {
            message: "it \"works\"\nwell".to_owned(),
            fields: Map::from_iter([
                ("level".to_owned(), Value::from("mine")),
                ("count".to_owned(), Value::from(3)),
                ("path".to_owned(), Value::from("/v2/a b")),
            ]),
        };
        let log = Logging { format, ..Logging::default() };
        let now = jiff::Timestamp::from_second(1_700_000_000).unwrap();
        let lines = Lines {
            log,
            colors: false,
            #[cfg(feature = "mail")]
            mailers: Arc::new([]),
        };
        lines.line(now, Level::WARN, said)
    }

    #[test]
    fn text_is_that_of_distribution() {
        let expected = "time=\"2023-11-14T22:13:20.000000000Z\" level=warning msg=\"it \\\"works\\\"\\nwell\" count=3 fields.level=mine path=\"/v2/a b\"\n";
        assert_eq!(line(Format::Text), expected);
    }

    #[test]
    fn json_has_the_names_of_distribution() {
        let entry: Value = serde_json::from_str(&line(Format::Json)).unwrap();
        let expected = serde_json::json!({
            "time": "2023-11-14T22:13:20.000000000Z", "level": "warning", "msg": "it \"works\"\nwell",
            "count": 3, "fields.level": "mine", "path": "/v2/a b",
        });
        assert_eq!(entry, expected);
    }

    #[test]
    fn logstash_has_the_names_of_2_x() {
        let entry: Value = serde_json::from_str(&line(Format::Logstash)).unwrap();
        let expected = serde_json::json!({
            "@timestamp": "2023-11-14T22:13:20.000000000Z", "@version": "1", "level": "warning",
            "message": "it \"works\"\nwell", "count": 3, "fields.level": "mine", "path": "/v2/a b",
        });
        assert_eq!(entry, expected);
    }
}
