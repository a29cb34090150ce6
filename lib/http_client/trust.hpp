#pragma once

#include <boost/asio/ssl/context.hpp>

#include "http_client/outgoing.hpp"

namespace hookswitch::http_client {

struct TlsTrust::Impl {
  boost::asio::ssl::context context{boost::asio::ssl::context::tls_client};
};

}  // namespace hookswitch::http_client
