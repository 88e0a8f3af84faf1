"""One kind of victim file per module: FORMAT, which `victims.loading.registry` finds."""
