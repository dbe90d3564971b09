//! The end of a stack. Stubs and compiled functions that push below it must fault in the guard
//! page, wherever in the last pages the call is made. None may step over that page and write to the
//! memory after it.

use crate::common::*;
#[cfg(target_arch = "x86_64")]
use crate::unwind::kinds::{Steps, shim};

/// `at_end` calls a function after so many bytes of a thread's stack have been used. A guard page
/// is below that stack, and memory that can be written below the page. The answer is 0 if the
/// function came back, 1 if it faulted in the guard page, 2 if elsewhere. It is 3 if memory below
/// the guard page has changed.
const C: &str = r#"
#define _GNU_SOURCE
#include <alloca.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
/* The stack starts at a multiple of ALIGN, so that what is aligned ends up at its very end. */
enum { ALIGN = 8 * PAGE, BELOW = ALIGN - PAGE, STACK = 32 * PAGE, AREA = ALIGN + BELOW + PAGE + STACK };
static char *area;
static int answer;
static sigjmp_buf back;
static char other_stack[1 << 16];
static void fault(int signal, siginfo_t *info, void *context) {
  char *at = info->si_addr, *guard = area + BELOW;
  answer = at >= guard && at < guard + PAGE ? 1 : 2;
  siglongjmp(back, signal != 0 || context != 0);
}
/* A function with fewer parameters ignores the others. */
struct call { void (*f)(void *, void *, void *); void *const *args; long used; };
static void *run(void *arg) {
  struct call *call = arg;
  stack_t other = { .ss_sp = other_stack, .ss_size = sizeof other_stack };
  sigaltstack(&other, 0);
  if (sigsetjmp(back, 1) == 0) {
    /* As much as is used, of the last pages. */
    long left = (char *)__builtin_frame_address(0) - (area + BELOW + PAGE);
    char *volatile p = alloca(left - call->used);
    memset(p, 1, left - call->used);
    call->f(call->args[0], call->args[1], call->args[2]);
  }
  return 0;
}
int at_end(void (*f)(void *, void *, void *), void *const *args, long left) {
  char *all = mmap(0, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  area = (char *)(((unsigned long)all + ALIGN - 1) / ALIGN * ALIGN);
  memset(area, 0x5a, BELOW);
  mprotect(area + BELOW, PAGE, PROT_NONE);
  struct sigaction own = { .sa_sigaction = fault, .sa_flags = SA_SIGINFO | SA_ONSTACK }, before;
  sigaction(SIGSEGV, &own, &before);
  struct call call = { f, args, left };
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, area + BELOW + PAGE, STACK);
  pthread_t thread;
  answer = 0;
  if (pthread_create(&thread, &attributes, run, &call) != 0) return -1;
  pthread_join(thread, 0);
  sigaction(SIGSEGV, &before, 0);
  for (long i = 0; i < BELOW; i++)
    if (area[i] != 0x5a) answer = 3;
  munmap(all, AREA);
  return answer;
}
typedef struct { long x __attribute__((aligned(8192))); } s;
long take(long b, long c, long d, long e, long f, long g, long h, s a, long i) { return a.x + h + i; }
/* A large frame of which only the lowest bytes are used. */
void unprobed(void *data) {
  char room[3 * PAGE + 100];
  char *volatile p = room;
  p[0] = data != 0;
}
"#;

/// Returns the answers of a function at every 296 bytes of the last fourteen pages.
fn answers(library: &Library, code: *const c_void, args: [*const c_void; 3]) -> Vec<i32> {
    type AtEnd = extern "C" fn(*const c_void, *const *const c_void, i64) -> i32;
    let at_end = library.symbol("at_end").unwrap();
    // SAFETY: as the C text declares it.
    let at_end: AtEnd = unsafe { core::mem::transmute(at_end) };
    let left = (600..14 * page()).step_by(page() * 296 / 4096);
    left.map(|left| at_end(code, args.as_ptr(), left.cast_signed() as i64))
        .collect()
}

/// Returns the answers of a caller of `take`. The arguments on the stack are 16392 bytes, aligned
/// to 8192, with a gap of 8184. The stub aligns, skips and copies; it has the steps of `steps` in
/// the place of each of these steps.
#[cfg(target_arch = "x86_64")] // elsewhere what is aligned so is passed by its address
fn aligned_call(library: &Library, settings: &Settings, steps: Steps) -> Vec<i32> {
    let mut engine = Engine::new(settings).unwrap();
    let mut params = vec![Type::I64; 8];
    params.insert(7, crate::common::aligned(Type::I64, 8192));
    let sig = FnSig::new(params, Type::I64);
    let take = library.symbol("take").unwrap();
    let call = shim(&mut engine, ("take", &sig), steps);
    let (object, mut result) = ([7_i64; 1024], 0_i64);
    let args = [object.as_ptr(); 9];
    let args = [
        take.cast(),
        args.as_ptr().cast(),
        (&raw mut result).cast_const().cast(),
    ];
    let answers = answers(library, call as *const c_void, args);
    assert!(result == 21 || !answers.contains(&0), "{result}");
    answers
}

/// Returns the answers of a function with a frame of three pages, of which it uses the lowest
/// bytes.
fn large_frame(library: &Library, settings: &Settings) -> Vec<i32> {
    let mut engine = Engine::new(settings).unwrap();
    let sig = FnSig::new([Type::PTR], Type::VOID);
    let large = exported(&mut engine, "large", &sig, |_, engine, builder, entry| {
        let frame = u32::try_from(3 * page() + 100).unwrap();
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, frame, 4);
        let slot = builder.create_sized_stack_slot(slot);
        let one = builder.ins().iconst(I64, 1);
        builder.ins().stack_store(I64, one, slot, 0);
        entry.ret(engine, builder, None).unwrap();
    });
    engine.finalize().unwrap();
    // SAFETY: `void large(void *)`; the engine lives until it has returned.
    let code = unsafe { engine.code(large.id).unwrap().as_ptr() };
    answers(library, code, [core::ptr::null(); 3])
}

/// A stub that skips as many bytes, but less than a page at a time, steps over the guard page.
#[cfg(target_arch = "x86_64")]
fn skips_without_probes(library: &Library) {
    let unprobed = |step| match step {
        StubStep::Skip(n) => {
            let whole = vec![StubStep::Skip(4088); n as usize / 4088];
            [whole, vec![StubStep::Skip(n % 4088)]].concat()
        }
        _ => vec![step],
    };
    let found = aligned_call(library, &Settings::default(), unprobed);
    assert!(found.contains(&3), "{found:?}");
}

/// Checks that all came back or faulted in the guard page, and that some did each.
#[track_caller]
fn faults_there(answers: &[i32]) {
    assert!(
        answers.iter().all(|answer| [0, 1].contains(answer)),
        "{answers:?}"
    );
    assert!(answers.contains(&0) && answers.contains(&1), "{answers:?}");
}

#[test]
fn nothing_steps_over_the_guard_page() {
    // Without stack clash protection, whatever the compiler's default is.
    let library = library(&cc(), &[&format!("-DPAGE={}", page())], "guard_page", C);
    // Flags for the prologue that can be set; on AArch64 the second one alone.
    let flags = [
        ("preserve_frame_pointers", "true"),
        ("log2_min_function_alignment", "12"),
    ];
    let flags = flags.map(|(name, value)| Settings::default().flag(name, value));
    let flags = flags.into_iter().filter(|own| Engine::new(own).is_ok());
    let flags: Vec<Settings> = flags.collect();
    assert_eq!(flags.len(), 1 + usize::from(cfg!(target_arch = "x86_64")));
    for settings in all_settings().into_iter().chain(flags) {
        #[cfg(target_arch = "x86_64")]
        faults_there(&aligned_call(&library, &settings, |step| vec![step]));
        faults_there(&large_frame(&library, &settings));
    }
    // Without probes it is stepped over, which touches nothing.
    #[cfg(target_arch = "x86_64")]
    skips_without_probes(&library);
    let unprobed = library.symbol("unprobed").unwrap().cast();
    let statuses = answers(&library, unprobed, [core::ptr::null(); 3]);
    assert!(statuses.contains(&3), "{statuses:?}");
}
