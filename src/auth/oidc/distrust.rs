//! Why what a provider says isn't believed.

use thiserror::Error;

/// Why what a provider says isn't believed. Nobody is logged in by it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Distrust {
    /// It isn't JSON of the form that it should have.
    #[error("its {0} can't be read")]
    Unreadable(&'static str),
    /// It is longer than it may be.
    #[error("its {0} is too long")]
    TooLong(&'static str),
    /// It lacks something.
    #[error("its {0} lacks `{1}`")]
    Lacks(&'static str, &'static str),
    /// An address isn't one that may be asked.
    #[error("its `{0}` is no address that begins with https://")]
    Address(&'static str),
    /// It says that it is another.
    #[error("it says that it is {0}, which isn't the issuer in the settings to the letter")]
    OtherIssuer(String),
    /// It signs by nothing that is believed.
    #[error("it signs by none of RS256, PS256, ES256 and EdDSA")]
    NoAlgorithm,
    /// It takes a secret in no way that there is.
    #[error("it takes a client's secret neither by client_secret_basic nor by client_secret_post")]
    NoProof,
    /// The token is signed by an algorithm that isn't believed.
    #[error("its token is signed by {0}, which isn't believed")]
    Algorithm(String),
    /// The token is for something else.
    #[error("its token is one of another kind")]
    Kind,
    /// No key of it fits the token.
    #[error("its token names a key that it doesn't show")]
    UnknownKey,
    /// The signature is wrong.
    #[error("its token isn't signed by its key")]
    Signature,
    /// The token is another server's.
    #[error("its token is another server's")]
    Issuer,
    /// The token is for another client.
    #[error("its token is for another client")]
    Audience,
    /// The token's time is over.
    #[error("its token has expired, or one of the two clocks is wrong")]
    Expired,
    /// The token's time is to come.
    #[error("its token is of the future, or one of the two clocks is wrong")]
    Early,
    /// The token is of another log-in.
    #[error("its token is of another log-in")]
    Nonce,
    /// The person was to log in there anew, and didn't.
    #[error("it didn't have you log in anew, as it was asked to: log out there, and begin again")]
    NotAnew,
    /// When the person logged in was asked for, and isn't said.
    #[error(
        "its token doesn't say when you logged in there (`auth_time`), which it has to where it is asked by `max_age` (OpenID Connect Core 1.0, section 3.1.2.1); without that no log-in is linked"
    )]
    NoTime,
    /// The access token isn't the one that the token was made with.
    #[error("its token came with another access token")]
    AccessToken,
    /// What it tells besides is about somebody else.
    #[error("what it tells of somebody is about somebody else")]
    OtherSubject,
}
