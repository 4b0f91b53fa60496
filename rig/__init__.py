"""Hardware-in-the-loop test rig controller for infusion pumps."""

__version__ = "0.1.0"
