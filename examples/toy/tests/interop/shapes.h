/* What shapes.c has and main.c uses. */
#include <complex.h>

struct point { double x, y; };
struct rgb { unsigned char r, g, b; };
struct pair { double x; long n; };
struct triple { float a, b, c; };
struct box { struct point low, high; int tag; };
struct precise { long double value; };
struct tagged { long double value; int tag; };
union number { long i; double d; };
struct chars { char text[17]; };
struct seven { char text[7]; };
struct both { int n; float f; };

struct point point_sum(struct point, struct point);
struct rgb rgb_turn(struct rgb);
struct pair pair_scale(int, struct pair);
struct triple triple_turn(struct triple);
struct box box_grow(struct box, double, int);
struct precise precise_half(struct precise);
struct tagged tagged_next(struct tagged, long double);
union number number_double(union number);
struct chars chars_next(struct chars);
struct seven seven_next(long, long, long, long, long, struct seven);
struct both both_swap(struct both);
__int128 wide_sum(__int128, long, __int128);
long double _Complex complex_turn(long double _Complex);
float _Complex complex_half(float _Complex);
double crowd(long, struct pair, struct point, long, struct pair, struct box, struct point, struct triple, long, struct pair,
             struct point, signed char);
double sum_of(int, ...);
struct point each(struct point (*)(struct point, int), struct point, int);
void choose(struct box (*)(struct tagged, struct box, long double));
double call_chosen(void);
long double _Complex mapped(long double _Complex (*)(long double _Complex, struct rgb), int);
