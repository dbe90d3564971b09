/* Functions that read the register of the chain. One adds al, which only System V of x86-64 has, one
   its argument. The compiler that calls that one shows that the register is the chain's. */
#ifdef __riscv
__asm__(".pushsection .text\n"
        ".globl read_chain_and_al, add_chain\n"
        "add_chain: add a0, t2, a0\n ret\n"
        "read_chain_and_al: addi a0, t2, 2\n ret\n"
        ".popsection");
#elif defined __s390x__
__asm__(".pushsection .text\n"
        ".globl read_chain_and_al, add_chain\n"
        "add_chain: agr %r2, %r0\n br %r14\n"
        "read_chain_and_al: lgr %r2, %r0\n aghi %r2, 2\n br %r14\n"
        ".popsection");
#elif defined __aarch64__
__asm__(".pushsection .text\n"
        ".globl read_chain_and_al, add_chain\n"
        "add_chain: add x0, x18, x0\n ret\n"
        "read_chain_and_al: add x0, x18, #2\n ret\n"
        ".popsection");
#elif defined _WIN32
__asm__(".text\n"
        ".globl read_chain_and_al, add_chain\n"
        "add_chain: leaq (%r10, %rcx), %rax\n ret\n"
        "read_chain_and_al: leaq 2(%r10), %rax\n ret\n");
#else
__asm__(".pushsection .text\n"
        ".globl read_chain_and_al, add_chain\n"
        "add_chain: leaq (%r10, %rdi), %rax\n ret\n"
        "read_chain_and_al: movzbl %al, %eax\n leaq (%r10, %rax), %rax\n ret\n"
        ".popsection");
#endif
long long add_chain(long long);
/* By its address: what binds names lazily spoils the register. */
long long called(long long n) {
  long long (*volatile to)(long long) = add_chain;
  return __builtin_call_with_static_chain(to(n), (void *)500);
}
