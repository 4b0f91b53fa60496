"""``rig sim``: simulated instruments behind ports of this machine."""
