"""What is handed over: one HTML file and one PDF, built from a run folder alone, and exports for other programs."""

from rig.report.build import build_report
from rig.report.hand_over import hand_over

__all__ = ["build_report", "hand_over"]
