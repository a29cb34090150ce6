#include "http/tls.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include "base/assert.hpp"

namespace hookswitch::http {

namespace {

/// Forward secrecy and AEAD only, for TLS 1.2; all suites of 1.3 have both.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

Error refused(const std::string& what) {
  const unsigned long code = ERR_get_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return {Errc::bad_request, what + ": " + (reason == nullptr ? "unusable" : reason)};
}

/// RFC 7301: a client that offers protocols, but not ours, is told so.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* offers, unsigned size, void*) {
  static constexpr unsigned char kOurs[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kOurs, sizeof kOurs - 1, offers, size) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

void TlsContext::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

Result<std::shared_ptr<const TlsContext>> TlsContext::load(const std::string& certificate_file,
                                                           const std::string& key_file,
                                                           const std::string& client_ca_file) {
  ERR_clear_error();
  const auto out = std::make_shared<TlsContext>();
  out->context_.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = out->context_.get();
  HS_ASSERT(context != nullptr);  // out of memory
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (SSL_CTX_set_cipher_list(context, kCiphers) != 1) return refused(kCiphers);
  // Sessions are in the clients' tickets; nothing of them is kept here.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  static constexpr unsigned char kName[] = "hookswitch";
  SSL_CTX_set_session_id_context(context, kName, sizeof kName - 1);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  // No prompt on a terminal for a key that has a passphrase.
  SSL_CTX_set_default_passwd_cb(context, [](char*, int, int, void*) { return -1; });
  if (SSL_CTX_use_certificate_chain_file(context, certificate_file.c_str()) != 1)
    return refused(certificate_file);
  if (SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1)
    return refused(key_file);
  if (!client_ca_file.empty()) {
    auto* names = SSL_load_client_CA_file(client_ca_file.c_str());
    if (names == nullptr ||
        SSL_CTX_load_verify_locations(context, client_ca_file.c_str(), nullptr) != 1) {
      sk_X509_NAME_pop_free(names, X509_NAME_free);
      return refused(client_ca_file);
    }
    SSL_CTX_set_client_CA_list(context, names);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }
  return std::shared_ptr<const TlsContext>{out};
}

void TlsSession::Free::operator()(ssl_st* session) const { SSL_free(session); }

TlsSession::TlsSession(const TlsContext& context, int socket)
    : session_(SSL_new(context.context_.get())) {
  HS_ASSERT(session_ && SSL_set_fd(session_.get(), socket) == 1);  // out of memory
  SSL_set_accept_state(session_.get());
}

TlsSession::Step TlsSession::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(session_.get());
  if (result == 1) return Step::done;
  switch (SSL_get_error(session_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Step::reading;
    case SSL_ERROR_WANT_WRITE:
      return Step::writing;
    default:
      ERR_clear_error();
      return Step::failed;
  }
}

std::vector<std::string> TlsSession::client_names() const {
  std::vector<std::string> out;
  const std::unique_ptr<X509, void (*)(X509*)> certificate{
      SSL_get1_peer_certificate(session_.get()), X509_free};
  if (!certificate || SSL_get_verify_result(session_.get()) != X509_V_OK) return out;
  const auto add = [&out](const ASN1_STRING* text) {
    unsigned char* utf8 = nullptr;
    const int size = text == nullptr ? -1 : ASN1_STRING_to_UTF8(&utf8, text);
    if (size > 0) out.emplace_back(reinterpret_cast<const char*>(utf8), size);
    OPENSSL_free(utf8);
  };
  const X509_NAME* subject = X509_get_subject_name(certificate.get());
  for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;)
    add(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  const std::unique_ptr<GENERAL_NAMES, void (*)(GENERAL_NAMES*)> others{
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)),
      GENERAL_NAMES_free};
  for (int i = 0; others && i < sk_GENERAL_NAME_num(others.get()); ++i) {
    int kind = 0;
    const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(others.get(), i), &kind);
    if (kind == GEN_DNS || kind == GEN_URI || kind == GEN_EMAIL)
      add(static_cast<const ASN1_STRING*>(value));
  }
  ERR_clear_error();
  return out;
}

long TlsSession::read(std::span<char> into) {
  ERR_clear_error();
  std::size_t size = 0;
  const int result = SSL_read_ex(session_.get(), into.data(), into.size(), &size);
  if (result == 1) return static_cast<long>(size);
  const int why = SSL_get_error(session_.get(), result);
  ERR_clear_error();
  return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

long TlsSession::write(std::string_view bytes) {
  ERR_clear_error();
  // A record once encrypted must go out: the next try is of the same length or longer.
  const std::size_t size = std::min(bytes.size(), promised_ > 0 ? promised_ : kRecordBytesMax);
  std::size_t took = 0;
  const int result = SSL_write_ex(session_.get(), bytes.data(), size, &took);
  promised_ = 0;
  if (result == 1) return static_cast<long>(took);
  const int why = SSL_get_error(session_.get(), result);
  ERR_clear_error();
  if (why != SSL_ERROR_WANT_WRITE) return -1;
  promised_ = size;
  return 0;
}

bool TlsSession::holds_more() const { return SSL_has_pending(session_.get()) == 1; }

void TlsSession::end() {
  ERR_clear_error();
  if (SSL_is_init_finished(session_.get()) == 1) SSL_shutdown(session_.get());
  ERR_clear_error();
}

}  // namespace hookswitch::http
