"""The engine's application, with one thing put right, as engine-process.ts has it served.

In policies, AWS's `*` and `?` stand for any characters. The engine's do not stand for a newline, so that a host with the
host policy could not write a key that has one. Delete this file when a later version of the engine does it right.
"""

import re

from ministack.core import iam_evaluator

_compile = iam_evaluator._fnmatch_compile


def _compile_for_any_character(pattern: str, ignore_case: bool) -> re.Pattern:
    compiled = _compile(pattern, ignore_case)
    # And its end is the end of the text: "$" would also match before a last newline.
    return re.compile(compiled.pattern.removesuffix("$") + r"\Z", compiled.flags | re.DOTALL)


iam_evaluator._fnmatch_compile = _compile_for_any_character

from ministack.app import app  # noqa: E402, F401
