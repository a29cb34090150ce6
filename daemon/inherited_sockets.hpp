#pragma once

#include <string>
#include <vector>

#include "daemon/settings/problems.hpp"
#include "http/server.hpp"

namespace hookswitch {

/// A descriptor that systemd opened for us.
struct InheritedSocket {
  int fd = -1;
  std::string address;  ///< "127.0.0.1:8080"; empty: no listening TCP socket
};

/// The sockets of a socket unit (sd_listen_fds(3)): $LISTEN_FDS of them from descriptor 3 on, if
/// $LISTEN_PID is this process. Children will not have them, and the variables are gone afterwards,
/// so a second call gives none. Before any thread.
std::vector<InheritedSocket> take_inherited_sockets();

/// `listeners` with the sockets at their addresses. One that no [[listen]] names is a problem: who
/// connects to it would wait for ever. A listener without a socket binds its own.
std::vector<http::Listener> with_sockets(std::vector<http::Listener> listeners,
                                         const std::vector<InheritedSocket>& sockets,
                                         Problems& problems);

}  // namespace hookswitch
