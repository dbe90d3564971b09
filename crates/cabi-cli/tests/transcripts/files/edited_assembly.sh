#!/bin/sh
# gcc's -wrapper: between the compiler proper and the assembler, functions of cases get other
# instructions, callees before they return and callers (whose
# names end in _call) before they call. Unless it says otherwise both sides of a call are by this
# compiler.
callee= caller= edit=
al() { edit='/_call:/,/\.size/s/movl\t\$[0-8], %eax/movl\t$'$1', %eax/'; }
case "$1" in
honest) ;;
zeros) callee='\txorl %eax, %eax\n\txorl %edx, %edx\n\tpxor %xmm0, %xmm0\n\tpxor %xmm1, %xmm1' ;;
exit) callee='\txorl %edi, %edi\n\tmovl $231, %eax\n\tsyscall' ;;
al-*) al "${1#al-}" ;;
sret) callee='\taddq $16, %rax' ;;
xmm1) callee='\tmovaps %xmm0, %xmm1\n\txorps %xmm0, %xmm0' ;;
rbp) callee='\tnotq %rbp' ;;
pops) edit='/^cabi_f[0-9_]*:/,/\.size/s/^\tret$/\tret $8/' ;;
st0) callee='\tfld1' ;;
direction) caller='\tstd' ;;
misaligned) caller='\tsubq $8, %rsp' ;;
mxcsr) caller='\tpushq $0x9f80\n\tldmxcsr (%rsp)\n\taddq $8, %rsp' ;;
st0-call) caller='\tfld1' ;;
mmx-call) caller='\tmovd %edi, %mm0' ;;
twice) edit='/_call:/,/\.size/s/^\tcall\t\*\(.*\)$/\tpushq %rdi\n\tpushq %rsi\n\tcall\t*\1\n\tpopq %rsi\n\tpopq %rdi\n\tcall\t*\1/' ;;
forks) callee='\tpushq %rax\n\tmovl $57, %eax\n\tsyscall\n\tpopq %rax' ;;
stops) callee='\tmovl $39, %eax\n\tsyscall\n\tmovl %eax, %edi\n\tmovl $19, %esi\n\tmovl $62, %eax\n\tsyscall' ;;
shadow) edit='/_call:/,/\.size/s/^\tcall\t\*\(.*\)$/\taddq $32, %rsp\n\tcall\t*\1\n\tsubq $32, %rsp/' ;;
x87) caller='\tpushq $0x27f\n\tfldcw (%rsp)\n\taddq $8, %rsp' ;;
narrow) caller='\torl $0x5a0000, %edi' ;;
swapped) caller='\txchgq %rdi, %rsi' ;;
*) echo "$0: no such edit: $1" >&2; exit 1 ;;
esac
shift
case "$1" in *as) for file in "$@"; do case "$file" in *.s)
  awk -v callee="$callee" -v caller="$caller" '
    /^[A-Za-z_.0-9]+:/ { if ($0 !~ /^\./) { calls = ($0 ~ /_call:/); inside = !calls && ($0 ~ /^(cabi_[ft][0-9_]+|f|r[0-9]+_[a-z0-9]+):/) } }
    /^\tret/ && inside && callee { print callee }
    /^\tcall\t\*/ && calls && caller { print caller }
    { print }' "$file" | sed -e "$edit" > "$file.new" && cat "$file.new" > "$file" && rm "$file.new";; esac; done;; esac
exec "$@"
