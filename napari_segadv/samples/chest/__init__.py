"""The parts that the chest X-ray phantom is put together from."""
