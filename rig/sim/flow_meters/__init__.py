"""Simulated flow meters, and the physical sensor under them."""
