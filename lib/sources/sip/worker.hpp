#pragma once

namespace hookswitch::sip {

/// The whole life of the SIP worker process: speaks protocol.hpp over the stream socket `fd`,
/// watches with sofia what `configure` names, and returns the exit status: 0 after `stop`, SIGTERM
/// or the end of the stream, all after unsubscribing (2 s at most); 1 when the stream carried
/// something that is no frame of ours or nobody reads it. Takes the process over: limits its memory
/// (512 MiB unless a lower limit is set), dies with its parent, ignores SIGPIPE and SIGINT,
/// silences sofia's log. One thread.
int run_sip_worker(int fd);

}  // namespace hookswitch::sip
