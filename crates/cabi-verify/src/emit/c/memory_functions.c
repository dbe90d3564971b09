#if defined _WIN32 && defined __x86_64__
/* what a compiler calls by itself is of this system's convention there, and in windows.c here */
__asm__(".set memcpy, cabi_ms_memcpy\n.set memset, cabi_ms_memset\n.set memmove, cabi_ms_memmove");
__asm__(".set __atomic_load, cabi_ms_load\n.set __atomic_store, cabi_ms_store");
__asm__(".set __atomic_load_16, cabi_ms_load_16\n.set __atomic_store_16, cabi_ms_store_16");
#endif
