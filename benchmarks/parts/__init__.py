"""What the benchmarks against other packages and on a GPU are made of."""
