"""Interpolations against what OmegaConf makes of them.

Every expected value is what OmegaConf 2.3.0 and 2.4.0 gave (2.4.0 where they differ: indexes below
zero, integers as keys, escapes in keys), but for those marked as ours.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_sync.distiller.interpolation import InterpolationError, resolve, show_path

ENVIRONMENT = {"X": "x", "TEXT": "${a}", "EMPTY": "", "ONE": "1"}


@pytest.mark.parametrize(
    ("text", "others", "expected"),
    [
        # references
        ("${b}", {"b": 1}, 1),
        ("${ b }", {"b": 1}, 1),
        ("${b}", {"b": None}, None),
        ("${b}", {"b": 2.0}, 2.0),
        ("${b}", {"b": {"c": ["${d}", 1]}, "d": True}, {"c": [True, 1]}),
        ("${b.c}", {"b": {"c": 1}}, 1),
        ("${b[c]}", {"b": {"c": 1}}, 1),
        ("${[b].c}", {"b": {"c": 1}}, 1),
        ("${b.c-d}", {"b": {"c-d": 1}}, 1),
        ("${b.1x}", {"b": {"1x": 1}}, 1),
        ("${ü}", {"ü": 1}, 1),
        (r"${b\.c}", {"b.c": 1}, 1),
        ("${b.1}", {"b": {1: 2}}, 2),
        ("${b[1]}", {"b": [7, 8]}, 8),
        ("${b.0}", {"b": [7, 8]}, 7),
        ("${b[-1]}", {"b": [7, 8]}, 8),
        ("${b[-2]}", {"b": [7, 8]}, 7),
        ("${b[0][1]}", {"b": [[1, 2]]}, 2),
        ("${b}", {"b": {"c": "???"}}, {"c": "???"}),
        ("???", {}, "???"),
        # through other interpolations
        ("${b}", {"b": "${c}", "c": "${d}", "d": 1}, 1),
        ("${b.c}", {"b": "${e}", "e": "${f}", "f": {"c": 1}}, 1),
        ("${b.c}", {"b": "${d}", "d": {"c": "${.e}", "e": 9}}, 9),
        ("${b.c}", {"b": {"c": "${oc.env:X}"}}, "x"),
        # nested
        ("${b.${k}}", {"b": {"c": 1}, "k": "c"}, 1),
        ("${b.${k}}", {"b": [7, 8], "k": 1}, 8),
        ("${b[${k}]}", {"b": [7, 8], "k": 1}, 8),
        ("${${k}}", {"b": {"c": 1}, "k": "b.c"}, 1),
        ("${${k}.c}", {"b": [{"c": 1}], "k": "[b][0]"}, 1),
        # in text
        ("x${b}", {"b": 2.0}, "x2.0"),
        ("x${b}", {"b": None}, "xNone"),
        ("${b}\n${b}", {"b": True}, "True\nTrue"),
        ("x${b}", {"b": {"c": "d"}}, "x{'c': 'd'}"),
        ("x${b}", {"b": [1, "q", None, True, 1.5]}, "x[1, 'q', None, True, 1.5]"),
        ("${b}}", {"b": 1}, "1}"),
        ("}${b}", {"b": 1}, "}1"),
        ("$${b}", {"b": 1}, "$1"),
        # backslashes
        (r"\${b}", {}, "${b}"),
        (r"\${b", {}, "${b"),
        (r"\\${b}", {"b": 1}, r"\1"),
        (r"\\\${b}", {}, r"\${b}"),
        (r"C:\x ${b} \y $ $$ {", {"b": 1}, r"C:\x 1 \y $ $$ {"),
        (r"\\ $", {}, r"\\ $"),
        # the environment
        ("${oc.env:X}", {}, "x"),
        ("${ oc.env : X , d }", {}, "x"),
        ("${oc.env:X}y", {}, "xy"),
        ("${oc.env:ONE}", {}, "1"),
        ("${oc.env:EMPTY,d}", {}, ""),
        ("${oc.env:TEXT}", {}, "${a}"),
        ("pre ${oc.env:TEXT}", {}, "pre ${a}"),
        ("${oc.env:${b}}", {"b": "X"}, "x"),
        # defaults
        ("${oc.env:NO,a b }", {}, "a b"),
        ("${oc.env:NO,http://h:80/p}", {}, "http://h:80/p"),
        ("${oc.env:NO,a : b}", {}, "a : b"),
        ("${oc.env:NO,true}", {}, "True"),
        ("${oc.env:NO,False}", {}, "False"),
        ("${oc.env:NO,${b}}", {"b": "true"}, "true"),
        ("${oc.env:NO,1e3}", {}, "1000.0"),
        ("${oc.env:NO,1_000}", {}, "1000"),
        ("${oc.env:NO,+5}", {}, "5"),
        ("${oc.env:NO,.5}", {}, "0.5"),
        ("${oc.env:NO,5.}", {}, "5.0"),
        ("${oc.env:NO,-Inf}", {}, "-inf"),
        ("${oc.env:NO,08}", {}, "08"),
        ("${oc.env:NO, Null }", {}, None),
        ("x${oc.env:NO,null}", {}, "xNone"),
        ("${oc.env:NO,}", {}, ""),
        ("${oc.env:NO,''}", {}, ""),
        (r"${oc.env:NO,'a, \'b\' c'}", {}, "a, 'b' c"),
        (r'${oc.env:NO,"\\"}', {}, "\\"),
        ("${oc.env:NO,'$'}", {}, "$"),
        (r"${oc.env:NO,'\${b}'}", {}, "${b}"),
        ('${oc.env:NO,"${b}"}', {"b": 3}, "3"),
        (r"${oc.env:NO,a\,b}", {}, "a,b"),
        (r"${oc.env:NO,a\ }", {}, "a "),
        (r"${oc.env:NO,C:\x}", {}, r"C:\x"),
        (r"${oc.env:NO,\${b}}", {"b": 1}, r"\1"),
        ("${oc.env:NO,[1, a, []]}", {}, "[1, 'a', []]"),
        ("${oc.env:NO,${oc.env:X}}", {}, "x"),
        ("${oc.env:NO,${b}}", {"b": 3}, "3"),
        ("${oc.env:NO,pre${b}}", {"b": 3}, "pre3"),
        # ours: OmegaConf refuses these characters outside quotes
        ("${oc.env:NO,http://h/?q=ü#1}", {}, "http://h/?q=ü#1"),
        # ours: there an interpolation inside stays as it is written
        ("x${b}", {"b": {"c": "${d}"}, "d": 1}, "x{'c': 1}"),
    ],
)
def test_a_text(text: str, others: dict[str, Any], expected: Any) -> None:
    found = resolve({"a": text, **others}, ENVIRONMENT)["a"]
    assert found == expected
    assert type(found) is type(expected)


def test_relative_references() -> None:
    config = {
        "a": {"x": "${.y}", "y": "${..z}"},
        "z": 3,
        "l": [{"x": "${.y}", "y": 1}, "${.[0].x}"],
    }
    assert resolve(config, {}) == {
        "a": {"x": 3, "y": 3},
        "z": 3,
        "l": [{"x": 1, "y": 1}, 1],
    }


def test_a_reference_in_a_copy_means_the_neighbours_of_the_original() -> None:
    config = {"x": {"p": "${d}", "e": 1}, "d": {"c": "${.e}", "e": 9}}
    assert resolve(config, {})["x"]["p"] == {"c": 9, "e": 9}


def test_a_part_may_refer_to_its_whole_s_other_parts() -> None:
    assert resolve({"a": {"b": "${a.c}", "c": 1}}, {}) == {"a": {"b": 1, "c": 1}}


@pytest.mark.parametrize(
    ("config", "at", "words"),
    [
        ({"a": "${nope}"}, "a", "there is no 'nope' in the configuration"),
        ({"a": {"b": ["${c.d}"]}, "c": {}}, "a.b[0]", "there is no 'd' in c"),
        ({"a": "${b[2]}", "b": [1, 2]}, "a", "there is no '2' in b"),
        ({"a": "${b[-3]}", "b": [1, 2]}, "a", "there is no '-3' in b"),
        ({"a": "${b.7}", "b": {"c": 1}}, "a", "there is no '7' in b"),
        ({"a": "${b.c}", "b": "text"}, "a", "b has no 'c': it is no mapping or list"),
        ({"a": "${b.c}", "b": None}, "a", "b has no 'c': it is no mapping or list"),
        ({"a": "${b.c}", "b": "${oc.env:X}"}, "a", "b has no 'c': it is no mapping or list"),
        ({"a": "${b}", "b": "???"}, "a", "b is '???', a value that is still to be given"),
        ({"a": "${..b}", "b": 1}, "a", "2 dots lead out of the configuration"),
        ({"a": "${b}", "b": "${nope}"}, "b", "there is no 'nope' in the configuration"),
        ({"a": "${oc.env:NO}"}, "a", "the environment variable 'NO' is not set; set it, or give"),
        ({"a": "${oc.env:X,${nope}}"}, "a", "there is no 'nope' in the configuration"),
        ({"a": "${oc.env:}"}, "a", "oc.env takes the name of a variable, and a default"),
        ({"a": "${oc.env:X,a,b}"}, "a", "oc.env takes the name of a variable, and a default"),
        ({"a": "${oc.env:1}"}, "a", "oc.env needs the name of a variable, not 1"),
        ({"a": "${oc.decode:1}"}, "a", "${oc.decode:…} is not known here"),
        ({"a": "${b.${c}}", "b": {}, "c": True}, "a", "True is used for a key"),
        ({"a": "${${c}}", "c": ".a"}, "a", "'.a' comes of an interpolation and can't be relative"),
        ({"a": "${b.${c}}", "b": {}, "c": ""}, "a", "'' is used for a key, but names none"),
        # circles
        ({"a": "${a}"}, "a", "a leads back to itself"),
        ({"a": "x${a}"}, "a", "a leads back to itself"),
        ({"a": "${b}", "b": "${a}"}, "b", "a leads back to itself"),
        ({"a": {"b": "${a}"}}, "a.b", "a leads back to itself"),
        ({"a": "${a.b}"}, "a", "a leads back to itself"),
        # what is no interpolation
        ({"a": "${b"}, "a", "'}' is missing at the end"),
        ({"a": "${}"}, "a", "a key is missing at '}'"),
        ({"a": "${b.}"}, "a", "a key is missing at '}'"),
        ({"a": "${b..c}"}, "a", "a key is missing at '.c}'"),
        ({"a": "${b[]}"}, "a", "a key is missing at ']}'"),
        ({"a": "${b[0}"}, "a", "']' is missing at '}'"),
        ({"a": "${b . c}"}, "a", "'}' is missing at '. c}'"),
        ({"a": "${b${c}}"}, "a", "'}' is missing at '{c}}'"),
        ({"a": "${oc.env:NO,(x)}"}, "a", "this has to stand in quotes, or '}' is missing at"),
        (
            {"a": "${oc.env:NO,{b: 1}}"},
            "a",
            "this has to stand in quotes, or '}' is missing at",
        ),
        ({"a": "${oc.env:NO,x"}, "a", "this has to stand in quotes, or '}' is missing at the end"),
        ({"a": "${oc.env:NO,'x}"}, "a", "a quote is not closed at 'x}'"),
        ({"a": "${oc.env:NO,'it''s'}"}, "a", "'}' is missing at"),
        ({"a": "${oc.env:NO,[1}"}, "a", "']' is missing at '}'"),
    ],
)
def test_what_can_not_be_resolved(config: dict[str, Any], at: str, words: str) -> None:
    with pytest.raises(InterpolationError) as caught:
        resolve(config, ENVIRONMENT)
    assert caught.value.path is not None
    assert show_path(caught.value.path) == at
    assert words in caught.value.words


@pytest.mark.parametrize("ten", [["${%s}"] * 10, "${%s}" * 10])
def test_references_that_multiply(ten: Any) -> None:
    config: dict[str, Any] = {"a0": "ten"}
    for level in range(12):
        last = f"a{level}"
        config[f"a{level + 1}"] = (
            [part % last for part in ten] if isinstance(ten, list) else (ten % ((last,) * 10))
        )
    with pytest.raises(InterpolationError, match="more than 100,000 values"):
        resolve(config, {})


@given(st.text(alphabet="${}[]().:,'\"\\ abcoc.env0", max_size=40))
def test_any_text_is_resolved_or_refused(text: str) -> None:
    with suppress(InterpolationError):  # and nothing else
        resolve({"a": text, "b": {"c": [1]}}, ENVIRONMENT)


@given(st.text(alphabet="$}[].:,'\"\\ ab", max_size=40))
def test_text_without_an_opening_stays_as_it_is(text: str) -> None:
    assert resolve({"a": text}, {}) == {"a": text}
