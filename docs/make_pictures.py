"""Makes the picture of the README and the sample report from a real run on the simulated bench.

    python docs/make_pictures.py              runs test_plans/flow_accuracy.plan.toml first
    python docs/make_pictures.py --run RUN    takes a run folder that is there already
    python docs/make_pictures.py --into DIR   puts the files there, not into docs/images and reports/sample

``report.png``: three pages of the report side by side; ``flow-accuracy-report.pdf``: all of it.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PICTURE = Path("docs/images/report.png")
SAMPLE = Path("reports/sample/flow-accuracy-report.pdf")
PAGE_WIDTH = 620  # pixels of one page in the picture
COLOURS = 64  # enough for print on white; keeps the file small
GAP = 16


def new_run(folder: Path) -> Path:
    """Carry the flow accuracy plan out on the simulated bench; its run folder."""
    plan, bench = ROOT / "test_plans/flow_accuracy.plan.toml", ROOT / "fixtures/simulated.bench.toml"
    code = "import sys; from rig.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "run", str(plan), "--bench", str(bench), "--runs", str(folder)]
    subprocess.run(
        [*command, "--operator", "docs/make_pictures.py"], check=True, cwd=ROOT, stdout=subprocess.DEVNULL
    )
    return next(path for path in folder.iterdir() if path.is_dir())


def page_images(run_folder: Path) -> list[bytes]:
    """Every page of a run's report as PNG, set from the same template and fonts as its PDF."""
    import typst
    from matplotlib import get_data_path

    from rig.report.document import document
    from rig.report.plain_text import for_pdf
    from rig.report.sources import read_sources

    folder = Path(str(files("rig.shipped.reports")))
    fonts = typst.Fonts(include_system_fonts=False, font_paths=[str(Path(get_data_path()) / "fonts" / "ttf")])
    content = for_pdf(document(read_sources(run_folder)))
    pages: Any = typst.compile(
        str(folder / "report.typ"),
        root=str(folder),
        font_paths=fonts,
        sys_inputs={"report": json.dumps(content, ensure_ascii=False)},
        format="png",
        ppi=110,
    )
    return list(pages)


def side_by_side(pages: list[bytes]) -> bytes:
    """Some pages on a grey ground, as one PNG."""
    from PIL import Image

    opened = [Image.open(io.BytesIO(page)).convert("RGB") for page in pages]
    height = round(opened[0].height * PAGE_WIDTH / opened[0].width)
    size = (len(pages) * (PAGE_WIDTH + GAP) + GAP, height + 2 * GAP)
    sheet = Image.new("RGB", size, (228, 228, 228))
    for index, page in enumerate(opened):
        smaller = page.resize((PAGE_WIDTH, height), Image.Resampling.LANCZOS)
        sheet.paste(smaller, (GAP + index * (PAGE_WIDTH + GAP), GAP))
    made = io.BytesIO()
    sheet.quantize(COLOURS).save(made, "PNG", optimize=True)
    return made.getvalue()


def shown_pages(run_folder: Path, count: int) -> list[int]:
    """Indices of the pages in the picture: the first, the table of all criteria, the first with a trumpet curve."""
    from pypdf import PdfReader

    pages = PdfReader(run_folder / "report.pdf").pages
    if len(pages) != count:
        raise SystemExit(f"{len(pages)} pages in the PDF, {count} as pictures")
    texts: list[str] = []
    while "Trumpet: largest" not in "".join(texts[-1:]):  # reading all would take long
        texts.append(pages[len(texts)].extract_text().replace("\u200b", ""))
    verdicts = max(range(len(texts)), key=lambda index: texts[index].count("PASS"))
    return [0, verdicts, len(texts) - 1]


def make(run_folder: Path, into: Path) -> list[Path]:
    """Both files; their paths."""
    pages = page_images(run_folder)
    picture = side_by_side([pages[index] for index in shown_pages(run_folder, len(pages))])
    made = []
    for name, content in ((PICTURE, picture), (SAMPLE, (run_folder / "report.pdf").read_bytes())):
        path = into / name if into == ROOT else into / name.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        made.append(path)
    return made


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--run", metavar="RUN", type=Path, help="run folder (default: a new run)")
    parser.add_argument("--into", metavar="DIR", type=Path, default=ROOT, help="where to put the files")
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        for path in make(args.run or new_run(Path(scratch)), args.into):
            sys.stdout.write(f"{path} ({path.stat().st_size // 1000} kB)\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
