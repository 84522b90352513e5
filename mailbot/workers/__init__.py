"""LOOPS: join core, mail, store and wire; decide nothing themselves."""
