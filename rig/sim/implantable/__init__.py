"""The simulated implantable pump: its parts, and RPU/1, the protocol it speaks."""
