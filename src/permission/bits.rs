//! A set of permissions, and the one table of them: bit, name, word. It names nothing outside itself, as the build
//! script includes it.

/// A set of permissions, a bit each. The numbers are stored and sent: they are never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Permissions(u64);

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $bit:literal, $word:literal;)*) => {
        impl Permissions {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*

            /// Every permission with the word that names it to people, in order of its bit.
            pub const NAMED: &[(Self, &'static str)] = &[$((Self::$name, $word)),*];
        }
    };
}

permissions! {
    /// See the channel and who is in it.
    VIEW = 0, "view";
    /// Enter the channel.
    JOIN = 1, "join";
    /// Be heard in the channel.
    SPEAK = 2, "speak";
    /// Send text messages to the channel and to the people in it.
    TEXT = 3, "text";
    /// Create channels below this one.
    CREATE_CHANNEL = 4, "create channel";
    /// Rename, describe, move and remove the channel.
    EDIT_CHANNEL = 5, "edit channel";
    /// Move other people out of and into the channel.
    MOVE_OTHERS = 6, "move others";
    /// Create and disable accounts.
    MANAGE_USERS = 7, "manage users";
    /// Invite people to make accounts.
    INVITE = 8, "invite";
    /// Keep accounts, addresses and devices out.
    BAN = 9, "ban";
    /// Speak to chosen people, to other channels and to roles, as far as this reaches.
    WHISPER = 10, "whisper";
    /// Hear the channel without being in it.
    LISTEN = 11, "listen";
    /// Mute, deafen and suppress other people.
    MUTE_OTHERS = 12, "mute others";
    /// End other people's connections.
    KICK = 13, "kick";
    /// Make and change roles, grant them, and change the channel's overwrites.
    MANAGE_ROLES = 14, "manage roles";
    /// Set what everybody meets: the welcome, the default channel, where the idle go.
    MANAGE_ORGANIZATION = 15, "manage organization";
    /// Record the channel.
    RECORD = 16, "record";
    /// Be a priority speaker: the others are turned down meanwhile.
    PRIORITY = 17, "priority";
    /// Share files and a screen in the channel. Nothing asks for it yet.
    SHARE = 18, "share";
    /// Ask why somebody else may do something, and what a change would change.
    INSPECT = 19, "inspect";
    /// Create channels below this one that go when they are empty.
    CREATE_TEMPORARY = 20, "create temporary";
    /// Own the server: everything, on every channel, whatever overwrites say.
    ADMINISTER = 63, "administer";
}

impl Permissions {
    /// No permission.
    pub const NONE: Self = Self(0);
    /// Every bit, known or not.
    pub const ALL: Self = Self(u64::MAX);

    /// From stored or received bits; unknown ones are kept.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The bits as stored and sent.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// What both sets have.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether it is [`Permissions::NONE`].
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether every permission of `other` is in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What either set has.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This set without what `other` has.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}
