//! The C text of callers and scopes, word by word.

use super::*;
use crate::case::tests::subject;

#[test]
fn arguments_are_filled_from_images() {
    let text = "struct s { long a; };\nstruct s f(struct s x, char, int v[4], int (*cb)(int));";
    let Some(subject) = subject(text) else { return };
    let case = &subject.cases[0];
    let expected = "\
CABI_SYSV void c0_f_call(void (*cabi_f)(void), const unsigned char *cabi_image, unsigned char *cabi_out) {
  (void)cabi_out;
  (void)cabi_image;
  struct s x; __builtin_memcpy((void *)&x, cabi_image + 0, sizeof x);
  __typeof__(char) cabi_a1; __builtin_memcpy((void *)&cabi_a1, cabi_image + 64, sizeof cabi_a1);
  void *cabi_a2; __builtin_memcpy((void *)&cabi_a2, cabi_image + 128, sizeof cabi_a2);
  void *cabi_a3; __builtin_memcpy((void *)&cabi_a3, cabi_image + 192, sizeof cabi_a3);
  cabi_fill_stack();
  struct s cabi_r = ((__typeof__(f) *)cabi_f)(x, cabi_a1, cabi_a2, cabi_a3); __builtin_memcpy(cabi_out, (void *)&cabi_r, sizeof cabi_r);
  CABI_SPOIL;
}
";
    assert_eq!(
        sides::caller(case, "c0_", Values::ThroughVariables),
        expected
    );
    assert_eq!(Images::of(&case.argument_types()).size, 256);
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
