//! Declarations read from text: spellings of types, what a declarator makes, and what is refused, where and why.
//! `tests/tests/declarations.rs` compares the same with libclang.
#![allow(clippy::unwrap_used)] // an unexpected error ends the test

use cabi::{DataModel, Declaration, FnSig, Type};

fn sig(text: &str) -> FnSig {
    let read = FnSig::parse(text, &DataModel::LP64);
    read.unwrap_or_else(|error| unreachable!("{text}: {error}"))
}

fn ty(text: &str) -> Type {
    let read = Type::parse(text, &DataModel::LP64);
    read.unwrap_or_else(|error| unreachable!("{text}: {error}"))
}

fn refused(text: &str) -> String {
    match Declaration::parse(text, &DataModel::LP64) {
        Ok(read) => unreachable!("{text}: {}", read.sig),
        Err(error) => error.to_string(),
    }
}

/// A type as `Display` writes it, and its spellings in C.
const SPELLINGS: &str = "\
signed char = char|const char|char const volatile|int8_t|signed char|char signed
unsigned char = unsigned char|char unsigned|uint8_t
short = short|short int|signed short|int short signed|int16_t
unsigned short = unsigned short int|short unsigned|char16_t
int = int|signed|signed int|int32_t|__signed__ int
unsigned int = unsigned|unsigned int|int unsigned|uint32_t
long long = long|long int|long long|long long int|signed long long int|long int long|int64_t|ptrdiff_t|ssize_t|intmax_t
unsigned long long = unsigned long|unsigned long long|unsigned long long int|long unsigned int long|size_t|uintptr_t
__int128 = __int128|signed __int128|__int128 signed|__int128_t
unsigned __int128 = unsigned __int128|__int128 unsigned|__uint128_t
_Bool = _Bool|bool
float = float|_Float32
double = double|_Float64
long double = long double|double long
__float128 = __float128|_Float128
_Complex float = float _Complex|_Complex float|__complex__ float
_Complex long double = long double _Complex|_Complex long double|double _Complex long
_Complex _Float16 = _Float16 _Complex
void * = void *|struct s *restrict|const int *__restrict const|const char *|struct opaque *|int **|void *const *restrict|int (*)[3]
void (*)() = void (*)(void)|int (*)(const void *, const void *)|double (*(*)(int))(float)";

#[test]
fn types_have_all_their_spellings() {
    for row in SPELLINGS.lines() {
        let (expected, spellings) = row.split_once(" = ").unwrap();
        for spelling in spellings.split('|') {
            assert_eq!(ty(spelling).to_string(), expected, "{spelling}");
        }
    }
    // By the target.
    assert_eq!(Type::parse("long", &DataModel::LLP64), Ok(Type::I32));
    assert_eq!(Type::parse("long double", &DataModel::LLP64), Ok(Type::F64));
    assert_eq!(Type::parse("char", &DataModel::AARCH64), Ok(Type::U8));
    assert_eq!(Type::parse("size_t", &DataModel::ILP32), Ok(Type::U32));
}

/// Declarations, and what is declared; `fn *` is a pointer to a function.
const DECLARATIONS: &str = "\
int f(int a[3], int b[], int c[static 2], char d[const restrict 4], int e[][3], int g[*]) | int (void *, void *, void *, void *, void *, void *)
void f(int g(int), void (*h)(void)) | void (fn *, fn *)
int (*f(int n))(double) | fn * (int)
int (f)(void) | int (void)
extern int f(const char *restrict format, ...); | int (void *, ...)
_Noreturn void f(int); | _Noreturn void (int)
double (double, double) | double (double, double)
int *f(int (*a)[3]) | void * (void *)
typedef int fn(int); fn f; | int (int)
typedef float row[4], *at; void f(row, at, row *); | void (void *, void *, void *)
typedef struct { int a; } const t; t f(t) | struct <anonymous> (struct <anonymous>)";

#[test]
fn declarators_read_inside_out() {
    for row in DECLARATIONS.lines() {
        let (text, expected) = row.split_once(" | ").unwrap();
        let expected = expected.replace("fn *", &Type::FN_PTR.to_string());
        assert_eq!(sig(text).to_string(), expected, "{text}");
    }
    let text = "/* one */ int // two\n f(int /* n */);";
    assert_eq!(sig(text).to_string(), "int (int)");
}

#[test]
fn records_have_members_and_tags() {
    let record = ty(
        "struct { char c; struct { short a, *b; union { float f; int i; }; } in[2]; unsigned n : 3, : 2; _Bool b : 1; long : 0; double _Complex z; }",
    );
    assert_eq!((record.size(), record.align()), (80, 8));
    assert_eq!(ty("union u { char text[5]; int n; }").size(), 8);
    assert_eq!(ty("struct { int n; char text[]; }").size(), 4);
    assert_eq!(ty("struct {}").size(), 0);
    assert_eq!(
        ty("struct { int a[0x10]; char b[010]; long c[2ul]; }").size(),
        88
    );
    // A tag is known after its members, and before them to a pointer.
    let text = "struct node { struct node *next; int n; }; typedef struct late late; struct late { struct node at; };
        struct node f(struct node, late, union { struct node n; } *)";
    let read = sig(text);
    assert_eq!(
        read.to_string(),
        "struct node (struct node, struct late, void *)"
    );
    assert_eq!(read.params()[1].ty.size(), 16);
}

/// What is refused, and where and why.
const REFUSED: &str = "\
 | byte 0, `the end`: no type of this name is known: write one of C's scalar types, `struct { .. }`, or a typedef before it
FILE *fopen(const char *) | byte 0, `FILE`: no type of this name is known: write one of C's scalar types, `struct { .. }`, or a typedef before it
int f() | byte 6, `)`: nothing is said about the parameters: write `(void)` for none
int f(...) | byte 6, `...`: C has no `...` without a parameter before it
int f(int, ..., int) | byte 14, `,`: `...` is the last of the parameters
int x | byte 0, `int`: this declares no function: write one, as `double hypot(double, double)`
int (*f)(void) | byte 0, `int`: this declares no function: write one, as `double hypot(double, double)`
int f(enum color c) | byte 6, `enum`: an enumeration: write the integer type that it has, mostly `unsigned int`
int f(_Atomic int n) | byte 6, `_Atomic`: an atomic type, which is read from headers only (cabi-header)
int f(int __attribute__((aligned(8))) n) | byte 10, `__attribute__`: an attribute, which is read from headers only (cabi-header)
static int f(int) | byte 0, `static`: a declaration of something outside has no such word: leave it out
int f(va_list) | byte 6, `va_list`: a `va_list` is another type on each target: read it by cabi-header
int f(wchar_t) | byte 6, `wchar_t`: the sign of `wchar_t` depends on the system: write the integer type that it is
int f(struct s) | byte 6, `struct`: its members are not known: write them, `struct s { int a; }`, or a pointer to it
int f(void, int) | byte 6, `void`: no object is `void`
int f(struct s { int a : 33; }) | byte 6, `struct`: struct s, field a: a bit-field of 33 bits is wider than its type, int, which has 32
int f(struct { int a; int f(void); }) | byte 22, `int`: a function is no object: write a pointer to it
int f(struct { int; }) | byte 15, `int`: this declares no member: only a structure or union without a tag needs no name
typedef struct { int a; } *p, t; struct s { t; int b; } f(void) | byte 44, `t`: this declares no member: only a structure or union without a tag needs no name
int f(unsigned __int64) | byte 15, `__int64`: a type of Microsoft's compilers: write `int64_t`, `uint64_t` and the like
int f(int while) | byte 10, `while`: a word of C's is no name
_Noreturn struct s { int a; }; int f(void) | byte 0, `_Noreturn`: this declares no function: write one, as `double hypot(double, double)`
int f(struct s { int a; }, struct s { int a; }) | byte 27, `struct`: this tag already has members
int f(struct s *, union s *) | byte 18, `union`: this tag is already that of the other kind of record
int f(int a[2 + 1]) | byte 14, `+`: a length is one number, `[3]`: expressions are not read
int f(struct { int a[static 3]; }) | byte 20, `[`: only a parameter that is an array has this
int f(const void) | byte 6, `const`: no object is `void`
int f(int restrict n) | byte 10, `restrict`: only a pointer to an object is `restrict`
int f(void (*restrict g)(void)) | byte 13, `restrict`: only a pointer to an object is `restrict`
typedef __int128 b; int f(b unsigned) | byte 28, `unsigned`: this does not go with the words before it
typedef float b; int f(_Complex b x) | byte 23, `_Complex`: these words make no type of C together
int f(int int) | byte 6, `int`: these words make no type of C together
int f(_Complex unsigned long long int int a) | byte 6, `_Complex`: these words make no type of C together
int f(long int double) | byte 6, `long`: these words make no type of C together
int f(signed unsigned) | byte 6, `signed`: these words make no type of C together
int f(_Complex void) | byte 6, `_Complex`: these words make no type of C together
int f(unsigned float) | byte 6, `unsigned`: these words make no type of C together
int f(long long long) | byte 6, `long`: these words make no type of C together
int f(int) { return 1; } | byte 11, `{`: one declaration is read, and this is after its end
int f(int)[3] | byte 5, `(`: a function returns no array: write a pointer
int f(int, int | byte 14, `the end`: a comma or a parenthesis is after a parameter
int f(§) | byte 6, `§`: no type of this name is known: write one of C's scalar types, `struct { .. }`, or a typedef before it
#include <math.h> | byte 0, `#`: no type of this name is known: write one of C's scalar types, `struct { .. }`, or a typedef before it";

#[test]
fn what_is_not_read_is_refused_by_name_and_place() {
    for row in REFUSED.lines() {
        let (text, expected) = row.split_once("| ").unwrap();
        assert_eq!(refused(text.trim_end()), expected, "{text}");
    }
    // `n` is in the comment.
    let text = "int f(int a, // \\\nlong n,\nint b)";
    assert_eq!(
        refused(text),
        "byte 13, `/`: no type of this name is known: write one of C's scalar types, `struct { .. }`, or a typedef before it"
    );
    let deep = format!("int f{}", "(int g".repeat(10_000));
    assert!(refused(&deep).ends_with("this nests deeper than 64"));
    let many = format!(
        "{}{}f(void)",
        "unsigned ".repeat(255),
        "signed ".repeat(255)
    );
    assert!(refused(&many).ends_with("these words make no type of C together"));
    assert!(Type::parse("int f(int)", &DataModel::LP64).is_err());
}
