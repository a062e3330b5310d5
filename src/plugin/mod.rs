//! Plugins: WebAssembly that other people wrote, run within bounds. The interface is Extism's, so that what is built with its
//! development kits runs here as it does elsewhere.
//!
//! A [`Module`] is what was loaded and checked. Each [`Module::call`] has an instance of its own, which is gone afterwards, and
//! ends within its [`Quotas`]: instructions, memory, time, depth, output, and what it asks of the server. What a plugin asks of
//! the server goes through a [`Host`], which is the caller's. [`Worker`] is the thread on which calls are made, one at a time.

mod arena;
mod call;
mod error;
mod grant;
mod host;
mod instance;
mod kernel;
mod manifest;
mod module;
mod stop;
#[cfg(test)]
mod tests;
mod worker;

pub use call::{Line, Outcome};
pub use error::{CallError, LoadError, ManifestError};
pub use grant::Grant;
pub use host::{Answered, Host, HttpAsked};
pub use manifest::{Hooks, Manifest, Quotas};
pub use module::Module;
pub use stop::Stop;
pub use worker::{NotDone, Turn, Worker};
