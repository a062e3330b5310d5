//! Codes and passwords: asked for, or read from standard input. In an argument every user of the machine sees them, in its
//! list of processes, and the shell keeps them in its history: scripts may, and are warned.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::bail;

use super::output::{Output, printable, shown};
use crate::auth::OneTimeCode;

/// Stands for what is asked for, or read from standard input where no terminal is there.
const ASKED: &str = "-";

/// A code: what is given, or asked for where nothing or `-` is.
pub(super) fn code(given: Option<&str>, question: &str, output: Output) -> anyhow::Result<String> {
    match given {
        Some(ASKED) if !io::stdin().is_terminal() => line_of_stdin(),
        None if !io::stdin().is_terminal() => bail!(
            "{} isn't given, and there is no terminal to ask on; write - in its place, and give it on standard \
             input",
            lower(question)
        ),
        None | Some(ASKED) => ask(question),
        Some(code) => {
            // One of an app's changes every 30 s, and is good once.
            if code.len() != 6 {
                warn("code", output);
            }
            Ok(code.to_owned())
        }
    }
}

/// The code and the address of a command that takes both in either order, and either by itself: a lone argument is an address unless it is
/// a code, or a link with one.
pub(super) fn code_and_address(
    first: Option<String>,
    second: Option<String>,
) -> (Option<String>, Option<String>) {
    let is_code = |text: &str| text == ASKED || text.contains("/i/") || OneTimeCode::parse(text).is_some();
    match (first, second) {
        (Some(address), Some(code)) if !is_code(&address) && is_code(&code) => (Some(code), Some(address)),
        // An address in the environment gives way to one that is written.
        (Some(address), second)
            if !is_code(&address) && (second.is_none() || address.contains(['@', ':'])) =>
        {
            (None, Some(address))
        }
        both => both,
    }
}

/// The password: from standard input, from `PARLOUR_PASSWORD`, or asked for without echo.
pub(super) fn password(from_stdin: bool, question: &str, twice: bool) -> anyhow::Result<String> {
    if from_stdin {
        return line_of_stdin();
    }
    if let Ok(password) = std::env::var("PARLOUR_PASSWORD") {
        return Ok(password);
    }
    if !io::stdin().is_terminal() {
        bail!(
            "there is no terminal to ask for the password on; give it with --password-stdin or in PARLOUR_PASSWORD"
        );
    }
    prompt(question, twice)
}

/// A channel's password: what is given, or asked for where that is `-`: without echo on a terminal, else as a line of
/// standard input.
pub(super) fn channel_password(
    given: Option<&str>,
    question: &str,
    twice: bool,
    output: Output,
) -> anyhow::Result<Option<String>> {
    match given {
        Some(ASKED) if io::stdin().is_terminal() => prompt(question, twice).map(Some),
        Some(ASKED) => line_of_stdin().map(Some),
        given => {
            if given.is_some_and(|password| !password.is_empty()) {
                warn("password", output);
            }
            Ok(given.map(str::to_owned))
        }
    }
}

/// Asks for a line on the terminal.
pub(super) fn ask(question: &str) -> anyhow::Result<String> {
    if !io::stdin().is_terminal() {
        bail!("{} isn't given, and there is no terminal to ask on", lower(question));
    }
    eprint_prompt(question);
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

fn eprint_prompt(question: &str) {
    let _ = write!(io::stderr(), "{}: ", shown(question));
    let _ = io::stderr().flush();
}

/// A question within a sentence.
fn lower(question: &str) -> String {
    let mut characters = question.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

fn warn(what: &str, output: Output) {
    output.warn(&format!(
        "Every user of this machine can read a {what} that is an argument of a command. Leave it out, and it is asked for; a \
         script writes - in its place, and gives it on standard input."
    ));
}

fn prompt(question: &str, twice: bool) -> anyhow::Result<String> {
    let password = rpassword::prompt_password(format!("{}: ", printable(question)))?;
    if twice && rpassword::prompt_password("The same again: ")? != password {
        bail!("the two passwords differ; try again");
    }
    Ok(password)
}

fn line_of_stdin() -> anyhow::Result<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_argument_is_an_address_unless_it_is_a_code() {
        let code = "0123-4567-89AB-CDEF-1010";
        let both = |first: Option<&str>, second: Option<&str>| {
            code_and_address(first.map(str::to_owned), second.map(str::to_owned))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(both(None, None), (None, None));
        assert_eq!(both(Some(code), None), (some(code), None));
        assert_eq!(both(Some("-"), Some("anna@host")), (some("-"), some("anna@host")));
        assert_eq!(both(Some("parlour://anna@host"), None), (None, some("parlour://anna@host")));
        assert_eq!(both(Some("host"), None), (None, some("host")));
        // The second one may come from the environment.
        assert_eq!(both(Some("anna@host"), Some("other")), (None, some("anna@host")));
        assert_eq!(both(Some(code), Some("other")), (some(code), some("other")));
        assert_eq!(both(Some("anna@host"), Some(code)), (some(code), some("anna@host")));
        assert_eq!(both(Some("host"), Some("-")), (some("-"), some("host")));
        // Whoever mistypes a code is told so by the server.
        assert_eq!(both(Some("0123"), Some("host")), (some("0123"), some("host")));
        let link = "https://host:4848/i/0123-4567-89AB-CDEF-1010";
        assert_eq!(both(Some(link), None), (some(link), None));
        assert_eq!(both(Some(link), Some("zoe@host")), (some(link), some("zoe@host")));
    }
}
