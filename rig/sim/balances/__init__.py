"""Simulated balances, and the physical balance under them."""
