/* A library of C's char, for char.toy. */
#include "char.h"

int walk(visit f, void *data) { return f("Q", -3, data); }
char *pick(char **names, char *(*choose)(char *, signed char *, unsigned char *)) { return choose(names[0], 0, 0); }
