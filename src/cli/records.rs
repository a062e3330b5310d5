//! `parlour org`, `session` and `audit`.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::caller::Caller;
use super::connect::Acting;
use super::operate::{LocalServer, print};
use super::output::{Output, counted};
use super::settings::registration_word;
use super::words::{local, moment};
use crate::admin::{self, Answer, Limit, Request};
use crate::bounds::LONGEST_PAGE;
use crate::client::RequestError;
use crate::id::Timestamp;
use crate::protocol::wire::{self, request, response};
use crate::store::{SubjectKind, Verb};

/// The name of the trail that belongs to no organization.
const SERVER: &str = "server";

/// Organizations, each with users, roles and channels of its own.
#[derive(Debug, Args)]
pub(super) struct Org {
    #[command(subcommand)]
    command: OrgCommand,
    #[command(flatten)]
    local: LocalServer,
}

#[derive(Debug, Subcommand)]
enum OrgCommand {
    /// List them.
    List(Limit),
    /// Create one.
    Create {
        /// Its short name for commands.
        tag: String,
        /// Its name for people.
        #[arg(long)]
        name: Option<String>,
    },
    /// Change its name, its owner or its limits.
    Edit {
        /// Its tag.
        tag: String,
        /// The name for people.
        #[arg(long)]
        name: Option<String>,
        /// The user who owns it.
        #[arg(long, value_name = "USER")]
        owner: Option<String>,
        /// Accounts at most.
        #[arg(long, value_name = "COUNT")]
        users: Option<u32>,
        /// Channels at most.
        #[arg(long, value_name = "COUNT")]
        channels: Option<u32>,
        /// Log-ins that one user keeps.
        #[arg(long, value_name = "COUNT")]
        sessions_per_user: Option<u32>,
        /// Days for which the audit trail is kept.
        #[arg(long, value_name = "DAYS")]
        audit_days: Option<u32>,
        /// Sessions connected at once; what the server takes altogether holds beside it.
        #[arg(long, value_name = "COUNT")]
        sessions: Option<u32>,
        /// Whether it may let guests in; `server` for what the configuration says.
        #[arg(long, value_name = "ALLOWED")]
        guests: Option<AllowedGuests>,
        /// Whom it may let make accounts at most; `server` for what the configuration says.
        #[arg(long, value_name = "WHO")]
        registration: Option<AllowedRegistration>,
    },
    /// Delete one with everything in it.
    Delete {
        /// Its tag.
        tag: String,
    },
}

impl Org {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let caller = Caller::owner(&self.local, None).await?;
        let outcome = self.command.ask(&caller).await;
        caller.close().await;
        let columns = [
            ("tag", "Tag"),
            ("name", "Name"),
            ("owner", "Owner"),
            ("users", "Users"),
            ("max_users", "of"),
            ("channels", "Channels"),
            ("max_channels", "of"),
            ("sessions", "Connected"),
            ("max_sessions", "of"),
            ("created", "Created"),
        ];
        print(&outcome?, &columns, output);
        Ok(())
    }
}

impl OrgCommand {
    async fn ask(self, caller: &Caller) -> anyhow::Result<Answer> {
        let body = match self {
            Self::List(Limit { after, limit }) => {
                let limit = u32::try_from(limit).unwrap_or(u32::MAX);
                request::Body::ListOrganizations(wire::ListOrganizations { after: after.unwrap_or(0), limit })
            }
            Self::Create { tag, name } => {
                let name = name.unwrap_or_else(|| tag.clone());
                request::Body::CreateOrganization(wire::CreateOrganization { tag, name })
            }
            Self::Edit {
                tag,
                name,
                owner,
                users,
                channels,
                sessions_per_user,
                audit_days,
                sessions,
                guests,
                registration,
            } => request::Body::LimitOrganization(wire::LimitOrganization {
                tag,
                name,
                owner,
                users,
                channels,
                sessions_per_user,
                audit_days,
                sessions,
                guests: guests.map(|guests| wire::Guests::from(guests).into()),
                registration: registration.map(|who| wire::Registration::from(who).into()),
            }),
            Self::Delete { tag } => request::Body::DeleteOrganization(wire::DeleteOrganization { tag }),
        };
        let is_list = matches!(body, request::Body::ListOrganizations(_));
        let said = |text: String, rows| Ok(Answer { text, rows });
        match caller.ask(body).await? {
            response::Body::Organizations(found) => {
                let text = match found.organizations.first() {
                    Some(one) if !is_list => format!("Organization {} is changed.", one.tag),
                    _ => String::new(),
                };
                said(text, found.organizations.iter().map(shown).collect())
            }
            response::Body::OrganizationMade(wire::OrganizationMade { organization, claim }) => {
                let (made, claim) = (organization.unwrap_or_default(), claim.unwrap_or_default());
                let text = format!(
                    "Organization {tag} is created. Its first owner comes in by this code, until {until}:\n  {code}\nThe command asks for it: parlour claim parlour://NAME@HOST/+{tag}",
                    tag = made.tag,
                    until = local(Timestamp(claim.expires_ms)),
                    code = claim.code,
                );
                let mut row = shown(&made);
                row["claim_code"] = claim.code.into();
                said(text, vec![row])
            }
            response::Body::OrganizationDeleted(gone) => {
                let wire::OrganizationDeleted { users, channels, sessions } = gone;
                let text = format!(
                    "The organization is deleted with {users} users, {channels} channels and {sessions} sessions."
                );
                said(text, vec![json!({ "users": users, "channels": channels, "sessions": sessions })])
            }
            _ => Err(RequestError::Misfit.into()),
        }
    }
}

/// Whether an organization may let guests in.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum AllowedGuests {
    Server,
    Yes,
    No,
}

impl From<AllowedGuests> for wire::Guests {
    fn from(allowed: AllowedGuests) -> Self {
        match allowed {
            AllowedGuests::Server => Self::Configured,
            AllowedGuests::Yes => Self::Admitted,
            AllowedGuests::No => Self::Refused,
        }
    }
}

/// Whom an organization may let make accounts.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum AllowedRegistration {
    Server,
    Open,
    Invite,
    Closed,
}

impl From<AllowedRegistration> for wire::Registration {
    fn from(allowed: AllowedRegistration) -> Self {
        match allowed {
            AllowedRegistration::Server => Self::Configured,
            AllowedRegistration::Open => Self::Open,
            AllowedRegistration::Invite => Self::Invite,
            AllowedRegistration::Closed => Self::Closed,
        }
    }
}

fn shown(one: &wire::OrganizationUse) -> Value {
    let limits = one.limits.unwrap_or_default();
    json!({
        "id": one.id, "tag": one.tag, "name": one.name, "owner": one.owner,
        "users": one.users, "max_users": limits.users,
        "channels": one.channels, "max_channels": limits.channels,
        "sessions_per_user": limits.sessions_per_user, "audit_days": limits.audit_days,
        "max_sessions": limits.sessions,
        "guests": match limits.guests() {
            wire::Guests::Configured => "server",
            wire::Guests::Refused => "no",
            wire::Guests::Admitted => "yes",
        },
        "registration": registration_word(limits.registration()),
        "sessions": one.sessions, "served": one.served, "created": Timestamp(one.created_ms),
    })
}

/// Sessions: log-ins that outlive connections.
#[derive(Debug, Args)]
pub(super) struct Session {
    #[command(subcommand)]
    command: SessionCommand,
    #[command(flatten)]
    acting: Acting,
}

#[derive(Debug, Subcommand)]
enum SessionCommand {
    /// List a user's.
    List {
        /// The user.
        user: String,
        #[command(flatten)]
        limit: Limit,
    },
    /// End one, or all of a user's; who is connected by it is disconnected.
    End {
        /// The user.
        user: String,
        /// The session's number.
        #[arg(required_unless_present = "all")]
        session: Option<u64>,
        /// All of them.
        #[arg(long, conflicts_with = "session")]
        all: bool,
    },
}

/// The columns of a list of sessions.
const SESSIONS: &[(&str, &str)] = &[
    ("id", "Session"),
    ("device", "Device"),
    ("address", "Address"),
    ("last_seen", "Last seen"),
    ("expires", "Expires"),
];

impl Session {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let caller = Caller::of(&self.acting).await?;
        let answer = self.command.run(&caller).await;
        caller.close().await;
        print(&answer?, SESSIONS, output);
        Ok(())
    }
}

impl SessionCommand {
    async fn run(self, caller: &Caller) -> anyhow::Result<Answer> {
        match self {
            Self::List { user, limit } => {
                let list = wire::ListUserSessions { name: user };
                let asked = request::Body::ListUserSessions(list);
                let response::Body::Devices(found) = caller.ask(asked).await? else {
                    return Err(RequestError::Misfit.into());
                };
                let after = found.devices.into_iter().filter(|one| one.session > limit.after.unwrap_or(0));
                let row = |one: wire::Device| {
                    json!({
                        "id": one.session, "device": one.name,
                        "address": Some(one.address).filter(|address| !address.is_empty()),
                        "created": Timestamp(one.created_ms), "expires": Timestamp(one.expires_ms),
                        "last_seen": Timestamp(one.used_ms),
                    })
                };
                Ok(Answer { text: String::new(), rows: after.take(limit.limit).map(row).collect() })
            }
            Self::End { user, session, .. } => {
                let end = wire::EndUserSession { name: user.clone(), session: session.unwrap_or(0) };
                let asked = request::Body::EndUserSession(end);
                let response::Body::SessionsEnded(ended) = caller.ask(asked).await? else {
                    return Err(RequestError::Misfit.into());
                };
                let (text, rows) = if let Some(session) = session {
                    (format!("Session {session} of {user} is ended."), Vec::new())
                } else {
                    let text = format!("{} of {user} ended.", counted(ended.count.into(), "session"));
                    (text, vec![json!({ "ended": ended.count })])
                };
                Ok(Answer { text, rows })
            }
        }
    }
}

/// Who changed what, the newest first.
#[derive(Debug, Args)]
pub(super) struct Audit {
    /// By whom: a user, `guest`, `operator` or `server`.
    #[arg(long, value_name = "USER")]
    by: Option<String>,
    /// What was done: create, change, delete, take, prune, migrate or restore.
    #[arg(long, value_name = "VERB", value_parser = word::<Verb>)]
    verb: Option<Verb>,
    /// To what kind of thing: user, channel, role, session ...
    #[arg(long, value_name = "KIND")]
    subject: Option<SubjectKind>,
    /// Not before this time, as 2026-11-21 08:00 by this machine's clock.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// Before this time.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,
    /// Before the entry of this number: the last one of the page before.
    #[arg(long, value_name = "NUMBER")]
    before: Option<u64>,
    /// Entries at most.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// As whom; the organization `server` has what belongs to none, for the machine's owner.
    #[command(flatten)]
    acting: Acting,
}

/// The columns of the trail.
const ENTRIES: &[(&str, &str)] = &[
    ("number", "Entry"),
    ("at", "When"),
    ("by", "By"),
    ("way", "By way of"),
    ("from", "From"),
    ("what", "What"),
    ("before", "Before"),
    ("after", "After"),
];

/// A word of a list, as JSON has it.
fn word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}

impl Audit {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        if self.acting.organization.tag.as_deref() == Some(SERVER) {
            let request = admin::Audit {
                user: self.by,
                verb: self.verb,
                subject: self.subject,
                since: self.since,
                until: self.until,
                before: self.before,
                limit: self.limit,
            };
            return self.acting.local.show(Request::Audit(request), ENTRIES, output).await;
        }
        let caller = Caller::of(&self.acting).await?;
        let answer = self.read(&caller).await;
        caller.close().await;
        print(&answer?, ENTRIES, output);
        Ok(())
    }

    async fn read(&self, caller: &Caller) -> anyhow::Result<Answer> {
        let (mut rows, mut before) = (Vec::new(), self.before.unwrap_or(0));
        while rows.len() < self.limit {
            let wanted = (self.limit - rows.len()).min(LONGEST_PAGE);
            let read = wire::ReadAudit {
                by: self.by.clone().unwrap_or_default(),
                verb: self.verb.map(|verb| verb.word().to_owned()).unwrap_or_default(),
                subject: self.subject.map(|kind| kind.word().to_owned()).unwrap_or_default(),
                since_ms: self.since.map_or(0, |since| since.0),
                until_ms: self.until.map_or(0, |until| until.0),
                before,
                limit: wanted as u32,
            };
            let asked = request::Body::ReadAudit(read);
            let response::Body::AuditTrail(page) = caller.ask_patiently(asked).await? else {
                return Err(RequestError::Misfit.into());
            };
            let is_last = page.entries.len() < wanted;
            before = page.entries.last().map_or(before, |entry| entry.number);
            rows.extend(page.entries.into_iter().map(entry_row));
            if is_last {
                break;
            }
        }
        Ok(Answer { text: String::new(), rows })
    }
}

fn entry_row(entry: wire::AuditEntry) -> Value {
    json!({
        "number": entry.number, "at": Timestamp(entry.at_ms), "by": entry.by,
        "way": Some(entry.way).filter(|way| !way.is_empty()),
        "from": Some(entry.from).filter(|from| !from.is_empty()),
        "what": format!("{} {} {}", entry.verb, entry.subject, entry.subject_id),
        "before": entry.before, "after": entry.after,
    })
}
