#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The stream of Asterisk's manager interface (AMI): a banner line, then blocks of `Key: value`
/// lines, each ended by an empty line. Lines end in CR LF, in old versions here and there in LF.
namespace hookswitch::feed {

/// One message of the stream: an event, or the response to an action.
struct AmiBlock {
  std::vector<std::pair<std::string, std::string>> fields;  ///< names in lower case, as they came

  /// First value of a name (in lower case); empty when there is none.
  std::string_view operator[](std::string_view name) const;
  bool is_event() const { return !fields.empty() && fields.front().first == "event"; }
  bool is_response() const { return !fields.empty() && fields.front().first == "response"; }
};

/// Bytes in, in pieces of any size; blocks out. Never fails: a block with a line, a number of
/// fields or a size above the limits is skipped and counted, a line without colon passed over. Text
/// that is no UTF-8 is taken for Latin-1, so that every value is UTF-8. Pure; holds memory only for
/// a block that has come in part, at most kBlockBytesMax.
class AmiReader {
 public:
  static constexpr std::size_t kLineBytesMax = 16 * 1024;  ///< a variable with a long value
  static constexpr std::size_t kFieldsMax = 512;           ///< an event has some 40
  static constexpr std::size_t kBlockBytesMax = 64 * 1024;
  static constexpr std::size_t kBannerBytesMax = 256;

  /// Takes from the front of `input`, up to the end of one block. nullopt: all is taken.
  std::optional<AmiBlock> next(std::string_view& input);
  /// The first line; nullopt until it has come. Cut at kBannerBytesMax.
  const std::optional<std::string>& banner() const { return banner_; }
  /// Blocks that were skipped.
  std::size_t skipped() const { return skipped_; }

 private:
  void end_line();
  std::optional<AmiBlock> end_block();

  std::optional<std::string> banner_;
  std::string line_;
  AmiBlock block_;
  std::size_t block_bytes_ = 0, skipped_ = 0;
  bool line_too_long_ = false, spoilt_ = false, began_ = false;
};

/// The block as an object: a name that came several times has a list, `<unknown>` is empty text.
std::string to_json(const AmiBlock& block);

}  // namespace hookswitch::feed
