#include <complex.h>
#include <uchar.h>
#include <wchar.h>
struct point { int x, y; };
struct named { char tag[4]; char *name; struct point *at; char *both[2]; union { char *text; long n; }; void *any; int *number; char c; };
int close_output(void);
int close_all(void);
int redirect(void);
int forks(void);
int runs_another(void);
int exits(int status);
int quick(int status);
int ends_thread(void);
int leaves_trap(void);
int leaves_status(int status);
int small_files(void);
int loses_errors(void);
int other_locale(void);
struct named good(void);
struct named wild(void);
struct point *corner(void);
struct point *nowhere(void);
char *text(int which);
void set(char **to, struct named *into);
int same_wide(const wchar_t *a);
int same_16(const char16_t *a);
int same_32(const char32_t *a);
int same_8(const char *a);
struct wide { wchar_t w[4]; char16_t h[4]; const wchar_t *p; };
int same_struct(struct wide w);
int same_i(int which, double _Complex z);
int same_if(int which, float _Complex z);
int sums(int n, ...);
