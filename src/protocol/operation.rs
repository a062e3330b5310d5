//! The table of operations: what there is to say of each beside its messages. It is made of the options in
//! `protocol.proto`, and read by the authorization of requests, by the page and by the documentation.

use super::json::Message;
use super::schema;
use crate::permission::Permissions;

/// What there is to say of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The member of `Request.body`, which is also the name by which programs call it.
    pub name: &'static str,
    /// Which part of the program does it.
    pub group: Group,
    /// Who may ask at all.
    pub who: Who,
    /// The permission that it needs; none for those whose `who` is enough.
    pub needs: Permissions,
    /// Where the permission is needed: empty for the organization, the name of the request's field that says the
    /// channel, session or account, or `own` for the channel that the session is in.
    pub on: &'static str,
    /// The member of `Response.body` that answers it.
    pub answer: &'static str,
    /// It changes something that is kept.
    pub writes: bool,
    /// It needs a session that is connected.
    pub connected: bool,
    /// There are cases in which the permission isn't needed, or another one does as well.
    pub conditional: bool,
    /// What it is for: the comment of its message.
    pub documentation: &'static str,
    /// Where programs ask for it over HTTP.
    pub rest: Rest,
    /// What it does as a tool of an assistant's.
    pub tool: Tool,
    /// Its number in `Request.body`.
    pub number: u32,
    /// Its message, ...
    pub request: &'static Message,
    /// ... and that of its answer.
    pub response: &'static Message,
}

/// Where programs ask for an operation over HTTP (docs/api.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// At an address below `/api`, whose parts in braces are fields of the request.
    At {
        /// `GET`, say.
        method: &'static str,
        /// `/channels/{channel}`, say.
        path: &'static str,
    },
    /// Nowhere.
    Never {
        /// The reason, as the end of a sentence.
        why: &'static str,
    },
}

/// What an operation does as a tool of an assistant's (docs/assistant.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// It is none.
    Never,
    /// It only reads.
    Reads,
    /// It makes something anew, and leaves alone what is there.
    Adds,
    /// It changes or takes away what is there, or keeps somebody out.
    Changes,
}

/// Which part of the program does an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// Before log-in.
    Entry,
    /// What is live: channels, who is where, voice, text.
    Live,
    /// Questions about what is live, and about who may do what.
    View,
    /// Roles, grants, overwrites.
    Rights,
    /// One's own account.
    Account,
    /// Who comes in, and who doesn't.
    Admission,
    /// Other people's accounts.
    Directory,
    /// Recordings that are kept.
    Recording,
    /// The machine's owner, about one organization or the server.
    Operator,
    /// The machine's owner, about all organizations.
    Organizations,
    /// What programs keep on channels, accounts and recordings.
    Element,
    /// What people show of themselves, and what follows them from device to device.
    Profile,
    /// Where what happens is sent to, of one's own.
    Hook,
    /// What is done by itself, of one's own, and the catalogue of it.
    Flow,
    /// Code of others that the server runs.
    Plugin,
}

/// Who may ask for an operation at all; its permission comes on top.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// Whoever isn't logged in.
    Stranger,
    /// Whoever is logged in, guests and programs too.
    Anybody,
    /// Whoever has an account and comes as a person, not by a key.
    Person,
    /// The person who owns the machine.
    Owner,
}

include!(concat!(env!("OUT_DIR"), "/operations.rs"));

/// The operation of a name.
pub fn named(name: &str) -> Option<&'static Operation> {
    ALL.iter().find(|operation| operation.name == name)
}
