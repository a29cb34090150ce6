#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hookswitch::hep::test {

inline std::string be(std::uint32_t value, int bytes) {
  std::string out;
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
    out += static_cast<char>(value >> shift & 0xff);
  return out;
}

inline std::string chunk(std::uint32_t type, std::string_view value, std::uint32_t vendor = 0) {
  return be(vendor, 2) + be(type, 2) + be(static_cast<std::uint32_t>(value.size() + 6), 2) +
         std::string{value};
}

inline std::string packet(const std::vector<std::string>& chunks) {
  std::string body;
  for (const auto& one : chunks) body += one;
  return "HEP3" + be(static_cast<std::uint32_t>(body.size() + 6), 2) + body;
}

/// As a mirror sends it: IPv4, UDP, at 1,800,000,000.250 s.
inline std::string mirrored(std::string_view sip, std::string_view key = {}) {
  std::vector<std::string> chunks{chunk(1, be(2, 1)),
                                  chunk(2, be(17, 1)),
                                  chunk(3, be(0xc0000201, 4)),
                                  chunk(4, be(0xc0000202, 4)),
                                  chunk(7, be(5060, 2)),
                                  chunk(8, be(5060, 2)),
                                  chunk(9, be(1'800'000'000, 4)),
                                  chunk(10, be(250'000, 4)),
                                  chunk(11, be(1, 1)),
                                  chunk(12, be(2001, 4))};
  if (!key.empty()) chunks.push_back(chunk(14, key));
  chunks.push_back(chunk(15, sip));
  return packet(chunks);
}

/// Lines joined by CRLF, and the empty line that ends a head.
inline std::string lines(const std::vector<std::string>& all, std::string_view body = {}) {
  std::string out;
  for (const auto& line : all) out += line + "\r\n";
  return out + "\r\n" + std::string{body};
}

}  // namespace hookswitch::hep::test
