//! Which operation is asked for: by method and path, from the table of operations.

use std::sync::LazyLock;

use axum::http::Method;
use percent_encoding::percent_decode_str;

use super::problem::Problem;
use crate::protocol::json::Field;
use crate::protocol::operation::{self, Operation, Rest};

/// An operation with its address.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) operation: &'static Operation,
    method: &'static str,
    path: Vec<Segment>,
}

#[derive(Debug)]
enum Segment {
    Word(&'static str),
    /// A field of the request.
    Field(&'static Field),
}

/// What there is at an address.
#[derive(Debug)]
pub(super) enum Found {
    /// An operation, and what the address says of its fields.
    Route(&'static Route, Vec<(&'static Field, String)>),
    /// Operations of these methods only.
    Methods(Vec<&'static str>),
    /// Nothing.
    Nothing,
}

/// All of them. The build saw to it that a path names fields that the request has.
static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    let route = |operation: &'static Operation| {
        let Rest::At { method, path } = operation.rest else { return None };
        let segment = |part: &'static str| {
            let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
            let field = name.and_then(|name| operation.request.fields.iter().find(|one| one.name == name));
            field.map_or(Segment::Word(part), Segment::Field)
        };
        let path = path.split('/').skip(1).map(segment).collect();
        Some(Route { operation, method, path })
    };
    operation::ALL.iter().filter_map(route).collect()
});

/// The operation at a path below `/api/`. Nothing is asked for by `HEAD` but whether `GET` would be answered.
pub(super) fn find(method: &Method, path: &str) -> Result<Found, Problem> {
    let parts: Vec<&str> = path.split('/').collect();
    let mut methods = Vec::new();
    for route in ROUTES.iter().filter(|route| route.is_at(&parts)) {
        let is_head = *method == Method::HEAD && route.method == "GET";
        if route.method == method.as_str() || is_head {
            return Ok(Found::Route(route, route.named(&parts)?));
        }
        methods.push(route.method);
    }
    Ok(if methods.is_empty() { Found::Nothing } else { Found::Methods(methods) })
}

impl Route {
    fn is_at(&self, parts: &[&str]) -> bool {
        let fits = |(segment, part): (&Segment, &&str)| match segment {
            Segment::Word(word) => word == part,
            Segment::Field(_) => !part.is_empty(),
        };
        self.path.len() == parts.len() && self.path.iter().zip(parts).all(fits)
    }

    fn named(&self, parts: &[&str]) -> Result<Vec<(&'static Field, String)>, Problem> {
        let named = self.path.iter().zip(parts).filter_map(|(segment, part)| match segment {
            Segment::Word(_) => None,
            Segment::Field(field) => Some((*field, percent_decode_str(part).decode_utf8())),
        });
        let read = |(field, text): (&'static Field, Result<std::borrow::Cow<'_, str>, _>)| match text {
            Ok(text) => Ok((field, text.into_owned())),
            Err(_) => Err(Problem::malformed("a name in the address isn't UTF-8")),
        };
        named.map(read).collect()
    }

    /// Whether it only reads.
    pub(super) fn is_read(&self) -> bool {
        self.method == "GET"
    }

    /// Whether what isn't in the path is in the query: of a method that has no body.
    pub(super) fn is_by_query(&self) -> bool {
        matches!(self.method, "GET" | "DELETE")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: &Method, path: &str) -> Option<(&'static str, Vec<String>)> {
        match find(method, path).unwrap() {
            Found::Route(route, named) => {
                Some((route.operation.name, named.into_iter().map(|(_, text)| text).collect()))
            }
            Found::Methods(_) | Found::Nothing => None,
        }
    }

    #[test]
    fn an_address_leads_to_one_operation() {
        assert!(ROUTES.len() > 70, "{}", ROUTES.len());
        for route in &*ROUTES {
            let part = |segment: &Segment| match segment {
                Segment::Word(word) => (*word).to_owned(),
                Segment::Field(_) => "1".to_owned(),
            };
            let parts: Vec<_> = route.path.iter().map(part).collect();
            let parts: Vec<_> = parts.iter().map(String::as_str).collect();
            let there: Vec<_> =
                ROUTES.iter().filter(|other| other.method == route.method && other.is_at(&parts)).collect();
            assert_eq!(there.len(), 1, "{there:?}");
        }
    }

    #[test]
    fn what_stands_in_an_address_is_read() {
        let (get, put, delete) = (Method::GET, Method::PUT, Method::DELETE);
        assert_eq!(found(&get, "users/Zo%C3%AB"), Some(("show_user", vec!["Zoë".to_owned()])));
        assert_eq!(found(&Method::HEAD, "users"), Some(("list_users", vec![])));
        let grant = found(&put, "roles/4/holders/a%2Fb").unwrap();
        assert_eq!(grant, ("grant_role", vec!["4".to_owned(), "a/b".to_owned()]));
        for nothing in ["", "users/", "users/a/b/c", "channels//overwrites", "../users"] {
            assert!(matches!(find(&get, nothing), Ok(Found::Nothing)), "{nothing}");
        }
        assert!(find(&get, "users/%ff").is_err());
        let Found::Methods(methods) = find(&delete, "users").unwrap() else { panic!() };
        assert_eq!(methods, ["POST", "GET"]);
    }
}
