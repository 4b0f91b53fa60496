"""Simulated instruments beside pump, balance and flow meter: bath, current, air, pressure, supply, valves."""
