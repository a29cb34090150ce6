#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

struct ssl_st;
struct ssl_ctx_st;

namespace hookswitch::http {

/// A certificate with its key, ready to serve: TLS 1.2 and 1.3, tickets for resumption, ALPN
/// http/1.1. Immutable; any thread. A session keeps what it needs of it.
class TlsContext {
 public:
  /// Both files in PEM; the certificate's may hold its chain. With `client_ca_file` clients are
  /// asked for a certificate; who shows one that those authorities did not sign, or that is over,
  /// gets no connection, who shows none does. Error bad_request with the file and what is wrong
  /// with it.
  static Result<std::shared_ptr<const TlsContext>> load(const std::string& certificate_file,
                                                        const std::string& key_file,
                                                        const std::string& client_ca_file = {});

 private:
  friend class TlsSession;
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  std::unique_ptr<ssl_ctx_st, Free> context_;
};

/// The server's end of one TLS connection over a non-blocking socket. It gives back its buffers
/// whenever they are empty. One thread, which has SIGPIPE blocked.
class TlsSession {
 public:
  enum class Step { done, reading, writing, failed };
  static constexpr std::size_t kRecordBytesMax = 16 * 1024;

  /// Takes no ownership of `socket`.
  TlsSession(const TlsContext& context, int socket);

  /// Goes on with the handshake; reading and writing: call again when the socket is so.
  Step handshake();
  /// After the handshake: the names in the certificate that the client showed and that was found
  /// good: the subject's common name, and of subjectAltName (RFC 5280 §4.2.1.6) DNS names, URIs and
  /// mail addresses. Empty: it showed none.
  std::vector<std::string> client_names() const;
  /// Bytes read; 0: there are none now; -1: the connection is over.
  long read(std::span<char> into);
  /// Bytes of the front taken, at most one record; 0: not now; -1: over.
  long write(std::string_view bytes);
  /// After write() said 0: the bytes the next write must begin with.
  std::size_t promised() const { return promised_; }
  /// Something is decrypted, or half read, that the socket knows nothing of.
  bool holds_more() const;
  /// Says goodbye, if that goes without waiting.
  void end();

 private:
  struct Free {
    void operator()(ssl_st* session) const;
  };
  std::unique_ptr<ssl_st, Free> session_;
  std::size_t promised_ = 0;
};

}  // namespace hookswitch::http
