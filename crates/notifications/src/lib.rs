#![doc = include_str!("../README.md")]

mod event;

use std::sync::{Mutex, PoisonError};

pub use event::{Action, Actor, Event, RequestRecord, SourceRecord, Target};

/// Whoever wants to hear what happens.
pub trait Listener: Send + Sync {
    /// Whether there is any use in making events at all. Making one costs work on each request.
    fn listens(&self) -> bool {
        true
    }

    /// Takes an event. It is called on the path of a request, so it must neither block nor fail: a listener that sends
    /// events elsewhere queues them.
    fn hear(&self, event: Event);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silence;

impl Listener for Silence {
    fn listens(&self) -> bool {
        false
    }

    fn hear(&self, _: Event) {}
}

/// Remembers everything it hears, for tests.
#[derive(Debug, Default)]
pub struct Recorder {
    events: Mutex<Vec<Event>>,
}

impl Recorder {
    /// What was heard so far, in order.
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Listener for Recorder {
    fn hear(&self, event: Event) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }
}
