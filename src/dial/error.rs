//! Why there is no answer, in sentences for whoever wrote the address.

use std::net::IpAddr;

use thiserror::Error;

/// Why there is no answer. What is [`DialError::Unreachable`] or [`DialError::Slow`] may have arrived all the same.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DialError {
    /// The address isn't one that may be asked.
    #[error("{0}")]
    Address(&'static str),
    /// It leads where only the machine's owner has it lead. Nothing was dialled.
    #[error(
        "{who}{what}; such addresses are asked only in networks that the machine's owner lists (hooks.networks){more}",
        who = leads_to(host, *address),
        more = one_is_enough(*of)
    )]
    Kept {
        /// Who.
        host: String,
        /// The address that decides.
        address: IpAddr,
        /// What it is.
        what: &'static str,
        /// How many addresses there are.
        of: usize,
    },
    /// It would be asked without encryption outside of such networks. Nothing was dialled.
    #[error(
        "{host} is in no network that the machine's owner lists (hooks.networks), so it is asked by https:// only"
    )]
    Plain {
        /// Who.
        host: String,
        /// The address that decides.
        address: IpAddr,
    },
    /// Nobody answers there, or not in a way that is understood.
    #[error("{host} can't be reached: {why}")]
    Unreachable {
        /// Who.
        host: String,
        /// What the operating system, TLS or HTTP says.
        why: String,
    },
    /// It takes too long.
    #[error("{host} didn't answer within {seconds} seconds")]
    Slow {
        /// Who.
        host: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// No header is called so, or can hold that.
    #[error("no request can have this header: {0}")]
    Header(String),
    /// A header is the connection's, or there are too many.
    #[error(
        "the header `{0}` isn't for others to say: it is the connection's, or there are too many headers"
    )]
    Taken(String),
}

fn leads_to(host: &str, address: IpAddr) -> String {
    let is_number = host.trim_matches(['[', ']']) == address.to_string();
    if is_number { format!("{host} is ") } else { format!("{host} leads to {address}, ") }
}

fn one_is_enough(of: usize) -> String {
    if of < 2 {
        String::new()
    } else {
        format!(", and one of its {of} addresses is enough that none is asked")
    }
}
