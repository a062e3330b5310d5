//! Tries what Extism's interface has, so that what comes of it here can be held against what comes of it there.

const env = struct {
    extern "extism:host/env" fn input_length() u64;
    extern "extism:host/env" fn input_load_u8(at: u64) u8;
    extern "extism:host/env" fn input_load_u64(at: u64) u64;
    extern "extism:host/env" fn alloc(length: u64) u64;
    extern "extism:host/env" fn free(at: u64) void;
    extern "extism:host/env" fn length(at: u64) u64;
    extern "extism:host/env" fn load_u8(at: u64) u8;
    extern "extism:host/env" fn load_u64(at: u64) u64;
    extern "extism:host/env" fn store_u8(at: u64, byte: u8) void;
    extern "extism:host/env" fn store_u64(at: u64, word: u64) void;
    extern "extism:host/env" fn output_set(at: u64, length: u64) void;
    extern "extism:host/env" fn error_set(at: u64) void;
    extern "extism:host/env" fn config_get(key: u64) u64;
    extern "extism:host/env" fn var_get(name: u64) u64;
    extern "extism:host/env" fn var_set(name: u64, value: u64) void;
    extern "extism:host/env" fn log_info(at: u64) void;
};

fn put(text: []const u8) u64 {
    const at = env.alloc(text.len);
    for (text, 0..) |byte, index| env.store_u8(at + index, byte);
    return at;
}

fn give(at: u64) i32 {
    env.output_set(at, env.length(at));
    return 0;
}

fn input() u64 {
    const length = env.input_length();
    const at = env.alloc(length);
    for (0..@intCast(length)) |index| env.store_u8(at + index, env.input_load_u8(index));
    return at;
}

/// Gives its input backwards.
export fn backwards() i32 {
    const length = env.input_length();
    const at = env.alloc(length);
    for (0..@intCast(length)) |index| env.store_u8(at + index, env.input_load_u8(length - 1 - index));
    return give(at);
}

/// Gives the sum of the words of eight bytes of its input.
export fn sum() i32 {
    var total: u64 = 0;
    const words = env.input_length() / 8;
    for (0..@intCast(words)) |index| total +%= env.input_load_u64(index * 8);
    const at = env.alloc(8);
    env.store_u64(at, total);
    if (env.load_u64(at) != total or env.load_u8(at) != @as(u8, @truncate(total))) return 7;
    return give(at);
}

/// Gives what its configuration says under the input.
export fn config() i32 {
    return give(env.config_get(input()));
}

/// Adds its input to a variable, and gives the variable. Extism takes the blocks that it is handed over as names and values.
export fn remember() i32 {
    const old = env.var_get(put("all"));
    const more = input();
    const new = env.alloc(env.length(old) + env.length(more));
    for (0..@intCast(env.length(old))) |index| env.store_u8(new + index, env.load_u8(old + index));
    for (0..@intCast(env.length(more))) |index| env.store_u8(new + env.length(old) + index, env.load_u8(more + index));
    env.var_set(put("all"), new);
    return give(env.var_get(put("all")));
}

/// Removes the variable.
export fn forget() i32 {
    env.var_set(put("all"), 0);
    return give(env.var_get(put("all")));
}

/// Takes blocks and gives them back, and gives how long they were.
export fn blocks() i32 {
    var total: u64 = 0;
    for (1..200) |size| {
        const at = env.alloc(size);
        total += env.length(at);
        env.free(at);
    }
    env.log_info(put("blocks"));
    const at = env.alloc(8);
    env.store_u64(at, total);
    return give(at);
}

/// Gives nothing.
export fn nothing() void {}

/// Says its input as an error.
export fn fail() i32 {
    env.error_set(input());
    return 1;
}

/// Breaks off.
export fn trap() i32 {
    @trap();
}
