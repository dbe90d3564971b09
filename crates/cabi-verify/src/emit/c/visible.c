/* what is looked up by name: flags hide it, or a pragma that a header leaves open */
#pragma GCC visibility push(default)
