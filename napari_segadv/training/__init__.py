"""Small networks of one's own: victims and surrogates, and generators of adversarial fields."""
