#pragma once

#include <string>
#include <vector>

namespace hookswitch::http {

struct CertificateProblem {
  bool of_key = false;  ///< with the key's file; else with the certificate's
  std::string what;     ///< names the file; nothing of what is in it
};

/// What is wrong with a PEM certificate (its chain behind it) and its private key: not readable,
/// not PEM, a key that others may read, that is encrypted or that belongs to another certificate,
/// or one that OpenSSL's security level refuses. Empty: a listener can use them.
std::vector<CertificateProblem> check_certificate(const std::string& certificate_file,
                                                  const std::string& key_file);

/// What is wrong with a PEM file of certificate authorities; empty: nothing. Names the file.
std::string check_authorities(const std::string& file);

}  // namespace hookswitch::http
