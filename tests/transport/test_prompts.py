"""Questions that terminal and page may answer: the first answer counts, and everybody agrees which one that was."""

from __future__ import annotations

import json
import subprocess
import sys
import threading

import pytest

from rig.errors import RigError
from rig.transport.prompts import StandingQuestion, answer_prompt, open_prompts, prompts_folder


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_a_question_stands_until_it_is_answered_on_the_page():
    question = StandingQuestion("Balance B12: what does it show?")
    (prompt,) = open_prompts()
    assert prompt.question == "Balance B12: what does it show?"
    assert question.answered() is None
    answer_prompt(prompt.id, "Ada", "12.5 g")
    assert question.answered() == ("Ada (live page)", "12.5 g")
    assert open_prompts() == []
    assert question.answer("Grace", "99 g") == ("Ada (live page)", "12.5 g")
    with pytest.raises(RigError, match="Ada \\(live page\\) was first"):
        answer_prompt(prompt.id, "Grace", "99 g")


def test_what_was_typed_first_counts_and_the_page_is_told_by_whom():
    question = StandingQuestion("done?")
    (prompt,) = open_prompts()
    assert question.answer("Grace", "done") == ("Grace", "done")
    with pytest.raises(RigError, match="Grace was first"):
        answer_prompt(prompt.id, "Ada", "no")


def test_a_withdrawn_question_takes_no_answer():
    question = StandingQuestion("anybody?")
    (prompt,) = open_prompts()
    assert question.withdraw() is None
    with pytest.raises(RigError, match="no longer asked"):
        answer_prompt(prompt.id, "Ada", "yes")


@pytest.mark.parametrize(
    "prompt_id", ["", "../../etc/passwd", "1-0123456789abcdef", "1-0123456789abcdef/../x"]
)
def test_what_was_never_asked_is_not_answered(prompt_id, tmp_path):
    with pytest.raises(RigError, match="no longer asked"):
        answer_prompt(prompt_id, "Ada", "yes")
    assert list(prompts_folder().iterdir()) == []


@pytest.mark.parametrize(
    ("by", "answer"), [("Ada\tx", "1 g"), ("Ada", "1 g\n2 g"), ("", "1 g"), ("Ada", " "), ("A" * 201, "x")]
)
def test_what_is_not_one_line_is_refused(by, answer):
    question = StandingQuestion("done?")
    with pytest.raises(RigError, match="one line"):
        answer_prompt(open_prompts()[0].id, by, answer)
    assert question.answered() is None


def test_of_many_who_answer_at_once_one_is_first():
    for _ in range(20):
        question = StandingQuestion("who?")
        (prompt,) = open_prompts()
        taken, start = [], threading.Barrier(6)

        def page(name, prompt=prompt, start=start, taken=taken):
            start.wait()
            try:
                answer_prompt(prompt.id, name, "x")
            except RigError:
                return
            taken.append(f"{name} (live page)")

        pages = [threading.Thread(target=page, args=(f"P{number}",)) for number in range(5)]
        for thread in pages:
            thread.start()
        start.wait()
        counts, _ = question.answer("terminal", "x")
        for thread in pages:
            thread.join()
        assert taken == ([] if counts == "terminal" else [counts])


def test_what_a_dead_process_asked_is_cleared_away():
    code = (
        "import sys, tempfile; tempfile.tempdir = sys.argv[1]; "
        "from rig.transport.prompts import StandingQuestion; StandingQuestion('x')"
    )
    import tempfile

    subprocess.run([sys.executable, "-c", code, tempfile.gettempdir()], check=True)
    (left,) = prompts_folder().iterdir()
    assert json.loads(left.read_text())["question"] == "x"
    assert open_prompts() == []
    assert list(prompts_folder().iterdir()) == []
