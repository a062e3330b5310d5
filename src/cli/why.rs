//! `parlour why`.

use anyhow::bail;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::connect::Server;
use super::output::{DoesNotHold, Output, paint, styled};
use super::person::{about, alike};
use super::words::{known_permissions, local, permissions};
use crate::client::{Decided, DecisionStep, Explanation, View, Whom};
use crate::id::ChannelId;
use crate::permission::Permissions;
use crate::protocol::wire::Member;

/// Find out why somebody may do something, or may not.
#[derive(Debug, Args)]
#[command(after_help = known_permissions())]
pub(super) struct Why {
    /// Whom it is about: a user, connected or not, a guest who is connected, or `me`.
    user: String,
    /// The statement that is to be looked at.
    #[arg(value_name = "MAY")]
    statement: Statement,
    /// What they may do, in words: speak, join, "create channel" or create-channel ...; several with commas.
    #[arg(value_name = "PERMISSION", value_parser = permission)]
    permission: Permissions,
    /// The channel; `.` for no channel in particular.
    channel: String,
    #[command(flatten)]
    server: Server,
}

/// Permissions, which come after `may` or `may-not`.
fn permission(text: &str) -> Result<Permissions, String> {
    if text == "not" { Err("`may-not` is one word".to_owned()) } else { permissions(text) }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Statement {
    /// They may.
    May,
    /// They may not.
    MayNot,
}

impl Why {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        if self.permission.is_empty() {
            bail!("which permission? There are: {}", Permissions::ALL);
        }
        let session = self.server.enter().await?;
        let view = session.view();
        let about = about(&view, &self.user)?;
        let channel = match self.channel.as_str() {
            "." | "-" => None,
            path => Some(ChannelId(view.find(path)?.id)),
        };
        let found = session.why(&about, channel, self.permission).await?;
        let holds = found.allowed == (self.statement == Statement::May);
        let style = if holds { "1;32" } else { "1;31" };
        let answer = paint(if holds { "Yes:" } else { "No:" }, style, styled());
        let (said, decides) = answered(&found, self.permission, &view, channel, styled());
        for (at, line) in said.into_iter().enumerate() {
            output.line(if at == 0 { format!("{answer} {line}") } else { line });
        }
        let steps: Vec<_> =
            found.steps.iter().enumerate().map(|(at, step)| object(step, decides == Some(at))).collect();
        output.object(&json!({
            "holds": holds, "allowed": found.allowed, "name": found.name, "permission": self.permission,
            "channel": (!found.channel_path.is_empty()).then_some(&found.channel_path), "steps": steps,
            "has": found.has,
        }));
        session.close().await;
        if holds { Ok(()) } else { Err(DoesNotHold.into()) }
    }
}

/// What is found, a line each: who may do what, what decided, and what keeps somebody quiet all the same. And which of the steps
/// decides.
pub(super) fn answered(
    found: &Explanation,
    asked: Permissions,
    view: &View,
    channel: Option<ChannelId>,
    styled: bool,
) -> (Vec<String>, Option<usize>) {
    let decides = decisive(found, asked);
    let mut said = vec![format!("{}.", sentence(found, asked))];
    said.extend(lines(found, asked, decides, styled));
    if found.allowed && asked.contains(Permissions::SPEAK) {
        let called = view.members.values().filter(|member| alike(&member.name, &found.name));
        said.extend(called.filter_map(|member| kept_quiet(member, channel)));
    }
    (said, decides)
}

/// What keeps somebody from being heard who may speak: no permission, but what a moderator did, or they themselves.
fn kept_quiet(member: &Member, asked: Option<ChannelId>) -> Option<String> {
    let name = &member.name;
    let is_there = asked.is_some_and(|asked| member.channel == asked.0);
    Some(match (member.muted, member.suppressed && is_there, member.mute) {
        (true, _, _) => format!("  But a moderator muted {name}; to take it back: parlour mute {name} --off"),
        (_, true, _) => {
            format!("  But {name} is suppressed; to take it back: parlour mute {name} --suppress --off")
        }
        (_, _, true) => format!("  But {name} has the microphone off."),
        _ => return None,
    })
}

/// Who may do what, and where.
fn sentence(found: &Explanation, asked: Permissions) -> String {
    let not = if found.allowed { "" } else { " not" };
    let is_done_to_it = Permissions::VIEW.union(Permissions::JOIN).contains(asked);
    let place = match found.channel_path.as_str() {
        "" => String::new(),
        path if is_done_to_it => format!(" {path}"),
        path => format!(" in {path}"),
    };
    format!("{} may{not} {asked}{place}", found.name)
}

/// The step after which the answer was what it is in the end, if there is one: without any, nothing was ever granted.
fn decisive(found: &Explanation, asked: Permissions) -> Option<usize> {
    let (mut before, mut decides) = (false, None);
    for (at, step) in found.steps.iter().enumerate() {
        let now = step.after.contains(asked);
        if now != before {
            decides = Some(at);
        }
        before = now;
    }
    decides.filter(|_| before == found.allowed)
}

/// The steps, a line each, and what was never granted.
fn lines(found: &Explanation, asked: Permissions, decides: Option<usize>, styled: bool) -> Vec<String> {
    let told: Vec<_> = found.steps.iter().map(|step| words(step, asked)).collect();
    let width = told.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    let arrow = paint("<- decides", "1", styled);
    let mut lines = Vec::new();
    for (at, line) in told.iter().enumerate() {
        if decides == Some(at) {
            lines.push(format!("  {line:<width$}   {arrow}"));
        } else {
            lines.push(format!("  {line}"));
        }
    }
    if decides.and_then(|at| found.steps.get(at)).is_some_and(|step| step.decided == Decided::Unseen) {
        lines.push(format!(
            "  Ask why that is: parlour why {} may view \"{}\"",
            found.name, found.channel_path
        ));
    }
    if !found.allowed && decides.is_none() {
        let lacking = asked.without(found.steps.last().map_or(Permissions::NONE, |step| step.after));
        lines.push(format!("  nothing grants {}", if lacking.is_empty() { asked } else { lacking }));
    }
    lines
}

fn words(step: &DecisionStep, asked: Permissions) -> String {
    match &step.decided {
        Decided::Grant { role, allow, until } => {
            let until = until.map_or(String::new(), |until| format!(" until {}", local(until)));
            let granted = allow.intersection(asked);
            // Nothing of it by name: the role is an owner's.
            let granted = if granted.is_empty() { "everything".to_owned() } else { granted.to_string() };
            format!("role {role} grants {granted}{until}")
        }
        Decided::FactorLacking { role } => format!("role {role} grants nothing without a second factor"),
        Decided::Owner => "an owner may do everything, whatever channels say".to_owned(),
        Decided::Overwrite { channel_path, whom, reach, allow, deny, .. } => {
            let channel_path = match channel_path.as_str() {
                "" => "a channel above that you don't see",
                path => path,
            };
            let (allow, deny) = (allow.intersection(asked), deny.intersection(asked));
            let what = match (allow.is_empty(), deny.is_empty()) {
                (false, true) => format!("allows {allow}"),
                (true, _) => format!("denies {deny}"),
                (false, false) => format!("allows {allow} and denies {deny}"),
            };
            let whom = match whom {
                Whom::Role(role) => format!("to role {role}"),
                Whom::User(user) => format!("to {user}"),
            };
            format!("{channel_path} {what} {whom} ({reach})")
        }
        Decided::Unseen => "who may not view a channel may do nothing there".to_owned(),
        Decided::Key => "the key that they came by is good for less".to_owned(),
        Decided::Unknown => "something that this version doesn't know; is it up to date?".to_owned(),
    }
}

fn object(step: &DecisionStep, decides: bool) -> Value {
    let mut value = match &step.decided {
        Decided::Grant { role, allow, until } => {
            json!({ "kind": "grant", "role": role, "allow": allow, "until": until })
        }
        Decided::FactorLacking { role } => json!({ "kind": "factor-lacking", "role": role }),
        Decided::Owner => json!({ "kind": "owner" }),
        Decided::Overwrite { channel, channel_path, whom, reach, allow, deny } => {
            let (role, user) = match whom {
                Whom::Role(role) => (Some(role), None),
                Whom::User(user) => (None, Some(user)),
            };
            json!({
                "kind": "overwrite", "channel_id": channel, "channel": channel_path, "role": role, "user": user,
                "reach": reach, "allow": allow, "deny": deny,
            })
        }
        Decided::Unseen => json!({ "kind": "unseen" }),
        Decided::Key => json!({ "kind": "key" }),
        Decided::Unknown => json!({ "kind": "unknown" }),
    };
    value["after"] = json!(step.after);
    value["decides"] = json!(decides);
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permission::Reach;

    const SPEAK: Permissions = Permissions::SPEAK;

    fn grant(role: &str) -> DecisionStep {
        let decided = Decided::Grant { role: role.to_owned(), allow: SPEAK, until: None };
        DecisionStep { decided, after: SPEAK }
    }

    fn denial() -> DecisionStep {
        let decided = Decided::Overwrite {
            channel: ChannelId(1),
            channel_path: "Club".to_owned(),
            whom: Whom::Role("Guest".to_owned()),
            reach: Reach::Both,
            allow: Permissions::NONE,
            deny: SPEAK,
        };
        DecisionStep { decided, after: Permissions::NONE }
    }

    fn explanation(allowed: bool, steps: Vec<DecisionStep>) -> Explanation {
        let (name, channel_path) = ("ben".to_owned(), "Club/Bar".to_owned());
        Explanation { allowed, name, channel_path, steps, has: Permissions::NONE }
    }

    #[test]
    fn the_step_that_decides_is_marked() {
        let found = explanation(false, vec![grant("Member"), denial()]);
        assert_eq!(sentence(&found, SPEAK), "ben may not speak in Club/Bar");
        let shown = lines(&found, SPEAK, decisive(&found, SPEAK), styled());
        assert_eq!(shown[0], "  role Member grants speak");
        assert_eq!(shown[1], "  Club denies speak to role Guest (this channel and below)   <- decides");
        let found = explanation(true, vec![denial(), grant("Member"), grant("Officer")]);
        assert_eq!(decisive(&found, SPEAK), Some(1));
    }

    #[test]
    fn who_may_not_see_is_told_what_to_ask() {
        let unseen = DecisionStep { decided: Decided::Unseen, after: Permissions::NONE };
        let found = explanation(false, vec![grant("Member"), unseen]);
        assert_eq!(sentence(&found, Permissions::JOIN), "ben may not join Club/Bar");
        let shown = lines(&found, SPEAK, decisive(&found, SPEAK), styled());
        assert_eq!(shown[1], "  who may not view a channel may do nothing there   <- decides");
        assert_eq!(shown[2], "  Ask why that is: parlour why ben may view \"Club/Bar\"");
    }

    #[test]
    fn who_may_speak_and_is_kept_quiet_is_told() {
        let eve = Member { name: "~eve".to_owned(), channel: 2, ..Member::default() };
        assert_eq!(kept_quiet(&eve, None), None);
        let suppressed = Member { suppressed: true, ..eve.clone() };
        assert_eq!(kept_quiet(&suppressed, Some(ChannelId(3))), None);
        assert!(kept_quiet(&suppressed, Some(ChannelId(2))).unwrap().contains("mute ~eve --suppress --off"));
        let muted = Member { muted: true, mute: true, ..eve };
        assert!(kept_quiet(&muted, None).unwrap().contains("parlour mute ~eve --off"));
    }

    #[test]
    fn what_nothing_grants_is_said() {
        let found = explanation(false, vec![]);
        assert_eq!(lines(&found, SPEAK, decisive(&found, SPEAK), styled()), ["  nothing grants speak"]);
        let both = SPEAK.union(Permissions::TEXT);
        let found = explanation(false, vec![grant("Member")]);
        let shown = lines(&found, both, decisive(&found, both), styled());
        assert_eq!(shown, ["  role Member grants speak", "  nothing grants text"]);
    }
}
