int f(int);
}
