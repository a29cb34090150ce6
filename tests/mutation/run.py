#!/usr/bin/env python3
"""Breaks the fold on purpose, one place at a time, and shows that a test notices.

Usage: run.py [--jobs N] [--only NAME ...] [--markdown]

Every entry of mutations.json replaces one piece of text in a file of lib/calls. The tests of calls and the
scenarios are built once as they are and must pass; then for each entry the one changed file is built again, the
tests are linked with it and run until the first fails. Exit 1: a mutation survives, does not build or does not
apply any more. Nothing of the working tree is changed; all is done in a copy in a temporary folder.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
COPIED = ("lib", "tests/unit/calls", "tests/unit/scenarios", "tests/support", "tests/data/scenarios")
# What the two test programs need of lib: no sockets, no database.
LIBRARY = ("lib/base/text.cpp lib/base/time.cpp lib/base/ids.cpp lib/base/json.cpp lib/base/error.cpp lib/base/log.cpp "
           "lib/base/assert.cpp lib/model/*.cpp lib/directory/*.cpp lib/calls/*.cpp").split()
PROGRAMS = {"unit_calls": "tests/unit/calls/*_test.cpp", "unit_scenarios": "tests/unit/scenarios/*_test.cpp"}
# The source folder is the current one: so a compiler cache knows the files again in the next temporary folder.
FLAGS = ["-std=c++20", "-O1", "-w", "-Ilib", "-I.", "-Itests", '-DHOOKSWITCH_SOURCE_DIR="."']
LIBRARIES = ["-lgtest", "-lgtest_main", "-lfmt", "-lspdlog", "-lpthread", "-lcrypto"]
ENVIRONMENT = {"HOOKSWITCH_SEEDS": "150", "HOOKSWITCH_PERMUTATIONS": "30", "GTEST_FAIL_FAST": "1"}
LONGEST_RUN = 300  # seconds: a mutation that makes a test run for ever has been noticed, too


class Broken(Exception):
    """The mutation check itself cannot go on."""


def compiler():
    cached = ["ccache"] if shutil.which("ccache") else []
    return cached + [os.environ.get("CXX", "g++")]


def call(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise Broken(f"{' '.join(command[:3])} …:\n{done.stderr[:4000]}")


def compile_file(folder, source, target):
    target_path = folder / target
    target_path.parent.mkdir(parents=True, exist_ok=True)
    call([*compiler(), *FLAGS, "-c", source, "-o", target], folder)


def link(folder, objects, target):
    call(["g++", "-o", target, *objects, *LIBRARIES], folder)


def object_of(source):
    return "out/" + source.replace("/", "_") + ".o"


def sources_of(folder, patterns):
    return sorted(str(path.relative_to(folder)) for pattern in patterns for path in folder.glob(pattern))


def first_failure(folder, program):
    """What noticed first, or None when every test passes."""
    try:
        done = subprocess.run([f"./{program}"], cwd=folder, capture_output=True, text=True,
                              errors="replace", env={**os.environ, **ENVIRONMENT}, timeout=LONGEST_RUN)
    except subprocess.TimeoutExpired:
        return f"{pathlib.Path(program).name} never ends"
    if done.returncode == 0:
        return None
    failed = re.search(r"\[  FAILED  \] ([\w./]+)", done.stdout)
    if failed:
        return failed.group(1)
    running = re.findall(r"\[ RUN      \] ([\w./]+)", done.stdout)
    if done.returncode < 0 and running:  # an assertion of ours, or a crash
        return f"{running[-1]} (aborts)"
    raise Broken(f"{pathlib.Path(program).name} gives {done.returncode} and names no test:\n{done.stderr[:1000]}")


def mutated(folder, entry):
    """The text of the entry's file with its replacement made. Where lines are broken does not matter."""
    path = folder / "lib" / "calls" / entry["file"]
    if not path.is_file():
        raise Broken(f"no file {entry['file']}")
    text = path.read_text(encoding="utf-8")
    found = list(re.finditer(r"\s+".join(map(re.escape, entry["replace"].split())), text))
    if len(found) != 1:
        raise Broken(f"the text to replace occurs {len(found)} times in {entry['file']}")
    if entry["replace"].split() == entry["with"].split():
        raise Broken("replaces nothing")
    return text[:found[0].start()] + entry["with"] + text[found[0].end():]


def try_one(folder, number, entry, library, tests):
    """(noticed by, problem): exactly one is set when the mutation is noticed or cannot be tried; neither: it survives."""
    try:
        text = mutated(folder, entry)
        own = f"out/mutation{number}"
        (folder / own).mkdir(parents=True)
        (folder / own / entry["file"]).write_text(text, encoding="utf-8")
        compile_file(folder, f"{own}/{entry['file']}", f"{own}/changed.o")
        changed = object_of(f"lib/calls/{entry['file']}")
        for program in PROGRAMS:
            objects = [f"{own}/changed.o" if one == changed else one for one in library] + tests[program]
            link(folder, objects, f"{own}/{program}")
            noticed = first_failure(folder, f"{own}/{program}")
            (folder / own / program).unlink()
            if noticed:
                return noticed, None
        return None, None
    except Broken as problem:
        return None, str(problem)


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--jobs", type=int, default=2, help="mutations tried at the same time")
    options.add_argument("--only", nargs="+", metavar="NAME", help="only these mutations")
    options.add_argument("--markdown", action="store_true", help="print the result as the table of README.md")
    asked = options.parse_args()

    entries = json.loads((HERE / "mutations.json").read_text(encoding="utf-8"))
    names = [entry["name"] for entry in entries]
    if len(set(names)) != len(names):
        raise Broken("two mutations of one name")
    if asked.only:
        unknown = set(asked.only) - set(names)
        if unknown:
            raise Broken(f"no such mutation: {', '.join(sorted(unknown))}")
        entries = [entry for entry in entries if entry["name"] in asked.only]
    with tempfile.TemporaryDirectory(prefix="hookswitch-mutation.") as temporary, \
            concurrent.futures.ThreadPoolExecutor(asked.jobs) as workers:
        folder = pathlib.Path(temporary)
        for part in COPIED:
            shutil.copytree(ROOT / part, folder / part)
        for entry in entries:
            try:
                mutated(folder, entry)  # before the long build
            except Broken as problem:
                raise Broken(f"{entry['name']}: {problem}") from None
        library = sources_of(folder, LIBRARY)
        tests = {program: sources_of(folder, [pattern]) for program, pattern in PROGRAMS.items()}
        everything = library + [source for sources in tests.values() for source in sources]
        started = time.monotonic()
        print(f"building {len(everything)} files …", file=sys.stderr)
        list(workers.map(lambda source: compile_file(folder, source, object_of(source)), everything))
        library = [object_of(source) for source in library]
        tests = {program: [object_of(source) for source in sources] for program, sources in tests.items()}
        for program in PROGRAMS:
            link(folder, library + tests[program], f"out/{program}")
            if failed := first_failure(folder, f"out/{program}"):
                raise Broken(f"{failed} fails without any mutation")
        print(f"unmutated tests pass; {len(entries)} mutations …", file=sys.stderr)

        bad = 0
        if asked.markdown:
            print("| # | file | what it breaks | noticed by |\n|---|---|---|---|")
        results = workers.map(lambda pair: try_one(folder, *pair, library, tests), enumerate(entries, 1))
        for number, (entry, (noticed, problem)) in enumerate(zip(entries, results), 1):
            bad += noticed is None
            verdict = f"BROKEN: {problem}" if problem else noticed or "SURVIVED"
            if asked.markdown:
                print(f"| {number} | {entry['file']} | {entry['breaks']} | {verdict if noticed is None else f'`{noticed}`'} |")
            else:
                print(f"{'ok  ' if noticed else 'FAIL'} {entry['name']}: {verdict}")
            sys.stdout.flush()
    print(f"{len(entries) - bad} of {len(entries)} noticed, in {time.monotonic() - started:.0f} s", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Broken as problem:
        print(f"mutation check: {problem}", file=sys.stderr)
        sys.exit(1)
