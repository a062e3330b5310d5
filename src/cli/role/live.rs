//! `parlour role` as the person who is logged in.

use anyhow::Context;
use serde_json::{Value, json};

use super::{Command, grant_row};
use crate::admin::Answer;
use crate::client::{Role, Session};

/// Does a command over the protocol.
pub(super) async fn run(session: &Session, command: Command) -> anyhow::Result<Answer> {
    let roles = session.roles().await?;
    match command {
        Command::List(limit) => {
            let mut rest = roles.as_slice();
            if let Some(after) = limit.after {
                let before = rest.iter().position(|role| role.id.0 == after);
                rest = before.and_then(|before| rest.get(before + 1..)).unwrap_or_default();
            }
            let rows = rest.iter().take(limit.limit).map(row).collect();
            Ok(Answer { text: String::new(), rows })
        }
        Command::Create { name, rank, allow, colour } => {
            let id = session.create_role(&name, rank, colour.unwrap_or(0), allow).await?;
            let made = Role { id, name, rank, colour, allow, second_factor: false };
            Ok(Answer { text: format!("Role {} is created.", made.name), rows: vec![row(&made)] })
        }
        Command::Edit { name, edit } => {
            let role = named(&roles, &name)?;
            session.edit_role(role.id, edit.of(role.allow)).await?;
            let changed = session.roles().await?.into_iter().find(|changed| changed.id == role.id);
            let changed = changed.unwrap_or_else(|| role.clone());
            Ok(Answer { text: format!("Role {} is changed.", changed.name), rows: vec![row(&changed)] })
        }
        Command::Delete { name } => {
            let role = named(&roles, &name)?;
            session.remove_role(role.id).await?;
            Ok(said(format!("Role {} is deleted, and nobody has it any more.", role.name)))
        }
        Command::Grant { user, role, life } => {
            let role = named(&roles, &role)?;
            session.grant_role(&user, role.id, life.map(|life| life.0)).await?;
            let until = life.map(|life| crate::cli::operate::now().plus(life.0));
            let shown = until.map_or(String::new(), |until| format!(" until {until}"));
            let text = format!("{user} is {}{shown}.", role.name);
            Ok(Answer { text, rows: vec![grant_row(&user, &role.name, until)] })
        }
        Command::Revoke { user, role } => {
            let role = named(&roles, &role)?;
            session.revoke_role(&user, role.id).await?;
            Ok(said(format!("{user} is {} no more.", role.name)))
        }
        Command::Holders { role } => {
            let holders = session.holders(named(&roles, &role)?.id).await?;
            let row = |holder: &crate::client::Holder| {
                let until = holder.until.map_or("for good".to_owned(), |until| until.to_string());
                json!({ "id": holder.user, "name": holder.name, "until": until })
            };
            Ok(Answer { text: String::new(), rows: holders.iter().map(row).collect() })
        }
    }
}

/// The role of a name, upper and lower case alike.
pub(in crate::cli) fn named<'a>(roles: &'a [Role], name: &str) -> anyhow::Result<&'a Role> {
    let found = roles.iter().find(|role| role.name.to_lowercase() == name.to_lowercase());
    found.with_context(|| {
        let names: Vec<_> = roles.iter().map(|role| role.name.as_str()).collect();
        format!("there is no role \"{name}\"; there are: {}", names.join(", "))
    })
}

fn said(text: String) -> Answer {
    Answer { text, rows: Vec::new() }
}

fn row(role: &Role) -> Value {
    json!({
        "id": role.id, "name": role.name, "rank": role.rank,
        "colour": role.colour.filter(|colour| *colour != 0).map(|colour| format!("{colour:06x}")),
        "allow": role.allow, "second_factor": role.second_factor,
    })
}
