//! How long what people write may be, and how large a few other numbers. The page has the same numbers from its build.

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident = $value:expr;)*) => {
        $($(#[$doc])* pub const $name: usize = $value;)*

        /// Each of them with its name.
        pub const LIMITS: &[(&str, usize)] = &[$((stringify!($name), $name)),*];
    };
}

limits! {
    /// Characters of a user's name at most.
    MAX_USER_NAME = 32;
    /// Characters of a channel's or a role's name at most.
    MAX_CHANNEL_NAME = 64;
    /// Bytes of a channel's description at most.
    MAX_DESCRIPTION = 1024;
    /// Bytes of a channel's password at most.
    MAX_CHANNEL_PASSWORD = 128;
    /// Characters of a password at least.
    MIN_PASSWORD = 10;
    /// Characters of a password at most: hashing a longer one would only cost time.
    MAX_PASSWORD = 256;
    /// Bytes of a message, and of what an organization says to whoever comes, at most.
    MAX_TEXT = 4096;
    /// Bytes at most of the line that somebody says about themselves, and of the context of a position.
    MAX_STATUS = 128;
    /// Bytes of what somebody is told who is sent away, at most.
    MAX_REASON = 512;
    /// Characters of a sentence that is kept: why somebody is banned, what an API key is for.
    MAX_SENTENCE = 200;
    /// Bytes of an e-mail address at most (RFC 5321, section 4.5.3.1.3).
    MAX_EMAIL = 254;
    /// Bytes of the name of what programs keep on channels, accounts and recordings, at most.
    MAX_ELEMENT_NAME = 64;
    /// Bytes of its value at most.
    MAX_ELEMENT = 4096;
    /// Characters of what somebody says about themselves, at most.
    MAX_ABOUT = 1000;
    /// Bytes of a picture that somebody sends of themselves, at most: it fits one request.
    MAX_PICTURE_SENT = 48_000;
    /// Bytes of a picture that is kept, at most.
    MAX_PICTURE = 262_144;
    /// Bytes of what follows an account from device to device under one name, at most.
    MAX_PREFERENCE = 4096;
    /// Names under which something follows an account, at most.
    MAX_PREFERENCES = 64;
    /// Bytes of an address that somebody has this server ask, at most.
    MAX_HOOK_ADDRESS = 1024;
    /// Bytes of a plugin's module that are sent at once: they are written in base 64 by some, within a request.
    MAX_PLUGIN_PART = 40_000;
    /// Bits a second that Opus can be told to use, at most (RFC 6716, section 2.1.1).
    MAX_BITRATE = 510_000;
    /// Speakers of a channel that are passed on at once, at most.
    MAX_LAST_SPEAKERS = 65_535;
    /// Sessions that the limit of a channel can name at most.
    MAX_USER_LIMIT = 100_000;
    /// Percent: the loudest that somebody can want a channel that they listen to.
    MAX_VOLUME = 200;
}
