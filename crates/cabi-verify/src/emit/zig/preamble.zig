pub const panic = @import("std").debug.no_panic;
extern fn cabi_seen() callconv(.c) [*]u8;
extern fn cabi_given() callconv(.c) [*]const u8;
extern fn cabi_wide() callconv(.c) [*]i64;
extern fn cabi_escape() callconv(.c) noreturn;
/// Copies the object at `from`, of so many bytes.
inline fn put(to: [*]u8, from: anytype, comptime size: usize) void {
    if (size > 0) @memcpy(to[0..size], @as([*]const u8, @ptrCast(from))[0..size]);
}
inline fn take(comptime T: type, from: [*]const u8, comptime size: usize) T {
    var value: T = undefined;
    if (size > 0) @memcpy(@as([*]u8, @ptrCast(&value))[0..size], from[0..size]);
    return value;
}
inline fn widen(i: usize, value: anytype) void {
    cabi_wide()[i] = switch (@typeInfo(@TypeOf(value))) {
        .@"enum" => @intFromEnum(value),
        .bool => @intFromBool(value),
        else => value,
    };
}
