#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "support/temp_folder.hpp"
#include "unit/http/server_fixture.hpp"

namespace hookswitch::http {
namespace {

template <auto F>
struct Call {
  template <class T>
  void operator()(T* each) const {
    F(each);
  }
};
using Session = std::unique_ptr<SSL_SESSION, Call<SSL_SESSION_free>>;

/// A key and a certificate of its own signature, in two files.
void make_certificate(const testing_support::TempFolder& folder, const std::string& name) {
  const std::unique_ptr<EVP_PKEY, Call<EVP_PKEY_free>> key{EVP_EC_gen("P-256")};
  const std::unique_ptr<X509, Call<X509_free>> certificate{X509_new()};
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), subject);
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  std::FILE* file = std::fopen(folder.path("key.pem").c_str(), "w");
  PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(file);
  file = std::fopen(folder.path("certificate.pem").c_str(), "w");
  PEM_write_X509(file, certificate.get());
  std::fclose(file);
}

/// A blocking client; reads have a deadline.
class TlsClient {
 public:
  struct Asked {
    int version_max = TLS1_3_VERSION;
    std::string protocols = "\x08http/1.1";
    SSL_SESSION* resume = nullptr;
    int receive_bytes = 0;
  };
  explicit TlsClient(const std::string& address) : TlsClient(address, Asked{}) {}
  TlsClient(const std::string& address, const Asked& asked)
      : socket_(::socket(AF_INET, SOCK_STREAM, 0)), context_(SSL_CTX_new(TLS_client_method())) {
    const timeval limit{10, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (asked.receive_bytes > 0)
      ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &asked.receive_bytes, sizeof(int));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.find(':') + 1))));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return;
    SSL_CTX_set_cipher_list(context_.get(), "ALL:@SECLEVEL=0");
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context_.get(), asked.version_max);
    SSL_CTX_set_alpn_protos(context_.get(),
                            reinterpret_cast<const unsigned char*>(asked.protocols.data()),
                            static_cast<unsigned>(asked.protocols.size()));
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), socket_);
    if (asked.resume != nullptr) SSL_set_session(ssl_.get(), asked.resume);
    connected_ = SSL_connect(ssl_.get()) == 1;
    ERR_clear_error();
  }
  ~TlsClient() { ::close(socket_); }
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  bool connected() const { return connected_; }
  bool resumed() const { return SSL_session_reused(ssl_.get()) == 1; }
  Session session() const { return Session{SSL_get1_session(ssl_.get())}; }
  int version() const { return SSL_version(ssl_.get()); }
  std::string protocol() const {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_.get(), &name, &size);
    return {reinterpret_cast<const char*>(name), size};
  }
  /// Name in the certificate that was shown.
  std::string server_name() const {
    const std::unique_ptr<X509, Call<X509_free>> shown{SSL_get1_peer_certificate(ssl_.get())};
    char name[100] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(shown.get()), NID_commonName, name,
                              sizeof name);
    return name;
  }
  void send(const std::string& bytes) {
    SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
  }
  /// So many bytes; fewer at the end or the deadline.
  std::string take(std::size_t size) {
    while (buffer_.size() < size) {
      char bytes[16384];
      const int got = SSL_read(ssl_.get(), bytes, sizeof bytes);
      if (got <= 0) {
        clean_end_ = SSL_get_error(ssl_.get(), got) == SSL_ERROR_ZERO_RETURN;
        ERR_clear_error();
        break;
      }
      buffer_.append(bytes, static_cast<std::size_t>(got));
    }
    std::string out = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return out;
  }
  std::string take_through(std::string_view mark) {
    std::string out;
    while (!out.ends_with(mark)) {
      const std::string byte = take(1);
      if (byte.empty()) break;
      out += byte;
    }
    return out;
  }
  bool upgrade() {
    send(
        "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    return take_through("\r\n\r\n").starts_with("HTTP/1.1 101");
  }
  std::string echo(const std::string& text) {
    send(testing_support::RawClient::frame(1, text));
    return take(text.size() + (text.size() < 126 ? 2 : text.size() < 65536 ? 4 : 10));
  }
  bool clean_end() const { return clean_end_; }

 private:
  int socket_;
  std::unique_ptr<SSL_CTX, Call<SSL_CTX_free>> context_;
  std::unique_ptr<SSL, Call<SSL_free>> ssl_;
  std::string buffer_;
  bool connected_ = false, clean_end_ = false;
};

class TlsTest : public ServerTest {
 protected:
  TlsTest() {
    make_certificate(folder, "first");
    options.listen = {Listener{.address = "127.0.0.1:0",
                               .certificate_file = folder.path("certificate.pem"),
                               .key_file = folder.path("key.pem")}};
  }
  testing_support::TempFolder folder;
};

const std::string kGet = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

TEST_F(TlsTest, SpeaksHttpBy12And13) {
  start();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsClient client{address, {.version_max = version}};
    ASSERT_TRUE(client.connected());
    EXPECT_EQ(client.version(), version);
    EXPECT_EQ(client.protocol(), "http/1.1");
    for (int i = 0; i < 3; ++i) {
      client.send(kGet);
      EXPECT_TRUE(client.take_through("\r\n\r\n").starts_with("HTTP/1.1 200"));
      EXPECT_EQ(client.take(7), "GET /a?");
      client.take_through("|");
    }
  }
}

TEST_F(TlsTest, OlderVersionsAndOtherProtocolsAreRefused) {
  start();
  EXPECT_FALSE((TlsClient{address, {.version_max = TLS1_1_VERSION}}.connected()));
  EXPECT_FALSE((TlsClient{address, {.protocols = "\x02h2"}}.connected()));
  EXPECT_TRUE((TlsClient{address, {.protocols = "\x02h2\x08http/1.1"}}.connected()));
  EXPECT_TRUE((TlsClient{address, {.protocols = ""}}.connected()));
  RawClient plain{address};
  plain.send(kGet);
  plain.read_more();                            // an alert, or a reset
  EXPECT_TRUE(TlsClient{address}.connected());  // the thread that refused has gone on
  EXPECT_EQ(handler.log.last(), "");
  EXPECT_EQ(registry.value("hookswitch_tls_handshake_failures_total"), 3);
}

TEST_F(TlsTest, HandshakeHasATimeLimit) {
  options.header_time = std::chrono::seconds{1};  // enough for one that is not silent
  start();
  RawClient silent{address};
  EXPECT_TRUE(silent.at_end());
  EXPECT_TRUE(TlsClient{address}.connected());  // the thread that closed has gone on
  EXPECT_EQ(registry.value("hookswitch_tls_handshake_failures_total"), 1);
}

TEST_F(TlsTest, SessionIsResumed) {
  start();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsClient first{address, {.version_max = version}};
    first.send(kGet);
    first.take_through("|");  // by then the ticket has come
    const Session session = first.session();
    EXPECT_FALSE(first.resumed());
    TlsClient second{address, {.version_max = version, .resume = session.get()}};
    second.send(kGet);
    EXPECT_TRUE(second.take_through("\r\n").starts_with("HTTP/1.1 200"));
    EXPECT_TRUE(second.resumed()) << version;
  }
}

TEST_F(TlsTest, WebSocketEchoesTextsOfManyRecords) {
  start();
  TlsClient client{address};
  ASSERT_TRUE(client.upgrade());
  for (const std::size_t size : {0U, 1U, 125U, 126U, 16383U, 16384U, 16385U, 65535U, 65536U}) {
    const std::string text(size, 'x');
    EXPECT_TRUE(client.echo(text).ends_with(text)) << size;
  }
}

TEST_F(TlsTest, FloodComesWholeAndInOrder) {
  options.client_queue_bytes_max = 64 * 1024 * 1024;
  start();
  TlsClient client{address, {.receive_bytes = 4096}};
  ASSERT_TRUE(client.upgrade());
  client.send(RawClient::frame(1, "flood 300 20000") + RawClient::frame(1, "the end"));
  const std::string frame = std::string{make_frame(std::string(20'000, 'f'))->wire()[0]};
  for (int i = 0; i < 300; ++i) ASSERT_EQ(client.take(frame.size()), frame) << i;
  EXPECT_EQ(client.take(2 + 7), "\x81\x07the end");
}

TEST_F(TlsTest, SlowReaderWhoReadsAtLastIsToldWhy) {
  options.client_queue_bytes_max = 100'000;
  start();
  TlsClient client{address, {.receive_bytes = 4096}};
  ASSERT_TRUE(client.upgrade());
  client.send(RawClient::frame(1, "flood 3000 10000"));
  const std::string frame = std::string{make_frame(std::string(10'000, 'f'))->wire()[0]};
  for (;;) {
    const std::string head = client.take(2);
    ASSERT_EQ(head.size(), 2U) << "it ended without a word";
    if (head[0] == '\x88') {
      EXPECT_EQ(client.take(2), "\x0f\xa8");  // 4008
      EXPECT_EQ(client.take(11), "slow_client");
      break;
    }
    ASSERT_EQ(head + client.take(frame.size() - 2), frame);
  }
}

TEST_F(TlsTest, EndIsSaidInTlsToo) {
  start();
  TlsClient client{address};
  ASSERT_TRUE(client.upgrade());
  client.send(RawClient::frame(8, "\x03\xe8"));
  EXPECT_EQ(client.take(4), "\x88\x02\x03\xe8");
  EXPECT_EQ(client.take(1), "");
  EXPECT_TRUE(client.clean_end());
}

TEST_F(TlsTest, NewCertificateIsShownAndNobodyIsDropped) {
  start();
  TlsClient old{address};
  ASSERT_TRUE(old.upgrade());
  EXPECT_EQ(old.server_name(), "first");
  make_certificate(folder, "second");
  EXPECT_EQ(TlsClient{address}.server_name(), "first") << "nobody has asked yet";
  ASSERT_TRUE(server->reload_certificates());
  EXPECT_EQ(TlsClient{address}.server_name(), "second");
  EXPECT_TRUE(old.echo("still here").ends_with("still here"));
}

TEST_F(TlsTest, BrokenCertificateChangesNothing) {
  options.listen.push_back({"127.0.0.1:0"});
  options.listen.push_back(options.listen.front());
  const std::string other = folder.write("other.pem", "");
  make_certificate(folder, "first");
  const std::string good = testing_support::read_file(folder.path("certificate.pem"));
  folder.write("other.pem", good);
  options.listen[2].certificate_file = other;
  start();
  make_certificate(folder, "second");  // good for the first listener, but not the key of the other
  const auto reloaded = server->reload_certificates();
  ASSERT_FALSE(reloaded);
  EXPECT_EQ(reloaded.error().code, Errc::bad_request);
  EXPECT_NE(reloaded.error().detail.find("key.pem"), std::string::npos) << reloaded.error().detail;
  for (const int i : {0, 2})
    EXPECT_EQ(TlsClient{server->bound()[static_cast<std::size_t>(i)]}.server_name(), "first");
  EXPECT_EQ(RawClient{server->bound()[1]}.request(kGet).status, 200U);
}

TEST_F(TlsTest, ServerDoesNotStartWithoutAGoodCertificate) {
  for (const char* text : {"", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}) {
    options.listen[0].certificate_file = folder.write("bad.pem", text);
    Server other{options, handler, registry};
    const auto started = other.start();
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().detail.find("bad.pem"), std::string::npos) << started.error().detail;
  }
  options.listen[0].key_file = "";
  Server other{options, handler, registry};
  EXPECT_FALSE(other.start());
}

}  // namespace
}  // namespace hookswitch::http
