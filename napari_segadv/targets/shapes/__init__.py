"""One target shape a module, a function of the module's name."""
