//! The machine's owner and a member make things at the same moment: each by their own way, and nothing is lost.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::{PASSWORD, TestServer, eventually, parlour};
use parlour::client::Session;
use parlour::endpoint::ask_local;
use parlour::id::{OrganizationId, RoleId, UserId};
use parlour::permission::Permissions;
use parlour::protocol::wire::{self, request, response};
use parlour::store::{AuditEntry, AuditFilter, Author, Opening, STORE_FILE, SubjectKind, Verb};
use parlour::{clock::Clock, store::Store};
use tokio::task::JoinSet;

/// Pairs of each kind.
const PAIRS: usize = 300;

/// Pairs at the same time.
const AT_ONCE: usize = 8;

/// Does `pair` for each number, several at once, and answers with what they came to in no order.
async fn pairs<T: Send + 'static, F>(pair: impl Fn(usize) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
{
    let (mut running, mut all) = (JoinSet::new(), Vec::new());
    for number in 0..PAIRS {
        if running.len() == AT_ONCE {
            all.push(running.join_next().await.unwrap().unwrap());
        }
        running.spawn(pair(number));
    }
    all.extend(running.join_all().await);
    all
}

/// Runs a command of the machine's owner, and answers with the number of what it made; 0 where it made nothing.
async fn command(directory: &Path, arguments: String) -> u64 {
    let mut command = tokio::process::Command::from(parlour(directory));
    command.arg("--json").args(arguments.split_whitespace()).arg("--data-dir").arg(directory);
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let row: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    row["id"].as_u64().unwrap_or(0)
}

/// Asks through the local socket, and answers with the number of what was made.
async fn ask(directory: &Path, body: request::Body) -> u64 {
    made(ask_local(directory, body).await.unwrap())
}

async fn member(session: &Session, body: request::Body) -> u64 {
    made(session.request(body).await.unwrap())
}

fn made(answer: response::Body) -> u64 {
    match answer {
        response::Body::Created(created) => created.id,
        response::Body::Invite(invite) => invite.id,
        response::Body::Done(_) => 0,
        other => panic!("{other:?}"),
    }
}

/// What the owner made and what a member made, pair by pair: no number is there twice.
#[derive(Default)]
struct Made {
    owner: BTreeSet<u64>,
    member: BTreeSet<u64>,
}

impl Made {
    fn of(all: &[(u64, u64)]) -> Self {
        let made = Self {
            owner: all.iter().map(|(owner, _)| *owner).collect(),
            member: all.iter().map(|(_, member)| *member).collect(),
        };
        let both: BTreeSet<_> = made.owner.union(&made.member).collect();
        assert_eq!(both.len(), 2 * PAIRS, "each has an identifier of its own");
        made
    }

    /// The trail has an entry for each that was made, by whoever made it.
    fn is_in(&self, trail: &[AuditEntry], subject: SubjectKind, root: UserId) {
        let by = |author: Author| -> BTreeSet<u64> {
            let created = |entry: &&AuditEntry| (entry.verb, entry.subject) == (Verb::Create, subject);
            let entries = trail.iter().filter(created).filter(|entry| entry.author == author);
            entries.map(|entry| entry.subject_id).collect()
        };
        assert!(by(Author::Operator).is_superset(&self.owner), "{subject:?} of the owner");
        assert!(by(Author::User(root)).is_superset(&self.member), "{subject:?} of a member");
    }
}

async fn channels(directory: &Path, root: &Session) -> Vec<(u64, u64)> {
    pairs(|number| {
        let (directory, root) = (directory.to_owned(), root.clone());
        async move {
            let create = wire::CreateChannel { name: format!("mem{number}"), ..Default::default() };
            tokio::join!(
                command(&directory, format!("channel create own{number}")),
                member(&root, request::Body::CreateChannel(create))
            )
        }
    })
    .await
}

/// There can't be as many roles as pairs, so each goes when it was there.
async fn roles(directory: &Path, root: &Session) -> Vec<(u64, u64)> {
    pairs(|number| {
        let (directory, root) = (directory.to_owned(), root.clone());
        async move {
            let create = wire::CreateRole { name: format!("mem{number}"), rank: 1, ..Default::default() };
            let made = tokio::join!(
                command(&directory, format!("role create own{number}")),
                member(&root, request::Body::CreateRole(create))
            );
            let there = root.roles().await.unwrap();
            let names = [(made.0, format!("own{number}")), (made.1, format!("mem{number}"))];
            for (id, name) in names {
                assert!(there.iter().any(|role| role.id == RoleId(id) && role.name == name), "{name}");
                root.remove_role(RoleId(id)).await.unwrap();
            }
            made
        }
    })
    .await
}

async fn accounts(directory: &Path, root: &Session) -> Vec<(u64, u64)> {
    pairs(|number| {
        let (directory, root) = (directory.to_owned(), root.clone());
        async move {
            let create = |name: String| {
                let password = PASSWORD.to_owned();
                request::Body::CreateUser(wire::CreateUser { name, password, ..Default::default() })
            };
            let (own, mem) = (create(format!("own{number}")), create(format!("mem{number}")));
            tokio::join!(ask(&directory, own), member(&root, mem))
        }
    })
    .await
}

/// There can't be as many invites of an account as pairs, so each goes when it was there.
async fn invites(directory: &Path, root: &Session) -> Vec<(u64, u64)> {
    pairs(|_| {
        let (directory, root) = (directory.to_owned(), root.clone());
        async move {
            let create = || request::Body::CreateInvite(wire::CreateInvite { uses: 1, ..Default::default() });
            let made = tokio::join!(ask(&directory, create()), member(&root, create()));
            let revoke = |id| request::Body::RevokeInvite(wire::RevokeInvite { id });
            tokio::join!(ask(&directory, revoke(made.0)), member(&root, revoke(made.1)));
            made
        }
    })
    .await
}

/// Two exceptions at once of one channel, for a role and for somebody; answers with the channels.
async fn overwrites(directory: &Path, root: &Session, channels: &[(u64, u64)]) -> Vec<u64> {
    pairs(|number| {
        let (directory, root) = (directory.to_owned(), root.clone());
        let channel = channels[number].0;
        async move {
            let path = root.list().await.unwrap().channels;
            let path = path.into_iter().find(|one| one.id == channel).unwrap().name;
            let subject = Some(wire::set_overwrite::Subject::User("alice".to_owned()));
            let allow = Permissions::RECORD.bits();
            let set = wire::SetOverwrite { channel, subject, allow, ..Default::default() };
            tokio::join!(
                command(&directory, format!("channel allow {path} --role Guest --deny speak")),
                member(&root, request::Body::SetOverwrite(set))
            );
            let there = root.overwrites(parlour::id::ChannelId(channel)).await.unwrap();
            assert_eq!(there.len(), 2, "{path}");
            channel
        }
    })
    .await
}

#[tokio::test]
async fn what_the_machine_s_owner_and_a_member_make_at_once_is_there() {
    let flags = [("limits.request_burst", "100000"), ("limits.requests_per_second", "10000")];
    let server = TestServer::with(&flags).await;
    let directory = server.directory.path().to_owned();
    let root = server.log_in("root").await;
    let channels = channels(&directory, &root).await;
    let channels_made = Made::of(&channels);
    let roles_made = Made::of(&roles(&directory, &root).await);
    let accounts_made = Made::of(&accounts(&directory, &root).await);
    let invites_made = Made::of(&invites(&directory, &root).await);
    let overwrites = overwrites(&directory, &root, &channels).await;

    let view = root.list().await.unwrap();
    for number in 0..PAIRS {
        for name in [format!("own{number}"), format!("mem{number}")] {
            assert!(view.channels.iter().any(|channel| channel.name == name), "{name} is lost");
        }
    }
    let own = UserId(root.logged_in().user);
    drop(root);
    let directory = server.stop().await;

    let opening = Opening { create: false, ..Opening::default() };
    let file = directory.path().join(STORE_FILE);
    let store = Store::open_with(&file, Clock::system().wall(), &opening).unwrap();
    assert_eq!(store.verify().unwrap(), []);
    let home = OrganizationId::FIRST;
    let trail = store.audit(home, &AuditFilter::default(), None, usize::MAX).unwrap();
    channels_made.is_in(&trail, SubjectKind::Channel, own);
    roles_made.is_in(&trail, SubjectKind::Role, own);
    accounts_made.is_in(&trail, SubjectKind::User, own);
    invites_made.is_in(&trail, SubjectKind::Token, own);
    let overwrites = overwrites.into_iter().collect();
    let both = Made { owner: BTreeSet::clone(&overwrites), member: overwrites };
    both.is_in(&trail, SubjectKind::Overwrite, own);
    for name in ["own", "mem"] {
        for number in 0..PAIRS {
            assert!(store.user_by_name(home, &format!("{name}{number}")).unwrap().is_some());
        }
    }
    assert_eq!(store.user_count(home).unwrap(), 4 + 2 * PAIRS as u64);
}

/// Of several changes in one batch by which somebody sees less, only the last one was told.
#[tokio::test]
async fn channels_that_go_at_the_same_moment_are_all_told_to_be_gone() {
    let server = TestServer::start().await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let mut removals = JoinSet::new();
    let mut channels = Vec::new();
    for number in 0..12 {
        channels.push(root.create_channel(None, &format!("Gone {number}")).await.unwrap().0);
    }
    for channel in &channels {
        let remove = request::Body::RemoveChannel(wire::RemoveChannel { channel: *channel });
        let handle = server.server.handle().clone();
        removals.spawn(async move { handle.request(parlour::state::Actor::Operator, remove).await.unwrap() });
    }
    removals.join_all().await;
    for session in [&root, &alice] {
        eventually("all are gone", async || {
            let view = session.view();
            channels.iter().all(|channel| !view.channels.contains_key(channel)).then_some(())
        })
        .await;
    }
}
