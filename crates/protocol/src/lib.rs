#![doc = include_str!("../README.md")]

mod accept;
mod challenge;
pub mod condition;
mod error;
mod excerpt;
mod exchange;
mod forwarded;
pub mod header;
mod page;
mod query;
mod range;
mod route;
mod table;

pub use accept::Accept;
pub use challenge::{Challenge, Credentials};
pub use error::{ErrorBody, ErrorCode, ErrorEntry};
pub use excerpt::Excerpt;
pub use exchange::{Answer, Exchange, Occurs, Parameter, Payload, Refusal, Schema, Shape};
pub use forwarded::{Base, ExternalHost, Origin, Outside, UrlSettings, client_address, forwarded_scheme};
pub use page::{InvalidPageNumber, Link, Listing, PageQuery};
pub use query::{InvalidQuery, Query};
pub use range::{ByteRange, ContentRange, InvalidRange, RangeSet, UploadRange};
pub use route::{Route, RouteError};
pub use table::{Needs, Operation, ROUTES, RouteTemplate, Verb};
