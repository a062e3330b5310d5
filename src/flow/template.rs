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
        minijinja::Value::from_iter(self.0.iter().map(|(name, value)| (name.clone(), value.clone())))
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
