"""The parts that the abdominal CT phantom is put together from."""
