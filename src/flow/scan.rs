//! A look at the words of a template before it is worked out: filters, tests and functions that there are, and nothing whose cost the
//! library's fuel doesn't bound.
//!
//! What is left out: `{% set %}`, `{% with %}` and the like, by which a few lines make a value as large as one wants; `~`, which turns a
//! list into text before it is paid for; `*`, which repeats lists for nothing (`times` multiplies); and loops that call themselves.

use super::filters::{FILTERS, FUNCTIONS, TESTS};
use super::problem::meant;

/// Tags that a template may have.
const TAGS: [&str; 8] = ["for", "endfor", "if", "elif", "else", "endif", "raw", "endraw"];

/// Words, signs and texts in one template at most.
const MOST_TOKENS: usize = 600;

/// Commas among them.
const MOST_COMMAS: usize = 100;

/// Words before a parenthesis that call nothing.
const OPERATORS: [&str; 9] = ["and", "or", "not", "in", "is", "if", "elif", "else", "for"];

#[derive(Debug, PartialEq, Eq)]
enum Token<'t> {
    Word(&'t str),
    Text(&'t str),
    Number,
    Sign(char),
}

/// What is wrong with an expression, as sentences that go on after its key.
pub(super) fn expression(source: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let (tokens, _) = tokens(source, None);
    judge(&tokens, &mut wrong);
    wrong
}

/// What is wrong with a template.
pub(super) fn template(source: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for (begin, _) in source.match_indices("{%") {
        let rest = source[begin + 2..].trim_start_matches(['-', '+']).trim_start();
        let tag: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').take(32).collect();
        if !TAGS.contains(&tag.as_str()) {
            wrong.push(format!("has the tag `{{% {tag} %}}`, which flows don't have{}", meant(&tag, TAGS)));
        }
    }
    let is_call = |rest: &&str| rest.trim_start().starts_with('(');
    if source.split("loop").skip(1).any(|rest| is_call(&rest))
        || (source.contains("{%") && source.contains("recursive"))
    {
        wrong.push("has a loop that calls itself, which flows don't have".to_owned());
    }
    let mut rest = source;
    let mut count = 0;
    while let Some(begin) = rest.find('{') {
        rest = &rest[begin + 1..];
        let end = match rest.chars().next() {
            Some('{') => "}}",
            Some('%') => "%}",
            Some('#') => {
                rest = rest.split_once("#}").map_or("", |(_, after)| after);
                continue;
            }
            _ => continue,
        };
        let (tokens, length) = tokens(&rest[1..], Some(end));
        let is_raw = matches!(tokens.first(), Some(Token::Word("raw"))) && end == "%}";
        count += tokens.len();
        judge(&tokens, &mut wrong);
        rest = &rest[1 + length..];
        if is_raw {
            rest = rest.find("endraw").map_or("", |at| &rest[at..]);
        }
    }
    if count > MOST_TOKENS {
        wrong.push(format!(
            "has more than {MOST_TOKENS} words and signs; do a part of it in a step of its own"
        ));
    }
    wrong.dedup();
    wrong
}

/// The tokens up to `end` outside of texts, and how many bytes they take, with that end.
fn tokens<'t>(source: &'t str, end: Option<&str>) -> (Vec<Token<'t>>, usize) {
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        if end.is_some_and(|end| rest.starts_with(end)) {
            return (tokens, source.len() - rest.len() + 2);
        }
        let length = if c == '"' || c == '\'' {
            let length = text_length(rest, c);
            tokens.push(Token::Text(rest.get(1..length.max(2) - 1).unwrap_or_default()));
            length
        } else if c.is_alphabetic() || c == '_' {
            let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            tokens.push(Token::Word(&rest[..length]));
            length
        } else if c.is_ascii_digit() {
            tokens.push(Token::Number);
            rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len())
        } else {
            if !c.is_whitespace() {
                tokens.push(Token::Sign(c));
            }
            c.len_utf8()
        };
        rest = &rest[length..];
    }
    (tokens, source.len())
}

/// The bytes of a text with its quotation marks; up to the end where it has none.
fn text_length(source: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in source.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            c if c == quote => return at + 1,
            _ => (),
        }
    }
    source.len()
}

fn judge(tokens: &[Token<'_>], wrong: &mut Vec<String>) {
    let commas = tokens.iter().filter(|token| **token == Token::Sign(',')).count();
    if tokens.len() > MOST_TOKENS || commas > MOST_COMMAS {
        wrong.push(format!(
            "has more than {MOST_TOKENS} words and signs, or {MOST_COMMAS} commas; do a part of it in a step of its own"
        ));
        return;
    }
    for (at, token) in tokens.iter().enumerate() {
        let before = |back: usize| at.checked_sub(back).and_then(|at| tokens.get(at));
        let is_called = tokens.get(at + 1) == Some(&Token::Sign('('));
        match token {
            Token::Sign('~') => {
                wrong.push("has the sign `~`, which flows don't have: `+` puts texts together".to_owned());
            }
            Token::Sign('*') => {
                wrong.push("has the sign `*`, which flows don't have: `2 | times(3)` is 6".to_owned());
            }
            Token::Word(word) if before(1) == Some(&Token::Sign('|')) => {
                known(word, "filter", &FILTERS, wrong);
                if is_called {
                    named_in_a_call(word, &tokens[at + 2..], wrong);
                }
            }
            Token::Word("not") if before(1) == Some(&Token::Word("is")) => (),
            Token::Word(word)
                if before(1) == Some(&Token::Word("is"))
                    || (before(1) == Some(&Token::Word("not")) && before(2) == Some(&Token::Word("is"))) =>
            {
                known(word, "test", &TESTS, wrong);
            }
            Token::Word(word) if is_called && !OPERATORS.contains(word) => match before(1) {
                Some(Token::Sign('.')) => {
                    let words =
                        format!("calls `.{word}()`; what is done with a value is a filter: `value | {word}`");
                    wrong.push(words);
                }
                _ => known(word, "function", &FUNCTIONS, wrong),
            },
            _ => (),
        }
    }
}

/// Filters and tests that are named by texts: `map("lower")`, `select("in", ...)`, `selectattr("x", "equalto", ...)`.
fn named_in_a_call(filter: &str, call: &[Token<'_>], wrong: &mut Vec<String>) {
    let text = |at: usize| match call.get(at) {
        Some(Token::Text(text)) => Some(*text),
        _ => None,
    };
    let is_second = call.get(1) == Some(&Token::Sign(','));
    let (name, what, all) = match filter {
        "map" => (text(0), "filter", FILTERS.as_slice()),
        "select" | "reject" => (text(0), "test", TESTS.as_slice()),
        "selectattr" | "rejectattr" if is_second => (text(2), "test", TESTS.as_slice()),
        _ => return,
    };
    if let Some(name) = name {
        known(name, what, all, wrong);
    }
}

fn known(word: &str, what: &str, all: &[&str], wrong: &mut Vec<String>) {
    if !all.contains(&word) {
        let said: String = word.chars().take(64).collect();
        wrong.push(format!(
            "has the {what} `{said}`, which flows don't have{}",
            meant(word, all.iter().copied())
        ));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_flows_have_is_fine() {
        for good in [
            "{{ event.name }} said: {{ event.text | lower }}",
            "{% for one in steps.list.output.sessions if one.channel is not none %}{{ loop.index }} {% endfor %}",
            "{{ input.words | select('in', event.text | lower) | list | length }}",
            "{{ x | selectattr('channel', 'equalto', event.to) | map(attribute='session') | list }}",
            "{# a * b ~ c #} 2 * 3 ~ 4 {{ '* ~ {% set %}'[0] }}".replace("{% set %}", "").as_str(),
            "{% raw %}{{ a ~ b | nothing }}{% endraw %}",
            "{{ not (a and (b or c)) if (d) else range(3) }}",
            "{{ \"}} ~\" }}",
        ] {
            assert_eq!(template(good), Vec::<String>::new(), "{good}");
        }
        assert_eq!(
            expression("event.to == input.channel and event.from not in (1, 2)"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn what_flows_do_not_have_is_refused_in_words() {
        for (bad, word) in [
            ("{% set a = 1 %}", "`{% set %}`"),
            ("{%- with a = 1 %}{% endwith %}", "`{% with %}`"),
            ("{% include 'a' %}", "`{% include %}`"),
            ("{% macro a() %}{% endmacro %}", "`{% macro %}`"),
            ("{% for a in b recursive %}{{ loop(a) }}{% endfor %}", "calls itself"),
            ("{{ a ~ b }}", "`~`"),
            ("{{ [a] * 1000 }}", "`*`"),
            ("{{ a | lowr }}", "did you mean `lower`?"),
            ("{{ a | map('lowr') }}", "did you mean `lower`?"),
            ("{{ a is not definde }}", "did you mean `defined`?"),
            ("{{ namespace() }}", "function `namespace`"),
            ("{{ a.upper() }}", "value | upper"),
            ("{{ a | selectattr('x', 'eqalto', 1) }}", "did you mean `equalto`?"),
        ] {
            let wrong = template(bad);
            assert!(wrong.iter().any(|wrong| wrong.contains(word)), "{bad}: {wrong:?}");
        }
        let many = format!("{{{{ [{}] }}}}", "a,".repeat(200));
        assert!(!template(&many).is_empty());
    }

    proptest! {
        #[test]
        fn no_template_is_too_odd(source in "[a-z{}%#'\"\\\\|~*(), ü.-]{0,200}") {
            let _ = template(&source);
            let _ = expression(&source);
        }
    }
}
