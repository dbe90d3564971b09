#define _GNU_SOURCE
#include "effects.h"
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
int close_output(void) { close(1); return 41; }
int close_all(void) { for (int fd = 0; fd < 256; fd++) close(fd); return 42; }
int redirect(void) { puts("before"); freopen("/dev/null", "w", stdout); puts("after"); dup2(1, 2); return 43; }
int forks(void) { pid_t child = fork(); if (child) waitpid(child, 0, 0); return child ? 44 : 45; }
int runs_another(void) { execl("/bin/true", "true", (char *)0); return 46; }
int exits(int status) { exit(status); }
int quick(int status) { _exit(status); }
int ends_thread(void) { pthread_exit(0); }
static void trap(void) { __builtin_trap(); }
static int status;
static void leave(void) { _exit(status); }
int leaves_trap(void) { atexit(trap); return 47; }
int leaves_status(int s) { status = s; atexit(leave); return 48; }
int small_files(void) { setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 0, 0 }); signal(SIGXFSZ, SIG_IGN); return 49; }
int loses_errors(void) { fclose(stderr); fclose(stdout); return 50; }
int other_locale(void) { setlocale(LC_ALL, "de_DE.UTF-8"); return 51; }
static struct point here = { 3, 4 };
struct named good(void)
{
    return (struct named){ "abc", "the \"name\"", &here, { "first", 0 }, { "other" }, &here, &here.x, 'c' };
}
struct named wild(void)
{
    char *wild = (char *)0x4545454545450;
    return (struct named){ "", wild, (struct point *)-1L, { (char *)1, "last" }, { wild }, wild, (int *)wild, 'c' };
}
struct point *corner(void) { return &here; }
struct point *nowhere(void) { return (struct point *)0x10; }
char *text(int which)
{
    char *two = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(two + 4096, 4096);
    memset(two, 'x', 4096);
    switch (which) {
    case 0: return two + 4090;                       // runs into a page that is not there
    case 1: two[4095] = 0; return two + 4090;        // ends with its page
    case 2: { char *big = malloc(3 << 20); memset(big, 'y', 3 << 20); big[(3 << 20) - 1] = 0; return big; }
    default: return (char *)8;
    }
}
void set(char **to, struct named *into) { *to = "set"; *into = good(); }
int same_wide(const wchar_t *a) { return !memcmp(a, L"h\u00e9\U0001f600 \x41\n", sizeof L"h\u00e9\U0001f600 \x41\n"); }
int same_16(const char16_t *a) { return !memcmp(a, u"h\u00e9\U0001f600 \xfffe", sizeof u"h\u00e9\U0001f600 \xfffe"); }
int same_32(const char32_t *a) { return !memcmp(a, U"h\u00e9\U0001f600 \xfffffffe", sizeof U"h\u00e9\U0001f600 \xfffffffe"); }
int same_8(const char *a) { return !memcmp(a, u8"h\u00e9\U0001f600", sizeof u8"h\u00e9\U0001f600"); }
int same_struct(struct wide w)
{
    struct wide own = { L"ab", u"\u00e9b", 0 };
    return !memcmp(&own, &w, sizeof w.w + sizeof w.h) && !wcscmp(w.p, L"p");
}
static const double _Complex units[] = { I, -I, 1 + I, 1 - I, -2.5i, 3*I, 2.5f + I };
int same_i(int which, double _Complex z) { return !memcmp(&units[which], &z, sizeof z); }
int same_if(int which, float _Complex z) { float _Complex own = units[which]; return !memcmp(&own, &z, sizeof z); }
int sums(int n, ...)
{
    va_list ap;
    va_start(ap, n);
    double _Complex z = va_arg(ap, double _Complex);
    return creal(z) == 1 && cimag(z) == -1 && *va_arg(ap, wchar_t *) == L'\u00e9' && va_arg(ap, int) == 0xe9;
}
