typedef struct __cabi_decimal32 { float value; } __attribute__((__aligned__(_Alignof(float)))) __cabi_decimal32;
typedef struct __cabi_decimal64 { double value; } __attribute__((__aligned__(8))) __cabi_decimal64;
#ifdef __s390x__
typedef struct __cabi_decimal128 { char value[16]; } __attribute__((__aligned__(8))) __cabi_decimal128;
#else
typedef struct __cabi_decimal128 { char value[16]; } __attribute__((__aligned__(16))) __cabi_decimal128;
#endif
typedef char __cabi_aligned __attribute__((__aligned__));
#define _Decimal32 __cabi_decimal32
#define _Decimal64 __cabi_decimal64
#define _Decimal128 __cabi_decimal128
#if defined(__CYGWIN__) && defined(__x86_64__)
#define __builtin_va_list __builtin_ms_va_list
#define __builtin_va_start __builtin_ms_va_start
#define __builtin_va_copy __builtin_ms_va_copy
#define __builtin_va_end __builtin_ms_va_end
#endif
#ifdef __cplusplus
enum { __cabi_cplusplus = 1, __cabi_cplusplus20 = __cplusplus >= 202002L };
struct __cabi_owner { ~__cabi_owner(); };
struct __cabi_fixed {
    __cabi_fixed(const __cabi_fixed &) = delete;
    __cabi_fixed(__cabi_fixed &&) = delete;
    __cabi_fixed &operator=(const __cabi_fixed &) = default;
};
struct __cabi_assigned { __cabi_assigned &operator=(const __cabi_assigned &); };
#if __has_builtin(__is_trivially_relocatable) && !defined(_MSC_VER)
enum { __cabi_knows_calls = !__is_trivially_relocatable(__cabi_owner) && !__is_trivially_relocatable(__cabi_fixed)
    && __is_trivially_relocatable(__cabi_assigned) };
#endif
#else
typedef float _Float32;
typedef double _Float64;
typedef double _Float32x;
#if __LDBL_MANT_DIG__ > 53
typedef long double _Float64x;
#endif
#ifdef __SIZEOF_FLOAT128__
typedef __float128 _Float128;
#elif __LDBL_MANT_DIG__ == 113
typedef long double _Float128;
#endif
#endif
#if __LDBL_MANT_DIG__ == 64
typedef long double __float80;
#endif
#ifdef __x86_64__
enum { __cabi_x86_64 = 1 };
#ifndef __SSE2__
enum { __cabi_without_sse2 = 1 };
#endif
#endif
#ifdef __GNUC_GNU_INLINE__
enum { __cabi_gnu_inline = 1 };
#endif
#ifdef __cabi_without_x87
enum { __cabi_x87_off = 1 };
#endif
#if defined(__AVX512F__) && !defined(__EVEX512__) && __clang_major__ >= 18 && __clang_major__ <= 21
enum { __cabi_without_evex512 = 1 };
#endif
#if defined(__i386__) || defined(__x86_64__)
enum { __cabi_x86 = 1 };
#endif
#if defined(__AVX512F__)
enum { __cabi_vectors = 2 };
#elif defined(__AVX__)
enum { __cabi_vectors = 1 };
#endif
/* Arguments may pack records. */
#pragma pack(push, 16)
enum { __cabi_wchar_signed = (__WCHAR_TYPE__)-1 < (__WCHAR_TYPE__)1 };
enum { __cabi_long = sizeof(long) };
enum { __cabi_pointer = sizeof(void *) };
enum { __cabi_wchar = sizeof(__WCHAR_TYPE__) };
enum { __cabi_char_signed = (char)-1 < (char)1 };
enum { __cabi_long_double = __LDBL_MANT_DIG__ };
struct __cabi_struct_ms { char a : 4; int b : 4; };
enum { __cabi_ms = sizeof(struct __cabi_struct_ms) == 8 };
struct __cabi_struct_unnamed { char a; int : 3; };
enum { __cabi_unnamed = __alignof__(struct __cabi_struct_unnamed) == 4 };
struct __cabi_struct_8 { char a; double b; };
enum { __cabi_align_8 = __builtin_offsetof(struct __cabi_struct_8, b) };
struct __cabi_struct_ld { char a; long double b; };
enum { __cabi_align_ld = __builtin_offsetof(struct __cabi_struct_ld, b) };
enum { __cabi_size_ld = sizeof(long double) };
#ifdef __SIZEOF_INT128__
struct __cabi_struct_16 { char a; __int128 b; };
enum { __cabi_align_16 = __builtin_offsetof(struct __cabi_struct_16, b) };
#endif
struct __cabi_struct_empty {};
enum { __cabi_empty = sizeof(struct __cabi_struct_empty) };
struct __cabi_struct_bit { char a; _BitInt(128) b; };
enum { __cabi_align_bit = __builtin_offsetof(struct __cabi_struct_bit, b) };
#ifdef __aarch64__
typedef char __cabi_vector __attribute__((vector_size(64)));
enum { __cabi_align_vector = __alignof__(__cabi_vector) };
#endif
#pragma pack(pop)
