//! What the configuration says, as the parts of the server take it.

use std::net::SocketAddr;
use std::time::Duration;

use crate::account::{self, Secret};
use crate::bounds::{EntryPolicy, Registration};
use crate::config::Config;
use crate::control::{FlowWork, HookWork, Settings};
use crate::dial::{Client, Reach};
use crate::endpoint::{Bounds, Identity, Limits};
use crate::protocol::{MAX_PACKET, MAX_REQUEST, MAX_TEXT, wire};
use crate::secrets::Secrets;
use crate::voice::Rates;

/// Whether there is a server that takes e-mails. Else they wait in the outbox.
pub(super) fn sends_emails(config: &Config) -> bool {
    !config.mail_server().is_empty()
}

/// What connections may do.
pub(super) fn limits(config: &Config) -> Limits {
    Limits {
        places: places(config),
        voice: Rates { packets: config.packets_per_second(), bytes: config.voice_bytes_per_second() },
        requests_per_second: config.requests_per_second(),
        request_burst: config.request_burst(),
        handshake: Duration::from_secs(config.handshake_seconds().into()),
        idle: Duration::from_secs(config.idle_seconds().into()),
        gather: Duration::from_millis(config.gather_ms().into()),
        shards: config.shards(),
    }
}

fn places(config: &Config) -> Bounds {
    Bounds {
        sessions: config.max_sessions() as usize,
        address_connects: config.address_connects(),
        address_strangers: config.address_strangers() as usize,
        address_http: config.address_http() as usize,
        address_sessions: config.address_sessions() as usize,
        address_guests: config.address_guests() as usize,
        account_sessions: config.account_sessions() as usize,
        key_sessions: config.key_sessions() as usize,
    }
}

/// What every organization goes by, without the recordings.
pub(super) fn settings(
    config: &Config,
    identity: &Identity,
    secrets: &Secrets,
    addresses: &[SocketAddr],
) -> Settings {
    Settings {
        accounts: account::Settings {
            name: config.name(),
            token_life: Duration::from_secs(u64::from(config.token_days()) * 24 * 60 * 60),
            access_life: Duration::from_secs(u64::from(config.access_minutes()) * 60),
            oauth_access: Duration::from_secs(u64::from(config.oauth_access_minutes()) * 60),
            oauth_refresh: Duration::from_secs(u64::from(config.oauth_refresh_days()) * 24 * 60 * 60),
            secrets: account::Secrets {
                tokens: Secret(secrets.tokens.as_bytes().to_vec()),
                tokens_are_new: secrets.tokens_are_new,
                sealing: Secret(secrets.sealing.as_bytes().to_vec()),
                former: Secret(identity.key().secret_der().to_vec()),
            },
            entry: EntryPolicy {
                guests: config.guests(),
                // The configuration takes no other words.
                registration: Registration::from_word(&config.registration()).unwrap_or(Registration::Closed),
            },
            page: config.mail_page(),
            providers: config.providers().into_iter().map(|one| (one.issuer, one.name)).collect(),
            owners_only: owners_only(config),
            account_tries: config.account_tries(),
            address_tries: config.address_tries(),
            longest_delay: Duration::from_secs(config.try_delay_seconds().into()),
            hash_threads: config.hash_threads(),
            hash_queue: config.hash_queue() as usize,
        },
        max_sessions: config.max_sessions() as usize,
        changes: config.account_changes(),
        recordings: None,
        requests: (config.requests_per_second(), config.request_burst()),
        texts: (config.channel_texts_per_second(), config.channel_text_burst()),
        fingerprint: identity.fingerprint(),
        addresses: addresses.iter().map(ToString::to_string).collect(),
        reach: Reach::public_and(config.hook_networks()),
        client: Client::new(),
        hook_work: HookWork::default(),
        flow_work: FlowWork::default(),
    }
}

/// Tags of the organizations in which a password logs in owners alone: those that have another way.
fn owners_only(config: &Config) -> Vec<String> {
    if config.passwords() != "owners" {
        return Vec::new();
    }
    config.providers().into_iter().map(|one| one.organization).collect()
}

/// What the greeting says of the server.
pub(super) fn welcome(config: &Config) -> wire::Welcome {
    let public = config.public_address().unwrap_or_default();
    wire::Welcome {
        server_name: config.name(),
        server_version: env!("CARGO_PKG_VERSION").to_owned(),
        sends_emails: sends_emails(config),
        limits: Some(wire::Limits {
            request_bytes: MAX_REQUEST as u32,
            requests_per_second: config.requests_per_second(),
            request_burst: config.request_burst(),
            packet_bytes: MAX_PACKET as u32,
            packets_per_second: config.packets_per_second(),
            voice_bytes_per_second: config.voice_bytes_per_second(),
            text_bytes: MAX_TEXT as u32,
            idle_seconds: config.idle_seconds(),
            channel_texts_per_second: config.channel_texts_per_second(),
            channel_text_burst: config.channel_text_burst(),
        }),
        public_page: public.page,
        public_server: public.server,
        ..wire::Welcome::default()
    }
}
