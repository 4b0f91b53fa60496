"""A report of about ten pages and twelve plots, PDF and HTML, in a process that has just started: ``rig report``."""

from __future__ import annotations

import shutil

from benchmarks.findings import Finding, in_turn, main, scratch
from benchmarks.workspace import REPOSITORY, make_workspace, rig


def measure(rounds: int, tiny: bool) -> list[Finding]:
    import pypdf

    with scratch() as folder:
        plan, bench = make_workspace(folder / "workspace", 1, 1.0, 60.0, 10.0)
        if not tiny:
            for name in ("flow_accuracy.plan.toml", "requirements.csv"):
                shutil.copy(REPOSITORY / "test_plans" / name, plan.parent)
            plan = plan.with_name("flow_accuracy.plan.toml")
        some = ["-k", "lowest-rate or typical-rate"] if not tiny else []
        rig(plan.parent, "run", plan, "--bench", bench, *some)
        (run,) = (plan.parent / "runs").iterdir()
        made = plan.parent / "report"

        def build() -> float:
            shutil.rmtree(made, ignore_errors=True)
            return rig(plan.parent, "report", run, "--into", made)[0]

        took = in_turn({"ours": build}, rounds)["ours"]
        pages = len(pypdf.PdfReader(made / "report.pdf").pages)
        plots = (made / "report.html").read_text().count("<svg")
    return [
        Finding(
            f"report, {pages} pages, {plots} plots, PDF and HTML, cold", f"{took:.2f} s", "", f"{took:.2f} s",
            "≤ 3 s", took <= 3,
        )
    ]  # fmt: skip


if __name__ == "__main__":
    main(measure)
