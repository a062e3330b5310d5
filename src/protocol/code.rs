//! The one table of codes on the wire: number, name, one sentence. Numbers are never reused.

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $number:literal, $word:literal, $sentence:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum $name {
            $(#[doc = $sentence] $variant = $number,)*
        }

        impl $name {
            /// Every code there is, in order of its number.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The number on the wire.
            pub const fn number(self) -> u32 {
                self as u32
            }

            /// The code of a number from the wire, if this version knows it.
            pub const fn from_number(number: u32) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The name in logs, counters and docs/protocol.md.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// What it means to a person, in a sentence without a full stop.
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.sentence())
            }
        }
    };
}

codes! {
    /// Why a request was refused, in [`Error`](super::wire::Error).
    ErrorCode {
        Malformed = 1, "malformed", "the request can't be decoded, or lacks a field";
        TooLarge = 2, "too-large", "the request, or the answer to it, is larger than it may be";
        Version = 3, "version", "the server speaks none of the offered protocol versions";
        Unexpected = 4, "unexpected", "this request has no place at this point of the conversation";
        Unsupported = 5, "unsupported", "the server doesn't know this request";
        RateLimited = 6, "rate-limited", "too many requests; try again later";
        LogInFailed = 7, "log-in-failed", "the name or the password is wrong, or the account is disabled";
        TooManyAttempts = 8, "too-many-attempts", "too many failed log-ins; try again later";
        TokenInvalid = 9, "token-invalid", "the session has ended; log in with the password";
        GuestsRefused = 10, "guests-refused", "this server lets no guests in";
        ClaimInvalid = 11, "claim-invalid", "the claim code is wrong, used or expired; `parlour admin claim-code` on the server makes a new one";
        Busy = 12, "busy", "the server is busy; try again shortly";
        Full = 13, "full", "the server has no room for another session";
        Forbidden = 14, "forbidden", "you may not do this here";
        NoSuchChannel = 15, "no-such-channel", "there is no such channel";
        NoSuchSession = 16, "no-such-session", "nobody is connected under this session";
        NoSuchUser = 17, "no-such-user", "there is no account of this name";
        NameTaken = 18, "name-taken", "the name is taken";
        NameInvalid = 19, "name-invalid", "the name can't be used";
        Cycle = 20, "cycle", "a channel can't be moved below itself";
        TooDeep = 21, "too-deep", "channels can't be nested deeper";
        TooMany = 22, "too-many", "there are as many of these as there can be";
        TextInvalid = 23, "text-invalid", "the text is empty or too long";
        PasswordInvalid = 24, "password-invalid", "the password can't be used";
        NoSuchRole = 25, "no-such-role", "there is no role of this name";
        ReadOnly = 26, "read-only", "the server can't write to its disk, so it refuses changes";
        Internal = 27, "internal", "the server failed; its log says why";
        NotFound = 28, "not-found", "there is nothing of that name or number; list what there is";
        SecondFactorNeeded = 29, "second-factor-needed", "this account needs a one-time code beside its password";
        SecondFactorWrong = 30, "second-factor-wrong", "the one-time code is wrong, too old, or was used";
        InviteInvalid = 31, "invite-invalid", "the invite is wrong, used up or expired; ask for another";
        RegistrationClosed = 32, "registration-closed", "this server makes no accounts by registration";
        Banned = 33, "banned", "this account, address or device is kept out of this server";
        CodeInvalid = 34, "code-invalid", "the code is wrong, used or older than 30 minutes; ask for another e-mail";
        EmailInvalid = 35, "email-invalid", "this is no e-mail address";
        ChannelFull = 36, "channel-full", "the channel is full; try again when somebody has left";
        ChannelPassword = 37, "channel-password", "the channel's password is missing or wrong";
        Outranked = 38, "outranked", "this is for who has a higher rank";
        LastOwner = 39, "last-owner", "the server needs an owner who can log in";
        TargetInvalid = 40, "target-invalid", "the voice target can't be registered";
        QuotaReached = 41, "quota-reached", "the recordings take all the room they may; remove some";
        NoSuchOrganization = 42, "no-such-organization", "there is no such organization on this server";
        LogInAnew = 43, "log-in-anew", "this log-in is by an access token, which makes nothing that outlasts it; log in by password, device or long token";
        Changed = 44, "changed", "somebody else has changed this meanwhile; read it and try again";
        PasswordRefused = 45, "password-refused", "passwords log nobody in here but owners";
        Pending = 47, "pending", "nobody has allowed this log-in yet; ask again in a moment";
        PluginFailed = 50, "plugin-failed", "the plugin failed, or is off; its log says why";
    }
}

codes! {
    /// Why a connection was closed: the application error code of QUIC's `CONNECTION_CLOSE`
    /// (RFC 9000, section 19.19).
    CloseCode {
        Normal = 0, "normal", "the client is done";
        ShuttingDown = 1, "shutting-down", "the server is shutting down";
        LoggedOut = 2, "logged-out", "the session was ended";
        Replaced = 3, "replaced", "the session connected again from elsewhere";
        VersionRefused = 4, "version-refused", "the server speaks none of the offered protocol versions";
        ProtocolViolation = 5, "protocol-violation", "the client broke the protocol";
        HandshakeTimeout = 6, "handshake-timeout", "the client took too long to log in";
        TooSlow = 7, "too-slow", "the client doesn't read its events fast enough";
        Full = 8, "full", "the server has no room for another session";
        Disabled = 9, "disabled", "the account was disabled";
        RateLimited = 10, "rate-limited", "the client kept sending far more than it may";
        Internal = 11, "internal", "the server failed; its log says why";
        Kicked = 12, "kicked", "a moderator ended the connection";
        NoSuchOrganization = 13, "no-such-organization", "there is no such organization on this server";
        OrganizationDeleted = 14, "organization-deleted", "the organization was deleted by the owner of the machine";
        TriesUsedUp = 15, "tries-used-up", "the client used up the requests that a connection takes before a log-in";
        Banned = 16, "banned", "this account, address or device is kept out of this server";
        EventsStopped = 17, "events-stopped", "the client stopped the stream of events, without which no session goes on";
        Expired = 18, "expired", "the time of the log-in is over; log in again";
        AccountDeleted = 19, "account-deleted", "the account was deleted";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique_and_read_back() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_number(code.number()), Some(*code));
        }
        for code in CloseCode::ALL {
            assert_eq!(CloseCode::from_number(code.number()), Some(*code));
        }
        assert_eq!(ErrorCode::from_number(0), None);
    }
}
