//! How a provider is described.

/// A provider as the machine's owner describes it.
#[derive(Clone)]
pub struct Settings {
    /// What it is called in addresses.
    pub id: String,
    /// What people are told that it is called.
    pub name: String,
    /// To whose accounts it leads: the tag of an organization, empty for the first one.
    pub organization: String,
    /// What it is called by itself.
    pub issuer: String,
    /// What it calls this server.
    pub client: String,
    /// What is shown to it; empty for nothing.
    pub secret: String,
    /// What it is asked for.
    pub scopes: Vec<String>,
    /// The claim that holds groups; empty for none.
    pub groups: String,
    /// Groups, and the roles that they give.
    pub roles: Vec<(String, String)>,
    /// Whether whoever it knows gets an account.
    pub creates: bool,
    /// Its picture: the media type, and the bytes.
    pub icon: Option<(&'static str, Vec<u8>)>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("id", &self.id).field("issuer", &self.issuer).finish_non_exhaustive()
    }
}
