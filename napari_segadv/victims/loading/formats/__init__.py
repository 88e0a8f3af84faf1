"""One kind of victim file a module; each declares FORMAT, and `victims.registry` finds them."""
