#!/usr/bin/env python3
"""record.py FOLDER [SCENARIO...]: plays calls and stores every dialog-info document a watcher of
101 and 102 is sent, as FOLDER/<scenario>/NNN-<extension>.xml in the order of arrival."""
import pathlib
import re
import sys
import tempfile

import pbx
import watch

BRIEF = re.compile(r'version="(\d+)|direction="(\w+)"|<state ?([^>]*)>(\w+)<|'
                   r'(pval\w*="\w+")')


def brief(body):
    found = BRIEF.findall(body.partition("?>")[2])
    return " ".join(word for words in found for word in words if word)


def over(watcher, extensions):
    """True when each of them was told of a call and then that it ended."""
    last = {ext: body for _, ext, body in watcher.notifies if body}
    return all("terminated</state>" in last.get(ext, "") for ext in extensions)


def main():
    folder = pathlib.Path(sys.argv[1])
    plays = pbx.scenarios()
    plays["hold_pval"] = plays["hold"]
    for name in sys.argv[2:] or plays:
        with tempfile.TemporaryDirectory(prefix="pbx-") as run:
            server = pbx.Pbx(run, noanswer_ms=2500,
                             rendering_value="pval" if name == "hold_pval" else "pvalue")
            watcher = None
            server.start()
            try:
                server.register("101", "102")
                watcher = watch.Watcher(server.port, ["101", "102"])
                told = {"inbound": ["102"], "outbound": ["101"], "unregistered": ["101"]}
                plays[name](server)
                watcher.wait_for(lambda: over(watcher, told.get(name, ["101", "102"])), 10)
                watcher.stop()
            except Exception:
                seen = watcher.notifies if watcher else []
                print(server.log(), *seen, sep="\n", file=sys.stderr)
                raise
            finally:
                server.stop()
            out = folder / name
            out.mkdir(parents=True, exist_ok=True)
            for old in out.glob("*.xml"):
                old.unlink()
            print(name)
            start = watcher.notifies[0][0]
            documents = [n for n in watcher.notifies if n[2]]
            for number, (when, ext, body) in enumerate(documents, 1):
                (out / ("%03d-%s.xml" % (number, ext))).write_text(body)
                print("  %6.3f %s %s" % (when - start, ext, brief(body)))


if __name__ == "__main__":
    main()
