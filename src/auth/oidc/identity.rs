//! Who somebody is by what a provider tells.

use serde_json::Value;

use super::{Distrust, Members};

/// Groups that are read at most; those after them are as if they weren't told.
pub const MAX_GROUPS: usize = 1_000;

/// Bytes of a subject at most (OpenID Connect Core 1.0, section 2).
const MAX_SUBJECT: usize = 255;

/// Bytes of what is told besides, each.
const MAX_TOLD: usize = 320;

/// Who somebody is by what a provider tells. Only the subject says who it is: the others change hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The provider, as its tokens name it.
    pub issuer: String,
    /// Who, among those whom the provider knows.
    pub subject: String,
    /// What they may be called, the best first.
    pub names: Vec<String>,
    /// An e-mail address of which the provider says that it is theirs.
    pub email: Option<String>,
    /// In which groups they are.
    pub groups: Vec<String>,
}

impl Identity {
    /// What the claims of a token say, and what the provider tells besides. `groups` is the claim that holds groups, or the
    /// way to it with dots between, as `realm_access.roles`; empty for none.
    pub fn of(
        issuer: &str,
        claims: &Members,
        besides: Option<&Members>,
        groups: &str,
    ) -> Result<Self, Distrust> {
        let subject = claims.get("sub").and_then(Value::as_str).filter(|subject| !subject.is_empty());
        let subject = subject.ok_or(Distrust::Lacks("token", "sub"))?;
        if subject.len() > MAX_SUBJECT || subject.chars().any(char::is_control) {
            return Err(Distrust::Unreadable("`sub`"));
        }
        // Section 5.3.2: else it may be anybody's.
        if besides.is_some_and(|more| more.get("sub").and_then(Value::as_str) != Some(subject)) {
            return Err(Distrust::OtherSubject);
        }
        let sources = || [Some(claims), besides].into_iter().flatten();
        let text = |name: &str| {
            let found = sources().find_map(|source| source.get(name).and_then(Value::as_str));
            found.map(str::trim).filter(|text| !text.is_empty() && text.len() <= MAX_TOLD)
        };
        // Both from the same place.
        let proven = |source: &&Members| match source.get("email_verified") {
            Some(Value::Bool(is)) => *is,
            Some(Value::String(word)) => word == "true",
            _ => false,
        };
        let email = sources().filter(proven).find_map(|source| source.get("email")?.as_str());
        let email = email.map(str::trim).filter(|email| !email.is_empty() && email.len() <= MAX_TOLD);
        let before_at = text("email").and_then(|email| email.split('@').next());
        let names = ["preferred_username", "name", "nickname"].into_iter().filter_map(text).chain(before_at);
        let groups = if groups.is_empty() { None } else { sources().find_map(|source| at(source, groups)) };
        Ok(Self {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            names: names.map(str::to_owned).collect(),
            email: email.map(str::to_owned),
            groups: groups.map(listed).unwrap_or_default(),
        })
    }
}

/// The member of this name, else the one that the way leads to.
fn at<'v>(members: &'v Members, way: &str) -> Option<&'v Value> {
    if let Some(value) = members.get(way) {
        return Some(value);
    }
    let mut steps = way.split('.');
    let first = members.get(steps.next()?)?;
    steps.try_fold(first, |value, step| value.get(step))
}

fn listed(value: &Value) -> Vec<String> {
    let fits = |text: &&str| text.len() <= MAX_TOLD;
    match value {
        Value::String(one) => vec![one.as_str()],
        Value::Array(all) => all.iter().filter_map(Value::as_str).take(MAX_GROUPS).collect(),
        _ => Vec::new(),
    }
    .into_iter()
    .filter(fits)
    .map(str::to_owned)
    .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://id.example";

    fn of(claims: &Value, besides: Option<Value>, groups: &str) -> Result<Identity, Distrust> {
        let besides = besides.map(|value| value.as_object().unwrap().clone());
        Identity::of(ISSUER, claims.as_object().unwrap(), besides.as_ref(), groups)
    }

    #[test]
    fn who_somebody_is_is_read_of_both_places() {
        let besides = json!({
            "sub": "7", "preferred_username": "anna", "name": "Anna B.", "email": "anna@example.org", "email_verified": true,
            "realm_access": { "roles": ["staff", 7, "admins"] }, "https://id.example/groups": "one",
        });
        let found = of(&json!({ "sub": "7" }), Some(besides.clone()), "realm_access.roles").unwrap();
        assert_eq!((found.issuer.as_str(), found.subject.as_str()), (ISSUER, "7"));
        assert_eq!(found.names, ["anna", "Anna B.", "anna"]);
        assert_eq!(found.email.as_deref(), Some("anna@example.org"));
        assert_eq!(found.groups, ["staff", "admins"]);
        let named = of(&json!({ "sub": "7" }), Some(besides.clone()), "https://id.example/groups").unwrap();
        assert_eq!(named.groups, ["one"]);
        assert!(of(&json!({ "sub": "7" }), Some(besides), "").unwrap().groups.is_empty());
    }

    #[test]
    fn nobody_is_who_is_nobody_or_somebody_else() {
        for nobody in [json!({}), json!({ "sub": "" }), json!({ "sub": 7 })] {
            assert_eq!(of(&nobody, None, ""), Err(Distrust::Lacks("token", "sub")));
        }
        assert!(of(&json!({ "sub": "x".repeat(MAX_SUBJECT + 1) }), None, "").is_err());
        for other in [json!({ "sub": "8" }), json!({})] {
            assert_eq!(of(&json!({ "sub": "7" }), Some(other), ""), Err(Distrust::OtherSubject));
        }
    }

    #[test]
    fn an_address_is_theirs_only_where_that_is_said() {
        for (verified, is) in [
            (json!(true), true),
            (json!("true"), true),
            (json!(false), false),
            (json!(1), false),
            (Value::Null, false),
        ] {
            let claims = json!({ "sub": "7", "email": "a@example.org", "email_verified": verified });
            assert_eq!(of(&claims, None, "").unwrap().email.is_some(), is);
        }
        // What the one place says of an address isn't said of another's.
        let besides = json!({ "sub": "7", "email": "evil@example.org" });
        let claims = json!({ "sub": "7", "email_verified": true });
        assert_eq!(of(&claims, Some(besides), "").unwrap().email, None);
    }

    proptest! {
        #[test]
        fn any_claims_are_read_without_panic(sub: String, groups: Vec<String>, way: String) {
            let claims = json!({ "sub": sub, "groups": groups, "a": { "b": groups } });
            if let Ok(found) = of(&claims, None, &way) {
                prop_assert!(found.groups.len() <= MAX_GROUPS && !found.subject.is_empty());
            }
        }
    }
}
