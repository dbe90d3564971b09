# What gdb is asked of debugged.toy. What has to be in its output, in this order, stands after `#:`.
set debuginfod enabled off
set breakpoint pending on
set width 0
# A function that C calls.
break by_value
run
#: Breakpoint 1, by_value (a=0x
#: at debugged.toy:23
#: let x = *(a as *i32);
backtrace
#: #0  by_value (a=0x
#: qsort
#: in main () at debugged.toy:30
next
#: let y = *(b as *i32);
info locals
#: x = 
finish
#: Value returned is $1 = 
delete 1
# One that returns a structure in registers.
break debugged.toy:13
continue
#: Breakpoint 2, scale (v=...
info args
#: v = {x = 1, y = 2}
#: by = 1.5
print r
#: $2 = {x = 1.5, y = 3}
finish
#: main () at debugged.toy:31
#: Value returned is $3 = {x = 1.5, y = 3}
delete 2
# One that does in memory.
break debugged.toy:19
continue
print b
#: $4 = {low = {x = 0, y = 0}, high = {x = 3, y = 6}, n = 8}
finish
#: Value returned is $5 = {low = {x = 0, y = 0}, high = {x = 3, y = 6}, n = 8}
delete 3
next
# gdb passes structures by its own reading of the ABI, in registers and in memory.
print grown(grown(g, 3), 1).high.x + scale(v, 2).x
#: $6 = 12
continue
#: 1 2 3 1.5 3 6 8
