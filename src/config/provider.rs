//! Other servers by which people log in, as the file describes them.

use std::fmt;
use std::path::PathBuf;

use url::{Host, Url};

use super::hidden::Hidden;

/// Providers at most.
const MOST: usize = 16;

/// Roles that one gives at most.
const MOST_ROLES: usize = 250;

/// Text of a setting of one at most.
const LONGEST: usize = 512;

/// Its settings, and what each may hold.
const FIELDS: [&str; 12] = [
    "id",
    "name",
    "issuer",
    "client_id",
    "client_secret",
    "client_secret_file",
    "scopes",
    "create_accounts",
    "groups_claim",
    "roles",
    "icon",
    "organization",
];

/// Another server by which people log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderSetting {
    /// What it is called in addresses.
    pub id: String,
    /// What people are told that it is called.
    pub name: String,
    /// What it is called by itself.
    pub issuer: String,
    /// What it calls this server.
    pub client_id: String,
    secret: Hidden,
    /// The file that holds the secret, where one does.
    pub secret_file: Option<PathBuf>,
    /// What it is asked for.
    pub scopes: Vec<String>,
    /// Whether whoever it knows gets an account.
    pub creates: bool,
    /// The claim that holds groups; empty for none.
    pub groups: String,
    /// Groups, and the roles that they give.
    pub roles: Vec<(String, String)>,
    /// The file of its picture, where there is one.
    pub icon: Option<PathBuf>,
    /// To whose accounts it leads: the tag of an organization, empty for the first one.
    pub organization: String,
}

impl ProviderSetting {
    /// The secret that stands in the settings; empty where none does.
    pub fn secret(&self) -> &str {
        &self.secret.0
    }

    /// Reads all of them, or says what is wrong in a sentence without a secret in it.
    pub(super) fn read_all(value: &toml::Value) -> Result<Vec<Self>, String> {
        let tables = value
            .as_array()
            .and_then(|all| all.iter().map(toml::Value::as_table).collect::<Option<Vec<_>>>());
        let tables = tables.ok_or("write each of them as a table of its own, below [[log_in.providers]]")?;
        if tables.len() > MOST {
            return Err(format!("there can be {MOST} providers"));
        }
        let all: Vec<Self> = tables.into_iter().map(Self::read).collect::<Result<_, _>>()?;
        for (place, one) in all.iter().enumerate() {
            if all[..place].iter().any(|other| other.id == one.id) {
                return Err(format!("two of them have the id {}; give each its own", one.id));
            }
        }
        Ok(all)
    }

    fn read(table: &toml::Table) -> Result<Self, String> {
        let fields = Fields { table, id: text_of(table, "id").unwrap_or_default() };
        if let Some(unknown) = table.keys().find(|name| !FIELDS.contains(&name.as_str())) {
            let shown: String = unknown.chars().filter(|c| !c.is_control()).take(64).collect();
            return Err(fields.wrong(&format!("`{shown}` is no setting; there are {}", FIELDS.join(", "))));
        }
        let id = fields.need("id")?;
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if id.len() > 32 || !id.bytes().all(is_plain) {
            return Err("an `id` stands in addresses: up to 32 small letters, digits and hyphens".to_owned());
        }
        let issuer = fields.need("issuer")?;
        if !is_issuer(&issuer) {
            return Err(fields.wrong("`issuer` is the provider's address as it writes it itself, which begins with https:// (http:// only on this machine), without ? and #"));
        }
        let secret = Hidden(fields.text("client_secret")?);
        let secret_file = Some(fields.text("client_secret_file")?).filter(|path| !path.is_empty());
        if !secret.0.is_empty() && secret_file.is_some() {
            return Err(fields.wrong("set `client_secret` or `client_secret_file`, not both"));
        }
        let groups = fields.text("groups_claim")?;
        let roles = fields.roles()?;
        if groups.is_empty() != roles.is_empty() {
            return Err(fields.wrong("`groups_claim` says where the groups stand, and `roles` which roles they give: set both, or none"));
        }
        Ok(Self {
            name: Some(fields.text("name")?).filter(|name| !name.is_empty()).unwrap_or_else(|| id.clone()),
            client_id: fields.need("client_id")?,
            secret_file: secret_file.map(PathBuf::from),
            scopes: fields.scopes()?,
            creates: match table.get("create_accounts") {
                None => false,
                Some(value) => {
                    value.as_bool().ok_or_else(|| fields.wrong("`create_accounts` is true or false"))?
                }
            },
            icon: Some(fields.text("icon")?).filter(|path| !path.is_empty()).map(PathBuf::from),
            organization: fields.text("organization")?.trim_start_matches('+').to_lowercase(),
            id,
            issuer,
            secret,
            groups,
            roles,
        })
    }
}

impl fmt::Display for ProviderSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.id, self.issuer)
    }
}

/// Whether this can be an issuer (OpenID Connect Discovery 1.0, section 3).
fn is_issuer(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let is_here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => return false,
    };
    let is_bare = url.username().is_empty() && url.password().is_none() && !text.contains(['?', '#']);
    is_bare && (url.scheme() == "https" || url.scheme() == "http" && is_here)
}

fn text_of(table: &toml::Table, name: &str) -> Option<String> {
    table.get(name)?.as_str().map(str::to_owned)
}

/// The settings of one of them.
struct Fields<'t> {
    table: &'t toml::Table,
    id: String,
}

impl Fields<'_> {
    fn wrong(&self, what: &str) -> String {
        let id: String = self.id.chars().filter(|c| !c.is_control()).take(32).collect();
        if id.is_empty() { what.to_owned() } else { format!("of `{id}`, {what}") }
    }

    /// A line of text; empty where it isn't set.
    fn text(&self, name: &str) -> Result<String, String> {
        if !self.table.contains_key(name) {
            return Ok(String::new());
        }
        let text = text_of(self.table, name);
        let fits = |text: &String| text.len() <= LONGEST && !text.chars().any(char::is_control);
        text.filter(fits).ok_or_else(|| self.wrong(&format!("`{name}` is text of {LONGEST} bytes at most")))
    }

    fn need(&self, name: &str) -> Result<String, String> {
        let text = self.text(name)?;
        if text.is_empty() { Err(self.wrong(&format!("`{name}` is missing"))) } else { Ok(text) }
    }

    fn scopes(&self) -> Result<Vec<String>, String> {
        let Some(value) = self.table.get("scopes") else {
            return Ok(["openid", "profile", "email"].map(str::to_owned).to_vec());
        };
        // RFC 6749, section 3.3.
        let is_one = |text: &&str| {
            !text.is_empty()
                && text.len() <= 128
                && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\'))
        };
        let all = value.as_array().filter(|all| all.len() <= 32);
        let all = all
            .and_then(|all| all.iter().map(|one| one.as_str().filter(is_one).map(str::to_owned)).collect());
        let all: Option<Vec<String>> = all;
        all.filter(|all| all.iter().any(|scope| scope == "openid"))
            .ok_or_else(|| self.wrong("`scopes` is a list of words, and `openid` is among them"))
    }

    fn roles(&self) -> Result<Vec<(String, String)>, String> {
        let Some(value) = self.table.get("roles") else { return Ok(Vec::new()) };
        let pair = |(group, role): (&String, &toml::Value)| Some((group.clone(), role.as_str()?.to_owned()));
        let all = value.as_table().filter(|all| all.len() <= MOST_ROLES);
        all.and_then(|all| all.iter().map(pair).collect())
            .ok_or_else(|| self.wrong("`roles` is a table of groups and the names of the roles that they give, as roles = { staff = \"Member\" }"))
    }
}
