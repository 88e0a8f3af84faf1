"""Training of small networks: victims, surrogates, and generators of adversarial fields."""
