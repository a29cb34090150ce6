#!/usr/bin/env bash
# pbx.sh start | stop | check: one Kamailio on 127.0.0.1 as a PBX; see README.md.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${RUN:?a folder for every file of the PBX}"
: "${SIP_PORT:?the UDP port of the PBX}"
: "${TRUNK_PORT:?the UDP port of the carrier}"
: "${DOMAIN:=pbx.test}"
: "${NOANSWER_MS:=8000}"        # how long a phone rings before the PBX gives up
: "${NONCE_EXPIRE:=60}"         # seconds
: "${RENDERING_VALUE:=pvalue}"  # how hold is spelled: pvalue as Asterisk, pval as RFC 4235
: "${HEP_PORT:=0}"             # where SIP is mirrored to by HEPv3, 0: nowhere
: "${HEP_KEY:=}"
: "${DEBUG:=0}"
kamailio=$(PATH=$PATH:/usr/sbin command -v kamailio)
kamcmd=$(PATH=$PATH:/usr/sbin command -v kamcmd)
tables=/usr/share/kamailio/dbtext/kamailio
args=(-f "$RUN/kamailio.cfg" -w "$RUN" -Y "$RUN/rt" -m 64 -M 8)
[ "$HEP_PORT" = 0 ] || args+=(-A WITH_HEP)

prepare() {
	local name edit=()
	mkdir -p "$RUN/rt" "$RUN/db"
	for name in version presentity active_watchers watchers xcap; do
		cp "$tables/$name" "$RUN/db/"
	done
	for name in SIP_PORT TRUNK_PORT DOMAIN NOANSWER_MS NONCE_EXPIRE RENDERING_VALUE HEP_PORT HEP_KEY DEBUG RUN; do
		edit+=(-e "s|@$name@|${!name}|g")
	done
	sed "${edit[@]}" "$here/kamailio.cfg.in" >"$RUN/kamailio.cfg"
}

alive() { [ -s "$RUN/kamailio.pid" ] && kill -0 "$(cat "$RUN/kamailio.pid")" 2>/dev/null; }

case "${1:-}" in
start)
	alive && { echo "already running" >&2; exit 1; }
	prepare
	# -DD: fork workers, but do not become a daemon
	"$kamailio" "${args[@]}" -DD -E >"$RUN/kamailio.log" 2>&1 </dev/null &
	pid=$!
	echo "$pid" >"$RUN/kamailio.pid"
	for _ in $(seq 200); do
		if [ -S "$RUN/ctl.sock" ] && "$kamcmd" -s "unix:$RUN/ctl.sock" core.uptime >/dev/null 2>&1; then
			exit 0
		fi
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.05
	done
	echo "kamailio did not start:" >&2
	tail -20 "$RUN/kamailio.log" >&2
	kill "$pid" 2>/dev/null || true
	rm -f "$RUN/kamailio.pid"
	exit 1
	;;
stop)
	alive || exit 0
	pid=$(cat "$RUN/kamailio.pid")
	kill "$pid"
	for _ in $(seq 200); do
		kill -0 "$pid" 2>/dev/null || { rm -f "$RUN/kamailio.pid"; exit 0; }
		sleep 0.05
	done
	kill -9 "$pid"
	echo "kamailio $pid had to be killed" >&2
	exit 1
	;;
check)
	prepare
	exec "$kamailio" "${args[@]}" -c
	;;
*)
	sed -n 2p "$0" >&2
	exit 64
	;;
esac
