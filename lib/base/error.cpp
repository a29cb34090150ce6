#include "base/error.hpp"

#include <stdexcept>

namespace hookswitch {

void throw_exception_from_error(const Error& error, const boost::source_location&) {
  throw std::logic_error(std::string{outcome(error.code).name} + ": " + error.detail);
}

}  // namespace hookswitch
