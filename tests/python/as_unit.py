"""Runs a program under the system call filter and with the capabilities of a systemd unit.

    as_unit.py UNIT [--groups LIST] -- PROGRAM [ARGUMENT…]

What systemd does from these lines is done here without it, because a test cannot start a service manager: sets of
system calls are those that `systemd-analyze syscall-filter` names. Of the unit's other lines nothing is done.
"""

import ctypes
import os
import subprocess
import sys

CLOCK = "@clock"


def lines(path):
    with open(path, encoding="utf-8") as unit:
        for line in unit:
            key, equals, value = line.strip().partition("=")
            if equals and not key.startswith(("#", ";")):
                yield key, value


def expand(name):
    """System calls of a name; a set may hold others."""
    if not name.startswith("@"):
        return {name}
    listed = subprocess.run(
        ["systemd-analyze", "syscall-filter", name], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    names = [line.strip() for line in listed[1:]]
    return set().union(*(expand(one) for one in names if one and not one.startswith("#")))


def main():
    unit, options, program = sys.argv[1], sys.argv[2:], []
    if "--" in options:
        cut = options.index("--")
        options, program = options[:cut], options[cut + 1 :]
    settings = list(lines(unit))
    allowed = expand("@default")
    for key, value in settings:
        if key == "SystemCallFilter":
            if value.startswith("~"):
                sys.exit(f"{unit}: a list of what is forbidden is not understood here")
            allowed |= set().union(*map(expand, value.split()))
        if key == "ProtectClock" and value == "yes":
            allowed -= expand(CLOCK)
    # What systemd itself would have done before the filter counts.
    allowed |= {"execve", "prctl", "setgroups", "capset"}
    bounding = [
        f"+{name.removeprefix('CAP_').lower()}"
        for key, value in settings
        if key == "CapabilityBoundingSet"
        for name in value.split()
    ]
    if os.environ.get("AS_UNIT") != "inside":
        groups = options[options.index("--groups") + 1] if "--groups" in options else ""
        os.environ["AS_UNIT"] = "inside"
        chosen = ["--groups", groups] if groups else ["--clear-groups"]
        os.execvp(
            "setpriv",
            ["setpriv", "--no-new-privs", f"--bounding-set=-all,{','.join(bounding)}", "--inh-caps=-all", *chosen]
            + [sys.executable, *sys.argv],
        )
    seccomp = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    seccomp.seccomp_init.restype = ctypes.c_void_p
    eperm = 0x0005_0000 | 1
    filter_ = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(eperm)))
    for name in sorted(allowed):
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number == -1:
            continue
        # SCMP_ACT_ALLOW; a call that this architecture lacks is refused, as systemd lets pass.
        seccomp.seccomp_rule_add(filter_, ctypes.c_uint32(0x7FFF_0000), ctypes.c_int(number), ctypes.c_uint(0))
    if seccomp.seccomp_load(filter_) != 0:
        sys.exit("the filter is not taken")
    os.execv(program[0], program)


main()
