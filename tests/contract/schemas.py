"""Validators for everything in proto/schemas, as any client could build them.

The schemas are open: clients ignore members they do not know. What the daemon sends and what
proto/examples shows is
held to more: `closed` validators refuse members that no schema names.
"""
import functools
import json
import pathlib

import jsonschema
from jsonschema import Draft202012Validator, RefResolver

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROTO = ROOT / "proto"
# Under these keywords an object schema adds conditions to another; it does not list all members.
CONDITIONS = {"allOf", "if", "then", "else", "not", "anyOf"}


def load(path):
    """One JSON file; a repeated member is an error here, as it is in the daemon."""

    def no_repeats(pairs):
        out = dict(pairs)
        if len(out) != len(pairs):
            raise ValueError(f"{path}: a member is there twice")
        return out

    return json.loads(pathlib.Path(path).read_text(encoding="utf-8"), object_pairs_hook=no_repeats)


def close(schema):
    """The same schema, refusing members that it does not list."""
    if isinstance(schema, list):
        return [close(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    out = {}
    for key, value in schema.items():
        if key in ("enum", "const"):
            out[key] = value
        elif key == "anyOf" or key not in CONDITIONS:
            out[key] = close(value)
        else:
            out[key] = value
    listed = schema.get("properties")
    if schema.get("type") == "object" and isinstance(listed, dict) and "oneOf" not in schema:
        out.setdefault("additionalProperties", False)
    return out


@functools.lru_cache(maxsize=None)
def store(closed):
    out = {}
    for path in sorted((PROTO / "schemas").rglob("*.json")):
        schema = load(path)
        if "$id" in schema:
            out[schema["$id"]] = close(schema) if closed else schema
    return out


def path_of(name):
    return PROTO / "schemas" / f"{name}.json"


@functools.lru_cache(maxsize=None)
def validator(name, closed=False, pointer=""):
    """`name` is a file of proto/schemas without .json; `pointer` a place in it such as
    "/$defs/code"."""
    schema = load(path_of(name))
    schema = close(schema) if closed else schema
    schema.setdefault("$id", path_of(name).as_uri())
    by_id = dict(store(closed))
    by_id[schema["$id"]] = schema
    resolver = RefResolver(base_uri=schema["$id"], referrer=schema, store=by_id)
    top = {"$ref": schema["$id"] + "#" + pointer} if pointer else schema
    return Draft202012Validator(top, resolver=resolver, format_checker=jsonschema.FormatChecker())


def problems(name, document, closed=False, pointer=""):
    """What is wrong with `document`, as lines "place: problem"; empty when nothing is."""
    found = validator(name, closed, pointer).iter_errors(document)
    return [
        "/" + "/".join(map(str, deepest(e).absolute_path)) + ": " + deepest(e).message[:300]
        for e in found
    ]


def deepest(error):
    """The error that tells most: inside `oneOf` the branch that got furthest."""
    while error.context:
        best = max(
            error.context, key=lambda e: (len(e.absolute_path), -len(e.absolute_schema_path))
        )
        if len(best.absolute_path) < len(error.absolute_path):
            break
        error = best
    return error


def frame_problems(frame):
    """A frame that the daemon sent in hookswitch.v1: control if it has `op`, else an event."""
    if isinstance(frame, dict) and "op" in frame:
        return op_problems("server_frame", frame)
    return problems("event", frame, closed=True)


def op_problems(name, frame):
    """Against the one definition of that `op`, so that the message names the member and not the
    union."""
    op = frame.get("op") if isinstance(frame, dict) else None
    if op not in load(path_of(name))["$defs"]:
        return [f"/op: {op!r} is not an op of {name}"]
    return problems(name, frame, closed=True, pointer="/$defs/" + op)
