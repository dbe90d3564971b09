//! Stubs against assemblers: their bytes and relocations are those that `as` makes of the
//! instructions in the rows; and their names. `clif-cabi-jit/tests` proves their unwind rows by
//! stepping through stubs.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use std::collections::{BTreeSet, HashSet};
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use clif_cabi_plan::{Machine, RelocKind, Stub, StubCode, StubStep, cabi};

/// Assembly text of a machine's stubs, and the tools that read it.
struct Assembler {
    target: &'static str,
    /// Words of steps, their operands, and the instructions of each, in which N is the operand and
    /// INT the register of parameters of that number.
    rows: &'static str,
    /// Prefix of the names of the tools.
    tools: &'static str,
    syntax: &'static str,
    /// The JIT's first part of an instruction that goes to a function.
    far: [(&'static str, &'static str); 2],
    /// A relocation's name and addend, as `objdump -r` lists them: of a jump, of a call, of an
    /// address.
    relocs: [(&'static str, &'static str); 3],
}

fn machine(target: &str) -> Machine {
    Machine::of(&cabi::Target::named(target).unwrap()).unwrap()
}

const ON_X86_64: Assembler = Assembler {
    target: "x86_64-unknown-linux-gnu",
    rows: include_str!("stub/x86_64.txt"),
    tools: "",
    syntax: ".intel_syntax noprefix\n",
    far: [
        ("jmp f", "movabs r11, offset F; jmp r11"),
        ("call f", "movabs r11, offset F; call r11"),
    ],
    relocs: [
        ("R_X86_64_PLT32", "-0x0000000000000004"),
        ("R_X86_64_PLT32", "-0x0000000000000004"),
        ("R_X86_64_64", ""),
    ],
};

const ON_AARCH64: Assembler = Assembler {
    target: "aarch64-unknown-linux-gnu",
    rows: include_str!("stub/aarch64.txt"),
    tools: "aarch64-linux-gnu-",
    syntax: "",
    far: [
        ("b f", "ldr x16, 1f; br x16; 1: .xword F"),
        ("bl f", "ldr x16, 1f; blr x16; b 2f; 1: .xword F; 2:"),
    ],
    relocs: [
        ("R_AARCH64_JUMP26", ""),
        ("R_AARCH64_CALL26", ""),
        ("R_AARCH64_ABS64", ""),
    ],
};

const ON_RISCV64: Assembler = Assembler {
    target: "riscv64gc-unknown-linux-gnu",
    rows: include_str!("stub/riscv64.txt"),
    tools: "riscv64-linux-gnu-",
    syntax: ".option norvc\n.option norelax\n",
    far: [
        (
            "tail f",
            ".balign 8; auipc t1, 0; ld t1, 16(t1); jr t1; nop; .8byte F",
        ),
        (
            "call f",
            ".balign 8; auipc t1, 0; ld t1, 16(t1); jalr t1; .4byte 0xc0006f; .8byte F",
        ),
    ],
    relocs: [
        ("R_RISCV_CALL_PLT", ""),
        ("R_RISCV_CALL_PLT", ""),
        ("R_RISCV_64", ""),
    ],
};

const ON_S390X: Assembler = Assembler {
    target: "s390x-unknown-linux-gnu",
    rows: include_str!("stub/s390x.txt"),
    tools: "s390x-linux-gnu-",
    syntax: "",
    far: [
        ("jg f", "basr %r1,0; lg %r1,8(%r1); br %r1; .8byte F"),
        (
            "brasl %r14,f",
            "basr %r1,0; lg %r1,12(%r1); basr %r14,%r1; j .+12; .8byte F",
        ),
    ],
    relocs: [
        ("R_390_PLT32DBL", "+0x0000000000000002"),
        ("R_390_PLT32DBL", "+0x0000000000000002"),
        ("R_390_64", ""),
    ],
};

impl Assembler {
    /// Returns each step as its name spells it, and its instructions.
    fn steps(&self, pic: bool) -> Vec<(String, String)> {
        let ints = ["rdi", "rsi", "rdx", "rcx", "r8", "r9"];
        let low = ["edi", "esi", "edx", "ecx", "r8d", "r9d"];
        let mut steps = Vec::new();
        for row in self.rows.lines() {
            let (step, text) = row.split_once(" | ").unwrap();
            let (word, operands) = step.split_once(' ').unwrap_or((step, " "));
            for operand in operands
                .split(' ')
                .filter(|n| !n.is_empty() || operands == " ")
            {
                let int = operand.parse().ok().and_then(|n: usize| ints.get(n));
                let low = operand.parse().ok().and_then(|n: usize| low.get(n));
                let text = text
                    .replace("INT32", low.unwrap_or(&""))
                    .replace("INT", int.unwrap_or(&""))
                    .replace('N', operand);
                let far = self
                    .far
                    .iter()
                    .find(|(near, _)| !pic && text.starts_with(near));
                let function = format!("f{operand}");
                let text = far.map_or(text, |(_, far)| far.replace('F', &function));
                steps.push((format!("{word}{operand}"), text));
            }
        }
        steps.dedup();
        steps
    }

    /// Stubs of one step each, in a frame where it needs one, and one of all steps in a frame but
    /// calls; and their instructions.
    fn stubs(&self, pic: bool) -> Vec<(Stub, String)> {
        let steps = self.steps(pic);
        let of = |word: &str| &steps.iter().find(|(own, _)| own == word).unwrap().1;
        let mut in_frame = (String::from("frame"), of("frame").clone());
        let mut stubs = Vec::new();
        let mut add = |name: &str, text: String| {
            let stub = Stub::from_name(&format!("__clif_cabi_{name}"));
            stub.is_some_and(|stub| {
                stubs.push((stub, text));
                true
            })
        };
        for (step, text) in &steps {
            // Elsewhere than at the stub's start.
            if step.starts_with("jump") {
                add(
                    &format!("chainint1_{step}"),
                    format!("{}; {text}", of("chainint1")),
                );
            }
            let framed = format!("{}; {text}; {}", of("frame"), of("leave"));
            if add(step, text.clone())
                || add(&format!("{step}_ret"), format!("{text}; {}", of("ret")))
            {
                continue;
            }
            let added = add(&format!("frame_{step}_leave"), framed);
            if step.starts_with("call") {
                let texts = [of("frame"), of("skip8"), text, of("leave")].map(String::as_str);
                add(&format!("frame_skip8_{step}_leave"), texts.join("; "));
            }
            assert!(added || step == "frame" || step == "leave", "{step}");
            if added && !step.starts_with("call") {
                in_frame = (in_frame.0 + "_" + step, in_frame.1 + "; " + text);
            }
        }
        let (name, text) = in_frame;
        assert!(
            add(&format!("{name}_leave"), text + "; " + of("leave")),
            "{name}"
        );
        stubs
    }

    /// Returns the output of `as` for `stubs`: their bytes, and their relocations as `objdump -r`
    /// lists them. Each stub has [`STRIDE`] bytes, with [`END`] after its own.
    fn assembled(&self, stubs: &[(Stub, String)], pic: bool) -> (Vec<u8>, BTreeSet<String>) {
        let folder = format!("clif-cabi-stubs-{}-{}{pic}", std::process::id(), self.tools);
        let folder = std::env::temp_dir().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        let mut all = self.syntax.to_string();
        for (_, text) in stubs {
            writeln!(
                all,
                "{}\n.byte {END}\n.balign {STRIDE}",
                text.replace("; ", "\n")
            )
            .unwrap();
        }
        std::fs::write(folder.join("stubs.s"), all).unwrap();
        let run = |tool, args: &[&str]| run(&format!("{}{tool}", self.tools), args, &folder);
        run("as", &["stubs.s", "-o", "stubs.o"]);
        run(
            "objcopy",
            &["-O", "binary", "-j", ".text", "stubs.o", "stubs.bin"],
        );
        let relocs = run("objdump", &["-r", "stubs.o"]);
        let relocs = relocs.lines().filter(|line| line.contains(" R_"));
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let bytes = std::fs::read(folder.join("stubs.bin")).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        (bytes, relocs.map(words).collect())
    }

    /// The relocation of the stub at `start`, as `objdump -r` lists it.
    fn listed(&self, stub: &Stub, code: &StubCode, start: usize) -> Option<String> {
        let reloc = code.reloc?;
        let is_jump = matches!(stub.steps(), [.., StubStep::Jump(_)]);
        let (kind, addend) = match reloc.kind {
            RelocKind::Abs8 => self.relocs[2],
            _ => self.relocs[usize::from(!is_jump)],
        };
        assert_eq!(reloc.addend != 0, !addend.is_empty());
        if let Some((sign, number)) = addend.split_at_checked(1) {
            let bytes = i64::from_str_radix(number.trim_start_matches("0x"), 16).unwrap();
            assert_eq!(reloc.addend, if sign == "-" { -bytes } else { bytes });
        }
        let offset = start + reloc.offset as usize;
        Some(format!("{offset:016x} {kind} f{}{addend}", reloc.callee))
    }

    /// Compares bytes and relocations of all stubs with the assembler's.
    fn compare(&self) {
        for pic in [true, false] {
            let stubs = self.stubs(pic);
            assert!(stubs.len() > 55, "{} stubs", stubs.len());
            let (bytes, relocs) = self.assembled(&stubs, pic);
            let mut own_relocs = BTreeSet::new();
            for (i, (stub, text)) in stubs.iter().enumerate() {
                let code = stub.code(machine(self.target), pic).unwrap();
                let assembled = &bytes[i * STRIDE..][..=code.bytes.len()];
                assert_eq!([&code.bytes[..], &[END]].concat(), assembled, "{text}");
                own_relocs.extend(self.listed(stub, &code, i * STRIDE));
                // RISC-V loads the address, which need not work at any other.
                if let Some(reloc) = code.reloc.filter(|reloc| reloc.kind == RelocKind::Abs8) {
                    let is_aligned = reloc.offset.is_multiple_of(8);
                    assert!(is_aligned || !self.target.starts_with("riscv"), "{text}");
                }
            }
            assert_eq!(own_relocs, relocs);
        }
    }
}

/// Bytes from an aligned stub to the next.
const STRIDE: usize = 2048;
/// The byte after each stub.
const END: u8 = 0xcc;

fn run(program: &str, args: &[&str], folder: &Path) -> String {
    let output = Command::new(program)
        .args(args)
        .current_dir(folder)
        .output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn bytes_are_those_of_an_assembler() {
    ON_X86_64.compare();
    let is_required = std::env::var_os("CABI_REQUIRE_ORACLES").is_some_and(|value| value == "1");
    for on in [ON_AARCH64, ON_RISCV64, ON_S390X] {
        let assembler = format!("{}as", on.tools);
        match Command::new(&assembler).arg("--version").output() {
            Ok(_) => on.compare(),
            Err(error) if is_required => panic!("{assembler}: {error}"),
            Err(error) => println!("not run: {assembler}: {error}"),
        }
    }
}

#[test]
fn a_name_tells_the_steps() {
    let mut names = HashSet::new();
    let steps: Vec<StubStep> = (ON_X86_64.stubs(true).iter())
        .flat_map(|(stub, _)| stub.steps().to_vec())
        .collect();
    let in_frame =
        |steps: &[StubStep]| Stub::new(&[&[StubStep::Frame], steps, &[StubStep::Leave]].concat());
    let pairs = steps.iter().flat_map(|first| {
        let of =
            move |second: &StubStep| [Stub::new(&[*first, *second]), in_frame(&[*first, *second])];
        steps.iter().step_by(5).flat_map(of).flatten()
    });
    for stub in pairs.collect::<HashSet<_>>() {
        let name = stub.name();
        assert_eq!(Stub::from_name(&name), Some(stub.clone()), "{name}");
        // Another name is that of another stub, or of none.
        for (i, _) in name.char_indices() {
            for changed in [
                name[..i].to_string(),
                format!("{}0{}", &name[..i], &name[i..]),
                format!("{}_{}", &name[..i], &name[i..]),
            ] {
                let other = Stub::from_name(&changed);
                let is_right = |other: &Stub| *other != stub && other.name() == changed;
                assert!(other.as_ref().is_none_or(is_right), "{changed}: {other:?}");
            }
        }
        assert!(names.insert(name), "{stub:?} has the name of another one");
    }
    assert!(names.len() > 2000, "{} stubs", names.len());
}

#[test]
fn names_of_no_stub() {
    let none = "ret_ret al1 al256_ret al_ret al01_ret al+1_ret pop_ret pop0_ret pop9_ret both0_jump1 both16_jump1 jump resultss0_ret resultdword0_ret resultst1_ret storest1_ret loadst0_ret chainint8_ret chainvector8_ret chain_ret jump4294967296 \
        loadymm8_ret loadymm_ret loadymm0at0_ret loadymm0at2147483648_ret zeroupper1_ret al1at16_ret returnaddress_ret frame_address8_leave frame_ret frame_chain8_leave \
        frame_frame_leave frame_call1_call2_leave leave align32_frame_leave frame_align8_leave frame_align48_leave frame_align536870912_leave frame_skip0_leave \
        frame_skip12_leave frame_copy0_leave frame_copy2147483648_leave ret0 pop1_ret_ drain_x87";
    for name in none.split_whitespace() {
        assert_eq!(
            Stub::from_name(&format!("__clif_cabi_{name}")),
            None,
            "{name}"
        );
    }
    for name in ["", "memcpy", "__clif_cabi_", "clif_cabi_pop1_ret"] {
        assert_eq!(Stub::from_name(name), None, "{name}");
    }
}

/// Steps that a machine lacks, or has no register for, each with a stub that has it.
const LACKING: [(&str, &str, &str); 4] = [
    (
        "x86_64-unknown-linux-gnu",
        "x86-64",
        "chainint6_ret jumpint7 resultqword3_ret frame_pusharea160_leave",
    ),
    (
        "aarch64-unknown-linux-gnu",
        "AArch64",
        "al1_ret pop1_ret frame_align32_leave resultqword0_ret frame_storest0_leave",
    ),
    ("riscv64gc-unknown-linux-gnu", "RISC-V", "al1_ret"),
    (
        "s390x-unknown-linux-gnu",
        "s390x",
        "al1_ret chainint5_ret frame_saveints_leave frame_loadsd4_leave",
    ),
];

/// A stub of another machine's steps, or of too large an area, has a name and no code.
#[test]
fn stubs_without_code() {
    let refusal = |target, name: &str| {
        let stub = Stub::from_name(&format!("__clif_cabi_{name}")).unwrap();
        stub.code(machine(target), false).unwrap_err().to_string()
    };
    let words = "chainint jumpint result pusharea al pop align store saveints load";
    for (target, machine_name, names) in LACKING {
        for name in names.split(' ') {
            let step = name.trim_start_matches("frame_");
            let words = words.split(' ').filter(|word| step.starts_with(word));
            let word = words.max_by_key(|word| word.len()).unwrap();
            let why = format!("{machine_name} has no stub step `{word}`");
            assert_eq!(refusal(target, name), why);
        }
    }
    for (target, name) in [
        ("x86_64-unknown-linux-gnu", "al1_jumpafter2147483640"),
        (
            "x86_64-unknown-linux-gnu",
            "frame_callafter4294967295_leave",
        ),
        ("aarch64-unknown-linux-gnu", "chain32768_ret"),
        ("riscv64gc-unknown-linux-gnu", "chain2048_ret"),
        ("riscv64gc-unknown-linux-gnu", "frame_skip2048_leave"),
        ("s390x-unknown-linux-gnu", "chain524288_ret"),
        ("s390x-unknown-linux-gnu", "chain4294967295_ret"),
        // Less than a page below the stack pointer, and more than one below what the frame stores.
        ("s390x-unknown-linux-gnu", "frame_skip4056_leave"),
        ("aarch64-unknown-linux-gnu", "frame_skip4096_leave"),
    ] {
        let large = "the argument area is too large for a stub";
        assert_eq!(refusal(target, name), large);
    }
}
