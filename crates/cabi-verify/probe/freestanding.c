/* Functions that compilers call where there is no library of C: copies, and of atomic objects,
   libatomic's. */
void *memcpy(void *to, const void *from, __SIZE_TYPE__ n) { for (__SIZE_TYPE__ i = 0; i < n; i++) ((volatile unsigned char *)to)[i] = ((const unsigned char *)from)[i]; return to; }
void *memset(void *to, int with, __SIZE_TYPE__ n) { for (__SIZE_TYPE__ i = 0; i < n; i++) ((volatile unsigned char *)to)[i] = (unsigned char)with; return to; }
void *memmove(void *to, const void *from, __SIZE_TYPE__ n) {
  if ((unsigned char *)to < (const unsigned char *)from) return memcpy(to, from, n);
  while (n-- > 0) ((volatile unsigned char *)to)[n] = ((const unsigned char *)from)[n];
  return to;
}
void atomic_load(__SIZE_TYPE__ n, const void *from, void *to, int order) __asm__("__atomic_load");
void atomic_load(__SIZE_TYPE__ n, const void *from, void *to, int order) { (void)order; memcpy(to, from, n); }
void atomic_store(__SIZE_TYPE__ n, void *to, const void *from, int order) __asm__("__atomic_store");
void atomic_store(__SIZE_TYPE__ n, void *to, const void *from, int order) { (void)order; memcpy(to, from, n); }
#define ATOMIC(n, T) \
  T load##n(const void *from, int order) __asm__("__atomic_load_" #n); \
  T load##n(const void *from, int order) { T x; (void)order; memcpy(&x, from, n); return x; } \
  void store##n(void *to, T x, int order) __asm__("__atomic_store_" #n); \
  void store##n(void *to, T x, int order) { (void)order; memcpy(to, &x, n); }
ATOMIC(1, unsigned char)
ATOMIC(2, unsigned short)
ATOMIC(4, unsigned)
ATOMIC(8, unsigned long long)
#ifdef __SIZEOF_INT128__
ATOMIC(16, unsigned __int128)
#endif
