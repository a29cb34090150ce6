#include "base/secret.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <sstream>
#include <type_traits>

#include "support/temp_folder.hpp"

namespace hookswitch {
namespace {

using testing_support::TempFolder;

template <class T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};

TEST(Secret, CannotBePrinted) {
  static_assert(!Printable<Secret>);
  static_assert(!fmt::is_formattable<Secret>::value);
  static_assert(!std::is_convertible_v<Secret, std::string> &&
                !std::is_convertible_v<Secret, std::string_view>);
  EXPECT_TRUE(Secret{}.empty());
  EXPECT_EQ(Secret{"x"}.reveal(), "x");
}

TEST(SecretFile, IsReadWithoutOneTrailingLineEnd) {
  const TempFolder folder;
  EXPECT_EQ(read_secret_file(folder.write("a", "secret\n"))->reveal(), "secret");
  EXPECT_EQ(read_secret_file(folder.write("b", "secret\r\n"))->reveal(), "secret");
  EXPECT_EQ(read_secret_file(folder.write("c", "secret"))->reveal(), "secret");
  EXPECT_EQ(read_secret_file(folder.write("d", "secret\n\n"))->reveal(), "secret\n");
  EXPECT_EQ(read_secret_file(folder.write("e", std::string_view{"a\0b", 3}))->reveal(),
            (std::string_view{"a\0b", 3}));
}

TEST(SecretFile, ThatOthersMayUseIsRefusedWithTheRemedy) {
  const TempFolder folder;
  for (const mode_t mode : {0604U, 0602U, 0601U, 0644U, 0666U, 0777U}) {
    const std::string path = folder.write("s", "secret", mode);
    const auto read = read_secret_file(path);
    ASSERT_FALSE(read) << mode;
    EXPECT_EQ(read.error().code, Errc::bad_request);
    EXPECT_NE(read.error().detail.find("chmod"), std::string::npos) << read.error().detail;
    EXPECT_EQ(read.error().detail.find("secret\n"), std::string::npos);
  }
  for (const mode_t mode : {0600U, 0400U, 0640U, 0440U})
    EXPECT_TRUE(read_secret_file(folder.write("s", "secret", mode))) << mode;
}

TEST(SecretFile, SizeIsBoundedAndEmptyIsRefused) {
  const TempFolder folder;
  EXPECT_TRUE(read_secret_file(folder.write("a", std::string(4096, 'x'))));
  EXPECT_FALSE(read_secret_file(folder.write("b", std::string(4097, 'x'))));
  EXPECT_FALSE(read_secret_file(folder.write("c", "")));
  EXPECT_FALSE(read_secret_file(folder.write("d", "\n")));
  EXPECT_FALSE(read_secret_file(folder.path("none")));
}

TEST(SecretFile, ThatIsAFolderIsRefusedNotThrown) {
  const TempFolder folder;
  EXPECT_NO_THROW({
    const auto read = read_secret_file(folder.path());
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, Errc::bad_request);
  });
}

TEST(SecretFile, RefusalNeverHoldsTheSecret) {
  const TempFolder folder;
  for (const std::string& path : {folder.write("a", "tops3cret", 0644),
                                  folder.write("b", "tops3cret" + std::string(5000, 'x'))}) {
    const auto read = read_secret_file(path);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().detail.find("tops3cret"), std::string::npos);
  }
}

}  // namespace
}  // namespace hookswitch
