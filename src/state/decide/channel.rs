//! The channel tree, and what everybody meets.

use super::super::{
    Asker, Change, Channel, Denied, Facts, MAX_DEPTH, MAX_LINKS, Maker, OrganizationSettings, PasswordMark,
    State, VoicePolicy,
};
use super::optional;
use crate::bounds::{
    IDLE, MAX_TEMPORARY_CHANNELS, Registration, check_bitrate, check_description, check_frame, check_idle,
    check_last_speakers, check_temporary, check_text, check_user_limit,
};
use crate::id::ChannelId;
use crate::name::check_channel_name;
use crate::permission::{Overwrite, Permissions};
use crate::protocol::MAX_TEXT;
use crate::protocol::wire;

impl State {
    pub(super) fn decide_create_channel(
        &self,
        asker: Asker<'_>,
        create: &wire::CreateChannel,
        facts: &Facts,
    ) -> Result<Change, Denied> {
        let parent = optional(create.parent);
        let temporary = self.authorize(asker, Permissions::CREATE_TEMPORARY, parent);
        if create.temporary_ms.is_none() || temporary.is_err() {
            // Who may make channels that last may make those that don't.
            self.authorize(asker, Permissions::CREATE_CHANNEL, parent)?;
        }
        let name = check_channel_name(&create.name)?;
        check_description(&create.description)?;
        if self.channels.len() >= self.limits.channels {
            return Err(Denied::TooManyChannels(self.limits.channels));
        }
        self.check_depth(parent, 1)?;
        self.check_sibling(parent, &name, None)?;
        let maker = match create.temporary_ms {
            Some(_) => self.maker_of_temporary(asker)?,
            None => Maker::Nobody,
        };
        Ok(Change::CreateChannel(Channel {
            id: ChannelId(self.next_channel),
            parent,
            name,
            description: create.description.clone(),
            position: create.position,
            mode: 0,
            password: new_password(&create.password, facts),
            user_limit: check_user_limit(create.user_limit)?,
            temporary_ms: create.temporary_ms.map(check_temporary).transpose()?,
            maker,
            voice: voice_policy(create.voice.as_ref())?,
            links: Vec::new(),
        }))
    }

    /// For whom a temporary channel counts that an asker makes, if they may have another one. Temporary ones leave room
    /// for those that last, whoever made them.
    fn maker_of_temporary(&self, asker: Asker<'_>) -> Result<Maker, Denied> {
        if asker.viewer().is_none() {
            return Ok(Maker::Nobody);
        }
        let maker = asker.user().map_or(Maker::Guests, Maker::Account);
        if self.channels.values().filter(|channel| channel.maker == maker).count() >= MAX_TEMPORARY_CHANNELS {
            return Err(Denied::TooManyTemporary);
        }
        let temporary = self.channels.values().filter(|channel| channel.temporary_ms.is_some()).count();
        if temporary >= self.limits.channels.div_ceil(2) {
            return Err(Denied::FullOfTemporary);
        }
        Ok(maker)
    }

    pub(super) fn decide_edit_channel(
        &self,
        asker: Asker<'_>,
        edit: &wire::EditChannel,
        facts: &Facts,
    ) -> Result<Change, Denied> {
        let mut channel = self.editable(asker, edit.channel)?;
        if let Some(name) = &edit.name {
            channel.name = check_channel_name(name)?;
            self.check_sibling(channel.parent, &channel.name, Some(channel.id))?;
        }
        if let Some(description) = &edit.description {
            check_description(description)?;
            channel.description.clone_from(description);
        }
        if let Some(password) = &edit.password {
            channel.password = new_password(password, facts);
        }
        if edit.voice.is_some() {
            channel.voice = voice_policy(edit.voice.as_ref())?;
        }
        if let Some(limit) = edit.user_limit {
            channel.user_limit = check_user_limit(limit)?;
        }
        channel.position = edit.position.unwrap_or(channel.position);
        Ok(Change::PutChannel(channel))
    }

    pub(super) fn decide_move_channel(
        &self,
        asker: Asker<'_>,
        to: &wire::MoveChannel,
    ) -> Result<Change, Denied> {
        let mut channel = self.editable(asker, to.channel)?;
        let parent = optional(to.parent);
        self.editable_below(asker, channel.id)?;
        self.authorize(asker, Permissions::CREATE_CHANNEL, parent)?;
        if parent.is_some_and(|parent| self.path(parent).contains(&channel.id)) {
            return Err(Denied::Cycle);
        }
        self.check_depth(parent, self.height(channel.id))?;
        self.check_sibling(parent, &channel.name, Some(channel.id))?;
        self.may_inherit_anew(asker, channel.parent, parent)?;
        (channel.parent, channel.position) = (parent, to.position);
        Ok(Change::PutChannel(channel))
    }

    fn editable(&self, asker: Asker<'_>, channel: u64) -> Result<Channel, Denied> {
        let channel = ChannelId(channel);
        self.authorize(asker, Permissions::EDIT_CHANNEL, Some(channel))?;
        self.channel(channel).cloned().ok_or(Denied::NoSuchChannel)
    }

    /// A channel and all below it, each before its parent, where the asker may edit every one of them.
    pub(super) fn editable_below(
        &self,
        asker: Asker<'_>,
        channel: ChannelId,
    ) -> Result<Vec<ChannelId>, Denied> {
        let all = self.subtree(channel);
        let edits = |one: &ChannelId| self.authorize(asker, Permissions::EDIT_CHANNEL, Some(*one)).is_ok();
        if all.iter().all(edits) { Ok(all) } else { Err(Denied::NotAllBelow) }
    }

    /// Whether an asker may have a channel inherit from another parent. Where it leaves no denial behind and comes under
    /// no allowance, nobody may do more there afterwards: what is inherited only ever takes away. Otherwise the asker has
    /// to manage roles where those overwrites stand, as for changing them.
    fn may_inherit_anew(
        &self,
        asker: Asker<'_>,
        from: Option<ChannelId>,
        to: Option<ChannelId>,
    ) -> Result<(), Denied> {
        let path = |channel: Option<ChannelId>| channel.map_or(Vec::new(), |channel| self.path(channel));
        let (from, to) = (path(from), path(to));
        let common = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
        let inherited = |on: &ChannelId, what: fn(&Overwrite) -> Permissions| {
            let reaching = self.overwrites_on(*on).iter().filter(|one| one.reach.holds(false));
            reaching.map(what).any(|permissions| !permissions.is_empty())
        };
        let left = from[common..].iter().filter(|on| inherited(on, |one| one.deny));
        let met = to[common..].iter().filter(|on| inherited(on, |one| one.allow));
        let manages = |on: &ChannelId| self.authorize(asker, Permissions::MANAGE_ROLES, Some(*on)).is_ok();
        if left.chain(met).all(manages) { Ok(()) } else { Err(Denied::Forbidden(Permissions::MANAGE_ROLES)) }
    }

    fn check_depth(&self, parent: Option<ChannelId>, height: usize) -> Result<(), Denied> {
        let above = parent.map_or(0, |parent| self.path(parent).len());
        if above + height <= MAX_DEPTH { Ok(()) } else { Err(Denied::TooDeep(MAX_DEPTH)) }
    }

    fn check_sibling(
        &self,
        parent: Option<ChannelId>,
        name: &str,
        but: Option<ChannelId>,
    ) -> Result<(), Denied> {
        if self.has_sibling(parent, name, but) { Err(Denied::NameTaken(name.to_owned())) } else { Ok(()) }
    }

    pub(super) fn decide_link(&self, asker: Asker<'_>, link: wire::LinkChannels) -> Result<Change, Denied> {
        let wire::LinkChannels { channel, other, linked } = link;
        let (one, two) = (self.editable(asker, channel)?, self.editable(asker, other)?);
        if one.id == two.id {
            return Err(Denied::SelfLink);
        }
        if one.links.contains(&two.id) == linked {
            return Ok(Change::Nothing);
        }
        if linked && one.links.len().max(two.links.len()) >= MAX_LINKS {
            return Err(Denied::TooManyLinks);
        }
        Ok(Change::Link { channel: one.id, other: two.id, linked })
    }

    pub(super) fn decide_settings(
        &self,
        asker: Asker<'_>,
        edit: &wire::EditOrganization,
    ) -> Result<Change, Denied> {
        let mut settings: OrganizationSettings = self.settings.clone();
        if let Some(welcome) = &edit.welcome {
            if welcome.len() > MAX_TEXT {
                return Err(Denied::TextInvalid);
            }
            check_text(welcome)?;
            settings.welcome.clone_from(welcome);
        }
        for (wanted, kept) in [
            (edit.default_channel, &mut settings.default_channel),
            (edit.afk_channel, &mut settings.afk_channel),
        ] {
            if let Some(wanted) = wanted {
                *kept = optional(wanted);
                self.authorize(asker, Permissions::VIEW, *kept)?;
            }
        }
        if let Some(idle) = edit.afk_ms {
            // Without a channel for the idle, nobody is ever put anywhere.
            settings.afk_ms = if idle == 0 { 0 } else { check_idle(idle)? };
        }
        if settings.afk_channel.is_some() && settings.afk_ms < *IDLE.start() {
            return Err(Denied::OutOfRange("nobody is idle after less than a minute: give a longer time"));
        }
        self.set_entry(edit, &mut settings)?;
        Ok(Change::PutSettings(settings))
    }

    /// Who comes in is said within what the organization may.
    fn set_entry(
        &self,
        edit: &wire::EditOrganization,
        settings: &mut OrganizationSettings,
    ) -> Result<(), Denied> {
        let bound = self.limits.entry;
        if let Some(guests) = edit.guests {
            if guests && !bound.guests {
                return Err(Denied::NotAllowed("let guests in"));
            }
            settings.entry.guests = guests;
        }
        if let Some(registration) = edit.registration {
            let wanted = wire::Registration::try_from(registration).ok().and_then(Into::into);
            let wanted: Registration =
                wanted.ok_or(Denied::OutOfRange("registration is closed, by invite, or open"))?;
            if wanted > bound.registration {
                return Err(Denied::NotAllowed("let more people make accounts than it does"));
            }
            settings.entry.registration = wanted;
        }
        Ok(())
    }
}

/// What a channel's password is from now on; none where it is empty.
fn new_password(password: &str, facts: &Facts) -> Option<PasswordMark> {
    (!password.is_empty()).then(|| facts.new_password.unwrap_or_default())
}

fn voice_policy(wanted: Option<&wire::VoicePolicy>) -> Result<VoicePolicy, Denied> {
    let Some(&wire::VoicePolicy { bitrate, frame_ms, last_speakers }) = wanted else {
        return Ok(VoicePolicy::default());
    };
    Ok(VoicePolicy {
        bitrate: check_bitrate(bitrate)?,
        frame_ms: check_frame(frame_ms)?,
        last_speakers: check_last_speakers(last_speakers)?,
    })
}
