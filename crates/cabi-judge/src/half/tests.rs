//! The C text of halves, word by word.

use super::*;
use crate::corpus::CorpusFile;

/// The block read; `None` without libclang.
fn subject(text: &str) -> Option<Subject> {
    let text = format!("== one\nproves: x\n{text}\n");
    let file = CorpusFile::parse("t.abi".as_ref(), &text).unwrap();
    match Subject::read(&file.blocks[0]) {
        Err(error) if error.is_missing_libclang() => None,
        subject => Some(subject.unwrap()),
    }
}

#[test]
fn arguments_are_filled_from_images() {
    let text = "struct s { long a; };\nstruct s f(struct s x, char, int v[4], int (*cb)(int));";
    let Some(subject) = subject(text) else { return };
    let case = &subject.cases[0];
    let expected = "\
void c0_f_call(const unsigned char *cabi_image) {
  (void)cabi_image;
  struct s x; __builtin_memcpy((void *)&x, cabi_image + 0, sizeof x);
  __typeof__(char) cabi_a1; __builtin_memcpy((void *)&cabi_a1, cabi_image + 64, sizeof cabi_a1);
  void *cabi_a2; __builtin_memcpy((void *)&cabi_a2, cabi_image + 128, sizeof cabi_a2);
  void *cabi_a3; __builtin_memcpy((void *)&cabi_a3, cabi_image + 192, sizeof cabi_a3);
  f(x, cabi_a1, cabi_a2, cabi_a3);
}
";
    assert_eq!(caller(case, "c0_"), expected);
    assert_eq!(Images::of(&argument_types(case)).size, 256);
}

#[test]
fn names_are_renamed_around_the_blocks_own_text() {
    let Some(subject) = subject("struct s { int f; };\nint f(struct s);") else {
        return;
    };
    let expected = "\
#define s c0_s
#define f c0_f
struct s { int f; };
int f(struct s);
body
#undef s
#undef f
";
    assert_eq!(scoped(&subject, "c0_", "body\n"), expected);
}

#[test]
fn results_are_given_from_bytes() {
    let Some(subject) = subject("__attribute__((ms_abi)) char *f(void);\nvoid g(int, ...);") else {
        return;
    };
    let expected = "\
__attribute__((ms_abi)) char * c0_f_give(void) {
  char * cabi_r; __builtin_memcpy((void *)&cabi_r, cabi_result, sizeof cabi_r); return cabi_r;
}
";
    assert_eq!(giver(&subject.cases[0], "c0_").unwrap(), expected);
    assert_eq!(giver(&subject.cases[1], "c0_"), None);
}
