//! The bytes of stubs against an assembler.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use clif_cabi_plan::{Machine, RelocKind, Step, Stub, StubCode, VectorMove, VectorWidth};

use super::{NUMBERS, framed, in_frame, stubs};

/// The integer registers of System V's parameters.
const INTS: [&str; 6] = ["rdi", "rsi", "rdx", "rcx", "r8", "r9"];

/// The instructions of a step, as the docs of [`Step`] state them. `None`: it cannot be encoded.
fn assembly(step: Step, pic: bool) -> Option<String> {
    let x87 = |name: &str, i: u8| format!("{name} tbyte ptr [rdi + {}]\n", 16 * i);
    Some(match step {
        Step::SetVectorCount(n) => format!("mov eax, {n}\n"),
        Step::VectorsToInts(positions) => {
            let ints = ["rcx", "rdx", "r8", "r9"].iter().enumerate();
            let copied = ints.filter(|(n, _)| positions & 1 << n != 0);
            copied
                .map(|(n, int)| format!("movq {int}, xmm{n}\n"))
                .collect()
        }
        Step::Pop(n) => (0..n).map(|i| x87("fstp", i)).collect(),
        Step::Push(n) => (0..n).rev().map(|i| x87("fld", i)).collect(),
        Step::Jump(callee) if pic => format!("jmp f{callee}@PLT\n"),
        Step::Jump(callee) => format!("movabs r11, offset f{callee}\njmp r11\n"),
        Step::Call(callee) if pic => format!("call f{callee}@PLT\n"),
        Step::Call(callee) => format!("movabs r11, offset f{callee}\ncall r11\n"),
        Step::JumpAfter(area) => format!(
            "{{disp32}} jmp qword ptr [rsp + {}]\n",
            word_after(area, 8)?
        ),
        Step::CallAfter(area) => format!(
            "{{disp32}} call qword ptr [rbp + {}]\n",
            word_after(area, 16)?
        ),
        Step::LoadChain(area) => format!(
            "{{disp32}} mov r10, qword ptr [rsp + {}]\n",
            word_after(area, 8)?
        ),
        Step::Address(area) => format!(
            "{{disp32}} mov r11, qword ptr [rsp + {}]\n",
            word_after(area, 8)?
        ),
        Step::AddressInFrame(area) => format!(
            "{{disp32}} mov r11, qword ptr [rbp + {}]\n",
            word_after(area, 16)?
        ),
        Step::ZeroUpper => "vzeroupper\n".to_string(),
        Step::ReturnAddress => "mov rax, r11\n".to_string(),
        Step::ChainToInt(n) => format!("mov {}, r10\n", INTS[usize::from(n)]),
        Step::JumpInt(n) => format!("jmp {}\n", INTS[usize::from(n)]),
        Step::ChainToVector(n) => format!("movq xmm{n}, r10\n"),
        Step::Return => "ret\n".to_string(),
        step => of_frame(step).or_else(|| of_vector(step))?,
    })
}

/// The instructions of a step that opens, fills or closes a frame.
fn of_frame(step: Step) -> Option<String> {
    Some(match step {
        Step::Frame => "push rbp\nmov rbp, rsp\n".to_string(),
        Step::Align(align @ ..4096) => format!("and rsp, -{align}\n"),
        Step::Align(align) => {
            let bits = align - 1;
            format!("1: test rsp, {bits}\nje 2f\npush 0\njmp 1b\n2:\n")
        }
        Step::Skip(bytes @ ..4096) => format!("sub rsp, {bytes}\n"),
        Step::Skip(bytes) => word_by_word(bytes, "0"),
        Step::Copy(area @ ..=128) => (0..area / 8)
            .rev()
            .map(|word| format!("push qword ptr [rbp + {}]\n", 16 + 8 * word))
            .collect(),
        Step::Copy(area) => word_by_word(area, "qword ptr [rbp + r11 + 8]"),
        Step::PushAddress => "push r11\n".to_string(),
        Step::PushChain => "push r10\n".to_string(),
        Step::PushArea(shadow) => format!("lea r11, [rbp + {}]\npush r11\n", 16 + shadow),
        Step::Leave => "leave\nret\n".to_string(),
        Step::AddressOfSkipped => "mov r11, rsp\n".to_string(),
        _ => return None,
    })
}

/// The instruction of a step that moves a vector.
fn of_vector(step: Step) -> Option<String> {
    Some(match step {
        Step::Load(own) => {
            let (name, register, address) = vector_move(own, "r11");
            format!("{name} {register}, {address}\n")
        }
        Step::Store(own) => {
            let (name, register, address) = vector_move(own, "r11");
            format!("{name} {address}, {register}\n")
        }
        Step::LoadResult(own) => {
            let (name, register, address) = vector_move(own, "rdi");
            format!("{name} {register}, {address}\n")
        }
        _ => return None,
    })
}

/// The word after an argument area of `area` bytes, which starts `from` bytes from the base.
fn word_after(area: u32, from: i32) -> Option<i32> {
    i32::try_from(area).ok()?.checked_add(from)
}

/// The instruction of a move, the register, and the address of the object.
fn vector_move(own: VectorMove, base: &str) -> (&'static str, String, String) {
    let (name, register, width) = match (own.width, own.offset) {
        (VectorWidth::V128, 0) => ("movups", "xmm", "xmmword"),
        (VectorWidth::V128, _) => ("{disp32} movups", "xmm", "xmmword"),
        (VectorWidth::V256, 0) => ("vmovups", "ymm", "ymmword"),
        (VectorWidth::V256, _) => ("{disp32} vmovups", "ymm", "ymmword"),
        (VectorWidth::V512, 0) => ("vmovups", "zmm", "zmmword"),
        (VectorWidth::V512, _) => ("{disp32} vmovups", "zmm", "zmmword"),
    };
    let register = format!("{register}{}", own.register);
    (
        name,
        register,
        format!("{width} ptr [{base} + {}]", own.offset),
    )
}

/// `bytes` are pushed in a loop.
fn word_by_word(bytes: u32, what: &str) -> String {
    format!("mov r11d, {bytes}\n1: push {what}\nsub r11, 8\njne 1b\n")
}

/// A folder that is deleted at the end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

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

/// Bytes from an aligned stub to the next.
const STRIDE: usize = 256;
/// The byte after each stub.
const END: u8 = 0xcc;

/// How a machine's stubs are written as assembly text, and the tools that read it.
pub(crate) struct Assembler {
    pub(crate) machine: &'static Machine,
    /// What the names of the tools begin with.
    pub(crate) tools: &'static str,
    /// What the text begins with.
    pub(crate) syntax: &'static str,
    /// The instructions of a step.
    pub(crate) step: fn(Step, bool) -> Option<String>,
    /// A relocation's name and addend, as `objdump -r` lists them.
    pub(crate) reloc: fn(RelocKind, &StubCode) -> (&'static str, &'static str),
}

const X86_64: Assembler = Assembler {
    machine: Machine::X86_64,
    tools: "",
    syntax: ".intel_syntax noprefix\n",
    step: assembly,
    reloc: |kind, _| match kind {
        RelocKind::NearCall => ("R_X86_64_PLT32", "-0x0000000000000004"),
        RelocKind::Address => ("R_X86_64_64", ""),
    },
};

/// What `as` makes of `stubs`: the bytes of all, [`STRIDE`] for each, with [`END`] after its own; and its relocations as `objdump -r` lists them.
fn assembled(own: &Assembler, stubs: &[Stub], pic: bool) -> (Vec<u8>, Vec<String>) {
    let name = format!("clif-cabi-stubs-{}-{}{pic}", std::process::id(), own.tools);
    let folder = Folder(std::env::temp_dir().join(name));
    std::fs::create_dir_all(&folder.0).unwrap();
    let mut text = own.syntax.to_string();
    for stub in stubs {
        for step in stub.steps() {
            text.push_str(&(own.step)(*step, pic).unwrap());
        }
        writeln!(text, ".byte {END}\n.balign {STRIDE}").unwrap();
    }
    std::fs::write(folder.0.join("stubs.s"), text).unwrap();
    let tool = |name| format!("{}{name}", own.tools);
    run(&tool("as"), &["stubs.s", "-o", "stubs.o"], &folder.0);
    let flat = ["-O", "binary", "-j", ".text", "stubs.o", "stubs.bin"];
    run(&tool("objcopy"), &flat, &folder.0);
    let relocs = run(&tool("objdump"), &["-r", "stubs.o"], &folder.0);
    let relocs = relocs.lines().filter(|line| line.contains(" R_"));
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let bytes = std::fs::read(folder.0.join("stubs.bin")).unwrap();
    let mut relocs: Vec<String> = relocs.map(words).collect();
    // By their offsets: `as` writes some early.
    relocs.sort_unstable();
    (bytes, relocs)
}

/// The relocation of the stub at `start`, as `objdump -r` lists it.
fn listed(own: &Assembler, code: &StubCode, start: usize) -> Option<String> {
    let reloc = code.reloc?;
    let (kind, addend) = (own.reloc)(reloc.kind, code);
    assert_eq!(reloc.addend == -4, !addend.is_empty());
    let offset = start + reloc.offset as usize;
    Some(format!("{offset:016x} {kind} f{}{addend}", reloc.callee))
}

pub(crate) fn encodable() -> Vec<Stub> {
    let mut steps: Vec<Step> = [0, 1, 8, 255].map(Step::SetVectorCount).to_vec();
    steps.extend((1..16).map(Step::VectorsToInts));
    steps.extend((1..=8).map(Step::Pop));
    steps.extend((1..=8).map(Step::Push));
    steps.extend(NUMBERS.map(Step::Jump));
    for with_area in [Step::JumpAfter, Step::LoadChain, Step::Address] {
        let areas = NUMBERS.map(with_area).into_iter();
        steps.extend(areas.filter(|step| assembly(*step, true).is_some()));
    }
    steps.extend((0..6).map(Step::ChainToInt));
    steps.extend((0..6).map(Step::JumpInt));
    steps.extend((0..8).map(Step::ChainToVector));
    steps.push(Step::Return);
    [stubs(&steps), framed(&in_frame())].concat()
}

#[test]
fn bytes_are_those_of_an_assembler() {
    compare(&X86_64, &encodable());
}

/// Compares bytes and relocations of `stubs` with the assembler's.
pub(crate) fn compare(own: &Assembler, stubs: &[Stub]) {
    assert!(stubs.len() > 60, "{} stubs", stubs.len());
    for pic in [true, false] {
        let (bytes, relocs) = assembled(own, stubs, pic);
        let mut own_relocs = Vec::new();
        for (i, stub) in stubs.iter().enumerate() {
            let code = stub.code(own.machine, pic).unwrap();
            let assembled = &bytes[i * STRIDE..][..STRIDE];
            let (found, filled) = assembled.split_at(code.bytes.len());
            assert_eq!(code.bytes, found, "{stub:?}");
            assert_eq!(filled[0], END, "{stub:?}: {filled:?}");
            own_relocs.extend(listed(own, &code, i * STRIDE));
        }
        let mut pairs = own_relocs.iter().zip(&relocs);
        assert_eq!(pairs.find(|(own, listed)| own != listed), None);
        assert_eq!(own_relocs.len(), relocs.len());
    }
}
