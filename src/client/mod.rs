//! The native client: find a server, log in, ask for things, follow what happens, speak and hear.
//!
//! ```no_run
//! use parlour::client::{Address, Credentials, Trust, connect};
//! use parlour::id::ChannelId;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let address: Address = "parlour://alice@localhost/General".parse()?;
//! let connected = connect(&address, Trust::FirstUse, "example/1.0").await?;
//! println!("pin this for next time: {}", connected.fingerprint());
//! let credentials = Credentials::password("alice", "correct horse", "my laptop");
//! let session = connected.log_in(credentials).await?;
//! let general = ChannelId(session.view().find(&address.channel)?.id);
//! session.join(general).await?;
//! let mut voice = session.voice();
//! while let Ok(heard) = voice.next().await {
//!     println!("{} bytes of Opus from {}", heard.payload.len(), heard.header.ssrc);
//! }
//! # Ok(())
//! # }
//! ```

mod account;
mod address;
mod assistant;
mod channel;
mod connect;
mod credential_store;
mod device;
mod directory;
mod element;
mod error;
mod flow;
mod hook;
mod interest;
mod keeper;
mod known;
mod moderation;
mod overwrite;
mod person;
mod probe;
mod profile;
mod recording;
mod role;
mod session;
mod socket;
mod speaker;
mod target;
mod view;
mod voice;

pub use address::{Address, AddressError};
pub use channel::{ChannelEdit, NewChannel, OrganizationEdit};
pub use connect::{Connected, Credentials, Socket, Trust, connect, connect_by_interest};
pub use credential_store::{CredentialStore, InMemory, lasts};
pub use device::{DEVICE_SECRET, DeviceSecret};
pub use element::{Element, On};
pub use error::{ConnectError, Ended, RequestError};
pub use interest::People;
pub use keeper::{Keeper, Restored};
pub use moderation::{Moderation, OwnState};
pub use overwrite::{
    About, Change, Decided, DecisionStep, Difference, Differences, Explanation, NamedOverwrite, NewOverwrite,
    OverwriteFor, Whom,
};
pub use person::Person;
pub use probe::{Native, Page, ProbeError, Web, probe_native, probe_page, probe_web};
pub use profile::{Known, Profile, ProfileCredentials, ProfileError};
pub use recording::{FetchError, Recording, RecordingFile, Recordings};
pub use role::{Holder, RoleEdit};
pub use session::Session;
pub use speaker::Speaker;
pub use target::Target;
pub use view::{FindError, Organization, Role, View};
pub use voice::{Heard, VoiceIn};
