//! Other servers by which people log in here (OpenID Connect): where they are sent, and who they are when they come back.
//! What a provider says of itself and its keys are kept for an hour. While one can't be reached, nobody new comes in by it,
//! and who is logged in stays so.

mod away;
mod browser;
mod error;
mod fetch;
mod known;
mod log_in;
mod settings;

pub use away::Purpose;
pub use browser::Browser;
pub use error::ProviderError;
pub use fetch::FetchError;
pub use log_in::Provider;
pub use settings::Settings;
