//! What C does not allow, or a convention has no place for, is an error that says so: each with its exact words.

#![allow(
    clippy::unwrap_used,
    reason = "a test that meets an unexpected error stops there"
)]

use cabi::convention::Role;
use cabi::{
    BoolVector, DataModel, FnAbi, FnSig, Member, Policy, RecordBuilder, Target, Type, X86_64_SYSV,
    X86_64_WIN64, explain,
};

const LP64: DataModel = DataModel::LP64;

fn structure() -> RecordBuilder {
    RecordBuilder::structure("s")
}

fn refused(result: Result<Type, cabi::Error>, message: &str) {
    assert_eq!(result.unwrap_err().to_string(), message);
}

/// A table: what is refused, and the words.
macro_rules! each {
    ($check:ident; $($refused:expr => $words:expr;)*) => {
        $($check($refused, &$words.to_string());)*
    };
}

#[test]
fn scalars_and_vectors() {
    let no_enum = "an enumeration is made of an integer type";
    let no_complex = "the parts of a complex number are floats or integers";
    each! { refused;
        Type::enumeration(&Type::F32) => format!("float: {no_enum}");
        Type::enumeration(&Type::PTR) => format!("void *: {no_enum}");
        Type::enumeration(&Type::VOID) => format!("void: {no_enum}");
        Type::complex(&Type::BOOL) => format!("_Bool: {no_complex}");
        Type::complex(&Type::PTR) => format!("void *: {no_complex}");
        Type::complex(&Type::DEC64) => format!("_Decimal64: {no_complex}");
    }
    let no_bools = "_Bool: a vector of bools has 1 to 512 lanes";
    let bits = "a `_BitInt` has 1 to 65535 bits, and a signed one at least 2";
    let no_lane = "the lanes of a vector are integers or floats";
    each! { refused;
        Type::vector(&Type::F80, 1) => format!("long double: {no_lane}");
        Type::vector(&Type::PTR, 2) => format!("void *: {no_lane}");
        Type::vector(&Type::BOOL, 4) => format!("_Bool: {no_lane}");
        Type::vector(&Type::VOID, 4) => format!("void: {no_lane}");
        Type::vector(&Type::F32, 0) => "float: a vector has 1 to 64 bytes";
        Type::vector(&Type::F32, 32) => "float: a vector has 1 to 64 bytes";
        Type::vector(&Type::F64, u16::MAX) => "double: a vector has 1 to 64 bytes";
        Type::bool_vector(0, BoolVector::Zig) => no_bools;
        Type::bool_vector(513, BoolVector::Clang) => no_bools;
        LP64.bit_int(0, false) => format!("unsigned _BitInt(0): {bits}");
        LP64.bit_int(1, true) => format!("_BitInt(1): {bits}");
    }
}

#[test]
fn alignments_and_atomics() {
    let limits = "alignments are powers of two up to 268435456";
    for align in [0, 3, u32::MAX, 1 << 29] {
        let why = format!("an alignment of {align} bytes: {limits}");
        refused(Type::I32.with_align(align), &why);
    }
    let no_atomic = "`_Atomic` needs a scalar, or a record of 1, 2, 4, 8 or 16 bytes";
    let three = Type::parse("struct s { char x[3]; }", &LP64).unwrap();
    each! { refused;
        structure().aligned(24).build(&LP64) => format!("an alignment of 24 bytes: {limits}");
        structure().pack(5).build(&LP64) => format!("an alignment of 5 bytes: {limits}");
        structure().member(Member::named("x", Type::I32).aligned(6)).build(&LP64) => format!("an alignment of 6 bytes: {limits}");
        Type::array(&Type::I8, 4).unwrap().atomic() => format!("signed char[4]: {no_atomic}");
        Type::VOID.atomic() => format!("void: {no_atomic}");
        three.atomic() => format!("struct s: {no_atomic}");
    }
}

#[test]
fn arrays() {
    let incomplete = "an array needs elements of a complete type";
    let huge = "the size does not fit the address space";
    each! { refused;
        Type::array(&Type::VOID, 1) => format!("void: {incomplete}");
        Type::array(&Type::FUNCTION, 1) => format!("function: {incomplete}");
        Type::array(&Type::flexible_array(&Type::I32).unwrap(), 2) => format!("int[]: {incomplete}");
        Type::array(&Type::I32.with_align(16).unwrap(), 2) => "int: the size of an array's elements is no multiple of their alignment";
        Type::array(&Type::I64, u64::MAX) => format!("long long: {huge}");
        Type::array(&Type::I8, 1 << 61) => format!("signed char: {huge}");
    }
}

#[test]
fn members() {
    let bad = |member: Member, message: &str| {
        let result = structure()
            .member(member)
            .field("end", Type::I8)
            .build(&LP64);
        refused(result, &format!("struct s, field {message}"));
    };
    each! { bad;
        Member::named("x", Type::VOID) => "x: a member needs a complete object type, and void is none";
        Member::named("x", Type::FUNCTION) => "x: a member cannot be a function; a pointer to one can";
        Member::named("x", Type::flexible_array(&Type::I8).unwrap()) => "x: a flexible array member must be the last member of a structure";
        Member::anonymous(Type::I32) => "<anonymous>: only structures and unions can be anonymous members";
        Member::bit_field("x", Type::F32, 3) => "x: a bit-field has an integer type";
        Member::bit_field("x", Type::PTR, 3) => "x: a bit-field has an integer type";
        Member::bit_field("x", Type::BOOL, 2) => "x: a bit-field of 2 bits is wider than its type, _Bool, which has 1";
        Member::bit_field("x", Type::I32, 40) => "x: a bit-field of 40 bits is wider than its type, int, which has 32";
        Member::bit_field("x", Type::I32, 0) => "x: a bit-field of width 0 has no name";
        Member::named("x", Type::I32).at(4) => "x: it has an offset of its own, which only `build_at` takes";
    }
    let rest = Type::flexible_array(&Type::I8).unwrap();
    each! { refused;
        RecordBuilder::union("u").field("x", rest).build(&LP64) => "union u, field x: a flexible array member must be the last member of a structure";
    }
}

#[test]
fn given_layouts() {
    let at = |offset| Member::named("x", Type::I32).at(offset);
    let after = "struct s, field x: it ends after the end of the record";
    each! { refused;
        structure().field("x", Type::I32).build_at(4, 4) => "struct s, field x: it has no offset";
        structure().member(at(1)).build_at(4, 4) => after;
        structure().member(at(u64::MAX)).build_at(4, 4) => after;
        structure().member(at(0)).member(Member::named("y", Type::I16).at(3)).build_at(8, 4) => "struct s, field y: it overlaps another member";
        structure().member(Member::named("x", Type::I8).at_bit(3)).build_at(4, 4) => "struct s, field x: only a bit-field starts inside a byte";
        RecordBuilder::union("u").member(at(4)).build_at(8, 4) => "union u, field x: members of a union start at offset 0";
    }
}

#[test]
fn transparent_unions() {
    let why = "a transparent union needs a first member as large as every other";
    let union = || RecordBuilder::union("u").transparent();
    each! { refused;
        structure().transparent().field("x", Type::I32).build(&LP64) => format!("struct s: {why}");
        union().build(&LP64) => format!("union u: {why}");
        union().field("x", Type::I32).field("y", Type::F64).build(&LP64) => format!("union u: {why}");
    }
}

#[test]
fn size_and_depth() {
    let big = Type::array(&Type::I8, 1 << 60).unwrap();
    let two = structure().field("a", big.clone()).field("b", big);
    let why = "struct s: the size does not fit the address space";
    refused(two.build(&LP64), why);
    let limits = "types nest at most 128 deep and have at most 65536 members";
    type Deeper = fn(&Type) -> Result<Type, cabi::Error>;
    let deeper: [Deeper; 3] = [
        |ty| structure().field("inner", ty.clone()).build(&LP64),
        |ty| Type::array(ty, 1),
        // A union of itself twice doubles its members each time, not its size.
        |ty| {
            let union = RecordBuilder::union("u").field("a", ty.clone());
            union.field("b", ty.clone()).build(&LP64)
        },
    ];
    for deeper in deeper {
        let mut ty = Type::I32;
        let error = loop {
            match deeper(&ty) {
                Ok(next) => ty = next,
                Err(error) => break error.to_string(),
            }
        };
        assert_eq!(error.split_once(": ").map(|(_, why)| why), Some(limits));
    }
    let of_members = |n: u32| {
        let members = (0..n).fold(structure(), |record, _| record.field("", Type::I8));
        members.build(&LP64)
    };
    assert_eq!(of_members(65_536).map(|ty| ty.size()), Ok(65_536));
    refused(of_members(65_537), &format!("struct s: {limits}"));
}

/// Refused as a signature, and by the explanation, with these words.
fn refused_call(sig: &FnSig, message: &str) {
    let target = &Target::X86_64_LINUX;
    assert_eq!(FnAbi::new(sig, target).unwrap_err().to_string(), message);
    assert_eq!(explain(sig, &[], target).unwrap_err().to_string(), message);
}

#[test]
fn signatures() {
    let on_linux = "(x86_64-unknown-linux-gnu)";
    let array = Type::array(&Type::I32, 2).unwrap();
    let why = "C passes and returns no array: write a pointer (`DataModel::pointer`), or a structure with the array as its one member";
    let printf = FnSig::new([Type::PTR], Type::I32).variadic();
    let bools = Type::bool_vector(128, BoolVector::Clang).unwrap();
    let huge = Type::parse("struct s { char a[1099511627776]; }", &LP64).unwrap();
    each! { refused_call;
        &FnSig::new([Type::I32, Type::VOID], Type::VOID) => format!("void: an argument needs a complete object type {on_linux}");
        &FnSig::new([], array.clone()) => format!("int[2]: {why} {on_linux}");
        &FnSig::new([array.clone()], Type::VOID) => format!("int[2]: {why} {on_linux}");
        &printf.at_call([array.clone()]).unwrap() => format!("int[2]: {why} {on_linux}");
        &FnSig::new([], Type::FUNCTION) => format!("function: a function cannot return this {on_linux}");
        &FnSig::new([bools], Type::VOID) => "_Bool vector[128]: clang passes its vectors of more than 64 bools as no rule says (x86-64 System V)";
        &FnSig::new([huge], Type::VOID) => format!("struct s: the arguments take more than 2 GiB of stack {on_linux}");
    }
    for role in [Role::Named, Role::Unnamed, Role::Result] {
        let error = FnAbi::classify(&printf, &array, role, &Target::X86_64_LINUX).unwrap_err();
        assert_eq!(error.to_string(), format!("int[2]: {why} {on_linux}"));
    }
    let error = FnSig::new([Type::I32], Type::I32).at_call([Type::I32]);
    let why = "signature: only a variadic function takes unnamed arguments";
    assert_eq!(error.unwrap_err().to_string(), why);
}

#[test]
fn unnamed_arguments_that_clangs_va_arg_does_not_find() {
    let mixed = Type::parse("struct s { int n; double x; }", &LP64).unwrap();
    let five = std::iter::repeat_n(Type::I64, 5);
    let types: Vec<Type> = five.chain([Type::I128, mixed]).collect();
    let place = |sig: &FnSig, policy| {
        let abi = FnAbi::new(&sig.clone().policy(policy), &Target::X86_64_LINUX).unwrap();
        abi.args[6].place.to_string()
    };
    let named = FnSig::new(types.clone(), Type::VOID);
    let unnamed = FnSig::new(types[..6].to_vec(), Type::VOID).variadic();
    let unnamed = unnamed.at_call(types[6..].to_vec()).unwrap();
    refused_call(
        &unnamed.clone().policy(Policy::CLANG),
        "struct s: clang counts other registers than it uses, here or for what stands before: its va_arg looks elsewhere than its callers \
         put it (x86_64-unknown-linux-gnu)",
    );
    assert_eq!(place(&named, Policy::CLANG), "stack 16..20 xmm0");
    for sig in [named, unnamed] {
        assert_eq!(place(&sig, Policy::GCC), "r9 xmm0");
        assert_eq!(
            place(&sig, Policy::CLANG.without(Policy::RECORDS_GO_BY_COUNT)),
            "stack 16..32 align 8"
        );
    }
}

/// A static chain is a pointer of the target, of any size.
#[test]
fn static_chains_of_other_models() {
    for (name, place) in [
        ("riscv32gc-unknown-linux-gnu", "t2"),
        ("riscv64gc-unknown-linux-gnu", "t2"),
        ("xcore", "r11"),
    ] {
        let target = Target::named(name).unwrap();
        let sig = FnSig::new([Type::I32], Type::VOID).static_chain(target.data_model());
        let abi = FnAbi::new(&sig, &target).unwrap();
        assert_eq!(abi.args[1].place.to_string(), place, "{name}");
    }
    // gcc has s390x's in r0; Apple's systems reserve x18.
    for name in ["s390x-unknown-linux-gnu", "aarch64-apple-darwin"] {
        let target = Target::named(name).unwrap();
        let sig = FnSig::new([Type::I32], Type::VOID).static_chain(target.data_model());
        let error = FnAbi::new(&sig, &target).unwrap_err().to_string();
        let why = "void *: the convention has no register for a static chain";
        assert_eq!(error, format!("{why} ({name})"));
    }
    let linux = Target::X86_64_LINUX;
    let other = FnSig::new([], Type::VOID).static_chain(&DataModel::ILP32);
    assert!(FnAbi::new(&other, &linux).is_err());
}

#[test]
fn targets() {
    let unknown = "no C calling convention is known for it";
    // The last five look like one that is known: their `long double`, `long` or convention is another.
    for triple in "wasm32-unknown-unknown m68k-unknown-linux-gnu x86_64-unknown-uefi x86_64-pc-cygwin aarch64-unknown-uefi i686-apple-darwin \
                   i686-linux-android"
        .split(' ')
    {
        let error = Target::new(&triple.parse().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), format!("{triple}: {unknown}"));
    }
    // Compilers do not agree on floats where there is no system.
    let bare = Target::named("riscv64-unknown-none-elf").unwrap();
    let error = FnAbi::new(&FnSig::new([Type::F64], Type::VOID), &bare).unwrap_err();
    let error = error.to_string();
    assert!(error.ends_with("riscv64gc and riscv64imac do"), "{error}");
    let csky = Target::named("csky-unknown-linux-gnu");
    assert_eq!(csky, Ok(Target::CSKY_LINUX));
    assert!(Target::named("csky-unknown-linux-gnuabiv1").is_err());
    let android = Target::named("x86_64-linux-android").unwrap();
    assert_eq!(android.data_model().long_double(), Type::F128);
    // Its layout is known, its convention is not.
    let arm = Target::named("aarch64_be-unknown-linux-gnu").unwrap();
    let sig = FnSig::new([Type::I32], Type::I32);
    let error = FnAbi::new(&sig, &arm).unwrap_err().to_string();
    assert_eq!(error, format!("aarch64_be-unknown-linux-gnu: {unknown}"));
    assert!(FnAbi::new(&sig.clone().convention(&X86_64_SYSV), &arm).is_ok());
    assert!(FnAbi::new(&sig.convention(&X86_64_WIN64), &arm).is_ok());
}
