"""Parts of the benchmarks against other packages, on a GPU, and of napari's window."""
