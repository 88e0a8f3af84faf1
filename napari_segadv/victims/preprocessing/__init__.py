"""A victim's preprocessing as a differentiable chain."""
