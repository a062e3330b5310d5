//! Accounts for an application of one's own: people sign up, prove their e-mail address, sign in by it or by their name, choose
//! another password when they have forgotten theirs, and sign out. What is in the database is asked of the server, which
//! decides: this plugin sees no hash, and gets nobody a session who doesn't show their password.

const std = @import("std");

const env = struct {
    extern "extism:host/env" fn input_length() u64;
    extern "extism:host/env" fn input_load_u8(at: u64) u8;
    extern "extism:host/env" fn alloc(length: u64) u64;
    extern "extism:host/env" fn length(at: u64) u64;
    extern "extism:host/env" fn load_u8(at: u64) u8;
    extern "extism:host/env" fn store_u8(at: u64, byte: u8) void;
    extern "extism:host/env" fn output_set(at: u64, length: u64) void;
    extern "extism:host/env" fn error_set(at: u64) void;
};

const server = struct {
    extern "extism:host/user" fn db_get_user_by_email(asked: u64) u64;
    extern "extism:host/user" fn db_create_user(asked: u64) u64;
    extern "extism:host/user" fn db_create_session(asked: u64) u64;
    extern "extism:host/user" fn db_end_session(asked: u64) u64;
    extern "extism:host/user" fn db_verify_email(asked: u64) u64;
    extern "extism:host/user" fn db_request_reset(asked: u64) u64;
    extern "extism:host/user" fn db_reset_password(asked: u64) u64;
    extern "extism:host/user" fn password_hash(asked: u64) u64;
};

const Failure = error{ Malformed, Server };

/// What a call takes: it has an instance of its own, so nothing is given back.
var memory: [128 * 1024]u8 = undefined;
var arena = std.heap.FixedBufferAllocator.init(&memory);

fn put(bytes: []const u8) u64 {
    const at = env.alloc(bytes.len);
    for (bytes, 0..) |byte, index| env.store_u8(at + index, byte);
    return at;
}

fn take(at: u64) Failure![]const u8 {
    const bytes = arena.allocator().alloc(u8, @intCast(env.length(at))) catch return Failure.Malformed;
    for (bytes, 0..) |*byte, index| byte.* = env.load_u8(at + index);
    return bytes;
}

fn Input(comptime Form: type) type {
    return struct {
        fn read() Failure!Form {
            const bytes = arena.allocator().alloc(u8, @intCast(env.input_length())) catch return Failure.Malformed;
            for (bytes, 0..) |*byte, index| byte.* = env.input_load_u8(index);
            return std.json.parseFromSliceLeaky(Form, arena.allocator(), bytes, .{}) catch Failure.Malformed;
        }
    };
}

/// Asks the server, and reads what it answers.
fn ask(comptime Form: type, function: *const fn (u64) callconv(.c) u64, asked: anytype) Failure!Form {
    const text = std.json.Stringify.valueAlloc(arena.allocator(), asked, .{}) catch return Failure.Malformed;
    const answer = try take(function(put(text)));
    return std.json.parseFromSliceLeaky(Form, arena.allocator(), answer, .{ .ignore_unknown_fields = true }) catch Failure.Server;
}

/// Gives what the server answers.
fn forward(function: *const fn (u64) callconv(.c) u64, asked: anytype) Failure!void {
    const text = std.json.Stringify.valueAlloc(arena.allocator(), asked, .{}) catch return Failure.Malformed;
    const answer = function(put(text));
    env.output_set(answer, env.length(answer));
}


fn done(outcome: Failure!void) i32 {
    outcome catch |failure| {
        env.error_set(put(switch (failure) {
            Failure.Malformed => "the input isn't what docs/plugins.md says",
            Failure.Server => "the server's answer can't be read",
        }));
        return 1;
    };
    return 0;
}

const User = struct { id: []const u8, name: []const u8 };

fn signUp() Failure!void {
    const asked = try Input(struct { name: []const u8, email: []const u8, password: []const u8 }).read();
    const hashed = try ask(struct { hash: []const u8 }, server.password_hash, .{ .password = asked.password });
    try forward(server.db_create_user, .{ .name = asked.name, .email = asked.email, .password_hash = hashed.hash });
}

fn signIn() Failure!void {
    const asked = try Input(struct { login: []const u8, password: []const u8, code: []const u8 = "" }).read();
    var name = asked.login;
    if (std.mem.indexOfScalar(u8, name, '@') != null) {
        const found = try ask(struct { user: ?User = null }, server.db_get_user_by_email, .{ .email = name });
        // Whoever isn't there is asked for like whoever is, each by an address of their own: nobody learns who has an account by how
        // long that takes, nor by when there were too many attempts.
        if (found.user) |user| name = user.name;
    }
    try forward(server.db_create_session, .{ .name = name, .password = asked.password, .code = asked.code, .device = "auth" });
}

fn verifyEmail() Failure!void {
    const asked = try Input(struct { token: []const u8, code: []const u8 }).read();
    try forward(server.db_verify_email, asked);
}

fn requestPasswordReset() Failure!void {
    const asked = try Input(struct { email: []const u8 }).read();
    try forward(server.db_request_reset, asked);
}

fn resetPassword() Failure!void {
    const asked = try Input(struct { code: []const u8, password: []const u8 }).read();
    try forward(server.db_reset_password, asked);
}

fn signOut() Failure!void {
    const asked = try Input(struct { token: []const u8 }).read();
    try forward(server.db_end_session, asked);
}

export fn sign_up() i32 {
    return done(signUp());
}

export fn sign_in() i32 {
    return done(signIn());
}

export fn verify_email() i32 {
    return done(verifyEmail());
}

export fn request_password_reset() i32 {
    return done(requestPasswordReset());
}

export fn reset_password() i32 {
    return done(resetPassword());
}

export fn sign_out() i32 {
    return done(signOut());
}
