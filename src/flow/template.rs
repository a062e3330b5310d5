//! Templates and expressions: what they see, and what becomes of them, within bounds.
//!
//! Their language is that of minijinja with strict undefined values. What is worked out costs as much fuel as it takes time and memory
//! ([`FLOW_FUEL`]), and makes as much as [`MAX_FLOW_VALUE`](crate::bounds::MAX_FLOW_VALUE); there are no other files, macros and variables of a template's own.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::{Arc, LazyLock};

use minijinja::{Environment, UndefinedBehavior};
use serde_json::Value;
use thiserror::Error;

use super::json::{Bounded, TOO_MUCH, to_json};
use super::{filters, scan};
use crate::bounds::{FLOW_FUEL, MAX_FLOW_ITEMS, MAX_FLOW_TEMPLATE};

/// A value that is worked out for each step anew.
#[derive(Clone, Debug)]
pub enum Template {
    /// Always the same.
    Value(Value),
    /// One expression, whose result keeps its kind: a text that is `{{ ... }}` and nothing else.
    Expression(Expression),
    /// A text with expressions in it.
    Text(Arc<str>),
    /// A list.
    List(Vec<Self>),
    /// A table.
    Table(BTreeMap<String, Self>),
}

/// An expression, as `event.to == input.channel`.
#[derive(Clone)]
pub struct Expression {
    source: Arc<str>,
    compiled: Arc<minijinja::Expression<'static, 'static>>,
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({})", self.source)
    }
}

/// Why a template can't be worked out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{source_text}`: {problem}")]
pub struct TemplateError {
    /// The template; the first 200 characters.
    pub source_text: String,
    /// What is wrong.
    pub problem: String,
}

impl TemplateError {
    fn new(source: &str, problem: impl Into<String>) -> Self {
        Self { source_text: source.chars().take(200).collect(), problem: problem.into() }
    }

    fn of(source: &str, error: &minijinja::Error) -> Self {
        let problem = match error.kind() {
            minijinja::ErrorKind::OutOfFuel => "it takes too long, or too much memory".to_owned(),
            minijinja::ErrorKind::WriteFailure => TOO_MUCH.to_owned(),
            minijinja::ErrorKind::UndefinedError => {
                let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
                format!(
                    "it asks for something that isn't there{detail}; `x is defined` and `x | default(...)` help"
                )
            }
            kind => error.detail().map_or_else(|| kind.to_string(), |detail| format!("{kind}: {detail}")),
        };
        Self::new(source, problem)
    }
}

/// What templates see: values by their names.
#[derive(Clone, Debug, Default)]
pub struct Scope(BTreeMap<String, minijinja::Value>);

impl Scope {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Has templates see a value.
    pub fn set(&mut self, name: &str, value: &Value) {
        self.0.insert(name.to_owned(), minijinja::Value::from(minijinja::value::Serde(value)));
    }

    /// The same with another value, or one more.
    #[must_use]
    pub fn with(&self, name: &str, value: &Value) -> Self {
        let mut scope = self.clone();
        scope.set(name, value);
        scope
    }

    /// Only these of what it has.
    #[must_use]
    pub fn only(&self, names: &[&str]) -> Self {
        let kept = self.0.iter().filter(|(name, _)| names.contains(&name.as_str()));
        Self(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    fn root(&self) -> minijinja::Value {
        minijinja::Value::from_pairs(self.0.iter().map(|(name, value)| (name.clone(), value.clone())))
    }
}

static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FLOW_FUEL));
    filters::add_to(&mut environment);
    environment
});

impl Expression {
    /// Reads an expression, with or without `{{ }}` around it. All that is wrong with it is told, each as a sentence that goes on after
    /// its key.
    pub fn new(source: &str) -> Result<Self, Vec<String>> {
        let source = source.trim();
        let inner = source.strip_prefix("{{").and_then(|source| source.strip_suffix("}}"));
        Self::of_inner(inner.map_or(source, |inner| inner.trim_matches('-').trim()))
    }

    fn of_inner(source: &str) -> Result<Self, Vec<String>> {
        if source.len() > MAX_FLOW_TEMPLATE {
            return Err(vec![format!(
                "has more than {MAX_FLOW_TEMPLATE} bytes; do a part of it in a step of its own"
            )]);
        }
        let wrong = scan::expression(source);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        match ENGINE.compile_expression_owned(source.to_owned()) {
            Ok(compiled) => Ok(Self { source: source.into(), compiled: Arc::new(compiled) }),
            Err(error) => Err(vec![format!("is no expression: {}", said(&error))]),
        }
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it asks for, with dots, such as `event.to`.
    pub fn variables(&self) -> HashSet<String> {
        self.compiled.undeclared_variables(true)
    }

    /// What it is.
    pub fn value(&self, scope: &Scope) -> Result<Value, TemplateError> {
        let value =
            self.compiled.eval(scope.root()).map_err(|error| TemplateError::of(&self.source, &error))?;
        if value.is_undefined() {
            let words = "it asks for something that isn't there; `x is defined` and `x | default(...)` help";
            return Err(TemplateError::new(&self.source, words));
        }
        to_json(&value).map_err(|problem| TemplateError::new(&self.source, problem))
    }

    /// Whether it is true: what is false, zero, empty or `none` isn't.
    pub fn holds(&self, scope: &Scope) -> Result<bool, TemplateError> {
        Ok(match self.value(scope)? {
            Value::Null => false,
            Value::Bool(yes) => yes,
            Value::Number(number) => number.as_f64() != Some(0.0),
            Value::String(text) => !text.is_empty(),
            Value::Array(values) => !values.is_empty(),
            Value::Object(object) => !object.is_empty(),
        })
    }

    /// The things of the list that it is: [`MAX_FLOW_ITEMS`] at most.
    pub fn items(&self, scope: &Scope) -> Result<Vec<Value>, TemplateError> {
        match self.value(scope)? {
            Value::Array(items) if items.len() <= MAX_FLOW_ITEMS => Ok(items),
            Value::Array(_) => Err(TemplateError::new(
                &self.source,
                format!("its list has more than {MAX_FLOW_ITEMS} items"),
            )),
            _ => Err(TemplateError::new(&self.source, "it isn't a list")),
        }
    }
}

impl Template {
    /// Reads a text: one expression, a text with expressions, or a text as it is.
    pub fn of_text(source: &str) -> Result<Self, Vec<String>> {
        if !["{{", "{%", "{#"].iter().any(|begin| source.contains(begin)) {
            return Ok(Self::Value(source.into()));
        }
        if source.len() > MAX_FLOW_TEMPLATE {
            return Err(vec![format!(
                "has more than {MAX_FLOW_TEMPLATE} bytes; do a part of it in a step of its own"
            )]);
        }
        let wrong = scan::template(source);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let inner = source.trim().strip_prefix("{{").and_then(|source| source.strip_suffix("}}"));
        // `{{ a }} and {{ b }}` begins and ends like one expression, but isn't any.
        if let Some(expression) =
            inner.and_then(|inner| Expression::of_inner(inner.trim_matches('-').trim()).ok())
        {
            return Ok(Self::Expression(expression));
        }
        match ENGINE.template_from_str(source) {
            Ok(_) => Ok(Self::Text(source.into())),
            Err(error) => Err(vec![format!("is no template: {}", said(&error))]),
        }
    }

    /// Whether it is always the same.
    pub fn is_constant(&self) -> bool {
        match self {
            Self::Value(_) => true,
            Self::Expression(_) | Self::Text(_) => false,
            Self::List(items) => items.iter().all(Self::is_constant),
            Self::Table(items) => items.values().all(Self::is_constant),
        }
    }

    /// How many are worked out in it.
    pub fn worked(&self) -> usize {
        match self {
            Self::Value(_) => 0,
            Self::Expression(_) | Self::Text(_) => 1,
            Self::List(items) => items.iter().map(Self::worked).sum(),
            Self::Table(items) => items.values().map(Self::worked).sum(),
        }
    }

    /// What it asks for itself, with dots, such as `event.to`; not what its parts ask for.
    pub fn variables(&self) -> HashSet<String> {
        match self {
            Self::Expression(expression) => expression.variables(),
            Self::Text(source) => ENGINE
                .template_from_str(source)
                .map_or_else(|_| HashSet::new(), |it| it.undeclared_variables(true)),
            _ => HashSet::new(),
        }
    }

    /// What it is.
    pub fn render(&self, scope: &Scope) -> Result<Value, TemplateError> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::Expression(expression) => expression.value(scope),
            Self::Text(source) => text(source, scope).map(Value::from),
            Self::List(items) => {
                items.iter().map(|item| item.render(scope)).collect::<Result<Vec<_>, _>>().map(Value::from)
            }
            Self::Table(items) => {
                let items = items.iter().map(|(name, item)| Ok((name.clone(), item.render(scope)?)));
                items.collect::<Result<serde_json::Map<_, _>, _>>().map(Value::from)
            }
        }
    }
}

fn text(source: &str, scope: &Scope) -> Result<String, TemplateError> {
    let wrong = |error: minijinja::Error| TemplateError::of(source, &error);
    let template = ENGINE.template_from_str(source).map_err(wrong)?;
    let mut made = Bounded::default();
    template.render_captured_to(scope.root(), &mut made).map_err(wrong)?;
    String::from_utf8(made.into_bytes()).map_err(|_| TemplateError::new(source, "it isn't UTF-8"))
}

/// What the library says of a text that it can't read.
fn said(error: &minijinja::Error) -> String {
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    match error.line() {
        Some(line) if line > 1 => format!("{detail} (in its line {line})"),
        _ => detail,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn scope() -> Scope {
        let mut scope = Scope::new();
        scope.set("event", &json!({ "name": "Zoë", "to": "7", "from": null, "text": "a".repeat(4_000) }));
        scope.set(
            "input",
            &json!({ "words": ["Darn", "heck"], "count": 3, "ratio": 1.5, "on": true, "after": "1h30m" }),
        );
        scope.set("now", &json!("2026-10-25T00:30:00Z"));
        scope
    }

    fn made(source: &str) -> Result<Value, String> {
        let template = Template::of_text(source).map_err(|wrong| wrong.join("; "))?;
        template.render(&scope()).map_err(|error| error.to_string())
    }

    #[test]
    fn one_expression_keeps_its_kind_and_a_text_is_a_text() {
        for (source, wanted) in [
            ("{{ input.count }}", json!(3)),
            ("{{ input.count + 1 }}", json!(4)),
            ("  {{ input.words }}\n", json!(["Darn", "heck"])),
            ("{{ {'a': [1, none, input.on]} }}", json!({ "a": [1, null, true] })),
            ("{{ event.from }}", Value::Null),
            ("{{ input.count }} ", json!(3)),
            ("a{{ input.count }}", json!("a3")),
            ("{{ input.count }}{{ input.count }}", json!("33")),
            ("{{ event.name }} and {{ event.to }}", json!("Zoë and 7")),
            ("{{ '}}' }}", json!("}}")),
            ("plain", json!("plain")),
            ("{% if input.on %}yes{% endif %}", json!("yes")),
            ("{{ input.words | map('lower') | select('in', 'what the heck') | list }}", json!(["heck"])),
            ("{{ '3' | int + 1 }}", json!(4)),
            ("{{ 'x' | int(default=7) }}", json!(7)),
            ("{{ 2 | times(60) }}", json!(120)),
            ("{{ '2.5' | float | times(2) }}", json!(5.0)),
            ("{{ input.after | seconds }}", json!(5_400)),
            ("{{ now | later('90m') }}", json!("2026-10-25T02:00:00Z")),
            ("{{ now | earlier(60) }}", json!("2026-10-25T00:29:00Z")),
            ("{{ (now | local('Europe/Berlin')).time }}", json!("02:30")),
            ("{{ (now | later('1h') | local('Europe/Berlin')).time }}", json!("02:30")),
            ("{{ (now | local('Europe/Berlin')).weekday }}", json!("sunday")),
            ("{{ now is after('2026-01-01T00:00:00Z') }}", json!(true)),
            ("{{ ('{\"a\": [1]}' | fromjson).a[0] }}", json!(1)),
            ("{{ {'a': 1} | tojson }}", json!("{\"a\":1}")),
            ("{{ range(2, 8, 2) }}", json!([2, 4, 6])),
            ("{{ event.missing is defined }}", json!(false)),
            ("{{ event.missing | default('x') }}", json!("x")),
            ("{{ input.words | join(', ') }}", json!("Darn, heck")),
            ("{{ 'a b' | split | length }}", json!(2)),
            ("{{ 9007199254740993 }}", json!(9_007_199_254_740_993_u64)),
        ] {
            assert_eq!(made(source), Ok(wanted), "{source}");
        }
    }

    #[test]
    fn what_is_not_there_is_an_error_that_says_what_helps() {
        for source in [
            "{{ event.missing }}",
            "{{ missing }}",
            "a {{ event.missing }}",
            "{{ event.missing.more }}",
            "{% for a in missing %}{% endfor %}",
        ] {
            let error = made(source).unwrap_err();
            assert!(error.contains("isn't there") && error.contains("default"), "{source}: {error}");
        }
        for source in [
            "{{ 'a' | fromjson }}",
            "{{ 'a' | later('1h') }}",
            "{{ now | local('Nowhere') }}",
            "{{ input.words | upper }}",
            "{{ 1 / 0 }}",
        ] {
            assert!(made(source).is_err(), "{source}");
        }
    }

    #[test]
    fn an_expression_is_true_or_a_list() {
        let of = |source: &str| Expression::new(source).unwrap();
        for (source, wanted) in [
            ("event.to == '7'", true),
            ("{{ event.to == '8' }}", false),
            ("input.words", true),
            ("[]", false),
            ("''", false),
            ("0", false),
            ("none", false),
        ] {
            assert_eq!(of(source).holds(&scope()), Ok(wanted), "{source}");
        }
        assert_eq!(of("input.words").items(&scope()).unwrap().len(), 2);
        assert!(of("input.count").items(&scope()).unwrap_err().to_string().contains("isn't a list"));
        assert!(of("range(1000)").items(&scope()).is_ok());
        assert!(of("range(1000) + [1]").items(&scope()).unwrap_err().to_string().contains("more than 1000"));
    }

    proptest! {
        #[test]
        fn no_template_is_too_odd(source in "([a-z.|()\\[\\]\"' +<=-]{0,30}|\\{\\{|\\}\\}|\\{%|%\\}|for a in|if|endif|endfor|event|input|\\| list){0,12}") {
            let _ = made(&source);
            if let Ok(expression) = Expression::new(&source) {
                let _ = expression.value(&scope());
                let _ = expression.variables();
            }
        }

        /// A text without templates is what it is, and a value that is put into one is what it was.
        #[test]
        fn values_come_out_as_they_went_in(text in "[^{}]{0,50}", number: i64, on: bool) {
            prop_assert_eq!(made(&text), Ok(json!(text)));
            let value = json!({ "text": text, "number": number, "on": on, "list": [number, null] });
            let scope = Scope::new().with("input", &value);
            prop_assert_eq!(Template::of_text("{{ input }}").unwrap().render(&scope), Ok(value));
        }
    }
}
