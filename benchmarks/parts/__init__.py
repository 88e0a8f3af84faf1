"""What the benchmarks against other packages, on a GPU and in the window are made of."""
