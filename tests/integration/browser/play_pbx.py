"""A PBX that is told by lines: one JSON line when it is ready, then plays each scenario it is told.

    stdout {"port": 5060, "domain": "pbx.test"}    ready, phones 101 and 102 are registered
    stdin  hold_by_callee                          a name of scenarios() in ../pbx/pbx.py
    stdout {"played": "hold_by_callee"}
End of stdin stops everything.
"""
import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "pbx"))
import pbx as test_pbx  # noqa: E402


def say(**members):
    print(json.dumps(members), flush=True)


def main():
    lacking = test_pbx.missing()
    if lacking:
        say(missing=lacking)
        return
    with tempfile.TemporaryDirectory(prefix="hookswitch-pbx-") as folder:
        pbx = test_pbx.Pbx(folder)
        try:
            pbx.start()
            pbx.register("101", "102")
            say(port=pbx.port, domain=test_pbx.DOMAIN)
            for line in sys.stdin:
                test_pbx.scenarios()[line.strip()](pbx)
                say(played=line.strip())
        finally:
            pbx.stop()


if __name__ == "__main__":
    main()
