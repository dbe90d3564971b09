CABI_SYSV void f_call(void (*)(void), const unsigned char *, unsigned char *);
#ifdef _WIN32
int printf(const char *, ...);
#else
CABI_SYSV int printf(const char *, ...);
#endif
static int compare(const char *what, const unsigned char *got, const unsigned char *want, const unsigned char *mask, unsigned long n) {
  unsigned long i;
  for (i = 0; i < n; i++)
    if ((got[i] ^ want[i]) & mask[i]) { printf("%s, byte %lu: got %02x, expected %02x\n", what, i, got[i], want[i]); return 1; }
  return 0;
}
int main(void) {
  int differ = 0, round;
  for (round = 0; round < 2 && !differ; round++) {
  fill();
  f_call((void (*)(void))f, sent, got);
