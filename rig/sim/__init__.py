"""The simulated bench: devices that answer real wire bytes and share one fluid world."""
