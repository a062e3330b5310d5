//! What somebody says to a page that asks them.

use axum::http::HeaderMap;
use data_encoding::BASE64;

use crate::account::Shows;
use crate::auth::oauth::Form;
use crate::http::headers::is_same_origin;
use crate::protocol::wire;

/// Who somebody is who decides.
pub(super) struct Given {
    pub(super) proof: wire::LogInPassword,
    /// The token of the session that the page keeps.
    pub(super) token: Option<Vec<u8>>,
}

impl Given {
    pub(super) fn of(form: &Form) -> Self {
        let text = |name| form.get(name).unwrap_or_default().to_owned();
        let proof = wire::LogInPassword {
            name: text("name"),
            password: text("password"),
            code: text("code").trim().to_owned(),
            ..wire::LogInPassword::default()
        };
        let token = form.get("session").map(|text| BASE64.decode(text.as_bytes()).unwrap_or_default());
        Self { proof, token }
    }

    pub(super) fn shows(&self) -> Shows<'_> {
        self.token.as_deref().map_or(Shows::Password(&self.proof), Shows::Session)
    }
}

/// Whether a request comes from a page of this server, or from no page at all: "none" is an address that somebody typed
/// (Fetch Metadata, section 2.3).
pub(in crate::http) fn is_own_page(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
    is_same_origin(headers) && site.is_none_or(|site| matches!(site, "same-origin" | "none"))
}
