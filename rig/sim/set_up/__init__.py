"""Simulated instruments set up as the bench file says."""
