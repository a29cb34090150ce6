#include "http_client/trust.hpp"

namespace hookswitch::http_client {

namespace ssl = boost::asio::ssl;

TlsTrust::TlsTrust(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsTrust::~TlsTrust() = default;

Result<std::shared_ptr<const TlsTrust>> TlsTrust::load(const std::string& ca_file) {
  auto impl = std::make_unique<Impl>();
  boost::system::error_code failed;
  impl->context.set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 |
                                ssl::context::no_sslv3 | ssl::context::no_tlsv1 |
                                ssl::context::no_tlsv1_1 | ssl::context::no_compression,
                            failed);
  if (!failed) impl->context.set_verify_mode(ssl::verify_peer, failed);
  if (!failed && ca_file.empty()) impl->context.set_default_verify_paths(failed);
  if (!failed && !ca_file.empty()) impl->context.load_verify_file(ca_file, failed);
  if (failed) return Error{Errc::bad_request, ca_file + ": " + failed.message()};
  return std::make_shared<const TlsTrust>(std::move(impl));
}

}  // namespace hookswitch::http_client
