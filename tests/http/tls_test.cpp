#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "server.hpp"

namespace weir::http {
namespace {

using testing::get;
using testing::ok;
using testing::Peer;
using testing::Server;
namespace asio = boost::asio;

/// A certificate signed by itself, for one name, and the file that makes it trusted.
class Certificate {
 public:
  Certificate(const char* alternative_name, long seconds_valid) {
    key_ = EVP_EC_gen("P-256");
    certificate_ = X509_new();
    X509_set_version(certificate_, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate_), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate_), -86'400);
    X509_gmtime_adj(X509_getm_notAfter(certificate_), seconds_valid);
    X509_set_pubkey(certificate_, key_);
    auto* name = X509_get_subject_name(certificate_);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("weir test"), -1, -1,
                               0);
    X509_set_issuer_name(certificate_, name);
    for (const auto& [kind, value] :
         {std::pair{NID_subject_alt_name, alternative_name}, {NID_basic_constraints, "critical,CA:TRUE"}}) {
      auto* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value);
      X509_add_ext(certificate_, extension, -1);
      X509_EXTENSION_free(extension);
    }
    X509_sign(certificate_, key_, EVP_sha256());
    const auto file = std::filesystem::temp_directory_path() / ("weir-ca-" + std::to_string(::getpid()) + ".pem");
    path_ = file.string();
    auto* out = std::fopen(path_.c_str(), "w");
    PEM_write_X509(out, certificate_);
    std::fclose(out);
    SSL_CTX_use_certificate(context_.native_handle(), certificate_);
    SSL_CTX_use_PrivateKey(context_.native_handle(), key_);
  }
  ~Certificate() {
    std::filesystem::remove(path_);
    X509_free(certificate_);
    EVP_PKEY_free(key_);
  }
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;

  const std::string& path() const { return path_; }
  asio::ssl::context& context() { return context_; }
  Server::Script serve() {
    return [this](Peer& peer, int) -> asio::awaitable<void> {
      const bool secured = co_await peer.secure(context_);
      while (secured) {
        const auto request = co_await peer.request();
        if (request.empty()) {
          co_return;
        }
        (void)co_await peer.send(ok("in private"));
      }
    };
  }

 private:
  asio::ssl::context context_{asio::ssl::context::tls_server};
  EVP_PKEY* key_ = nullptr;
  X509* certificate_ = nullptr;
  std::string path_;
};

constexpr long day = 86'400;

std::string verdict(Certificate& certificate, bool trusted, bool verify = true) {
  Server server(certificate.serve());
  Client::Options options;
  options.verify_tls = verify;
  if (trusted) {
    options.ca_bundle = certificate.path();
  }
  Client client(options);
  const auto reply = get(client, "https://" + server.place() + "/?secret");
  if (reply) {
    return std::string(reply->body.bytes());
  }
  EXPECT_NE(reply.error().message.find(server.place()), std::string::npos);
  EXPECT_EQ(reply.error().message.find("secret"), std::string::npos);
  return std::string(to_string(reply.error().next)) + " " + reply.error().code;
}

TEST(Tls, SpeaksToATrustedHost) {
  Certificate certificate("IP:127.0.0.1", day);
  EXPECT_EQ(verdict(certificate, true), "in private");
}

// Credentials' signatures and data go over this connection: whoever cannot prove the name gets neither.
// Trying again would not help, so it is `refused`.
TEST(Tls, RefusesAnotherHostsCertificate) {
  Certificate certificate("DNS:kinesis.example.com", day);
  EXPECT_EQ(verdict(certificate, true), "refused TlsVerification");
}

TEST(Tls, RefusesACertificateNobodyVouchesFor) {
  Certificate certificate("IP:127.0.0.1", day);
  EXPECT_EQ(verdict(certificate, false), "refused TlsVerification");
}

TEST(Tls, RefusesAnExpiredCertificate) {
  Certificate certificate("IP:127.0.0.1", -day / 2);
  EXPECT_EQ(verdict(certificate, true), "refused TlsVerification");
}

TEST(Tls, TrustsAnybodyOnlyWhenToldTo) {
  Certificate certificate("DNS:kinesis.example.com", day);
  EXPECT_EQ(verdict(certificate, false, false), "in private");
}

/// A configuration of OpenSSL that allows what the system's forbids, so that it is the client that refuses.
class LaxOpenSsl {
 public:
  LaxOpenSsl() {
    path_ = std::filesystem::temp_directory_path() / ("weir-openssl-" + std::to_string(::getpid()) + ".cnf");
    std::ofstream(path_) << "openssl_conf = conf\n[conf]\nssl_conf = ssl\n[ssl]\nsystem_default = lax\n"
                            "[lax]\nMinProtocol = TLSv1\nCipherString = DEFAULT:@SECLEVEL=0\n";
    ::setenv("OPENSSL_CONF", path_.c_str(), 1);
  }
  ~LaxOpenSsl() {
    ::unsetenv("OPENSSL_CONF");
    std::filesystem::remove(path_);
  }
  LaxOpenSsl(const LaxOpenSsl&) = delete;
  LaxOpenSsl& operator=(const LaxOpenSsl&) = delete;

 private:
  std::filesystem::path path_;
};

// TLS before 1.2 can be broken by who listens. In a process of its own, since OpenSSL reads its configuration
// once.
TEST(Tls, RefusesVersionsBefore12) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const LaxOpenSsl lax;
  const auto outcome_with = [](int version) {
    Certificate certificate("IP:127.0.0.1", day);
    SSL_CTX_set_max_proto_version(certificate.context().native_handle(), version);
    std::fputs(verdict(certificate, true).c_str(), stderr);
    std::_Exit(0);
  };
  EXPECT_EXIT(outcome_with(TLS1_1_VERSION), ::testing::ExitedWithCode(0), "retry TlsHandshake");
  EXPECT_EXIT(outcome_with(TLS1_2_VERSION), ::testing::ExitedWithCode(0), "in private");
}

// A wrong path is a person's mistake, and the bundle is what it concerns.
TEST(Tls, NamesAnUnreadableBundle) {
  Certificate certificate("IP:127.0.0.1", day);
  Server server(certificate.serve());
  Client::Options options;
  options.ca_bundle = "/nonexistent/bundle.pem";
  Client client(options);
  const auto reply = get(client, "https://" + server.place() + "/");
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, "TlsVerification");
  EXPECT_NE(reply.error().message.find("CA bundle"), std::string::npos);
}

// https against a plain endpoint, as with a local one: said as such.
TEST(Tls, SaysWhenTheOtherSideSpeaksNone) {
  Server server(
      [](Peer& peer, int) -> asio::awaitable<void> { (void)co_await peer.send("HTTP/1.1 400 Bad Request\r\n\r\n"); });
  Client client;
  const auto reply = get(client, "https://" + server.place() + "/");
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, "TlsHandshake");
}

}  // namespace
}  // namespace weir::http
