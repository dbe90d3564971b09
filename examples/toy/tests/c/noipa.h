/* Calls stay calls, as they do in toy, and nothing is learned from what is called. */
#ifdef __clang__
#define NOIPA __attribute__((noinline, optnone))
#else
#define NOIPA __attribute__((noipa))
#endif
