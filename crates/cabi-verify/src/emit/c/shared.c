#ifdef __x86_64__
#define CABI_SYSV __attribute__((sysv_abi))
#else
#define CABI_SYSV
#endif
/* uses what every function of System V must leave as it was, so that it has to be saved and brought
   back */
#ifdef __x86_64__
#define CABI_SPOIL __asm__ volatile("{notq %%rbx|not rbx} \n\t{notq %%r12|not r12} \n\t{notq %%r13|not r13} \n\t{notq %%r14|not r14} \n\t{notq %%r15|not r15}" : : : "rbx", "r12", "r13", "r14", "r15", "cc")
#else
#define CABI_SPOIL
#endif
/* What is passed by reference is a copy of the callee's own: it may write to it. */
#define CABI_OVERWRITE(x) do { __builtin_memset((void *)&x, 0x5b, sizeof x); __asm__ volatile("" : : "r"(&x) : "memory"); } while (0)
