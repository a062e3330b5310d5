//! Where a long list goes on: a link to its next page (RFC 8288), so that a program needn't know by what.

use axum::http::Uri;

use crate::bounds::page;
use crate::protocol::wire::{request, response};

/// What a list went on after, where there may be more: the field of the request, and its value.
fn next(asked: &request::Body, answer: &response::Body) -> Option<(&'static str, u64)> {
    let (limit, rows, field, last) = match (asked, answer) {
        (request::Body::ListUsers(asked), response::Body::Users(page)) => {
            (asked.limit, page.users.len(), "after", page.users.last()?.user)
        }
        (request::Body::ReadAudit(asked), response::Body::AuditTrail(page)) => {
            (asked.limit, page.entries.len(), "before", page.entries.last()?.number)
        }
        _ => return None,
    };
    (rows >= page(limit)).then_some((field, last))
}

/// The link to the next page, as the header has it; nothing at the end of a list.
pub(super) fn link(uri: &Uri, asked: &request::Body, answer: &response::Body) -> Option<String> {
    let (field, last) = next(asked, answer)?;
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let said = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    query.extend_pairs(said.filter(|(name, _)| name != field));
    query.append_pair(field, &last.to_string());
    Some(format!("<{}?{}>; rel=\"next\"", uri.path(), query.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bounds::LONGEST_PAGE;
    use crate::protocol::wire;

    #[test]
    fn a_full_page_leads_to_the_next() {
        let asked = |limit| request::Body::ListUsers(wire::ListUsers { limit, ..Default::default() });
        let user = |user| wire::User { user, ..Default::default() };
        let page_of = |users: Vec<wire::User>| response::Body::Users(wire::Users { users });
        let page = page_of(vec![user(3), user(9)]);
        let uri: Uri = "/+raid/api/users?prefix=a%26b&limit=2&after=1".parse().unwrap();
        let next = link(&uri, &asked(2), &page).unwrap();
        assert_eq!(next, "</+raid/api/users?prefix=a%26b&limit=2&after=9>; rel=\"next\"");
        assert_eq!(link(&uri, &asked(3), &page), None);
        assert_eq!(link(&uri, &asked(0), &page), None);
        assert_eq!(link(&uri, &asked(2), &page_of(Vec::new())), None);
        // However many are asked for, no more come at once.
        let full = page_of((1..=LONGEST_PAGE as u64).map(user).collect());
        assert!(link(&uri, &asked(5_000), &full).unwrap().contains("after=1000>"));
    }
}
