#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "http_client/url.hpp"

namespace hookswitch::http_client {
namespace {

/// Each leads, by some reader's rules, to a place inside. None may pass: either no URL of ours, or
/// an address that the policy refuses. Names are what a name server of the attacker could answer.
const std::vector<std::string> kTargets{
    // IPv4, plain
    "http://127.0.0.1/", "http://127.0.0.1:80/", "http://127.0.0.1:22/", "https://127.0.0.1/",
    "http://127.1.2.3/", "http://127.255.255.254/", "http://127.0.0.0/", "http://0.0.0.0/",
    "http://0.1.2.3/", "http://10.0.0.1/", "http://10.255.255.255/", "http://100.64.0.1/",
    "http://100.100.100.200/", "http://100.127.255.255/", "http://169.254.169.254/",
    "http://169.254.169.254/latest/meta-data/", "http://169.254.170.2/", "http://169.254.0.1/",
    "http://172.16.0.1/", "http://172.31.255.255/", "http://172.20.10.1/", "http://192.168.0.1/",
    "http://192.168.255.255/", "http://192.0.0.1/", "http://192.0.0.192/", "http://192.0.2.1/",
    "http://192.88.99.1/", "http://198.18.0.1/", "http://198.19.255.255/", "http://198.51.100.1/",
    "http://203.0.113.1/", "http://224.0.0.1/", "http://239.255.255.250/", "http://240.0.0.1/",
    "http://255.255.255.255/", "http://168.63.129.16/", "http://192.31.196.1/",
    "http://192.52.193.1/", "http://192.175.48.1/",
    // IPv4 in other clothes
    "http://127.1/", "http://127.0.1/", "http://0/", "http://1/", "http://127/",
    "http://2130706433/", "http://0x7f000001/", "http://0x7f.0.0.1/", "http://0x7F.1/",
    "http://017700000001/", "http://0177.0.0.1/", "http://0177.1/", "http://127.0.0.01/",
    "http://127.00.0.1/", "http://0127.0.0.1/", "http://127.0.0.0x1/", "http://3232235521/",
    "http://2852039166/", "http://0xa9fea9fe/", "http://0251.0376.0251.0376/",
    "http://169.254.43518/", "http://169.16689662/", "http://425.510.425.510/",
    "http://127.0.0.1./", "http://127.0.0.1../", "http://127.0.0.1.0/", "http://127.0.0.256/",
    "http://256.256.256.256/", "http://4294967296/", "http://18446744073709551617/",
    "http://+127.0.0.1/", "http://-1/", "http://1e9/x@127.0.0.1", "http://127.0.0.1e0/",
    "http://0x/", "http://a.0x7f000001/", "http://a.1/", "http://example.0/",
    "http://127.000000000000001/", "http://00000000127.0.0.1/",
    // IPv6, plain
    "http://[::1]/", "http://[::1]:80/", "http://[::]/", "http://[0:0:0:0:0:0:0:1]/",
    "http://[0000:0000:0000:0000:0000:0000:0000:0001]/", "http://[fe80::1]/", "http://[febf::1]/",
    "http://[fec0::1]/", "http://[fc00::1]/", "http://[fd00::1]/", "http://[fd00:ec2::254]/",
    "http://[fdff:ffff::1]/", "http://[ff02::1]/", "http://[ff0e::1]/", "http://[2001:db8::1]/",
    "http://[3fff::1]/", "http://[2001::1]/", "http://[2001:0:7f00:1::]/", "http://[2001:2::1]/",
    "http://[2001:10::1]/", "http://[100::1]/", "http://[4000::1]/", "http://[5f00::1]/",
    "http://[8000::1]/", "http://[2620:4f:8000::1]/",
    // IPv4 inside IPv6
    "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[::FFFF:7F00:0001]/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]/", "http://[::ffff:10.0.0.1]/", "http://[::ffff:a9fe:a9fe]/",
    "http://[::ffff:192.168.1.1]/", "http://[::ffff:0.0.0.0]/", "http://[::127.0.0.1]/",
    "http://[::7f00:1]/", "http://[::10.0.0.1]/", "http://[::ffff:0:127.0.0.1]/",
    "http://[::ffff:0:7f00:1]/", "http://[64:ff9b::127.0.0.1]/", "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b::10.0.0.1]/", "http://[64:ff9b::169.254.169.254]/",
    "http://[64:ff9b:1::127.0.0.1]/", "http://[64:ff9b:1::8.8.8.8]/", "http://[2002:7f00:1::]/",
    "http://[2002:7f00:0001::1]/", "http://[2002:a00:1::]/", "http://[2002:a9fe:a9fe::]/",
    "http://[2002:c0a8:101::1]/", "http://[fe80::5efe:127.0.0.1]/",
    "http://[2003::5efe:127.0.0.1]/", "http://[2003::200:5efe:10.0.0.1]/",
    // IPv6 in other clothes
    "http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/", "http://[::1%251]/", "http://[::1/",
    "http://::1/", "http://[[::1]]/", "http://[::1]]/", "http://[::1].example.com/",
    "http://[127.0.0.1]/", "http://[localhost]/", "http://[]/", "http://[v1.::1]/",
    "http://[::1]x/", "http://[0x7f::1]/", "http://[::ffff:127.1]/", "http://[::ffff:0x7f.0.0.1]/",
    // users, passwords and what hides the host
    "http://user@127.0.0.1/", "http://user:password@127.0.0.1/", "http://example.com@127.0.0.1/",
    "http://127.0.0.1@example.com/", "http://example.com:80@127.0.0.1/", "http://@127.0.0.1/",
    "http://example.com%40127.0.0.1/", "http://example.com\\@127.0.0.1/",
    "http://example.com\\.127.0.0.1/", "http:\\\\127.0.0.1\\", "http:/127.0.0.1/",
    "http:127.0.0.1/", "http:///127.0.0.1/", "http:////127.0.0.1/", "//127.0.0.1/", "/127.0.0.1",
    "127.0.0.1", "http://127.0.0.1#@example.com/", "http://example.com#@127.0.0.1/",
    "http://127.0.0.1?@example.com/", "http://example.com:@127.0.0.1/", "http://[::1]@example.com/",
    "http://example.com/@127.0.0.1#",
    // characters
    "http://127.0.0.1%00.example.com/", "http://127.0.0.1%0d%0a/", "http://127.0.0.1\r\nHost: x/",
    "http://127.0.0.1\t/", "http://127.0.0.1 /", " http://127.0.0.1/", "http://12\t7.0.0.1/",
    "http://127%2e0%2e0%2e1/", "http://%31%32%37.0.0.1/", "http://localhost%2f/",
    "http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/", "http://127．0．0．1/", "http://ⓛocalhost/",
    "http://loc\xc2\xad"
    "alhost/",
    "http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1/", "http://exa_mple.127.0.0.1/",
    "http://*.example.com/", "http://-example.com/", "http://example-.com/", "http://example..com/",
    "http://.example.com/", "http://example.com./", "http://localhost./", "http:// localhost/",
    "http://local host/", "http://localhost\x7f/",
    // ports
    "http://example.com:0/", "http://example.com:65536/", "http://example.com:-1/",
    "http://example.com:080/", "http://example.com:80:80/", "http://example.com:/",
    "http://example.com:8o/", "http://example.com:99999999999/", "http://example.com: 80/",
    // schemes
    "ftp://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1:6379/_x", "dict://127.0.0.1/",
    "ldap://127.0.0.1/", "jar:http://127.0.0.1!/", "data:text/plain,x", "javascript:alert(1)",
    "HTTP://127.0.0.1/", "hTTp://127.0.0.1/", "http+unix://%2frun%2fx/", "ws://127.0.0.1/",
    "tftp://127.0.0.1/", "sftp://127.0.0.1/", "netdoc:///etc/passwd",
    "view-source:http://127.0.0.1", "", "http://", "https://", "http:", "http",
    // names that answer with what is inside
    "http://localhost/", "http://localhost.localdomain/", "http://ip6-localhost/",
    "http://metadata.google.internal/computeMetadata/v1/", "http://metadata/",
    "http://instance-data/", "http://127.0.0.1.nip.example/", "http://a9fe-a9fe.rebind.example/",
    "http://mapped.rebind.example/", "http://nat64.rebind.example/", "http://both.rebind.example/",
    "http://kubernetes.default.svc/", "http://consul.service/", "http://host.docker.internal/"};

/// What those names answer.
const std::map<std::string, std::string> kNames{{"localhost", "127.0.0.1"},
                                                {"localhost.localdomain", "127.0.0.1"},
                                                {"ip6-localhost", "::1"},
                                                {"metadata.google.internal", "169.254.169.254"},
                                                {"metadata", "169.254.169.254"},
                                                {"instance-data", "169.254.169.254"},
                                                {"127.0.0.1.nip.example", "127.0.0.1"},
                                                {"a9fe-a9fe.rebind.example", "169.254.169.254"},
                                                {"mapped.rebind.example", "::ffff:127.0.0.1"},
                                                {"nat64.rebind.example", "64:ff9b::a00:1"},
                                                {"both.rebind.example", "2002:7f00:1::"},
                                                {"kubernetes.default.svc", "10.96.0.1"},
                                                {"consul.service", "172.17.0.1"},
                                                {"host.docker.internal", "192.168.65.2"}};

bool passes(const std::string& text) {
  const AddressPolicy policy;
  const auto url = parse_url(text);
  if (!url) return false;
  auto address = url->address;
  if (!address)
    if (const auto known = kNames.find(url->host); known != kNames.end())
      address = parse_ip(known->second);
  return !address || policy.allows(*address);
}

TEST(Ssrf, NoTargetPasses) {
  EXPECT_GE(kTargets.size(), 150U);
  for (const auto& target : kTargets) EXPECT_FALSE(passes(target)) << target;
}

TEST(Ssrf, WhatIsPublicPasses) {
  for (const char* target :
       {"https://example.com/", "http://example.com", "https://example.com:8443/in?a=b%20c",
        "https://8.8.8.8/", "https://[2606:4700::1111]/", "https://xn--bcher-kva.example/",
        "https://1.example/", "https://a-b.example/~x/@y:z", "http://[::ffff:8.8.8.8]/",
        "http://[64:ff9b::8.8.8.8]/", "http://172.32.0.1/", "http://11.0.0.1/",
        "http://100.128.0.1/", "http://169.253.0.1/", "http://192.0.1.1/", "http://223.255.255.1/"})
    EXPECT_TRUE(passes(target)) << target;
}

TEST(Ssrf, AnExemptBlockIsReachedInEveryForm) {
  const AddressPolicy policy{{*parse_ip_range("127.0.0.0/8"), *parse_ip_range("fd00::/8")}};
  for (const char* text : {"127.0.0.1", "127.9.9.9", "::ffff:127.0.0.1", "fd12::1"})
    EXPECT_TRUE(policy.allows(*parse_ip(text))) << text;
  for (const char* text : {"10.0.0.1", "::1", "169.254.169.254", "fc00::1", "::7f00:1"})
    EXPECT_FALSE(policy.allows(*parse_ip(text))) << text;
}

TEST(IpRange, IsTakenWholeOrNotAtAll) {
  for (const char* text :
       {"10.0.0.0/8", "0.0.0.0/0", "192.168.1.1/32", "::/0", "fd00::/8", "2001:db8::1/128"})
    EXPECT_TRUE(parse_ip_range(text)) << text;
  for (const char* text :
       {"10.0.0.1/8", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/", "/8",
        "", "10/8", "fd00::/129", "fd00::1/8", "x/8", "10.0.0.0/8/8"})
    EXPECT_FALSE(parse_ip_range(text)) << text;
}

TEST(ParseUrl, TakesApartWhatItTakes) {
  const auto url = parse_url("https://EXAMPLE.com:8443/in%20/x?y=z&w");
  ASSERT_TRUE(url);
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->host, "example.com");
  EXPECT_EQ(url->port, 8443);
  EXPECT_EQ(url->target, "/in%20/x?y=z&w");
  EXPECT_EQ(url->authority(), "example.com:8443");
  EXPECT_EQ(url->origin(), "https://example.com:8443");
  EXPECT_EQ(parse_url("http://example.com?x")->target, "/?x");
  EXPECT_EQ(parse_url("http://example.com")->target, "/");
  EXPECT_EQ(parse_url("http://[2606:4700::1111]:8080/")->authority(), "[2606:4700::1111]:8080");
  EXPECT_EQ(parse_url("https://example.com:443/")->authority(), "example.com");
}

TEST(ParseUrl, SaysNothingOfTheTextThatItRefuses) {
  const auto url = parse_url("http://user:secret-word@example.com/");
  ASSERT_FALSE(url);
  EXPECT_EQ(url.error().detail, "has a user or password");
}

}  // namespace
}  // namespace hookswitch::http_client
