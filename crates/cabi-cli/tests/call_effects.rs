//! `cabi call` of functions that do something to their process, and of what their results point to. A result is printed or its loss is an
//! error; a wild pointer in a result costs its own text only.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod support;

use std::path::Path;
use std::process::Output;

use support::{cabi, libclang, library};

const HEADER: &str = "
#include <complex.h>
#include <uchar.h>
#include <wchar.h>
struct point { int x, y; };
struct named { char tag[4]; char *name; struct point *at; char *both[2]; union { char *text; long n; }; void *any; int *number; char c; };
int close_output(void);
int close_all(void);
int redirect(void);
int forks(void);
int runs_another(void);
int exits(int status);
int quick(int status);
int ends_thread(void);
int leaves_trap(void);
int leaves_status(int status);
int small_files(void);
int loses_errors(void);
int other_locale(void);
struct named good(void);
struct named wild(void);
struct point *corner(void);
struct point *nowhere(void);
char *text(int which);
void set(char **to, struct named *into);
int same_wide(const wchar_t *a);
int same_16(const char16_t *a);
int same_32(const char32_t *a);
int same_8(const char *a);
struct wide { wchar_t w[4]; char16_t h[4]; const wchar_t *p; };
int same_struct(struct wide w);
int same_i(int which, double _Complex z);
int same_if(int which, float _Complex z);
int sums(int n, ...);
";

const C: &str = r#"
#define _GNU_SOURCE
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
int close_output(void) { close(1); return 41; }
int close_all(void) { for (int fd = 0; fd < 256; fd++) close(fd); return 42; }
int redirect(void) { puts("before"); freopen("/dev/null", "w", stdout); puts("after"); dup2(1, 2); return 43; }
int forks(void) { pid_t child = fork(); if (child) waitpid(child, 0, 0); return child ? 44 : 45; }
int runs_another(void) { execl("/bin/true", "true", (char *)0); return 46; }
int exits(int status) { exit(status); }
int quick(int status) { _exit(status); }
int ends_thread(void) { pthread_exit(0); }
static void trap(void) { __builtin_trap(); }
static int status;
static void leave(void) { _exit(status); }
int leaves_trap(void) { atexit(trap); return 47; }
int leaves_status(int s) { status = s; atexit(leave); return 48; }
int small_files(void) { setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 0, 0 }); signal(SIGXFSZ, SIG_IGN); return 49; }
int loses_errors(void) { fclose(stderr); fclose(stdout); return 50; }
int other_locale(void) { setlocale(LC_ALL, "de_DE.UTF-8"); return 51; }
static struct point here = { 3, 4 };
struct named good(void)
{
    return (struct named){ "abc", "the \"name\"", &here, { "first", 0 }, { "other" }, &here, &here.x, 'c' };
}
struct named wild(void)
{
    char *wild = (char *)0x4545454545450;
    return (struct named){ "", wild, (struct point *)-1L, { (char *)1, "last" }, { wild }, wild, (int *)wild, 'c' };
}
struct point *corner(void) { return &here; }
struct point *nowhere(void) { return (struct point *)0x10; }
char *text(int which)
{
    char *two = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(two + 4096, 4096);
    memset(two, 'x', 4096);
    switch (which) {
    case 0: return two + 4090;                       // runs into a page that is not there
    case 1: two[4095] = 0; return two + 4090;        // ends with its page
    case 2: { char *big = malloc(3 << 20); memset(big, 'y', 3 << 20); big[(3 << 20) - 1] = 0; return big; }
    default: return (char *)8;
    }
}
void set(char **to, struct named *into) { *to = "set"; *into = good(); }
int same_wide(const wchar_t *a) { return !memcmp(a, L"h\u00e9\U0001f600 \x41\n", sizeof L"h\u00e9\U0001f600 \x41\n"); }
int same_16(const char16_t *a) { return !memcmp(a, u"h\u00e9\U0001f600 \xfffe", sizeof u"h\u00e9\U0001f600 \xfffe"); }
int same_32(const char32_t *a) { return !memcmp(a, U"h\u00e9\U0001f600 \xfffffffe", sizeof U"h\u00e9\U0001f600 \xfffffffe"); }
int same_8(const char *a) { return !memcmp(a, u8"h\u00e9\U0001f600", sizeof u8"h\u00e9\U0001f600"); }
int same_struct(struct wide w)
{
    struct wide own = { L"ab", u"\u00e9b", 0 };
    return !memcmp(&own, &w, sizeof w.w + sizeof w.h) && !wcscmp(w.p, L"p");
}
static const double _Complex units[] = { I, -I, 1 + I, 1 - I, -2.5i, 3*I, 2.5f + I };
int same_i(int which, double _Complex z) { return !memcmp(&units[which], &z, sizeof z); }
int same_if(int which, float _Complex z) { float _Complex own = units[which]; return !memcmp(&own, &z, sizeof z); }
int sums(int n, ...)
{
    va_list ap;
    va_start(ap, n);
    double _Complex z = va_arg(ap, double _Complex);
    return creal(z) == 1 && cimag(z) == -1 && *va_arg(ap, wchar_t *) == L'\u00e9' && va_arg(ap, int) == 0xe9;
}
"#;

fn of_library(folder: &Path, args: &[&str]) -> Output {
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let (header, library) = (path("lib.h"), path("lib.so"));
    cabi(&[&["call", "-i", &header, "-l", &library], args].concat())
}

fn printed(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().expect("an exit status");
    (code, text(&output.stdout), text(&output.stderr))
}

/// Function and arguments, exit status, what is printed, part of what is complained of.
type Case = (&'static [&'static str], i32, &'static str, &'static str);

const EFFECTS: &[Case] = &[
    (&["close_output"], 0, "41\n", ""),
    (&["close_all"], 0, "42\n", ""),
    (&["redirect"], 0, "before\n43\n", ""),
    // Once, though two processes return from it.
    (&["forks"], 0, "44\n", ""),
    (
        &["runs_another"],
        2,
        "",
        "runs_another did not return: its process ended with exit status 0",
    ),
    (
        &["exits", "0"],
        2,
        "",
        "exits did not return: its process ended with exit status 0",
    ),
    (
        &["quick", "0"],
        2,
        "",
        "quick did not return: its process ended with exit status 0",
    ),
    (
        &["quick", "2"],
        2,
        "",
        "quick did not return, or left no way to say so: its process ended with exit status 2",
    ),
    (
        &["ends_thread"],
        2,
        "",
        "ends_thread did not return: its process ended with exit status 0",
    ),
    (
        &["leaves_trap"],
        2,
        "47\n",
        "leaves_trap returned, but its process did not end well afterwards: it was ended by SIGILL",
    ),
    (
        &["leaves_status", "3"],
        2,
        "48\n",
        "afterwards: it ended with exit status 3",
    ),
    (&["leaves_status", "0"], 0, "48\n", ""),
    (&["small_files"], 2, "", "the result cannot be written"),
    (&["loses_errors"], 0, "50\n", ""),
    (&["other_locale"], 0, "51\n", ""),
    // Strings and complex units as a compiler reads them.
    (
        &["same_wide", "L\"h\u{e9}\\U0001f600 \" \"\\x41\\n\""],
        0,
        "1\n",
        "",
    ),
    (&["same_wide", "L\"h\u{e9}\""], 0, "0\n", ""),
    (&["same_16", "u\"h\\u00e9\u{1f600} \\xfffe\""], 0, "1\n", ""),
    (
        &["same_32", "U\"h\\351\u{1f600} \\xfffffffe\""],
        0,
        "1\n",
        "",
    ),
    (&["same_8", "u8\"h\u{e9}\u{1f600}\""], 0, "1\n", ""),
    (
        &["same_struct", "{L\"ab\", u\"\u{e9}b\", L\"p\"}"],
        0,
        "1\n",
        "",
    ),
    (
        &[
            "same_struct",
            "{{L\"ab\"}, .h = {u\"\u{e9}b\"}, .p = L\"p\"}",
        ],
        0,
        "1\n",
        "",
    ),
    (&["same_struct", "{\"ab\"}"], 2, "", "a string"),
    (&["same_struct", "{L\"abcde\"}"], 2, "", "do not fit"),
    (
        &["same_wide", "\"h\""],
        2,
        "",
        "elements of 32 bits, and the string has elements of 8 bits",
    ),
    (
        &["same_16", "L\"h\""],
        2,
        "",
        "elements of 16 bits, and the string has elements of 32 bits",
    ),
    (
        &["same_8", "U\"h\""],
        2,
        "",
        "elements of 8 bits, and the string has elements of 32 bits",
    ),
    (&["same_8", "\"\\x100\""], 2, "", "does not fit 8 bits"),
    (&["same_16", "u\"\\x10000\""], 2, "", "does not fit 16 bits"),
    (&["same_i", "0", "I"], 0, "1\n", ""),
    (&["same_i", "1", "-I"], 0, "1\n", ""),
    (&["same_i", "2", "1 + I"], 0, "1\n", ""),
    (&["same_i", "3", "1 - I"], 0, "1\n", ""),
    (&["same_i", "4", "-2.5i"], 0, "1\n", ""),
    (&["same_i", "5", "3*I"], 0, "1\n", ""),
    (&["same_if", "6", "2.5f + I"], 0, "1\n", ""),
    (&["same_i", "0", "-I"], 0, "0\n", ""),
    (
        &["sums", "3", "1.0 - I", "L\"\u{e9}\"", "L'\u{e9}'"],
        0,
        "1\n",
        "",
    ),
    (&["exits", "I"], 2, "", "I is not an integer constant"),
];

#[test]
fn no_result_is_lost() {
    if !libclang() {
        return;
    }
    let Some(library) = library(HEADER, C, &[]) else {
        return;
    };
    for (args, code, expected, complaint) in EFFECTS {
        let (found, out, err) = printed(&of_library(library.path(), args));
        assert_eq!((found, out.as_str()), (*code, *expected), "{args:?}: {err}");
        assert_eq!(err.is_empty(), complaint.is_empty(), "{args:?}: {err}");
        assert!(err.contains(complaint), "{args:?}: {err}");
    }
}

/// A library that ends the process as it is loaded.
#[test]
fn a_constructor_does_not_pass_for_a_result() {
    if !libclang() {
        return;
    }
    let c = "#include <unistd.h>\n__attribute__((constructor)) static void first(void) { _exit(0); }\nint f(void) { return 1; }";
    let Some(library) = library("int f(void);", c, &[]) else {
        return;
    };
    let (code, out, err) = printed(&of_library(library.path(), &["f"]));
    assert_eq!((code, out.as_str()), (2, ""), "{err}");
    assert!(
        err.contains("f was not called: the process ended with exit status 0"),
        "{err}"
    );
}

/// Addresses differ from run to run.
fn without_addresses(text: &str) -> String {
    let mut parts = text.split("0x");
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        clean += "@";
        clean += part.trim_start_matches(|c: char| c.is_ascii_hexdigit());
    }
    clean
}

#[test]
fn what_pointers_point_to_is_shown() {
    if !libclang() {
        return;
    }
    let Some(library) = library(HEADER, C, &[]) else {
        return;
    };
    let good = "{ .tag = \"abc\", .name = @ \"the \\\"name\\\"\", .at = @ &(struct point){ .x = 3, .y = 4 }, \
                .both = { @ \"first\", NULL }, .text = @, .n = N, .any = @, .number = @, .c = 99 }";
    let wild = "{ .tag = { 0, 0, 0, 0 }, .name = @ /* not readable */, .at = @ /* not readable */, \
                .both = { @ /* not readable */, @ \"last\" }, .text = @, .n = N, .any = @, .number = @, .c = 99 }";
    let cut = format!("@ \"{}\"...\n", "y".repeat(1 << 20));
    let set = format!("*to = @ \"set\"\n*into = {good}\n");
    let (good, wild) = (format!("{good}\n"), format!("{wild}\n"));
    let cases: &[(&[&str], &str)] = &[
        (&["good"], &good),
        (&["wild"], &wild),
        (&["set", "&(char *){0}", "&(struct named){0}"], &set),
        (&["corner"], "@ &(struct point){ .x = 3, .y = 4 }\n"),
        (&["nowhere"], "@ /* not readable */\n"),
        (&["text", "0"], "@ /* not readable */\n"),
        (&["text", "1"], "@ \"xxxxx\"\n"),
        (&["text", "2"], &cut),
        (&["text", "3"], "@ /* not readable */\n"),
    ];
    for (args, expected) in cases {
        let (code, out, err) = printed(&of_library(library.path(), args));
        assert_eq!(code, 0, "{args:?}: {err}");
        // Of anonymous members nothing is known but their types; the union's number is an address too.
        let mut clean = without_addresses(&out);
        if let Some((before, after)) = clean.clone().split_once(".n = ") {
            let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
            clean = format!("{before}.n = N{after}");
        }
        assert_eq!(clean, *expected, "{args:?}");
    }
}

#[test]
fn a_killed_call_leaves_nothing() {
    if !libclang() {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let own = std::process::Command::new(env!("CARGO_BIN_EXE_cabi"))
        .args(["call", "-i", "unistd.h", "sleep", "4321"])
        .env("TMPDIR", scratch.path())
        .spawn();
    let mut own = own.unwrap();
    let calls = || {
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        let lines = all.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
        lines
            .filter(|line| line.ends_with(b"sleep\x004321\0"))
            .count()
    };
    let wait_for = |count| {
        let start = std::time::Instant::now();
        while calls() != count {
            assert!(start.elapsed().as_secs() < 60, "{} calls", calls());
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    };
    wait_for(2);
    own.kill().unwrap();
    own.wait().unwrap();
    wait_for(0);
    assert!(std::fs::read_dir(scratch.path()).unwrap().next().is_none());
}

/// Reading the header is limited; the function has the limits that the command was started with.
#[test]
fn a_function_has_the_limits_of_its_user() {
    if !libclang() {
        return;
    }
    let c = "
        #include <sys/resource.h>
        long soft(int core) {
            struct rlimit limit;
            getrlimit(core ? RLIMIT_CORE : RLIMIT_AS, &limit);
            return (long)limit.rlim_cur;
        }
    ";
    let Some(library) = library("long soft(int core);", c, &[]) else {
        return;
    };
    let own = std::fs::read_to_string("/proc/self/limits").expect("limits");
    for (core, name) in [("1", "Max core file size"), ("0", "Max address space")] {
        let line = own.lines().find_map(|line| line.strip_prefix(name));
        let soft = line.and_then(|line| line.split_whitespace().next());
        let expected = match soft.expect("a limit") {
            "unlimited" => "-1",
            bytes => bytes,
        };
        let (code, out, err) = printed(&of_library(library.path(), &["soft", core]));
        assert_eq!((code, out.trim_end()), (0, expected), "{name}: {err}");
    }
}
