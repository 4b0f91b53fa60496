"""Other people's text: nothing hidden in it, nothing in it obeyed, nothing that the fonts cannot draw."""

import pytest

from rig.report.plain_text import LONGEST, LONGEST_WORD, breakable, drawn, for_pdf, visible


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain", "plain"),
        ("a\tb\r\nc", "a b  c"),
        ("bell\x07", "bell⟨U+0007⟩"),
        ("abc\u202etxt.exe", "abc⟨U+202E⟩txt.exe"),
        ("zero\u200bwidth", "zero⟨U+200B⟩width"),
        ("lone \ud800 surrogate", "lone ⟨U+D800⟩ surrogate"),
        ("Zoë Å 3 µL", "Zoë Å 3 µL"),
        ("שלום", "שלום"),
    ],
)
def test_what_cannot_be_seen_is_shown_by_its_number(raw: str, shown: str) -> None:
    assert visible(raw) == shown


def test_a_very_long_text_is_cut_and_says_so() -> None:
    shown = visible("x" * (LONGEST + 500))
    assert shown.endswith("(500 more characters in results.json)")
    assert len(shown) < LONGEST + 100


def test_a_character_without_glyph_becomes_its_number() -> None:
    assert drawn("液 ok é") == "⟨U+6DB2⟩ ok é"


def test_long_words_may_be_broken_and_lose_nothing() -> None:
    word = "a" * (3 * LONGEST_WORD)
    broken = breakable(f"see {word}")
    assert broken.replace("\u200b", "") == f"see {word}"
    assert max(len(part) for part in broken.replace(" ", "\u200b").split("\u200b")) <= LONGEST_WORD
    assert breakable("short words only") == "short words only"


def test_pictures_and_names_of_kinds_pass_untouched_into_the_pdf() -> None:
    data = {"svg": "液" * 100, "kind": "table", "rows": [[{"text": "液"}]], "number": 3}
    assert for_pdf(data) == {
        "svg": "液" * 100,
        "kind": "table",
        "rows": [[{"text": "⟨U+6DB2⟩"}]],
        "number": 3,
    }
