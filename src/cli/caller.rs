//! Who asks for what a command is to do, and whom: the same requests go to the server that somebody is logged in to, to the
//! server of this machine on behalf of its owner, or, while that doesn't run, to its database.

use std::path::PathBuf;
use std::time::Duration;

use super::connect::{Acting, RemoteServer};
use super::operate::{LocalServer, is_running, open};
use crate::client::{NamedOverwrite, RequestError, Role, Session, View};
use crate::config::PublicAddress;
use crate::endpoint::ask_local;
use crate::id::ChannelId;
use crate::protocol::ErrorCode;
use crate::protocol::wire::{self, Request, event, request, response};
use crate::server::Alone;

/// The longest pause between two tries of a question that came too soon.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// As whom a command asks.
pub(super) enum Caller {
    /// Somebody who is logged in.
    Person(Session),
    /// A program by an API key, which doesn't connect for it.
    Program(Box<Program>),
    /// The machine's owner.
    Owner(Owner),
}

/// A program, and the server that it asks.
pub(super) struct Program {
    server: RemoteServer,
    key: String,
}

/// The person who owns the machine, and the organization that they mean: a tag, empty for the first.
pub(super) struct Owner {
    organization: String,
    way: Way,
}

/// How the machine's owner reaches the database.
enum Way {
    /// Through the server that runs on this directory.
    Socket(PathBuf),
    /// By opening it, since none runs.
    Alone(Box<Alone>),
}

impl Caller {
    /// Whom the flags of a command name: somebody who is logged in, or the machine's owner.
    pub(super) async fn of(acting: &Acting) -> anyhow::Result<Self> {
        match acting.at()? {
            Some((server, Some(key))) => Ok(Self::Program(Box::new(Program { server, key }))),
            Some((server, None)) => Ok(Self::Person(server.enter_for_lasting().await?.session)),
            None => Self::owner(&acting.local, acting.organization.tag.as_deref()).await,
        }
    }

    /// The machine's owner, in an organization.
    pub(super) async fn owner(local: &LocalServer, organization: Option<&str>) -> anyhow::Result<Self> {
        let (config, organization) = (local.config()?, organization.unwrap_or_default().to_owned());
        let directory = config.data_dir();
        let way = if is_running(&directory).await {
            Way::Socket(directory)
        } else {
            let path = local.file()?;
            let work = move || Ok::<_, anyhow::Error>(Alone::start(&config, open(&path)?)?);
            Way::Alone(Box::new(tokio::task::spawn_blocking(work).await??))
        };
        Ok(Self::Owner(Owner { organization, way }))
    }

    /// Asks for something, and answers when it is done. A refusal is a [`RequestError::Refused`].
    pub(super) async fn ask(&self, body: request::Body) -> anyhow::Result<response::Body> {
        let Owner { organization, way } = match self {
            Self::Person(session) => return Ok(session.request(body).await?),
            Self::Program(program) => return program.ask(body).await,
            Self::Owner(owner) => owner,
        };
        let request = Request { body: Some(body), organization: organization.clone() };
        let answer = match way {
            Way::Socket(directory) => ask_local(directory, request).await?,
            Way::Alone(alone) => {
                alone.ask(request).await.unwrap_or_else(|refused| response::Body::Error(refused.to_wire()))
            }
        };
        match answer {
            response::Body::Error(error) => Err(RequestError::from(error).into()),
            answer => Ok(answer),
        }
    }

    /// The same, asked again where the server wants a pause.
    pub(super) async fn ask_patiently(&self, body: request::Body) -> anyhow::Result<response::Body> {
        loop {
            let outcome = self.ask(body.clone()).await;
            match outcome.as_ref().map_err(|error| error.downcast_ref()) {
                Err(Some(RequestError::Refused {
                    code: Some(ErrorCode::RateLimited),
                    retry_after_ms,
                    ..
                })) if *retry_after_ms > 0 => {
                    tokio::time::sleep(Duration::from_millis(*retry_after_ms).min(LONGEST_PAUSE)).await;
                }
                _ => return outcome,
            }
        }
    }

    /// Asks for something that is answered by nothing more than that it is done.
    pub(super) async fn done(&self, body: request::Body) -> anyhow::Result<()> {
        match self.ask(body).await? {
            response::Body::Done(_) => Ok(()),
            _ => Err(RequestError::Misfit.into()),
        }
    }

    /// Asks for something that makes something, and answers with its number.
    pub(super) async fn created(&self, body: request::Body) -> anyhow::Result<u64> {
        match self.ask(body).await? {
            response::Body::Created(created) => Ok(created.id),
            _ => Err(RequestError::Misfit.into()),
        }
    }

    /// The channels, people and roles, as of now.
    pub(super) async fn view(&self) -> anyhow::Result<View> {
        match self.ask_patiently(request::Body::List(wire::List::default())).await? {
            response::Body::Listing(wire::Listing { snapshot: Some(snapshot), .. }) => {
                let mut view = View::default();
                view.apply(&event::Body::Snapshot(snapshot));
                Ok(view)
            }
            _ => Err(RequestError::Misfit.into()),
        }
    }

    /// The roles, the highest rank first.
    pub(super) async fn roles(&self) -> anyhow::Result<Vec<Role>> {
        match self.ask(request::Body::ListRoles(wire::ListRoles {})).await? {
            response::Body::Roles(roles) => Ok(roles.roles.iter().map(Role::from).collect()),
            _ => Err(RequestError::Misfit.into()),
        }
    }

    /// The overwrites of a channel.
    pub(super) async fn overwrites(&self, channel: ChannelId) -> anyhow::Result<Vec<NamedOverwrite>> {
        let list = wire::ListOverwrites { channel: channel.0 };
        let response::Body::Overwrites(told) =
            self.ask_patiently(request::Body::ListOverwrites(list)).await?
        else {
            return Err(RequestError::Misfit.into());
        };
        let read = |one| NamedOverwrite::read(one).ok_or_else(|| RequestError::Misfit.into());
        told.overwrites.into_iter().map(read).collect()
    }

    /// Where others reach the server, as it says itself; nothing where its owner doesn't say it, or is who asks.
    pub(super) async fn public_address(&self) -> anyhow::Result<Option<PublicAddress>> {
        let welcome = match self {
            Self::Person(session) => session.welcome().clone(),
            Self::Program(program) => program.server.connect(None).await?.welcome().clone(),
            Self::Owner(_) => return Ok(None),
        };
        let (page, server) = (welcome.public_page, welcome.public_server);
        Ok((!page.is_empty() && !server.is_empty()).then_some(PublicAddress { page, server }))
    }

    /// Ends the connection, or closes the database.
    pub(super) async fn close(self) {
        match self {
            Self::Person(session) => session.close().await,
            Self::Owner(Owner { way: Way::Alone(alone), .. }) => alone.stop().await,
            Self::Program(_) | Self::Owner(Owner { way: Way::Socket(_), .. }) => (),
        }
    }
}

impl Program {
    /// Each request has a connection of its own, since the server takes few before a log-in.
    async fn ask(&self, body: request::Body) -> anyhow::Result<response::Body> {
        Ok(self.server.connect(None).await?.ask_by_key(&self.key, body).await?)
    }
}
