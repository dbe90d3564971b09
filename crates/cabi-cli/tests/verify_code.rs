//! What `cabi verify` notices of compiled code beyond values, and how it runs code that ends or crashes its process.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod support;

use support::printed;
use support::verify::{verify, with_gcc, write};

/// A control: gcc under `command` differs in the header `text`, and the report says so.
fn control_of(text: &str, command: &str, hook: &str, says: &[&str]) {
    let Some(folder) = with_gcc() else { return };
    write(&folder, "calls.h", text);
    write(&folder, "hook.h", hook);
    let hook = folder.path().join("hook.h");
    let command = command.replace("HOOK", &hook.display().to_string());
    let output = verify(
        folder.path(),
        &["--types=false", "--cc", &command, "calls.h"],
    );
    let text = printed(&output, 1);
    for says in says {
        assert!(text.contains(says), "{command}: {says}: {text}");
    }
}

const CALLS: &str = "long f(long x); void g(int x); double h(double x);\n";

#[test]
fn registers_that_a_callee_spoils_are_noticed() {
    for (flag, register) in [
        ("-fcall-used-rbx", "rbx"),
        ("-fcall-used-r12", "r12"),
        ("-O0 -fcall-used-r15", "r15"),
        ("-O2 -fcall-used-r13", "r13"),
    ] {
        let callee = format!("the C callee changes {register}, which is its caller's: 0x");
        let caller = format!("the C caller changes {register}, which is its caller's: 0x");
        control_of(CALLS, &format!("gcc {flag}"), "", &[&callee, &caller]);
    }
}

#[test]
fn registers_that_a_caller_takes_for_kept_are_noticed() {
    for (flag, register) in [
        ("-fcall-saved-rdi", "rdi"),
        ("-fcall-saved-r8", "r8"),
        ("-fcall-saved-xmm8", "an xmm register"),
    ] {
        let says = format!(
            "the C caller loses a value that it keeps during the call: it relies on {register}, which the callee may change"
        );
        control_of(CALLS, &format!("gcc {flag}"), "", &[&says]);
    }
}

#[test]
fn control_words_and_the_direction_flag_are_noticed() {
    let hook = |after: &str| {
        format!("#define __builtin_memcpy(d, s, n) (__builtin_memmove(d, s, n), ({{ {after} }}))\n")
    };
    let flip = |store: &str, load: &str, ty: &str, bit: &str| {
        hook(&format!(
            "{ty} cabi_m; __asm__ volatile(\"{store} %0\" : \"=m\"(cabi_m)); cabi_m ^= {bit}; __asm__ volatile(\"{load} %0\" : : \"m\"(cabi_m));"
        ))
    };
    for (hook, what) in [
        (
            flip("stmxcsr", "ldmxcsr", "unsigned", "0x8000"),
            "changes control bits of MXCSR, which is its caller's: 0x1f80 became 0x9f80",
        ),
        (
            flip("fnstcw", "fldcw", "unsigned short", "0x100"),
            "changes the x87 control word, which is its caller's: 0x37f became 0x27f",
        ),
        (
            hook("__asm__ volatile(\"std\");"),
            "returns with the direction flag set",
        ),
    ] {
        let callee = format!("the C callee {what}");
        control_of("void g(int x);\n", "gcc -include HOOK", &hook, &[&callee]);
    }
}

#[test]
fn a_large_record_that_a_callee_does_not_write_is_noticed() {
    // All but the first 8 KiB are left out in every other pair of calls, so that right bytes are there from the one before.
    let hook = "static unsigned cabi_times;
#define __builtin_memcpy(d, s, n) __builtin_memmove(d, s, (#d)[5] == 's' && (n) > 8192 && (cabi_times++ & 2) ? 8192 : (n))
";
    control_of(
        "struct big { char a[10000]; }; void f(struct big x);\n",
        "gcc -include HOOK",
        hook,
        &["argument 0 in C: byte 8192 is ee, expected 10"],
    );
}

#[test]
fn atomic_objects_that_need_a_library_are_loaded() {
    let Some(folder) = with_gcc() else { return };
    let text = "_Atomic __int128 f(_Atomic __int128 x);\n";
    write(&folder, "atomic.h", text);
    let text = printed(&verify(folder.path(), &["--cc", "gcc", "atomic.h"]), 0);
    assert!(text.contains("2 of 2 cases pass"), "{text}");
}

#[test]
fn code_under_test_runs_in_children_only() {
    let Some(folder) = with_gcc() else { return };
    let early =
        "void _exit(int);\nstatic void __attribute__((constructor)) early(void) { _exit(0); }\n";
    write(&folder, "early.h", &format!("{early}int f(int x);\n"));
    let hook = folder.path().join("early.h");
    let command = format!("gcc -include {}", hook.display());
    for args in [
        &["--cc", "gcc", "early.h"][..],
        &["--cc", &command, "own.h"],
    ] {
        let output = verify(folder.path(), args);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
        let says = "cannot be loaded: that ends the process, exit code 0";
        assert!(text.contains(says), "{args:?}: {text}");
    }
    // The loader's own words.
    write(
        &folder,
        "missing.h",
        "int f(int x);\nvoid nowhere(void);\nstatic void (*const at)(void) __attribute__((used)) = nowhere;\n",
    );
    let output = verify(folder.path(), &["--cc", "gcc", "missing.h"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("undefined symbol: nowhere"), "{text}");
}

#[test]
fn a_file_that_cannot_be_loaded_costs_its_own_case_only() {
    let Some(folder) = with_gcc() else { return };
    // What copies a hundred bytes needs a function that is nowhere.
    let hook = "void nowhere(void);
#define __builtin_memcpy(d, s, n) ((n) == 100 ? nowhere() : (void)0, __builtin_memmove(d, s, n))
";
    write(&folder, "hook.h", hook);
    let text =
        "struct s { char a[100]; }; long one(long x); void two(struct s x); long three(long x);\n";
    write(&folder, "three.h", text);
    let hook = folder.path().join("hook.h");
    let command = format!("gcc -include {}", hook.display());
    let args = ["--types=false", "--cc", &command, "three.h"];
    let text = printed(&verify(folder.path(), &args), 1);
    assert!(text.contains("4 of 4 cases pass"), "{text}");
    let says = "two: the compiled C code cannot be loaded: ";
    assert!(text.contains(says), "{text}");
    assert!(text.contains("undefined symbol: nowhere"), "{text}");
}
