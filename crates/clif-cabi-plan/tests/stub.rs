//! Stubs against an assembler and a disassembler: their bytes and relocations are those that `as` makes of the instructions that the docs state,
//! and their unwind rows are where the instructions leave rsp.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use cabi::{Reg, x86_64};
use clif_cabi_plan::{RelocKind, Step, Stub, StubCode, UnwindRow, VectorMove, VectorWidth};
use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, Register};

/// Numbers at the edges of their types, and some between.
const NUMBERS: [u32; 10] = [
    0,
    1,
    7,
    8,
    127,
    128,
    4096,
    0x1234_5678,
    i32::MAX as u32,
    u32::MAX,
];

/// Every stub with one or two steps of `steps`, in each order that is allowed.
fn stubs(steps: &[Step]) -> Vec<Stub> {
    let one = steps.iter().filter_map(|step| Stub::new(&[*step]));
    let two = steps.iter().flat_map(|first| {
        let second = steps.iter();
        second.filter_map(|second| Stub::new(&[*first, *second]))
    });
    one.chain(two).collect()
}

/// Every stub with a frame in which there are one or two steps of `steps`.
fn framed(steps: &[Step]) -> Vec<Stub> {
    let in_frame = |first: &[Step]| Stub::new(&[&[Step::Frame], first, &[Step::Leave]].concat());
    let one = steps.iter().filter_map(|step| in_frame(&[*step]));
    let two = steps.iter().flat_map(|first| {
        let second = steps.iter();
        second.filter_map(|second| in_frame(&[*first, *second]))
    });
    one.chain(two).collect()
}

/// Steps in a frame: the numbers at which their bytes change, and some between.
fn in_frame() -> Vec<Step> {
    let mut steps = vec![Step::SetAl(1), Step::PushChain];
    steps.extend([0, 32, 111].map(Step::PushArea));
    steps.extend([
        Step::AddressOfSkipped,
        Step::PushAddress,
        Step::ReturnAddress,
        Step::ZeroUpper,
    ]);
    steps.extend([0, 8, 0x7fff_ffe8].map(Step::AddressInFrame));
    steps.extend(vector_moves().into_iter().step_by(13));
    steps.extend([0, u32::MAX].map(Step::Call));
    steps.extend([0, 8, 0x7fff_ffe8].map(Step::CallAfter));
    steps.extend([16, 128, 256, 2048, 4096, 1 << 28].map(Step::Align));
    steps.extend([8, 120, 128, 4088, 4096, 0x0012_3450].map(Step::Skip));
    steps.extend([8, 112, 120, 128, 136, 0x7fff_fff8].map(Step::Copy));
    steps
}

/// Moves of every vector register, width and direction, at the edges of offsets.
fn vector_moves() -> Vec<Step> {
    let widths = [VectorWidth::Xmm, VectorWidth::Ymm, VectorWidth::Zmm];
    let directions = [Step::Load, Step::Store, Step::LoadResult];
    let mut steps = Vec::new();
    for (direction, width) in directions.into_iter().flat_map(|d| widths.map(|w| (d, w))) {
        let offsets = [0, 64, i32::MAX as u32].into_iter().cycle();
        steps.extend((0..8).zip(offsets).map(|(register, offset)| {
            direction(VectorMove {
                width,
                register,
                offset,
            })
        }));
    }
    steps
}

fn all_steps() -> Vec<Step> {
    let mut steps: Vec<Step> = (0..=u8::MAX).map(Step::SetAl).collect();
    steps.extend((1..16).map(Step::VectorsToInts));
    steps.extend((1..=8).map(Step::Pop));
    steps.extend((1..=8).map(Step::Push));
    steps.extend(NUMBERS.map(Step::Jump));
    steps.extend(NUMBERS.map(Step::JumpAfter));
    steps.extend(NUMBERS.map(Step::LoadChain));
    steps.extend(NUMBERS.map(Step::Address));
    steps.extend(vector_moves());
    steps.push(Step::ZeroUpper);
    steps.extend((0..6).map(Step::ChainToInt));
    steps.extend((0..8).map(Step::ChainToVector));
    steps.push(Step::Return);
    steps
}

#[test]
fn a_name_tells_the_steps() {
    let mut names = std::collections::HashSet::new();
    let stubs = [stubs(&all_steps()), framed(&in_frame())].concat();
    assert!(stubs.len() > 5000, "{} stubs", stubs.len());
    for stub in stubs {
        let name = stub.name();
        assert_eq!(Stub::from_name(&name), Some(stub.clone()), "{name}");
        assert!(
            names.insert(name.clone()),
            "{name} is the name of two stubs"
        );
        // Another name is that of another stub, or of none.
        for (i, _) in name.char_indices() {
            for changed in [
                name[..i].to_string(),
                format!("{}0{}", &name[..i], &name[i..]),
                format!("{}_{}", &name[..i], &name[i..]),
            ] {
                let other = Stub::from_name(&changed);
                let right = other
                    .as_ref()
                    .is_none_or(|other| *other != stub && other.name() == changed);
                assert!(right, "{changed}: {other:?}");
            }
        }
    }
}

#[test]
fn names_of_no_stub() {
    let none = [
        "",
        "memcpy",
        "__clif_cabi_",
        "__clif_cabi_ret_ret",
        "__clif_cabi_al1",
        "__clif_cabi_al256_ret",
        "__clif_cabi_al_ret",
        "__clif_cabi_al01_ret",
        "__clif_cabi_al+1_ret",
        "__clif_cabi_pop1_ret",
        "__clif_cabi_pop0_ret",
        "__clif_cabi_pop9_ret",
        "__clif_cabi_both0_jump1",
        "__clif_cabi_both16_jump1",
        "__clif_cabi_jump",
        "__clif_cabi_chainint6_ret",
        "__clif_cabi_chainvector8_ret",
        "__clif_cabi_chain_ret",
        "__clif_cabi_jump4294967296",
        "__clif_cabi_loadymm8_ret",
        "__clif_cabi_loadymm_ret",
        "__clif_cabi_loadymm0at0_ret",
        "__clif_cabi_loadymm0at2147483648_ret",
        "__clif_cabi_zeroupper1_ret",
        "__clif_cabi_al1at16_ret",
        "__clif_cabi_returnaddress_ret",
        "__clif_cabi_frame_address8_leave",
        "__clif_cabi_frame_ret",
        "__clif_cabi_frame_chain8_leave",
        "__clif_cabi_frame_frame_leave",
        "__clif_cabi_frame_call1_call2_leave",
        "__clif_cabi_leave",
        "__clif_cabi_align32_frame_leave",
        "__clif_cabi_frame_align8_leave",
        "__clif_cabi_frame_align48_leave",
        "__clif_cabi_frame_align536870912_leave",
        "__clif_cabi_frame_skip0_leave",
        "__clif_cabi_frame_skip12_leave",
        "__clif_cabi_frame_copy0_leave",
        "__clif_cabi_frame_copy2147483648_leave",
        "__clif_cabi_ret0",
        "__clif_cabi_pop_ret_",
        "__clif_cabi_drain_x87",
        "clif_cabi_pop_ret",
    ];
    for name in none {
        assert_eq!(Stub::from_name(name), None, "{name}");
    }
}

/// The instructions of a step, as the docs of [`Step`] state them. `None`: it cannot be encoded.
fn assembly(step: Step, pic: bool) -> Option<String> {
    let x87 = |name: &str, i: u8| format!("{name} tbyte ptr [rdi + {}]\n", 16 * i);
    Some(match step {
        Step::SetAl(n) => format!("mov eax, {n}\n"),
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
        Step::Address(area) => format!(
            "{{disp32}} mov r11, qword ptr [rsp + {}]\n",
            word_after(area, 8)?
        ),
        Step::AddressInFrame(area) => format!(
            "{{disp32}} mov r11, qword ptr [rbp + {}]\n",
            word_after(area, 16)?
        ),
        Step::AddressOfSkipped => "mov r11, rsp\n".to_string(),
        Step::PushAddress => "push r11\n".to_string(),
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
        Step::ZeroUpper => "vzeroupper\n".to_string(),
        Step::ReturnAddress => "mov rax, r11\n".to_string(),
        Step::PushChain => "push r10\n".to_string(),
        Step::PushArea(shadow) => format!("lea r11, [rbp + {}]\npush r11\n", 16 + shadow),
        Step::Leave => "leave\nret\n".to_string(),
        Step::ChainToInt(n) => {
            let reg = ["rdi", "rsi", "rdx", "rcx", "r8", "r9"][usize::from(n)];
            format!("mov {reg}, r10\n")
        }
        Step::ChainToVector(n) => format!("movq xmm{n}, r10\n"),
        _ => "ret\n".to_string(),
    })
}

/// The word after an argument area of `area` bytes, which starts `from` bytes from the base.
fn word_after(area: u32, from: i32) -> Option<i32> {
    i32::try_from(area).ok()?.checked_add(from)
}

/// The instruction of a move, the register, and the address of the object.
fn vector_move(own: VectorMove, base: &str) -> (&'static str, String, String) {
    let (name, register, width) = match (own.width, own.offset) {
        (VectorWidth::Xmm, 0) => ("movups", "xmm", "xmmword"),
        (VectorWidth::Xmm, _) => ("{disp32} movups", "xmm", "xmmword"),
        (VectorWidth::Ymm, 0) => ("vmovups", "ymm", "ymmword"),
        (VectorWidth::Ymm, _) => ("{disp32} vmovups", "ymm", "ymmword"),
        (VectorWidth::Zmm, 0) => ("vmovups", "zmm", "zmmword"),
        (VectorWidth::Zmm, _) => ("{disp32} vmovups", "zmm", "zmmword"),
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

/// What `as` makes of `stubs`: the bytes of all, [`STRIDE`] for each, with [`END`] after its own; and its relocations as `objdump -r` lists them.
fn assembled(stubs: &[Stub], pic: bool) -> (Vec<u8>, Vec<String>) {
    let name = format!("clif-cabi-stubs-{}-{pic}", std::process::id());
    let folder = Folder(std::env::temp_dir().join(name));
    std::fs::create_dir_all(&folder.0).unwrap();
    let mut text = ".intel_syntax noprefix\n".to_string();
    for stub in stubs {
        for step in stub.steps() {
            text.push_str(&assembly(*step, pic).unwrap());
        }
        writeln!(text, ".byte {END}\n.balign {STRIDE}").unwrap();
    }
    std::fs::write(folder.0.join("stubs.s"), text).unwrap();
    run("as", &["--64", "stubs.s", "-o", "stubs.o"], &folder.0);
    let flat = ["-O", "binary", "-j", ".text", "stubs.o", "stubs.bin"];
    run("objcopy", &flat, &folder.0);
    let relocs = run("objdump", &["-r", "stubs.o"], &folder.0);
    let relocs = relocs.lines().filter(|line| line.contains("R_X86_64"));
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let bytes = std::fs::read(folder.0.join("stubs.bin")).unwrap();
    let mut relocs: Vec<String> = relocs.map(words).collect();
    // By their offsets: `as` writes some early.
    relocs.sort_unstable();
    (bytes, relocs)
}

/// The relocation of the stub at `start`, as `objdump -r` lists it.
fn listed(code: &StubCode, start: usize) -> Option<String> {
    let reloc = code.reloc?;
    let (kind, addend) = match reloc.kind {
        RelocKind::CallPlt4 => ("R_X86_64_PLT32", "-0x0000000000000004"),
        RelocKind::Abs8 => ("R_X86_64_64", ""),
    };
    assert_eq!(reloc.addend == -4, !addend.is_empty());
    let offset = start + reloc.offset as usize;
    Some(format!("{offset:016x} {kind} f{}{addend}", reloc.callee))
}

fn encodable() -> Vec<Stub> {
    let mut steps: Vec<Step> = [0, 1, 8, 255].map(Step::SetAl).to_vec();
    steps.extend((1..16).map(Step::VectorsToInts));
    steps.extend((1..=8).map(Step::Pop));
    steps.extend((1..=8).map(Step::Push));
    steps.extend(NUMBERS.map(Step::Jump));
    for with_area in [Step::JumpAfter, Step::LoadChain, Step::Address] {
        let areas = NUMBERS.map(with_area).into_iter();
        steps.extend(areas.filter(|step| assembly(*step, true).is_some()));
    }
    steps.extend((0..6).map(Step::ChainToInt));
    steps.extend((0..8).map(Step::ChainToVector));
    steps.push(Step::Return);
    [stubs(&steps), framed(&in_frame())].concat()
}

#[test]
fn bytes_are_those_of_an_assembler() {
    let stubs = encodable();
    assert!(stubs.len() > 300, "{} stubs", stubs.len());
    for pic in [true, false] {
        let (bytes, relocs) = assembled(&stubs, pic);
        let mut own_relocs = Vec::new();
        for (i, stub) in stubs.iter().enumerate() {
            let code = stub.code(pic).unwrap();
            let assembled = &bytes[i * STRIDE..][..STRIDE];
            let (own, filled) = assembled.split_at(code.bytes.len());
            assert_eq!(code.bytes, own, "{stub:?}");
            assert_eq!(filled[0], END, "{stub:?}: {filled:?}");
            own_relocs.extend(listed(&code, i * STRIDE));
        }
        let mut pairs = own_relocs.iter().zip(&relocs);
        assert_eq!(pairs.find(|(own, listed)| own != listed), None);
        assert_eq!(own_relocs.len(), relocs.len());
    }
}

#[test]
fn areas_that_are_too_large() {
    for area in [i32::MAX as u32 - 7, u32::MAX] {
        for steps in [
            &[Step::SetAl(1), Step::JumpAfter(area)][..],
            &[Step::Frame, Step::CallAfter(area), Step::Leave],
        ] {
            let error = Stub::new(steps).unwrap().code(false).unwrap_err();
            let message = "the argument area is too large for a stub";
            assert_eq!(error.to_string(), message);
        }
    }
}

/// Where the caller is, as the instructions so far have left it.
#[derive(Debug)]
struct Frame {
    /// Bytes from rsp to the CFA. `None`: not known any more.
    depth: Option<i32>,
    /// Whether rbp is 16 bytes from the CFA.
    is_based: bool,
    /// Where the caller's rbp is, from the CFA. `None`: in rbp.
    saved: Option<i32>,
}

impl Frame {
    fn is_found_by(&self, row: &UnwindRow) -> bool {
        let cfa = match row.cfa.register {
            x86_64::RSP => self.depth == Some(row.cfa.offset),
            x86_64::RBP => self.is_based && row.cfa.offset == 16,
            _ => false,
        };
        let saved: Vec<(Reg, i32)> = self.saved.map(|at| (x86_64::RBP, at)).into_iter().collect();
        cfa && row.saved == saved
    }

    /// What `instruction` does to it. `None`: it does not say.
    fn after(&mut self, instruction: &Instruction) -> Option<()> {
        let writes = instruction.op0_register();
        match instruction.mnemonic() {
            Mnemonic::Push if writes == Register::RBP => self.saved = Some(-self.depth? - 8),
            Mnemonic::Mov if writes == Register::RBP => self.is_based = self.depth? == 16,
            Mnemonic::Leave if self.is_based && self.saved == Some(-16) => {
                (self.depth, self.is_based, self.saved) = (Some(8), false, None);
                return Some(());
            }
            Mnemonic::And | Mnemonic::Sub if writes == Register::RSP => self.depth = None,
            // A push in a loop is not one.
            Mnemonic::Jne | Mnemonic::Jmp | Mnemonic::Je if self.is_based => self.depth = None,
            Mnemonic::Test => {}
            Mnemonic::Pop | Mnemonic::Leave => return None,
            _ if writes == Register::RSP || writes == Register::RBP => return None,
            _ => {}
        }
        self.depth = (self.depth).map(|depth| depth - instruction.stack_pointer_increment());
        Some(())
    }
}

/// Where `code` has no unwind row that says where the caller is, by each instruction's own effect on rsp and rbp.
fn wrong_row(code: &StubCode) -> Option<String> {
    let mut decoder = Decoder::new(64, &code.bytes, DecoderOptions::NONE);
    let mut frame = Frame {
        depth: Some(8),
        is_based: false,
        saved: None,
    };
    let mut starts = Vec::new();
    while decoder.can_decode() {
        let instruction = decoder.decode();
        let at = u32::try_from(instruction.ip()).unwrap();
        starts.push(at);
        let row = code.unwind.iter().rev().find(|row| row.offset <= at);
        if !row.is_some_and(|row| frame.is_found_by(row)) {
            return Some(format!("{instruction} at {at}: {row:?}, not {frame:?}"));
        }
        // What a call takes is back after it.
        if instruction.mnemonic() != Mnemonic::Call && frame.after(&instruction).is_none() {
            return Some(format!("{instruction} at {at}: not simulated"));
        }
    }
    let mut rows = code.unwind.iter();
    let between = rows.find(|row| !starts.contains(&row.offset))?;
    Some(format!("{between:?} is at no instruction"))
}

#[test]
fn unwind_rows_follow_the_stack_pointer() {
    for stub in encodable() {
        for pic in [true, false] {
            let code = stub.code(pic).unwrap();
            assert_eq!(wrong_row(&code), None, "{stub:?}");

            for i in 0..code.unwind.len() {
                let mut wrong = code.clone();
                wrong.unwind[i].cfa.offset += 8;
                assert!(wrong_row(&wrong).is_some(), "{stub:?}");
                let mut late = code.clone();
                late.unwind[i].offset += 1;
                assert!(wrong_row(&late).is_some(), "{stub:?}");
                let mut unsaved = code.clone();
                unsaved.unwind[i].saved = match code.unwind[i].saved {
                    [] => &[(x86_64::RBP, -16)],
                    _ => &[],
                };
                assert!(wrong_row(&unsaved).is_some(), "{stub:?}");
            }
            let mut pushed = code;
            // push rbp, which no row tells of.
            pushed.bytes.insert(0, 0x55);
            assert!(wrong_row(&pushed).is_some(), "{stub:?}");
        }
    }
}
