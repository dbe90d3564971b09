#ifdef USE_FLOAT
float f(float);
#else
double f(double);
#endif
#ifdef __clang__
int g(int);
#else
int g(long);
#endif
#if __GNUC__ >= 5
__attribute__((ms_abi))
#endif
double h(double);
#ifdef __clang__
typedef float number;
number k(number);
#else
double k(double);
#endif
int same(const char *restrict text, void (*done)(int), int at[3], ...);
#define same(x) other_than_the_function(x)
_Noreturn void quit(int);
int list(const char *restrict, __builtin_va_list);
