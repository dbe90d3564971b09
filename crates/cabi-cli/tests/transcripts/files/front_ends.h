/* What front ends on Cranelift declared and got wrong before: each for a reason of its own. */
struct two_longs { long a, b; };
struct two_floats { float x, y; };
struct three_doubles { double x, y, z; };
struct double_long { double d; long n; };
struct big { long at[5]; };
union number { int i; double d; };
struct __attribute__((packed)) packed { char c; int n; };
struct bits { int a : 3, b : 9; unsigned c : 20; };

long after5(long, long, long, long, long, struct two_longs);
float sum(struct two_floats);
struct two_floats swap(struct two_floats);
double third(struct three_doubles);
struct three_doubles turned(struct three_doubles, int);
struct double_long mixed(struct double_long, char);
double of_union(union number);
union number to_union(double);
int of_packed(struct packed);
struct packed to_packed(char, int);
int of_bits(struct bits);
struct bits to_bits(int, int);
struct big rotate(int, struct big);
int widen(signed char);
short narrow_results(int);
int print(const char *format, ...);
