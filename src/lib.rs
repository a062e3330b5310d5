//! Parlour: a self-hosted voice server, its clients and its tools, in one crate.
//!
//! `docs/architecture.md` shows the rooms of this house, what each may import, and how a voice packet
//! and a request travel through them. [`client`] is the library for programs that talk to a server;
//! [`server`] starts one.

pub mod account;
pub mod admin;
pub mod audio;
pub mod auth;
pub mod bounds;
pub mod cli;
pub mod client;
pub mod clock;
pub mod complaint;
pub mod config;
pub mod control;
pub mod dial;
pub mod discovery;
pub mod endpoint;
pub mod feed;
pub mod files;
pub mod flow;
pub mod hook;
pub mod http;
pub mod id;
pub mod load;
pub mod mail;
pub mod name;
pub mod permission;
pub mod picture;
pub mod plugin;
pub mod protocol;
pub mod provider;
pub mod recording;
pub mod runs;
pub mod secrets;
pub mod server;
pub mod state;
pub mod store;
pub mod talk;
pub mod telemetry;
pub mod transport;
pub mod voice;
