#ifdef __x86_64__
/* what compilers call by themselves in functions for Windows */
__attribute__((ms_abi)) void *cabi_ms_memmove(unsigned char *to, const unsigned char *from, unsigned long n) {
  unsigned long i;
  if (to <= from) for (i = 0; i < n; i++) ((volatile unsigned char *)to)[i] = from[i];
  else while (n--) ((volatile unsigned char *)to)[n] = from[n];
  return to;
}
__attribute__((ms_abi)) void *cabi_ms_memcpy(unsigned char *to, const unsigned char *from, unsigned long n) { return cabi_ms_memmove(to, from, n); }
__attribute__((ms_abi)) void *cabi_ms_memset(unsigned char *to, int with, unsigned long n) {
  unsigned long i;
  for (i = 0; i < n; i++) ((volatile unsigned char *)to)[i] = with;
  return to;
}
__attribute__((ms_abi)) void cabi_ms_load(unsigned long n, const void *from, void *to, int order) { (void)order; cabi_ms_memmove(to, from, n); }
__attribute__((ms_abi)) void cabi_ms_store(unsigned long n, void *to, const void *from, int order) { (void)order; cabi_ms_memmove(to, from, n); }
__attribute__((ms_abi)) unsigned __int128 cabi_ms_load_16(unsigned __int128 *from, int order) { (void)order; return *(volatile unsigned __int128 *)from; }
__attribute__((ms_abi)) void cabi_ms_store_16(unsigned __int128 *to, unsigned __int128 x, int order) { (void)order; *(volatile unsigned __int128 *)to = x; }
__asm__(".globl __chkstk, ___chkstk_ms\n__chkstk:\n___chkstk_ms: ret");
int _fltused;
#endif
