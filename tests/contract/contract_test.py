"""proto/ keeps its own word: schemas are schemas, examples fit, wrong ones do not, tables equal the
code's.

`contract_test.py --write-errors` writes proto/errors.md and the codes of problem.json anew from
lib/base/error.hpp.
"""
import copy
import json
import pathlib
import re
import sys
import unittest

import yaml
from jsonschema import Draft202012Validator

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import schemas  # noqa: E402

ROOT = schemas.ROOT
PROTO = schemas.PROTO
EXAMPLES = PROTO / "examples"


def schema_of(path):
    """Which schema an example belongs to, by its folder: (name, pointer)."""
    parts = path.relative_to(EXAMPLES).parts
    if parts[0] == "facts":
        return "fact", ""
    if parts[0] == "events":
        return "event", ""
    if parts[0] == "explain":
        return "explain", ""
    if parts[:2] == ("frames", "client"):
        return "client_frame", ""
    if parts[:2] == ("frames", "server"):
        return "server_frame", ""
    if parts[:2] == ("frames", "problem"):
        return "problem", ""
    if parts[0] == "pages":
        return page_schema(parts[1:]), ""
    raise AssertionError(f"{path}: no schema is named for this folder")


def page_schema(parts):
    """pages/<dialect>/…/<message>.json fits pages/<dialect>/<message>.json, else the nearest
    folder's own schema."""
    parts = [*parts[:-1], parts[-1].removesuffix(".json").split(".")[0]]
    for depth in range(len(parts), 0, -1):
        name = "/".join(["pages", *parts[:depth]])
        if schemas.path_of(name).exists():
            return name
        other = name.replace("-", "_")
        if schemas.path_of(other).exists():
            return other
    raise AssertionError(f"pages/{'/'.join(parts)}: no schema in proto/schemas/pages")


def example_files():
    return sorted(EXAMPLES.rglob("*.json"))


def error_rows():
    """kOutcomes of lib/base/error.hpp: (name, http, close, retry, title)."""
    source = (ROOT / "lib/base/error.hpp").read_text(encoding="utf-8")
    rows = re.findall(
        r'Outcome\{Errc::(\w+),\s*"(\w+)",\s*(\d+),\s*(\d+),\s*(true|false),\s*"([^"]*)"\}', source
    )
    return [
        (name, int(http), int(close), retry == "true", title)
        for _, name, http, close, retry, title in rows
    ]


def errors_md(rows):
    text = (PROTO / "errors.md").read_text(encoding="utf-8")
    before, _, rest = text.partition("| --- | --- | --- | --- | --- |\n")
    after = rest[rest.index("\n\n") :]
    table = "\n".join(
        f"| `{name}` | {http} | {close} | {'yes' if retry else 'no'} | {title} |"
        for name, http, close, retry, title in rows
    )
    return before + "| --- | --- | --- | --- | --- |\n" + table + after


def write_errors():
    (PROTO / "errors.md").write_text(errors_md(error_rows()), encoding="utf-8")
    path = schemas.path_of("problem")
    schema = schemas.load(path)
    schema["$defs"]["code"]["enum"] = [row[0] for row in error_rows()]
    path.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def words(array):
    """One word table of lib/model/words.cpp."""
    source = (ROOT / "lib/model/words.cpp").read_text(encoding="utf-8")
    body = re.search(rf"{array}\{{(.*?)\}};", source, re.S)
    return re.findall(r'"([a-z_.]+)"', body.group(1))


class Schemas(unittest.TestCase):
    def test_every_schema_is_a_valid_schema(self):
        files = sorted((PROTO / "schemas").rglob("*.json"))
        self.assertGreaterEqual(len(files), 6)
        for path in files:
            with self.subTest(path=path.name):
                Draft202012Validator.check_schema(schemas.load(path))

    def test_a_wrong_schema_is_noticed(self):
        with self.assertRaises(Exception):
            Draft202012Validator.check_schema({"type": "objekt"})

    def test_words_are_those_of_the_model(self):
        fact, call, event, client = (
            schemas.load(schemas.path_of(n)) for n in ("fact", "call", "event", "client_frame")
        )
        leg = call["$defs"]["leg"]["properties"]
        self.assertEqual(fact["properties"]["type"]["enum"], words("kFactTypes"))
        self.assertEqual(event["properties"]["type"]["enum"], words("kEventTypes"))
        self.assertEqual(call["properties"]["state"]["enum"], words("kCallStates"))
        self.assertEqual(call["properties"]["direction"]["enum"], words("kDirections"))
        self.assertEqual(
            client["$defs"]["filter"]["properties"]["directions"]["items"]["enum"],
            words("kDirections"),
        )
        self.assertEqual(leg["state"]["enum"], words("kLegStates"))
        self.assertEqual(leg["role"]["enum"], words("kLegRoles"))
        self.assertEqual(leg["end_reason"]["enum"], words("kDispositions"))
        self.assertEqual(
            call["properties"]["answered_by"]["oneOf"][1]["enum"], words("kAnsweredBy")
        )
        self.assertEqual(
            call["properties"]["ids"]["items"]["properties"]["kind"]["enum"], words("kKeyKinds")
        )
        # The words from answered_elsewhere on are for legs only.
        every = words("kDispositions")
        self.assertEqual(
            call["properties"]["disposition"]["oneOf"][1]["enum"],
            every[: every.index("answered_elsewhere")],
        )

    def test_limits_are_those_of_the_code(self):
        source = (ROOT / "lib/base/limits.hpp").read_text(encoding="utf-8")
        limit = lambda name: int(
            re.search(rf"{name} = ([\d']+)(?: \*|;)", source).group(1).replace("'", "")
        )
        fact, call = schemas.load(schemas.path_of("fact")), schemas.load(schemas.path_of("call"))
        self.assertEqual(fact["$defs"]["text"]["maxLength"], limit("kTextBytesMax"))
        self.assertEqual(fact["$defs"]["id"]["maxLength"], limit("kIdBytesMax"))
        self.assertEqual(
            fact["$defs"]["texts_by_name"]["maxProperties"], limit("kHeadersPerCallMax")
        )
        self.assertEqual(call["properties"]["legs"]["maxItems"], limit("kLegsPerCallMax"))
        self.assertEqual(call["properties"]["ids"]["maxItems"], limit("kKeysPerCallMax"))
        self.assertEqual(
            call["properties"]["recordings"]["maxItems"], limit("kRecordingsPerCallMax")
        )


class Examples(unittest.TestCase):
    def test_every_example_fits_its_schema_and_no_member_is_unnamed(self):
        self.assertGreater(len(example_files()), 40)
        for path in example_files():
            with self.subTest(path=str(path.relative_to(EXAMPLES))):
                name, pointer = schema_of(path)
                closed = not name.startswith("pages/")
                self.assertEqual(schemas.problems(name, schemas.load(path), closed, pointer), [])

    def test_messages_of_a_stream_are_frames_with_their_cursor_and_type(self):
        count = 0
        for path in sorted((EXAMPLES / "stream").glob("*.txt")):
            for message in path.read_text(encoding="utf-8").split("\n\n"):
                fields = dict(line.split(": ", 1) for line in message.splitlines())
                if not fields or "" in fields:  # the end; a comment
                    continue
                if set(fields) == {"id"}:  # a place alone
                    self.assertRegex(fields["id"], r"^[0-9a-f]+\.\d+$")
                    continue
                frame = json.loads(fields["data"])
                self.assertEqual(schemas.frame_problems(frame), [])
                self.assertEqual(fields["id"], frame["cursor"])
                self.assertEqual(fields["event"], frame.get("op") or frame["type"])
                count += 1
        self.assertGreater(count, 1)

    def test_every_op_and_every_sent_event_type_has_an_example(self):
        for side in ("client", "server"):
            ops = {schemas.load(p)["op"] for p in (EXAMPLES / "frames" / side).glob("*.json")}
            self.assertEqual(
                ops, set(schemas.load(schemas.path_of(side + "_frame"))["properties"]["op"]["enum"])
            )
        have = {schemas.load(p)["type"] for p in (EXAMPLES / "events").glob("*.json")}
        self.assertLessEqual(
            {
                "call.started",
                "call.ringing",
                "call.answered",
                "call.held",
                "call.resumed",
                "leg.ended",
                "call.updated",
                "call.merged",
                "call.ended",
                "call.report",
                "source.up",
                "source.down",
            },
            have,
        )

    def test_event_and_fact_examples_are_compact_one_line_files(self):
        for path in [
            *(EXAMPLES / "events").glob("*.json"),
            *(EXAMPLES / "facts").glob("*.json"),
            *(EXAMPLES / "frames").rglob("*.json"),
        ]:
            text = path.read_text(encoding="utf-8")
            with self.subTest(path=path.name):
                self.assertEqual(text.count("\n"), 1)
                self.assertTrue(text.endswith("\n"))

    def test_the_leg_of_an_event_is_the_leg_of_its_call(self):
        for path in (EXAMPLES / "events").glob("*.json"):
            event = schemas.load(path)
            self.assertEqual(event["id"], event["cursor"])
            if "leg" in event["data"]:
                self.assertIn(event["data"]["leg"], event["data"]["call"]["legs"], path.name)
            if "call" in event["data"]:
                self.assertEqual(event["subject"], event["data"]["call"]["id"])

    def test_examples_hold_no_real_person(self):
        for path in example_files():
            text = path.read_text(encoding="utf-8")
            for number in re.findall(r'"\+?1?(\d{10})"', text):
                self.assertRegex(number, "^20255501", path.name)
            for host in re.findall(r"https?://([^/\"]+)", text):
                self.assertRegex(
                    host,
                    r"(^|\.)example(\.(com|net|org))?(:\d+)?$|^(localhost|127\.0\.0\.1)(:\d+)?$",
                    path.name,
                )


class WrongExamples(unittest.TestCase):
    """The check itself is checked: each of these must be refused."""

    def refuses(self, name, document, because):
        self.assertNotEqual(schemas.problems(name, document), [], because)

    def test_an_example_without_any_one_required_member_is_refused(self):
        tried = 0
        for path in example_files():
            name, _ = schema_of(path)
            document = schemas.load(path)
            schema = schemas.load(schemas.path_of(name))
            if name in ("client_frame", "server_frame"):
                schema = schema["$defs"][document["op"]]
            for member in schema["required"]:
                wrong = copy.deepcopy(document)
                del wrong[member]
                self.refuses(name, wrong, f"{path.name} without {member}")
                tried += 1
        self.assertGreater(tried, 100)

    def test_a_call_without_any_one_required_member_is_refused(self):
        event = schemas.load(EXAMPLES / "events/call.ended.json")
        for member in schemas.load(schemas.path_of("call"))["required"]:
            wrong = copy.deepcopy(event)
            del wrong["data"]["call"][member]
            self.refuses("event", wrong, member)

    def test_unnamed_members_are_allowed_for_clients_and_refused_from_us(self):
        event = schemas.load(EXAMPLES / "events/call.answered.json")
        for place in (
            event,
            event["data"],
            event["data"]["call"],
            event["data"]["call"]["legs"][0],
            event["data"]["call"]["from"],
        ):
            place["x_new"] = 1
            self.assertEqual(schemas.problems("event", event), [])
            self.assertNotEqual(schemas.problems("event", event, closed=True), [])
            del place["x_new"]
        self.assertEqual(schemas.problems("event", event, closed=True), [])

    def test_wrong_facts(self):
        fact = schemas.load(EXAMPLES / "facts/ringing.json")
        for change in (
            {"type": "rung"},
            {"type": None},
            {"direction": "in"},
            {"from": "+12025550143"},
            {"seq": "3"},
            {"at": 5},
            {"ids": {"call": [["8a2f"]]}},
            {"ids": []},
            {"headers": {"a": {"b": 1}}},
            {"headers": {"": "x"}},
            {"custom_data": "x" * 2001},
            {"did": "1" * 257},
            {"disposition": "gone"},
            {"transfer": {"kind": "warm"}},
            {"state_report": "yes"},
            {"variables": {str(i): "x" for i in range(65)}},
        ):
            self.refuses("fact", {**fact, **change}, change)
        self.refuses("fact", [fact], "an array is a body, not a fact")

    def test_wrong_events(self):
        def changed(file, edit):
            event = schemas.load(EXAMPLES / "events" / file)
            edit(event)
            return event

        for file, why, edit in (
            (
                "call.started.json",
                "a call starts dialing or ringing",
                lambda e: e["data"]["call"].update(state="connected"),
            ),
            ("call.started.json", "an unknown type", lambda e: e.update(type="call.begun")),
            (
                "call.started.json",
                "time without milliseconds",
                lambda e: e.update(time="2026-11-20T15:00:00Z"),
            ),
            (
                "call.started.json",
                "time in another zone",
                lambda e: e.update(time="2026-11-20T15:00:00.000+01:00"),
            ),
            ("call.started.json", "cursor without epoch", lambda e: e.update(cursor="17")),
            ("call.started.json", "no subject", lambda e: e.pop("subject")),
            (
                "call.started.json",
                "a number as text member",
                lambda e: e["data"]["call"]["from"].update(number=12025550143),
            ),
            ("call.ringing.json", "no leg", lambda e: e["data"].pop("leg")),
            (
                "call.answered.json",
                "the leg is not confirmed",
                lambda e: e["data"]["leg"].update(state="early"),
            ),
            (
                "call.answered.json",
                "an end of a call that goes on",
                lambda e: e["data"]["call"].update(disposition="answered"),
            ),
            (
                "call.answered.json",
                "a terminated leg without a reason",
                lambda e: e["data"]["call"]["legs"][2].pop("end_reason"),
            ),
            (
                "call.answered.json",
                "a living leg with a reason",
                lambda e: e["data"]["call"]["legs"][1].update(end_reason="busy"),
            ),
            (
                "leg.ended.json",
                "the call ended too",
                lambda e: e["data"]["call"].update(state="ended"),
            ),
            (
                "call.ended.json",
                "no disposition",
                lambda e: e["data"]["call"].update(disposition=None),
            ),
            (
                "call.ended.json",
                "a leg's reason as disposition",
                lambda e: e["data"]["call"].update(disposition="answered_elsewhere"),
            ),
            ("call.ended.json", "no talk time", lambda e: e["data"]["call"].pop("talk_ms")),
            (
                "call.ended.json",
                "negative talk time",
                lambda e: e["data"]["call"].update(talk_ms=-1),
            ),
            (
                "call.ended.json",
                "a leg lives on",
                lambda e: e["data"]["call"]["legs"][0].update(state="confirmed"),
            ),
            ("call.merged.json", "no absorbed id", lambda e: e["data"].pop("absorbed")),
            ("source.down.json", "no source", lambda e: e["data"].pop("source")),
        ):
            self.assertEqual(
                schemas.problems("event", schemas.load(EXAMPLES / "events" / file)), []
            )
            self.refuses("event", changed(file, edit), why)

    def test_wrong_frames(self):
        for frame in (
            {"op": "hullo"},
            {},
            [],
            "ping",
            {"op": "subscribe", "id": "s"},
            {"op": "subscribe", "id": 1, "filter": {}},
            {"op": "subscribe", "id": "s", "filter": {"user": ["alice"]}},
            {"op": "subscribe", "id": "s", "filter": {"users": "alice"}},
            {"op": "hello", "token": ""},
            {"op": "hello", "subscribe": {}},
            {"op": "hello", "tab": {"id": "t"}},
            {"op": "focus", "visible": 1, "focused": 0},
            {"op": "command", "id": "c", "name": "explode"},
            {"op": "ack", "cursor": 5},
        ):
            self.refuses("client_frame", frame, frame)
        welcome = schemas.load(EXAMPLES / "frames/server/welcome.json")
        self.refuses("server_frame", {**welcome, "resumed": True}, "resumed and a snapshot")
        without = {k: v for k, v in welcome.items() if k != "snapshot"}
        self.refuses("server_frame", without, "neither resumed nor a snapshot")
        for frame in (
            {"op": "error", "code": "oops", "detail": ""},
            {"op": "pong", "time": 5},
            {"op": "reply", "id": "c"},
        ):
            self.refuses("server_frame", frame, frame)

    def test_wrong_problems(self):
        problem = schemas.load(EXAMPLES / "frames/problem/overload.json")
        for change in ({"code": "oops"}, {"status": 200}, {"status": "503"}, {"title": ""}):
            self.refuses("problem", {**problem, **change}, change)


class Errors(unittest.TestCase):
    def test_errors_md_is_the_table_of_the_code(self):
        rows = error_rows()
        self.assertGreater(len(rows), 20)
        text = (PROTO / "errors.md").read_text(encoding="utf-8")
        listed = []
        for line in text.splitlines():
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if len(cells) == 5 and re.fullmatch(r"`\w+`", cells[0]):
                listed.append(
                    (
                        cells[0].strip("`"),
                        int(cells[1]),
                        int(cells[2]),
                        {"yes": True, "no": False}[cells[3]],
                        cells[4],
                    )
                )
        self.assertEqual(listed, rows)

    def test_the_codes_of_problem_json_are_those_of_the_code(self):
        source = (ROOT / "lib/base/error.hpp").read_text(encoding="utf-8")
        enum = re.findall(
            r"\w+", re.search(r"enum class Errc[^{]*\{(.*?)\}", source, re.S).group(1)
        )
        self.assertEqual(enum, [row[0] for row in error_rows()])
        self.assertEqual(schemas.load(schemas.path_of("problem"))["$defs"]["code"]["enum"], enum)

    def test_close_codes_are_the_promised_ones(self):
        promised = {
            "auth_missing": 4001,
            "bad_message": 4003,
            "forbidden": 4004,
            "auth_expired": 4002,
            "slow_client": 4008,
            "shutting_down": 1012,
            "overload": 1013,
        }
        closes = {row[0]: row[2] for row in error_rows()}
        self.assertEqual({name: closes[name] for name in promised}, promised)
        self.assertEqual(
            {row[0] for row in error_rows() if row[2] in (4001, 4003, 4004) and row[3]},
            set(),
            "these say: do not come back",
        )
        self.assertTrue(
            all(row[3] for row in error_rows() if row[2] in (4002, 4008, 1012, 1013)),
            "these say: come back",
        )


class Descriptions(unittest.TestCase):
    """openapi.yaml and asyncapi.yaml: whole, and true to the schemas."""

    @classmethod
    def setUpClass(cls):
        cls.files = {
            name: yaml.safe_load((PROTO / name).read_text(encoding="utf-8"))
            for name in ("openapi.yaml", "asyncapi.yaml")
        }

    def references(self, node, trail=()):
        if isinstance(node, dict):
            for key, value in node.items():
                if key == "$ref":
                    yield value
                else:
                    yield from self.references(value, (*trail, key))
        elif isinstance(node, list):
            for item in node:
                yield from self.references(item, trail)

    def resolve(self, document, reference):
        file, _, pointer = reference.partition("#")
        target = schemas.load(PROTO / file) if file else document
        for part in pointer.split("/")[1:]:
            target = target[part.replace("~1", "/").replace("~0", "~")]
        return target

    def test_every_reference_leads_somewhere(self):
        for name, document in self.files.items():
            found = list(self.references(document))
            self.assertGreater(len(found), 5)
            for reference in found:
                with self.subTest(file=name, reference=reference):
                    self.assertIsNotNone(self.resolve(document, reference))

    def test_versions(self):
        self.assertRegex(self.files["openapi.yaml"]["openapi"], r"^3\.1\.")
        self.assertRegex(self.files["asyncapi.yaml"]["asyncapi"], r"^2\.6\.")

    def test_openapi_has_every_path_of_the_contract_and_marks_what_is_planned(self):
        paths = self.files["openapi.yaml"]["paths"]
        self.assertEqual(
            set(paths),
            {
                "/v1/hooks/{source}",
                "/v1/hooks/{source}/{rest}",
                "/v1/sources/{source}/unmatched",
                "/v1/events",
                "/v1/calls",
                "/v1/calls/{id}",
                "/v1/calls/{id}/explain",
                "/v1/sinks",
                "/v1/sinks/{name}/letters",
                "/v1/sinks/{name}/redeliver",
                "/v1/sinks/{name}/replay",
                "/v1/commands",
                "/v1/users/{id}",
                "/api",
                "/pbx/app/settings/desktop",
                "/apps/{client_id}",
                "/adapter.js",
                "/hookswitch.js",
                "/",
                "/metrics",
                "/livez",
                "/readyz",
                "/version",
            },
        )
        planned = {path for path, item in paths.items() if item.get("x-status") == "planned"}
        self.assertEqual(
            planned,
            {
                "/v1/commands",
                "/v1/users/{id}",
                "/api",
                "/pbx/app/settings/desktop",
            },
        )

    def test_operation_ids_are_unique_and_every_answer_is_described(self):
        seen = []
        for path, item in self.files["openapi.yaml"]["paths"].items():
            for method, operation in item.items():
                if method in ("get", "post", "put", "patch", "delete", "options"):
                    with self.subTest(operation=f"{method} {path}"):
                        seen.append(operation["operationId"])
                        self.assertTrue(operation["responses"])
                        for name in re.findall(r"\{(\w+)\}", path):
                            given = [
                                self.resolve(self.files["openapi.yaml"], p["$ref"])
                                if "$ref" in p
                                else p
                                for p in [
                                    *item.get("parameters", []),
                                    *operation.get("parameters", []),
                                ]
                            ]
                            self.assertIn(name, [p["name"] for p in given if p["in"] == "path"])
        self.assertEqual(len(seen), len(set(seen)))

    def test_asyncapi_names_every_frame(self):
        channel = self.files["asyncapi.yaml"]["channels"]["/v1/events"]
        for direction, side in (("publish", "client_frame"), ("subscribe", "server_frame")):
            names = [r.rsplit("/", 1)[1] for r in self.references(channel[direction])]
            ops = schemas.load(schemas.path_of(side))["properties"]["op"]["enum"]
            self.assertEqual([n for n in names if n != "event"], ops)
        self.assertIn("event", [r.rsplit("/", 1)[1] for r in self.references(channel["subscribe"])])


if __name__ == "__main__":
    if "--write-errors" in sys.argv:
        write_errors()
    else:
        unittest.main()
