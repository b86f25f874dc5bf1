"""What stix2-patterns says of patterns: a JSON array of strings in, an array of pairs out.

The first of a pair is whether the grammar of STIX 2.1 takes the pattern, the second whether the
validator does, which asks for more. A pattern that makes either raise anything is not taken.
"""

import json
import sys

from stix2patterns.v21.pattern import Pattern
from stix2patterns.validator import run_validator


def takes(judge, pattern):
    try:
        return judge(pattern)
    except RecursionError:
        raise
    except Exception:
        return False


def grammar(pattern):
    Pattern(pattern)
    return True


def validator(pattern):
    return not run_validator(pattern, stix_version="2.1")


json.dump(
    [[takes(grammar, one), takes(validator, one)] for one in json.load(sys.stdin)],
    sys.stdout,
)
