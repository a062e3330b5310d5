//! What templates can do with values: filters, tests and functions. Those of the library are here that its fuel bounds; what takes a text
//! is ours, since the library's turn a list into text before it is paid for.

use jiff::tz::TimeZone;
use minijinja::value::{Kwargs, Serde, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, filters, tests};

use super::json::to_json;
use super::span;
use crate::bounds::MAX_FLOW_VALUE;
use crate::id::Timestamp;

/// All filters.
pub const FILTERS: [&str; 44] = [
    "abs",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "count",
    "d",
    "default",
    "dictsort",
    "earlier",
    "first",
    "float",
    "fromjson",
    "groupby",
    "int",
    "items",
    "join",
    "last",
    "later",
    "length",
    "list",
    "local",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "seconds",
    "select",
    "selectattr",
    "sort",
    "split",
    "string",
    "sum",
    "times",
    "tojson",
    "trim",
    "unique",
    "upper",
    "zip",
];

/// All tests.
pub const TESTS: [&str; 30] = [
    "boolean",
    "containing",
    "defined",
    "endingwith",
    "eq",
    "equalto",
    "even",
    "false",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sequence",
    "startingwith",
    "string",
    "true",
    "undefined",
    "after",
    "before",
];

/// All functions.
pub const FUNCTIONS: [&str; 1] = ["range"];

/// Numbers of a `range` at most.
const LONGEST_RANGE: i64 = 1_000;

/// Puts all of them into an environment that has none.
pub(super) fn add_to(environment: &mut Environment<'static>) {
    add_texts(environment);
    add_values(environment);
    add_times(environment);
    add_tests(environment);
    environment.add_function("range", range);
}

fn add_texts(environment: &mut Environment<'static>) {
    environment.add_filter("lower", |value: &Value| Ok::<_, Error>(text(value)?.to_lowercase()));
    environment.add_filter("upper", |value: &Value| Ok::<_, Error>(text(value)?.to_uppercase()));
    environment.add_filter("trim", |value: &Value| Ok::<_, Error>(text(value)?.trim().to_owned()));
    environment.add_filter("capitalize", |value: &Value| {
        let text = text(value)?;
        let mut characters = text.chars();
        let first: String = characters.next().into_iter().flat_map(char::to_uppercase).collect();
        Ok::<_, Error>(first + &characters.as_str().to_lowercase())
    });
    environment.add_filter("string", |value: &Value| text(value));
    environment.add_filter("replace", |value: &Value, from: &str, to: &str| {
        let text = text(value)?;
        let count = if from.is_empty() { text.chars().count() + 1 } else { text.matches(from).count() };
        within(text.len().saturating_add(count.saturating_mul(to.len())))?;
        Ok(text.replace(from, to))
    });
    environment.add_filter("split", |value: &Value, by: Option<&str>| {
        let text = text(value)?;
        Ok::<_, Error>(match by {
            Some("") => return Err(refused("there has to be something by which `split` parts a text")),
            Some(by) => text.split(by).map(Value::from).collect::<Vec<_>>(),
            None => text.split_whitespace().map(Value::from).collect(),
        })
    });
    environment.add_filter("join", |state: &State<'_, '_>, value: &Value, by: Option<&str>| {
        let mut joined = String::new();
        for (place, item) in value.try_iter()?.enumerate() {
            state.consume_fuel(1)?;
            if place > 0 {
                joined.push_str(by.unwrap_or_default());
            }
            joined.push_str(&text(&item)?);
            within(joined.len())?;
        }
        Ok(joined)
    });
}

fn add_values(environment: &mut Environment<'static>) {
    environment.add_filter("abs", filters::abs);
    environment.add_filter("attr", filters::attr);
    environment.add_filter("batch", filters::batch);
    environment.add_filter("bool", filters::bool);
    environment.add_filter("length", filters::length);
    environment.add_filter("count", filters::length);
    environment.add_filter("default", filters::default);
    environment.add_filter("d", filters::default);
    environment.add_filter("dictsort", filters::dictsort);
    environment.add_filter("first", filters::first);
    environment.add_filter("groupby", filters::groupby);
    environment.add_filter("items", filters::items);
    environment.add_filter("last", filters::last);
    environment.add_filter("list", filters::list);
    environment.add_filter("map", filters::map);
    environment.add_filter("max", filters::max);
    environment.add_filter("min", filters::min);
    environment.add_filter("reject", filters::reject);
    environment.add_filter("rejectattr", filters::rejectattr);
    environment.add_filter("reverse", filters::reverse);
    environment.add_filter("round", filters::round);
    environment.add_filter("select", filters::select);
    environment.add_filter("selectattr", filters::selectattr);
    environment.add_filter("sort", filters::sort);
    environment.add_filter("sum", filters::sum);
    environment.add_filter("unique", filters::unique);
    environment.add_filter("zip", filters::zip);
    environment.add_filter("int", |value: &Value, kwargs: Kwargs| number(value, &kwargs, true));
    environment.add_filter("float", |value: &Value, kwargs: Kwargs| number(value, &kwargs, false));
    environment.add_filter("times", |value: &Value, by: &Value| match (value.as_i64(), by.as_i64()) {
        (Some(one), Some(other)) => {
            one.checked_mul(other).map(Value::from).ok_or_else(|| refused("the product is too large"))
        }
        _ => Ok(Value::from(float(value)? * float(by)?)),
    });
    environment.add_filter("tojson", |value: &Value| {
        let json = to_json(value).map_err(|error| refused(&error))?;
        Ok::<_, Error>(json.to_string())
    });
    environment.add_filter("fromjson", |state: &State<'_, '_>, value: &Value| {
        let text = text(value)?;
        state.consume_fuel(text.len() as u64 / 8)?;
        let read: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| refused(&format!("this isn't JSON: {error}")))?;
        Ok(Value::from(Serde(&read)))
    });
}

fn add_times(environment: &mut Environment<'static>) {
    environment.add_filter("seconds", |value: &Value| {
        let text = text(value)?;
        let length = span::milliseconds(&text).or_else(|| text.parse().ok().map(|time: Timestamp| time.0));
        let length =
            length.ok_or_else(|| refused("this is neither a time nor a length of time like \"10m\""))?;
        Ok::<_, Error>(if length % 1_000 == 0 {
            Value::from(length / 1_000)
        } else {
            Value::from(length as f64 / 1e3)
        })
    });
    environment.add_filter("later", |value: &Value, by: &Value| {
        let (time, by) = (time(value)?, length(by)?);
        Ok::<_, Error>(Timestamp(time.0.saturating_add(by)).to_string())
    });
    environment.add_filter("earlier", |value: &Value, by: &Value| {
        let (time, by) = (time(value)?, length(by)?);
        Ok::<_, Error>(Timestamp(time.0.saturating_sub(by)).to_string())
    });
    environment.add_filter("local", |value: &Value, zone: &str| {
        let moment =
            i64::try_from(time(value)?.0).ok().and_then(|time| jiff::Timestamp::from_millisecond(time).ok());
        let moment = moment.ok_or_else(|| refused("this time is too far away"))?;
        let zone = Some(zone).filter(|zone| zone.len() < 64).and_then(|zone| TimeZone::get(zone).ok());
        let zone = zone.ok_or_else(|| refused("this is no time zone; \"Europe/Berlin\" is one"))?;
        let at = moment.to_zoned(zone);
        let weekday =
            WEEKDAYS[usize::from(at.weekday().to_monday_zero_offset().unsigned_abs()) % WEEKDAYS.len()];
        Ok::<_, Error>(Value::from(Serde(serde_json::json!({
            "date": at.date().to_string(), "time": at.strftime("%H:%M").to_string(), "weekday": weekday,
            "year": at.year(), "month": at.month(), "day": at.day(), "hour": at.hour(), "minute": at.minute(),
        }))))
    });
}

fn add_tests(environment: &mut Environment<'static>) {
    environment.add_test("boolean", tests::is_boolean);
    environment.add_test("defined", tests::is_defined);
    environment.add_test("undefined", tests::is_undefined);
    environment.add_test("none", tests::is_none);
    environment.add_test("even", tests::is_even);
    environment.add_test("odd", tests::is_odd);
    environment.add_test("true", tests::is_true);
    environment.add_test("false", tests::is_false);
    environment.add_test("number", tests::is_number);
    environment.add_test("integer", tests::is_integer);
    environment.add_test("float", tests::is_float);
    environment.add_test("string", tests::is_string);
    environment.add_test("sequence", tests::is_sequence);
    environment.add_test("iterable", tests::is_iterable);
    environment.add_test("mapping", tests::is_mapping);
    environment.add_test("in", tests::is_in);
    for name in ["eq", "equalto"] {
        environment.add_test(name, tests::is_eq);
    }
    environment.add_test("ne", tests::is_ne);
    for name in ["lt", "lessthan"] {
        environment.add_test(name, tests::is_lt);
    }
    environment.add_test("le", tests::is_le);
    for name in ["gt", "greaterthan"] {
        environment.add_test(name, tests::is_gt);
    }
    environment.add_test("ge", tests::is_ge);
    environment
        .add_test("startingwith", |value: &Value, with: &str| Ok::<_, Error>(text(value)?.starts_with(with)));
    environment
        .add_test("endingwith", |value: &Value, with: &str| Ok::<_, Error>(text(value)?.ends_with(with)));
    environment
        .add_test("containing", |value: &Value, what: &str| Ok::<_, Error>(text(value)?.contains(what)));
    environment.add_test("after", |value: &Value, other: &Value| Ok::<_, Error>(time(value)? > time(other)?));
    environment
        .add_test("before", |value: &Value, other: &Value| Ok::<_, Error>(time(value)? < time(other)?));
}

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

fn refused(words: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, words.to_owned())
}

fn within(length: usize) -> Result<(), Error> {
    if length <= MAX_FLOW_VALUE { Ok(()) } else { Err(refused("the text becomes too long")) }
}

/// A text; a number or a truth value as one.
fn text(value: &Value) -> Result<String, Error> {
    match value.kind() {
        ValueKind::String => Ok(value.as_str().unwrap_or_default().to_owned()),
        ValueKind::Number | ValueKind::Bool => Ok(value.to_string()),
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        kind => Err(refused(&format!(
            "a text is wanted here, and this is a {kind}; `tojson` makes a text of anything"
        ))),
    }
}

fn float(value: &Value) -> Result<f64, Error> {
    let read = text(value)?.trim().parse().ok().filter(|number: &f64| number.is_finite());
    read.ok_or_else(|| refused("a number is wanted here"))
}

/// `int` and `float`, with the value of `default` for what is no number.
fn number(value: &Value, kwargs: &Kwargs, is_whole: bool) -> Result<Value, Error> {
    let default: Option<Value> = kwargs.get("default")?;
    kwargs.assert_all_used()?;
    let read = match value.as_i64() {
        Some(whole) if is_whole => Ok(Value::from(whole)),
        _ => match text(value).ok().and_then(|text| text.trim().parse::<i64>().ok()) {
            Some(whole) if is_whole => Ok(Value::from(whole)),
            _ => float(value).map(|number| {
                if is_whole { Value::from(number.trunc() as i64) } else { Value::from(number) }
            }),
        },
    };
    match (read, default) {
        (Err(_), Some(default)) => Ok(default),
        (read, _) => read,
    }
}

fn time(value: &Value) -> Result<Timestamp, Error> {
    text(value)?.parse().map_err(|_| refused("a time like \"2026-01-31T12:00:00Z\" is wanted here"))
}

/// Milliseconds of a length: `10m`, or a number of seconds.
fn length(value: &Value) -> Result<u64, Error> {
    let text = text(value)?;
    let seconds = || text.trim().parse::<f64>().ok().filter(|seconds| (0.0..1e12).contains(seconds));
    let length = span::milliseconds(&text).or_else(|| seconds().map(|seconds| (seconds * 1e3) as u64));
    length.ok_or_else(|| refused("a length of time like \"10m\" is wanted here"))
}

fn range(from: i64, to: Option<i64>, step: Option<i64>) -> Result<Vec<i64>, Error> {
    let (from, to) = to.map_or((0, from), |to| (from, to));
    let step = step.unwrap_or(1);
    let count = if step == 0 { None } else { to.checked_sub(from).and_then(|all| all.checked_div(step)) };
    match count {
        None => Err(refused("`range` needs numbers that it can count")),
        Some(count) if count > LONGEST_RANGE => Err(refused("`range` has 1000 numbers at most")),
        Some(_) => {
            let mut numbers = Vec::new();
            let mut next = from;
            while (step > 0 && next < to) || (step < 0 && next > to) {
                numbers.push(next);
                let Some(following) = next.checked_add(step) else { break };
                next = following;
            }
            Ok(numbers)
        }
    }
}
