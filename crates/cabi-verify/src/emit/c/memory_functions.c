#ifdef _WIN32
/* what a compiler calls by itself is of this system's convention there, and in windows.c here */
__asm__(".set memcpy, cabi_ms_memcpy\n.set memset, cabi_ms_memset\n.set memmove, cabi_ms_memmove");
#endif
