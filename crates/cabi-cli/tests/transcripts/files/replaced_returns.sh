#!/bin/sh
# gcc's -wrapper: between the compiler proper and the assembler, functions of cases get other instructions before they return. Both sides of a call are by
# this compiler, so each case of which the result is looked at is one in which it disagrees with itself.
case "$1" in
zeros) code='\txorl %eax, %eax\n\txorl %edx, %edx\n\tpxor %xmm0, %xmm0\n\tpxor %xmm1, %xmm1' ;;
exit) code='\txorl %edi, %edi\n\tmovl $231, %eax\n\tsyscall' ;;
esac
shift
case "$1" in *as) for file in "$@"; do case "$file" in *.s)
  awk -v code="$code" '
    /^[A-Za-z_.0-9]+:/ { if ($0 !~ /^\./) inside = ($0 ~ /^(cabi_[ft][0-9_]+|f|r[0-9]+_[a-z0-9]+):/) && $0 !~ /_call:/ }
    /^\tret/ && inside { print code } { print }' \
    "$file" > "$file.new" && cat "$file.new" > "$file" && rm "$file.new";; esac; done;; esac
exec "$@"
