//! The server and the program from outside: a real server in this process or in one of its own, and clients.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod account;
mod admission;
mod api_description;
mod api_events;
mod ceiling;
mod cli;
mod clock;
mod conditions;
mod cover;
mod db;
mod devices;
mod directory;
mod discover;
mod doctor;
mod durability;
mod element;
mod emails;
mod equal;
mod feed;
mod flow;
mod flow_run;
mod global_keys;
mod hidden;
mod hook;
mod independent;
mod link;
mod log;
mod login_web;
mod logins;
mod loss;
mod newcomer;
mod oauth;
mod operating;
mod operations;
mod organizations;
mod places;
mod playout;
mod plugin;
mod presence;
mod processing;
mod profile;
mod program;
mod protocol;
mod provider;
mod proxy;
mod race;
mod recording;
mod regressions;
mod rest;
mod restart;
mod roles;
mod screen;
mod secrets;
mod session;
mod start;
mod talk_program;
mod targets;
mod voice;
mod web;
