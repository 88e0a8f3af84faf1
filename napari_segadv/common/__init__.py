"""Small parts that all rooms share: parameters, discovery, files, wording, devices, budgets."""
