typedef int (*visit)(const char *name, char kind, void *data);
int walk(visit f, void *data);
char *pick(char **names, char *(*choose)(char *, signed char *, unsigned char *));
struct entry { char name[4]; char kind; char *text; int (*visit)(char *); };
