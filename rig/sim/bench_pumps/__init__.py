"""Simulated syringe pumps of the bench and the bedside, and the drive they have in common."""
