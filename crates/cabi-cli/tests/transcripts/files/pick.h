struct small { char c; short s; int i; };
struct small pick(struct small, int);
