//! The store at its public interface, and files of earlier versions.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod access;
mod accounts;
mod batch;
mod export;
mod fixture;
mod migration;
mod records;
mod refusal;
mod tree;
