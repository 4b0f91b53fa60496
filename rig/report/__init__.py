"""What is handed over: one HTML file and one PDF, built from a run folder alone, and exports for other programs."""
