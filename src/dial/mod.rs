//! The one client by which Parlour asks somebody else's server over HTTP. A name is looked up once, every address that it
//! leads to is judged by [`Reach`], and exactly what was judged is dialled, so that a name which changes meanwhile leads
//! nowhere else. No redirect is followed, and time, headers and answer have bounds.

mod address;
mod client;
mod error;
mod look_up;
mod reach;

pub use address::read_address;
pub use client::{Answer, Client, PATIENCE, Question};
pub use error::DialError;
pub use look_up::{Found, LookUp};
pub use reach::{Reach, special};
