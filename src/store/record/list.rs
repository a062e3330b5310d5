//! Every record that has a table, in one list. A new table takes four files:
//!
//! 1. its record, in a file of `record/`: the struct, below it the declaration by `stored!` of its layout, key, whose its
//!    rows are, what the audit trail calls it and what must be unique (see `declare`), and in that file's tests the bytes
//!    of a row (`golden`);
//! 2. a line here. The table itself comes from it, copies and sizes, the kind in the audit trail, the line of an export
//!    and its import, and verification;
//! 3. its writes, in a file of `write/`: `open.get(key)`, and `open.put(old, new)`, which audits;
//! 4. its reads, in `read.rs` or a file of `read/`.
//!
//! Rows that are declared to belong to a user, a channel or an organization go with it, and verification tells of those
//! that are of nobody. A table that came with a schema begins empty in a file that is migrated to that; rows that must
//! come from others are the migration's work.

/// Calls a macro with every table of records, in the order of an export. Columns: the field of the open tables; the
/// record; the name on disk, with the schema that it came with; what a line of an export calls it. Where it is a kind
/// of its own in the audit trail, there follow that kind's number, never reused, and its word.
macro_rules! every_record {
    ($then:ident! { $($more:tt)* }) => { $then! { { $($more)* }
        /// Organization id to its row.
        organizations: Organization = "organizations/6", Organization, 1 "organization";
        /// Organization id to what everybody meets who comes there.
        organization_settings: OrganizationSettings = "organization_settings/6", OrganizationSettings,
            20 "organization-settings";
        /// Role id to its row.
        roles: Role = "roles/5", Role, 4 "role";
        /// User id to its row.
        users: User = "users/2", User, 2 "user";
        /// (organization, user) to what moderators laid upon the user.
        restraints: Restraint = "restraints/5", Restraint, 19 "restraint";
        /// (organization, user) to what moderators keep of the user.
        notes: Note = "notes/6", Note, 21 "note";
        /// User id to what the user shows of themselves.
        profiles: Profile = "profiles/2", Profile, 3 "profile";
        /// Channel id to its row.
        channels: Channel = "channels/4", Channel, 5 "channel";
        /// (channel id, 0 for a role and 1 for a user, role or user id) to the overwrite.
        overwrites: StoredOverwrite = "overwrites/4", Overwrite, 6 "overwrite";
        /// (organization, 0 for a channel, 1 for a user and 2 for a recording, its number, the first eight bytes of the
        /// name's hash) to what programs keep there.
        elements: Element = "elements/6", Element, 22 "element";
        /// Organization id to how many elements it has.
        element_uses: ElementUse = "element_uses/6", ElementUse;
        /// The first eight bytes of its token's hash to the session: what every log-in by token looks up.
        sessions: Session = "sessions/2", Session, 7 "session";
        /// (user id, session id) to what is known of its device.
        devices: Device = "devices/3", Device;
        /// (user id, first eight bytes of the key's fingerprint) to the device's key.
        device_keys: DeviceKey = "device_keys/3", DeviceKey, 15 "device-key";
        /// (user id, 53 bits of the hash of who they are there) to a log-in at another server that leads to the user.
        linked_log_ins: LinkedLogIn = "linked_log_ins/6", LinkedLogIn, 32 "linked-log-in";
        /// User id to the account's one-time codes.
        second_factors: SecondFactor = "second_factors/3", SecondFactor, 16 "second-factor";
        /// Number to the e-mail.
        outbox: Email = "outbox/3", Mail, 17 "mail";
        /// Token id to its row.
        tokens: OneTimeToken = "tokens/2", Token, 8 "token";
        /// (user id, token id) to what made the invite for the user.
        invite_ways: InviteWay = "invite_ways/6", InviteWay;
        /// Key id to its row.
        api_keys: ApiKey = "api_keys/2", ApiKey, 9 "api-key";
        /// Ban id to its row.
        bans: Ban = "bans/2", Ban, 10 "ban";
        /// Client id to the program.
        oauth_clients: OAuthClient = "oauth_clients/6", OAuthClient, 30 "oauth-client";
        /// (user id, client id) to what the user allowed the program.
        oauth_grants: OAuthGrant = "oauth_grants/6", OAuthGrant, 31 "oauth-grant";
        /// (user id, family id) to what a program was given for the user.
        oauth_families: OAuthFamily = "oauth_families/6", OAuthFamily;
        /// (organization, algorithm, since when it signs) to the key.
        oauth_keys: OAuthKey = "oauth_keys/6", OAuthKey;
        /// (user id, number) to the webhook.
        hooks: Hook = "hooks/6", Hook, 33 "webhook";
        /// User id to what is counted of the account's webhooks.
        hook_uses: HookUse = "hook_uses/6", HookUse;
        /// (user id, the webhook's number) to how far it is.
        hook_progress: HookProgress = "hook_progress/6", HookProgress;
        /// (user id, the webhook's number) to what its messages take.
        hook_bytes: HookBytes = "hook_bytes/6", HookBytes;
        /// (user id, the webhook's number, number) to the message.
        hook_deliveries: HookDelivery = "hook_deliveries/6", HookDelivery;
        /// (organization, number) to what an assistant asked for.
        assistant_calls: AssistantCall = "assistant_calls/6", AssistantCall;
        /// Organization id to what is counted of its assistants.
        assistant_uses: AssistantUse = "assistant_uses/6", AssistantUse;
        /// (user id, number) to the flow.
        flows: Flow = "flows/6", Flow, 34 "flow";
        /// (user id, the flow's number, version) to what it does.
        flow_versions: FlowVersion = "flow_versions/6", FlowVersion;
        /// (user id, the flow's number) to what is counted of it.
        flow_stats: FlowStats = "flow_stats/6", FlowStats;
        /// User id to what is counted of the account's flows.
        flow_uses: FlowUse = "flow_uses/6", FlowUse;
        /// (user id, number) to the run.
        flow_runs: FlowRun = "flow_runs/6", FlowRun;
        /// (user id, the run's number) of the runs that haven't ended.
        runs_at_work: RunAtWork = "runs_at_work/6", RunAtWork;
        /// (user id, the run's number, number) to the step.
        flow_steps: FlowStep = "flow_steps/6", FlowStep;
        /// (user id, the flow's number, the first eight bytes of the hash of its identifier) to a message that began a run.
        flow_messages: FlowMessage = "flow_messages/6", FlowMessage;
        /// (user id, user id of the flow's owner, its number) to what the first thinks of it.
        flow_opinions: FlowOpinion = "flow_opinions/6", FlowOpinion;
        /// (organization, number) to the plugin.
        plugins: Plugin = "plugins/6", Plugin, 40 "plugin";
        /// (organization, the plugin's number) to its code.
        plugin_codes: PluginCode = "plugin_codes/6", PluginCode;
        /// (organization, the plugin's number, the first eight bytes of the name's hash) to a variable that it keeps.
        plugin_values: PluginValue = "plugin_values/6", PluginValue;
        /// Organization id to the numbers of it that aren't given again.
        numbers: Numbers = "numbers/6", Numbers;
        /// Job id to its row.
        jobs: Job = "jobs/2", Job;
        /// (organization, number) to the entry.
        audit: AuditEntry = "audit/2", Audit, 13 "audit";
        /// Organization id, and 0 for the server, to what is counted there.
        ledgers: Ledger = "ledgers/2", Ledger;
    } };
}

pub(in crate::store) use every_record;
