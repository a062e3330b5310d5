//! The store at its public interface, and files of earlier versions.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fixture;
mod migration;
mod records;
mod tree;
