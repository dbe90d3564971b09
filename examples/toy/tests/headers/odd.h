/* Much that the language does not have. None of it matters to a program that does not use it. */
#pragma once
static inline int inlined(int x) { return x; }
__attribute__((ms_abi)) int windows(int x);
__attribute__((vectorcall)) int vectors(int x);
__attribute__((target("avx"))) int wide(int x);
int twice(void *buffer) __attribute__((returns_twice));
#define TEXT "text"
#define EMPTY
#define SQUARE(x) ((x) * (x))
#define HALF 0.5
#define THOUSAND 1000
struct hidden;
typedef struct hidden hidden_t;
struct hidden *open_hidden(void);
void take_hidden(struct hidden h);
typedef int aligned_int __attribute__((aligned(16)));
void take_aligned(aligned_int x);
struct swapped { int a; } __attribute__((scalar_storage_order("big-endian")));
struct swapped *get_swapped(void);
struct keyed { int type, match; };
struct keyed get_keyed(void);
int in(int x);
enum level { LOW = -1, HIGH = 1 };
void set_level(enum level to);
void call_me(void (*back)(struct keyed *k, double x), void *context);
void call_windows(int (*back)(int x) __attribute__((ms_abi)));
typedef int function_t(int x);
void call_aligned(void (*back)(aligned_int x));
struct bits { int low : 3; int high; };
struct bits get_bits(void);
struct flexible { int n; int rest[]; };
_BitInt(65) wide_integer(void);
void wrong(nosuch x);
