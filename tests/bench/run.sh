#!/usr/bin/env bash
# ./dev bench [CLIENTS [EVENTS_PER_SECOND]]: a webhook in, a WebSocket frame out, against the floor program in the same run.
# The floor keeps nothing, checks nothing and knows no calls: it shows what the kernel and loopback cost. Read the ratio, not the
# figures: they drift with the machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
clients=${1:-1000} rate=${2:-1000}
out=build/bench
mkdir -p $out
g++ -std=c++20 -O2 -o $out/wsload tests/bench/wsload/main.cpp -lssl -lcrypto -lpthread
g++ -std=c++20 -O2 -o $out/floor tests/bench/floor/floor.cpp -luring -lcrypto -lpthread

run=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$run"' EXIT
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
wait_port() { for _ in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return; sleep 0.05; done; return 1; }

port=$(free_port) floor_port=$(free_port)
(umask 077 && openssl rand -hex 32 >"$run/jwt.secret")
cat >"$run/bench.toml" <<END
[[listen]]
address = "127.0.0.1:$port"
[auth]
hs256_secret_file = "jwt.secret"
[journal]
path = "journal.db"
[[org]]
id = "acme"
[[source]]
name = "bench"
org = "acme"
kind = "webhook"
END
daemon=build/release/hookswitchd
$daemon serve --config "$run/bench.toml" 2>"$run/daemon.log" &
pids+=($!)
$out/floor --port "$floor_port" --mode send >/dev/null 2>&1 &
pids+=($!)
wait_port "$port" && wait_port "$floor_port"
token=$($daemon token --config "$run/bench.toml" --org acme --scope events:org)

load=(--clients "$clients" --topics "$clients" --rate "$rate" --pub http --pub-conns 16 --warmup 2 --duration 10 --marks all --max-seconds 90 --quiet)
$out/wsload "${load[@]}" --label floor --port "$floor_port" --path '/t/{topic}' --pub-path '/p/{topic}' --pid "${pids[1]}" \
  --body '{"pad":"'"$(head -c 560 /dev/zero | tr '\0' x)"'","m":"{mark}"}' >"$run/floor.json"
$out/wsload "${load[@]}" --label hookswitch --port "$port" --path /v1/events --pid "${pids[0]}" \
  --init '{"op":"hello","token":"'"$token"'","subscribe":[{"ext":["{topic}"]}]}' --ready-expect welcome \
  --pub-path /v1/hooks/bench --pub-content-type application/json \
  --body '{"type":"ringing","ids":{"call":["{topic}-{i}"]},"direction":"inbound","from":{"number":"+12025550143"},"to":{"ext":"{topic}"},"custom_data":"{mark}"}' \
  >"$run/hookswitch.json"
python3 - "$run/floor.json" "$run/hookswitch.json" <<'END'
import json, sys
floor, ours = (json.load(open(name)) for name in sys.argv[1:])
print("webhook to WebSocket frame, durable, %d clients, %g events/s" % (ours["clients"], ours["rate"]))
for name, of in (("p50 us", lambda r: r["latency_us"]["p50"]), ("p99 us", lambda r: r["latency_us"]["p99"]),
                 ("CPU us per event", lambda r: r["server"]["us_per_event"]), ("RSS bytes per idle client", lambda r: r["idle"]["rss_per_conn_b"])):
    print("%-28s hookswitch %10.0f   floor %10.0f   ratio %6.2f" % (name, of(ours), of(floor), of(ours) / max(of(floor), 1e-9)))
lost = ours["errors"]["lost"] + ours["errors"]["dup"]
print("lost or doubled              %d" % lost)
sys.exit(1 if lost else 0)
END
