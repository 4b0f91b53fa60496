"""Which figures a case has, and what stands under them."""

from __future__ import annotations

from collections.abc import Callable

from rig.record.case_data import CaseData
from rig.report import blocks, case_figures, error_figures
from rig.report.blocks import Block
from rig.report.delivery_figures import cumulative, delivered
from rig.report.numbers import plus_minus
from rig.report.series import weighing
from rig.report.sources import Results, Sources, criterion_of

SECONDS = {"min": 60.0, "h": 3600.0, "s": 1.0}


def pictures(sources: Sources, found: list[Results]) -> list[Block]:
    """The figures of each unit, then the evaporation blanks of all."""
    drawn: list[Block] = []
    together: list[CaseData] = []
    rate = (found[0].get("set") or {}).get("rate_ml_h") if found[0]["procedure"] == "flow_accuracy" else None
    for result in found:
        data = sources.data(result)
        if data is None:
            continue
        together.append(data)
        drawn += PICTURES.get(str(result["procedure"]), _delivered)(sources, result, data)
    weighed = [(data, weighing(data, sources.plan, sources.bench)) for data in together]
    if rate is not None and (drawing := cumulative(weighed, rate)) is not None:
        words = f"{found[0]['id']}: delivered volume in the analysis period, by weighing, against the programmed one."
        drawn.append(blocks.figure(drawing, words, words))
    blank = case_figures.blanks(together)
    if blank is not None:
        words = (
            f"{found[0]['id']}: change of mass with the pump stopped. Filled marks: blank before; "
            "open marks and thin lines: blank after."
        )
        drawn.append(blocks.figure(blank, words, words))
    if not drawn:
        return [blocks.paragraph("Nothing was weighed in this case, so there is no figure.", "note")]
    return [blocks.figures(drawn)]


def _flow(sources: Sources, result: Results, data: CaseData) -> list[Block]:
    rate = (result.get("set") or {}).get("rate_ml_h")
    if rate is None:
        return []
    name = f"{result['unit']}, {result['id']}"
    weighed, flags = weighing(data, sources.plan, sources.bench), result.get("flags") or []
    drawn = []
    settle, sample = data.step("settle"), data.step("sample")
    if settle is not None and settle.end_ns > settle.start_ns:
        drawn.append(
            blocks.figure(
                case_figures.start_up(data, settle, rate, weighed),
                f"{name}: start-up curve. Points: balance. Grey: flow sensor, least to greatest sample, and mean.",
                f"{name}: flow against time from the start of the pump to the end of settling.",
            )
        )
    if sample is not None and data.mass.t_ns.size and sample.end_ns > sample.start_ns:
        drawn.append(
            blocks.figure(
                case_figures.flow_over_time(data, sample, rate, weighed, flags),
                f"{name}: flow in the analysis period. Hatched: flagged.",
                f"{name}: flow against time in the analysis period, by balance and by flow sensor.",
            )
        )
        drawn.append(
            blocks.figure(
                case_figures.residual(data, sample, rate, weighed, flags),
                f"{name}: delivered minus programmed volume in the analysis period.",
                f"{name}: deviation of the delivered from the programmed volume against time.",
            )
        )
    if result.get("trumpet"):
        mean = criterion_of(result, "mean_error") or (result.get("measurements") or {}).get("mean_error")
        drawn.append(
            blocks.figure(
                error_figures.trumpet(result["trumpet"], mean, _limits(result)),
                f"{name}: trumpet curve{_mean(mean)}. Bars: expanded uncertainty.",
                f"{name}: largest and smallest error against observation window, with mean error and limits.",
            )
        )
    return drawn


def _mean(mean: Results | None) -> str:
    if mean is None or mean.get("value") is None:
        return ""
    return f", A = {plus_minus(mean['value'], mean.get('expanded_uncertainty'), '%', signed=True)}"


def _limits(result: Results) -> list[error_figures.WindowLimit]:
    """Limits on A (window None) and on windows, for the trumpet."""
    limits: list[error_figures.WindowLimit] = []
    for criterion in result.get("criteria") or []:
        name, low, high = str(criterion["name"]), criterion.get("limit_low"), criterion.get("limit_high")
        if name == "mean_error":
            limits.append((None, low, high))
        elif name.startswith("trumpet_"):
            amount, _, unit = name.removeprefix("trumpet_").rpartition("_")
            limits.append((float(amount) * SECONDS[unit], low, high))
    return limits


def _boluses(_sources: Sources, result: Results, _data: CaseData) -> list[Block]:
    doses = [dose for dose in result.get("doses") or [] if dose.get("deviation_pct") is not None]
    if not doses:
        return []
    limits = [
        (words, criterion.get("limit_low"), criterion.get("limit_high"))
        for name, words in (("single_dose", "single"), ("mean_error", "mean"))
        if (criterion := criterion_of(result, name)) is not None
    ]
    words = f"{result['unit']}, {result['id']}: deviation of each bolus from the commanded volume, with the limits."
    return [blocks.figure(error_figures.boluses(doses, limits), words, words)]


def _delivered(sources: Sources, result: Results, data: CaseData) -> list[Block]:
    """Of any other procedure: what was weighed over the whole case."""
    name = f"{result['unit']}, {result['id']}"
    drawing = delivered(data, weighing(data, sources.plan, sources.bench), result.get("flags") or [])
    if drawing is None:
        return []
    words = f"{name}: volume delivered since the start of the case, by weighing. Dashed: a new step. Hatched: flagged."
    return [blocks.figure(drawing, words, f"{name}: delivered volume against time over the whole case.")]


# The figures of a procedure; any other has the delivered volume over time.
PICTURES: dict[str, Callable[[Sources, Results, CaseData], list[Block]]] = {
    "flow_accuracy": _flow,
    "bolus": _boluses,
}
