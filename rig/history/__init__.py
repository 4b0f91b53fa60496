"""What was found over time: past runs, and how their criteria went."""
