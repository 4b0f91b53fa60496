"""What the analysis of a balance log found, as ``rig analyze`` says it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from rig.analysis.log_series import Hazard
from rig.analysis.log_windows import LogWindow
from rig.definitions.logs.balance_log import BalanceLog


@dataclass(frozen=True)
class FoundHazard:
    """A hazard; whether it touches the analysis period, and what the mean error is without it (None: the same)."""

    hazard: Hazard
    in_period: bool
    mean_error_without_pct: float | None


@dataclass(frozen=True)
class Block:
    """Mean flow over a part of the log (None: not known), and its error."""

    start_s: float
    end_s: float
    flow_ml_h: float | None
    error_pct: float | None


@dataclass(frozen=True)
class LogAnalysis:
    """Everything that ``rig analyze`` says. Times in s on the log's own time.

    ``period_s``: first and last reading of the period; ``intervals`` of ``interval_s`` are counted, those in
    ``left_out`` (start, end, why) count in nothing. ``mean_error_pct`` None: no interval is known.
    ``start_up``: (end of interval in s, flow in mL/h) of the first two hours.
    """

    log: BalanceLog
    rate_ml_h: float
    density_g_ml: float
    weighs: str
    interval_s: float
    even: bool
    period_s: tuple[float, float]
    intervals: int
    analysed_s: float
    delivered_ml: float
    flow_ml_h: float | None
    mean_error_pct: float | None
    left_out: tuple[tuple[float, float, str], ...]
    windows: tuple[LogWindow, ...]
    windows_left_out: tuple[tuple[float, str], ...]
    start_up: tuple[tuple[float, float], ...]
    along: tuple[Block, ...]
    hazards: tuple[FoundHazard, ...]

    def to_json(self) -> dict[str, Any]:
        """The same as plain data: dicts, lists, numbers, text, None."""
        log = self.log
        return {
            "schema": "infusion-rig/log-analysis/1",
            "log": {
                "file": log.file,
                "sha256": log.sha256,
                "readings": len(log.t_s),
                "from_s": float(log.t_s[0]),
                "to_s": float(log.t_s[-1]),
                "time_column": log.time_column,
                "time_unit": log.time_unit,
                "weight_column": log.weight_column,
                "weight_unit": log.weight_unit,
                "assumed": list(log.assumed),
                "notes": list(log.notes),
                "weighs": self.weighs,
                "sample_interval_s": self.interval_s,
                "even": self.even,
            },
            "rate_ml_h": self.rate_ml_h,
            "density_g_ml": self.density_g_ml,
            "period": {
                "from_s": self.period_s[0],
                "to_s": self.period_s[1],
                "intervals": self.intervals,
                "analysed_s": self.analysed_s,
                "left_out": [
                    {"from_s": start, "to_s": end, "reason": why} for start, end, why in self.left_out
                ],
            },
            "delivered_ml": self.delivered_ml,
            "flow_ml_h": self.flow_ml_h,
            "mean_error_pct": self.mean_error_pct,
            "trumpet": [asdict(window) for window in self.windows],
            "windows_left_out": [{"window_s": w, "reason": why} for w, why in self.windows_left_out],
            "start_up": {
                "end_s": [end for end, _ in self.start_up],
                "flow_ml_h": [flow for _, flow in self.start_up],
            },
            "along": [asdict(block) for block in self.along],
            "hazards": [
                {
                    **asdict(found.hazard),
                    "in_period": found.in_period,
                    "mean_error_without_pct": found.mean_error_without_pct,
                }
                for found in self.hazards
            ],
        }
