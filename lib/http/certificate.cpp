#include "http/certificate.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <memory>

#include "base/file.hpp"
#include "base/secret.hpp"

namespace hookswitch::http {
namespace {

constexpr std::size_t kPemBytesMax = 1024 * 1024;

/// The first thing OpenSSL complained of, in its words. Its queue is empty afterwards.
std::string reason() {
  const char* text = ERR_reason_error_string(ERR_get_error());
  ERR_clear_error();
  return text != nullptr ? text : "not understood";
}

}  // namespace

std::vector<CertificateProblem> check_certificate(const std::string& certificate_file,
                                                  const std::string& key_file) {
  std::vector<CertificateProblem> out;
  // Ours first: they say which file and how to mend it.
  if (const auto read = read_file(certificate_file, kPemBytesMax); !read)
    out.push_back({false, read.error().detail});
  if (const auto read = read_secret_file(key_file, kPemBytesMax); !read)
    out.push_back({true, read.error().detail});
  if (!out.empty()) return out;
  ERR_clear_error();
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{SSL_CTX_new(TLS_server_method()),
                                                                  &SSL_CTX_free};
  // Else OpenSSL would ask for the passphrase at the terminal.
  SSL_CTX_set_default_passwd_cb(context.get(), [](char*, int, int, void*) { return 0; });
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_file.c_str()) != 1) {
    out.push_back({false, fmt::format("{} holds no usable certificate in PEM: {}", certificate_file,
                                      reason())});
    return out;
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    const bool foreign = ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH;
    const std::string why = reason();
    out.push_back({true, foreign ? fmt::format("{} is the key of another certificate", key_file)
                                 : fmt::format("{} holds no usable unencrypted key in PEM: {}",
                                               key_file, why)});
  } else if (SSL_CTX_check_private_key(context.get()) != 1) {
    ERR_clear_error();
    out.push_back({true, fmt::format("{} is the key of another certificate", key_file)});
  }
  return out;
}

std::string check_authorities(const std::string& file) {
  if (const auto read = read_file(file, kPemBytesMax); !read) return read.error().detail;
  ERR_clear_error();
  auto* names = SSL_load_client_CA_file(file.c_str());
  const bool good = names != nullptr && sk_X509_NAME_num(names) > 0;
  sk_X509_NAME_pop_free(names, X509_NAME_free);
  return good ? "" : fmt::format("{} holds no certificate in PEM: {}", file, reason());
}

}  // namespace hookswitch::http
