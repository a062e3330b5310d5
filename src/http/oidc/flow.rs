//! The way there, and the way back.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, Path, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, LOCATION, ORIGIN, RETRY_AFTER, SET_COOKIE,
};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;
use serde_json::json;

use super::shown::is_of;
use super::words::Texts;
use crate::auth::TokenHash;
use crate::auth::oauth::Form;
use crate::auth::oidc::Identity;
use crate::control::{LinkedRules, Refused, Unseated, Visitor};
use crate::http::api::{LATER, status};
use crate::http::oauth::{Asked, Words, form, is_own_page, scripted, whole};
use crate::http::page::in_html;
use crate::http::parts::{Asker, Parts};
use crate::provider::{Browser, FetchError, Provider, ProviderError, Purpose};

/// The cookie of those who are away. No other host and no page without TLS can set one of such a name (RFC 6265bis, section
/// 4.1.3.2).
const NAME: &str = "__Host-parlour-log-in";

/// Seconds that it is kept: as long as somebody may be away.
const KEPT: u32 = 600;

/// What a session's program is called.
const CLIENT: &str = concat!("Parlour in a browser ", env!("CARGO_PKG_VERSION"));

type Parameters = HashMap<String, String>;

/// A request about a provider.
struct About {
    asked: Asked,
    provider: Arc<Provider>,
    words: &'static Words,
    texts: &'static Texts,
}

impl About {
    async fn of(
        parts: &Parts,
        asker: &Asker,
        parameters: &Parameters,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Self, Response> {
        let asked = Asked::of(parts, asker, uri, headers).await.map_err(IntoResponse::into_response)?;
        let id = parameters.get("provider").map(String::as_str).unwrap_or_default();
        let found = parts.providers.iter().find(|one| one.settings().id == id && is_of(one, &asked.tag));
        let Some(provider) = found.cloned() else {
            return Err(
                (StatusCode::NOT_FOUND, "nobody logs in by a server of this name here\n").into_response()
            );
        };
        let words = Words::of(headers);
        Ok(Self { asked, provider, words, texts: Texts::beside(words) })
    }

    /// Where somebody comes back to: of each provider another address, so that none answers for another (RFC 9700, section
    /// 4.4.2.1).
    fn redirect(&self) -> String {
        format!("{}/oidc/{}/callback", self.asked.issuer, self.provider.settings().id)
    }

    async fn begin(&self, browser: &Browser, purpose: Purpose) -> Result<String, ProviderError> {
        let begun = self.provider.begin(browser, self.asked.from, &self.redirect(), purpose).await;
        begun.inspect_err(|error| self.provider.complain(error))
    }

    /// Why somebody isn't logged in, on a page that leads back.
    fn refused(&self, sentence: &str, (status, wait): Told) -> Response {
        let title = format!("{} {}", self.texts.failed, self.provider.settings().name);
        let body = format!(
            "<h1>{}</h1><p class=\"problem\" role=\"alert\">{}</p>{}",
            in_html(&title),
            in_html(sentence),
            self.way_back()
        );
        with_wait(wait, scripted("arrived.js", self.words, &title, &body, None, status))
    }

    fn way_back(&self) -> String {
        let home = if self.asked.tag.is_empty() { "/".to_owned() } else { format!("/+{}/", self.asked.tag) };
        format!("<p><a class=\"button primary\" href=\"{}\">{}</a></p>", in_html(&home), self.texts.go_on)
    }

    fn refused_there(&self, error: &ProviderError) -> Response {
        let name = &self.provider.settings().name;
        self.refused(&format!("{name}: {}", (self.texts.there)(error)), told_there(error))
    }

    /// Which account somebody is in who wants to link a log-in.
    fn link(&self, shown: Option<&Form>) -> Result<Purpose, Refused> {
        let token = shown.and_then(|form| BASE64.decode(form.get("session")?.as_bytes()).ok());
        let (user, session) = self.asked.accounts.who_links(&token.unwrap_or_default(), self.asked.from)?;
        Ok(Purpose::Link { user, session })
    }

    /// Why something is refused, for a person.
    fn sentence(&self, error: &Refused) -> String {
        match error {
            Refused::Account(error) => self.texts.here(self.words, error),
            other => self.words.said(other.code(), other),
        }
    }

    fn refused_here(&self, error: &Refused) -> Response {
        self.refused(&self.sentence(error), told_here(error))
    }
}

/// The status of a refusal, and the seconds after which one may come again; 0 where that isn't known.
type Told = (StatusCode, u64);

/// Why somebody doesn't come in by the provider, to HTTP.
fn told_there(error: &ProviderError) -> Told {
    match error {
        ProviderError::Lost | ProviderError::Refused(_) | ProviderError::Code => (StatusCode::FORBIDDEN, 0),
        ProviderError::Often(after) => (StatusCode::TOO_MANY_REQUESTS, after.as_secs().max(1)),
        ProviderError::Fetch(FetchError::Busy) => (StatusCode::SERVICE_UNAVAILABLE, LATER),
        ProviderError::Failed => (StatusCode::INTERNAL_SERVER_ERROR, 0),
        ProviderError::Fetch(_)
        | ProviderError::Status(_)
        | ProviderError::Exchange(_)
        | ProviderError::Distrust(_) => (StatusCode::BAD_GATEWAY, 0),
    }
}

/// Why this server lets nobody in whom the provider knows, to HTTP: not by what they showed, where it is no matter of time.
fn told_here(error: &Refused) -> Told {
    match status(error.code()) {
        later @ (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) => {
            let wait = error.to_wire().retry_after_ms.div_ceil(1_000);
            (later, if wait == 0 { LATER } else { wait })
        }
        StatusCode::INTERNAL_SERVER_ERROR => (StatusCode::INTERNAL_SERVER_ERROR, 0),
        _ => (StatusCode::FORBIDDEN, 0),
    }
}

fn with_wait(wait: u64, mut answer: Response) -> Response {
    if wait > 0 {
        answer.headers_mut().insert(RETRY_AFTER, wait.into());
    }
    answer
}

/// The browser that asks, if it went before.
fn browser_of(headers: &HeaderMap) -> Option<Browser> {
    let all = headers.get_all(COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let mut pairs = all.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == NAME).and_then(|(_, value)| Browser::of(value))
}

/// The browser that asks. One that went before, by another window, say, stays the same, so that both come back.
fn browser(headers: &HeaderMap) -> Result<Browser, ProviderError> {
    browser_of(headers).map_or_else(Browser::new, Ok)
}

fn cookie(browser: &Browser) -> String {
    format!("{NAME}={}; Path=/; Max-Age={KEPT}; Secure; HttpOnly; SameSite=Lax", browser.cookie())
}

/// Somebody wants to log in.
pub(super) async fn start(
    State(parts): State<Arc<Parts>>,
    Extension(asker): Extension<Asker>,
    Path(parameters): Path<Parameters>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let about = match About::of(&parts, &asker, &parameters, &uri, &headers).await {
        Ok(about) => about,
        Err(answer) => return answer,
    };
    let begun = async {
        let browser = browser(&headers)?;
        Ok((about.begin(&browser, Purpose::LogIn).await?, browser))
    };
    match begun.await {
        Ok((to, browser)) => {
            let told =
                [(LOCATION, to), (SET_COOKIE, cookie(&browser)), (CACHE_CONTROL, "no-store".to_owned())];
            (StatusCode::SEE_OTHER, told).into_response()
        }
        Err(error) => about.refused_there(&error),
    }
}

/// Somebody on the page wants more than to log in: to log in by it from now on, to the account that they are in, for which the
/// page's script shows the session that it keeps; or an account, for which it shows the code of an invite. What they want
/// is kept here until they come back, and no address says it.
pub(super) async fn want(
    State(parts): State<Arc<Parts>>,
    Extension(asker): Extension<Asker>,
    Path(parameters): Path<Parameters>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let about = match About::of(&parts, &asker, &parameters, &uri, &headers).await {
        Ok(about) => about,
        Err(answer) => return answer,
    };
    if !is_own_page(&headers) {
        return (StatusCode::FORBIDDEN, "a page of another origin asks for nothing here\n").into_response();
    }
    let shown = form(&headers, &body).ok();
    let purpose = match shown.as_ref().and_then(|form| form.get("invite")) {
        // Anybody may know a code and have a browser of somebody else send it, so a browser has to say that its own page asks.
        Some(_) if !headers.contains_key(ORIGIN) && !headers.contains_key("sec-fetch-site") => {
            return problem((StatusCode::FORBIDDEN, 0), about.texts.elsewhere);
        }
        Some(code) => about.asked.handle.invited_by(code, about.asked.from).await.map(Purpose::TakeUp),
        None => about.link(shown.as_ref()),
    };
    let purpose = match purpose {
        Ok(purpose) => purpose,
        Err(error) => return problem(told_here(&error), &about.sentence(&error)),
    };
    let begun = async {
        let browser = browser(&headers)?;
        Ok((about.begin(&browser, purpose).await?, browser))
    };
    match begun.await {
        Ok((to, browser)) => {
            let told = [(SET_COOKIE, cookie(&browser)), (CACHE_CONTROL, "no-store".to_owned())];
            (told, Json(json!({ "location": to }))).into_response()
        }
        Err(error) => problem(told_there(&error), &whole(&(about.texts.there)(&error))),
    }
}

fn problem((status, wait): Told, sentence: &str) -> Response {
    let told = [(CACHE_CONTROL, "no-store")];
    with_wait(wait, (status, told, Json(json!({ "problem": sentence }))).into_response())
}

/// Somebody comes back.
pub(super) async fn callback(
    State(parts): State<Arc<Parts>>,
    Extension(asker): Extension<Asker>,
    Path(parameters): Path<Parameters>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let about = match About::of(&parts, &asker, &parameters, &uri, &headers).await {
        Ok(about) => about,
        Err(answer) => return answer,
    };
    let Ok(form) = Form::parse(uri.query().unwrap_or_default().as_bytes()) else {
        return about.refused_there(&ProviderError::Lost);
    };
    match about.provider.finish(&form, browser_of(&headers).as_ref(), about.asked.from).await {
        Err(error) => {
            about.provider.complain(&error);
            about.refused_there(&error)
        }
        Ok((identity, Purpose::LogIn)) => log_in(&about, &identity, None, &headers).await,
        Ok((identity, Purpose::TakeUp(invite))) => log_in(&about, &identity, Some(&invite), &headers).await,
        Ok((identity, Purpose::Link { user, session })) => {
            let linked = about.asked.accounts.link(user, session, &identity, about.asked.from).await;
            if let Err(error) = linked {
                return about.refused_here(&error.into());
            }
            let (before, after) = about.texts.linked;
            let name = in_html(&about.provider.settings().name);
            let body = format!("<h1>{before}{name}{after}</h1>{}", about.way_back());
            scripted("arrived.js", about.words, &about.provider.settings().name, &body, None, StatusCode::OK)
        }
    }
}

/// Logs somebody in, by an invite to an account that is made now. Hands their session to the page, whose script keeps it as after
/// any other log-in: it stands in no address, so nothing that remembers addresses remembers it.
async fn log_in(
    about: &About,
    identity: &Identity,
    invite: Option<&TokenHash>,
    headers: &HeaderMap,
) -> Response {
    let settings = about.provider.settings();
    let rules = LinkedRules { creates: settings.creates, roles: &settings.roles };
    let visitor =
        Visitor { from: about.asked.from, client: CLIENT, exported: None, room: &Unseated, gate: None };
    let device = headers.get("sec-ch-ua-platform").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let device = Some(device.trim_matches('"')).filter(|device| !device.is_empty()).unwrap_or("browser");
    let handle = &about.asked.handle;
    let proven = match invite {
        Some(code) => handle.by_invite(identity, code, rules, device, visitor).await,
        None => handle.by_provider(identity, rules, device, visitor).await,
    };
    match proven {
        Ok(proven) => {
            let told = proven.logged_in();
            let body = format!(
                "<h1>{}</h1><div id=\"arrived\" data-token=\"{}\" data-name=\"{}\"></div>{}",
                about.texts.logged_in,
                BASE64.encode(&told.token),
                in_html(&told.name),
                about.way_back()
            );
            scripted("arrived.js", about.words, &settings.name, &body, None, StatusCode::OK)
        }
        Err(error) => about.refused_here(&error),
    }
}

/// Its picture.
pub(super) async fn icon(
    State(parts): State<Arc<Parts>>,
    Extension(asker): Extension<Asker>,
    Path(parameters): Path<Parameters>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let about = match About::of(&parts, &asker, &parameters, &uri, &headers).await {
        Ok(about) => about,
        Err(answer) => return answer,
    };
    match &about.provider.settings().icon {
        Some((kind, bytes)) => {
            let told = [
                (CONTENT_TYPE, *kind),
                (CACHE_CONTROL, "public, max-age=3600"),
                // One that is opened by itself does nothing either.
                (CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; sandbox"),
            ];
            (told, bytes.clone()).into_response()
        }
        None => (StatusCode::NOT_FOUND, "it has no picture\n").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::account::AccountError;

    #[test]
    fn what_passes_says_so_and_when_to_come_again() {
        let often = ProviderError::Often(Duration::from_millis(200));
        assert_eq!(told_there(&often), (StatusCode::TOO_MANY_REQUESTS, 1));
        assert_eq!(told_there(&FetchError::Busy.into()), (StatusCode::SERVICE_UNAVAILABLE, LATER));
        assert_eq!(told_there(&ProviderError::Failed).0, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(told_there(&ProviderError::Status(500)).0, StatusCode::BAD_GATEWAY);
        assert_eq!(told_there(&ProviderError::Lost), (StatusCode::FORBIDDEN, 0));
        assert_eq!(told_here(&Refused::Busy), (StatusCode::SERVICE_UNAVAILABLE, 1));
        assert_eq!(told_here(&Refused::ReadOnly), (StatusCode::SERVICE_UNAVAILABLE, LATER));
        let tried = Refused::RateLimited(Duration::from_millis(2_500));
        assert_eq!(told_here(&tried), (StatusCode::TOO_MANY_REQUESTS, 3));
        assert_eq!(told_here(&AccountError::NotLinked.into()), (StatusCode::FORBIDDEN, 0));
        assert_eq!(told_here(&AccountError::TokenInvalid.into()), (StatusCode::FORBIDDEN, 0));
        let answer = problem(told_there(&often), "too many");
        assert_eq!(answer.headers().get(RETRY_AFTER).unwrap(), "1");
    }
}
