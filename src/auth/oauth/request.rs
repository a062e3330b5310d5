//! A request to be let act for somebody (RFC 6749, section 4.1.1; OpenID Connect Core 1.0, section 3.1.2.1), read and
//! checked against what is registered of the client.

use super::{Challenge, Claims, Form, OAuthError, Scopes, is_same_redirect};
use crate::id::OAuthClientId;

/// Bytes of `state` and of `nonce` at most.
const OPAQUE: usize = 2_048;

/// What an organization's assistants ask (docs/assistant.md): where they do, and for what their tokens are (RFC 8707, section 2).
pub fn assistant_at(issuer: &str) -> String {
    format!("{issuer}/mcp")
}

/// What a client may ask for.
#[derive(Clone, Copy, Debug)]
pub struct ClientRules<'a> {
    /// Where it is come back to.
    pub redirect_uris: &'a [String],
    /// For what its tokens may be, beside this server.
    pub resources: &'a [String],
    /// What it may be given at most.
    pub scopes: Scopes,
    /// Whether it may get codes by the way of people's browsers.
    pub code: bool,
    /// The resource that assistants ask.
    pub assistant: &'a str,
}

impl ClientRules<'_> {
    /// For what a token is to be; nothing for this server. One for the assistant's resource alone is for that although its program
    /// doesn't say so, as older ones don't.
    pub fn resource(&self, asked: Option<&str>) -> Result<Option<String>, OAuthError> {
        let resource = match (asked, self.resources) {
            (None, [only]) if only == self.assistant => Some(only.as_str()),
            (asked, _) => asked,
        };
        if resource.is_some_and(|asked| !self.resources.iter().any(|one| one == asked)) {
            return Err(OAuthError::Target);
        }
        Ok(resource.map(ToOwned::to_owned))
    }

    /// What a program is given of what it asks for: all of it, or it is refused. Assistants ask for all that the server lists, and
    /// are given what of that they are registered for (RFC 6749, section 3.3).
    pub fn given(&self, asked: Scopes, resource: Option<&str>) -> Result<Scopes, OAuthError> {
        let Some(beyond) = asked.beyond(self.scopes) else { return Ok(asked) };
        let given = asked.intersection(self.scopes);
        if resource == Some(self.assistant) && !given.is_empty() {
            return Ok(given);
        }
        Err(OAuthError::Scope(beyond))
    }
}

/// Whether somebody has to be asked anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prompt {
    /// Only where something isn't known.
    #[default]
    Needed,
    /// Who they are.
    LogIn,
    /// Whether they allow it.
    Consent,
}

/// A request that may be shown to the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// Who asks.
    pub client: OAuthClientId,
    /// Where the answer goes: one of the client's own.
    pub redirect_uri: String,
    /// What is asked for.
    pub scopes: Scopes,
    /// What the client knows its request by.
    pub state: Option<String>,
    /// What the token has to repeat.
    pub nonce: Option<String>,
    /// What the verifier has to hash to.
    pub challenge: Challenge,
    /// What the token is to be for; nothing for this server.
    pub resource: Option<String>,
    /// Whether to ask anew.
    pub prompt: Prompt,
    /// How many seconds ago the log-in may be at most.
    pub max_age: Option<u64>,
    /// Who is expected to log in, for the form.
    pub login_hint: String,
}

/// Why a request is refused, and who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The person: it isn't sure that the client is who it says (RFC 9700, section 4.11.2).
    Person(OAuthError),
    /// The client, at its own address.
    Client {
        /// Where.
        redirect_uri: String,
        /// What the client knows its request by.
        state: Option<String>,
        /// Why.
        error: OAuthError,
    },
}

impl Authorization {
    /// Which client a request says that it is of.
    pub fn client_of(form: &Form) -> Result<OAuthClientId, OAuthError> {
        let text = form.need("client_id")?;
        let is_plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        let number = if is_plain { text.parse().ok() } else { None };
        number.map(OAuthClientId).ok_or(OAuthError::ClientInvalid)
    }

    /// Reads a request of a client that is known.
    pub fn read(form: &Form, client: OAuthClientId, rules: ClientRules<'_>) -> Result<Self, Refusal> {
        let asked = form.need("redirect_uri").map_err(Refusal::Person)?;
        let is_one = |registered: &String| is_same_redirect(registered, asked);
        if !rules.redirect_uris.iter().any(is_one) {
            return Err(Refusal::Person(OAuthError::RedirectUnknown));
        }
        let redirect_uri = asked.to_owned();
        let state = form.get("state").filter(|state| state.len() <= OPAQUE).map(ToOwned::to_owned);
        Self::checked(form, client, rules, redirect_uri.clone(), state.clone())
            .map_err(|error| Refusal::Client { redirect_uri, state, error })
    }

    fn checked(
        form: &Form,
        client: OAuthClientId,
        rules: ClientRules<'_>,
        redirect_uri: String,
        state: Option<String>,
    ) -> Result<Self, OAuthError> {
        form.short("state", OPAQUE)?;
        if form.get("request").is_some() {
            return Err(OAuthError::RequestObject);
        }
        if form.get("request_uri").is_some() {
            return Err(OAuthError::RequestUri);
        }
        if form.need("response_type")? != "code" {
            return Err(OAuthError::ResponseType);
        }
        if form.get("response_mode").is_some_and(|mode| mode != "query") {
            return Err(OAuthError::ResponseMode);
        }
        if !rules.code {
            return Err(OAuthError::Unauthorized);
        }
        let asked = Scopes::parse(form.need("scope")?)?;
        let resource = rules.resource(form.get("resource"));
        let scopes = rules.given(asked, resource.as_ref().ok().and_then(Option::as_deref))?;
        let resource = resource?;
        let nonce = form.short("nonce", OPAQUE)?.map(ToOwned::to_owned);
        let max_age = form.get("max_age").map(str::parse).transpose();
        Ok(Self {
            client,
            redirect_uri,
            scopes,
            state,
            nonce,
            challenge: Challenge::of(form)?,
            resource,
            prompt: prompt(form)?,
            max_age: max_age.map_err(|_| OAuthError::Unreadable("max_age"))?,
            login_hint: form.get("login_hint").unwrap_or_default().chars().take(64).collect(),
        })
    }

    /// Whether the person is told who they are to the client.
    pub fn is_openid(&self) -> bool {
        self.scopes.claims.contains(Claims::OPENID)
    }
}

/// Whether to ask anew. That somebody is logged in shows only in their browser, so without asking nobody is let in.
fn prompt(form: &Form) -> Result<Prompt, OAuthError> {
    let mut found = Prompt::Needed;
    for word in form.get("prompt").unwrap_or_default().split(' ').filter(|word| !word.is_empty()) {
        match word {
            "none" => return Err(OAuthError::LoginRequired),
            "login" | "select_account" => found = Prompt::LogIn,
            "consent" if found == Prompt::Needed => found = Prompt::Consent,
            "consent" => (),
            _ => return Err(OAuthError::Unreadable("prompt")),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "client_id=7&response_type=code&redirect_uri=https%3A%2F%2Fa.example%2Fcb&scope=openid+email&state=s&\
        nonce=n&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

    fn read(form: &str) -> Result<Authorization, Refusal> {
        let form = Form::parse(form.as_bytes()).map_err(Refusal::Person)?;
        let client = Authorization::client_of(&form).map_err(Refusal::Person)?;
        let (uris, resources) = (["https://a.example/cb".to_owned()], ["https://api.example".to_owned()]);
        let scopes = Scopes::parse("openid email view").unwrap();
        let rules = ClientRules {
            redirect_uris: &uris,
            resources: &resources,
            scopes,
            code: true,
            assistant: "https://s.example/mcp",
        };
        Authorization::read(&form, client, rules)
    }

    #[test]
    fn an_assistant_is_given_what_it_is_registered_for() {
        let both = ["https://s.example/mcp".to_owned(), "https://api.example".to_owned()];
        let scopes = Scopes::parse("view kick").unwrap();
        let assistant = "https://s.example/mcp";
        let of = |resources| ClientRules { redirect_uris: &[], resources, scopes, code: true, assistant };
        let (alone, other) = (of(&both[..1]), of(&both));
        assert_eq!(alone.resource(None), Ok(Some(assistant.to_owned())));
        assert_eq!((other.resource(None), of(&[]).resource(None)), (Ok(None), Ok(None)));
        assert_eq!(alone.resource(Some("https://api.example")), Err(OAuthError::Target));
        let all = Scopes::parse("view ban destructive").unwrap();
        assert_eq!(alone.given(all, Some(assistant)), Scopes::parse("view"));
        assert!(other.given(all, Some("https://api.example")).is_err());
        assert!(other.given(all, None).is_err());
        let nothing = Scopes::parse("ban destructive").unwrap();
        assert!(alone.given(nothing, Some(assistant)).is_err());
    }

    #[test]
    fn a_good_request_is_read() {
        let asked = read(GOOD).unwrap();
        assert_eq!((asked.client, asked.state.as_deref()), (OAuthClientId(7), Some("s")));
        assert!(asked.is_openid() && asked.resource.is_none() && asked.prompt == Prompt::Needed);
        let asked =
            read(&format!("{GOOD}&resource=https%3A%2F%2Fapi.example&prompt=consent+login&max_age=60"))
                .unwrap();
        assert_eq!((asked.resource.as_deref(), asked.prompt), (Some("https://api.example"), Prompt::LogIn));
        assert_eq!(asked.max_age, Some(60));
    }

    #[test]
    fn what_may_come_from_somebody_else_is_told_to_the_person_alone() {
        for (bad, error) in [
            (GOOD.replace("client_id=7", "client_id=x"), OAuthError::ClientInvalid),
            (GOOD.replace("a.example", "evil.example"), OAuthError::RedirectUnknown),
            (GOOD.replace("redirect_uri=", "redirect="), OAuthError::Missing("redirect_uri")),
            (
                format!("{GOOD}&redirect_uri=https://evil.example"),
                OAuthError::Repeated("redirect_uri".to_owned()),
            ),
            (format!("{GOOD}&state=t"), OAuthError::Repeated("state".to_owned())),
        ] {
            assert_eq!(read(&bad), Err(Refusal::Person(error)), "{bad}");
        }
    }

    #[test]
    fn the_rest_is_told_to_the_client_with_its_state() {
        for (bad, code) in [
            (GOOD.replace("response_type=code", "response_type=token"), "unsupported_response_type"),
            (GOOD.replace("response_type=code", "x=y"), "invalid_request"),
            (GOOD.replace("S256", "plain"), "invalid_request"),
            (GOOD.replace("code_challenge=", "x="), "invalid_request"),
            (GOOD.replace("openid+email", "openid+kick"), "invalid_scope"),
            (GOOD.replace("openid+email", "openid+shout"), "invalid_scope"),
            (format!("{GOOD}&response_mode=fragment"), "invalid_request"),
            (format!("{GOOD}&resource=https%3A%2F%2Fother.example"), "invalid_target"),
            (format!("{GOOD}&prompt=none"), "login_required"),
            (format!("{GOOD}&max_age=soon"), "invalid_request"),
            (format!("{GOOD}&request=x.y.z"), "request_not_supported"),
            (format!("{GOOD}&request_uri=https%3A%2F%2Fevil.example"), "request_uri_not_supported"),
        ] {
            let Err(Refusal::Client { redirect_uri, state, error }) = read(&bad) else { panic!("{bad}") };
            assert_eq!((redirect_uri.as_str(), state.as_deref()), ("https://a.example/cb", Some("s")));
            assert_eq!(error.code(), code, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_goes_back_to_the_client_s_own_address(more in "[a-z_]{1,20}=[ -~]{0,40}") {
            match read(&format!("{GOOD}&{more}")) {
                Ok(Authorization { redirect_uri, .. }) | Err(Refusal::Client { redirect_uri, .. }) => {
                    prop_assert_eq!(redirect_uri, "https://a.example/cb");
                }
                Err(Refusal::Person(_)) => (),
            }
        }
    }
}
