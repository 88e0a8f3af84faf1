"""One kind of victim file a module; each declares FORMAT, and `victims.loading.registry` finds them."""
