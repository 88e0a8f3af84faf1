"""The parts that the fundus phantom is put together from."""
