//! Other servers by which people log in: what the settings say of them, and the files that they name.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use crate::clock::Clock;
use crate::config::{Config, ProviderSetting};
use crate::dial::Client;
use crate::provider::{self, Provider};

/// Bytes of a file that holds a secret, at most.
const LONGEST_SECRET: u64 = 4 * 1024;

/// Bytes of a picture at most.
const LARGEST_ICON: u64 = 64 * 1024;

/// Why nobody can log in by another server by the settings.
#[derive(Debug, Error)]
pub enum ProviderStartError {
    /// A file that they name can't be read.
    #[error("log_in.providers: of `{id}`, {} can't be read: {source}", path.display())]
    File {
        /// Of which provider.
        id: String,
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file is too large.
    #[error("log_in.providers: of `{id}`, {} is larger than {most} bytes", path.display())]
    Large {
        /// Of which provider.
        id: String,
        /// Which.
        path: PathBuf,
        /// What there may be.
        most: u64,
    },
    /// A file holds no secret.
    #[error("log_in.providers: of `{id}`, {} holds no secret: write it there, on one line", path.display())]
    NoSecret {
        /// Of which provider.
        id: String,
        /// Which.
        path: PathBuf,
    },
    /// A picture is of a kind that browsers don't show.
    #[error("log_in.providers: of `{id}`, {} is no picture; its name ends with .svg, .png, .webp or .jpg", path.display())]
    Icon {
        /// Of which provider.
        id: String,
        /// Which.
        path: PathBuf,
    },
    /// Nobody could log in but owners.
    #[error(
        "log_in.passwords = \"owners\" leaves nobody else a way in: describe a provider below [[log_in.providers]] first"
    )]
    NoOtherWay,
}

/// The providers of the settings.
pub(super) fn all(
    config: &Config,
    clock: &Clock,
    client: &Client,
) -> Result<Vec<Arc<Provider>>, ProviderStartError> {
    Ok(Provider::all(provider_settings(config)?, clock, client))
}

/// What the settings say of the providers, with what the files hold that they name.
pub fn provider_settings(config: &Config) -> Result<Vec<provider::Settings>, ProviderStartError> {
    let described = config.providers();
    if described.is_empty() && config.passwords() == "owners" {
        return Err(ProviderStartError::NoOtherWay);
    }
    described.into_iter().map(read).collect()
}

fn read(setting: ProviderSetting) -> Result<provider::Settings, ProviderStartError> {
    let id = setting.id.clone();
    let secret = match &setting.secret_file {
        None => setting.secret().to_owned(),
        Some(path) => {
            let text = String::from_utf8(file(&id, path, LONGEST_SECRET)?).unwrap_or_default();
            let secret = text.trim().to_owned();
            if secret.is_empty() || secret.chars().any(char::is_control) {
                return Err(ProviderStartError::NoSecret { id, path: path.clone() });
            }
            secret
        }
    };
    let icon = match &setting.icon {
        None => None,
        Some(path) => {
            let kind = media_type(path)
                .ok_or_else(|| ProviderStartError::Icon { id: id.clone(), path: path.clone() })?;
            Some((kind, file(&id, path, LARGEST_ICON)?))
        }
    };
    let ProviderSetting { name, issuer, client_id, scopes, creates, groups, roles, organization, .. } =
        setting;
    let client = client_id;
    Ok(provider::Settings {
        id,
        name,
        organization,
        issuer,
        client,
        secret,
        scopes,
        groups,
        roles,
        creates,
        icon,
    })
}

fn file(id: &str, path: &Path, most: u64) -> Result<Vec<u8>, ProviderStartError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
    match read {
        Err(source) => Err(ProviderStartError::File { id: id.to_owned(), path: path.to_owned(), source }),
        Ok(length) if length as u64 > most => {
            Err(ProviderStartError::Large { id: id.to_owned(), path: path.to_owned(), most })
        }
        Ok(_) => Ok(bytes),
    }
}

fn media_type(path: &Path) -> Option<&'static str> {
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "svg" => Some("image/svg+xml"),
        "png" => Some("image/png"),
        "webp" => Some("image/webp"),
        "jpg" | "jpeg" => Some("image/jpeg"),
        _ => None,
    }
}
