//! What can be put around any driver: each changes one thing and passes all the rest on.
//!
//! None of them relies on a default method, since the trait has none: whoever adds a method to it is told of every wrapper
//! that must pass it on.

mod limited;
mod recording;
mod redirected;
mod rewritten;
mod url;

pub use limited::Limited;
pub use recording::{Call, Method, Recording};
pub use redirected::Redirected;
pub use rewritten::{Rewrite, Rewritten};
pub use url::InvalidUrl;
