struct big { long a[4]; };
struct pair { long a, b; };
struct bits { int a : 3; unsigned b : 5; char c; };
struct big big_of(long n);
struct pair swap(struct pair p, long n);
double half(double x);
long flag(char c, long n);
int vary(int n, ...);
long double ld(long double x);
