long f(long x); void g(int x); double h(double x);
