//! What a source names, defines and imports, as far as a reader sees it who knows words and braces but no types.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::str::Chars;

/// A name that an import brings into a file; none for all that a module has.
#[derive(Debug, PartialEq)]
pub(crate) struct Import {
    pub(crate) path: Vec<String>,
    pub(crate) name: Option<String>,
}

/// One file, without its tests.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// Items that stand in the file itself.
    pub(crate) defines: BTreeSet<String>,
    pub(crate) imports: Vec<Import>,
    /// Paths of two segments or more, outside imports.
    pub(crate) paths: Vec<Vec<String>>,
    /// Names at the beginning of a path, outside imports.
    pub(crate) mentions: BTreeSet<String>,
    /// Modules in files of their own that are there in tests only.
    pub(crate) test_modules: BTreeSet<String>,
}

/// What introduces the name of an item.
const ITEMS: &[&str] =
    &["struct", "enum", "union", "trait", "fn", "const", "static", "type", "mod", "macro_rules"];

/// Reads a source.
pub(crate) fn read(text: &str) -> Source {
    let tokens = tokens(text);
    let mut source = Source::default();
    let (mut at, mut depth) = (0, 0);
    while at < tokens.len() {
        let before = at.checked_sub(1).map_or("", |before| tokens[before].as_str());
        match tokens[at].as_str() {
            "#" if is_for_tests(&tokens[at..]) => {
                let end = item_end(&tokens, at);
                if let [.., name, semicolon] = &tokens[at..end]
                    && semicolon == ";"
                {
                    source.test_modules.insert(name.clone());
                }
                at = end;
                continue;
            }
            "{" => depth += 1,
            "}" => depth -= 1,
            "use" if before != "+" => {
                at = import(&tokens, at + 1, &mut Vec::new(), &mut source.imports);
                continue;
            }
            item if depth == 0 && ITEMS.contains(&item) => {
                let names =
                    tokens[at + 1..].iter().filter(|name| !matches!(name.as_str(), "mut" | "!" | "fn"));
                let external = item == "mod" && tokens.get(at + 2).is_some_and(|after| after == ";");
                if !external && before != "::" {
                    source.defines.extend(names.take(1).cloned());
                }
            }
            word if is_word(word) && !matches!(before, "." | "::") => {
                let mut path = vec![word.to_owned()];
                while tokens.get(at + 1).is_some_and(|next| next == "::")
                    && tokens.get(at + 2).is_some_and(|next| is_word(next))
                {
                    path.push(tokens[at + 2].clone());
                    at += 2;
                }
                source.mentions.insert(path[0].clone());
                if path.len() > 1 {
                    source.paths.push(path);
                }
            }
            _ => (),
        }
        at += 1;
    }
    source
}

/// Whether an attribute begins here that leaves the item out unless tests are built.
fn is_for_tests(tokens: &[String]) -> bool {
    let begins = ["#", "[", "cfg", "("];
    let attribute = tokens.iter().take_while(|token| *token != "]").map(String::as_str);
    let attribute: Vec<&str> = attribute.collect();
    attribute.starts_with(&begins) && attribute.contains(&"test") && !attribute.contains(&"not")
}

/// The place after the item that begins at `at`.
fn item_end(tokens: &[String], at: usize) -> usize {
    let mut depth = 0;
    for (place, token) in tokens.iter().enumerate().skip(at) {
        match token.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => {
                depth -= 1;
                if depth == 0 && token == "}" {
                    return place + 1;
                }
            }
            ";" if depth == 0 => return place + 1,
            _ => (),
        }
    }
    tokens.len()
}

/// Reads a tree of imports from `at` on, and answers with the place after it.
fn import(tokens: &[String], mut at: usize, path: &mut Vec<String>, found: &mut Vec<Import>) -> usize {
    let own = path.len();
    let mut name = None;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token.as_str() {
            "::" => (),
            "{" => {
                while tokens.get(at).is_some_and(|token| token != "}") {
                    at = import(tokens, at, path, found);
                    // The comma; a semicolon isn't there.
                    at += usize::from(tokens.get(at).is_some_and(|token| token == ","));
                }
                at += 1;
                path.truncate(own);
                return at;
            }
            "*" => {
                found.push(Import { path: path.clone(), name: None });
                path.truncate(own);
                return at;
            }
            "as" => {
                name = tokens.get(at).cloned();
                at += 1;
            }
            "," | "}" | ";" => {
                at -= 1;
                break;
            }
            word => path.push(word.to_owned()),
        }
    }
    if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
        path.pop();
    }
    let name = name.or_else(|| path.last().cloned());
    found.push(Import { path: path.clone(), name });
    path.truncate(own);
    at
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Words, `::` and single signs; without comments, literals and lifetimes.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '/' if rest.peek() == Some(&'/') => {
                rest.by_ref().find(|c| *c == '\n');
            }
            '/' if rest.peek() == Some(&'*') => skip_comment(&mut rest),
            '"' => skip_string(&mut rest),
            '\'' => skip_character(&mut rest),
            ':' if rest.peek() == Some(&':') => {
                rest.next();
                found.push("::".to_owned());
            }
            c if c.is_alphanumeric() || c == '_' => {
                let mut word = String::from(c);
                while let Some(c) = rest.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    word.push(c);
                }
                match (word.as_str(), rest.peek()) {
                    ("r" | "br", Some('"' | '#')) => skip_raw(&mut rest),
                    ("b" | "c", Some('"' | '\'')) => (),
                    _ => found.push(word),
                }
            }
            c if c.is_whitespace() => (),
            c => found.push(c.to_string()),
        }
    }
    found
}

fn skip_comment(rest: &mut Peekable<Chars<'_>>) {
    let (mut depth, mut previous) = (1, ' ');
    rest.next();
    while depth > 0
        && let Some(c) = rest.next()
    {
        match (previous, c) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                previous = c;
                continue;
            }
        }
        previous = ' ';
    }
}

fn skip_string(rest: &mut Peekable<Chars<'_>>) {
    while let Some(c) = rest.next() {
        match c {
            '\\' => {
                rest.next();
            }
            '"' => return,
            _ => (),
        }
    }
}

/// A string as it stands, between as many `#` as there are before it.
fn skip_raw(rest: &mut Peekable<Chars<'_>>) {
    let mut signs = 0;
    while rest.next_if_eq(&'#').is_some() {
        signs += 1;
    }
    // A word that is written `r#word`.
    if rest.next_if_eq(&'"').is_none() {
        return;
    }
    let mut closing = None;
    for c in rest.by_ref() {
        closing = match (c, closing) {
            ('"', _) => Some(0),
            ('#', Some(count)) => Some(count + 1),
            _ => None,
        };
        if closing == Some(signs) {
            return;
        }
    }
}

/// A character, or the name of a lifetime.
fn skip_character(rest: &mut Peekable<Chars<'_>>) {
    let Some(first) = rest.next() else { return };
    if first == '\\' {
        rest.next();
        rest.by_ref().find(|c| *c == '\'');
    } else if rest.next_if_eq(&'\'').is_none() {
        while rest.next_if(|c| c.is_alphanumeric() || *c == '_').is_some() {}
    }
}
