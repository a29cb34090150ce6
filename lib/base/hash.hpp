#pragma once

#include <string>
#include <string_view>

namespace hookswitch {

enum class HashKind { sha1, sha256 };

/// Raw digest bytes (20 or 32).
std::string digest(HashKind kind, std::string_view data);
/// HMAC (RFC 2104), raw bytes.
std::string hmac(HashKind kind, std::string_view key, std::string_view data);

/// Ed25519 (RFC 8032 §5.1.7): is `signature` (64 bytes) of `data` by who has the private half of
/// `public_key` (32 bytes)? False for other lengths.
bool is_ed25519_by(std::string_view public_key, std::string_view data, std::string_view signature);

/// Raw digest, 16 bytes; empty where the system forbids it. Proves nothing to anybody: only for
/// protocols that have no other.
std::string md5(std::string_view data);

/// Compares without telling by time where the first difference is. Lengths may differ; that is
/// told.
bool equal_constant_time(std::string_view a, std::string_view b);

}  // namespace hookswitch
