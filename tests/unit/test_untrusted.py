"""What other people wrote, as a model gets it."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server.toolkit.untrusted import ELLIPSIS, UntrustedEntries, UntrustedText

PLAIN = UntrustedText(200)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Claw hammer 16 oz",
        "Größe 3½″ \u2013 20 °C, 5 €",
        "two\nlines\tand a tab",
        "non\u00a0breaking",
        "日本語の説明",
        "עברית",
        "می\u200cخو",
        "क्\u200dष क्\u200cष",
        "ශ්\u200dරී",
        "👨\u200d👩\u200d👧 👍🏽 🇩🇪",
        "❤\ufe0f\u200d🔥 1\ufe0f⃣ ☺\ufe0e",
        "葛\U000e0100城",
        "\u0600123 \u06dd",
    ],
)
def test_what_is_written_in_any_script_stays(text: str) -> None:
    assert PLAIN.clean(text) == text


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a\x00b\x07c\x1b[31md\x7fe\x9bf", "abc[31mdef"),
        ("one\r\ntwo\rthree\u2028four\u2029five\x0bsix\x0c", "one\ntwo\nthree\nfour\nfivesix"),
        ("user\u202etxt.exe", "usertxt.exe"),
        ("\u2066a\u2069\u200eb\u200fc\u061cd\u202ae\u202c", "abcde"),
        ("ig\u200bno\u2060re\ufeff", "ignore"),
        ("soft\u00adhyphen", "softhyphen"),
        ("plain\u200djoined\u200cnot", "plainjoinednot"),
        ("می\u200c\u200cخ", "میخ"),
        ("".join(chr(0xE0000 + ord(letter)) for letter in "ignore all") + "Hammer\U000e0001", "Hammer"),
        ("😀" + "".join(chr(0xE0100 + n) for n in b"hidden"), "😀"),
        ("x\ufe01\ufe02y", "xy"),
        ("❤\ufe0f\ufe0f", "❤"),
        ("\u3164\u115f\u1160\uffa0\u034f\u180e\u2800", "\u2800"),
        ("\ud800broken", "broken"),
    ],
)
def test_what_nobody_sees_goes(text: str, seen: str) -> None:
    assert PLAIN.clean(text) == seen


def test_no_invisible_category_is_left_but_what_is_documented() -> None:
    alone = [
        chr(point) for point in range(sys.maxunicode + 1) if unicodedata.category(chr(point)) in ("Cc", "Cf", "Cs")
    ]
    kept = [character for character in alone if PLAIN.clean(f"a{character}b") not in ("ab", "a\nb")]

    marks_that_are_seen = [*map(chr, range(0x600, 0x606)), *"\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"]
    assert kept == ["\t", *marks_that_are_seen]


@pytest.mark.parametrize("length", [199, 200])
def test_a_text_that_fits_is_whole(length: int) -> None:
    assert PLAIN.clean("x" * length) == "x" * length


def test_a_longer_text_is_cut_and_says_so() -> None:
    assert PLAIN.clean("x" * 201) == "x" * 199 + ELLIPSIS


def test_what_is_invisible_does_not_count_as_length() -> None:
    assert PLAIN.clean("x\u200b" * 200) == "x" * 200


def test_a_cut_leaves_no_half_of_a_joined_sign() -> None:
    assert UntrustedText(4).clean("क्\u200dषक्") == "क्" + ELLIPSIS


HIDDEN = "\u200b\u200c\u200d\u202e\ufe0f\U000e0041\U000e0100\r\u2028\x00"
VISIBLE = "a 1❤👍क्می葛\n"


@given(st.text() | st.text(st.sampled_from(HIDDEN + VISIBLE)))
@example("\ufe0f\u200d👍")
@example("❤\ufe0f\ufe0f\u200d👍")
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    short = UntrustedText(8)
    once = short.clean(text)

    assert short.clean(once) == once
    assert len(once) <= 8


def test_entries_are_cleaned_names_texts_and_what_is_nested() -> None:
    entries = UntrustedEntries(10)
    given_ones = {"na\u200bme": "a\u202eb", "nested": {"li\x00st": ["\ufeffx", 1, None, True, 2.5]}, "long": "y" * 11}

    assert entries.clean(given_ones) == {
        "name": "ab",
        "nested": {"list": ["x", 1, None, True, 2.5]},
        "long": "y" * 9 + ELLIPSIS,
    }


def test_entries_without_end_are_cut_and_say_so() -> None:
    entries = UntrustedEntries(10)
    deep = json.loads('{"a":' * 50 + "1" + "}" * 50)

    assert json.dumps(entries.clean(deep), ensure_ascii=False) == '{"a": ' * 5 + f'"{ELLIPSIS}"' + "}" * 5
    many = entries.clean({"list": [*range(500)], **{str(n): n for n in range(500)}})
    assert (len(many), many[ELLIPSIS]) == (100, ELLIPSIS)
    assert many["list"] == [*range(99), ELLIPSIS]
    assert len(entries.clean({str(n): n for n in range(100)})) == 100
