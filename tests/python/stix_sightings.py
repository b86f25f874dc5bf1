"""What stix2-validator and stix2 say of bundles: an array of bundles in, an array of findings out.

Strict, with every recommendation but one: that only observables have UUIDs of version 5. An id that
is the same for a resend is made from what the object is of, which version 4 cannot be.
"""

import json
import sys

import stix2
from stix2validator import ValidationOptions, validate_instance

# The profile of OASIS for interoperability speaks of domain and relationship objects; the validator
# asks its properties of observables and markings as well, which cannot have them.
BY_PROFILE = ("identity", "observed-data", "sighting")


def validated(bundle, **others):
    options = ValidationOptions(
        version="2.1",
        strict=True,
        strict_properties=True,
        disabled=["uuid-check"],
        **others,
    )
    return [str(error) for error in validate_instance(bundle, options).errors]


def misnamed(bundle):
    """Observables whose id is not the one that stix2 makes."""
    try:
        parsed = stix2.parse(bundle, allow_custom=False)
    except Exception as error:
        return [str(error)]
    found = []
    for thing in parsed.objects:
        if isinstance(thing, stix2.base._Observable):
            fields = {name: value for name, value in thing.items() if name != "id"}
            made = type(thing)(**fields)
            if made.id != thing.id:
                found.append(f"{thing.id} should be {made.id}")
    return found


def findings(bundle):
    profiled = [thing for thing in bundle["objects"] if thing["type"] in BY_PROFILE]
    interop = validated({**bundle, "objects": profiled}, interop=True)
    return validated(bundle) + misnamed(bundle) + [f"interop: {one}" for one in interop]


json.dump([findings(bundle) for bundle in json.load(sys.stdin)], sys.stdout)
